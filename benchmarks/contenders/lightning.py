"""Lightning's Trainer with one `self.log`, as its first example has it."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from . import Work, loss_of, newest

PACKAGES = ("lightning",)


class Classifier(LightningModule):
    """The work as a LightningModule."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work_model = work.model
        self._build = work.optimizer

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], index: int) -> torch.Tensor:  # noqa: ARG002
        inputs, targets = batch
        loss = loss_of(self.work_model(inputs), targets)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self._build(self.parameters())


def train(work: Work, folder: Path) -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    saver = ModelCheckpoint(dirpath=folder, every_n_train_steps=work.save_every, save_top_k=-1)
    trainer = Trainer(
        max_epochs=work.epochs,
        accelerator="cpu",
        devices=1,
        gradient_clip_val=1.0,
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[saver] if work.save_every is not None else [],
        enable_checkpointing=work.save_every is not None,
    )
    found = newest(folder, "*.ckpt") if work.resume else None
    trainer.fit(Classifier(work), work.loader, ckpt_path=None if found is None else str(found))
