"""Finds the data folders that ship with trainergen: nothing else knows where `templates` and `registry_patches` are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from .errors import InternalError

PACKAGE = Path(__file__).resolve().parent

Resource = Literal["templates", "registry_patches"]


def resource_folder(name: Resource) -> Path:
    """The folder `name`: inside the installed package if it is there, else at the top level of the checkout.

    Raises:
        InternalError: it is in neither place (a broken installation).
    """
    for parent in (PACKAGE, PACKAGE.parent):
        folder = parent / name
        if folder.is_dir():
            return folder
    raise InternalError(
        f"the folder {name} is missing from this installation",
        place=str(PACKAGE),
        hint="install trainergen again: pip install --force-reinstall trainergen",
    )


def contract_folder(contract: str) -> Path:
    """The folder of a base-trainer contract, where its frame stands beside the code that drives it."""
    return PACKAGE / "contracts" / contract


def runtime_folder() -> Path:
    """The source of the runtime, which ``--vendor`` copies."""
    return PACKAGE / "runtime"
