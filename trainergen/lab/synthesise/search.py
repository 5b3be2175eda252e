"""Best-first search over guesses: the cheapest first, a repair that got further forgiven, a place that keeps failing dearer."""

from __future__ import annotations

import heapq
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from .attempt import Outcome
from .guess import Guess

Run = Callable[[Guess, int, bool, bool], Outcome]

MOST_FATAL = 2
"""Tries that may run into the alarm before the search gives up: each costs many seconds."""

MORE_NODES = 3
"""By how many a graph is made larger to see that its size may vary: always the same, so that it is tried once."""

_VISIT = 0.12
"""What each earlier failure at a place adds to guesses that try to mend it."""

_PROGRESS = 0.15
"""How much cheaper repairs of a guess are for each doubling of the operations that it reached."""

_RECORD = 0.6
"""How much cheaper repairs of a guess are that came further than all before."""

_FORGIVEN = 0.3
"""Share of a repair's cost that is kept once it got further than the guess that it mends."""


@dataclass(frozen=True)
class Parent:
    """What a guess mends: how far that came, where it failed, what it cost, whether none had come as far before."""

    cost: float
    reached: int
    site: str
    record: bool = False


@dataclass
class Search:
    """The open guesses and what was tried; bounded by a number of tries, so that every machine finds the same.

    Attributes:
        run: one try.
        budget: tries that are left.
        until: reading of `time.perf_counter` after which none is begun.
        tried: every guess with its outcome, in order.
        fatal: how many took all the time that a try may take.
    """

    run: Run
    budget: int
    until: float = math.inf
    tried: list[tuple[Guess, Outcome]] = field(default_factory=list)
    fatal: int = 0
    _open: list[tuple[float, int, Guess, Parent | None]] = field(default_factory=list)
    _seen: dict[tuple[object, ...], Outcome | None] = field(default_factory=dict)
    _visits: Counter[str] = field(default_factory=Counter)
    _count: int = 0
    _furthest: int = 0

    def push(self, guesses: Iterable[Guess], parent: Parent | None = None) -> None:
        """Add guesses."""
        penalty = 0.0
        if parent is not None:
            penalty = _VISIT * max(self._visits[parent.site] - 1, 0) - _PROGRESS * math.log2(1 + parent.reached)
            penalty -= _RECORD * parent.record
        for guess in guesses:
            if guess.key() not in self._seen:
                self._count += 1
                heapq.heappush(self._open, (guess.cost + penalty, self._count, guess, parent))

    def test(self, guess: Guess, seed: int, *, backward: bool = False, traced: bool = False) -> Outcome:
        """A try that belongs to judging a guess; it counts. See `attempt` for the two options."""
        self.budget -= 1
        outcome = self.run(guess, seed, backward, traced)
        self.tried.append((guess, outcome))
        self.fatal += outcome.fatal
        return outcome

    def successes(self, seed: int) -> Iterator[tuple[Guess, Outcome]]:
        """Guesses that ran, as they are found, until the budget is spent or nothing is open."""
        while self._open and self.budget > 0 and self.fatal < MOST_FATAL and time.perf_counter() < self.until:
            _, _, guess, parent = heapq.heappop(self._open)
            key = guess.key()
            if key in self._seen:
                continue
            self._seen[key] = None
            outcome = self.test(guess, seed, backward=True, traced=True)
            if outcome.ran:
                yield guess, outcome
                continue
            self._visits[outcome.site] += 1
            if parent is not None and outcome.site != parent.site and outcome.reached >= parent.reached:
                guess = replace(guess, cost=parent.cost + _FORGIVEN * (guess.cost - parent.cost))
            shift = guess.cost
            children = [replace(each, cost=shift + each.cost - outcome.cost) for each in outcome.proposals]
            self.push(children, Parent(guess.cost, outcome.reached, outcome.site, outcome.reached > self._furthest))
            self._furthest = max(self._furthest, outcome.reached)

    def has_run(self, guess: Guess) -> bool:
        """Whether the same call has been tried before, with whatever values, and ran."""
        key = guess.key()
        return any(outcome.ran and outcome.finite and each.key() == key for each, outcome in self.tried)

    def furthest(self) -> tuple[Guess, Outcome] | None:
        """Of the failed tries the one that came furthest, the earliest of equals."""
        failed = [each for each in self.tried if not each[1].ran]
        return max(failed, key=lambda each: each[1].reached, default=None)
