"""What a model can be trained for: one file a task, found by listing this folder; adding a task is adding its file.

A task's file (``multi_class.py``) and its template (``templates/torch/objectives/multi_class.py.j2``) are all of it.
The file has

* ``TASK``: its name, the file's own with dashes;
* ``LOSSES``: loss name -> one phrase on when it is right, the default first;
* ``REFERENCES``: loss name -> ``function(functional, *, prediction, target, ...)``: the loss on prepared values, by their
  roles, and on the loss's constants by their names, in ``torch.nn.functional`` (given, not imported) and methods of
  tensors. It gives a scalar, or, where the loss is a sum, term name -> scalar in the order of the option's ``terms``,
  unweighted. The proof's control run trains with it: it is written independently of `runtime.losses`;
* ``METRICS``, ``EPOCH_METRICS``: metrics that can be asked for, averaged over batches or over the whole epoch;
  ``DEFAULT_METRICS``: those taken unasked; ``METRIC_FUNCTIONS``: metric name -> function of ``runtime.metrics``, on
  prediction and target as prepared; ``LOSSES_ON_PROBABILITIES``: losses under which the output is a probability already,
  so that a threshold of such a function is one half;
* ``propose(seen)``: what the task would make of a model as a whole (`seen.Seen`): a `Proposal`, or None. It names every
  value that the loss takes as a `seen.Role`: outputs by ``seen.output(role, output)``, inputs by ``seen.input(role,
  part)``, targets by ``seen.want(role, leaf, ...)``, which adds a part to a batch that was found by trying and finds it in
  one that the user gave. The roles ``prediction`` (and ``target``, if any) are what metrics compare;
* ``fit(pair)``, for tasks that compare one output with one part of the batch: whether the two belong together, and how
  well. Where the user gave the batch, such a task is asked about every pair, and to
  ``propose`` what takes more than a pair; all others are asked to ``propose`` alone.

Scores are on one scale: 100 the model says so itself (it returns its loss), 85 to 95 several signs agree, 70 to 84 one
clear sign (a name, an activation), 50 to 69 the shape alone, below 50 a last resort. ``assumed`` is False only where the
evidence is conclusive.

The template sets ``prediction`` (local name), ``summary`` (with {inputs}, {target}, {classes}), ``component`` (the loss's
name in the logs beside auxiliary losses), ``losses``: name -> ``title`` and ``expression`` or ``terms`` (term ->
expression); an expression names values by role and constants by name in braces, and ``optional``: constant -> text that
stands for it only where the plan has it; ``metrics``, ``whole_epoch``, ``extra``. Losses that torch lacks are functions
of ``runtime/losses/``, called ``losses.<name>``; in tests/cli/test_objectives.py a new task needs a model and a batch.

Nothing here imports torch; the lab loads these files too.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ....inspection.batch_spec import Leaf, Path
from ....planning.plan import Constant, Head, Term
from ..facts import OutputFacts
from ..seen import FLOATING, Role, Seen

Reference = Callable[..., Any]

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
        target: where the other part sits.
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
    target: Path
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
    """One loss that can be used, and what makes prediction and target fit it.

    Attributes:
        name, reason: of the task's ``LOSSES``; the reason may say why this one here.
        prediction_prepare, target_prepare: operations, see `facts.OPERATIONS`.
        constants: numbers that it takes.
        terms: where it is a sum, its terms in order.
    """

    name: str
    reason: str
    prediction_prepare: tuple[str, ...] = ()
    target_prepare: tuple[str, ...] = ()
    constants: tuple[Constant, ...] = ()
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Fit:
    """How well a task explains a pair, or a whole model.

    Attributes:
        score: higher wins; the scale is the same for all tasks.
        reason: the evidence, one phrase.
        losses: the losses that can be used, best first.
        classes: number of classes where the task has them.
        problem: the data contradict the model (a class index beyond the output): fatal where this fit wins.
        question: why this must not be guessed; asked unless the user named the loss.
        hint: what the answer to the question may be, and what else helps.
        assumed: a guess, to be marked as one.
        metrics: in place of the task's defaults, where those don't fit this form of output (a map of classes).
        low, high: what every value of the target must lie in; high exclusive for integers.
    """

    score: int
    reason: str
    losses: tuple[LossOption, ...]
    classes: int | None = None
    problem: str | None = None
    question: str | None = None
    hint: str = ""
    assumed: bool = False
    metrics: tuple[str, ...] | None = None
    low: int | float | None = None
    high: int | float | None = None


@dataclass(frozen=True, kw_only=True)
class Proposal(Fit):
    """What a task would make of a model: a fit that brings its own values.

    Attributes:
        roles: every value that the loss takes; one is called ``prediction``, and ``target`` is what metrics compare it
            with.
        heads: of a multi-task model; see `planning.plan.Head`.
    """

    roles: tuple[Role, ...]
    heads: tuple[Head, ...] = ()

    def role(self, name: str) -> Role | None:
        """The role of that name."""
        return next((each for each in self.roles if each.name == name), None)

    @property
    def takes_more(self) -> bool:
        """Whether the loss takes other values than one output and what it is compared with."""
        return any(each.name not in ("prediction", "target") for each in self.roles)

    @property
    def added(self) -> tuple[Role, ...]:
        """The roles that the batch has no part for yet."""
        return tuple(each for each in self.roles if each.leaf is not None)


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

    def propose(self, seen: Seen) -> Proposal | None:
        """What the task would make of the model."""


def fitter(task: Task) -> Callable[[Pair], Fit | None] | None:
    """The task's judgement of one output and one part of the batch; None where it takes other values than two."""
    found: Callable[[Pair], Fit | None] | None = getattr(task, "fit", None)
    return found


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
