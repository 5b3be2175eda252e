"""``trainergen export``: a run's model in a format that others read, proven against the model itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..export.exporting import format_names
from .execution import execute
from .options import terminal_of, with_project, with_terminal, with_trained

if TYPE_CHECKING:
    from ..outcome import Outcome
    from . import Started


@click.command("export", short_help="Write a run's model as safetensors, torch-export, onnx or torchscript, proven.")
@click.argument("run", metavar="RUN")
@click.option("--to", required=True, type=click.Choice(format_names()), help="The format.")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Default: exports/ in the run's folder."
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    metavar="X",
    help="How far the file's outputs may be from the model's, absolutely and relatively; default: the format's.",
)
@with_trained
@with_project
@with_terminal
@click.pass_obj
def command(
    started: Started, /, as_data: bool, color: str, quiet: bool, verbose: bool, traceback: bool, **options: Any
) -> int:
    """Write the model of RUN (a folder, a name, or its beginning) in another format, for any batch size.

    The trainer is built from the run's manifest and its model called as the trainer calls it. What was written is run in
    a process of its own, on several batch sizes; the file appears only when that gives what the model gives.

    \b
    trainergen export digits_net_20260101-120000 --to onnx
    trainergen export digits_net_20260101 --to safetensors --checkpoint final --output digits.safetensors
    """  # noqa: D301 - click's mark for lines that are not to be joined
    terminal = terminal_of(color, quiet, verbose, traceback)

    def work(outcome: Outcome) -> None:
        from ..export import exporting

        exporting.export(exporting.ExportRequest(**options), started.lab, outcome, terminal.progress)

    return execute("export", terminal, as_data, work)
