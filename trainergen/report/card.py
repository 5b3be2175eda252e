"""The model card: what is known of the model from its run, what its authors have to add, how its weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .evidence import finite
from .metrics import Metric
from .observation import Observation
from .sections import Fact, facts, shown
from .wording import duration, moment, number

ASKED = (
    ("Intended use", "what it is for, for whom, and what it should not be used for"),
    ("Training data", "where it comes from, its licence, whom or what it leaves out"),
    ("Evaluation", "on a test set that no choice was made on, and by groups where that matters"),
    ("Limits and risks", "where it is known to fail"),
    ("Licence and contact", "under which terms, and who answers"),
)
"""What a run can't know. The headings follow Mitchell et al. 2019, Model Cards for Model Reporting."""


@dataclass(frozen=True)
class Card:
    """A model card.

    Attributes:
        facts: what is known.
        limits: what the observations say against it.
        loading: lines of Python, or empty where no weights are known.
        asked: (heading, what to write there) for its authors.
    """

    facts: tuple[Fact, ...]
    limits: tuple[str, ...]
    loading: tuple[str, ...]
    asked: tuple[tuple[str, str], ...] = ASKED


def card(manifest: Mapping[str, Any], rows: Sequence[Metric], observed: Sequence[Observation]) -> Card:
    """The card of a run's model."""
    model, data = manifest.get("model", {}), manifest.get("data", {})
    parameters, trainable = finite(model.get("parameters")), finite(model.get("trainable"))
    frozen = parameters is not None and trainable is not None and trainable < parameters
    known = [
        ("model", model.get("class"), ""),
        (
            "parameters",
            None if parameters is None else number(parameters),
            f"{number(trainable)} of them trained" if frozen else "",
        ),
        ("trainer", manifest.get("trainer"), ""),
        ("trained on", _set(data.get("train")), ""),
        ("validated on", _set(data.get("validation")), ""),
        *(
            (f"{row.name} (validation)", number(row.validation), "best weights")
            for row in rows[:6]
            if row.validation is not None
        ),
        ("trained", moment(manifest.get("ended_at")) if manifest.get("ended_at") else None, ""),
        ("training time", duration(finite(manifest.get("seconds"))) if manifest.get("seconds") else None, ""),
    ]
    weights = manifest.get("checkpoints", {}).get("best") or manifest.get("checkpoints", {}).get("final")
    loading: tuple[str, ...] = ()
    if isinstance(weights, str) and weights:
        loading = (
            f"model = {_identifier(model.get('class'))}(...)  # the arguments of the training",
            f'model.load_state_dict(torch.load({shown(weights)!r}, weights_only=True, map_location="cpu"))',
            "model.eval()",
        )
    limits = tuple(f"{each.title}: {each.symptom}" for each in observed if each.severity != "note")
    return Card(facts(known), limits, loading)


def _set(found: object) -> str | None:
    if not isinstance(found, dict):
        return None
    samples = finite(found.get("samples"))
    name = shown(found["name"]) if found.get("name") else ""
    counted = f"{number(samples)} samples" if samples is not None else ""
    return ", ".join(part for part in (name, counted) if part) or None


def _identifier(name: object) -> str:
    return name if isinstance(name, str) and name.isidentifier() else "Model"
