"""What the project itself passes where it builds a class: found in its source and its config files, never by running it."""

from __future__ import annotations

from dataclasses import dataclass

from .expressions import Value
from .model_facts import Place


@dataclass(frozen=True)
class Usage:
    """One argument as one place of the project gives it.

    Attributes:
        argument: the constructor's parameter.
        value: plain data, see `trainergen.inspection.expressions`.
        place: the line.
        group: the call or section it belongs to: values of one group fit together.
    """

    argument: str
    value: Value
    place: Place
    group: str
