"""Accelerate: the raw loop with `prepare`; `save_state`, `load_state` and `skip_first_batches` as its examples have it."""

from __future__ import annotations

from pathlib import Path

from accelerate import Accelerator
from torch.utils.data import DataLoader

from . import Work, loss_of, newest

PACKAGES = ("accelerate",)


def train(work: Work, folder: Path) -> None:
    accelerator = Accelerator(cpu=True)
    model, optimizer = accelerator.prepare(work.model, work.optimizer(work.model.parameters()))
    loader = accelerator.prepare(work.loader) if isinstance(work.loader, DataLoader) else work.loader
    done, first_epoch, skip = 0, 0, 0
    if work.resume:
        found = newest(folder, "step_*")
        accelerator.load_state(str(found))
        done = int(found.name.removeprefix("step_"))
        first_epoch, skip = divmod(done, len(loader))
    model.train()
    for epoch in range(first_epoch, work.epochs):
        batches = accelerator.skip_first_batches(loader, skip) if skip and epoch == first_epoch else loader
        for inputs, targets in batches:
            loss = loss_of(model(inputs), targets)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            done += 1
            if work.save_every is not None and done % work.save_every == 0:
                accelerator.save_state(str(folder / f"step_{done}"))
