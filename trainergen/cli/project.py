"""``trainergen project``: how the project at hand trains, read without running it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .execution import execute
from .options import terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome


@click.command("project", short_help="Say how this project trains: base, registry, settings, entry point, style.")
@with_project
@with_terminal
def command(project: Path | None, as_data: bool, color: str, quiet: bool, verbose: bool) -> int:
    """Say how this project trains, and so what a new trainer will follow; read from its source, which is never run.

    A wrong guess is corrected in pyproject.toml, under [tool.trainergen]: base-trainer, registry, config, entry-point.
    """

    def work(outcome: Outcome) -> None:
        from .. import surveying

        surveying.survey_project(project, outcome)

    return execute("project", terminal_of(color, quiet, verbose), as_data, work)
