"""``trainergen list``: what there is to choose from, and what this project has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .execution import execute
from .options import terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome


@click.command("list", short_help="List patterns, registry patches, templates, and this project's trainers.")
@click.argument(
    "what",
    required=False,
    type=click.Choice(["patterns", "losses", "optimizers", "schedulers", "registries", "templates", "trainers"]),
)
@with_project
@with_terminal
def command(what: str | None, project: Path | None, as_data: bool, color: str, quiet: bool, verbose: bool) -> int:
    """List patterns, losses, optimizers, registry patches, templates, and the trainers of this project."""

    def work(outcome: Outcome) -> None:
        from .. import verbs

        verbs.catalogue(project, what, outcome)

    return execute("list", terminal_of(color, quiet, verbose), as_data, work)
