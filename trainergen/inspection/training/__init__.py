"""How a project trains, from its source alone: nothing of it is imported, a file that does not parse is passed over."""

from __future__ import annotations

from pathlib import Path

from ...settings import Settings, place_of
from ..project import is_ours
from ..training_facts import BaseTrainer, TrainingFacts
from . import bases, data, documents, entry, style
from .family import Family
from .functions import find_functions
from .index import ProjectIndex
from .layout import layout_of

__all__ = ["ProjectIndex", "read_training"]


def read_training(
    root: Path, *, settings: Settings | None, exclude_generated: frozenset[str] = frozenset()
) -> TrainingFacts:
    """What the project at `root` says of how it trains.

    Args:
        root: the project, absolute.
        settings: what the user set (``base-trainer``, ``entry-point``); None for nothing.
        exclude_generated: relative paths that are to be overlooked, so that a trainer which was generated before does
            not decide how it is generated again.

    Raises:
        UnusableInput: a setting names a class or a program that the project does not have.
    """
    return survey(ProjectIndex(root.resolve(), exclude=exclude_generated), settings or Settings())


def survey(index: ProjectIndex, settings: Settings) -> TrainingFacts:
    """As `read_training`, of an index that is at hand; what was read of the files is kept for the next command."""
    family = Family(index)
    found = bases.candidates(index, family)
    ours = stands_on_ours(index.root)
    chosen: BaseTrainer | None = None
    wanted = settings.base_trainer
    if wanted is not None and wanted != bases.DEFAULT:
        chosen = bases.named(index, family, found, wanted, place_of("base-trainer", index.root))
    elif wanted is None and not ours:
        chosen = bases.choose(found)
        if not found and not family.standalone():
            chosen = find_functions(index)
    lines = documents.read_documents(index)
    told = documents.commands_told(lines)
    entries = entry.find_entries(index, chosen, told)
    if settings.entry_point is not None:
        mine = entry.named(index, settings.entry_point, chosen, place_of("entry-point", index.root))
        entries = (mine, *(each for each in entries if each.entry != mine.entry))
    alone = family.standalone()
    facts = TrainingFacts(
        roots=index.roots,
        layout=layout_of(index.roots, index.files, chosen.facts.file if chosen is not None else ""),
        bases=tuple(each.base for each in found),
        chosen=chosen,
        by_setting=wanted is not None,
        ours=ours,
        entry=entries[0].entry if entries else None,
        style=style.read_style(index, chosen, alone),
        data=data.find_data(index),
        losses=data.find_losses(index),
        metrics=data.find_metrics(index),
        tracker=data.find_tracker(index, chosen),
        tests=data.find_tests(index, chosen),
        contradictions=documents.contradictions(
            index,
            lines,
            chosen,
            tuple(each.base for each in found),
            tuple((each.entry, each.program) for each in entries),
        ),
        standalone=alone,
        damaged=index.damaged,
    )
    index.remember()
    return facts


def stands_on_ours(root: Path) -> bool:
    """Whether the default project stands at `root` or in a package right below it."""
    if is_ours(root):
        return True
    return any(each.name.isidentifier() and is_ours(each) for each in root.iterdir() if each.is_dir())
