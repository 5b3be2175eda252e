"""Makes a batch for a model that nobody described: guess, run, look at the operation that failed, repair, search.

The method is that of ``SYNTHESIS.md``: real CPU forwards; the failing operation with the inputs that its operands come
from; failing conditions read in their own frames; best-first search over a fixed number of tries. What runs is judged
before it is accepted, see `judge`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from ...inspection.construction import Synthesis, Try
from ...inspection.model_facts import Argument
from ..frames import shown_path
from ..protocol import Context
from .attempt import Outcome, attempt, independence
from .canonical import Canonical, extreme, out_of_range, spec_of
from .evidence import Hints
from .guess import Guess, Slot, spell
from .isolated import forked
from .judge import Judge
from .question import Question, ask
from .search import Parent, Search
from .shapes_only import shapes_only
from .starts import starts
from .subject import Subject, subject_of
from .untouched import Stage, kept_parameters
from .values import make

__all__ = ["Found", "Hints", "NotFound", "Question", "synthesise"]


@dataclass(frozen=True)
class Found:
    """What the search found.

    Attributes:
        synthesis: as data.
        value: live, four samples: a bare tensor where forward takes one tensor by position, a tuple for a ``*inputs`` with
            more than one, else a dict from argument to value.
    """

    synthesis: Synthesis
    value: Any


class NotFound(Exception):
    """No batch was found that forward takes and that is plausible.

    Args:
        tries: in order.
        furthest: the one that came furthest; None where nothing was tried.
        understood: what is known of the arguments, one phrase each.
        question: what to ask the user.
    """

    def __init__(
        self, tries: tuple[Try, ...], furthest: Try | None, understood: tuple[str, ...], question: Question
    ) -> None:
        super().__init__(question.sentence)
        self.tries = tries
        self.furthest = furthest
        self.understood = understood
        self.question = question


def synthesise(
    model: nn.Module,
    forward: Sequence[Argument],
    *,
    hints: Hints,
    context: Context,
    seed: int,
    budget: int = 400,
    isolated: bool = False,
    until: float = math.inf,
) -> Found:
    """Find a batch for `model`.

    Args:
        model: built, on the CPU; it is left as it was (buffers, attributes, modes), as are the random states.
        forward: its arguments, without ``self``.
        hints: explicit evidence.
        context: for paths in what is printed.
        seed: of values and of the model's randomness.
        budget: tries; judging and rounding an accepted batch count.
        isolated: every try in a forked child, for a model that ends its process.
        until: reading of `time.perf_counter` after which no further guess is tried.

    Raises:
        NotFound: see there.
    """
    subject = subject_of(model, forward, hints)

    def run(guess: Guess, seed: int, backward: bool, traced: bool) -> Outcome:
        return kept(lambda: attempt(subject, guess, seed, backward=backward, traced=traced))

    def probe(guess: Guess, seed: int) -> Outcome:
        return kept(lambda: independence(subject, guess, seed))

    kept: Callable[[Callable[[], Outcome]], Outcome] = forked if isolated else lambda function: function()
    search = Search(run, budget, until)
    search.push(starts(subject))
    judge = Judge(subject, search, probe, seed)
    rejected: tuple[Guess, Outcome] | None = None
    with kept_parameters(model), Stage(model).run(seed):
        for guess, outcome in search.successes(seed):
            verdict = judge.judge(guess, outcome)
            if verdict.guess is not None and verdict.outcome is not None:
                canonical = Canonical(subject, search, seed)
                final = canonical.round(verdict.guess, dict(verdict.outcome.tables))
                beyond = _out_of_range(canonical, final)
                if beyond is None:
                    return _found(subject, final, canonical, verdict.doubts, context)
                search.push(
                    [_opened(each, final) for each in beyond.proposals], Parent(guess.cost, beyond.reached, beyond.site)
                )
            rejected = rejected or (guess, outcome)
            if not outcome.parameters:
                break  # nothing to train, whatever the batch: the next construction may have something
        shaped = None if isolated or rejected else shapes_only(subject, search, seed)
    raise _not_found(subject, search, rejected, shaped, context)


def _out_of_range(canonical: Canonical, guess: Guess) -> Outcome | None:
    """A failure on the largest ids at every place: a range that held by chance. Ranges that were tried so are left out."""
    largest = extreme(guess, *(path for path, _ in guess.slots() if path not in canonical.held))
    if largest.key() == guess.key():
        return None
    outcome = canonical.search.test(largest, canonical.seed + 5, traced=True)
    return outcome if out_of_range(outcome) else None


def _opened(changed: Guess, before: Guess) -> Guess:
    """The repaired guess, its ranges beginning again where they did before they were narrowed to their ends."""
    for path, slot in changed.slots():
        known = before.find(path)
        if known is not None and known.integral and slot.integral:
            changed = changed.with_slot(path, replace(slot, low=known.low))
    return changed


def _found(subject: Subject, final: Guess, canonical: Canonical, doubts: list[str], context: Context) -> Found:
    search, seed = canonical.search, canonical.seed
    name = final.arguments[0][0]
    argument = subject.argument(name)
    placed = name.startswith("*") or (argument is not None and argument.kind == "positional")
    bare = len(final.arguments) == 1 and placed and isinstance(final.arguments[0][1], Slot)
    spec = spec_of(final, canonical, bare=bare)
    values = make(final, seed)
    value: Any = values[0][1] if bare else dict(values)
    if not bare and all(name.startswith("*") for name, _ in values):
        value = tuple(each for _, each in values)
    tries = tuple(_try(each, outcome, context) for each, outcome in search.tried)
    return Found(Synthesis(spec, (*tries, _try(final, Outcome(0), context)), tuple(doubts)), value)


def _try(guess: Guess, outcome: Outcome, context: Context) -> Try:
    place = None
    if outcome.place is not None:
        file, line, name = outcome.place
        place = f"{shown_path(file, context)}:{line} in {name.replace('<locals>.', '')}"
    return Try(spell(guess), outcome.reached, outcome.error, outcome.operation, place)


def _not_found(
    subject: Subject, search: Search, rejected: tuple[Guess, Outcome] | None, shaped: Guess | None, context: Context
) -> NotFound:
    furthest = search.furthest()
    tries = tuple(_try(each, outcome, context) for each, outcome in search.tried)
    shown = _try(*furthest, context) if furthest else None
    return NotFound(tries, shown, *ask(subject, furthest, rejected, shaped))
