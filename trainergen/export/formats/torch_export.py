"""torch-export: a ``.pt2`` of `torch.export`, the model's graph and weights; needs torch to run, and nothing of the project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from ..sampling import Case
    from . import Exportable

SUFFIX = ".pt2"
TOLERANCE = 1e-5
PACKAGES = ()
NATURAL = True
NOTES = ()
METADATA = "trainergen.json"


def write(exportable: Exportable, path: Path, metadata: str) -> None:
    """The graph, called as the model is where its call and output are plain containers of tensors."""
    import torch

    from ..capturing import capture

    program = capture(exportable.model, exportable.sample, flat=not exportable.sample.is_plain)
    torch.export.save(program, path, extra_files={METADATA: metadata})


def load(path: Path, model: Callable[[], nn.Module]) -> tuple[str, Callable[[Case], Any]]:  # noqa: ARG001
    """The program in the file."""
    import torch

    program = torch.export.load(path).module()
    return f"torch {torch.__version__}", lambda case: program(*case.args, **case.keywords)
