"""Training code that is right, as people write it: classes of their own and of frameworks. The pairs take it apart."""

OWN_TRAINER = '''\
"""A trainer of one's own for sequence labelling."""

import logging
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

log = logging.getLogger(__name__)


class Trainer:
    def __init__(self, model, train_set, valid_set, cfg):
        self.cfg = cfg
        self.device = torch.device(cfg.device)
        self.model = model.to(self.device)
        self.train_loader = DataLoader(train_set, cfg.batch_size, shuffle=True, collate_fn=train_set.collate)
        self.valid_loader = DataLoader(valid_set, cfg.batch_size, collate_fn=valid_set.collate)
        self.criterion = nn.CrossEntropyLoss(ignore_index=-100)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=cfg.lr)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=cfg.epochs)
        self.epoch = 0
        self.best = float("inf")
        self.folder = Path(cfg.folder)

    def fit(self):
        while self.epoch < self.cfg.epochs:
            train_loss = self._train_epoch()
            valid_loss = self._validate()
            self.scheduler.step()
            log.info("epoch %d train %.4f valid %.4f", self.epoch, train_loss, valid_loss)
            if valid_loss < self.best:
                self.best = valid_loss
                self.save(self.folder / f"best_{self.epoch}.pt")
            self.epoch += 1

    def _train_epoch(self):
        self.model.train()
        total = torch.zeros((), device=self.device)
        for step, batch in enumerate(self.train_loader):
            loss = self._step(batch)
            total += loss
            if step % self.cfg.log_every == 0:
                log.info("step %d loss %.4f", step, loss.item())
        return total.item() / len(self.train_loader)

    def _step(self, batch):
        tokens = batch["tokens"].to(self.device)
        tags = batch["tags"].to(self.device)
        self.optimizer.zero_grad()
        logits = self.model(tokens)
        loss = self.criterion(logits.flatten(0, 1), tags.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.cfg.clip)
        self.optimizer.step()
        return loss.detach()

    @torch.no_grad()
    def _validate(self):
        self.model.eval()
        total, count = 0.0, 0
        for batch in self.valid_loader:
            tokens = batch["tokens"].to(self.device)
            tags = batch["tags"].to(self.device)
            logits = self.model(tokens)
            words = (tags != -100).sum()
            total += self.criterion(logits.flatten(0, 1), tags.flatten()) * words
            count += words
        return (total / count).item()

    def save(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scheduler": self.scheduler.state_dict(),
                "epoch": self.epoch,
                "best": self.best,
            },
            path,
        )

    def resume(self, path):
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.epoch = state["epoch"] + 1
        self.best = state["best"]
'''

LIGHTNING = '''\
"""A Lightning module with its data."""

import lightning as L
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader


class TextData(L.LightningDataModule):
    def __init__(self, train_ds, val_ds, batch_size=32):
        super().__init__()
        self.train_ds = train_ds
        self.val_ds = val_ds
        self.batch_size = batch_size

    def train_dataloader(self):
        return DataLoader(self.train_ds, batch_size=self.batch_size, shuffle=True, num_workers=4)

    def val_dataloader(self):
        return DataLoader(self.val_ds, batch_size=self.batch_size, num_workers=4)


class Classifier(L.LightningModule):
    def __init__(self, vocab, classes, width=256, lr=1e-3):
        super().__init__()
        self.save_hyperparameters()
        self.embed = nn.EmbeddingBag(vocab, width)
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])
        self.head = nn.Linear(width, classes)
        self.outputs = []

    def forward(self, tokens):
        h = self.embed(tokens)
        for layer in self.layers:
            h = F.relu(layer(h))
        return self.head(h)

    def training_step(self, batch, batch_idx):
        tokens, label = batch
        logits = self(tokens)
        loss = F.cross_entropy(logits, label)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, batch_idx):
        tokens, label = batch
        logits = self(tokens)
        self.outputs.append((logits.argmax(1) == label).float().mean())
        self.log("val_loss", F.cross_entropy(logits, label), prog_bar=True)

    def on_validation_epoch_end(self):
        self.log("val_acc", torch.stack(self.outputs).mean())
        self.outputs.clear()

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.lr)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=self.trainer.max_epochs)
        return {"optimizer": optimizer, "lr_scheduler": scheduler}
'''

MANUAL_LIGHTNING = '''\
"""A Lightning module that steps by itself: student and projector apart."""

import pytorch_lightning as pl
import torch
import torch.nn.functional as F


class Distill(pl.LightningModule):
    def __init__(self, student, teacher, lr=1e-3, temperature=2.0):
        super().__init__()
        self.automatic_optimization = False
        self.student = student
        self.teacher = teacher.eval().requires_grad_(False)
        self.lr = lr
        self.temperature = temperature

    def training_step(self, batch, batch_idx):
        images, labels = batch
        opt = self.optimizers()
        with torch.no_grad():
            target = self.teacher(images)
        logits = self.student(images)
        soft = F.kl_div(
            F.log_softmax(logits / self.temperature, dim=1),
            F.softmax(target / self.temperature, dim=1),
            reduction="batchmean",
        )
        loss = soft + F.cross_entropy(logits, labels)
        opt.zero_grad()
        self.manual_backward(loss)
        self.clip_gradients(opt, gradient_clip_val=1.0)
        opt.step()
        self.log("loss", loss)

    def on_train_epoch_end(self):
        self.lr_schedulers().step()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.student.parameters(), lr=self.lr, momentum=0.9)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 30)]
'''

TRANSFORMERS = '''\
"""Fine-tune with weighted classes and a regularised head."""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments


class WeightedTrainer(Trainer):
    def __init__(self, *args, class_weights=None, penalty=0.01, **kwargs):
        super().__init__(*args, **kwargs)
        self.class_weights = class_weights
        self.penalty = penalty

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        logits = outputs.logits
        weight = self.class_weights.to(logits.device) if self.class_weights is not None else None
        loss = F.cross_entropy(logits.view(-1, model.config.num_labels), labels.view(-1), weight=weight)
        loss = loss + self.penalty * logits.pow(2).mean()
        return (loss, outputs) if return_outputs else loss


def tokenize(tokenizer, batch):
    return tokenizer(batch["text"], truncation=True, max_length=256)


def main(train_ds, eval_ds, name="distilbert-base-uncased"):
    tokenizer = AutoTokenizer.from_pretrained(name)
    model = AutoModelForSequenceClassification.from_pretrained(name, num_labels=3)
    model.classifier = nn.Sequential(nn.Dropout(0.1), nn.Linear(model.config.dim, 3))
    args = TrainingArguments("out", learning_rate=2e-5, num_train_epochs=3, eval_strategy="epoch")
    trainer = WeightedTrainer(
        model=model,
        args=args,
        train_dataset=train_ds.map(lambda batch: tokenize(tokenizer, batch), batched=True),
        eval_dataset=eval_ds.map(lambda batch: tokenize(tokenizer, batch), batched=True),
        class_weights=torch.tensor([0.2, 0.5, 0.3]),
    )
    trainer.train()
    trainer.save_model("out/final")
    return trainer.evaluate()
'''

ACCELERATE = '''\
"""Train with Accelerate: gathered metrics, accumulation, checkpoints."""

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader
from transformers import get_linear_schedule_with_warmup


def evaluate(accelerator, model, eval_dataloader, metric):
    model.eval()
    for batch in eval_dataloader:
        with torch.no_grad():
            outputs = model(**batch)
        predictions, references = accelerator.gather_for_metrics((outputs.logits.argmax(-1), batch["labels"]))
        metric.add_batch(predictions=predictions, references=references)
    return metric.compute()


def training_function(model, train_ds, eval_ds, collate, metric, config):
    accelerator = Accelerator(gradient_accumulation_steps=config["accumulate"], mixed_precision="bf16")
    train_dataloader = DataLoader(train_ds, shuffle=True, collate_fn=collate, batch_size=config["batch_size"])
    eval_dataloader = DataLoader(eval_ds, shuffle=False, collate_fn=collate, batch_size=config["batch_size"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=config["lr"])
    lr_scheduler = get_linear_schedule_with_warmup(
        optimizer=optimizer,
        num_warmup_steps=100,
        num_training_steps=len(train_dataloader) * config["num_epochs"] // config["accumulate"],
    )
    model, optimizer, train_dataloader, eval_dataloader, lr_scheduler = accelerator.prepare(
        model, optimizer, train_dataloader, eval_dataloader, lr_scheduler
    )
    for epoch in range(config["num_epochs"]):
        model.train()
        total_loss = 0
        for step, batch in enumerate(train_dataloader):
            with accelerator.accumulate(model):
                outputs = model(**batch)
                loss = outputs.loss
                total_loss += loss.detach().float()
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                lr_scheduler.step()
                optimizer.zero_grad()
        score = evaluate(accelerator, model, eval_dataloader, metric)
        accelerator.print(f"epoch {epoch}:", score)
        accelerator.log({"train_loss": total_loss.item() / len(train_dataloader)}, step=epoch)
        accelerator.save_state(f"{config['output']}/epoch_{epoch}")
    accelerator.end_training()
'''

TRAINERGEN = '''\
"""Train AutoEncoder: reconstruct float32 [batch, 64] with noise on its input."""

from __future__ import annotations

from pathlib import Path

import torch
from beautilog import logger
from torch.nn import functional

from config import AutoEncoderTrainerConfig
from train.base_trainer import Trainer


class AutoEncoderTrainer(Trainer[torch.Tensor, AutoEncoderTrainerConfig]):
    """Trains AutoEncoder to undo noise.

    The batch is float32 [batch, 64].
    """

    config_class = AutoEncoderTrainerConfig

    def compute_loss(self, batch: torch.Tensor) -> torch.Tensor:
        """The mean squared error of the reconstruction.

        Args:
            batch: float32 [batch, 64].

        Raises:
            TypeError, ValueError: it has another form.
        """
        self._validate_batch(batch)
        clean = batch.to(self.device)
        noise = torch.randn(clean.shape, device=self.device)
        code = self.model.encode(clean + self.config.noise * noise)
        rebuilt = self.model.decode(code)
        reconstruction = functional.mse_loss(rebuilt, clean)
        sparsity = code.abs().mean()
        loss = reconstruction + self.config.sparsity_weight * sparsity
        self._last_batch_metrics = {"reconstruction": reconstruction.detach(), "sparsity": sparsity.detach()}
        return loss

    def _collect_batch_metrics(self) -> dict[str, torch.Tensor]:
        return self._last_batch_metrics

    def on_train_begin(self) -> None:
        """Log the configuration."""
        super().on_train_begin()
        logger.info("noise %s, sparsity weight %s", self.config.noise, self.config.sparsity_weight)

    def on_train_end(self) -> None:
        """Save the weights."""
        super().on_train_end()
        folder = Path(self.config.model_save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        logger.info("weights saved to %s", self.save_weights(folder))

    def _validate_batch(self, batch: torch.Tensor) -> None:
        if not isinstance(batch, torch.Tensor):
            raise TypeError(f"batch: expected a tensor, got {type(batch).__name__}")
        if batch.ndim != 2 or batch.dtype != torch.float32:
            raise ValueError(f"batch: expected float32 [batch, 64], got dtype {batch.dtype}, shape {tuple(batch.shape)}")
'''
