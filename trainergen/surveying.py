"""The verb `project`: how the project at hand trains, as lines to read and as data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import AnswerNeeded, Conflict
from .inspection.project import find_root
from .inspection.training import ProjectIndex, survey
from .inspection.training_facts import BaseTrainer, ClassFacts, TrainingFacts
from .plain import to_plain
from .settings import Settings, read_settings

if TYPE_CHECKING:
    from .home import Home
    from .outcome import Outcome
    from .patching.configuration import ConfigPlace

SHOWN = 8
"""Entries of one kind that are told in text; ``--json`` has all."""


def survey_project(project: Path | None, outcome: Outcome) -> None:
    """Tell how the project trains; nothing of it is run, nothing is written.

    Raises:
        UnusableInput: no such folder, or a setting names what the project does not have.
    """
    root, reason = find_root(project, Path.cwd())
    settings = read_settings(root)
    index = ProjectIndex(root)
    facts = survey(index, settings)
    home, unclear = places(index, facts, settings)
    outcome.say(
        "read",
        f"{len(index.files)} Python files",
        f"{facts.layout} layout, imports start at {_roots(facts.roots)}; root: {reason}",
    )
    _tell_base(outcome, facts)
    _tell_siblings(outcome, facts)
    if home is not None:
        _tell_places(outcome, home)
    _tell_entry(outcome, facts)
    _tell_style(outcome, facts)
    _tell_data(outcome, facts)
    for contradiction in facts.contradictions:
        outcome.say("advise", contradiction.place, f"{contradiction.says}; the code wins: {contradiction.code}")
    for said in unclear:
        outcome.say("advise", "not understood", said)
    for damage in facts.damaged:
        place, _, why = damage.partition(": ")
        outcome.say("skip", place, why)
    outcome.result = as_data(facts, home, unclear)
    outcome.next_steps = ["trainergen new --model PATH.py:Class"]
    outcome.closing = _closing(facts)


def places(index: ProjectIndex, facts: TrainingFacts, settings: Settings) -> tuple[Home | None, tuple[str, ...]]:
    """The base's contract, and where trainers are registered and have their settings; what could not be told, in a sentence."""
    if facts.chosen is None:
        return None, ()
    from .home import find_home

    try:
        return find_home(index, facts, settings), ()
    except (AnswerNeeded, Conflict) as problem:
        place = f"{problem.place}: " if problem.place and problem.place not in problem.message else ""
        return None, (f"{place}{problem.message}",)


def _roots(roots: tuple[str, ...]) -> str:
    return ", ".join(each or "the root" for each in roots)


def _tell_base(outcome: Outcome, facts: TrainingFacts) -> None:
    chosen = facts.chosen
    if chosen is not None:
        outcome.say("choose", f"base {chosen.facts.name}", _place(chosen.facts), "base-trainer")
        for reason in chosen.reasons:
            outcome.say("", "", reason)
    elif facts.ours:
        outcome.say("choose", "base Trainer", "trainergen's own project stands here", "base-trainer")
    elif facts.by_setting:
        outcome.say("choose", "base Trainer", "trainergen's own, as base-trainer says", "base-trainer")
    elif not facts.bases:
        outcome.say(
            "choose",
            "base Trainer",
            "trainergen's own: no class here is one that trainers inherit from",
            "base-trainer",
        )
    others = [each for each in facts.bases if chosen is None or each.facts != chosen.facts]
    for base in others[:SHOWN]:
        outcome.say(
            "ask" if facts.undecided else "other",
            f"base {base.facts.name}",
            _place(base.facts),
            "base-trainer" if facts.undecided else "",
        )
        for reason in base.reasons[:2]:
            outcome.say("", "", reason)


def _tell_siblings(outcome: Outcome, facts: TrainingFacts) -> None:
    found = facts.chosen.siblings if facts.chosen is not None else facts.standalone
    for each in found[:SHOWN]:
        about = each.docstring.partition("\n")[0]
        first = f", sets {', '.join(each.before_super)} before super().__init__()" if each.before_super else ""
        outcome.say(
            "read",
            _place(each),
            f"{'def' if each.is_function else 'class'} {each.name}{first}{': ' if about else ''}{about}",
        )
    if len(found) > SHOWN:
        outcome.say("", "", f"and {len(found) - SHOWN} more")


def _tell_places(outcome: Outcome, home: Home) -> None:
    outcome.say("read", f"contract {home.contract.kind.replace('_', ' ')}", "; ".join(home.contract.reasons[:2]))
    for each in home.registries:
        keys = ", ".join(each.keys[:SHOWN]) + (" ..." if len(each.keys) > SHOWN else "")
        place = f"{each.path}:{each.line}" if each.path else "no file"
        outcome.say("read", place, f"registry {each.symbol} ({each.style}){': ' if keys else ''}{keys}", "registry")
    if not home.registries:
        outcome.say("read", "no registry", "trainers are imported directly", "registry")
    config = home.config
    place = f"{config.path}:{config.line}" if config.path else "no file"
    outcome.say("read", place, f"settings{' ' if config.symbol else ''}{config.symbol} ({config.style})", "config")


def _tell_entry(outcome: Outcome, facts: TrainingFacts) -> None:
    entry = facts.entry
    if entry is None:
        outcome.say("read", "no entry point", "no program here starts a training", "entry-point")
        return
    parts = (
        ["the trainer by its place" if entry.selects == "positional" else f"the trainer by {entry.selects}"]
        if entry.selects
        else []
    )
    parts += [f"{entry.lists} lists them"] if entry.lists else []
    parts += [
        f"{name}{'' if name.endswith('=') or not value else ' '}{value} ends it early"
        for name, value in entry.bounds[:2]
    ]
    outcome.say(
        "read", f"{entry.file}:{entry.line}", f"{entry.command}{': ' if parts else ''}{', '.join(parts)}", "entry-point"
    )


def _tell_style(outcome: Outcome, facts: TrainingFacts) -> None:
    style = facts.style
    outcome.say("style", style.file_name, f"{'' if '(' in style.class_name else 'named '}{style.class_name}")
    imports = "relative imports" if style.relative_imports else "absolute imports"
    future = ", postponed annotations" if style.future_annotations else ""
    hints = "type hints" if style.hints else "no type hints"
    docstrings = "no docstrings" if style.docstrings == "none" else f"{style.docstrings} docstrings"
    outcome.say("", "", f"{imports}{future}, {hints}, {docstrings}, {style.quotes} quotes")
    if style.logger_name:
        outcome.say("", "", f"logs with {style.logger_name}: {'; '.join(style.logger) or 'set up by the base'}")
    if facts.tracker:
        outcome.say("", "", f"tracks with {facts.tracker}")
    if facts.tests:
        outcome.say("", "", f"tests in {facts.tests}")


def _tell_data(outcome: Outcome, facts: TrainingFacts) -> None:
    for each in facts.data[:SHOWN]:
        outcome.say("read", f"{each.file}:{each.line}", f"{each.kind} {each.name}")
    if len(facts.data) > SHOWN:
        outcome.say("", "", f"and {len(facts.data) - SHOWN} more")
    for kind, names in (("loss", facts.losses), ("metric", facts.metrics)):
        for name in names[:SHOWN]:
            outcome.say("read", name, f"{kind} of the project's own")
        if len(names) > SHOWN:
            outcome.say("", "", f"and {len(names) - SHOWN} more")


def _closing(facts: TrainingFacts) -> str:
    if facts.undecided:
        first = facts.bases[0].facts
        return (
            f"{len(facts.bases)} bases are as likely ({{seconds}}): say which in pyproject.toml, "
            f'[tool.trainergen] base-trainer = "{first.module}:{first.name}"'
        )
    what = "trainergen's own" if facts.chosen is None else facts.chosen.facts.name
    return f"Read in {{seconds}}, nothing was run or written: a new trainer follows {what}.  A wrong guess: [tool.trainergen] in pyproject.toml"


def as_data(facts: TrainingFacts, home: Home | None, unclear: tuple[str, ...]) -> dict[str, Any]:
    """The form of ``project --json``: every fact; classes by name and place, their methods for bases only."""
    return {
        "roots": list(facts.roots),
        "layout": facts.layout,
        "ours": facts.ours,
        "undecided": facts.undecided,
        "by_setting": facts.by_setting,
        "chosen": _name(facts.chosen.facts) if facts.chosen is not None else None,
        "bases": [_base(each) for each in _all_bases(facts)],
        "standalone": [_class(each) for each in facts.standalone],
        "contract": home.contract.kind if home is not None else None,
        "registries": [
            {"style": each.style, "path": each.path, "line": each.line, "symbol": each.symbol, "keys": list(each.keys)}
            for each in (home.registries if home is not None else ())
        ],
        "config": _config(home.config) if home is not None else None,
        "entry": to_plain(facts.entry),
        "style": to_plain(facts.style),
        "data": [
            {"name": it.name, "module": it.module, "file": it.file, "line": it.line, "kind": it.kind}
            for it in facts.data
        ],
        "losses": list(facts.losses),
        "metrics": list(facts.metrics),
        "tracker": facts.tracker,
        "tests": facts.tests,
        "contradictions": to_plain(facts.contradictions),
        "unclear": list(unclear),
        "damaged": list(facts.damaged),
    }


def _config(place: ConfigPlace) -> dict[str, Any]:
    return {
        "style": place.style,
        "path": place.path,
        "line": place.line,
        "symbol": place.symbol,
        "keys": [".".join(each) for each in place.keys],
    }


def _all_bases(facts: TrainingFacts) -> tuple[BaseTrainer, ...]:
    """The candidates; before them the chosen one where a setting named another, or it is a function."""
    if facts.chosen is None or any(each.facts == facts.chosen.facts for each in facts.bases):
        return facts.bases
    return (facts.chosen, *facts.bases)


def _base(base: BaseTrainer) -> dict[str, Any]:
    methods = base.inherited.values()
    start = base.method("__init__")
    return {
        **_class(base.facts),
        "reasons": list(base.reasons),
        "inherits": [_name(each) for each in base.lineage],
        "constructor": [to_plain(each) for each in start.parameters] if start is not None else [],
        "required": [each.name for each in methods if each.required],
        "given": [each.name for each in methods if not each.required and each.name != "__init__"],
        "siblings": [_class(each) for each in base.siblings],
    }


def _class(each: ClassFacts) -> dict[str, Any]:
    return {"name": _name(each), "file": each.file, "line": each.line, "before_super": list(each.before_super)}


def _name(each: ClassFacts) -> str:
    return f"{each.module}:{each.name}"


def _place(each: ClassFacts) -> str:
    return f"{each.file}:{each.line}"
