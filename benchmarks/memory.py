"""Does a run grow, and what do accumulation and recomputing save: steps counted, bytes as the allocator accounts for them.

    python benchmarks/memory.py [--steps 10000] [--width 256] [--json]

*Growth*: resident memory of the process, Python objects and live tensors from a tenth of the steps on to their end.
*Peak*: the most that one optimizer step over 32 sequences holds above what was there before it (`runtime.memory`), all at
once, in four parts, with the transformer's blocks computed again in backward, and with both.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import torch  # noqa: E402
import works  # noqa: E402
from contenders import loss_of  # noqa: E402

from trainergen.runtime import BaseTrainerConfig, Callback, Trainer  # noqa: E402
from trainergen.runtime.memory import estimate, measured_peak  # noqa: E402

BATCH, PARTS, LENGTH, VOCABULARY = 32, 4, 64, 512


class Classifier(Trainer[tuple[torch.Tensor, torch.Tensor], BaseTrainerConfig]):
    """The work of the other benchmarks."""

    def compute_loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        inputs, targets = batch
        return loss_of(self.model(inputs), targets)


class Weighed(Callback):
    """Looks at the process every so many steps; at its objects, which takes longer, the first and the last time alone."""

    def __init__(self, every: int, last: int) -> None:
        self._every, self._last = every, last
        self.resident: list[int] = []
        self.living: list[dict[str, int]] = []

    def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:  # noqa: ARG002
        if trainer.step % self._every:
            return
        if trainer.step in (self._every, self._last):
            gc.collect()
            objects = gc.get_objects()
            self.living.append(
                {"objects": len(objects), "tensors": sum(type(each) is torch.Tensor for each in objects)}
            )
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        self.resident.append(pages * os.sysconf("SC_PAGE_SIZE"))


def growth(steps: int, folder: Path) -> dict[str, Any]:
    """What a run of so many steps of the tiny MLP, ten epochs long, has grown by after its first tenth."""
    an_epoch = steps // 10
    weighed = Weighed(an_epoch, steps)
    torch.manual_seed(0)
    config = BaseTrainerConfig(
        num_epochs=10, device="cpu", checkpoint_every_n_steps=an_epoch // 2, model_save_directory=folder
    )
    model = works.mlp()
    trainer = Classifier(
        model, works.vectors(an_epoch), works.adamw(model.parameters()), config, callbacks=[weighed], run_name="growth"
    )
    trainer.train()
    first, last = weighed.living
    return {
        "steps": trainer.step,
        "resident": weighed.resident,
        "grown by": {name: last[name] - first[name] for name in first}
        | {"resident": weighed.resident[-1] - weighed.resident[0]},
    }


def peaks(width: int, folder: Path) -> dict[str, Any]:
    """For each way to take the same step: bytes measured and estimated, and the loss, which has to be the same."""
    found: dict[str, Any] = {}
    for name, parts, patterns in (
        ("all at once", 1, ()),
        (f"{PARTS} parts", PARTS, ()),
        ("blocks computed again", 1, ("blocks.*",)),
        ("both", PARTS, ("blocks.*",)),
    ):
        torch.manual_seed(0)
        model = works.Transformer(VOCABULARY, width, 4, 4, LENGTH)
        tokens = torch.randint(0, VOCABULARY, (BATCH, LENGTH + 1))
        inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
        batches = list(zip(inputs.chunk(parts), targets.chunk(parts), strict=True))
        config = BaseTrainerConfig(
            num_epochs=1,
            device="cpu",
            accumulation_steps=parts,
            recompute_modules=patterns,
            model_save_directory=folder,
        )
        trainer = Classifier.from_config(config, model=model, dataloader=batches, scheduler=None)

        def step(trainer: Classifier = trainer, batches: list[Any] = batches) -> None:
            for batch in batches:
                trainer.training_step(batch)

        step()  # the first one makes the optimizer's state
        guessed = estimate(trainer, batches[0])
        peak = measured_peak(step, trainer.device)
        found[name] = {"peak": peak, "activations": guessed.activations, "loss": trainer.means.compute()["loss"]}
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sys.modules["matplotlib"] = None  # type: ignore[assignment]  # plots are drawn once, at the end
    with tempfile.TemporaryDirectory() as folder:
        grown, held = growth(options.steps, Path(folder)), peaks(options.width, Path(folder))
    if options.json:
        print(json.dumps({"torch": torch.__version__, "growth": grown, "peaks": held}, indent=2))
        return
    told = grown["grown by"]
    print(f"{grown['steps']} steps: resident memory {told['resident'] / 2**20:+.2f} MiB after the first tenth")
    print(f"  Python objects {told['objects']:+d} (ten history records are some), tensors {told['tensors']:+d}")
    whole = held["all at once"]
    for name, row in held.items():
        print(
            f"{name:<22} peak {row['peak'] / 2**20:7.1f} MiB ({row['peak'] / whole['peak']:.2f}), "
            f"activations {row['activations'] / 2**20:7.1f} MiB, loss {row['loss']:.9f}"
        )


if __name__ == "__main__":
    main()
