"""``trainergen init``: the default project, without a trainer yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .execution import execute
from .options import terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome


@click.command("init", short_help="Create the default project: config.ini, config/, train/, train.py.")
@with_project
@click.option("--package", metavar="FOLDER", help="Put train/, config/ and config.ini below this folder.")
@click.option("--vendor", is_flag=True, default=None, help="Copy the runtime's source in, for no dependency.")
@click.option("--dry-run", is_flag=True, help="Print the diffs, write nothing.")
@with_terminal
def command(
    project: Path | None,
    package: str | None,
    vendor: bool | None,
    dry_run: bool,
    as_data: bool,
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Create the default project that generated trainers live in; files that exist are left as they are."""

    def work(outcome: Outcome) -> None:
        from .. import verbs

        verbs.init(project, package, vendor, dry_run, outcome)

    return execute("init", terminal_of(color, quiet, verbose), as_data, work)
