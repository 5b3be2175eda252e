"""ignite: an Engine around a step function, `Checkpoint` for what is saved, `load_objects` for what is resumed."""

from __future__ import annotations

from pathlib import Path

import torch
from ignite.engine import Engine, Events
from ignite.handlers import Checkpoint, DiskSaver
from torch import nn

from . import Work, loss_of, newest

PACKAGES = ("pytorch-ignite",)


def train(work: Work, folder: Path) -> None:
    model, optimizer = work.model, work.optimizer(work.model.parameters())

    def step(engine: Engine, batch: tuple[torch.Tensor, torch.Tensor]) -> float:  # noqa: ARG001
        model.train()
        optimizer.zero_grad()
        inputs, targets = batch
        loss = loss_of(model(inputs), targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    trainer = Engine(step)
    kept = {"model": model, "optimizer": optimizer, "trainer": trainer}
    if work.save_every is not None:
        saver = Checkpoint(kept, DiskSaver(str(folder), create_dir=True, require_empty=False), n_saved=2)
        trainer.add_event_handler(Events.ITERATION_COMPLETED(every=work.save_every), saver)
    if work.resume:
        Checkpoint.load_objects(kept, torch.load(newest(folder, "checkpoint_*.pt")))
    trainer.run(work.loader, max_epochs=work.epochs)
