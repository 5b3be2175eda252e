"""One value over the epochs of a run, and the questions that are asked of it; pure functions of plain numbers."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

MARGIN = 0.1
"""Share of max(|best|, |first| / 100) that counts as clearly worse; the same as the runtime's guard against divergence."""


@dataclass(frozen=True)
class Curve:
    """The values of one dotted path of the history.

    Attributes:
        path: ``validation.loss``.
        epochs: in which it was measured and finite, rising.
        values: at those epochs.
        holes: epochs in which it was written but is no finite number (the runtime writes NaN and infinity as null).
    """

    path: str
    epochs: tuple[int, ...]
    values: tuple[float, ...]
    holes: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def name(self) -> str:
        """Without the phase: ``loss``."""
        return self.path.rpartition(".")[2]

    @property
    def first(self) -> float:
        """The first value."""
        return self.values[0]

    @property
    def last(self) -> float:
        """The last value."""
        return self.values[-1]

    def best(self, *, lower: bool = True) -> tuple[int, float]:
        """(epoch, value) of the lowest (or highest), the first of equals."""
        chosen = min(self.values) if lower else max(self.values)
        return self.epochs[self.values.index(chosen)], chosen

    def at(self, epoch: int) -> float | None:
        """The value in that epoch."""
        return self.values[self.epochs.index(epoch)] if epoch in self.epochs else None

    def ending(self, count: int = 3) -> float:
        """The median of the last `count` values: one odd epoch does not judge a run."""
        return statistics.median(self.values[-count:])

    def since(self, share: float) -> Curve:
        """Its values after that share of them."""
        start = min(len(self.values) - 1, int(len(self.values) * share))
        return replace(self, epochs=self.epochs[start:], values=self.values[start:])

    def until(self, epoch: int) -> Curve:
        """Its values up to and with that epoch."""
        count = sum(each <= epoch for each in self.epochs)
        return replace(self, epochs=self.epochs[:count], values=self.values[:count])

    def margin(self, best: float) -> float:
        """By how much a value has to be worse than `best` to count."""
        return MARGIN * max(abs(best), abs(self.first) / 100)

    def thinned(self, most: int) -> Curve:
        """At most so many of its points: of each stretch the lowest and the highest, so that no spike gets lost."""
        if len(self.values) <= most:
            return self
        kept = {0, len(self.values) - 1}
        stretches = max(1, (most - 2) // 2)
        for index in range(stretches):
            start, end = (len(self.values) * each // stretches for each in (index, index + 1))
            kept.add(min(range(start, end), key=self.values.__getitem__))
            kept.add(max(range(start, end), key=self.values.__getitem__))
        chosen = sorted(kept)
        return replace(self, epochs=tuple(self.epochs[i] for i in chosen), values=tuple(self.values[i] for i in chosen))

    def spread(self) -> float:
        """Highest less lowest."""
        return max(self.values) - min(self.values)


def relative(change: float, base: float) -> float:
    """`change` as a share of `base`; 0 where both are, and of 0 as if it were the least number that floats know."""
    return change / max(abs(base), 1e-300) if change else 0.0


def changes(values: Sequence[float]) -> list[float]:
    """From each value to the next."""
    return [after - before for before, after in itertools.pairwise(values)]
