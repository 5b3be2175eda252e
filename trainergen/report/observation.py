"""What a rule says: the symptom with its numbers, what it probably comes from, which setting answers it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["fail", "warn", "note"]

ORDER: tuple[Severity, ...] = ("fail", "warn", "note")


@dataclass(frozen=True)
class Observation:
    """One finding about a run.

    Attributes:
        severity: ``fail``: the run is no use as it is; ``warn``: likely to be better otherwise; ``note``: worth knowing.
        title: a phrase.
        symptom: what was seen, with the numbers.
        cause: what it probably comes from.
        remedy: what to do, naming the setting.
        settings: the settings that the remedy names.
        rule: whose it is; `rules.observe` fills it in.
    """

    severity: Severity
    title: str
    symptom: str
    cause: str
    remedy: str
    settings: tuple[str, ...] = field(default=())
    rule: str = ""
