"""What `make demo` runs: a trainer for the digits classifier, generated, proven, trained on real data, and where its plots are.

Everything happens in ``build/demo``, which is made anew each time; the example itself is left as it is.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
FOLDER = EXAMPLES.parent / "build" / "demo"


def say(command: list[str]) -> None:
    """Run a command in the demo's folder as a user would type it; stop if it fails."""
    shown = ["trainergen" if word == "trainergen" else word for word in command]
    print(f"\n$ {' '.join(shown)}", flush=True)
    program = [sys.executable, "-m", *command] if command[0] == "trainergen" else [sys.executable, *command[1:]]
    done = subprocess.run(program, cwd=FOLDER, check=False)
    if done.returncode != 0:
        raise SystemExit(done.returncode)


def main() -> None:
    """Copy the example, generate, train, show."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    # The demo is a project of its own, not a part of trainergen's.
    for name in ("model.py", "data.py"):
        shutil.copy(EXAMPLES / "digits_classifier" / name, FOLDER / name)
    command = ["trainergen", "new", "--model", "model.py:DigitsNet", "--loader", "data:build_loader"]
    say([*command, "--project", ".", "--handover", "HANDOVER.md"])
    say(["python", "train.py", "--list"])
    say(["python", "train.py", "DigitsNet", "train_digits_net.num_epochs=5"])

    run = max(FOLDER.rglob("manifest.json"), key=lambda path: path.stat().st_mtime).parent
    print("\nfiles")
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and not {"__pycache__", "journal"} & set(path.parts):
            print(f"  {path.relative_to(FOLDER.parent.parent)}")
    print("\nhistory")
    for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines():
        print(f"  {line}")
    print("\nthe handover  ", (FOLDER / "HANDOVER.md").relative_to(FOLDER.parent.parent))
    for plot in sorted((run / "plots").glob("*")):
        print("a plot        ", plot.relative_to(FOLDER.parent.parent))


if __name__ == "__main__":
    main()
