"""``trainergen evaluate``: the metrics of a run's checkpoint on its validation, test or training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..evaluating import SPLITS
from .execution import execute
from .options import terminal_of, with_project, with_terminal, with_trained

if TYPE_CHECKING:
    from ..outcome import Outcome
    from . import Started


@click.command("evaluate", short_help="Evaluate a run's checkpoint; compare with its history.")
@click.argument("run", metavar="RUN")
@click.option("--split", type=click.Choice(SPLITS), default="validation", show_default=True, help="Which data.")
@click.option("--device", metavar="NAME", help="Where the model runs: cpu, cuda or mps; default: as the run.")
@with_trained
@with_project
@with_terminal
@click.pass_obj
def command(
    started: Started, /, as_data: bool, color: str, quiet: bool, verbose: bool, traceback: bool, **options: Any
) -> int:
    """Evaluate a checkpoint of RUN (a folder, a name, or its beginning), and compare with what its history says.

    The trainer is built from the run's manifest; `test` asks its classmethod build_test_dataloader(config). The run's
    folder gets a line in evaluations.jsonl, and nothing else.

    \b
    trainergen evaluate digits_net_20260101-120000
    trainergen evaluate digits_net_20260101 --checkpoint best --split test --json
    """  # noqa: D301 - click's mark for lines that are not to be joined
    terminal = terminal_of(color, quiet, verbose, traceback)

    def work(outcome: Outcome) -> None:
        from .. import evaluating

        request = evaluating.EvaluateRequest(**options)
        evaluating.evaluate(request, started.lab, outcome, terminal.progress)

    return execute("evaluate", terminal, as_data, work)
