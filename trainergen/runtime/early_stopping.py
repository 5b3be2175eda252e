"""Which value is watched, what its best was, and whether it is time to stop."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from .errors import did_you_mean

logger = logging.getLogger("trainergen")


class Monitor:
    """A dotted path into a history record, ``validation.loss``.

    Args:
        path: the setting. Without a validation loader ``validation.X`` becomes ``train.X``, with a logged warning.
        has_validation: whether there is such a loader.
    """

    def __init__(self, path: str, *, has_validation: bool) -> None:
        self.path = path
        head, _, rest = path.partition(".")
        if head == "validation" and not has_validation:
            self.path = f"train.{rest}"
            logger.warning("no validation loader: %s is monitored instead of %s", self.path, path)

    def read(self, record: Mapping[str, Any]) -> float | None:
        """The value in `record`; None in an epoch without validation.

        Raises:
            ValueError: a record has no such entry.
        """
        value: Any = record
        for part in self.path.split("."):
            if value is None:
                return None
            if not isinstance(value, Mapping) or part not in value:
                hint = did_you_mean(self.path, _paths(record))
                raise ValueError(f"scheduler_monitor {self.path!r} is not in the history record; {hint}")
            value = value[part]
        return None if value is None else float(value)


class EarlyStopping:
    """Counts validations without improvement; remembers the best value.

    Args:
        mode: ``min`` or ``max``.
        patience: validations in a row without improvement before `should_stop`; None for never.
        min_delta: absolute change that counts as an improvement. The best value itself is kept strictly.
    """

    def __init__(self, mode: str, patience: int | None, min_delta: float) -> None:
        self.sign = 1.0 if mode == "min" else -1.0
        self.patience = patience
        self.min_delta = min_delta
        self.best = math.nan
        self.reference = math.nan
        self.waited = 0

    def update(self, value: float) -> bool:
        """Take a validation's value; True if it is the best so far. NaN never is."""
        is_best = self._better(value, self.best, 0.0)
        if is_best:
            self.best = value
        if self._better(value, self.reference, self.min_delta):
            self.reference, self.waited = value, 0
        else:
            self.waited += 1
        return is_best

    @property
    def should_stop(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.waited >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"best": self.best, "reference": self.reference, "waited": self.waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.best, self.reference, self.waited = state["best"], state["reference"], state["waited"]

    def _better(self, value: float, than: float, delta: float) -> bool:
        if math.isnan(value):
            return False
        return math.isnan(than) or self.sign * value < self.sign * than - delta


def _paths(record: Mapping[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for key, value in record.items():
        found += _paths(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [f"{prefix}{key}"]
    return found
