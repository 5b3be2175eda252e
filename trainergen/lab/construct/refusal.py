"""The honest no of the search for a constructor call: what is known, what to blame, and the one question that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...inspection.expressions import spell
from ..protocol import LabProblem

if TYPE_CHECKING:
    from ...inspection.construction import Construction


@dataclass(frozen=True)
class NotBuilt:
    """No call of the constructor worked.

    Attributes:
        name: of the class or function.
        understood: the arguments of the try that got furthest.
        blamed: the argument that its failure comes from, a part of a config with dots; None where none could be named.
        error: what was raised there: ``ValueError: no such block``.
        place: the user's line, ``model.py:12 in Net.__init__``; None where no frame is theirs.
        notes: that line with what was raised under it.
        downloads: what the constructor tried to fetch: addresses, hosts, names at a hub.
        tries: how many calls were made.
        literal: whether `blamed` can be given on the command line.
    """

    name: str
    understood: Construction
    blamed: str | None
    error: str
    place: str | None
    notes: tuple[str, ...]
    downloads: tuple[str, ...]
    tries: int
    literal: bool

    @property
    def flag(self) -> str:
        """The flag that answers: ``--model-arg`` for a literal, a function of the user's for anything else."""
        return f"--model-arg {self.blamed}=..." if self.literal else "--factory module:name"

    def problem(self) -> LabProblem:
        """As the question that the command ends with (exit 4)."""
        tried = ", ".join(f"{each.name}={spell(each.value).text}" for each in self.understood.arguments)
        if self.downloads:
            message = f"{self.name} wants to download {self.downloads[0]}, which is cut off here"
            hint = "put the file where the code finds it on this machine, or build the model without pretrained weights"
        else:
            subject = f"what {self.blamed} is" if self.blamed else "its arguments"
            message = f"{self.name} can't be built by guessing {subject}: {self.error}"
            hint = f"{self.tries} calls were tried; the furthest was {self.name}({tried})"
        flags = (self.flag,) if not self.literal else (self.flag, "--factory module:name")
        return LabProblem("answer", message, place=self.place, hint=hint, notes=self.notes, flags=flags)
