"""The lab's ``build`` request: builds the model, runs it on a batch, measures everything that planning decides by."""

from __future__ import annotations

import contextlib
import platform
import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ...inspection.batch_spec import BatchSpec, Branch, Leaf, Node, Path, find, leaves, spell_path
from ...inspection.model_facts import Argument
from ...lab.batch_form import describe, is_finite, live_leaves, map_leaves, part
from ...lab.protocol import Context, LabProblem
from ...plain import from_plain, to_plain
from ...runtime.device import move_batch
from .control import floating_dtype
from .facts import Binding, Feeding, OutputFacts, TargetFacts, TorchFacts
from .feeding import NoFeeding, candidates, is_target_name
from .measure_bindings import find_bindings
from .measure_call import Ran, Snapshot, Subject, batch_notes, equal, first_that_runs
from .measure_causal import token_orders
from .measure_data import Data
from .measure_defaults import implicit_defaults
from .measure_model import (
    buffer_facts,
    forward_arguments,
    has_batch_norm,
    maker,
    module_types,
    parameter_facts,
)
from .measure_output import demand_auxiliaries, demand_learnable, output_facts, output_kind, output_names
from .measure_search import NothingFound, seek
from .measure_sizes import Sizing, find_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BATCHES_FILE = "batches.pt"
"""In the scratch folder: ``{"train": [...], "validation": [...]}``, for the proof to load."""

MOST_DISTINCT = 1000
"""Distinct values of a target are counted up to here."""


def build(payload: dict[str, Any], context: Context) -> dict[str, Any]:
    """Build the model, run it on a batch, and say what was seen: `TorchFacts` as plain data. What is not given is sought.

    Saves the batches that the proof trains on (CPU tensors) in the scratch folder.

    Args:
        payload: ``model``, ``factory``, ``arguments``, ``forward``, ``batch`` or ``loader``, ``target``,
            ``auxiliaries``, ``seed``; a true ``synthesised`` says that the batch holds the model's inputs alone.
        context: the copied tree, the scratch folder, the device.

    Returns:
        The facts; or ``{"unanswered": ...}``, an `Unanswered`, where a search for what nobody said found nothing.

    Raises:
        LabProblem: ``input``, ``answer`` or ``user``, as the rooms below say.
    """
    demand_device(context.device)
    target: Path | None = tuple(payload["target"]) if payload.get("target") else None
    begin = partial(_begin, payload=payload, context=context, target=target)
    try:
        data, begun, search = seek(payload, context, begin)
    except NothingFound as no:
        return {"unanswered": to_plain(no.unanswered)}
    model, subject, ran, output = begun.subject.model, begun.subject, begun.ran, begun.output
    kind, output_type = output_kind(ran.output)
    feeding, inputs = _settle(subject, ran, target)
    sizing, more = _sizes(subject, feeding, inputs, output)
    named = tuple(replace(each, dims=sizing.output.get(each.path, each.dims)) for each in output)
    bindings: tuple[Binding, ...] = ()
    make, seed = maker(payload, context), int(payload.get("seed", 0))
    construction = search.construction if search is not None else None
    implicit = () if payload.get("factory") else implicit_defaults(make, construction, context, seed)
    if search is not None and search.construction is not None:
        batch = data.train[0]
        bindings = find_bindings(make, search.construction, batch, sizing.spec, feeding, named, context, seed)
        subject.snapshot.restore()
    facts = TorchFacts(
        parameters=parameter_facts(model),
        buffers=buffer_facts(model, begun.moved),
        module_types=module_types(model),
        batch=_with_ranges(sizing.spec, data.train),
        feeding=feeding,
        output_kind=kind,
        output=named,
        output_type=output_type,
        targets=_targets(data, feeding, target),
        fixed=sizing.fixed,
        final_module=ran.modules[-1] if ran.modules else None,
        loader=data.loader,
        device=context.device,
        python=platform.python_version(),
        torch=torch.__version__,
        peak_memory=begun.memory,
        forward_seconds=ran.seconds,
        batch_norm=has_batch_norm(model),
        dtype=str(floating_dtype(model)).removeprefix("torch."),
        warnings=(*begun.warnings, *more),
        bindings=bindings,
        implicit=implicit,
        search=search,
        synthesised=bool(payload.get("synthesised")) or (search is not None and search.synthesis is not None),
        bare_in_eval=begun.bare and kind != "tensor",
        called=output_names(subject, feeding) if kind in ("tuple", "list") else (),
        ran=tuple(ran.modules[-20:]),
        orders=token_orders(subject, feeding, inputs, output),
    )
    _save(data, context)
    plain: dict[str, Any] = to_plain(facts)
    return plain


@dataclass(frozen=True)
class _Begun:
    """A model that runs, trains and evaluates on its batch.

    Attributes:
        subject: with the snapshot that every later run starts from.
        ran: the forward that ran, in train mode.
        output: what `output_facts` says of it.
        memory: peak, in bytes, after one forward and backward.
        moved: buffers that a forward in eval mode changes.
        warnings: what is odd, but no hindrance.
        bare: in eval mode forward returns one tensor.
    """

    subject: Subject
    ran: Ran
    output: tuple[OutputFacts, ...]
    memory: int
    moved: set[str]
    warnings: tuple[str, ...]
    bare: bool


def _begin(model: nn.Module, data: Data, *, payload: dict[str, Any], context: Context, target: Path | None) -> _Begun:
    """Run the model on the batch, forwards, backwards and in eval mode.

    Raises:
        LabProblem: it does not take the batch, or nothing can be learnt from what it gives.
    """
    device = torch.device(context.device)
    sought = bool(payload.get("synthesised")) or not (payload.get("batch") or payload.get("loader"))
    if target is not None and sought and find(data.spec.root, target) is None:
        target = None  # what a target is to be called: planning puts it into the batch
    forward = forward_arguments(model, [from_plain(Argument, each) for each in payload.get("forward", ())])
    try:
        feedings = candidates(forward, data.spec, target, str(floating_dtype(model)).removeprefix("torch."))
    except NoFeeding as error:
        raise LabProblem(
            "input", str(error), place=data.spec.place, hint=error.hint, notes=batch_notes(data.spec)
        ) from error
    subject = Subject(model, move_batch(data.train[0], device), data.spec, context, Snapshot(model, device))
    ran = first_that_runs(subject, feedings)
    without_backward = _backward(ran.output, model)  # before buffers are restored: BatchNorm's backward reads them
    memory = _peak_memory(device)
    subject.snapshot.restore()
    subject.snapshot = Snapshot(model, device)  # lazy modules have their buffers only now
    output = output_facts(ran.output)
    warnings = [*data.warnings, *demand_learnable(ran.output, output, subject, _dirty(data.train[0]))]
    demand_auxiliaries(payload.get("auxiliaries", ()), output, subject.name)
    moved, there = _evaluate(subject, ran.feeding)
    output = tuple(replace(each, training_only=each.path not in there) for each in output)
    return _Begun(subject, ran, output, memory, moved, (*warnings, *without_backward), there == {()})


def demand_device(name: str) -> None:
    """Refuse a ``--device`` that this machine, or its torch, does not have, before the user's code is blamed for it.

    Raises:
        LabProblem: kind ``input``.
    """
    kind = torch.device(name).type
    lacks_cuda = kind == "cuda" and not torch.cuda.is_available()
    if lacks_cuda or (kind == "mps" and not torch.backends.mps.is_available()):
        raise LabProblem(
            "input",
            f"--device {name}: torch {torch.__version__} in {sys.executable} finds none on this machine",
            hint="--device cpu, or --python with an environment whose torch was built for it",
        )


def _dirty(batch: Any) -> list[str]:
    """Parts of the batch with values that are not finite."""
    return [
        spell_path(path) for path, leaf in live_leaves(batch) if isinstance(leaf, torch.Tensor) and not is_finite(leaf)
    ]


def _backward(output: Any, model: nn.Module) -> list[str]:
    """One backward from everything that has a graph, for the memory it takes; the loss's is the proof's business."""
    with contextlib.suppress(RuntimeError):
        total = [
            leaf.sum().abs() for _, leaf in live_leaves(output) if isinstance(leaf, torch.Tensor) and leaf.requires_grad
        ]
        torch.autograd.backward(total)
        model.zero_grad()
        return []
    model.zero_grad()
    return ["the sum of the outputs has no backward: memory was measured for forward alone"]


def _peak_memory(device: torch.device) -> int:
    """Bytes: of the GPU where the model is on one, else of this process (Linux counts in KiB, macOS in bytes)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _evaluate(subject: Subject, feeding: Feeding) -> tuple[set[str], set[Path]]:
    """Forward in eval mode: the buffers that it moves, and where it returns anything."""
    subject.model.eval()
    try:
        with torch.no_grad():
            there = {path for path, value in live_leaves(subject.run(feeding)) if value is not None}
    except BaseException as error:  # a model that trains but can't evaluate fails at the end of its first epoch
        problem = subject.failed(error)
        problem.message += " (in eval mode; in train mode it runs)"
        raise problem from error
    moved = subject.snapshot.moved()
    subject.snapshot.restore()
    subject.model.train()
    return moved, there


def _settle(subject: Subject, ran: Ran, target: Path | None) -> tuple[Feeding, list[Path]]:
    """The feeding with its targets, and the leaves that go in: for a whole batch, those that the output depends on."""
    found = [path for path, _ in leaves(subject.spec.root)]
    if not ran.feeding.whole:
        fed = [argument.path for argument in ran.feeding.arguments]
        return ran.feeding, [path for path in found if any(path[: len(each)] == each for each in fed)]
    used = [path for path in found if path != target and _matters(subject, path, ran.feeding)]
    return replace(ran.feeding, targets=tuple(path for path in found if path not in used)), used


def _matters(subject: Subject, path: Path, feeding: Feeding) -> bool:
    """Whether the output changes with the leaf's values; by its name where that can't be seen."""
    by_name = not is_target_name(path[-1] if path else "")
    changed = _changed(part(subject.batch, path))
    if changed is None:
        return by_name
    other = map_leaves(subject.batch, lambda where, value: changed if where == path else value)
    outputs: list[dict[Path, torch.Tensor]] = []
    for each in (subject.batch, subject.batch, other):
        try:
            found = live_leaves(subject.run(feeding, each))
        except Exception:  # it was looked at, or it could not have raised
            return True
        outputs.append({where: value.detach() for where, value in found if isinstance(value, torch.Tensor)})
    if not _same(outputs[0], outputs[1]):  # another output each time: only the name is left to go by
        return by_name
    return not _same(outputs[0], outputs[2])


def _same(left: dict[Path, torch.Tensor], right: dict[Path, torch.Tensor]) -> bool:
    return set(left) == set(right) and all(equal(left[path], right[path]) for path in left)


def _changed(tensor: Any) -> Any:
    """Other values of the same range, other strings; None where there are none."""
    if isinstance(tensor, (list, tuple)) and all(isinstance(each, str) for each in tensor):
        return [each + "_" for each in tensor]
    if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
        return None
    if not tensor.numel() or tensor.is_complex():
        return None
    if tensor.dtype == torch.bool:
        return ~tensor
    low, high = torch.aminmax(tensor)
    if not bool(low < high):
        return None
    return high - (tensor - low)


def _sizes(
    subject: Subject, feeding: Feeding, inputs: Sequence[Path], output: Sequence[OutputFacts]
) -> tuple[Sizing, list[str]]:
    """Try other sizes, on the CPU: an index out of range on a GPU would end every later operation there."""
    cpu = torch.device("cpu")
    device = torch.device(subject.context.device)
    if device.type != "cpu":
        subject.model.to(cpu)
        subject = replace(subject, batch=move_batch(subject.batch, cpu), snapshot=Snapshot(subject.model, cpu))

    def run(resized: Any) -> Any:
        with _quiet():
            return subject.run(feeding, resized)

    try:
        if device.type != "cpu":
            try:
                run(subject.batch)
            except Exception as error:  # a model for GPUs only: nothing can be said about sizes
                said = f"other sizes were not tried: the model does not run on the CPU ({type(error).__name__})"
                return Sizing(subject.spec, {each.path: each.dims for each in output}), [said]
        return find_sizes(run, subject.batch, subject.spec, inputs, output), []
    finally:
        subject.snapshot.restore()
        subject.model.to(device)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings that a trial with an odd size may give."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _with_ranges(spec: BatchSpec, batches: Sequence[Any]) -> BatchSpec:
    """Measured ranges over all batches that were read; given ones stay."""
    found = [dict(leaves(describe(each, "measured", None).root)) for each in batches]

    def change(node: Node, path: Path) -> Node:
        if isinstance(node, Branch):
            return replace(node, entries=tuple((key, change(child, (*path, key))) for key, child in node.entries))
        if node.source != "measured":
            return node
        lows = [each[path].low for each in found if path in each]
        highs = [each[path].high for each in found if path in each]
        return replace(
            node,
            low=min((low for low in lows if low is not None), default=None),
            high=max((high for high in highs if high is not None), default=None),
        )

    return replace(spec, root=change(spec.root, ()))


def _targets(data: Data, feeding: Feeding, target: Path | None) -> tuple[TargetFacts, ...]:
    """Values of every tensor that does not go in, and of the target that the user named, over all batches read."""
    known = dict(leaves(data.spec.root))
    paths = [
        *feeding.targets,
        *([target] if target is not None and target not in feeding.targets and target in known else []),
    ]
    found = []
    for path in paths:
        values = [
            leaf
            for each in data.train
            for where, leaf in live_leaves(each)
            if where == path and isinstance(leaf, torch.Tensor)
        ]
        if values and not values[0].is_complex() and values[0].layout == torch.strided:
            found.append(_target_facts(path, values, known[path]))
    return tuple(found)


def _target_facts(path: Path, values: Sequence[torch.Tensor], leaf: Leaf) -> TargetFacts:
    flat = torch.cat([each.detach().flatten() for each in values])
    integral = not flat.is_floating_point()
    kept = flat if integral else flat[torch.isfinite(flat)]
    distinct = torch.unique(kept[: 10**6])
    low = float(distinct.min()) if distinct.numel() else None
    high = float(distinct.max()) if distinct.numel() else None
    count = min(int(distinct.numel()), MOST_DISTINCT)
    zero_one = bool(((distinct == 0) | (distinct == 1)).all()) and bool(distinct.numel())
    if leaf.source == "given" and leaf.low is not None and leaf.high is not None:
        low, high = float(leaf.low), float(leaf.high - 1 if integral else leaf.high)
        if integral:
            count = min(int(leaf.high) - int(leaf.low), MOST_DISTINCT)
            zero_one = (low, high) == (0.0, 1.0)
    return TargetFacts(path, integral, low, high, count, zero_one)


def _save(data: Data, context: Context) -> None:
    try:
        torch.save({"train": data.train, "validation": data.validation}, context.scratch / BATCHES_FILE)
    except OSError as error:
        raise LabProblem("machine", f"the batches can't be kept for the proof: {error.strerror or error}") from error
    except Exception as error:  # a class that can't be pickled: a lambda inside, a lock, a class in a function
        raise LabProblem(
            "user",
            f"the batch can't be handed on: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:160]}",
            hint="a batch of tensors, dicts, tuples, or of a class at the top level of a module can be",
        ) from error
