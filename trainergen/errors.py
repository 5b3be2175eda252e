"""What can go wrong, as types that know their exit code and carry what, where and how to fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from .inspection.construction import Try


class TrainergenError(Exception):
    """Base of every error that trainergen reports by itself.

    Args:
        message: what went wrong, one line.
        place: where, as ``file:line`` or a path; None where there is no place.
        hint: how to fix it, a sentence or a command.
        notes: further lines of evidence, shown as they are.
        code: the gate or advice code (``TG002``), if one belongs to it.

    Attributes:
        traceback: every frame of a failure in the lab, for ``--traceback``; its client sets it.
    """

    exit_code: ClassVar[int] = 70
    title: ClassVar[str] = "internal error"
    traceback: tuple[str, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        place: str | None = None,
        hint: str | None = None,
        notes: tuple[str, ...] = (),
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint
        self.notes = notes
        self.code = code

    def as_plain(self) -> dict[str, object]:
        """The error as JSON-able data, the form of the ``error`` object in every ``--json`` answer."""
        return {
            "kind": type(self).__name__,
            "message": self.message,
            "place": self.place,
            "hint": self.hint,
            "notes": list(self.notes),
            "code": self.code,
        }


class ProofFailed(TrainergenError):
    """A gate or a probe refused the staged trainer: nothing is written.

    Attributes:
        failed, passed: how many gates and probes.
        demand: what the first that failed demands.
        findings: all of them, JSON-able.
    """

    exit_code = 1
    title = "a gate failed"
    failed: int = 1
    passed: int = 0
    demand: str = ""
    findings: tuple[dict[str, object], ...] = ()


class FindingsFailed(TrainergenError):
    """`inspect` found what will break a training; nothing else went wrong, and the report is whole."""

    exit_code = 1
    title = "findings that break a training"


class UnusableInput(TrainergenError):
    """Something named on the command line can't be used: no such file, class, key; a corrupt or pickled batch."""

    exit_code = 2
    title = "unusable input"


class Conflict(TrainergenError):
    """The user's files stand in the way: a taken name, an existing section, a registry that can't be parsed."""

    exit_code = 3
    title = "conflict with your files"


class Question(NamedTuple):
    """One answer that only the user has.

    Attributes:
        option: the flag that says it (``--model-arg``).
        key: for ``key=value`` options the key (``vocab_size``), else "".
        about: what is asked, one phrase with its evidence.
        likely: the likely answer as the user would type it, or None.
        evidence: further lines.
        placeholder: what stands for the answer in the command, where nothing is likely.
    """

    option: str
    key: str
    about: str
    likely: str | None = None
    evidence: tuple[str, ...] = ()
    placeholder: str = "..."

    @property
    def name(self) -> str:
        """How the report calls it: the key, else the option without dashes."""
        return self.key or self.option.lstrip("-")

    def spell(self, answer: str | None = None) -> str:
        """The flag with an answer, as a shell takes it: ``--model-arg vocab_size=50257``."""
        import shlex

        said = answer if answer is not None else self.likely
        value = self.placeholder if said is None else said
        return f"{self.option} {shlex.quote(f'{self.key}={value}' if self.key else value)}"


class AnswerNeeded(TrainergenError):
    """Something that only the user knows; ``flags`` are the exact options that say it, ``questions`` what to ask.

    Attributes:
        invocation: the command as it was typed; the pipeline fills it in.
        tries: of the search that ended in it, for ``--explain``.
    """

    exit_code = 4
    title = "an answer is missing"
    invocation: str = "trainergen new"
    tries: tuple[Try, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        flags: tuple[str, ...] = (),
        questions: tuple[Question, ...] = (),
        place: str | None = None,
        hint: str | None = None,
        notes: tuple[str, ...] = (),
        code: str | None = None,
    ) -> None:
        super().__init__(message, place=place, hint=hint, notes=notes, code=code)
        self.questions = questions
        self.flags = flags or tuple(question.spell() for question in questions)

    @property
    def command(self) -> str:
        """The command that says everything: what was typed, and the missing flags."""
        return " ".join((self.invocation, *(question.spell() for question in self.questions)))

    def as_plain(self) -> dict[str, object]:
        """As the base's, with the flags that answer and the questions behind them."""
        questions = [question._asdict() | {"evidence": list(question.evidence)} for question in self.questions]
        return super().as_plain() | {"flags": list(self.flags), "questions": questions}


class UserCodeFailed(TrainergenError):
    """The user's own code failed (import, forward, time, memory, killed); ``notes`` hold its frames.

    Attributes:
        ended_the_lab: it crashed, was killed, or ended the process by itself.
    """

    exit_code = 5
    title = "your code failed"
    ended_the_lab: bool = False

    @property
    def is_excerpt(self) -> bool:
        """Whether the notes show the line, with the exception beside its carets."""
        return any("^" in note for note in self.notes)


class MachineRefused(TrainergenError):
    """Permission, disk full, or a lock that another command holds."""

    exit_code = 6
    title = "the machine refused"


class InternalError(TrainergenError):
    """Our own bug."""


class Interrupted(TrainergenError):
    """Ctrl-C."""

    exit_code = 130
    title = "interrupted"


def nearest(word: str, choices: list[str] | tuple[str, ...]) -> str | None:
    """The choice that `word` was probably meant to be, or None (difflib's ratio of at least 0.6, case ignored)."""
    import difflib

    lowered = {choice.lower(): choice for choice in choices}
    match = difflib.get_close_matches(word.lower(), list(lowered), n=1)
    return lowered[match[0]] if match else None


def did_you_mean(word: str, choices: list[str] | tuple[str, ...]) -> str:
    """A hint for a misspelt word: the nearest choice, else all of them."""
    match = nearest(word, choices)
    if match is not None:
        return f"did you mean {match}?"
    return "known: " + ", ".join(choices) if choices else "there are none"
