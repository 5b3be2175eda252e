"""`trainergen.runtime.Trainer` with its defaults: means, guards, status, manifest, history."""

from __future__ import annotations

from pathlib import Path

import torch

from trainergen.runtime import BaseTrainerConfig, Trainer

from . import Work, loss_of

PACKAGES = ("trainergen",)


class Classifier(Trainer[tuple[torch.Tensor, torch.Tensor], BaseTrainerConfig]):
    """A generated trainer's loss."""

    def compute_loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        inputs, targets = batch
        return loss_of(self.model(inputs), targets)


def train(work: Work, folder: Path) -> None:
    config = BaseTrainerConfig(
        num_epochs=work.epochs,
        device="cpu",
        seed=torch.initial_seed() % 2**32,  # as it is already: from_config seeds everything
        scheduler_patience=None,
        early_stopping_patience=None,
        checkpoint_every_n_steps=work.save_every,
        model_save_directory=folder,
    )
    trainer = Classifier.from_config(
        config,
        model=work.model,
        dataloader=work.loader,
        optimizer=work.optimizer(work.model.parameters()),
        scheduler=None,
        resume="auto" if work.resume else None,
    )
    trainer.train()
