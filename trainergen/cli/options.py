"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .terminal import Terminal

if TYPE_CHECKING:
    _Pair = click.ParamType[tuple[str, Any]]
    _WeightedName = click.ParamType[tuple[str, float]]
else:  # generic in recent versions of click only
    _Pair = _WeightedName = click.ParamType

F = TypeVar("F", bound=Callable[..., Any])


def with_terminal(function: F) -> F:
    """``--color``, ``-q``, ``-v``, ``--json``: how a command speaks."""
    decorators = [
        click.option("--json", "as_data", is_flag=True, help="Print one JSON object (schema in trainergen/schemas)."),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            help="Colour; auto respects NO_COLOR and FORCE_COLOR, and pipes.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Only the closing line and errors."),
        click.option("-v", "--verbose", is_flag=True, help="Keep the progress on stderr."),
    ]
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def with_project(function: F) -> F:
    """``--project``: which folder is the project."""
    return click.option(
        "--project",
        type=click.Path(path_type=Path),
        help="Project root; default: the nearest folder upwards with pyproject.toml, setup.py, config.ini or .git.",
    )(function)


def with_trained(function: F) -> F:
    """``--checkpoint``, ``--trainer``, ``--python``, ``--limit``: what of a run is rebuilt, and where."""
    decorators = [
        click.option(
            "--checkpoint",
            metavar="best|final|last|PATH",
            help="Whose weights; default: the first of best, final, last that is there.",
        ),
        click.option(
            "--trainer", metavar="MODULE:CLASS", help="The class that trained, where the run does not say it."
        ),
        click.option("--python", metavar="PATH", help="Interpreter that your code runs in."),
        click.option("--limit", metavar="time=60,memory=8G", help="Limits of your code; default: none to speak of."),
        click.option("--traceback", is_flag=True, help="Show every frame of a failure in your code."),
    ]
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def terminal_of(color: str, quiet: bool, verbose: bool, traceback: bool = False) -> Terminal:
    """The terminal that the options describe."""
    return Terminal(color, quiet, verbose, traceback)


class Assignment(_Pair):
    """``key=value`` where the value is a Python literal, or plain text where it is none."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """The pair; ``key=[64, 32]`` gives a list, ``key=relu`` text."""
        if isinstance(value, tuple):
            return value
        key, sign, text = str(value).partition("=")
        if not sign or not key.strip().isidentifier():
            self.fail(f"{value!r} is not of the form key=value (a name, =, a Python literal)", param, ctx)
        return key.strip(), literal(text)


class Weight(_WeightedName):
    """``name=weight`` with a finite number."""

    name = "name=weight"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """The pair."""
        if isinstance(value, tuple):
            return value
        key, _, text = str(value).partition("=")
        try:
            weight = float(text)
        except ValueError:
            weight = float("nan")
        if not key or not math.isfinite(weight):
            self.fail(f"{value!r} is not of the form name=weight, such as sparsity=0.1", param, ctx)
        return key, weight


def literal(text: str) -> Any:
    """`text` as a Python literal; the text itself where it is none."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text
