"""Discovery and copying of a large project: how a project of 2,000 Python files trains, first and from the cache.

    python benchmarks/project.py [--files 2000] [--runs 5] [--json]

The project is made up afresh: packages of 40 modules of about 150 lines (models, data sets, losses, services, scripts),
every tenth with something that trains, a base trainer with 24 trainers below it, documentation, and folders that are no
part of it (an environment, an installed package, a build). Each figure is one process of its own:

* ``first``: `read_training` with an empty cache, `cached`: again, `touched`: after 10 files changed; CPU seconds (user
  and system) above those of a process that only imports it, and wall seconds of the call.
* ``memory``: peak resident MiB of the process, and of the one that only imports.
* ``copy``: the lab's copy of the tree, wall seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = """
import json, resource, sys, time
from pathlib import Path
sys.path.insert(0, {checkout!r})
from trainergen.inspection.training import read_training
def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
before, started = spent(), time.perf_counter()
facts = read_training(Path({root!r}), settings=None) if {works} else None
print(json.dumps({{"cpu": spent() - before, "wall": time.perf_counter() - started,
    "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "found": len(facts.chosen.siblings) if facts and facts.chosen else 0}}))
"""

COPY = """
import sys, time
from pathlib import Path
sys.path.insert(0, {checkout!r})
from trainergen.lab.tree import copy_tree
started = time.perf_counter()
copy_tree(Path({root!r}), Path({target!r}))
print(time.perf_counter() - started)
"""

METHOD = '''
    def {name}_{number}(self, rows: list[dict[str, float]], limit: int = {number}) -> dict[str, float]:
        """Sum up the rows by their keys, as many as `limit`."""
        found: dict[str, float] = {{}}
        for row in rows[:limit]:
            for key, value in row.items():
                if value is None:
                    continue
                found[key] = found.get(key, 0.0) + float(value) * {number}.5
        return found
'''


def module(number: int) -> str:
    """One file of the made-up project: a few classes with methods, of a kind that goes by its number."""
    kind = number % 10
    heads = {
        0: ("import torch\nfrom torch import nn\n", f"class Block{number}(nn.Module):"),
        1: ("import torch\nfrom torch.utils.data import Dataset\n", f"class Rows{number}Dataset(Dataset):"),
        2: ("import torch\nfrom torch import nn\n", f"class Weighted{number}Loss(nn.Module):"),
        3: ("import logging\n", f"class Service{number}:"),
        4: ("from dataclasses import dataclass\n", f"class Settings{number}:"),
        5: ("import torch\nfrom torch import nn\n", f"class Net{number}(nn.Module):"),
        6: ("import json\n", f"class Reader{number}(dict):"),
        7: ("import argparse\n", f"class Command{number}:"),
        8: ("import logging\n", f"class Metric{number}:"),
        9: ("import logging\n", f"class Step{number}Runner:"),
    }
    head, line = heads[kind]
    trains = (
        "\n    def train(self, loader):\n        for batch in loader:\n            self.step(batch)\n"
        if kind == 9
        else ""
    )
    body = "".join(
        METHOD.format(name=word, number=number + each) for each, word in enumerate(("sum", "mean", "count") * 4)
    )
    end = '\nif __name__ == "__main__":\n    argparse.ArgumentParser().parse_args()\n' if kind == 7 else ""
    return f'"""Part {number}."""\n\n{head}\n\n{line}\n    """Part {number} of the whole."""\n{trains}{body}{end}'


BASE = '''"""The trainers' base."""

from abc import ABC, abstractmethod


class BaseTrainer(ABC):
    """Owns the loop."""

    def __init__(self, model, dataloader, optimizer, config):
        self.model = model

    @abstractmethod
    def compute_loss(self, batch):
        """The loss of a batch."""

    def train(self):
        for batch in self.dataloader:
            self.compute_loss(batch).backward()
'''


def make_project(root: Path, files: int) -> None:
    """Write the made-up project."""
    texts = {f"acme/part{number // 40}/module{number}.py": module(number) for number in range(files - 60)}
    texts |= {f"acme/part{number}/__init__.py": "" for number in range((files - 60) // 40 + 1)}
    texts |= {"acme/__init__.py": "", "acme/train/__init__.py": "", "acme/train/base_trainer.py": BASE}
    for number in range(24):
        texts[f"acme/train/net{number}_trainer.py"] = (
            f"from .base_trainer import BaseTrainer\n\n\nclass Net{number}Trainer(BaseTrainer):\n"
            f'    """Trains net {number}."""\n\n    def compute_loss(self, batch):\n        return 0\n'
        )
    texts["README.md"] = "# Acme\n\nTrainers inherit from `BaseTrainer` and implement `compute_loss`.\n" * 50
    texts["train.py"] = "import acme\n\nif __name__ == '__main__':\n    acme.train()\n"
    texts |= {f".venv/lib/python3.12/site-packages/pkg{number}.py": module(number) for number in range(300)}
    texts |= {f"build/lib/part{number}.py": module(number) for number in range(100)}
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def run(program: str, cache: Path) -> object:
    """What a process of its own prints."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    checkout = str(Path(__file__).resolve().parents[1])
    rows: dict[str, list[dict[str, float]]] = {"nothing": [], "first": [], "cached": [], "touched": []}
    copies: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "project"
        make_project(root, asked.files)
        for each in range(asked.runs):
            cache = Path(folder) / f"cache{each}"
            fill = {"checkout": checkout, "root": str(root)}
            rows["nothing"].append(run(PROGRAM.format(**fill, works=False), cache))  # type: ignore[arg-type]
            rows["first"].append(run(PROGRAM.format(**fill, works=True), cache))  # type: ignore[arg-type]
            rows["cached"].append(run(PROGRAM.format(**fill, works=True), cache))  # type: ignore[arg-type]
            for number in range(10):
                with (root / f"acme/part0/module{number}.py").open("a") as stream:
                    stream.write("\n# changed\n")
            rows["touched"].append(run(PROGRAM.format(**fill, works=True), cache))  # type: ignore[arg-type]
            target = str(Path(folder) / f"copy{each}")
            copies.append(float(str(run(COPY.format(**fill, target=target), cache))))
    result = {
        name: {
            key: round(statistics.median(row[key] for row in found), 3) for key in ("cpu", "wall", "memory", "found")
        }
        for name, found in rows.items()
    }
    answer = {"files": asked.files, **result, "copy": round(statistics.median(copies), 3)}
    if asked.json:
        print(json.dumps(answer, indent=2))
        return
    print(f"{asked.files} Python files, median of {asked.runs} runs, on {os.cpu_count()} cores")
    for name in ("first", "cached", "touched"):
        figures = result[name]
        print(
            f"  {name:8} {figures['cpu']:.2f} s CPU, {figures['wall']:.2f} s wall, peak {figures['memory']:.0f} MiB",
            end="",
        )
        print(f" ({result['nothing']['memory']:.0f} MiB with nothing read), {figures['found']:.0f} trainers found")
    print(f"  copy     {answer['copy']:.2f} s wall")


if __name__ == "__main__":
    main()
