"""``trainergen list``: what there is to choose from, and what this project has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import did_you_mean
from .execution import execute
from .options import terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome

    _Choice = click.Choice[str]
else:
    _Choice = click.Choice  # generic since click 8.2 only

SECTIONS = ("patterns", "losses", "metrics", "optimizers", "schedulers", "registries", "templates", "trainers")


class Section(_Choice):
    """One of `SECTIONS`, with a did-you-mean."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The section's name; where there is none, what was probably meant."""
        if value not in SECTIONS:
            self.fail(f"no section {value!r}: {did_you_mean(value, SECTIONS)}", param, ctx)
        return value


@click.command("list", short_help="List patterns, registry patches, templates, and this project's trainers.")
@click.argument(
    "what",
    required=False,
    metavar="[SECTION]",
    type=Section(SECTIONS),
)
@with_project
@with_terminal
def command(what: str | None, project: Path | None, as_data: bool, color: str, quiet: bool, verbose: bool) -> int:
    """List what `new` takes by name, templates, and the trainers of this project.

    SECTION is one of patterns, losses, metrics, optimizers, schedulers, registries, templates, trainers.
    """

    def work(outcome: Outcome) -> None:
        from .. import verbs

        verbs.catalogue(project, what, outcome)

    return execute("list", terminal_of(color, quiet, verbose), as_data, work)
