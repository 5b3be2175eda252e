"""``trainergen update``: the trainers of a project generated anew from their records, merged, proven, and only then written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import narrative, pipeline
from .answers import portable
from .choosing import chosen
from .errors import AnswerNeeded, TrainergenError, UnusableInput
from .inspection.project import find_root, read_project
from .lab import opening
from .merging import Merging
from .outcome import Outcome
from .settings import read_settings
from .stages import NewRequest
from .staging.change_set import Change, ChangeSet
from .staging.commit import commit
from .staging.diff import render_diff
from .staging.durable import demand_writable
from .staging.journal import recover
from .staging.lock import project_lock

if TYPE_CHECKING:
    from .lab.client import Lab
    from .lab.opening import Laboratory
    from .record import Record
    from .settings import Settings
    from .stages import Proven


@dataclass(frozen=True)
class UpdateRequest:
    """One ``trainergen update``, after the command line was read.

    Attributes:
        names: the trainers; empty for the only one.
        every: ``--all``.
        answers: wishes said now, by field; they go into the record. For one trainer only.
        project, python, device, limit, dry_run, explain, force, prove: as those of `NewRequest`.
    """

    names: tuple[str, ...] = ()
    every: bool = False
    answers: Mapping[str, Any] = field(default_factory=dict)
    project: Path | None = None
    python: str | None = None
    device: str | None = None
    limit: str | None = None
    dry_run: bool = False
    explain: bool = False
    force: bool = False
    prove: bool = True


@dataclass(frozen=True)
class Updated:
    """One trainer that was generated anew.

    Attributes:
        proven: the plan, what is to be written, and what was seen of it.
        merging: what became of each file.
        change_set: what is to be written, after the trainers before it.
    """

    proven: Proven
    merging: Merging
    change_set: ChangeSet


def update(request: UpdateRequest, lab: Lab | None, outcome: Outcome, progress: Callable[[str], None]) -> None:
    """Bring trainers up to date with their model, the templates and the generator; all of them, or nothing is written.

    Args:
        request: what to do.
        lab: started ahead of time, or None.
        outcome: filled as the stages pass.
        progress: told what is being done.

    Raises:
        TrainergenError: with the exit code that fits; nothing was written then.
    """
    root, _ = find_root(request.project, Path.cwd())
    with project_lock(root, waiting=progress):
        settings = read_settings(root)
        recovery = recover(root)
        if recovery is not None:
            outcome.say("recover", f"interrupted {recovery.verb}", recovery.sentence)
        records = chosen(root, request.names, read_project(root, root, settings.package), every=request.every)
        if request.answers and len(records) > 1:
            raise UnusableInput("answers are one trainer's", hint="name the trainer that they are meant for, alone")
        if not request.dry_run:
            demand_writable(root)
        outcome.result["trainers"] = []
        done: list[Updated] = []
        with opening.opened(
            lab, root, python=request.python, setting=settings.python, device=request.device, limit=request.limit
        ) as laboratory:
            for record in records:
                pending = {change.path: change.after for each in done for change in each.change_set.changes}
                done.append(_one(request, root, settings, record, pending, laboratory, outcome, progress))
        for each in done:
            _finish(request, root, each, outcome)
        _close(request, done, outcome)


def _one(
    request: UpdateRequest,
    root: Path,
    settings: Settings,
    record: Record,
    pending: Mapping[str, bytes],
    laboratory: Laboratory,
    outcome: Outcome,
    progress: Callable[[str], None],
) -> Updated:
    """One trainer, up to what is to be written; told as a part of the whole story."""
    part = Outcome()
    part.result["trainer"] = record.trainer
    outcome.say("record", record.file, f"{record.trainer}, by {record.generator}")
    try:
        updated = regenerated(request, root, settings, record, pending, laboratory, part, progress)
    except TrainergenError as problem:
        if isinstance(problem, AnswerNeeded):
            problem.invocation = f"trainergen update {record.trainer}"
        elif isinstance(problem, UnusableInput):
            problem.notes += (
                f"   = asked for by {record.file}; another answer goes with: trainergen update {record.trainer} --model ...",
            )
        narrative.tell_failure(part, problem, explain=request.explain)
        _take_in(outcome, part)
        raise
    identical = updated.proven.evidence.identical
    narrative.tell_proof(part, updated.proven)
    _tell_files(part, updated)
    if identical:  # what led there again is of no interest
        part.lines = [line for line in part.lines if line.verb not in ("read", "choose", "guess")]
    else:
        narrative.tell_advice(part, updated.proven)
    _take_in(outcome, part)
    return updated


def _take_in(outcome: Outcome, part: Outcome) -> None:
    outcome.lines += part.lines
    outcome.explanation += part.explanation
    outcome.diff += part.diff
    outcome.result["trainers"].append(part.result)


def regenerated(
    request: UpdateRequest,
    root: Path,
    settings: Settings,
    record: Record,
    pending: Mapping[str, bytes],
    laboratory: Laboratory,
    outcome: Outcome,
    progress: Callable[[str], None],
) -> Updated:
    """One trainer generated from its record, merged and proven; nothing is written.

    Raises:
        TrainergenError: see `pipeline.gather` and `pipeline.first_proven`.
    """
    answered = portable(replace(record.wishes, **request.answers), root, Path.cwd())
    asked = NewRequest(
        wishes=answered,
        project=root,
        device=request.device,
        limit=request.limit,
        dry_run=request.dry_run,
        explain=request.explain,
        force=request.force,
        prove=request.prove,
    )
    asked = pipeline.with_defaults(asked, settings)
    with contextlib.chdir(root):  # a record names files from there
        project = read_project(root, root, asked.wishes.package)
        facts, ground = pipeline.gather(asked, project, settings, laboratory, outcome, progress)
        merging = Merging(record, root, asked.wishes, request.force, pending)
        proven = pipeline.first_proven(asked, facts, ground, laboratory, outcome, progress, merging)
    changes = tuple(_after_others(change, pending) for change in proven.staged.change_set.changes)
    written = () if proven.evidence.identical else changes
    return Updated(proven, merging, ChangeSet(record.trainer, written))


def _after_others(change: Change, pending: Mapping[str, bytes]) -> Change:
    """The change as it is made once what is pending was written."""
    return replace(change, before=pending[change.path]) if change.path in pending else change


def _tell_files(outcome: Outcome, updated: Updated) -> None:
    """One line a file, and what became of it."""
    why = {"keep": "with your edits", "merge": "with your edits", "leave": "no longer generated; it is yours now"}
    changes = {change.path: change for change in updated.change_set.changes}
    labels = {change.path: change.label for change in updated.proven.staged.change_set.changes}
    files = []
    for path, fate in updated.merging.fates.items():
        change = changes.get(path)
        added = change.added_lines if change is not None and fate in ("create", "update", "merge") else 0
        label = "  ".join(part for part in (labels.get(path, ""), why.get(fate, "")) if part)
        outcome.say(fate, path, f"{f'{added:+}' if added else '':>5}   {label}".rstrip())
        files.append({"path": path, "verb": fate, "added": added, "label": labels.get(path, "")})
    outcome.result["files"] = files


def _finish(request: UpdateRequest, root: Path, updated: Updated, outcome: Outcome) -> None:
    """The sink."""
    if request.dry_run:
        outcome.diff += render_diff(updated.change_set)
    elif updated.change_set.effective:
        commit(root, updated.change_set, force=True, verb="update")
        outcome.written = True


def _close(request: UpdateRequest, done: list[Updated], outcome: Outcome) -> None:
    changed = [each for each in done if each.change_set.changes]
    outcome.result["written"] = outcome.written
    trains = [each.proven.staged.command for each in changed]
    if not changed:
        what = f"{done[0].merging.record.trainer} is" if len(done) == 1 else f"{len(done)} trainers are"
        edited = any("keep" in each.merging.fates.values() for each in done)
        but = ", but for your edits" if edited else ""
        outcome.closing = f"Nothing to do ({{seconds}}): {what} as generated now{but}."
        return
    paths = {change.path for each in changed for change in each.change_set.effective if not change.private}
    files = "1 file" if len(paths) == 1 else f"{len(paths)} files"
    unproven = "" if request.prove else ", NOTHING WAS PROVEN"
    if request.dry_run:
        outcome.closing = f"Nothing was written: --dry-run ({{seconds}}); {files} would change{unproven}."
        return
    outcome.next_steps = [*trains, "trainergen undo"]
    outcome.closing = f"Done in {{seconds}}, {files} at once{unproven}.  Train: {trains[0]}  Back: trainergen undo"
