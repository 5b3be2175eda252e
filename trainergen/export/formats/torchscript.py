"""torchscript: a trace for `torch.jit.load` and C++ programs that have no other reader; torch calls it deprecated."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...lab.protocol import LabProblem

if TYPE_CHECKING:
    from torch import nn

    from ..sampling import Case
    from . import Exportable

SUFFIX = ".ts"
TOLERANCE = 1e-5
PACKAGES = ()
NATURAL = False
NOTES = ("torch.jit is deprecated since torch 2.13: --to torch-export is what torch keeps up",)
METADATA = "trainergen.json"

_TAKEN_OUT = ("Python list", "NumPy array")
"""What the tracer warns of where values leave it by other ways than `item`."""


def write(exportable: Exportable, path: Path, metadata: str) -> None:
    """The trace of one call, after making sure that no value decides over its course: a trace would not see the others.

    Raises:
        LabProblem: kind ``user``, naming the line that reads a value.
    """
    import torch

    from ..capturing import Flat

    _refuse_values_read(exportable)
    flat = Flat(exportable.model, exportable.sample).eval()
    inputs = exportable.sample.cases[1].inputs
    with warnings.catch_warnings(record=True) as told, torch.no_grad():
        warnings.simplefilter("always")
        traced = torch.jit.trace(flat, inputs, strict=False, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, str(path), _extra_files={METADATA: metadata})
    for each in told:
        if any(words in str(each.message) for words in _TAKEN_OUT) and exportable.is_users(each.filename):
            _refuse(exportable, each.filename, each.lineno)


def load(path: Path, model: Callable[[], nn.Module]) -> tuple[str, Callable[[Case], Any]]:  # noqa: ARG001
    """The trace in the file."""
    import torch

    traced = torch.jit.load(str(path))  # type: ignore[no-untyped-call]
    return f"torch.jit of torch {torch.__version__}", lambda case: traced(*case.inputs)


def _refuse_values_read(exportable: Exportable) -> None:
    """Run the model as it is; `if`, `while`, `int()` and `item()` on a tensor all read one value from it."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    from ..sampling import seeded

    read: list[tuple[str, int]] = []

    class Reading(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.ops.aten._local_scalar_dense.default:
                frames = [each for each in traceback.extract_stack() if exportable.is_users(each.filename)]
                read.extend((each.filename, each.lineno or 1) for each in frames[-1:])
            return func(*args, **(kwargs or {}))

    case = exportable.sample.cases[0]
    with Reading():  # type: ignore[no-untyped-call]
        seeded(exportable.model, *case.args, **case.keywords)
    if read:
        _refuse(exportable, *read[0])


def _refuse(exportable: Exportable, file: str, line: int) -> None:
    raise LabProblem(
        "user",
        f"{type(exportable.model).__name__} can't be traced: it reads a value of a tensor there, and a trace would keep "
        "what that value decided for this batch",
        place=f"{exportable.shown(file)}:{line}",
        hint="decide by torch.where, or take the branch out of forward; or ship the weights: --to safetensors",
    )
