"""The formats that a model can be written in, one file each; the folder is the list, `_` in a name is `-` on the command line.

A format is a module with

* ``SUFFIX``: of its files;
* ``TOLERANCE``: how far its outputs may be from the model's, absolutely and relatively, where nobody says otherwise;
* ``PACKAGES``: what must be importable where the trainer runs, beside torch;
* ``NATURAL``: whether its files are called as the model is; else with all tensors of the call, in order;
* ``NOTES``: what everybody who uses it should be told;
* ``write(exportable, path, metadata)``: writes the file, ``metadata`` (JSON text) inside;
* ``load(path, model)``: reads it again; gives what ran it (text) and a function from a `Case` to the output.
  ``model`` builds the model, without its weights.

These files are read by the main process too: what is heavy is imported in the functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from ..sampling import Sample


@dataclass(frozen=True)
class Exportable:
    """A model that is to be written.

    Attributes:
        model: in eval mode, its parameters frozen.
        sample: the calls that it was seen with.
        is_users: whether a file is the project's own.
        shown: a file's path as the user knows it.
    """

    model: nn.Module
    sample: Sample
    is_users: Callable[[str], bool]
    shown: Callable[[str], str]
