"""What `trainergen watch` shows: how far a run is, again and again until it ends; torn files are waited out."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .comparing import known_runs
from .errors import FindingsFailed, UnusableInput
from .runs import HISTORY, Run, read_run, resolve

if TYPE_CHECKING:
    from .outcome import Outcome

BAR = 24
CURVE = 40
_BLOCKS = "▁▂▃▄▅▆▇█"
_LETTERS = "_.-~=+*#"


def choose_run(wanted: str | None, project: Path | None) -> Run:
    """The run to watch: the one that is named, else the newest that is running, else the newest.

    Raises:
        UnusableInput: there is none.
    """
    if wanted is not None and (Path(wanted) / HISTORY).is_file():
        return read_run(Path(wanted))
    runs = known_runs((), project)
    if wanted is not None:
        return resolve(wanted, runs)
    if not runs:
        raise UnusableInput("there is no run here", hint="start one (python train.py NAME), or give a run's folder")
    return next((run for run in runs if run.state == "running"), runs[0])


def watch(run: Run, show: Callable[[Run], None], interval: float, *, once: bool) -> Run:
    """Show `run` every `interval` seconds until it ends, at least once; what it was at the end."""
    while True:
        show(run)
        if once or run.state != "running":
            return run
        time.sleep(interval)
        run = refreshed(run)


def refreshed(run: Run) -> Run:
    """The run as it is now; what can't be read at this moment (half written, cut off) stays as it was."""
    now = read_run(run.folder)
    records = now.records if len(now.records) >= len(run.records) or _restarted(run, now) else run.records
    return replace(now, manifest=now.manifest or run.manifest, status=now.status or run.status, records=records)


def _restarted(before: Run, now: Run) -> bool:
    """Whether another session has taken the run up: its history then ends earlier, at the checkpoint."""
    return bool(now.records) and len(before.manifest.get("sessions") or ()) < len(now.manifest.get("sessions") or ())


def tell_end(run: Run, outcome: Outcome) -> None:
    """How it ended, for the closing line.

    Raises:
        FindingsFailed: it ended otherwise than finished.
    """
    outcome.result = {"run": run.as_plain(), "status": run.status}
    best = run.best(run.monitor)
    value = "" if best is None else f", best {run.monitor} {best[1]:.4g} in epoch {best[0]}"
    outcome.closing = f"{run.name} is {run.state} in {run.folder}{value}."
    if run.state in ("failed", "diverged", "interrupted", "killed"):
        outcome.next_steps = [f"python train.py {run.trainer.removesuffix('Trainer')} --resume auto"]
        raise FindingsFailed(f"the run is {run.state}", hint=str(run.manifest.get("error") or "its process is gone"))


def line(run: Run) -> str:
    """Everything in one line, for a log: no cursor is moved."""
    return "  ".join(part for part in (run.name, run.state, *_progress(run), *_values(run), _error(run)) if part)


def view(run: Run, *, unicode: bool, moment: datetime.datetime) -> list[str]:
    """The lines of the live view.

    Args:
        run: what is shown.
        unicode: whether the terminal can draw the curves' blocks.
        moment: now, to tell how old the last sign of life is.
    """
    done, planned = run.status.get("step"), run.status.get("steps")
    share = min(1.0, done / planned) if isinstance(done, int) and isinstance(planned, int) and planned else None
    lines = [f"{run.trainer}  {run.name}  {run.state}"]
    if share is not None:
        filled = int(share * BAR)
        lines.append(f"[{'#' * filled}{'-' * (BAR - filled)}] {share:4.0%}  {'  '.join(_progress(run))}")
    else:
        lines.append("  ".join(_progress(run)))
    lines.append("  ".join(_values(run)))
    for phase in ("train", "validation"):
        values = [value for _, value in run.values(f"{phase}.loss")]
        if values:
            lines.append(f"{phase + ' loss':<16} {values[-1]:<10.4g} {curve(values, unicode=unicode)}")
    age = _age(run.status.get("updated_at"), moment)
    saved = run.status.get("checkpoint") or "none yet"
    lines.append(f"checkpoint       {saved}" + ("" if age is None else f"  (last sign of life {age} ago)"))
    return [text for text in (*lines, _error(run)) if text]


def curve(values: list[float], *, unicode: bool) -> str:
    """The last values as characters whose height is theirs, between the least and the greatest."""
    shown, levels = values[-CURVE:], _BLOCKS if unicode else _LETTERS
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    return "".join(levels[round((value - low) / span * (len(levels) - 1))] for value in shown)


def _progress(run: Run) -> list[str]:
    status, config = run.status, run.manifest.get("config") or {}
    step, steps = status.get("step"), status.get("steps")
    epoch, epochs = status.get("epoch", 0), status.get("epochs", config.get("num_epochs", "?"))
    eta, seconds = status.get("eta_seconds"), status.get("seconds")
    return [
        f"epoch {epoch}/{epochs}",
        "" if step is None else f"step {step}" + ("" if steps is None else f"/{steps}"),
        _number(status.get("steps_per_second"), "{:.4g} steps/s"),
        _number(status.get("samples_per_second"), "{:.4g} samples/s"),
        "" if not isinstance(seconds, (int, float)) else f"for {_clock(seconds)}",
        "" if not isinstance(eta, (int, float)) or run.state != "running" else f"left {_clock(eta)}",
    ]


def _values(run: Run) -> list[str]:
    status = run.status
    held: Any = status.get("memory")
    memory = held if isinstance(held, dict) else {}
    used = memory.get("device_bytes") if memory.get("device_bytes") is not None else memory.get("process_bytes")
    best = run.best(run.monitor)
    return [
        _number(status.get("loss"), "loss {:.4g}"),
        "" if best is None else f"best {run.monitor} {best[1]:.4g}",
        _number(status.get("learning_rate"), "learning rate {:.3g}"),
        "" if not isinstance(used, int) else f"memory {used / 1e6:.0f} MB",
    ]


def _error(run: Run) -> str:
    return str(run.manifest.get("error") or "").partition("\n")[0] if run.state != "running" else ""


def _number(value: Any, form: str) -> str:
    return form.format(value) if isinstance(value, (int, float)) else ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _age(updated_at: Any, moment: datetime.datetime) -> str | None:
    try:
        seconds = (moment - datetime.datetime.fromisoformat(str(updated_at))).total_seconds()
    except (ValueError, TypeError):
        return None
    return f"{_clock(max(0.0, seconds))}"
