"""The Trainer of Hugging Face's transformers, with a loss of its own; it builds a loader like the one it is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, default_collate
from transformers import Trainer, TrainingArguments
from transformers.utils import logging

from . import Work, loss_of

PACKAGES = ("transformers", "accelerate")


class Classifier(Trainer):
    """Takes the batches as they come."""

    work: Work

    def get_train_dataloader(self) -> Any:
        return super().get_train_dataloader() if isinstance(self.work.loader, DataLoader) else self.work.loader

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:  # noqa: ARG002
        return loss_of(model(inputs[0]), inputs[1])


def train(work: Work, folder: Path) -> None:
    logging.set_verbosity_error()
    saving: dict[str, Any] = {"save_strategy": "no"}
    if work.save_every is not None:
        saving = {"save_strategy": "steps", "save_steps": work.save_every, "save_total_limit": 2}
    if isinstance(work.loader, DataLoader):
        size = work.loader.batch_size
        saving |= {"per_device_train_batch_size": size, "dataloader_num_workers": work.loader.num_workers}
    arguments = TrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        num_train_epochs=work.epochs,
        max_grad_norm=1.0,
        logging_steps=50,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        seed=torch.initial_seed() % 2**32,
        **saving,
    )
    optimizer = work.optimizer(work.model.parameters())
    constant = LambdaLR(optimizer, lambda _: 1.0)
    trainer = Classifier(
        work.model,
        arguments,
        data_collator=default_collate,
        train_dataset=getattr(work.loader, "dataset", work.loader),
        optimizers=(optimizer, constant),
    )
    trainer.work = work
    trainer.train(resume_from_checkpoint=True if work.resume else None)
