"""``torch.export`` of the eval-mode model, with a batch dimension that may vary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .....inspection.batch_spec import BATCH
from .....inspection.examination import Examined, Finding, Trial
from ...control import pick, prepared
from .compiled import CLOSE, keep_apart, largest_gap

if TYPE_CHECKING:
    from torch import nn

    from ..specimen import Specimen

DOING = "trying torch.export"
ORDER = 260
NEEDS = "model"
GROUP = "graphs"


def examine(specimen: Specimen) -> Examined:
    """Exported with the batch's sizes, then with a symbolic batch dimension; the exported program is run."""
    keep_apart(specimen)
    model = specimen.build().eval()
    arguments, keywords = _call(specimen, model)
    with torch.no_grad():
        expected = specimen.tensors(specimen.forward(model, specimen.batch()))
        fixed = _try(specimen, model, arguments, keywords, expected, None)
        trials = [fixed]
        shapes = None if fixed.outcome == "fails" else _dynamic(specimen)
        if shapes is not None:
            trials.append(_try(specimen, model, arguments, keywords, expected, shapes))
    return Examined((_judge(trials),), {}, tuple(trials))


def _call(specimen: Specimen, model: nn.Module) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of forward, as `measure_call.call` gives them."""
    batch = specimen.batch()
    if specimen.feeding.whole:
        return (batch,), {}
    positional, named = [], {}
    for argument in specimen.feeding.arguments:
        value = prepared(pick(batch, argument.path), argument.prepare, model)
        if argument.argument is None:
            positional.append(value)
        else:
            named[argument.argument] = value
    return tuple(positional), named


def _try(
    specimen: Specimen,
    model: nn.Module,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    expected: list[torch.Tensor],
    shapes: Any,
) -> Trial:
    name = "torch.export" if shapes is None else "torch.export, any batch size"
    program: list[Any] = []

    def run() -> Any:
        program.append(torch.export.export(model, arguments, keywords, dynamic_shapes=shapes))
        return program[0].module()(*arguments, **keywords)

    trial, output = specimen.attempt(name, run)
    if trial.outcome != "runs":
        return trial
    gap = largest_gap(specimen.tensors(output), expected)
    nodes = len(program[0].graph.nodes)
    return Trial(name, "differs" if gap > CLOSE else "runs", f"{nodes} nodes, largest difference {gap:.1e}")


def _dynamic(specimen: Specimen) -> Any:
    """The symbolic batch dimension, argument by argument; None where an argument is no plain tensor with one."""
    if specimen.feeding.whole or specimen.samples < 2:
        return None
    axes: dict[Any, int] = dict(specimen.axes(BATCH))
    positional, named = [], {}
    for argument in specimen.feeding.arguments:
        if argument.path not in specimen.inputs or argument.prepare:
            return None
        axis = axes.get(argument.path)
        said = {} if axis is None else {axis: torch.export.Dim.AUTO}
        if argument.argument is None:
            positional.append(said)
        else:
            named[argument.argument] = said
    if not axes or (positional and named):
        return None
    return tuple(positional) if positional else named


def _judge(trials: list[Trial]) -> Finding:
    fixed, free = trials[0], trials[-1]
    if fixed.outcome != "runs":
        advice = "ship state_dict and class; for export take Python branches on values and sizes out of forward"
        return Finding("export.fails", "note", "torch.export", f"{fixed.outcome}: {fixed.detail}", advice)
    if free.outcome != "runs":
        advice = "export one program a batch size, or take the batch size out of Python arithmetic in forward"
        evidence = f"only with a fixed batch size: {free.detail}"
        return Finding("export.fixed-batch", "note", "torch.export", evidence, advice)
    any_size = "any batch size" if len(trials) > 1 else "with the batch's sizes"
    advice = "save it with torch.export.save for serving; it needs neither your class nor Python control flow"
    return Finding("export.runs", "ok", "torch.export", f"{any_size}, {free.detail}", advice)
