"""What a command has to say so far: lines, probes, findings, files. The pipeline fills it, the command line prints it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Line:
    """One line of the report: verb, object, evidence, and for a decision the flag that changes it."""

    verb: str
    subject: str
    evidence: str = ""
    flag: str = ""


@dataclass
class Outcome:
    """The story of one command, complete up to the point where it ended, however it ended.

    Attributes:
        lines: in the order in which they are printed.
        result: JSON-able data for ``--json``.
        diff: unified diffs, for ``--dry-run``.
        closing: the last line, without the time ("5 files at once.  Train: ...").
        next_steps: commands that make sense now.
        explanation: for ``--explain``: what each stage decided and why.
        written: whether the user's disk was changed.
    """

    lines: list[Line] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    diff: str = ""
    closing: str = ""
    next_steps: list[str] = field(default_factory=list)
    explanation: list[str] = field(default_factory=list)
    written: bool = False

    def say(self, verb: str, subject: str, evidence: str = "", flag: str = "") -> None:
        """Add a line."""
        self.lines.append(Line(verb, subject, evidence, flag))

    def clear(self) -> None:
        """Forget everything: the command starts again."""
        self.become(Outcome())

    def copy(self) -> Outcome:
        """The story so far, to come back to."""
        return replace(
            self,
            lines=list(self.lines),
            result=dict(self.result),
            next_steps=list(self.next_steps),
            explanation=list(self.explanation),
        )

    def become(self, other: Outcome) -> None:
        """Tell `other`'s story from here on; `other` itself stays as it is."""
        vars(self).update(vars(other.copy()))
