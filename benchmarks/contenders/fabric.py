"""Lightning Fabric: the raw loop with `setup`, `backward`, `clip_gradients`; `save` and `load` of a dict of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.fabric import Fabric
from torch.utils.data import DataLoader

from . import Work, loss_of, newest

PACKAGES = ("lightning",)


def train(work: Work, folder: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=1)
    model, optimizer = fabric.setup(work.model, work.optimizer(work.model.parameters()))
    loader = fabric.setup_dataloaders(work.loader) if isinstance(work.loader, DataLoader) else work.loader
    state: dict[str, Any] = {"model": model, "optimizer": optimizer, "epoch": 0, "step": 0}
    if work.resume:
        fabric.load(newest(folder, "step-*.ckpt"), state)
    model.train()
    for epoch in range(state["epoch"], work.epochs):
        state["epoch"] = epoch
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = loss_of(model(inputs), targets)
            fabric.backward(loss)
            fabric.clip_gradients(model, optimizer, max_norm=1.0)
            optimizer.step()
            state["step"] += 1
            if work.save_every is not None and state["step"] % work.save_every == 0:
                fabric.save(folder / f"step-{state['step']}.ckpt", state)
