"""``trainergen check --run``: trainers that are there, trained in the lab for what a syntax tree cannot know.

The record says what a trainer was generated from: model, batch, objective. So the lab builds the model, holds the files as
they are on the disk against the bare loop, as `new` holds the staged ones, and takes the probes that are too long for it.
A trainer without a record that inherits trainergen's is built as its configuration says, and trained without a bare loop.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import pipeline
from .choosing import chosen
from .errors import AnswerNeeded, FindingsFailed
from .gates.finding import Finding
from .gates.output import as_plain, summary
from .gates.report import render
from .home_proof import home_request
from .inspection.module_names import module_name
from .inspection.project import find_root, read_project
from .lab import opening
from .measuring import model_request
from .merging import Merging
from .outcome import Outcome
from .proving import prove_request
from .record import read_records
from .settings import read_settings
from .stages import NewRequest
from .staging.durable import read

if TYPE_CHECKING:
    from .assembly import Assembled
    from .inspection.project_facts import ProjectFacts
    from .lab.client import Lab
    from .lab.opening import Laboratory
    from .record import Record
    from .settings import Settings

_BESIDE_THE_LOOP = ("TG058", "TG053", "TG056")
"""Codes whose probes compare values with the bare loop's, under the recorded objective."""


@dataclass(frozen=True)
class RunRequest:
    """One ``trainergen check --run``.

    Attributes:
        what: files or folders with trainers, or trainers' names; empty for all.
        project, python, device, limit: as those of `NewRequest`.
    """

    what: tuple[str, ...] = ()
    project: Path | None = None
    python: str | None = None
    device: str | None = None
    limit: str | None = None


def check_run(request: RunRequest, lab: Lab | None, outcome: Outcome, progress: Callable[[str], None]) -> None:
    """Train each trainer that is meant; nothing is written.

    Raises:
        AnswerNeeded: nothing says how a trainer is built, or what a batch looks like.
        FindingsFailed: a probe found something; the report is whole.
        TrainergenError: the model can't be measured, as for `new`.
    """
    root, _ = find_root(request.project, Path.cwd())
    settings = read_settings(root)
    records, files = meant(root, request.what, read_project(root, root, settings.package))
    findings: list[Finding] = []
    runs: list[dict[str, Any]] = []
    texts: dict[str, str] = {}
    with opening.opened(
        lab, root, python=request.python, setting=settings.python, device=request.device, limit=request.limit
    ) as laboratory:
        for record in records:
            progress(f"running {record.trainer}")
            probes = _probed(record, root, settings, request, laboratory, texts)
            runs.append({"trainer": record.trainer, "probes": probes})
            own = f"; another objective on purpose: trainergen update {record.trainer} --loss NAME"
            findings += _findings(next(iter(record.created)), probes, texts, own)
        for file in files:
            progress(f"running {file}")
            for trainer, probes in _alone(file, root, laboratory, texts).items():
                runs.append({"trainer": trainer, "probes": probes})
                findings += _findings(file, probes, texts, "")
    for run in runs:
        _tell(outcome, run["trainer"], run["probes"])
    plain = [as_plain(each, source="run") for each in findings]
    outcome.result |= {"findings": plain, "summary": summary(findings, len(texts)), "runs": runs}
    names = runs[0]["trainer"] if len(runs) == 1 else f"{len(runs)} trainers"
    if not findings:
        outcome.closing = f"Ran {names} ({{seconds}}): no probe found anything."
        return
    outcome.explanation = [""]
    for each in findings:
        detail = tuple(f"| {line}" for line in each.label.splitlines())
        outcome.explanation.append(render(each._replace(label=""), texts.get(each.path, ""), notes=detail) + "\n")
    count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    outcome.closing = f"Ran {names} ({{seconds}}): {count}."
    raise FindingsFailed(count, hint="correct the lines that are named")


def meant(root: Path, what: tuple[str, ...], project: ProjectFacts) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    """The records of the trainers in the files and folders, or of the names, that are asked for; files without a record.

    Raises:
        AnswerNeeded: nothing is there, or a folder holds no trainer whose model and batch are known.
    """
    if not what:
        return chosen(root, (), project, every=True), ()
    files: dict[str, None] = {}
    found: dict[str, Record] = {}
    records: tuple[Record, ...] | None = None
    for word in what:
        path = Path(word)
        if not path.exists():
            if path.suffix or len(path.parts) > 1:
                _refuse(word, "is not there", ())
            found |= {record.file: record for record in chosen(root, (word,), project, every=False)}
            continue
        records = read_records(root) if records is None else records
        asked = path.resolve()
        held = [
            record
            for record in records
            if any((root / each).resolve().is_relative_to(asked) for each in record.created)
        ]
        if not held and path.suffix == ".py" and asked.is_relative_to(root.resolve()):
            files[asked.relative_to(root.resolve()).as_posix()] = None
        elif not held:
            known = tuple(f"trainergen check --run {record.trainer}" for record in records)
            _refuse(word, "holds no trainer of which .trainergen/ says how it is built", known)
        found |= {record.file: record for record in held}
    return tuple(found.values()), tuple(files)


def _refuse(word: str, why: str, known: tuple[str, ...]) -> None:
    raise AnswerNeeded(
        f"{word} {why}: which model it trains, and on what batch, has to be said once",
        flags=(*known, "trainergen new --model PATH.py:NAME --loader MODULE:FUNCTION  (or --batch FORM)"),
        place=word,
        hint="check without --run reads any training code",
    )


def _probed(
    record: Record,
    root: Path,
    settings: Settings,
    request: RunRequest,
    laboratory: Laboratory,
    texts: dict[str, str],
) -> list[dict[str, Any]]:
    """The verdicts on one trainer; `texts` gets its files."""
    staged, payload = question(record, root, settings, request.limit, laboratory)
    texts |= staged.texts
    answer = laboratory.request("lab.prove:prove", payload)
    probes: list[dict[str, Any]] = answer["probes"]
    return probes


def _alone(file: str, root: Path, laboratory: Laboratory, texts: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """The verdicts on each trainer of a file that no record knows."""
    text = (root / file).read_text(encoding="utf-8", errors="replace")
    module = module_name(file)
    payload = {"module": module, "files": {file: text}, "modules": {module: file}, "seed": 0}
    texts[file] = text
    found: dict[str, list[dict[str, Any]]] = laboratory.request("lab.alone:alone", payload)["trainers"]
    return found


def question(
    record: Record,
    root: Path,
    settings: Settings,
    limit: str | None,
    laboratory: Laboratory,
    texts: Mapping[str, str] | None = None,
) -> tuple[Assembled, dict[str, Any]]:
    """A trainer as it stands, and the payload of ``lab.prove:prove`` that asks about it; its batches lie in the lab.

    `texts` are files of the trainer as they are meant to stand, whatever the disk has.
    """
    asked = NewRequest(wishes=record.wishes, project=root, dry_run=True, limit=limit)
    asked = pipeline.with_defaults(asked, settings)
    merging = Merging(record, root, asked.wishes)
    with contextlib.chdir(root):  # a record names files from there
        project = read_project(root, root, asked.wishes.package)
        facts, ground = pipeline.gather(asked, project, settings, laboratory, Outcome(), lambda _: None)
        plans, assemble = pipeline.ranked(asked, facts, ground, merging)
        staged = as_it_stands(assemble(plans[0]), root, texts or {})
    model = model_request(facts.model, facts.fed(asked.wishes), facts.measured)
    payload = prove_request(plans[0], facts, model)
    if facts.home is not None:
        payload = home_request(plans[0], facts, model, staged, facts.home)
    # The trainer stands in the registry by its own right: nothing is new there, so nothing can have been lost.
    files = {"files": dict(staged.texts), "modules": dict(staged.modules), "listed_before": []}
    return staged, {**payload, **files, "endurance": True}


def as_it_stands(staged: Assembled, root: Path, texts: Mapping[str, str]) -> Assembled:
    """What would be generated now, with `texts`, else the files of the disk, in its place."""
    found = {path: read(root / path) for path in staged.texts}
    there = {
        path: text if (data := found[path]) is None else data.decode("utf-8", errors="replace")
        for path, text in staged.texts.items()
    }
    return replace(staged, texts=there | {path: text for path, text in texts.items() if path in there})


def _findings(file: str, probes: list[dict[str, Any]], texts: Mapping[str, str], own: str) -> list[Finding]:
    """What failed, at the line that answers for it; `own` is said of what differs from the bare loop's values."""
    found = []
    for each in probes:
        if each["status"] != "failed":
            continue
        place = each["place"] or {}
        path = place.get("file") or file
        line = place.get("line") or 1
        lines = texts.get(path, "").splitlines()
        text = lines[line - 1] if line <= len(lines) else ""
        start = len(text) - len(text.lstrip()) + 1
        hint = each["hint"] or "see the evidence"
        if each["code"] in _BESIDE_THE_LOOP:
            hint += own
        detail = str(each["detail"])
        found.append(
            Finding(each["code"], each["title"], path, line, start, max(start + 1, len(text) + 1), hint, detail)
        )
    return found


_VERBS = {"passed": "ok", "failed": "fail", "advice": "advise", "unmeasured": "skip"}


def _tell(outcome: Outcome, trainer: str, probes: list[dict[str, Any]]) -> None:
    for each in probes:
        code = f"{each['code']} " if each["code"] else ""
        outcome.say(_VERBS[each["status"]], f"{trainer} {each['probe']}", f"{code}{each['title']}")
