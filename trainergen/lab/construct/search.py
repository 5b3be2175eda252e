"""The search for a constructor call that works: guess, run, see what failed and with which argument, change it, again."""

from __future__ import annotations

import heapq
import inspect
import itertools
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...inspection.construction import Construction
from ...inspection.expressions import spell
from ..frames import excerpt, frames_of, place, user_frames
from .assignment import Assignment, Call
from .blame import Site, sites
from .options import Chooser, Option
from .refusal import NotBuilt
from .repair import blamed_at, repairs
from .roles import normal_name
from .shrink import shrunken
from .sizes import Sizes
from .trying import LARGEST, Outcome, TooLarge, attempt
from .variants import variants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import nn

    from ...inspection.usage import Usage
    from ..protocol import Context

PREFERRED = 1_000_000
"""Parameters above which a smaller model is tried first: hundreds of forwards follow."""
CEILINGS = (PREFERRED, 20 * PREFERRED, LARGEST)
"""Parameters allowed, in turn, where nothing smaller can be built."""
MOST_TRIES = 80
"""Tries for the first candidate; counted, so that every machine finds the same."""
MOST_TRIES_LATER = 16
"""Tries for each further candidate."""
MOST_TRIES_BESIDE_LARGE = 12
"""Tries of other calls once one would build a model that is too large: then a larger one is allowed."""
MOST_CANDIDATES = 8


@dataclass(frozen=True)
class Built:
    """A model and the call that built it."""

    model: nn.Module
    construction: Construction


@dataclass(frozen=True)
class _Failure:
    assignment: Assignment
    outcome: Outcome
    trail: list[Site]


class Constructor:
    """Finds calls of a class or function that give a model.

    Args:
        make: the class or function.
        given: arguments that the user fixed, as live objects; they are passed as they are.
        usages: what the project passes where it builds this class, best first.
        context: where the copied tree is.
        seed: set before every try.
    """

    def __init__(
        self, make: Callable[..., Any], given: Mapping[str, Any], usages: Sequence[Usage], context: Context, seed: int
    ) -> None:
        self.make = make
        self.given = dict(given)
        self.usages = tuple(usages)
        self.context = context
        self.seed = seed
        self.name = getattr(make, "__name__", str(make))
        self.sizes = Sizes(reconstructs=_reconstructs(self.name))
        self.tries = 0
        self._furthest: _Failure | None = None
        self._downloads: list[str] = []
        self._oversized: list[Assignment] = []
        self._sites: Counter[tuple[str, int, str]] = Counter()

    def candidates(self) -> Iterator[Built]:
        """Models, the likeliest call first, built as they are asked for.

        The caller tries each until one serves; later ones differ in rank, in sizes or in what is passed at all. Where none
        comes, `refusal` says why.
        """
        seen: set[str] = set()
        produced = 0
        first: Assignment | None = None
        for start in self._starts():
            for built, assignment in self._search(start, PREFERRED, MOST_TRIES, seen):
                first = assignment
                produced += 1
                yield built
                break
            if first is not None:
                break
        if first is None:
            return
        full = [(each, LARGEST) for each in self._oversized[:1]]  # last: each forward of it is slow
        others = ((each, PREFERRED) for each in itertools.chain(self._starts(), variants(first, first.chooser.sizes)))
        for start, largest in itertools.chain(others, full):
            if produced >= MOST_CANDIDATES:
                return
            for built, _ in self._search(start, largest, MOST_TRIES_LATER, seen):
                produced += 1
                yield built
                break

    def refusal(self) -> NotBuilt:
        """Why `candidates` gave none: asked for afterwards."""
        failure = self._furthest
        if failure is None:
            return NotBuilt(self.name, Construction((), self.tries), None, "nothing was tried", None, (), (), 0, False)
        error = failure.outcome.error
        said = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}".rstrip(
            ": "
        )
        users = user_frames(frames_of(error.__traceback__ if error is not None else None), self.context)
        blamed = self._blamed(failure)
        value = failure.assignment.now(blamed) if blamed is not None else None
        return NotBuilt(
            name=self.name,
            understood=Construction(failure.assignment.arguments(), self.tries),
            blamed=".".join(blamed) if blamed is not None else None,
            error=said,
            place=place(users[-1], self.context) if users else None,
            notes=excerpt(users[-1], said) if users else (),
            downloads=tuple(dict.fromkeys(self._downloads)),
            tries=self.tries,
            literal=blamed is not None and len(blamed) == 1 and (value is None or not isinstance(value, dict)),
        )

    # Where it starts.

    def _starts(self) -> Iterator[Assignment]:
        """What the project passes, each place by itself as a start of its own; then the class alone."""
        chooser = Chooser(self.make, self.sizes)
        rank = chooser.own_rank(self.given)
        if rank is not None:
            chooser = chooser.with_sizes(replace(self.sizes, rank=rank, image=16 if rank == 3 else self.sizes.image))
        groups = list(dict.fromkeys(usage.group for usage in self.usages))
        for group in groups:
            yield self._start(chooser, group)
        yield self._start(chooser, None)

    def _start(self, chooser: Chooser, group: str | None) -> Assignment:
        empty = Assignment(chooser, self.context, {}, self.given)
        values: dict[str, Option] = {}
        if group is not None:
            values = {
                usage.argument: self._from_project(usage)
                for usage in reversed(self.usages)
                if empty.takes(usage.argument)
            }
            values |= {
                usage.argument: self._from_project(usage)
                for usage in self.usages
                if usage.group == group and empty.takes(usage.argument)
            }
        for name, parameter in chooser.parameters.items():
            if name in self.given or name in values:
                continue
            harmless = _without_download(name, parameter)
            if harmless is not None:
                values[name] = harmless
            elif name in chooser.needed():
                chosen = chooser.first((name,))
                if chosen is not None:
                    values[name] = chosen
        return replace(empty, values={name: option for name, option in values.items() if name not in self.given})

    def _from_project(self, usage: Usage) -> Option:
        others = [each for each in self.usages if each.argument == usage.argument and each.value != usage.value]
        reason = f"from {usage.place}"
        if others:
            reason += f" ({others[0].place} has {spell(others[0].value).text:.40})"
        return Option(usage.value, "project", reason, usage.place, assumed=bool(others))

    # The search itself.

    def _search(
        self, start: Assignment, largest: int, budget: int, seen: set[str]
    ) -> Iterator[tuple[Built, Assignment]]:
        order = itertools.count()
        queue: list[tuple[float, int, Assignment]] = [(0.0, next(order), start)]
        large: list[tuple[float, int, Assignment]] = []
        smaller: dict[str, float] = {}
        patience = MOST_TRIES_BESIDE_LARGE
        while budget > 0:
            patience -= bool(large)
            if not queue or patience < 0:  # what is left is too large, or is no better: the smallest of it first
                above = next((ceiling for ceiling in CEILINGS if ceiling > largest), None)
                if above is None or not large:
                    return
                largest, patience = above, MOST_TRIES_BESIDE_LARGE
                likelier = min((cost for cost, *_ in queue), default=0.0) - len(large)
                for place, (*_, each) in enumerate(sorted(large, key=lambda each: each[:2])):
                    heapq.heappush(queue, (likelier + place, next(order), each))
                large = []
            cost, _, assignment = heapq.heappop(queue)
            key = f"{largest} {assignment.key()}"
            if key in seen:
                continue
            seen.add(key)
            budget -= 1
            call = Call(assignment)
            outcome = self._attempt(call, largest)
            if outcome.model is not None:
                yield Built(outcome.model, Construction(assignment.arguments(), self.tries)), assignment
                continue
            if isinstance(outcome.error, TooLarge) and largest < LARGEST:
                large.append((smaller.get(assignment.key(), cost), -len(large), assignment))
                if assignment.key() in smaller:
                    continue
                self._oversized.append(assignment)
                for place, change in enumerate(shrunken(assignment)):
                    shrunk = assignment.with_change(change.values)
                    if shrunk is not None:
                        smaller.setdefault(shrunk.key(), cost)
                        heapq.heappush(queue, (cost + change.cost + place / 10, next(order), shrunk))
                continue
            for extra, changed in self._changed(call, outcome):
                heapq.heappush(queue, (cost + extra, next(order), changed))

    def _attempt(self, call: Call, largest: int) -> Outcome:
        self.tries += 1
        outcome = attempt(call, seed=self.seed, largest=largest)
        self._downloads += outcome.downloads
        return outcome

    def _changed(self, call: Call, outcome: Outcome) -> Iterator[tuple[float, Assignment]]:
        """What to try next after a failure, with what it costs: a site seen often makes everything from it dearer."""
        error = outcome.error
        assert error is not None
        root, names = call.root()
        trail = sites(error.__traceback__, root, names) if root is not None else []
        where = trail[-1] if trail else None
        site = (where.frame.f_code.co_filename, where.line, type(error).__name__) if where else ("", 0, str(error)[:80])
        self._sites[site] += 1
        failure = _Failure(call.assignment, outcome, trail)
        if self._furthest is None or self._sites[site] == 1:
            self._furthest = failure
        tired = 0.25 * (self._sites[site] - 1)
        news = -1.0 if self._sites[site] == 1 else 0.0
        for change in repairs(error, trail, call.assignment, call.failed[0] if call.failed else ()):
            projects = sum(
                call.assignment.values[path[0]].source == "project"
                for path, _ in change.values
                if path[0] in call.assignment.values
            )
            changed = call.assignment.with_change(change.values)
            if changed is not None:
                yield change.cost + tired + news + 1.5 * projects, changed

    def _blamed(self, failure: _Failure) -> tuple[str, ...] | None:
        for site in reversed(failure.trail):
            for path in blamed_at(site, failure.assignment):
                return path
        required = failure.assignment.chooser.required()
        missing = [name for name in required if name not in failure.assignment.values and name not in self.given]
        return (missing[0],) if missing else None


def _without_download(name: str, parameter: inspect.Parameter) -> Option | None:
    """An argument whose default would fetch weights, turned off."""
    words = normal_name(name)
    if "pretrain" in words or words in {"download", "imagenet", "load_weights"}:
        if parameter.default is True or (parameter.default is parameter.empty):
            return Option(False, "name", "nothing is downloaded here", for_proof=parameter.default is True)
        if isinstance(parameter.default, str):
            return Option(None, "name", "nothing is downloaded here", for_proof=True)
    if words in {"weights", "backbone_weights", "weights_backbone"} and parameter.default not in (
        None,
        parameter.empty,
    ):
        return Option(None, "name", "nothing is downloaded here", for_proof=True)
    return None


def _reconstructs(name: str) -> bool:
    words = normal_name(name).replace("_", "")
    return any(
        each in words
        for each in ("autoencod", "vae", "denois", "diffusion", "restor", "inpaint", "reconstruct", "unetmodel")
    )
