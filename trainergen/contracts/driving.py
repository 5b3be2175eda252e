"""How the lab drives a trainer under a project's own contract: builds it, feeds it one batch, reads what it says."""

from __future__ import annotations

import contextlib
import copy
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .driving_results import frozen, loss_in, moved, named_numbers, needed, number, tensor_of, weight_files, weights_in

RESPONSIBLE: dict[str, tuple[str, ...]] = {
    "build": ("__init__", "build_model", "setup"),
    "loader": ("__init__", "build_loader", "setup"),
    **dict.fromkeys(("device", "loss", "initial_loss", "refusals", "eval_is_pure"), ("compute_loss", "_batch_loss")),
    "gradients": ("train", "train_epoch", "train_step", "compute_loss"),
    "parameters_moved": ("__init__", "train", "train_epoch", "train_step"),
    "optimizer": ("__init__", "build_optimizer", "setup"),
    "metrics": ("compute_loss",),
    "same_seed": ("train", "train_epoch", "train_step", "compute_loss"),
    "round_trip": ("train", "train_epoch", "train_step", "compute_loss"),
    "weights": ("train", "on_train_end"),
}
"""Probe -> methods that answer for it, the most likely first."""


CRITERIA = ("criterion", "loss_fn", "loss_function", "criterion_fn", "_criterion")
"""Attributes that hold the loss as a function, where a base asks for one."""


HELD_OUT = re.compile(r"(?<![a-z])(val|valid|validation|eval|test|dev|False)(?![a-z])")
"""In a method's name or arguments: the data that it gives are not the training's."""


class Enough(BaseException):
    """Ends a loop after its one batch. No Exception: a loop that goes on after errors must not go on after this."""


class OneBatch:
    """A loader of one batch, for a loop that steps on it.

    Args:
        batch: the batch.
        original: the loader in whose place it stands; what a loop asks of it is answered by that.
        ends: asking for a second batch raises `Enough`.
    """

    def __init__(self, batch: Any, original: Any, *, ends: bool) -> None:
        self._batch = batch
        self._original = original
        self._ends = ends

    def __iter__(self) -> Iterator[Any]:
        yield self._batch
        if self._ends:
            raise Enough

    def __len__(self) -> int:
        return 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


class ProjectSession:
    """One trainer as probes see it (`runtime.probes.session.Session`).

    Args:
        trainer: built, on its device.
        words: see `ContractFacts.as_words`.
        batches: as `open` gets them.
        run_directory: weight files go below it, where the trainer lets itself be told.
    """

    def __init__(self, trainer: Any, words: Mapping[str, Any], batches: Mapping[str, list[Any]], run_directory: Path):
        self.trainer = trainer
        self.words = words
        self._batches = batches
        self._directory = run_directory
        self._seen: list[float] = []
        self._watch()

    def _watch(self) -> None:
        """Note every loss that the trainer computes, ahead of its step."""
        names = (self.words["loss"], *(CRITERIA if self.words["criterion"] else ()))
        name = next((each for each in names if callable(getattr(self.trainer, each, None))), None)
        if name is None:
            return
        original = getattr(self.trainer, name)

        def noted(*given: Any, **named: Any) -> Any:
            result = original(*given, **named)
            self._note(result)
            return result

        if isinstance(original, nn.Module):
            original.register_forward_hook(lambda _, __, result: self._note(result))
        else:
            setattr(self.trainer, name, noted)
        if name == self.words["loss"]:
            self._compute = original

    def _note(self, result: Any) -> None:
        value = tensor_of(result)
        if value is not None and self.model.training:
            self._seen.append(float(value.detach()))

    def attribute(self, slot: str) -> Any:
        """What the trainer has in that place; None where there is no such place."""
        name = self.words["attributes"].get(slot)
        return None if name is None else getattr(self.trainer, name, None)

    def put(self, slot: str, value: Any) -> bool:
        """Set what the trainer has in that place, where it has one."""
        name = self.words["attributes"].get(slot)
        if name is None or not hasattr(self.trainer, name):
            return False
        setattr(self.trainer, name, value)
        return True

    @property
    def model(self) -> nn.Module:
        """The trainer's."""
        model: nn.Module = self.attribute("model")
        return model

    @property
    def optimizer(self) -> torch.optim.Optimizer | None:
        """The trainer's."""
        found = self.attribute("optimizer")
        return found if isinstance(found, torch.optim.Optimizer) else None

    @property
    def clip_norm(self) -> float | None:
        """The norm that the base clips to; None where it does not."""
        return number(self.words["clip"], self.trainer) if self.words["clip"] else None

    def step(self, batch: Any) -> float | None:
        """One batch through the trainer's own loop, epoch or step; the loss before it."""
        self._seen.clear()
        said = self._take(batch)
        if self._seen:
            return self._seen[0]
        return loss_in(said)

    def _take(self, batch: Any) -> Any:
        words = self.words
        self.model.train()
        if words["run"]:
            return self._run(batch, ends=True)
        if words["epoch"]:
            method = getattr(self.trainer, words["epoch"])
            loader = OneBatch(batch, self.attribute("train_loader"), ends=False)
            self.put("train_loader", loader)
            return method(*[loader for each in needed(method)[:1]])
        method = getattr(self.trainer, words["step"])
        return method(*[batch if number == 0 else 0 for number, _ in enumerate(needed(method))])

    def _run(self, batch: Any, *, ends: bool) -> Any:
        """The public method that trains, fed with one batch; the loaders are put back afterwards."""
        kept = self.attribute("train_loader"), self.attribute("val_loader")
        loader = OneBatch(batch, kept[0], ends=ends)
        other = OneBatch(self._validation, kept[1], ends=False)
        self.put("train_loader", loader)
        if kept[1] is not None:
            self.put("val_loader", other)
        method = getattr(self.trainer, self.words["run"])
        values = {"train_loader": loader, "val_loader": other, "epochs": 1}
        given = {name: values[slot] for name, slot in self.words["run_parameters"] if slot in values}
        try:
            with self._making(loader, other):
                return method(**given)
        except Enough:
            return None
        finally:
            self.put("train_loader", kept[0])
            self.put("val_loader", kept[1])

    @contextlib.contextmanager
    def _making(self, loader: OneBatch, other: OneBatch) -> Iterator[None]:
        """The trainer's own methods that make loaders give these: a loop may ask for them anew."""
        names = [each for each in self.words.get("makes_loaders", ()) if callable(getattr(self.trainer, each, None))]
        for name in names:

            def made(*given: Any, _name: str = name, **named: Any) -> OneBatch:
                words = " ".join(map(str, (_name, *given, *named.values())))
                return other if HELD_OUT.search(words) else loader

            vars(self.trainer)[name] = made
        try:
            yield
        finally:
            for name in names:
                vars(self.trainer).pop(name, None)

    @property
    def _validation(self) -> Any:
        batch = (self._batches.get("validation") or self._batches["train"])[0]
        return copy.deepcopy(batch)  # forward may write into it

    def evaluate(self) -> dict[str, float]:
        """The trainer's own evaluation of the session's batch; nothing where it has none."""
        name = self.words["evaluate"]
        if not name:
            return {}
        method = getattr(self.trainer, name)
        kept = self.attribute("val_loader")
        loader = OneBatch(self._validation, kept, ends=False)
        placed = self.put("val_loader", loader)
        asked = needed(method)
        try:
            said = method(*[loader for _ in asked[:1]])
        finally:
            if placed:
                self.put("val_loader", kept)
        return named_numbers(said)

    def state(self) -> bytes:
        """Model, optimizer and scheduler."""
        buffer = io.BytesIO()
        torch.save({name: part.state_dict() for name, part in self._parts().items()}, buffer)
        return buffer.getvalue()

    def load_state(self, state: bytes) -> None:
        """As `state` gave it."""
        # Of our own making a moment ago; a model's extra state may be of any type.
        found = torch.load(io.BytesIO(state), map_location="cpu", weights_only=False)
        for name, part in self._parts().items():
            part.load_state_dict(found[name])

    def _parts(self) -> dict[str, Any]:
        found = {slot: self.attribute(slot) for slot in ("model", "optimizer", "scheduler")}
        return {slot: part for slot, part in found.items() if hasattr(part, "state_dict")}

    def loss(self, batch: Any) -> object | None:
        """What the loss method gives, taken out of the form in which the base wants it."""
        if not hasattr(self, "_compute") or not self.words["takes_batch"]:
            return None
        if self.words["moves"] and self.attribute("device") is not None:
            batch = moved(batch, self.attribute("device"))
        extra = [0 for _ in needed(self._compute)[1:]]
        given = self._compute(batch, *extra)
        value = tensor_of(given)
        return given if value is None else value

    def metrics(self) -> Mapping[str, Any]:
        """None: what is logged is the base's."""
        return {}

    def finish(self) -> Path | None:
        """The weight file that a training leaves: one of one batch an epoch, by the trainer's own way."""
        before = weight_files(self._directory)
        if self.words["run"]:
            with frozen(self.model):
                self._run(copy.deepcopy(self._batches["train"][0]), ends=False)
        saving = self.words["save"]
        if not weight_files(self._directory) - before and saving:
            method = getattr(self.trainer, saving)
            path = self._directory / "weights.pt"
            method(*[path for _ in needed(method)[:1]])
        found = sorted(weight_files(self._directory) - before, key=lambda each: each.stat().st_mtime_ns)
        for path in reversed(found):
            if (weights := weights_in(path, self.model)) is not None:
                plain = self._directory / "plain.pt"
                plain.parent.mkdir(parents=True, exist_ok=True)
                torch.save(weights, plain)
                return plain
        return found[-1] if found else None

    def pretend(self, device: torch.device) -> bool:
        """The trainer's device, which its loss moves a batch to; not where the base has done that before."""
        return not self.words["moves"] and self.put("device", device)
