"""Lab part: what a trained model is fed with, taken from its trainer's own loader, in several batch sizes.

The calls of the model's forward are recorded while the trainer computes its loss, so what is exported is what was
trained, whatever the trainer does with a batch before.
"""

from __future__ import annotations

import copy
import inspect
import re
from dataclasses import dataclass
from typing import Any

import torch

from ..lab.batch_form import batch_axis, describe, live_leaves, map_leaves, spelled_dtype
from ..lab.frames import user_code
from ..lab.protocol import Context, LabProblem

LARGEST = 64
"""Samples of the largest case."""

_PLAIN = (torch.Tensor, bool, int, float, str, type(None))


@dataclass(frozen=True)
class Tensor:
    """One tensor that goes in or comes out.

    Attributes:
        name: an identifier, unique among the inputs or outputs.
        dtype: ``float32``.
        shape: sizes; ``"batch"`` where it follows the batch, ``"any"`` where it varies otherwise.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def as_plain(self) -> dict[str, Any]:
        """As metadata has it."""
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}


@dataclass(frozen=True)
class Case:
    """One call of the model, and what it gave.

    Attributes:
        samples: in the batch that it came of.
        args, keywords: the call.
        inputs, expected: the tensors in them and in the output, in order.
    """

    samples: int
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    inputs: tuple[torch.Tensor, ...]
    expected: tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Sample:
    """What was seen of a model at work.

    Attributes:
        cases: the first is the loader's own batch; the others have other batch sizes.
        inputs, outputs: what goes in and comes out.
        output: the first case's, whole.
        notes: what is to be told.
    """

    cases: tuple[Case, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    output: Any
    notes: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether call and output consist of tensors, numbers, text, None, and lists, tuples and dicts of them."""
        first = self.cases[0]
        return _is_plain(first.args) and _is_plain(first.keywords) and _is_plain(self.output)

    def axes(self, index: int) -> tuple[int, ...]:
        """The axes of an input that vary."""
        return tuple(axis for axis, size in enumerate(self.inputs[index].shape) if isinstance(size, str))


def tensors_of(value: Any) -> tuple[torch.Tensor, ...]:
    """Every tensor of a nested value, in order."""
    return tuple(leaf for _, leaf in live_leaves(value) if isinstance(leaf, torch.Tensor))


def sample(trainer: Any, context: Context) -> Sample:
    """Feed the trainer's model, in eval mode, with one batch of its training loader cut and repeated to several sizes.

    Raises:
        LabProblem: kind ``user``: no batch, the loss fails, the model's forward is not called or gives no tensor.
    """
    name = type(trainer).__name__
    trainer.model.eval()
    with user_code(context, f"the training loader of {name}"):
        batch = next(iter(trainer.dataloader), None)
    if batch is None:
        raise LabProblem("user", f"the training loader of {name} gives no batch", hint="is its data set empty?")
    found = describe(batch, "measured", None).samples
    cases: list[Case] = []
    notes: list[str] = []
    output, calls = None, 0
    for samples in _sizes(found):
        try:
            recorded = _record(trainer, _resized(batch, found, samples), context)
        except LabProblem:
            if samples != 1 or len(cases) < 2:  # what the loss makes of a batch of one is no matter of the model's
                raise
            notes.append("not tried with one sample: the loss fails there")
            continue
        args, keywords, given = recorded[0]
        cases.append(Case(samples, args, keywords, tensors_of((args, keywords)), tensors_of(given)))
        if output is None:
            output, calls = given, len(recorded)
    if not cases[0].inputs or not cases[0].expected:
        raise LabProblem(
            "user", f"{type(trainer.model).__name__}.forward takes or gives no tensor: there is nothing to run"
        )
    if calls > 1:
        notes.append(f"the trainer calls the model {calls} times a batch: the first call is what is compared")
    inputs = _described(_input_names(trainer.model, cases[0]), [case.inputs for case in cases], cases[0].samples)
    taken = {each.name for each in inputs}
    names = [f"output_{each}" if each in taken else each for each in _names(output, "output")]
    outputs = _described(names, [case.expected for case in cases], cases[0].samples)
    if not any(isinstance(size, str) for each in inputs for size in each.shape):
        notes.append("no input has a dimension that follows the batch: all sizes are fixed")
    return Sample(tuple(cases), inputs, outputs, output, tuple(notes))


def seeded(run: Any, /, *args: Any, **keywords: Any) -> Any:
    """What `run` gives without gradients, its random numbers the same each time; what it was given stays as it is."""
    torch.manual_seed(0)
    args, keywords = copy.deepcopy((args, keywords))
    with torch.no_grad():
        return run(*args, **keywords)


def _sizes(found: int) -> list[int]:
    """The loader's own size, another, and one: at least two."""
    first = min(max(found, 1), LARGEST)
    return list(dict.fromkeys((first, max(2, first // 2) + 1, 1)))


def _resized(batch: Any, found: int, samples: int) -> Any:
    """`batch` with so many samples: the first, or all again and again."""
    order = [index % max(found, 1) for index in range(samples)]

    def change(_: tuple[str | int, ...], leaf: Any) -> Any:
        if isinstance(leaf, torch.Tensor):
            axis = batch_axis(tuple(leaf.shape), found)
            return leaf if axis is None else leaf.index_select(axis, torch.tensor(order, device=leaf.device))
        if isinstance(leaf, (list, tuple)) and len(leaf) == found:
            return type(leaf)([leaf[index] for index in order])
        return leaf

    return map_leaves(batch, change)


def _record(trainer: Any, batch: Any, context: Context) -> list[tuple[tuple[Any, ...], dict[str, Any], Any]]:
    """Each call of the model while the trainer computes a batch's loss, with what it gives by itself, not autocast."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    model = trainer.model

    def keep(_: torch.nn.Module, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        calls.append(copy.deepcopy((args, keywords)))

    hook = model.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        with user_code(context, f"the loss of {type(trainer).__name__}"):
            trainer._last_batch_metrics = {}
            seeded(trainer._forward_batch, batch)
    finally:
        hook.remove()
    kind = type(model).__name__
    if not calls:
        raise LabProblem(
            "user",
            f"{type(trainer).__name__} computes its loss without calling {kind}.forward, which is what is exported",
            hint=f"let forward do what an application of {kind} needs, and call self.model(...) in compute_loss",
        )
    with user_code(context, f"{kind}.forward"):
        return [(args, keywords, seeded(model, *args, **keywords)) for args, keywords in calls]


def _described(names: list[str], seen: list[tuple[torch.Tensor, ...]], samples: int) -> tuple[Tensor, ...]:
    """Names, dtypes, and which sizes vary from case to case."""
    described = []
    for index, name in enumerate(names):
        shapes = [tuple(each[index].shape) for each in seen]
        shape: list[int | str] = list(shapes[0])
        for axis, size in enumerate(shapes[0]):
            if any(other[axis] != size for other in shapes[1:]):
                shape[axis] = "batch" if size == samples else "any"
        described.append(Tensor(name, spelled_dtype(seen[0][index]), tuple(shape)))
    return tuple(described)


def _input_names(model: torch.nn.Module, case: Case) -> list[str]:
    """What the parameters of forward are called, and the keys below them."""
    try:
        bound = inspect.signature(model.forward).bind(*case.args, **case.keywords)
    except (TypeError, ValueError):
        return _names((case.args, case.keywords), "input")
    return _names(dict(bound.arguments), "input")


def _names(value: Any, default: str) -> list[str]:
    """An identifier for each tensor in `value`: its path's last words, made unique."""
    found: list[str] = []
    for path, leaf in live_leaves(value):
        if not isinstance(leaf, torch.Tensor):
            continue
        words = [str(key) for key in path]
        if not words or words[0].isdigit():
            words.insert(0, default)
        name = re.sub(r"\W+", "_", "_".join(words))
        found.append(name if name.isidentifier() else f"{default}_{name}")
    if len(found) == 1:
        return [found[0].removesuffix("_0")]
    return [name if found.count(name) == 1 else f"{name}_{index}" for index, name in enumerate(found)]


def _is_plain(value: Any) -> bool:
    """Whether any reader of a file can build it without the project's classes."""
    if type(value) in (tuple, list):
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(isinstance(key, str) for key in value) and all(map(_is_plain, value.values()))
    return isinstance(value, _PLAIN)
