"""Runs forward on a batch the way a feeding says, from the same state every time, and tries feedings until one runs."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ...inspection.batch_spec import BatchSpec, Path, leaves, spell_access, spell_path
from ...lab.batch_form import live_leaves
from ...lab.frames import problem_from
from ...lab.snapshot import Snapshot as Snapshot  # noqa: PLC0414  handed on to `measure`
from ...lab.snapshot import equal as equal  # noqa: PLC0414  the same
from .control import pick, prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...lab.protocol import Context, LabProblem
    from .facts import Feeding

CASTS = frozenset({"float", "long", "bool"})
"""Preparations that change the dtype alone."""


@dataclass
class Ran:
    """A forward that ran: how it was fed, what it gave, the leaf modules in the order in which they ended, seconds."""

    feeding: Feeding
    output: Any
    modules: list[str] = field(default_factory=list)
    seconds: float = 0.0


def call(model: nn.Module, batch: Any, feeding: Feeding) -> Any:
    """``model(...)`` on `batch` as `feeding` says."""
    if feeding.whole:
        return model(batch)
    positional, named = [], {}
    for argument in feeding.arguments:
        value = prepared(pick(batch, argument.path), argument.prepare, model)
        if argument.argument is None:
            positional.append(value)
        else:
            named[argument.argument] = value
    return model(*positional, **named)


@dataclass
class Subject:
    """What is measured: a model, a batch on its device, and what messages about them need.

    Attributes:
        model: built.
        batch: on the model's device.
        spec: the batch's form.
        context: where the copied tree is.
        snapshot: the state that every run starts from.
    """

    model: nn.Module
    batch: Any
    spec: BatchSpec
    context: Context
    snapshot: Snapshot

    @property
    def name(self) -> str:
        """The model's class."""
        return type(self.model).__name__

    def run(self, feeding: Feeding, batch: Any = None) -> Any:
        """Forward on `batch` (else its own), from the snapshot's state, in whatever mode the model is."""
        self.snapshot.restore()
        return call(self.model, self.batch if batch is None else batch, feeding)

    def failed(self, error: BaseException) -> LabProblem:
        """The user's forward failed: its frames, and the batch it failed on."""
        problem = problem_from(error, self.context, f"{self.name}.forward")
        problem.notes = (*problem.notes, *batch_notes(self.spec))
        return problem


def first_that_runs(subject: Subject, feedings: Sequence[Feeding]) -> Ran:
    """The first of `feedings` that forward takes, in train mode.

    A preparation is tried only on evidence, so that it does not paper over a fault in forward: a cast after an error
    that speaks of dtypes, another shape after one of torch's own layers refused a tensor that has the shape of a part
    of the batch. A feeding that runs but gives nothing of the batch's size (a tensor without batch dimension, read as
    if one of its dimensions were) is kept for the case that no other does better.

    Raises:
        LabProblem: kind ``user``: forward raised for every one; what is told is the first, unprepared one's error.
    """
    first: BaseException | None = None
    doubtful: Ran | None = None
    evidence: dict[tuple[tuple[Path, str | None], ...], set[str]] = {}
    for feeding in feedings:
        permitted = evidence.setdefault(tuple((each.path, each.argument) for each in feeding.arguments), set())
        if not _kinds(feeding) <= permitted:
            continue
        subject.model.train()
        watch = _Watch(subject.model)
        started = time.perf_counter()
        try:
            output = subject.run(feeding)
        except Exception as error:  # the next feeding may do; if none does, the first error is the one to tell
            first = first or error
            permitted |= _evidence(error, watch, subject.batch)
            continue
        except BaseException as error:  # sys.exit in forward: no other feeding will do better
            raise subject.failed(error) from error
        finally:
            watch.end()
        ran = Ran(feeding, output, watch.finished, time.perf_counter() - started)
        if feeding.whole or _keeps_batch(output, subject.spec.samples):
            return ran
        doubtful = doubtful or ran
    if doubtful is not None:
        return doubtful
    assert first is not None
    raise subject.failed(first) from first


def _kinds(feeding: Feeding) -> set[str]:
    """Of what kinds its preparations are."""
    return {"cast" if operation in CASTS else "shape" for each in feeding.arguments for operation in each.prepare}


def _evidence(error: Exception, watch: _Watch, batch: Any) -> set[str]:
    """Which kinds of preparation the failure speaks for."""
    found = {"cast"} if re.search(r"dtype|\btypes?\b|not implemented for '", str(error)) else set()
    module, arguments = watch.running[-1] if watch.running else (None, ())
    if module is not None and _is_torch_layer(module):
        shapes = {tuple(leaf.shape) for _, leaf in live_leaves(batch) if isinstance(leaf, torch.Tensor)}
        if any(isinstance(each, torch.Tensor) and tuple(each.shape) in shapes for each in arguments):
            found.add("shape")
    return found


def _is_torch_layer(module: nn.Module) -> bool:
    """Whether the module is, or inherits, one of torch's own layers; containers run what is somebody else's."""
    homes = [kind.__module__ for kind in type(module).__mro__ if kind is not nn.Module]
    return any(home.startswith("torch.nn.modules.") for home in homes) and "torch.nn.modules.container" not in homes


class _Watch:
    """Hooks that note which modules are running, and the types of the leaf modules that have run."""

    def __init__(self, model: nn.Module) -> None:
        self.running: list[tuple[nn.Module, tuple[Any, ...]]] = []
        self.finished: list[str] = []
        self._hooks: list[Any] = []
        for module in model.modules():
            with contextlib.suppress(RuntimeError):  # scripted modules take no hooks
                self._hooks.append(module.register_forward_pre_hook(self._enter))
                self._hooks.append(module.register_forward_hook(self._leave))
        self._model = model

    def end(self) -> None:
        """Take the hooks off."""
        for hook in self._hooks:
            hook.remove()

    def _enter(self, module: nn.Module, arguments: tuple[Any, ...]) -> None:
        self.running.append((module, arguments))

    def _leave(self, module: nn.Module, _: Any, __: Any) -> None:
        while self.running and self.running.pop()[0] is not module:
            pass  # entries of modules whose exception the user's code has caught
        if module is not self._model and next(module.children(), None) is None:
            self.finished.append(type(module).__name__)


def batch_notes(spec: BatchSpec) -> tuple[str, ...]:
    """The parts of the batch with their shapes, as an error shows them."""
    lines: list[str] = []
    for path, leaf in leaves(spec.root):
        head = "   = batch: " if not lines else "            "
        shape = f" {leaf.sizes}" if leaf.sizes else ""
        bare = bool(path) and isinstance(path[-1], int)  # a number alone says nothing
        name = f"{spell_access(spec.root, path) if bare else spell_path(path)} " if path else ""
        lines.append(f"{head}{name}{leaf.dtype}{shape}, {_from(leaf.place)}")
    return tuple(lines)


def _from(place: str | None) -> str:
    if place is None:
        return "given"
    return "from your loader" if place.startswith("loader ") else f"from {place}"


def _keeps_batch(output: Any, samples: int) -> bool:
    """Whether some output counts the samples: in its first two dimensions, as a multiple, or as their mean."""
    tensors = [leaf for _, leaf in live_leaves(output) if isinstance(leaf, torch.Tensor)]
    if not tensors or samples == 0:
        return True
    for tensor in tensors:
        sizes = tuple(tensor.shape)
        if not sizes or samples in sizes[:2] or (sizes[0] and sizes[0] % samples == 0):
            return True
    return False
