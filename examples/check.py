"""Generate, train and check the examples, each in a copy: ``python check.py [FOLDER ...]``.

Exit code 1 if one misses its baseline.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def examples() -> list[str]:
    """The folders that say what they expect."""
    return sorted(path.parent.name for path in HERE.glob("*/expect.json"))


def expectation(example: str) -> dict[str, Any]:
    """An example's expect.json.

    ``arguments`` of ``trainergen new``; ``trainer``, ``section`` and ``settings`` of the training run; ``metric`` (a
    dotted path into a history record), ``direction`` (max or min) and ``baseline``.
    """
    found: dict[str, Any] = json.loads((HERE / example / "expect.json").read_text(encoding="utf-8"))
    return found


def train(example: str, folder: Path) -> float:
    """The metric in the last epoch of the example's trainer, generated and trained in `folder` (which must not exist).

    Raises:
        subprocess.CalledProcessError: generating or training failed.
    """
    expected = expectation(example)
    shutil.copytree(HERE / example, folder, ignore=shutil.ignore_patterns("__pycache__"))
    generate = [sys.executable, "-m", "trainergen", "new", "--project", ".", "--yes", *expected["arguments"]]
    subprocess.run(generate, cwd=folder, check=True)
    settings = [f"{expected['section']}.{key}={value}" for key, value in expected["settings"].items()]
    subprocess.run([sys.executable, "train.py", expected["trainer"], *settings], cwd=folder, check=True)
    (history,) = folder.glob("**/runs/*/history.jsonl")
    value: Any = json.loads(history.read_text(encoding="utf-8").splitlines()[-1])
    for key in expected["metric"].split("."):
        value = value[key]
    return float(value)


def beats(example: str, value: float) -> bool:
    """Whether `value` is better than the example's baseline."""
    expected = expectation(example)
    if expected["direction"] == "max":
        return bool(value > expected["baseline"])
    return bool(value < expected["baseline"])


def main(names: list[str]) -> int:
    """Check the named examples, or all of them."""
    missed = 0
    for example in names or examples():
        with tempfile.TemporaryDirectory() as scratch:
            value = train(example, Path(scratch) / example)
        expected = expectation(example)
        good = beats(example, value)
        missed += not good
        comparison = f"{expected['metric']} {value:.4f}, baseline {expected['baseline']} ({expected['baseline_is']})"
        print(f"{'beats ' if good else 'MISSES'}  {example:22s}{comparison}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
