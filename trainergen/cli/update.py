"""``trainergen update``: the trainers' names in, one command for what changed under them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .execution import execute
from .new import REPEATED, WORDS
from .new import command as new_command
from .options import terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome
    from . import Started

FIXED = ("package", "base_trainer", "registry", "config", "entry_point")
"""Where a trainer stands and what it inherits are no answers that can change: that is another trainer."""

ANSWERS = tuple(name for name in (*WORDS, *REPEATED) if name not in FIXED)
"""What `new` can be told, and `update` can be told anew."""


def _optional(parameter: click.Parameter) -> click.Parameter:
    """An option of `new` as `update` has it: nothing has to be said again."""
    import copy

    same = copy.copy(parameter)
    same.required = False
    return same


@click.command("update", short_help="Regenerate trainers, merge with your edits, prove, commit.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Every trainer that was generated here.")
@with_project
@click.option("--python", metavar="PATH", help="Interpreter that your code runs in.")
@click.option("--device", metavar="NAME", help="Where the proof runs: cpu (default) or cuda.")
@click.option("--limit", metavar="time=60,memory=8G", help="Limits of every run in the lab.")
@click.option("--dry-run", is_flag=True, help="Merge, prove, print the diffs, write nothing.")
@click.option("--explain", is_flag=True, help="Say what each stage decided, and why.")
@click.option(
    "--force", is_flag=True, help="Where a whole generated file clashes or was removed, take it as generated."
)
@click.option("--no-proof", is_flag=True, help="Skip the proof; nothing is known to work then.")
@click.option("--traceback", is_flag=True, help="Show every frame of a failure in your code.")
@with_terminal
@click.pass_obj
def command(
    started: Started,
    /,
    names: tuple[str, ...],
    every: bool,
    as_data: bool,
    color: str,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> int:
    """Generate trainers anew from their records, merge with your edits, prove the result, and commit all or nothing.

    NAME may be left out where there is one trainer. Where you and the generator changed the same lines, both sides are
    listed and nothing is written. What `new` can be told can be told again, for one NAME; it is kept.

    \b
    trainergen update DigitsNet
    trainergen update --all --dry-run
    trainergen update DigitsNet --optimizer sgd
    """  # noqa: D301 - click's mark for lines that are not to be joined
    terminal = terminal_of(color, quiet, verbose, options["traceback"])
    answers = {name: options[name] for name in ANSWERS if options[name] not in (None, ())}

    def work(outcome: Outcome) -> None:
        from .. import updating
        from ..errors import UnusableInput

        if names and every:
            raise UnusableInput("--all and names exclude each other", hint="leave one of them out")
        request = updating.UpdateRequest(
            names=names,
            every=every,
            answers=answers,
            project=options["project"],
            python=options["python"],
            device=options["device"],
            limit=options["limit"],
            dry_run=options["dry_run"],
            explain=options["explain"],
            force=options["force"],
            prove=not options["no_proof"],
        )
        updating.update(request, started.lab, outcome, terminal.progress)

    return execute("update", terminal, as_data, work)


command.params[2:2] = [_optional(each) for each in new_command.params if each.name in ANSWERS]
