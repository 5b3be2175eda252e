"""The single most useful question when the search ends without a batch, and what was understood until then."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .attempt import Outcome
from .guess import Guess, Slot, spell
from .subject import Subject


@dataclass(frozen=True)
class Question:
    """What only the user knows.

    Attributes:
        argument: of forward, that is asked about.
        sentence: the question.
        example: an answer in the batch grammar, for ``--batch``.
    """

    argument: str
    sentence: str
    example: str


def ask(
    subject: Subject,
    furthest: tuple[Guess, Outcome] | None,
    rejected: tuple[Guess, Outcome] | None,
    shaped: Guess | None = None,
) -> tuple[tuple[str, ...], Question]:
    """What is understood of each argument, and the question.

    Args:
        subject: model and forward.
        furthest: the failed try that came furthest.
        rejected: a guess that ran and was not plausible.
        shaped: one that fits by its shapes and takes too long to run, see `shapes_only`.
    """
    if shaped is not None:
        understood = tuple(f"{path[-1]}: {_words(slot, shaped)}" for path, slot in shaped.slots())
        example = spell(_readable(shaped).with_sizes(batch=2))
        said = f"forward takes {spell(shaped)} by its shapes (nothing was run), but does not end in time on it"
        return understood, Question(
            _suspect(shaped), f"{said}: say the batch, and give more time, --limit time=SECONDS", example
        )
    best = rejected or furthest
    if best is None:
        name = subject.forward[0].name if subject.forward else "inputs"
        return (), Question(name, f"forward takes {name}: what is it?", f"{name}: float32[8, 16]")
    guess, outcome = best
    understood = tuple(f"{path[-1]}: {_words(slot, guess)}" for path, slot in guess.slots())
    example = spell(_readable(guess))
    name = _suspect(guess)
    if rejected is not None:
        reason = (
            "its output carries no gradient" if not outcome.gradient else "it does not follow the number of samples"
        )
        if not outcome.finite:
            reason = "its output is not finite"
        return understood, Question(
            name, f"forward runs on {spell(guess)}, but {reason}: what does {name} hold?", example
        )
    where = f" at {outcome.operation}" if outcome.operation else ""
    return understood, Question(
        name,
        f"which shape and dtype has {name}? forward came as far as{where or ' its first check'}: {outcome.error}",
        example,
    )


def _suspect(guess: Guess) -> str:
    """The argument that least is known of."""
    unsure = [path for path, slot in guess.slots() if not slot.sure and not slot.given]
    return str((unsure or [(guess.arguments[0][0],)])[0][0])


def _words(slot: Slot, guess: Guess) -> str:
    return f"{slot.dtype}[{', '.join(str(dim) for dim in slot.dims)}], {slot.why}" if guess.arguments else slot.dtype


def _readable(guess: Guess) -> Guess:
    return replace(
        guess.with_sizes(batch=8),
        arguments=tuple((name.replace("*", "input_"), node) for name, node in guess.arguments),
    )
