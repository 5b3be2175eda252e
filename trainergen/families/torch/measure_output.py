"""What forward returned: its form and its figures, and whether anything can be learnt from it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from ...errors import did_you_mean
from ...inspection.batch_spec import spell_path
from ...lab.batch_form import (
    is_finite,
    live_leaves,
    open_container,
    spelled_dtype,
    type_name,
    value_range,
)
from ...lab.protocol import LabProblem
from ...lab.sources import method_node
from .facts import Feeding, OutputFacts, OutputName
from .measure_call import Subject, batch_notes
from .measure_model import forward_place
from .return_names import names_returned

if TYPE_CHECKING:
    from collections.abc import Sequence

_ACTIVATIONS = frozenset({"Sigmoid", "Softmax", "LogSoftmax", "LogSigmoid"})
_SHAPES = frozenset(
    {
        "Alias",
        "Clamp",
        "Clone",
        "Expand",
        "Permute",
        "ReshapeAlias",
        "Select",
        "Slice",
        "Split",
        "Squeeze",
        "T",
        "ToCopy",
        "Transpose",
        "Unbind",
        "UnsafeView",
        "Unsqueeze",
        "View",
    }
)
"""Operations of a graph after which a probability still is one."""

OutputKind = Literal["tensor", "mapping", "tuple", "list", "dataclass", "namedtuple", "other"]


def output_kind(output: Any) -> tuple[OutputKind, str | None]:
    """How the output is read, and its class if it is a dataclass, a namedtuple or something foreign."""
    if isinstance(output, torch.Tensor):
        return "tensor", None
    container = open_container(output)
    if container is None:
        return "other", type_name(output)
    return container.kind, container.type_name


def output_facts(output: Any) -> tuple[OutputFacts, ...]:
    """Every tensor and number in the output; `dims` are the plain sizes, to be named later."""
    found = []
    for path, leaf in live_leaves(output):
        if isinstance(leaf, torch.Tensor):
            found.append(_tensor_facts(path, leaf))
        elif isinstance(leaf, (int, float)) and not isinstance(leaf, bool):
            value = float(leaf)
            found.append(OutputFacts(path, type(leaf).__name__, (), (), value, value, math.isfinite(value), False))
    return tuple(found)


def output_names(subject: Subject, feeding: Feeding) -> tuple[OutputName, ...]:
    """What the parts of a tuple are called by the innermost module that returned them, as in ``return self.net(x)``.

    The model is run once more, in train mode; a part that is made by no module's return alone has no name here.
    """
    makers: dict[int, tuple[str, str]] = {}
    kept: list[torch.Tensor] = []  # alive, so that no later tensor has the number of one that is gone

    def note(module: nn.Module, _: Any, output: Any) -> None:
        if not isinstance(output, (tuple, list)):
            return
        names: dict[int, str] | None = None
        for index, value in enumerate(output):
            if isinstance(value, torch.Tensor) and id(value) not in makers:
                names = _names_in(type(module)) if names is None else names
                if index in names:
                    makers[id(value)] = (names[index], type(module).__name__)
                    kept.append(value)

    handles = [module.register_forward_hook(note) for module in subject.model.modules()]
    try:
        subject.model.train()
        output = subject.run(feeding)
    except Exception:  # it ran before; what is random in it may refuse now: nothing can be said
        return ()
    finally:
        for handle in handles:
            handle.remove()
        subject.snapshot.restore()
    found = ((path, makers[id(leaf)]) for path, leaf in live_leaves(output) if len(path) == 1 and id(leaf) in makers)
    return tuple(OutputName(path, *maker) for path, maker in found)


def _names_in(kind: type) -> dict[int, str]:
    """What the ``forward`` of a class calls the parts of its tuple; nothing where there is no source."""
    forward = method_node(kind, "forward")
    return names_returned(forward) if forward is not None else {}


def demand_learnable(
    output: Any, facts: Sequence[OutputFacts], subject: Subject, dirty: Sequence[str] = ()
) -> list[str]:
    """Refuse an output that nothing can be learnt from: no tensor, empty, not finite, without graph.

    Args:
        output: as forward returned it.
        facts: what `output_facts` says of it.
        subject: the model and the batch.
        dirty: parts of the batch that hold values that are not finite themselves.

    Returns:
        Warnings: what is odd, but no hindrance.

    Raises:
        LabProblem: kind ``user``.
    """
    model, name = subject.model, subject.name

    def problem(message: str, hint: str) -> LabProblem:
        place = forward_place(model, subject.context)
        return LabProblem("user", message, place=place, hint=hint, notes=batch_notes(subject.spec))

    shown = f"{name}.forward"
    if not facts:
        raise problem(
            f"{shown} returned {type(output).__name__}, which holds no tensor",
            "return the output as a tensor, or tensors in a dict or tuple",
        )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise problem(
            f"{name} has no trainable parameter: nothing can be learnt",
            "set requires_grad on what is to be trained, or name another class",
        )
    tensors = [each for each in facts if each.dtype not in ("int", "float")]
    if tensors and all(0 in each.sizes for each in tensors):
        sizes = ", ".join(str(each.sizes) for each in tensors)
        raise problem(
            f"{shown} returned an empty output {sizes}",
            "look for a slice or a mask in forward that keeps nothing of this batch",
        )
    attached = [each for each in facts if each.has_graph]
    if not attached:
        raise problem(
            f"{shown} returned an output without graph: no gradient can reach a parameter",
            "look in forward for torch.no_grad, .detach(), .data, .item(), argmax, or a tensor made anew from values",
        )
    warnings = []
    for each in attached:
        where = f"{shown}'s {spell_path(each.path)}" if each.path else shown
        if each.finite:
            continue
        if each.low is None or _has_nan_or_plus_infinity(output, each):
            raise problem(
                f"{where} returned values that are not finite",
                (
                    f"the batch itself holds such values, in {', '.join(dirty)}: clean the data"
                    if dirty
                    else "look for a division by zero, a logarithm or root of zero or less, or uninitialised weights"
                ),
            )
        warnings.append(f"{where} returned -inf in places: a loss must mask them")
    return warnings


def demand_auxiliaries(names: Sequence[str], facts: Sequence[OutputFacts], name: str) -> None:
    """Refuse ``--auxiliary`` names that forward returns nothing by.

    Raises:
        LabProblem: kind ``input``, with a did-you-mean.
    """
    known = [spell_path(each.path) for each in facts if each.path]
    lasts = [str(each.path[-1]) for each in facts if each.path]
    for wanted in names:
        if wanted not in known and wanted not in lasts:
            returned = ", ".join(known) if known else "one tensor alone"
            raise LabProblem(
                "input",
                f"--auxiliary {wanted}: {name}.forward returns {returned}",
                hint=did_you_mean(wanted, known) if known else None,
            )


def _tensor_facts(path: tuple[str | int, ...], tensor: torch.Tensor) -> OutputFacts:
    values = tensor.detach()
    sizes = tuple(int(size) for size in values.shape)
    finite = is_finite(values)
    bounds = value_range(values)
    low, high = (None if bound is None else float(bound) for bound in bounds)
    graph, made = tensor.requires_grad, _activation(tensor)
    facts = OutputFacts(path, spelled_dtype(tensor), sizes, sizes, low, high, finite, graph, activation=made)
    if not (finite and values.is_floating_point() and sizes and sizes[-1] >= 2 and values.numel()):
        return facts
    tolerance = 1e-4 if values.dtype in (torch.float32, torch.float64) else 2e-2
    ones = _near_one(values, tolerance)
    logs = not ones and high is not None and high <= tolerance and _near_one(values.exp(), tolerance)
    return replace(facts, sums_to_one=ones, log_sums_to_one=logs)


def _activation(tensor: torch.Tensor) -> str | None:
    """The activation that the tensor came out of, as the operations of its graph are called; None for another one."""
    node = tensor.grad_fn
    for _ in range(20):
        if node is None:
            return None
        name = node.name().rstrip("0123456789").removesuffix("Backward")
        if name not in _SHAPES:
            return name if name in _ACTIVATIONS else None
        node = node.next_functions[0][0]
    return None


def _near_one(values: torch.Tensor, tolerance: float) -> bool:
    low, high = torch.aminmax(values)
    if float(low) < -tolerance or float(high) > 1 + tolerance:
        return False
    return bool((values.sum(-1, dtype=torch.float64) - 1).abs().max() <= tolerance)


def _has_nan_or_plus_infinity(output: Any, facts: OutputFacts) -> bool:
    tensor = dict(live_leaves(output))[facts.path]
    return bool((tensor.isnan() | (tensor == math.inf)).any())
