"""safetensors: the weights alone, for the model's own class; read without executing anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from ..sampling import Case
    from . import Exportable

SUFFIX = ".safetensors"
TOLERANCE = 1e-5
PACKAGES = ("safetensors",)
NATURAL = True
NOTES = ("weights alone: safetensors.torch.load_model(model, file) reads them into the model's own class",)


def write(exportable: Exportable, path: Path, metadata: str) -> None:
    """Every parameter and buffer of the state_dict; of tensors that share memory one is kept, and the names of the others."""
    from safetensors.torch import save_model

    save_model(exportable.model, str(path), metadata={"format": "pt", "trainergen": metadata})


def load(path: Path, model: Callable[[], nn.Module]) -> tuple[str, Callable[[Case], Any]]:
    """The model built anew, with the weights of the file."""
    from safetensors.torch import load_model

    built = model()
    load_model(built, str(path), strict=True)
    return "the model's class with the file's weights", lambda case: built(*case.args, **case.keywords)
