"""``trainergen undo``: the reverse sink."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .execution import execute
from .options import terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome


@click.command("undo", short_help="Take the last change set, or a trainer's, back out.")
@click.argument("name", required=False)
@click.option("--force", is_flag=True, help="Also remove files of ours that were edited since.")
@with_project
@with_terminal
def command(
    name: str | None, force: bool, project: Path | None, as_data: bool, color: str, quiet: bool, verbose: bool
) -> int:
    """Take the last change set, or that of trainer NAME, back out, byte for byte; your own edits stay."""

    def work(outcome: Outcome) -> None:
        from .. import verbs

        verbs.undo(project, name, force, outcome)

    return execute("undo", terminal_of(color, quiet, verbose), as_data, work)
