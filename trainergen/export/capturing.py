"""Lab part: a model as a graph that takes any batch size, by `torch.export`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..lab.batch_form import map_leaves
from .sampling import Sample, tensors_of

if TYPE_CHECKING:
    from torch.export import ExportedProgram


class Flat(nn.Module):
    """A model that takes the tensors of its call one after the other, and gives those of its output.

    What else the call holds (flags, None, numbers) is as it was seen. The output is a dict where the model gives a
    mapping or dataclass of tensors, else a tensor or a tuple of them.
    """

    def __init__(self, model: nn.Module, sample: Sample) -> None:
        super().__init__()
        self.model = model
        self._call = (sample.cases[0].args, sample.cases[0].keywords)
        self._names = [each.name for each in sample.outputs] if hasattr(sample.output, "keys") else None

    def forward(self, *tensors: torch.Tensor) -> Any:
        """The model's output for its call with `tensors` in it."""
        waiting = iter(tensors)
        args, keywords = map_leaves(
            self._call, lambda _, leaf: next(waiting) if isinstance(leaf, torch.Tensor) else leaf
        )
        found = tensors_of(self.model(*args, **keywords))
        if self._names is not None:
            return dict(zip(self._names, found, strict=True))
        return found[0] if len(found) == 1 else found


def capture(model: nn.Module, sample: Sample, *, flat: bool) -> ExportedProgram:
    """The model's graph, with its weights; each size that varied between the sample's cases may be any.

    Args:
        model: in eval mode.
        sample: calls that were seen; the second is traced, since it has neither one sample nor the loader's number.
        flat: whether it is called as `Flat` is; else as the model is.

    Raises:
        Exception: whatever torch.export says of a model that it can't capture.
    """
    case = sample.cases[1]
    sizes = [dict.fromkeys(sample.axes(index), torch.export.Dim.DYNAMIC) for index in range(len(case.inputs))]
    if flat:
        return torch.export.export(Flat(model, sample), case.inputs, dynamic_shapes=(tuple(sizes),))
    waiting = iter(sizes)
    args, keywords = map_leaves(
        (case.args, case.keywords), lambda _, leaf: next(waiting) if isinstance(leaf, torch.Tensor) else None
    )
    shapes = inspect.signature(model.forward).bind(*args, **keywords).arguments
    return torch.export.export(model, case.args, case.keywords, dynamic_shapes=dict(shapes))
