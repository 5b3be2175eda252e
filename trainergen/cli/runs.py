"""``trainergen runs``: what has been trained here, which was best, and how two of them differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..runs import STATES
from .execution import execute
from .options import terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome


@click.command("runs", short_help="List the runs, find the best by a metric, compare two.")
@click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=click.Path(path_type=Path))
@click.option("--trainer", metavar="NAME", help="Of this trainer alone.")
@click.option("--status", type=click.Choice(STATES), help="In this state alone.")
@click.option("--name", metavar="PATTERN", help="Whose name matches alone, such as 'digits_*'.")
@click.option("--best", metavar="METRIC", help="Order by a value of the history, such as validation.loss.")
@click.option("--mode", type=click.Choice(["min", "max"]), help="What is better (--best); default: as the runs say.")
@click.option("--compare", nargs=2, metavar="RUN RUN", help="Settings, circumstances and metrics that differ.")
@with_project
@with_terminal
def command(as_data: bool, color: str, quiet: bool, verbose: bool, **options: Any) -> int:
    """List the runs below FOLDERs, by default below the project, the newest first.

    A RUN is a folder, a name, or the beginning of a name or id. Two runs are compared at their best epochs.

    \b
    trainergen runs --status finished
    trainergen runs --best validation.accuracy
    trainergen runs --compare digits_net_20260101-120000 digits_net_20260102-090000
    """  # noqa: D301 - click's mark for lines that are not to be joined

    def work(outcome: Outcome) -> None:
        from .. import comparing

        comparing.tell_runs(comparing.RunsRequest(**options), outcome)

    return execute("runs", terminal_of(color, quiet, verbose), as_data, work)
