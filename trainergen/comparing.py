"""What `trainergen runs` tells: the list, the best by a metric, two runs side by side."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UnusableInput, did_you_mean
from .inspection.project import find_root
from .runs import Run, find_runs, resolve

if TYPE_CHECKING:
    from .outcome import Outcome


@dataclass(frozen=True)
class RunsRequest:
    """What was asked.

    Attributes:
        folders: where to look; empty for the project's root.
        trainer: of this class alone; upper and lower case are one, the suffix ``Trainer`` is optional.
        status: in this state alone.
        name: matching this pattern alone (``digits_*``).
        compare: two runs, or None.
        best: the metric by which to order them, or None.
        mode: ``min`` or ``max``; None for what the runs say.
        project: the project's root; None to look for it.
    """

    folders: tuple[Path, ...] = ()
    trainer: str | None = None
    status: str | None = None
    name: str | None = None
    compare: tuple[str, str] | None = None
    best: str | None = None
    mode: str | None = None
    project: Path | None = None


def tell_runs(request: RunsRequest, outcome: Outcome) -> None:
    """Fill `outcome` with what was asked.

    Raises:
        UnusableInput: a folder, run or metric that there is not.
    """
    runs = known_runs(request.folders, request.project)
    if request.compare is not None:
        first, second = (resolve(wanted, runs) for wanted in request.compare)
        _compare(first, second, outcome)
        return
    chosen = [run for run in runs if _wanted(run, request)]
    if request.best is not None:
        _best(chosen, request.best, request.mode, outcome)
        return
    for run in chosen:
        outcome.say(run.state, run.name, describe(run))
    outcome.result = {"runs": [run.as_plain() for run in chosen]}
    states = [run.state for run in chosen]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    outcome.closing = f"{_count(len(chosen))}{': ' + counts if counts else ''}."
    if "running" in states:
        outcome.closing += "  Watch the newest: trainergen watch"
        outcome.next_steps = ["trainergen watch"]


def known_runs(folders: tuple[Path, ...], project: Path | None) -> list[Run]:
    """The runs below `folders`, or below the project's root.

    Raises:
        UnusableInput: one of the folders is none.
    """
    for folder in folders:
        if not folder.is_dir():
            raise UnusableInput(f"no folder {folder}", hint="give the folder below which the runs are")
    return find_runs(folders or (find_root(project, Path.cwd())[0],))


def describe(run: Run) -> str:
    """One line about a run: trainer, how far, its best value, how long, why it ended."""
    best = run.best(run.monitor)
    config = run.manifest.get("config") or {}
    epoch = run.records[-1].get("epoch", 0) if run.records else 0
    seconds = run.manifest.get("seconds")
    parts = [
        run.trainer,
        str(run.manifest.get("started_at", ""))[:16].replace("T", " "),
        f"epoch {epoch}/{config.get('num_epochs', '?')}",
        "" if best is None else f"best {run.monitor} {best[1]:.4g} in epoch {best[0]}",
        "" if not isinstance(seconds, (int, float)) else f"{seconds:.1f} s",
        str(run.manifest.get("error") or "").partition("\n")[0],
    ]
    return ", ".join(part for part in parts if part)


def _wanted(run: Run, request: RunsRequest) -> bool:
    if request.trainer is not None:
        wanted = request.trainer.lower()
        if run.trainer.lower() not in (wanted, f"{wanted}trainer"):
            return False
    if request.status is not None and run.state != request.status:
        return False
    return request.name is None or fnmatch.fnmatch(run.name, request.name)


def _best(runs: list[Run], metric: str, mode: str | None, outcome: Outcome) -> None:
    measured = [(run, run.best(metric, mode)) for run in runs]
    found = [(run, best) for run, best in measured if best is not None]
    if not found:
        known = list(dict.fromkeys(path for run in runs for path in run.metrics()))
        raise UnusableInput(f"no run has measured {metric!r}", hint=did_you_mean(metric, known))
    chosen = mode or found[0][0].mode_of(metric)
    found.sort(key=lambda pair: pair[1][1] if chosen == "min" else -pair[1][1])
    for run, (epoch, value) in found:
        outcome.say(f"{value:.6g}", run.name, f"{run.trainer}, epoch {epoch}, {run.state}")
    winner = found[0][0]
    outcome.result = {
        "metric": metric,
        "mode": chosen,
        "runs": [run.as_plain() | {"value": value, "value_epoch": epoch} for run, (epoch, value) in found],
    }
    word = "lowest" if chosen == "min" else "highest"
    outcome.closing = f"{_count(len(found))} by {metric}, the {word} first: {winner.name}."
    if len(found) > 1:
        outcome.next_steps = [f"trainergen runs --compare {found[1][0].name} {winner.name}"]


def compare(first: Run, second: Run) -> dict[str, Any]:
    """How two runs differ: ``settings``, ``circumstances`` and ``metrics`` (``name``, ``a``, ``b``), which is ``better``."""
    return {
        "settings": _differences(first.manifest.get("config") or {}, second.manifest.get("config") or {}),
        "circumstances": _differences(_circumstances(first), _circumstances(second)),
        "metrics": _metrics(first, second),
        "better": _better(first, second),
    }


def _compare(first: Run, second: Run, outcome: Outcome) -> None:
    found = compare(first, second)
    for each in found["settings"]:
        outcome.say("setting", each["name"], f"{_short(each['a'])} -> {_short(each['b'])}")
    for each in found["circumstances"]:
        outcome.say("differs", each["name"], f"{_short(each['a'])} -> {_short(each['b'])}")
    for each in found["metrics"]:
        difference = "" if each["difference"] is None else f"{each['difference']:+.4g}"
        outcome.say("metric", each["name"], f"{_short(each['a'])} -> {_short(each['b'])}", difference)
    outcome.result = {"a": first.as_plain(), "b": second.as_plain(), **found}
    better = found["better"]
    judged = (
        "neither is known to be better" if better is None else f"{(first if better == 'a' else second).name} is better"
    )
    outcome.closing = f"{first.name} -> {second.name}, each at its best epoch by {first.monitor}: {judged}."


def _metrics(first: Run, second: Run) -> list[dict[str, Any]]:
    """All numbers of the history, each run's at the epoch in which its monitored value was best."""
    a, b = _at_best(first), _at_best(second)
    found = []
    for name in dict.fromkeys([*a, *b]):
        both = name in a and name in b
        difference = b[name] - a[name] if both else None
        found.append({"name": name, "a": a.get(name), "b": b.get(name), "difference": difference})
    return found


def _at_best(run: Run) -> dict[str, float]:
    best = run.best(run.monitor)
    epoch = best[0] if best is not None else (run.records[-1].get("epoch") if run.records else None)
    return {path: value for path in run.metrics() for at, value in run.values(path) if at == epoch}


def _better(first: Run, second: Run) -> str | None:
    """``a`` or ``b``; None where they are equal, or judged by different values."""
    a, b = first.best(first.monitor), second.best(second.monitor)
    if a is None or b is None or first.monitor != second.monitor or a[1] == b[1]:
        return None
    lower = first.mode_of(first.monitor) == "min"
    return "a" if (a[1] < b[1]) == lower else "b"


def _circumstances(run: Run) -> dict[str, Any]:
    """What beside its settings may make a run another: code, data, machine."""
    known = run.manifest
    code, machine = known.get("git") or {}, known.get("environment") or {}
    data = (known.get("data") or {}).get("train") or {}
    return {
        "trainer": run.trainer,
        "state": run.state,
        "commit": code.get("commit"),
        "uncommitted changes": code.get("dirty_diff"),
        "data": data.get("name"),
        "data checksum": data.get("checksum"),
        "samples": data.get("samples"),
        "python": machine.get("python"),
        "torch": machine.get("torch"),
        "device": machine.get("device_name"),
        "threads": machine.get("threads"),
        "seconds": known.get("seconds"),
        "samples a second": (known.get("throughput") or {}).get("samples_per_second"),
    }


def _differences(first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    names = dict.fromkeys([*first, *second])
    return [
        {"name": name, "a": first.get(name), "b": second.get(name)}
        for name in names
        if first.get(name) != second.get(name)
    ]


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "none" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:21]}..."


def _count(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"
