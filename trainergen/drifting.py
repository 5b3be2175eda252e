"""``trainergen check --drift``: which files of the generated trainers are not what would be generated now, and who changed.

What is generated depends on what the lab measures of the model, so the lab builds it and runs it on a batch, as `new`
does; what is generated is neither trained nor written.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__, pipeline
from .choosing import chosen
from .errors import FindingsFailed
from .inspection.project import find_root, read_project
from .lab import opening
from .merging import Merging
from .outcome import Outcome
from .record import own_spans, plain_plan
from .settings import read_settings
from .stages import NewRequest
from .staging.durable import read

if TYPE_CHECKING:
    from .assembly import Assembled
    from .lab.client import Lab
    from .planning.plan import TrainerPlan
    from .record import Record


@dataclass(frozen=True)
class DriftRequest:
    """One ``trainergen check --drift``.

    Attributes:
        names: the trainers; empty for all.
        project, python, device, limit: as those of `NewRequest`.
    """

    names: tuple[str, ...] = ()
    project: Path | None = None
    python: str | None = None
    device: str | None = None
    limit: str | None = None


@dataclass(frozen=True)
class Drift:
    """A file that is not what would be generated now.

    Attributes:
        trainer: whose.
        path: relative to the project.
        edited: what the user did to it: ``edited`` or ``removed``, "" for nothing.
        outdated: what changed since it was generated: ``generator``, ``model`` or ``template``, "" for nothing.
        reason: both, for people.
    """

    trainer: str
    path: str
    edited: str
    outdated: str
    reason: str


def drift(request: DriftRequest, lab: Lab | None, outcome: Outcome, progress: Callable[[str], None]) -> None:
    """Compare what is on the disk with what would be generated now; nothing is written.

    Raises:
        FindingsFailed: something differs; the report is whole.
        TrainergenError: what would be generated now can't be told, as for `new`.
    """
    root, _ = find_root(request.project, Path.cwd())
    settings = read_settings(root)
    records = chosen(root, request.names, read_project(root, root, settings.package), every=True)
    found: list[Drift] = []
    with opening.opened(
        lab, root, python=request.python, setting=settings.python, device=request.device, limit=request.limit
    ) as laboratory:
        for record in records:
            asked = NewRequest(wishes=record.wishes, project=root, dry_run=True, limit=request.limit)
            asked = pipeline.with_defaults(asked, settings)
            merging = Merging(record, root, asked.wishes)
            with contextlib.chdir(root):  # a record names files from there
                project = read_project(root, root, asked.wishes.package)
                facts, ground = pipeline.gather(asked, project, settings, laboratory, Outcome(), progress)
                plans, assemble = pipeline.ranked(asked, facts, ground, merging)
                found += compare(record, root, plans[0], assemble(plans[0]))
    _tell(outcome, records, found)


def compare(record: Record, root: Path, plan: TrainerPlan, staged: Assembled) -> list[Drift]:
    """What differs of one trainer, in the order of its record."""
    by, because = _cause(record, plan)
    found = []
    for path in (*record.paths, *(each for each in (*staged.created, *staged.inserted) if each not in record.paths)):
        edited = _edit(record, root, path)
        outdated = _generated(record, path) != _now(staged, path)
        data = read(root / path)
        if path in staged.created and data == staged.created[path].encode("utf-8"):
            continue
        if not edited and not outdated:
            continue
        said = {"edited": ["edited by you"], "removed": ["removed by you"]}.get(edited, [])
        said += [f"outdated by {because}"] if outdated else []
        found.append(Drift(record.trainer, path, edited, by if outdated else "", "; ".join(said)))
    return found


def _generated(record: Record, path: str) -> tuple[str, ...] | None:
    """What of a file the trainer wrote, piece by piece."""
    if path in record.created:
        return (record.created[path],)
    return record.inserted[path].pieces if path in record.inserted else None


def _now(staged: Assembled, path: str) -> tuple[str, ...] | None:
    """The same, as it would be written now."""
    if path in staged.created:
        return (staged.created[path],)
    return staged.inserted[path].pieces if path in staged.inserted else None


def _edit(record: Record, root: Path, path: str) -> str:
    """What the user did to the trainer's text in a file."""
    if path not in record.paths:
        return ""
    data = read(root / path)
    if data is None:
        return "removed"
    if path in record.created:
        return "edited" if data != record.created[path].encode("utf-8") else ""
    return "edited" if own_spans(root, path, data, record) is None else ""


def _cause(record: Record, plan: TrainerPlan) -> tuple[str, str]:
    """Why the text would be another now: a word, and a phrase."""
    generator = f"trainergen {__version__}"
    if record.generator != generator:
        return "generator", f"{generator}, {record.generator} wrote it"
    now = json.loads(json.dumps(plain_plan(plan)))
    different = sorted(key for key in now.keys() | record.plan.keys() if now.get(key) != record.plan.get(key))
    if different:
        return "model", f"the model, its data or the settings: {', '.join(different)}"
    return "template", "the templates"


def _tell(outcome: Outcome, records: tuple[Record, ...], found: list[Drift]) -> None:
    for each in found:
        outcome.say("drift", each.path, each.reason)
    trainers = [record.trainer for record in records]
    outcome.result["trainers"] = trainers
    outcome.result["drift"] = [dict(vars(each)) for each in found]
    noun = trainers[0] if len(trainers) == 1 else f"{len(trainers)} trainers"
    if not found:
        outcome.closing = f"No drift ({{seconds}}): {noun}, every file as it would be generated."
        return
    files = "1 file differs" if len(found) == 1 else f"{len(found)} files differ"
    drifted = sorted({each.trainer for each in found if each.outdated})
    if drifted:
        outcome.next_steps = [f"trainergen update {name}" for name in drifted]
    then = f"  Merge: {outcome.next_steps[0]}" if drifted else ""
    outcome.closing = f"{files} from what would be generated now ({{seconds}}).{then}"
    raise FindingsFailed(f"{files} from what would be generated now", hint="trainergen update merges what changed")
