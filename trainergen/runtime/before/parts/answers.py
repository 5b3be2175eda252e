"""The form in which a flag is asked and answers: figures in lines, and faults that say what, where and how to fix it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...config import BaseTrainerConfig
    from ...memory import StepMemory
    from ...trainer import Trainer

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True)
class Flag:
    """How the command line offers it.

    Attributes:
        help: the line behind it in ``--help``.
        metavar: what its number is called, where it takes one.
        takes_steps: whether ``--max-steps N`` says something to it.
    """

    help: str
    metavar: str | None = None
    takes_steps: bool = False


@dataclass(frozen=True)
class Request:
    """What the command line asks of a flag.

    Attributes:
        trainer_class: the trainer.
        config: its settings, overrides included.
        number: of a flag with a `metavar`; else 0.
        max_steps: None where nobody said.
    """

    trainer_class: type[Trainer[Any, Any]]
    config: BaseTrainerConfig
    number: int = 0
    max_steps: int | None = None

    @property
    def name(self) -> str:
        """The trainer's."""
        return self.trainer_class.__name__

    def trainer(self, **parts: Any) -> Trainer[Any, Any]:
        """Built as a run builds it."""
        return self.trainer_class.from_config(self.config, **parts)


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it should be.

    Attributes:
        what: was seen.
        where: a parameter, a method with its file and line, a setting.
        how: to fix it.
        mild: worth a look; it does not make the exit code 1.
    """

    what: str
    where: str
    how: str
    mild: bool = False


@dataclass(frozen=True)
class Answer:
    """What a flag found.

    Attributes:
        title: one line.
        lines: figures, for people.
        faults: the worst first where that is known.
    """

    title: str
    lines: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 if a fault is more than mild."""
        return int(any(not fault.mild for fault in self.faults))

    def text(self) -> str:
        """Title, figures, faults; ends with a line feed."""
        said = [self.title, *(f"  {line}".rstrip() for line in self.lines)]
        for fault in self.faults:
            said.append(f"{'note' if fault.mild else 'fault'}: {fault.what}")
            said += [f"  where: {fault.where}", f"  how:   {fault.how}"]
        return "\n".join(said) + "\n"


def table(rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)) -> tuple[str, ...]:
    """`rows` in columns, the first row being their heads; the columns `left` are aligned to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return tuple(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def in_bytes(size: float) -> str:
    """``1.5 MiB``."""
    for unit in UNITS[:-1]:
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} {UNITS[-1]}"


def parts_of(memory: StepMemory) -> str:
    """``parameters 39.2 KiB, gradients 39.2 KiB, ...``: those that there are."""
    found = memory.as_plain()
    return ", ".join(f"{name} {in_bytes(size)}" for name, size in found.items() if size and name != "total")
