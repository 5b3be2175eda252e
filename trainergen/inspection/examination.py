"""What `inspect` saw: findings and trials as plain data, shared by the lab that measures and the report that tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["ok", "note", "warn", "fail"]
"""``fail`` will break a training, ``warn`` is likely to spoil one, ``note`` is worth knowing, ``ok`` was tried and is well."""

SEVERITIES: tuple[Severity, ...] = ("fail", "warn", "note", "ok")
"""The worst first."""

Outcome = Literal["runs", "fails", "not finite", "differs", "not tried"]
"""What became of a trial: ``differs`` ran and gave something else than it should."""


@dataclass(frozen=True)
class Finding:
    """One thing that was measured and judged.

    Attributes:
        id: stable name, ``<area>.<what>``: ``gradients.vanishing``.
        severity: see `Severity`.
        subject: what it is about, a few words.
        evidence: what was measured, one line with its figures.
        advice: what to do about it.
        numbers: the figures as data.
    """

    id: str
    severity: Severity
    subject: str
    evidence: str
    advice: str
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """One thing that was done to the model to see what happens.

    Attributes:
        name: what was done: ``batch size 1, train mode``.
        outcome: what became of it.
        detail: the error's first line, or what was compared.
        place: the deepest line of the user's code where it failed.
    """

    name: str
    outcome: Outcome
    detail: str = ""
    place: str | None = None


@dataclass(frozen=True)
class Examined:
    """What one measurement gave.

    Attributes:
        findings: in the order in which they are to be read.
        facts: figures, rows and curves for tables and plots; JSON-able, numbers that are not finite as None.
        trials: what was tried, for the failure modes.
    """

    findings: tuple[Finding, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True)
class Measured:
    """A measurement and what came of it; `problem` says why there is nothing, where there is nothing."""

    name: str
    examined: Examined = field(default_factory=Examined)
    problem: str | None = None


@dataclass(frozen=True)
class Measurement:
    """What the lab can measure: one of its files.

    Attributes:
        name: the file below ``examine/``: ``model.flops``.
        doing: what is being done, for the progress line: ``counting operations``.
        needs: ``model``, ``objective`` (a loss is known) or ``data`` (a real batch or loader was given).
        group: neighbours of one group share a request.
    """

    name: str
    doing: str
    needs: Literal["model", "objective", "data", "loader"]
    group: str
