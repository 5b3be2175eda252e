"""How many model classes get a proven trainer, and how many a right one: ``trainergen new`` on sets of real classes.

    python benchmarks/zoo.py --python ENV/bin/python --mode name --results results.jsonl
    python benchmarks/zoo.py --python ENV/bin/python --set own --mode arguments --results results.jsonl --json

Every class is tried in a fresh project, as a user would: the command is a process of its own, and nothing is told but
``--model`` and, in the mode ``arguments``, the constructor's arguments. Sets, modes and figures: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import zoo_tables
from zoo_judge import judge
from zoo_rows import SETS, Row, rows
from zoo_trial import Setting, tried, used_home

MODES = ("arguments", "name")


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", dest="set_name", choices=sorted(SETS), default="zoo", help="which classes (zoo)")
    parser.add_argument("--half", choices=("open", "closed", "both"), default="open", help="of the zoo (open)")
    parser.add_argument("--mode", choices=(*MODES, "both"), default="both", help="what is told (both, one by one)")
    parser.add_argument("--python", metavar="PATH", help="interpreter that has the classes' packages and torch")
    parser.add_argument(
        "--trainergen",
        metavar="PATH",
        default=str(Path(sys.executable).parent / "trainergen"),
        help="the command (the one beside this interpreter)",
    )
    parser.add_argument("--jobs", type=int, default=2, help="tries at a time (2)")
    parser.add_argument("--limit-seconds", type=float, default=120.0, help="of one try (120)")
    parser.add_argument("--only", metavar="ID", action="append", default=[], help="this row; repeatable")
    parser.add_argument("--results", type=Path, metavar="FILE.jsonl", help="appended to; tries in it are not repeated")
    parser.add_argument("--extra", metavar="WORDS", default="", help="further options of `new`, as one text")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def main() -> int:
    """Run what is not yet in the results, then print the figures of all that was asked for; exit 2 where that is nothing."""
    said = options()
    modes = MODES if said.mode == "both" else (said.mode,)
    wanted = [(row, mode) for mode in modes for row in rows(said.set_name, said.half, tuple(said.only))]
    if not wanted:
        print("no such row", file=sys.stderr)
        return 2
    done = finished(said.results)
    open_tries = [(row, mode) for row, mode in wanted if key(row, mode) not in done]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=said.jobs) as pool:
        home = used_home(Path(folder), said.python)
        extra = tuple(shlex.split(said.extra))
        setting = Setting(said.trainergen, home, said.python, said.limit_seconds, extra)
        running = {pool.submit(tried, row, mode, setting): (row, mode) for row, mode in open_tries}
        for number, future in enumerate(as_completed(running), start=1):
            row, mode = running[future]
            line = future.result()
            done[key(row, mode)] = line
            if said.results is not None:
                with said.results.open("a", encoding="utf-8") as results:
                    results.write(json.dumps(line) + "\n")
            worth = judge(row, line["exit"], line["answer"])
            told = worth["cause"] or worth["family"]
            print(f"{number}/{len(open_tries)} {mode} {row.name}: {told}", file=sys.stderr, flush=True)
    found = [(row, done[key(row, mode)]) for row, mode in wanted]
    lines = [line | judge(row, line["exit"], line["answer"]) for row, line in found]
    figures = zoo_tables.report(lines)
    print(json.dumps(figures, indent=1) if said.json else zoo_tables.text(figures))
    return 0


def key(row: Row, mode: str) -> tuple[str, str, str]:
    """What a try is known by."""
    return row.set_name, row.name, mode


def finished(results: Path | None) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The tries that the file holds; a last line that was cut off is left out."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    if results is None or not results.is_file():
        return found
    for text in results.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        found[(line["set"], line["id"], line["mode"])] = line
    return found


if __name__ == "__main__":
    sys.exit(main())
