"""Is `check` robust: real processes over made-up files that nobody would want to read.

    python benchmarks/fuzz_check.py [--files 10000] [--seed 1] [--batch 250] [--seconds 120] [--json]

The files are `tests/gates/damage.py`'s, by seed. Of each batch must hold: it ends within its seconds, with exit code 0 or 1,
nothing on stderr, findings that are JSON; every file that Python can't parse has a finding that says so, with a line that the
file has; nothing in the folder was written. A batch that fails is taken apart until the file is known that did it.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.gates.damage import sources  # noqa: E402
from trainergen.gates.files import decode  # noqa: E402


def state(folder: Path) -> list[tuple[str, int, int]]:
    """What stands in a folder, and when it was last written."""
    return sorted((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*"))


def trouble(folder: Path, names: list[str], seconds: float) -> tuple[str, list[dict[str, object]]]:
    """What is wrong with a check of these files ("" for nothing), and the findings."""
    before = state(folder)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder.parent / "cache")}
    command = [sys.executable, "-m", "trainergen", "check", "--no-cache", "--output-format", "json", *names]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"no end after {seconds:g} s", []
    if done.returncode not in (0, 1):
        return f"exit {done.returncode}: {(done.stderr or done.stdout)[-2000:].decode(errors='replace')}", []
    if done.stderr:
        return f"on stderr: {done.stderr[-2000:].decode(errors='replace')}", []
    if state(folder) != before:
        return "something was written", []
    try:
        found: list[dict[str, object]] = json.loads(done.stdout)["findings"]
    except ValueError as problem:
        return f"no JSON: {problem}", []
    return "", found


def parses(data: bytes) -> bool:
    """Whether Python reads a source."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(decode(data))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def culprits(folder: Path, names: list[str], seconds: float) -> list[str]:
    """The files for which a check fails, each with how."""
    said = trouble(folder, names, seconds)[0]
    if not said:
        return []
    if len(names) == 1:
        return [f"{names[0]}: {said}"]
    half = len(names) // 2
    return culprits(folder, names[:half], seconds) + culprits(folder, names[half:], seconds)


def batch_of(
    folder: Path, files: list[tuple[str, str, bytes]], first: int, seconds: float
) -> tuple[list[str], Counter[str]]:
    """Check one batch: what went wrong, and counts of what was met."""
    named = {f"{kind}_{first + number}{ending}": data for number, (kind, ending, data) in enumerate(files)}
    for name, data in named.items():
        (folder / name).write_bytes(data)
    said, found = trouble(folder, list(named), seconds)
    if said:
        return culprits(folder, list(named), seconds) or [f"only together: {said}"], Counter()
    wrong = []
    unreadable = {str(each["file"]) for each in found if each["code"] == "TG000"}
    for name, data in named.items():
        if name.endswith(".py") and not parses(data) and name not in unreadable:
            wrong.append(f"{name}: Python can't parse it, and no finding says so")
    for each in (each for each in found if "cell" not in each):  # of a notebook the line is the cell's
        lines = named[str(each["file"])].replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") + 1
        place = each["line"], each["column"], each["end_column"]
        if not (isinstance(place[0], int) and 1 <= place[0] <= lines + 1 and place[1] < place[2]):  # type: ignore[operator]
            wrong.append(f"{each['file']}: {each['code']} at {place}, of {lines} lines")
    counts = Counter(f"files, {name.partition('_')[0]}" for name in named)
    counts["files that can't be read"] = len(unreadable)
    counts["findings beside those"] = sum(each["code"] != "TG000" for each in found)
    return wrong, counts


def main() -> int:
    """Fuzz and print; 1 where anything went wrong."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--files", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--batch", type=int, default=250)
    options.add_argument("--seconds", type=float, default=120)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    wrong: list[str] = []
    counts: Counter[str] = Counter()
    waiting: list[tuple[str, str, bytes]] = []
    drawn = sources(given.files, given.seed)
    for first in range(0, given.files, given.batch):
        waiting = [each for _, each in zip(range(min(given.batch, given.files - first)), drawn, strict=False)]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "project"
            folder.mkdir()
            (folder / "setup.py").write_text("")
            bad, met = batch_of(folder, waiting, first, given.seconds)
        wrong += bad
        counts += met
        if sys.stderr.isatty():
            print(f"\r  {first + len(waiting)}/{given.files} ...", end="", file=sys.stderr, flush=True)
    result = {"seed": given.seed, **dict(sorted(counts.items())), "gone wrong": wrong}
    print(json.dumps(result, indent=2) if given.json else "\n".join(f"{key}: {value}" for key, value in result.items()))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
