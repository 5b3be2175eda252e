"""What a training framework costs a step: time against the raw loop, Python calls, import time, packages.

    python benchmarks/overhead.py [--rounds 9] [--only raw,ours] [--tasks mlp] [--share 1.0] [--json]

Each framework has a process of its own, all wait for their turn; a round is one turn of each, and a ratio is the median
of the ratios to the raw loop of the same round, so drift of the machine cancels; beside it stands where that median lies
with 95 % (bootstrap over the rounds). One thread. Frameworks that are not
installed are named and left out. The weights after the work have to be the raw loop's, or it was another work.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import contenders  # noqa: E402

IMPORTS = {
    "raw": "torch",
    "ours": "trainergen.runtime",
    "ignite": "ignite.engine, ignite.handlers",
    "fabric": "lightning.fabric",
    "accelerate": "accelerate",
    "hf_trainer": "transformers.trainer",
    "lightning": "lightning.pytorch",
}
"""What a script with this framework imports."""


class Contender:
    """A process that does one framework's turns."""

    def __init__(self, name: str, errors: Path) -> None:
        self.name = name
        self._errors = errors / f"{name}.txt"
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        with self._errors.open("w") as said:
            self._process = subprocess.Popen(
                [sys.executable, __file__, "--turns-of", name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=environment,
            )

    def turn(self, **asked: Any) -> dict[str, float]:
        """Do a task once; its figures."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} failed at {asked}:\n{self._errors.read_text()[-2000:]}")
        figures: dict[str, float] = json.loads(line)
        return figures

    def end(self) -> None:
        """No more turns."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def turns_of(name: str) -> None:
    """The process of one contender: a task a line on stdin, its figures on stdout."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print is no answer
    import torch
    import works

    torch.set_num_threads(1)
    train = contenders.load(name).train
    for line in sys.stdin:
        asked = json.loads(line)
        task = works.TASKS[asked["task"]]
        torch.manual_seed(0)
        model = task.build()
        steps = max(2, round(task.steps * asked["share"]))
        watched = works.Watched(model, steps, count_calls=asked["count_calls"])
        batches = task.batches(steps + works.WARM_UP + 1)
        with tempfile.TemporaryDirectory() as folder:
            torch.manual_seed(1)
            train(contenders.Work(watched, batches, task.optimizer), Path(folder))
        total = sum(parameter.detach().double().abs().sum().item() for parameter in model.parameters())
        answers.write(json.dumps(watched.figures() | {"weights": total}) + "\n")
        answers.flush()


def measure(names: list[str], tasks: list[str], rounds: int, share: float) -> dict[str, Any]:
    """``task -> contender -> {"time", "cpu", "cpu between", "calls", "us"}``, time and CPU as ratios to the raw loop."""
    with tempfile.TemporaryDirectory() as errors:
        every = [Contender(name, Path(errors)) for name in names]
        found: dict[str, Any] = {}
        for task in tasks:
            rows: dict[str, list[dict[str, float]]] = {name: [] for name in names}
            for number in range(rounds + 1):
                at = number % len(every)  # another one begins each round
                for contender in [*every[at:], *every[:at]]:
                    figures = contender.turn(task=task, count_calls=False, share=share)
                    if number:  # the first round warms up
                        rows[contender.name].append(figures)
            calls = {each.name: each.turn(task=task, count_calls=True, share=share)["calls"] for each in every}
            found[task] = {
                name: {
                    "time": _ratio(rows, name, "wall"),
                    "cpu": _ratio(rows, name, "cpu"),
                    "cpu between": _interval(rows, name, "cpu"),
                    "us": round(min(each["wall"] for each in rows[name]), 1),
                    "calls": round(calls[name], 1),
                    "same work": abs(rows[name][0]["weights"] / rows["raw"][0]["weights"] - 1) < 1e-6,
                }
                for name in names
            }
            print(f"{task}: measured", file=sys.stderr, flush=True)
        for contender in every:
            contender.end()
    return found


def _ratios(rows: dict[str, list[dict[str, float]]], name: str, clock: str) -> list[float]:
    return [own[clock] / raw[clock] for own, raw in zip(rows[name], rows["raw"], strict=True)]


def _ratio(rows: dict[str, list[dict[str, float]]], name: str, clock: str) -> float:
    return round(statistics.median(_ratios(rows, name, clock)), 3)


def _interval(rows: dict[str, list[dict[str, float]]], name: str, clock: str) -> tuple[float, float]:
    """Where the median lies with 95 %, as drawing the rounds anew 2,000 times has it (Efron 1979)."""
    ratios, draw = _ratios(rows, name, clock), random.Random(0)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(2000))
    return round(medians[50], 3), round(medians[-51], 3)


def start_up(names: list[str], runs: int) -> dict[str, dict[str, float]]:
    """For each contender: CPU seconds that its import takes beyond torch's, and packages beyond torch's."""
    script = "import time, torch\nbegan = time.process_time()\nimport {}\nprint(time.process_time() - began)"  # torch is given
    found: dict[str, dict[str, float]] = {}
    root = Path(__file__).resolve().parents[1]
    environment = os.environ | {"PYTHONPATH": str(root)}
    for name in names:
        seconds = [
            float(
                subprocess.check_output(
                    [sys.executable, "-c", script.format(IMPORTS[name])], text=True, env=environment
                )
            )
            for _ in range(runs)
        ]
        found[name] = {"import": round(min(seconds), 2), "packages": len(_needs(name) - _closure(["torch"]))}
    return found


def _needs(name: str) -> set[str]:
    # of ours the runtime alone is taken, which needs torch and nothing else: `trainergen new --vendor` copies it
    return set() if name == "ours" else _closure(list(contenders.packages_of(name)))


def _closure(packages: list[str]) -> set[str]:
    """All installed distributions that `packages` need, themselves included; of extras those that are asked for."""
    found: set[str] = set()
    seen: set[str] = set()
    while packages:
        wanted = packages.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        name, _, extras = wanted.partition("[")
        with contextlib.suppress(metadata.PackageNotFoundError):
            for line in metadata.requires(name) or []:
                requirement, _, marker = line.partition(";")
                extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
                if extra is None or extra[1] in re.split(r"[,\]]", extras):
                    packages += re.findall(r"^[A-Za-z0-9._-]+(?:\[[^\]]+\])?", requirement.strip())
            found.add(re.sub(r"[-_.]+", "-", name).lower())
    return found


def circumstances() -> dict[str, Any]:
    """What the figures depend on, without naming the machine."""
    import torch

    versions = {
        package: metadata.version(package)
        for name in contenders.names()
        if contenders.is_installed(name)
        for package in contenders.packages_of(name)
        if package != "trainergen"
    }
    return {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        **versions,
        "cores": os.cpu_count(),
        "load": [round(each, 1) for each in os.getloadavg()],
        "date": time.strftime("%Y-%m-%d"),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="contenders, separated by commas; the raw loop is always there")
    parser.add_argument("--tasks", default="", help="what the names of the tasks begin with: mlp")
    parser.add_argument("--share", type=float, default=1.0, help="of the steps of each turn")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--turns-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turns_of:
        turns_of(options.turns_of)
        return
    import works

    wanted = [name for name in contenders.names() if not options.only or name in ("raw", *options.only.split(","))]
    names = [name for name in wanted if contenders.is_installed(name)]
    result: dict[str, Any] = {
        "circumstances": circumstances(),
        "left out": [name for name in wanted if name not in names],
    }
    tasks = [task for task in works.TASKS if task.startswith(options.tasks)]
    result["step"] = measure(names, tasks, options.rounds, options.share)
    result["start"] = start_up(names, 2)
    result["circumstances"]["load after"] = [round(each, 1) for each in os.getloadavg()]
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(", ".join(f"{name} {value}" for name, value in result["circumstances"].items()))
    if result["left out"]:
        print("not installed: " + ", ".join(result["left out"]))
    for task, rows in result["step"].items():
        print(f"\n{task}: x raw loop (CPU of its thread, between), calls a step (x raw)")
        for name, row in rows.items():
            more = "" if row["same work"] else "   NOT THE SAME WORK"
            times = row["calls"] / rows["raw"]["calls"]
            low, high = row["cpu between"]
            cpu = f"({row['cpu']:.2f}, {low:.2f} to {high:.2f})"
            print(f"  {name:<12} {row['time']:6.2f} {cpu}  {row['calls']:8.1f} ({times:.2f}){more}")
    print("\nimport beyond torch, CPU seconds; packages beyond torch")
    for name, row in result["start"].items():
        print(f"  {name:<12} {row['import']:6.2f}  {row['packages']:3d}")


if __name__ == "__main__":
    main()
