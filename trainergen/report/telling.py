"""What `trainergen report` does: find the run, tell its story, write it, say what was seen."""

from __future__ import annotations

import dataclasses
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..comparing import known_runs
from ..errors import UnusableInput
from ..runs import HISTORY, MANIFEST, STATUS, Run, find_runs, read_run, resolve
from .evidence import sound
from .story import HTML, MARKDOWN, Story, tell
from .writing import check_target, write_report

if TYPE_CHECKING:
    from ..outcome import Outcome

_FILES = (MANIFEST, HISTORY, STATUS, HTML, MARKDOWN)
_SHOWN = 5


@dataclass(frozen=True)
class ReportRequest:
    """What was asked.

    Attributes:
        run: a folder, a file in it, a name or its beginning, ``latest``, ``best``.
        baseline: likewise, or None.
        output: the folder to write to; None for the run's.
        show: whether to open the page in the browser.
        project: the project's root; None to look for it.
    """

    run: str
    baseline: str | None = None
    output: Path | None = None
    show: bool = False
    project: Path | None = None


def tell_report(request: ReportRequest, outcome: Outcome) -> None:
    """Write the report that was asked for and fill `outcome`.

    Raises:
        UnusableInput: there is no such run.
        Conflict: something that is no report stands where it would go.
        MachineRefused: its folder can't be written to.
    """
    run = choose(request.run, request.project)
    baseline = None if request.baseline is None else choose(request.baseline, request.project)
    if baseline is not None and baseline.folder.resolve() == run.folder.resolve():
        raise UnusableInput(f"{run.name} is both the run and its baseline", hint="name another run: --baseline")
    folder = run.folder if request.output is None else request.output
    check_target(folder)
    story = tell(run, baseline)
    written = write_report(story, folder)
    outcome.written = True
    _say(story, outcome)
    outcome.result = {
        "run": sound(run).as_plain(),
        "verdict": story.verdict,
        "caveats": list(story.caveats),
        "observations": [dataclasses.asdict(each) | {"settings": list(each.settings)} for each in story.observations],
        "metrics": [_metric(each) for each in map(dataclasses.asdict, story.metrics)],
        "gap": story.gap,
        "baseline": None if story.comparison is None else _comparison(story),
        "files": {kind: str(path) for kind, path in written.items()},
        "bytes": {kind: path.stat().st_size for kind, path in written.items()},
    }
    outcome.next_steps = [each.command for each in story.steps if each.command and "RUN" not in each.command]
    outcome.closing = f"{story.verdict}  Look at it: {written['html']}"
    if request.show:
        webbrowser.open(written["html"].resolve().as_uri())


def choose(wanted: str, project: Path | None) -> Run:
    """The run that `wanted` means, also one that has lost its manifest.

    Raises:
        UnusableInput: it is none; the hint names those that are near.
    """
    path = Path(wanted)
    folder = path.parent if path.name in _FILES and path.is_file() else path
    if any((folder / name).is_file() for name in (MANIFEST, HISTORY)):
        return read_run(folder)
    runs = known_runs((), project)
    try:
        return resolve(wanted, runs)
    except UnusableInput as problem:
        if not path.exists():
            raise
        below = find_runs([path]) if path.is_dir() else []
        near = below or runs
        raise UnusableInput(
            f"{wanted} is no run: it has neither {MANIFEST} nor {HISTORY}",
            place=wanted,
            hint=_candidates(near, "below it" if below else "in this project") if near else problem.hint,
        ) from None


def _candidates(runs: list[Run], where: str) -> str:
    more = f" and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else ""
    return f"runs {where}: " + ", ".join(str(run.folder) for run in runs[:_SHOWN]) + more


def _say(story: Story, outcome: Outcome) -> None:
    for said in story.caveats:
        outcome.say("note", "its files", said)
    for each in story.observations:
        outcome.say(each.severity, each.title, each.symptom)
        if each.severity != "note":
            outcome.say("advise", each.rule, each.remedy)
    if story.metrics:
        outcome.say("ok" if story.metrics[0].judged == "small" else "read", "gap", story.gap)
    if story.comparison is not None:
        outcome.say("read", f"baseline {story.comparison.name}", story.comparison.verdict)


def _metric(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != "trend"}


def _comparison(story: Story) -> dict[str, object]:
    comparison = story.comparison
    assert comparison is not None
    return {"name": comparison.name, "verdict": comparison.verdict, "better": comparison.better}
