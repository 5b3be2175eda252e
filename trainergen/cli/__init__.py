"""The command line: one file a command, options in, exit code and text or JSON out."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .. import __version__
from ..errors import did_you_mean

if TYPE_CHECKING:
    from ..lab.client import Lab

# name -> its one-line help, so that `--help` imports no command.
COMMANDS = {
    "check": "Run the static gates over training code; --run: train it; --drift: is it as generated now?",
    "completion": "Print the shell completion for bash, zsh or fish.",
    "evaluate": "Evaluate a run's checkpoint; compare with its history.",
    "explain": "Tell what a gate demands, why, and how to meet it.",
    "export": "Write a run's model as safetensors, torch-export, onnx or torchscript, proven.",
    "init": "Create the default project: config.ini, config/, train/, train.py.",
    "inspect": "Measure a model and its data: what a training will meet, with advice.",
    "list": "List patterns, registry patches, templates, and this project's trainers.",
    "lsp": "Serve an editor: the findings of `check` while you type.",
    "new": "Generate a trainer for a model class, prove it, commit it.",
    "project": "Say how this project trains: base, registry, settings, entry point, style.",
    "report": "Tell what came of a run: one HTML page and Markdown.",
    "runs": "List the runs, find the best by a metric, compare two.",
    "undo": "Take the last change set, or a trainer's, back out.",
    "update": "Regenerate trainers, merge with your edits, prove, commit.",
    "watch": "Watch a run until it ends.",
}


class Started(NamedTuple):
    """What a command starts with.

    Attributes:
        lab: started ahead of time, or None.
        arguments: the command line, for hints that repeat it.
    """

    lab: Lab | None
    arguments: tuple[str, ...]


class LazyGroup(click.Group):
    """Imports a command's file when that command is asked for, and helps with misspelt names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f".{name}", __name__).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with a did-you-mean."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            hint = did_you_mean(args[0], tuple(COMMANDS))
            raise click.UsageError(f"no command {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands' table, from their one-line helps."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 a gate failed, 2 unusable input, 3 conflict with your files, 4 an answer is missing, "
    "5 your own code failed, 6 the machine refused, 70 a bug in trainergen, 130 interrupted.",
)
@click.version_option(__version__, "--version", "-V", message="trainergen %(version)s")
def main() -> None:
    """From a PyTorch model class to a trainer in your project, proven by a real training step before a byte is written."""


def run(argv: list[str], lab: Lab | None = None) -> int:
    """Run one command line and give its exit code; `lab` is the one that `__main__` started ahead of time."""
    try:
        result: Any = main.main(args=argv, prog_name="trainergen", standalone_mode=False, obj=Started(lab, tuple(argv)))
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.Abort:
        print("interrupted", file=sys.stderr)
        return 130
    except click.ClickException as problem:
        if "--json" in argv:
            _print_refusal(argv, problem)
        else:
            problem.show()
        return problem.exit_code
    except BrokenPipeError:  # the reader of our stdout left: not our failure, and nothing more to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    return result if isinstance(result, int) else 0


def _print_refusal(argv: list[str], problem: click.ClickException) -> None:
    """An invocation that click refused, in the form of every other ``--json`` answer."""
    from ..errors import UnusableInput
    from ..outcome import Outcome
    from .printing import as_json

    command = next((word for word in argv if word in COMMANDS), "new")
    print(as_json(command, Outcome(), UnusableInput(problem.format_message())))
