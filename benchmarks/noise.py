"""How much `check` says of code that is known to be good: TG1nn over unpacked libraries, and a draw of findings to read.

    pip download --no-deps -d wheels accelerate pytorch-lightning torchtune trl pytorch-ignite timm transformers
    for wheel in wheels/*.whl; do unzip -q -o $wheel -d src; done
    python benchmarks/noise.py src [--draw 40] [--seed 40]

Every package folder of `src` is a row: lines, findings, findings per 1,000 lines. The libraries' own requirements of torch are
left out, so that the gates of every release run. The draw shows each finding with its surroundings.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from trainergen.gates.engine import check_source, load_gates  # noqa: E402
from trainergen.gates.facts import Facts  # noqa: E402

GATES = list(load_gates("TG1").values())
Told = tuple[str, str, int, str]


def look(job: tuple[str, str]) -> tuple[int, list[Told]]:
    """Lines of a file, and its findings as (path, code, line, message)."""
    folder, name = job
    text = (Path(folder) / name).read_text(encoding="utf-8", errors="replace")
    return text.count("\n"), [
        (name, each.code, each.line, each.message) for each in check_source(text, name, Facts(), GATES)
    ]


def show(folder: Path, told: Told) -> None:
    """Print a finding with the lines around it."""
    name, code, line, message = told
    print(f"\n{code} {name}:{line} {message}")
    lines = (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
    for number in range(max(1, line - 16), min(len(lines), line + 8) + 1):
        print(f"{'>' if number == line else ' '}{number:6d} {lines[number - 1][:140]}")


def main() -> None:
    """Count, and draw."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--draw", type=int, default=0)
    options.add_argument("--seed", type=int, default=40)
    given = options.parse_args()
    packages = sorted(path.name for path in given.folder.iterdir() if (path / "__init__.py").exists())
    jobs = [
        (str(given.folder), path.relative_to(given.folder).as_posix())
        for package in packages
        for path in sorted((given.folder / package).rglob("*.py"))
    ]
    lines: Counter[str] = Counter()
    findings: list[Told] = []
    with multiprocessing.Pool() as pool:
        for (_, name), (count, told) in zip(jobs, pool.imap(look, jobs, chunksize=16), strict=True):
            lines[name.partition("/")[0]] += count
            findings += told
    for package in packages:
        mine = [each for each in findings if each[0].startswith(f"{package}/")]
        codes = " ".join(f"{code} {count}" for code, count in sorted(Counter(each[1] for each in mine).items()))
        share = 1000 * len(mine) / max(1, lines[package])
        print(f"{package:<20}{lines[package]:>10} lines{len(mine):>5} findings{share:>7.2f} per 1,000   {codes}")
    if given.draw:
        drawn = random.Random(given.seed).sample(findings, min(given.draw, len(findings)))
        for told in sorted(drawn):
            show(given.folder, told)


if __name__ == "__main__":
    main()
