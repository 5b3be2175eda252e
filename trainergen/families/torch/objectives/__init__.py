"""What a model can be trained for: one file a task, found by listing this folder; adding a task is adding its file.

A task's file has

* ``TASK``: its name, the file's own with dashes;
* ``LOSSES``: loss name -> one phrase on when it is right, the default first;
* ``METRICS``, ``EPOCH_METRICS``: metrics that can be asked for, averaged over batches or over the whole epoch (the
  task's template says which of the runtime's functions each is); ``DEFAULT_METRICS``: those taken unasked;
* ``METRIC_FUNCTIONS``: metric name -> function of ``runtime.metrics``, for the control run; ``LOSSES_ON_PROBABILITIES``:
  losses under which the output is a probability already, so that a threshold of such a function is one half;
* ``REFERENCES``: loss name -> ``function(output, target, functional)``: the loss in ``torch.nn.functional`` (given,
  not imported) on the prepared output and target. The proof's control run trains with it;
* ``fit(pair)``: whether one output and one part of the batch belong together under this task, and how well.

Nothing here imports torch; the lab loads these files too.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ....inspection.batch_spec import Leaf, Path
from ..facts import OutputFacts

Reference = Callable[[Any, Any, Any], Any]

FLOATING = frozenset({"float16", "bfloat16", "float32", "float64"})
INTEGRAL = frozenset({"uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"})
IGNORED_CLASS = -100
"""``torch.nn.functional.cross_entropy``'s default ``ignore_index``."""


@dataclass(frozen=True)
class Values:
    """What is known of a target's values.

    Attributes:
        integral: integers, or floats that are all whole numbers as far as their range and count tell.
        zero_one: 0 or 1 everywhere.
        low, high: inclusive, where integral.
    """

    integral: bool
    zero_one: bool
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class Pair:
    """One output of the model and the part of the batch it might be compared with.

    Attributes:
        output: the output.
        target: where the other part sits; None: compared with nothing (the model's own loss).
        leaf: the form of that part.
        values: what is known of its values.
        feeds: the part goes into forward as well.
        prepare: how it is prepared there.
        alone: no part of the batch is left over by forward.
        activation: the last activation of the model as far as its modules or its source tell (``Sigmoid``, ``Linear``).
        name: the model's name, for what it says (``AutoEncoder``).
        asked: the losses or the pattern that the user named.
    """

    output: OutputFacts
    target: Path | None
    leaf: Leaf | None
    values: Values | None
    feeds: bool = False
    prepare: tuple[str, ...] = ()
    alone: bool = False
    activation: str | None = None
    name: str = ""
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class LossOption:
    """One loss that a pair can be trained with, and what makes output and target fit it."""

    name: str
    reason: str
    prediction_prepare: tuple[str, ...] = ()
    target_prepare: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fit:
    """How well a task explains a pair.

    Attributes:
        score: higher wins; the scale is the same for all tasks.
        reason: the evidence, one phrase.
        losses: the losses that can be used, best first.
        classes: number of classes where the task has them.
        problem: the data contradict the model (a class index beyond the output): fatal where this fit wins.
        question: why this must not be guessed; asked unless the user named the loss.
        assumed: a guess, to be marked as one.
        metrics: in place of the task's defaults, where those don't fit this form of output (a map of classes).
    """

    score: int
    reason: str
    losses: tuple[LossOption, ...]
    classes: int | None = None
    problem: str | None = None
    question: str | None = None
    assumed: bool = False
    metrics: tuple[str, ...] | None = None


class Task(Protocol):
    """What a task's file gives."""

    TASK: str
    LOSSES: Mapping[str, str]
    METRICS: tuple[str, ...]
    EPOCH_METRICS: tuple[str, ...]
    DEFAULT_METRICS: tuple[str, ...]
    METRIC_FUNCTIONS: Mapping[str, str]
    LOSSES_ON_PROBABILITIES: tuple[str, ...]
    REFERENCES: Mapping[str, Reference]

    def fit(self, pair: Pair) -> Fit | None:
        """Whether and how well the pair belongs to the task."""


def tasks() -> dict[str, Task]:
    """Task name -> its file, in alphabetical order."""
    found: dict[str, Task] = {}
    for name in sorted(each.name for each in pkgutil.iter_modules(__path__)):
        module: Any = importlib.import_module(f"{__name__}.{name}")
        found[module.TASK] = module
    return found


def loss_names() -> tuple[str, ...]:
    """Every listed loss, each once."""
    return tuple(dict.fromkeys(loss for task in tasks().values() for loss in task.LOSSES))


def metric_names() -> tuple[str, ...]:
    """Every listed metric, each once."""
    return tuple(dict.fromkeys(name for task in tasks().values() for name in (*task.METRICS, *task.EPOCH_METRICS)))


def shape_text(output: OutputFacts | Leaf) -> str:
    """``[batch, 10]``: symbols where the dimension is one, for reasons that two runs must print alike."""
    return "[" + ", ".join(str(dim) for dim in output.dims) + "]"


def align(pair: Pair) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Operations on output and target that give both one shape, where at most a dimension of size 1 is between them.

    ``[B, 1]`` against ``[B]`` broadcasts silently to ``[B, B]`` in torch's losses: the output is squeezed, or the
    target where that one has the 1. None where the shapes differ otherwise.
    """
    assert pair.leaf is not None
    output, target = pair.output.sizes, pair.leaf.sizes
    if output == target:
        return (), ()
    if len(output) == len(target) + 1 and output[1] == 1 and (output[0], *output[2:]) == target:
        return ("squeeze:1",), ()
    if len(target) == len(output) + 1 and target[1] == 1 and (target[0], *target[2:]) == output:
        return (), ("squeeze:1",)
    return None


def cast(leaf: Leaf, operation: str) -> tuple[str, ...]:
    """The cast that a target needs: none where its dtype is right already (``float``: any float, ``long``: int64)."""
    if operation == "float":
        return () if leaf.dtype in FLOATING else ("float",)
    return () if leaf.dtype == "int64" else ("long",)
