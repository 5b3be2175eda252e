"""``trainergen watch``: how far a run is, in place on a terminal, line by line elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .execution import execute
from .options import terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome
    from ..runs import Run


@click.command("watch", short_help="Watch a run until it ends.")
@click.argument("run", required=False, metavar="[RUN]")
@click.option("--once", is_flag=True, help="Say how far it is, and leave.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    metavar="SECONDS",
    help="From one look to the next; default: 1 on a terminal, else 5.",
)
@with_project
@with_terminal
def command(
    run: str | None,
    once: bool,
    interval: float | None,
    project: Path | None,
    as_data: bool,
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Watch RUN (a folder, a name, or its beginning), by default the newest that is running, until it ends.

    On a terminal the view is renewed in place; elsewhere a line is printed whenever the run has got on. Leaving does
    not touch the run. Exit 0 where it is finished (or goes on: --once, --json), 1 where it ended otherwise.
    """
    terminal = terminal_of(color, quiet, verbose)

    def work(outcome: Outcome) -> None:
        import datetime

        from .. import watching
        from ..errors import Interrupted

        said: list[str] = []

        def show(seen: Run) -> None:
            if as_data or quiet:
                return
            if terminal.is_live and not once:
                moment = datetime.datetime.now(datetime.UTC)
                terminal.live(watching.view(seen, unicode=terminal.draws_unicode, moment=moment))
            elif watching.line(seen) not in said[-1:]:
                said.append(watching.line(seen))
                terminal.result(said[-1])

        pause = interval or (1.0 if terminal.is_live else 5.0)
        try:
            last = watching.watch(watching.choose_run(run, project), show, pause, once=once or as_data)
        except KeyboardInterrupt:
            raise Interrupted("left", hint="the run goes on; the same command watches it again") from None
        watching.tell_end(last, outcome)

    return execute("watch", terminal, as_data, work)
