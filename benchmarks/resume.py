"""What becomes of an interrupted run: the same kill in the middle of an epoch, resumed in a new process by each framework.

    python benchmarks/resume.py [--only ours,lightning] [--json]

A shuffled loader (0 and 2 workers), a net with dropout, a checkpoint every third step. Each framework trains once without
being disturbed and once with a SIGKILL at step 14 of 30 (the fifth step of its second epoch), and is then resumed as its
documentation shows. Compared is each with its own undisturbed run:

* *equal*: the final weights are, bit for bit.
* *wrong batches*: steps after the resume that trained on other samples than that step of the undisturbed run.
* *other losses*: steps after the resume with the right samples whose loss is another one all the same.
* *again*: steps that were done before the kill and had to be done again. *missing*: steps that were never done.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import contenders  # noqa: E402

STEPS_AN_EPOCH, EPOCHS, SAVE_EVERY, KILLED_AT = 10, 3, 3, 14


def one_process(name: str, folder: Path, log: Path, workers: int, killed_at: int | None, *, resume: bool) -> None:
    """A contender's process: trains, and logs of each step which samples it saw and what the loss was, before its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    torch.manual_seed(99 if resume else 0)

    class Logged(nn.Module):
        """The net; it writes down what it is given. The first input is the sample's number."""

        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 4))
            self.seen = 0

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            if not self.training:
                return self.net(inputs[:, 1:])
            self.seen += 1
            if self.seen == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
            logits = self.net(inputs[:, 1:])
            with log.open("a") as file:
                samples = [int(number) for number in inputs[:, 0].tolist()]
                file.write(
                    json.dumps({"samples": samples, "logits": logits.detach().double().sum().item().hex()}) + "\n"
                )
            return logits

    generator = torch.Generator().manual_seed(7)
    count = 16 * STEPS_AN_EPOCH
    inputs = torch.cat([torch.arange(count)[:, None], torch.randn(count, 16, generator=generator)], 1)
    data = TensorDataset(inputs, torch.randint(0, 4, (count,), generator=generator))
    torch.manual_seed(0)  # the script is the same one, so it begins with the same seed
    model = Logged()
    loader = DataLoader(data, batch_size=16, shuffle=True, num_workers=workers)
    work = contenders.Work(
        model,
        loader,
        lambda parameters: torch.optim.AdamW(parameters, lr=1e-3),
        epochs=EPOCHS,
        save_every=SAVE_EVERY,
        resume=resume,
    )
    contenders.load(name).train(work, folder)
    bits = json.dumps([each.double().flatten().tolist() for each in model.state_dict().values()])
    with log.open("a") as file:
        file.write(json.dumps({"weights": hashlib.sha256(bits.encode()).hexdigest()}) + "\n")


def trial(name: str, workers: int) -> dict[str, Any]:
    """The three processes of one contender, and what is to be said of them."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        whole = _run(name, place / "whole", workers, None, resume=False)
        before = _run(name, place / "broken", workers, KILLED_AT, resume=False)
        after = _run(name, place / "broken", workers, None, resume=True)
    if whole["code"] != 0 or before["code"] != -signal.SIGKILL:
        return {"failed": (whole if whole["code"] else before)["error"]}
    if after["code"] != 0:
        return {"failed": after["error"]}
    return judge(whole, before["steps"], after)


def judge(whole: dict[str, Any], before: list[dict[str, Any]], after: dict[str, Any]) -> dict[str, Any]:
    """What the resumed run did otherwise than the undisturbed one, step by step.

    A resumed run is taken to end with the last step, or after as many as the rest of the epochs have: so its first step
    is the newest checkpoint's where that makes the samples agree, which is the case that is good for it.
    """
    expected, done = whole["steps"], after["steps"]
    saved = (KILLED_AT - 1) // SAVE_EVERY * SAVE_EVERY
    pairs = list(zip(expected[saved:], done, strict=False))
    wrong = sum(one["samples"] != other["samples"] for one, other in pairs)
    return {
        "equal": whole["weights"] == after["weights"],
        "wrong batches": wrong,
        "other losses": sum(one["logits"] != other["logits"] for one, other in pairs) - wrong,
        "again": len(before) - saved,
        "missing": max(0, len(expected) - saved - len(done)),
        "too many": max(0, len(done) - (len(expected) - saved)),
        "steps after": len(done),
    }


def _run(name: str, folder: Path, workers: int, killed_at: int | None, *, resume: bool) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    log = folder.with_name(f"{folder.name}-{'after' if resume else 'before'}.jsonl")
    command = [sys.executable, __file__, "--process", name, str(folder), str(log), str(workers), str(killed_at or 0)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *(["--resume"] if resume else [])],
        check=False,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        timeout=300,
    )
    lines = list(_lines(log))
    return {
        "code": done.returncode,
        "error": (done.stderr.strip().splitlines() or [""])[-1],
        "steps": [line for line in lines if "samples" in line],
        "weights": next((line["weights"] for line in lines if "weights" in line), None),
    }


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    if log.exists():
        for line in log.read_text().splitlines():
            yield json.loads(line)


def main() -> None:
    """Kill, resume, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--process", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.process:
        name, folder, log, workers, killed_at = options.process
        one_process(name, Path(folder), Path(log), int(workers), int(killed_at) or None, resume=options.resume)
        return
    wanted = [
        each for each in contenders.names() if each != "raw" and (not options.only or each in options.only.split(","))
    ]
    result: dict[str, Any] = {"left out": [name for name in wanted if not contenders.is_installed(name)], "rows": {}}
    for name in wanted:
        if name not in result["left out"]:
            for workers in options.workers:
                row = result["rows"][f"{name}, {workers} workers"] = trial(name, workers)
                if not options.json:
                    told = ", ".join(f"{key}: {value}" for key, value in row.items())
                    print(f"{name:<12} {workers} workers  {told}", flush=True)
    if options.json:
        print(json.dumps(result, indent=2))
    elif result["left out"]:
        print("not installed: " + ", ".join(result["left out"]))


if __name__ == "__main__":
    main()
