"""``trainergen new``: options in, one proven trainer out."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import AnswerNeeded, Question
from .execution import execute
from .options import Assignment, Weight, literal, terminal_of, with_project, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome
    from ..planning.wishes import Wishes
    from . import Started

WORDS = (
    "model",
    "batch",
    "loader",
    "val_loader",
    "factory",
    "target",
    "loss",
    "optimizer",
    "scheduler",
    "name",
    "package",
    "base_trainer",
    "registry",
    "config",
    "entry_point",
)
"""Options that go into the wishes as they are typed."""

REPEATED = ("model_arguments", "metrics", "optimizer_arguments", "auxiliaries", "patterns")
"""Options that may be said several times."""

PATTERNS = ("simple", "structured", "multi-tensor", "ranking", "custom-optimizer")


@click.command("new", short_help="Generate a trainer for a model class, prove it, commit it.")
@click.option(
    "--model",
    required=True,
    metavar="PATH.py:NAME",
    help="Class, or function that returns a module; also package.module:NAME.",
)
@click.option(
    "--batch",
    metavar="WHAT",
    help="FILE.pt|.npz|.safetensors, module:name, or 'image: float32[8,1,28,28]; label: int64[8] < 10'.",
)
@click.option("--loader", metavar="MODULE:NAME", help="DataLoader, factory or iterable that trains it.")
@click.option("--val-loader", metavar="MODULE:NAME", help="The same for validation.")
@click.option(
    "--model-arg", "model_arguments", type=Assignment(), multiple=True, help="Constructor argument; repeatable."
)
@click.option("--factory", metavar="MODULE:NAME", help="Function that builds the model.")
@click.option("--target", metavar="KEY", help="Dotted key or index of the target in the batch.")
@click.option("--loss", metavar="NAME", help="Listed name (trainergen list) or module:name.")
@click.option("--metric", "metrics", metavar="NAME", multiple=True, help="Listed name or module:name; repeatable.")
@click.option("--optimizer", metavar="NAME", help="Listed name or module:name.")
@click.option(
    "--optimizer-arg", "optimizer_arguments", type=Assignment(), multiple=True, help="Its argument; repeatable."
)
@click.option("--scheduler", metavar="NAME", help="Listed name or module:name.")
@click.option(
    "--auxiliary",
    "auxiliaries",
    type=Weight(),
    multiple=True,
    help="Loss that the model returns, with its weight; repeatable.",
)
@click.option("--pattern", "patterns", metavar="NAME", multiple=True, help=f"{', '.join(PATTERNS)}; repeatable.")
@click.option("--name", metavar="NAME", help="Base name instead of the class's.")
@with_project
@click.option("--package", metavar="FOLDER", help="Put train/, config/ and config.ini below this folder.")
@click.option(
    "--base-trainer", metavar="MODULE:CLASS", help="Your base trainer to inherit from; default for trainergen's."
)
@click.option("--registry", metavar="PATH.py", help="The file that lists your trainers.")
@click.option("--config", metavar="STYLE", help="How your trainers keep their settings: yaml_file, ini_file, ...")
@click.option("--entry-point", metavar="PATH.py", help="The program that starts your trainings.")
@click.option("--vendor", is_flag=True, default=None, help="Copy the runtime's source in, for no dependency.")
@click.option("--python", metavar="PATH", help="Interpreter that your code runs in.")
@click.option("--device", metavar="NAME", help="Where the proof runs: cpu (default) or cuda.")
@click.option("--limit", metavar="time=60,memory=8G", help="Limits of every run in the lab.")
@click.option("--dry-run", is_flag=True, help="Prove, print the diffs, write nothing.")
@click.option("--explain", is_flag=True, help="Say what each stage decided, and why.")
@click.option("--force", is_flag=True, help="Replace whole files that trainergen would generate.")
@click.option("--no-proof", is_flag=True, help="Skip the proof; nothing is known to work then.")
@click.option(
    "--handover",
    metavar="FILE.md",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the six-section handover there; it is yours, undo leaves it.",
)
@click.option("--traceback", is_flag=True, help="Show every frame of a failure in your code.")
@click.option("--yes", is_flag=True, help="Never ask; exit 4 and name the flag instead.")
@with_terminal
@click.pass_obj
def command(
    started: Started, /, as_data: bool, color: str, quiet: bool, verbose: bool, yes: bool, **options: Any
) -> int:
    """Generate a trainer for a model class, prove it by real training steps, and commit it, all or nothing.

    Constructor arguments, batch and objective that are not given are found by trying, and marked as guesses.

    \b
    trainergen new --model model.py:DigitsNet
    trainergen new --model model.py:DigitsNet --loader data:build_loader
    trainergen new --model model.py:Net --batch 'image: float32[8,1,28,28]; label: int64[8] < 10'
    """  # noqa: D301 - click's mark for lines that are not to be joined
    from ..planning.wishes import Wishes

    terminal = terminal_of(color, quiet, verbose, options["traceback"])
    said: dict[str, Any] = {name: options[name] for name in WORDS}
    said |= {name: tuple(options[name]) for name in REPEATED}
    wishes = Wishes(**said, vendor=bool(options["vendor"]))
    asks = terminal.can_ask and not yes and not as_data

    def work(outcome: Outcome) -> None:
        from .. import pipeline, stages

        request = stages.NewRequest(
            wishes=wishes,
            project=options["project"],
            python=options["python"],
            device=options["device"],
            limit=options["limit"],
            dry_run=options["dry_run"],
            explain=options["explain"],
            force=options["force"],
            prove=not options["no_proof"],
            handover=options["handover"],
            invocation="trainergen " + shlex.join(started.arguments),
        )
        while True:
            try:
                pipeline.new(request, started.lab, outcome, terminal.progress)
                return
            except AnswerNeeded as needed:
                if not asks or not needed.questions:
                    raise
                terminal.clear_progress()
                answers = [(question, _ask(question)) for question in needed.questions]
                said = " ".join(question.spell(answer) for question, answer in answers)
                request = request.answered(_with_answers(request.wishes, answers), said)
                outcome.clear()  # the story starts again, with the answers

    return execute("new", terminal, as_data, work)


def _ask(question: Question) -> str:
    """One answer, from the terminal; the question goes to stderr, with the likely answer as the default."""
    for line in (f"{question.name}: {question.about}", *(f"  {each}" for each in question.evidence)):
        click.echo(line, err=True)
    answer: str = click.prompt(f"{question.option} {question.key}".rstrip(), default=question.likely, err=True)
    return answer


def _with_answers(wishes: Wishes, answers: list[tuple[Question, str]]) -> Wishes:
    changes: dict[str, Any] = {}
    fields = {"--model-arg": "model_arguments", "--optimizer-arg": "optimizer_arguments"}
    for question, answer in answers:
        if question.key:
            name = fields.get(question.option, "auxiliaries")
            value = float(answer) if name == "auxiliaries" else literal(answer)
            changes[name] = (*changes.get(name, getattr(wishes, name)), (question.key, value))
        elif question.option in ("--metric", "--pattern"):
            name = question.option.lstrip("-") + "s"
            changes[name] = (*changes.get(name, getattr(wishes, name)), answer)
        else:
            changes[question.option.lstrip("-").replace("-", "_")] = answer
    return replace(wishes, **changes)
