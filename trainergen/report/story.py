"""A report as data: everything that page and Markdown say, put together from a run's files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..runs import Run
from . import sections
from .advice import Step, next_steps
from .artefacts import Artefact, artefacts
from .baseline import Comparison, compared
from .card import Card, card
from .caveats import caveats
from .evidence import Evidence, finite, gather, sound
from .metrics import Metric, gap_in_words, metrics
from .observation import ORDER, Observation
from .plots import Plots, plots
from .rules import observe
from .sections import Fact, Setting
from .wording import duration, moment, number, plural

HTML, MARKDOWN = "report.html", "report.md"


@dataclass(frozen=True)
class Story:
    """One run's report.

    Attributes:
        verdict: what came of it, in one or two sentences.
        tiles: the up to six numbers that one looks for.
        gap: training against validation, in a sentence.
        lacking: what is missing to have the run again.
        hidden: artefacts beyond those listed.
    """

    name: str
    folder: str
    trainer: str
    state: str
    verdict: str
    caveats: tuple[str, ...]
    tiles: tuple[Fact, ...]
    counts: tuple[tuple[str, int], ...]
    observations: tuple[Observation, ...]
    metrics: tuple[Metric, ...]
    gap: str
    plots: Plots
    comparison: Comparison | None
    stated_baseline: str
    settings: tuple[Setting, ...]
    hardware: tuple[Fact, ...]
    performance: tuple[Fact, ...]
    data: tuple[tuple[str, ...], ...]
    checkpoints: tuple[Artefact, ...]
    files: tuple[Artefact, ...]
    hidden: int
    reproducibility: tuple[Fact, ...]
    lacking: tuple[str, ...]
    sessions: tuple[tuple[str, ...], ...]
    packages: tuple[str, ...]
    further: tuple[Fact, ...]
    card: Card
    steps: tuple[Step, ...]


def tell(run: Run, baseline: Run | None = None) -> Story:
    """The report of `run`, compared with `baseline` where one is given."""
    seen, raw = gather(run), run
    run = sound(run)
    manifest = run.manifest
    other = None if baseline is None else gather(baseline)
    observed = observe(seen)
    rows = metrics(seen)
    checkpoints, files, hidden = artefacts(run.folder, manifest, (HTML, MARKDOWN))
    folder = run.folder.as_posix()
    return Story(
        name=sections.shown(run.name or run.folder.resolve().name),
        folder=folder,
        trainer=sections.shown(run.trainer),
        state=run.state,
        verdict=_verdict(run, seen, observed),
        caveats=caveats(raw, seen),
        tiles=_tiles(run, seen, rows),
        counts=tuple((severity, sum(each.severity == severity for each in observed)) for severity in ORDER),
        observations=observed,
        metrics=rows,
        gap=gap_in_words(rows),
        plots=plots(seen, other, _resumed(manifest, seen)),
        comparison=None if baseline is None else compared(run, baseline),
        stated_baseline=_stated_baseline(manifest),
        settings=sections.settings(manifest.get("config", {})),
        hardware=sections.hardware(manifest, run.status),
        performance=sections.performance(manifest),
        data=sections.data(manifest),
        checkpoints=checkpoints,
        files=files,
        hidden=hidden,
        reproducibility=sections.reproducibility(manifest),
        lacking=sections.lacking(manifest),
        sessions=sections.sessions(manifest),
        packages=sections.packages(manifest),
        further=sections.further(manifest),
        card=card(manifest, rows, observed),
        steps=next_steps(seen, observed, folder, sections.command(manifest), baseline is not None),
    )


def _verdict(run: Run, seen: Evidence, observed: tuple[Observation, ...]) -> str:
    ended = {
        "running": "Still running, {} so far.",
        "finished": "Finished after {}.",
        "failed": "Failed after {}.",
        "diverged": "Diverged after {}.",
        "interrupted": "Interrupted after {}.",
        "killed": "Killed after {}.",
    }.get(run.state, "{} on record; how it ended is not known.")
    far = plural(seen.epochs, "epoch") if seen.epochs else "less than an epoch"
    said = [ended.format(far)[:1].upper() + ended.format(far)[1:]]
    what = (seen.failure or {}).get("what") or seen.error.partition("\n")[0]
    if run.state in ("failed", "diverged") and what:
        said.append(f"What ended it: {sections.shown(what).rstrip('.')}.")
    judged = seen.judged
    if judged is not None:
        epoch, value = judged.best(lower=seen.lower_is_better)
        said.append(f"Best {seen.monitor}: {number(value)}, in epoch {epoch}.")
    grave = [
        each.title
        for each in observed
        if each.severity in ("fail", "warn") and each.rule not in ("failed", "broken_off", "diverged")
    ]
    if grave:
        said.append(f"{'; '.join(grave[:3])}.")
    elif seen.epochs >= 3 and run.state in ("finished", "running"):
        said.append("No rule warns of anything.")
    return " ".join(said)


def _tiles(run: Run, seen: Evidence, rows: tuple[Metric, ...]) -> tuple[Fact, ...]:
    found: list[Fact] = []
    judged = seen.judged
    if judged is not None:
        epoch, value = judged.best(lower=seen.lower_is_better)
        found.append(Fact(f"best {seen.monitor}", number(value), f"epoch {epoch}"))
    shares = [
        row
        for row in rows
        if not row.lower_is_better and row.validation is not None and f"validation.{row.name}" != seen.monitor
    ]
    for row in shares[:1]:
        found.append(Fact(f"validation.{row.name}", number(row.validation), "in that epoch"))
    planned = seen.number_setting("num_epochs")
    if seen.epochs:
        found.append(Fact("epochs", f"{seen.epochs:,}", f"of {planned:,.0f} planned" if planned else ""))
    spent = finite(run.manifest.get("seconds"))
    seconds = seen.curve("seconds")
    if spent is None and seconds is not None:
        spent = sum(seconds.values)
    if spent:
        found.append(Fact("training time", duration(spent), moment(run.manifest.get("started_at"))))
    pace = finite(run.manifest.get("throughput", {}).get("samples_per_second"))
    if pace:
        found.append(Fact("samples a second", number(pace)))
    parameters = finite(run.manifest.get("model", {}).get("parameters"))
    if parameters is not None:
        found.append(Fact("parameters", number(parameters), sections.shown(run.manifest["model"].get("class", ""))))
    return tuple(found[:6])


def _resumed(manifest: dict[str, Any], seen: Evidence) -> tuple[int, ...]:
    """The epochs that a later session's first step belongs to."""
    steps = seen.curve("step")
    if steps is None:
        return ()
    starts = [finite(each.get("first_step")) for each in manifest.get("sessions", [])[1:]]
    found = [
        next((epoch for epoch, step in zip(steps.epochs, steps.values, strict=True) if step >= start), None)
        for start in starts
        if start is not None
    ]
    return tuple(dict.fromkeys(epoch for epoch in found if epoch is not None))


def _stated_baseline(manifest: dict[str, Any]) -> str:
    """What the run itself says of the baseline that its settings name."""
    found = manifest.get("baseline", {})
    if not found:
        return ""
    name, monitor = sections.shown(found.get("run_name") or found.get("run")), sections.shown(found.get("monitor"))
    value, other = finite(found.get("value")), finite(found.get("baseline"))
    if value is None or other is None:
        return f"The baseline of its settings, {name}, could not be compared: {sections.shown(found.get('problem'))}."
    word = "better" if found.get("better") is True else "not better"
    return f"The baseline of its settings, {name}: {monitor} {number(value)} here, {number(other)} there, {word}."
