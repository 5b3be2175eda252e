"""On a GPU: tokens a second, model FLOPs utilisation, peak memory and host syncs of a transformer, against raw and Lightning.

    python benchmarks/gpu.py [--steps 60] [--only raw,ours] [--json]
    python benchmarks/gpu.py --device cpu --width 32 --depth 2 --batch 2 --length 16 --vocabulary 64 --steps 4

The default is a causal language model of 100 million parameters (width 768, 12 blocks, 12 heads, vocabulary 8192; GPT-2
small's blocks), 16 sequences of 1,024 tokens, AdamW, clipping, bfloat16 autocast. Every row is a process of its own; the
time is that of the steps after the first ten, the device waited for at both ends.

* *MFU*: tokens a second times FLOPs a token (6 x parameters, embeddings left out, + 6 x depth x width x length for
  attention: Chowdhery et al. 2022, appendix B, halved for the mask), divided by the device's peak (`runtime.flops.PEAKS`).
* *syncs*: warnings of `torch.cuda.set_sync_debug_mode("warn")` in one log interval (50 steps), None off CUDA.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

WARM_UP = 10
ROWS: dict[str, dict[str, Any]] = {
    "raw": {"kind": "raw"},
    "raw, compiled": {"kind": "raw", "compile": True},
    "ours": {"kind": "ours"},
    "ours, compiled": {"kind": "ours", "compile": True},
    "ours, blocks computed again": {"kind": "ours", "recompute": True},
    "lightning": {"kind": "lightning"},
    "lightning, compiled": {"kind": "lightning", "compile": True},
}


def one_row(row: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Train as the row says, in this process."""
    import torch
    import works

    device = torch.device(options.device)
    torch.manual_seed(0)
    model = works.Transformer(options.vocabulary, options.width, options.depth, options.heads, options.length)
    parameters = sum(each.numel() for each in model.parameters())
    tokens = torch.randint(0, options.vocabulary, (options.batch, options.length + 1))
    batch = (tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous())
    if device.type == "cuda":
        batch = (batch[0].pin_memory(), batch[1].pin_memory())
    count = WARM_UP + options.steps
    watch = Watch(device, options.steps)

    batches = watch.over(works.Prepared([batch] * (count + 1)))
    with tempfile.TemporaryDirectory() as folder:
        TRAINERS[row["kind"]](model, batches, device, row, Path(folder))
    seconds = watch.seconds()
    rate = options.batch * options.length * options.steps / seconds
    looked_up = (options.vocabulary + options.length) * options.width  # embeddings, which nothing is multiplied with
    flops = 6 * (parameters - looked_up) + 6 * options.depth * options.width * options.length
    peak = _peak_flops(torch, device)
    return {
        "parameters": parameters,
        "tokens a second": round(rate),
        "MFU": None if peak is None else round(rate * flops / peak, 4),
        "peak GiB": round(torch.cuda.max_memory_allocated(device) / 2**30, 2) if device.type == "cuda" else None,
        "syncs": watch.syncs,
    }


class Watch:
    """Looks at the clock when batch `WARM_UP` is asked for, and when `steps` more have been; counts syncs between."""

    def __init__(self, device: Any, steps: int) -> None:
        self._device, self._steps = device, steps
        self._marks: list[float] = []
        self.syncs: float | None = None
        self._caught = warnings.catch_warnings(record=True)
        self._seen: list[warnings.WarningMessage] = []

    def over(self, batches: Any) -> Any:
        watch = self

        class Watching:
            """The batches, with an eye on the clock."""

            def __len__(self) -> int:
                return len(batches)

            def __iter__(self) -> Any:
                for index, batch in enumerate(batches):
                    if index == WARM_UP:
                        watch.mark(starts=True)
                    elif index == WARM_UP + watch._steps:
                        watch.mark(starts=False)
                    yield batch

        return Watching()

    def mark(self, *, starts: bool) -> None:
        import torch

        on_cuda = self._device.type == "cuda"
        if on_cuda and not starts:
            torch.cuda.set_sync_debug_mode("default")
            seen = sum("synchroniz" in str(each.message) for each in self._seen)
            self.syncs = seen * 50 / self._steps
            self._caught.__exit__(None, None, None)
        if on_cuda:
            torch.cuda.synchronize(self._device)
        self._marks.append(time.perf_counter())
        if on_cuda and starts:
            torch.cuda.reset_peak_memory_stats(self._device)
            self._seen = self._caught.__enter__() or []
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")

    def seconds(self) -> float:
        first, last = self._marks
        return last - first


def train_raw(model: Any, batches: Any, device: Any, row: dict[str, Any], folder: Path) -> None:  # noqa: ARG001
    import torch
    from contenders import loss_of
    from torch import nn

    model = model.to(device)
    called = torch.compile(model) if row.get("compile") else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for inputs, targets in batches:
        moved = inputs.to(device, non_blocking=True), targets.to(device, non_blocking=True)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            loss = loss_of(called(moved[0]), moved[1])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def train_ours(model: Any, batches: Any, device: Any, row: dict[str, Any], folder: Path) -> None:
    import torch
    from contenders.ours import Classifier

    from trainergen.runtime import BaseTrainerConfig

    config = BaseTrainerConfig(
        num_epochs=1,
        device=str(device),
        precision="bfloat16",
        compile="default" if row.get("compile") else None,
        recompute_modules=("blocks.*",) if row.get("recompute") else (),
        model_save_directory=folder,
    )
    model = model.to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    Classifier.from_config(config, model=model, dataloader=batches, optimizer=optimizer, scheduler=None).train()


def train_lightning(model: Any, batches: Any, device: Any, row: dict[str, Any], folder: Path) -> None:
    import torch
    from contenders import Work
    from contenders.lightning import Classifier
    from lightning.pytorch import Trainer

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    called = torch.compile(model) if row.get("compile") else model
    work = Work(called, batches, lambda parameters: torch.optim.AdamW(parameters, lr=1e-4))
    Trainer(
        max_epochs=1,
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        precision="bf16-mixed",
        gradient_clip_val=1.0,
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    ).fit(Classifier(work), batches)


TRAINERS = {"raw": train_raw, "ours": train_ours, "lightning": train_lightning}


def _peak_flops(torch: Any, device: Any) -> float | None:
    from trainergen.runtime.flops import PEAKS

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return next((peaks.get("bfloat16") for known, peaks in PEAKS if known in name), None)


def main() -> None:
    """Measure every row in a process of its own, and print."""
    import contenders

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", default=";".join(ROWS), help="rows, separated by semicolons")
    sizes = {"width": 768, "depth": 12, "heads": 12, "length": 1024, "vocabulary": 8192, "batch": 16, "steps": 50}
    for name, size in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        answer = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what frameworks print is no answer
        answer.write(json.dumps(one_row(ROWS[options.row], options)))
        answer.flush()
        return
    result: dict[str, Any] = {"rows": {}}
    given = [part for name in ("device", *sizes) for part in (f"--{name}", str(getattr(options, name)))]
    for name in options.only.split(";"):
        if not contenders.is_installed(ROWS[name]["kind"]):
            result["rows"][name] = {"left out": "not installed"}
        else:
            done = subprocess.run(
                [sys.executable, __file__, "--row", name, *given], check=False, capture_output=True, text=True
            )
            failed = {"failed": (done.stderr.strip().splitlines() or ["?"])[-1]}
            result["rows"][name] = json.loads(done.stdout) if done.returncode == 0 else failed
        if not options.json:
            print(
                f"{name:<28} " + ", ".join(f"{key} {value}" for key, value in result["rows"][name].items()), flush=True
            )
    if options.json:
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
