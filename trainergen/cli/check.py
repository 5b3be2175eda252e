"""``trainergen check``: the gates over files, or with ``--run`` a training of them, with ``--drift`` what would be generated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import FindingsFailed, UnusableInput
from ..gates.request import OPTIONS, Request, split
from .execution import execute
from .options import terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome
    from . import Started


def _with_options(function: Callable[..., int]) -> Callable[..., int]:
    """The options of a static check, from the table that the quick parser reads too."""
    for option in reversed(OPTIONS):
        kind: dict[str, Any] = {"metavar": option.metavar} if option.metavar else {"is_flag": True}
        if option.choices:
            kind = {"type": click.Choice(option.choices)}
        if option.many:
            kind["multiple"] = True
        function = click.option(option.flag, option.field, help=option.said, **kind)(function)
    return function


@click.command(
    "check", short_help="Run the static gates over training code; --run: train it; --drift: is it as generated now?"
)
@click.argument("what", nargs=-1, metavar="[PATH | NAME]...")
@_with_options
@click.option("--drift", "drifted", is_flag=True, help="Compare NAMEs (default: all) with what would be generated now.")
@click.option("--run", "running", is_flag=True, help="Train what stands at the PATHs, or under NAMEs, for a moment.")
@with_project
@click.option("--python", metavar="PATH", help="Interpreter that your code runs in (--run, --drift, --fix).")
@click.option("--device", metavar="NAME", help="Where your model runs: cpu (default) or cuda (--run, --drift, --fix).")
@click.option("--limit", metavar="time=60,memory=8G", help="Limits of every run in the lab (--run, --drift, --fix).")
@with_terminal
@click.pass_obj
def command(
    started: Started,
    /,
    what: tuple[str, ...],
    drifted: bool,
    running: bool,
    project: Path | None,
    python: str | None,
    device: str | None,
    limit: str | None,
    as_data: bool,
    color: str,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> int:
    """Run the static gates over PATHs, by default over the current folder. Exit 1 on findings.

    Any training code: trainers, scripts, notebooks. `trainergen explain TG101` tells about a gate; a line with
    `# tg: ignore[TG101] reason` is left. --fix of a trainer that trainergen generated trains it before it is written.
    Defaults stand in [tool.trainergen.check] of pyproject.toml.

    With --run: generated trainers are built and trained in the lab, beside a bare loop, and what a file can't show is
    measured: gradients, memory, accumulation, checkpoints. Exit 1 where a probe finds something, 4 where nothing says
    how a trainer is built.

    With --drift: which files of the trainers differ from what would be generated now. Exit 1 where one does.

    \b
    trainergen check train/digits_net_trainer.py
    trainergen check --fix --diff .
    trainergen check --run train/digits_net_trainer.py
    trainergen check --drift
    """  # noqa: D301 - click's mark for lines that are not to be joined
    terminal = terminal_of(color, quiet, verbose)
    if drifted and running:
        return execute("check", terminal, as_data, _refuse_both)
    if running:

        def run(outcome: Outcome) -> None:
            from .. import running as dynamic

            asked = dynamic.RunRequest(what, project, python, device, limit)
            dynamic.check_run(asked, started.lab, outcome, terminal.progress)

        return execute("check", terminal, as_data, run)
    if drifted:

        def compare(outcome: Outcome) -> None:
            from .. import drifting

            request = drifting.DriftRequest(what, project, python, device, limit)
            drifting.drift(request, started.lab, outcome, terminal.progress)

        return execute("check", terminal, as_data, compare)
    request = _request(what, project, color, quiet, {**options, "python": python, "device": device, "limit": limit})
    if as_data:
        return execute("check", terminal, as_data, lambda outcome: _as_data(request, outcome))
    from .. import checking

    try:
        code, text = checking.run(request)
    except Exception as problem:
        failure = problem

        def fail(_outcome: Outcome) -> None:
            raise failure

        return execute("check", terminal, as_data, fail)
    click.echo(text, nl=False)
    return code


def _refuse_both(_outcome: Outcome) -> None:
    raise UnusableInput("--run and --drift exclude each other", hint="ask for one after the other")


def _request(what: tuple[str, ...], project: Path | None, color: str, quiet: bool, options: dict[str, Any]) -> Request:
    for option in OPTIONS:
        if option.many:
            given = tuple(part for value in options[option.field] for part in split(value))
            options[option.field] = given or (None if option.field in ("select", "ignore") else ())
    options["unsafe_fixes"] = options["unsafe_fixes"] or None
    return Request(
        paths=what, project=str(project) if project is not None else None, color=color, quiet=quiet, **options
    )


def _as_data(request: Request, outcome: Outcome) -> None:
    import json

    from .. import checking

    code, text = checking.run(request, as_data=True)
    said = json.loads(text)
    outcome.result = {"findings": said["findings"], "summary": said["summary"]}
    if code:
        count = said["summary"]["findings"]
        raise FindingsFailed(
            "1 finding" if count == 1 else f"{count} findings", hint="correct the lines that are named"
        )
