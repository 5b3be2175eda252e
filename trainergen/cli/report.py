"""``trainergen report``: what came of a run, as one page and as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .execution import execute
from .options import terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome


@click.command("report", short_help="Tell what came of a run: one HTML page and Markdown.")
@click.argument("run", metavar="RUN")
@click.option("--baseline", metavar="RUN", help="Another run to compare with.")
@click.option(
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where report.html and report.md go; default: the run's folder.",
)
@click.option(
    "--open", "show", type=click.Choice(["no", "yes"]), default="no", help="Show the page in the browser; default: no."
)
@with_project
@with_terminal
def command(
    run: str,
    baseline: str | None,
    output: Path | None,
    show: str,
    project: Path | None,
    as_data: bool,
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Tell what came of RUN: learning curves, observations with advice, metrics, settings, files, a model card.

    RUN is a folder, a name or its beginning, latest, or best. Runs that go on or were killed get a report too.

    \b
    trainergen report latest
    trainergen report digits_net_20260102-090000 --baseline digits_net_20260101-120000
    """  # noqa: D301 - click's mark for lines that are not to be joined

    def work(outcome: Outcome) -> None:
        from ..report import telling

        telling.tell_report(telling.ReportRequest(run, baseline, output, show == "yes", project), outcome)

    return execute("report", terminal_of(color, quiet, verbose), as_data, work)
