"""``trainergen check``: the gates over files, or with ``--drift`` the files against what would be generated now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .execution import execute
from .options import terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome
    from . import Started


@click.command("check", short_help="Run the static gates over trainers; --drift: are they as generated now?")
@click.argument("what", nargs=-1, metavar="[PATH | NAME]...")
@click.option("--drift", "drifted", is_flag=True, help="Compare NAMEs (default: all) with what would be generated now.")
@with_project
@click.option("--python", metavar="PATH", help="Interpreter that your code runs in (--drift).")
@click.option("--device", metavar="NAME", help="Where your model is measured: cpu (default) or cuda (--drift).")
@click.option("--limit", metavar="time=60,memory=8G", help="Limits of every run in the lab (--drift).")
@with_terminal
@click.pass_obj
def command(
    started: Started,
    /,
    what: tuple[str, ...],
    drifted: bool,
    project: Path | None,
    python: str | None,
    device: str | None,
    limit: str | None,
    as_data: bool,
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Run the static gates over PATHs, by default over all that was generated here. Exit 1 on findings.

    With --drift: which files of the trainers differ from what would be generated now. Exit 1 where one does.

    \b
    trainergen check train/digits_net_trainer.py
    trainergen check --drift
    """  # noqa: D301 - click's mark for lines that are not to be joined
    terminal = terminal_of(color, quiet, verbose)

    def work(outcome: Outcome) -> None:
        if not drifted:
            from .. import checking

            checking.check(project, tuple(Path(each) for each in what), outcome)
            return
        from .. import drifting

        request = drifting.DriftRequest(what, project, python, device, limit)
        drifting.drift(request, started.lab, outcome, terminal.progress)

    return execute("check", terminal, as_data, work)
