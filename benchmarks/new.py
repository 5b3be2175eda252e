"""`trainergen new` against the script that a user would write instead: whole processes, in turn, as ratios.

    python benchmarks/new.py [--runs 9] [--json]

Contestants, on the same model and batch (the digits classifier of `examples/`, batch of 64):

* ``new``: `trainergen new` in a fresh folder: read, measured, planned, rendered, formatted, proved, committed.
* ``script``: import torch, build the model, two AdamW steps. What a user would write.
* ``tricks``: the same script with the lab's own tricks (no cyclic GC while importing, `torch._dynamo` not imported,
  one thread, `os._exit`).
* ``large``: `trainergen new` in a project of 2,000 files.
* ``help`` and ``click``: `trainergen --help` and ``python -c "import click"``, in CPU seconds.

Wall seconds are medians; a ratio is the median of the ratios within each round, so drift of the machine cancels.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODEL = '''"""A small image classifier."""

import torch
from torch import nn


class DigitsNet(nn.Module):
    """Classify 8x8 images of digits."""

    def __init__(self, hidden: int = 64, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(16 * 64, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(image))
'''
BATCH = "image: float32[64,1,8,8]; label: int64[64] < 10"

SCRIPT = """
import torch
from model import DigitsNet

torch.manual_seed(0)
model = DigitsNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
image, label = torch.rand(64, 1, 8, 8), torch.randint(0, 10, (64,))
for _ in range(2):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(image), label)
    loss.backward()
    optimizer.step()
print(loss.item())
"""

TRICKS = """
import gc, os, sys, types
gc.disable()
import torch
stand_in = types.ModuleType("torch._dynamo")
stand_in.disable = lambda function=None, *a, **k: function if function is not None else (lambda f: f)
stand_in.graph_break = lambda *a, **k: None
sys.modules["torch._dynamo"] = stand_in
torch._dynamo = stand_in
torch.set_num_threads(1)
{script}
sys.stdout.flush()
os._exit(0)
"""


def run(command: list[str], cwd: Path) -> tuple[float, float]:
    """Wall and CPU seconds of a whole process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stdout}")
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def write_project(folder: Path, files: int = 0) -> Path:
    """A fresh folder with the model, and as many further modules as asked for."""
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    for number in range(files):
        package = folder / f"package_{number // 50:03d}"
        package.mkdir(exist_ok=True)
        (package / f"module_{number:04d}.py").write_text(f"VALUE = {number}\n" * 500, encoding="utf-8")
    return folder


def main() -> None:
    """Run all contestants in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    scratch = Path(tempfile.mkdtemp(prefix="trainergen-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    python = sys.executable
    new = [python, "-m", "trainergen", "new", "--model", "model.py:DigitsNet", "--batch", BATCH, "--yes", "--quiet"]
    plain = write_project(scratch / "plain")
    (plain / "script.py").write_text(SCRIPT, encoding="utf-8")
    (plain / "tricks.py").write_text(TRICKS.format(script=SCRIPT), encoding="utf-8")
    times: dict[str, list[tuple[float, float]]] = {}
    try:
        for number in range(options.runs + 1):
            small = write_project(scratch / f"small{number}")
            large = write_project(scratch / f"large{number}", files=2000)
            round_times = {
                "new": run(new, small),
                "script": run([python, "script.py"], plain),
                "tricks": run([python, "tricks.py"], plain),
                "large": run(new, large),
                "help": run([python, "-m", "trainergen", "--help"], plain),
                "click": run([python, "-c", "import click"], plain),
            }
            shutil.rmtree(small)
            shutil.rmtree(large)
            if number:  # the first round warms the caches
                for name, measured in round_times.items():
                    times.setdefault(name, []).append(measured)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)

    def ratio(above: str, below: str, which: int) -> float:
        return statistics.median(a[which] / b[which] for a, b in zip(times[above], times[below], strict=True))

    figures = {
        "runs": options.runs,
        "wall_seconds": {name: round(statistics.median(wall for wall, _ in each), 3) for name, each in times.items()},
        "cpu_seconds": {name: round(statistics.median(cpu for _, cpu in each), 3) for name, each in times.items()},
        "ratios": {
            "new / script (wall, demanded 0.6)": round(ratio("new", "script", 0), 3),
            "new / tricks (wall, demanded 1.25)": round(ratio("new", "tricks", 0), 3),
            "large / new (wall, demanded 1.1)": round(ratio("large", "new", 0), 3),
            "help / click (cpu, demanded 2)": round(ratio("help", "click", 1), 3),
        },
    }
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, seconds in figures["wall_seconds"].items():  # type: ignore[attr-defined]
        print(f"{name:<8} {seconds:7.3f} s wall  {figures['cpu_seconds'][name]:7.3f} s cpu")  # type: ignore[index]
    for name, value in figures["ratios"].items():  # type: ignore[attr-defined]
        print(f"{name:<38} {value:.2f}")


if __name__ == "__main__":
    main()
