"""What a report can't know, because the run's files are missing, torn, or still being written: said at its top."""

from __future__ import annotations

from pathlib import Path

from ..runs import HISTORY, MANIFEST, STATUS, Run
from .evidence import Evidence, repeated_epochs, sound
from .wording import moment, plural


def caveats(run: Run, seen: Evidence) -> tuple[str, ...]:
    """Sentences; `run` as its files tell it, unsound entries included."""
    found = []
    if not run.manifest:
        there = (run.folder / MANIFEST).exists()
        found.append(
            f"{MANIFEST} {'can not be read' if there else 'is missing'}: settings, hardware, data and checkpoints are not"
            " known, and nothing is said of them."
        )
    else:
        lost = [name for name, value in run.manifest.items() if value is not None and name not in sound(run).manifest]
        if lost:
            found.append(f"{MANIFEST} has entries of the wrong kind, which are passed over: {', '.join(lost[:8])}.")
    torn = _torn_lines(run.folder / HISTORY, len(run.records))
    if torn is None:
        found.append(f"{HISTORY} is missing or can not be read: there are no curves.")
    elif torn:
        found.append(
            f"{plural(torn, 'line')} of {HISTORY} can not be read and {'is' if torn == 1 else 'are'} left out."
        )
    repeated = repeated_epochs(run.records)
    if repeated:
        found.append(f"{plural(repeated, 'record')} of {HISTORY} tell an epoch again: the last one of each counts.")
    if not run.status and (run.folder / STATUS).exists():
        found.append(f"{STATUS} can not be read.")
    if not seen.epochs and torn is not None:
        found.append("No whole epoch is on record: there are no curves and no values.")
    if seen.state == "running":
        updated = moment(run.status.get("updated_at"))
        found.append(f"The run goes on: this is how it was at {updated}." if updated != "-" else "The run goes on.")
    return tuple(found)


def _torn_lines(path: Path, read: int) -> int | None:
    try:
        with path.open("rb") as file:
            return max(0, sum(1 for line in file if line.strip()) - read)
    except OSError:
        return None
