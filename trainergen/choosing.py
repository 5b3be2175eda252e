"""Which of a project's generated trainers are meant: by name, all, or the only one. Their records say what was generated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import Conflict, UnusableInput, did_you_mean
from .record import read_record, read_records
from .staging.paths import CONTROL

if TYPE_CHECKING:
    from .inspection.project_facts import ProjectFacts
    from .record import Record


def plain_name(name: str) -> str:
    """A trainer's name as it is compared: in lower case, without ``_`` and the suffix ``Trainer``."""
    lowered = name.lower().replace("_", "")
    return lowered.removesuffix("trainer") or lowered


def chosen(root: Path, names: tuple[str, ...], project: ProjectFacts, *, every: bool) -> tuple[Record, ...]:
    """The records of the trainers that are meant, in the order named.

    Args:
        root: the project.
        names: as typed; case and the suffix ``Trainer`` don't matter.
        project: whose registry lists trainers that may have lost their record.
        every: ``--all``, or a verb that takes all where none is named.

    Raises:
        UnusableInput: no trainer was generated here, no such trainer, or several and none named.
        Conflict: a record is missing or damaged.
    """
    if not names:
        records = read_records(root)
        if not records:
            raise UnusableInput(
                "no trainer was generated here: there is no record in .trainergen/",
                place=str(root),
                hint="trainergen new --model PATH.py:NAME generates one; --project names another folder",
            )
        if len(records) > 1 and not every:
            known = ", ".join(record.trainer for record in records)
            raise UnusableInput(f"which of {len(records)} trainers?", hint=f"name one of {known}, or say --all")
        return records
    found = {record.file: record for record in (_named(root, name, project) for name in names)}
    return tuple(found.values())


def _named(root: Path, name: str, project: ProjectFacts) -> Record:
    # Only the record that is meant is read: another one that is damaged is no obstacle.
    files = {each.stem: f"{CONTROL}/{each.name}" for each in sorted((root / CONTROL).glob("*.json"))}
    for stem, file in files.items():
        if plain_name(stem) == plain_name(name):
            found = read_record(root, file)
            if found is not None:
                return found
    for key in project.registry:
        if plain_name(key) == plain_name(name):
            raise Conflict(
                f"{key} is in the registry, but it has no record in {CONTROL}/: what was generated is not known",
                place=CONTROL,
                hint="take the record back from version control; without it there is nothing to merge with",
            )
    known = sorted({*files.values()})
    trainers = [record.trainer for file in known if (record := _readable(root, file)) is not None]
    raise UnusableInput(f"no trainer {name} was generated here", place=name, hint=did_you_mean(name, trainers))


def _readable(root: Path, file: str) -> Record | None:
    try:
        return read_record(root, file)
    except Conflict:
        return None
