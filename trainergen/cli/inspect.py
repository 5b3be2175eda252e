"""``trainergen inspect``: a model and its data measured, as text, JSON and one HTML file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .execution import execute
from .options import Assignment, terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome
    from . import Started


@click.command("inspect", short_help="Measure a model and its data: what a training will meet, with advice.")
@click.argument("model", metavar="MODEL")
@click.option("--batch", metavar="WHAT", help="FILE.pt|.npz|.safetensors, module:name, or a description, as for new.")
@click.option("--loader", metavar="MODULE:NAME", help="DataLoader, factory or iterable: the data is examined too.")
@click.option(
    "--model-arg", "model_arguments", type=Assignment(), multiple=True, help="Constructor argument; repeatable."
)
@click.option("--factory", metavar="MODULE:NAME", help="Function that builds the model.")
@click.option("--target", metavar="KEY", help="Dotted key or index of the target in the batch.")
@click.option("--loss", metavar="NAME", help="Listed name (trainergen list) or module:name.")
@click.option("--optimizer", metavar="NAME", help="Listed name or module:name.")
@click.option(
    "--html",
    metavar="FILE.html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report with its plots there, one file that needs no network; it is yours.",
)
@click.option("--force", is_flag=True, help="Replace FILE.html also where it is no earlier report.")
@with_project
@click.option("--python", metavar="PATH", help="Interpreter that your code runs in.")
@click.option("--device", metavar="NAME", help="Where the model runs: cpu (default) or cuda.")
@click.option("--limit", metavar="time=60,memory=8G", help="Limits of every measurement in the lab.")
@click.option("--traceback", is_flag=True, help="Show every frame of a failure in your code.")
@with_terminal
@click.pass_obj
def command(started: Started, /, as_data: bool, color: str, quiet: bool, verbose: bool, **options: Any) -> int:
    """Measure what a training of MODEL (PATH.py:NAME) will meet, and say what to do about it. Writes nothing into the project.

    \b
    trainergen inspect model.py:DigitsNet --loader data:build_loader --html digits.html
    trainergen inspect model.py:DigitsNet --json

    Exit 1 where a finding will break the training.
    """  # noqa: D301 - click's mark for lines that are not to be joined
    from ..planning.wishes import Wishes

    terminal = terminal_of(color, quiet, verbose, options["traceback"])
    wishes = Wishes(
        model=options["model"],
        batch=options["batch"],
        loader=options["loader"],
        model_arguments=tuple(options["model_arguments"]),
        factory=options["factory"],
        target=options["target"],
        loss=options["loss"],
        optimizer=options["optimizer"],
    )

    def work(outcome: Outcome) -> None:
        from .. import examining

        request = examining.InspectRequest(
            wishes=wishes,
            project=options["project"],
            python=options["python"],
            device=options["device"],
            limit=options["limit"],
            html=options["html"],
            force=options["force"],
            invocation="trainergen " + shlex.join(started.arguments),
        )
        examining.inspect(request, started.lab, outcome, terminal.progress)

    return execute("inspect", terminal, as_data, work)
