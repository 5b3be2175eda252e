"""TG005: the logger instead of print, with % placeholders that match their arguments."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from .source import Scope, own_attribute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding
    from .subject import Subject

CODE = "TG005"
NAME = "logger with %s, never print"
WHAT = (
    "No print in a trainer's or config's file; a message to a logger (beautilog's, or one of logging.getLogger) is "
    "no f-string, str.format, % or + expression, and has as many % placeholders as arguments follow."
)
WHY = (
    "print bypasses levels, files and the progress line; an f-string is built even when nobody listens; a wrong "
    "count makes logging drop the message and print a traceback in its place."
)
PASSING = """\
from beautilog import logger

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def on_epoch_start(self):
        logger.info("epoch %d, learning rate %s", self.epoch, self.config.learning_rate)
"""
FAILING = """\
from beautilog import logger

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def on_epoch_start(self):
        logger.info("epoch %d, learning rate %s", self.epoch)
"""
FIX = "none"
TORCH = ">=2.6"
SOURCE = "the contract of trainergen's own trainers, gate 5 of ten"
WATCHES = (ast.Call,)

_LEVELS = {"debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log"}
_OPTIONS = {"exc_info", "stack_info", "stacklevel", "extra"}
# Python's own grammar of a conversion: key, flags, width, precision, length, type.
_PLACEHOLDER = re.compile(
    r"%(?P<key>\([^)]*\))?(?P<flags>[#0\- +]*)(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d+))?[hlL]?(?P<type>.)?"
)
_TYPES = set("diouxXeEfFgGcrsa%")


def check(node: ast.AST, _scope: Scope, subject: Subject) -> Iterator[Finding]:
    """See WHAT."""
    assert isinstance(node, ast.Call)
    dotted = subject.dotted(node.func)
    if dotted in ("print", "pprint.pprint", "sys.stdout.write"):
        yield subject.finding(CODE, node.func, f"{dotted} in a trainer", 'use the logger: logger.info("... %s", value)')
        return
    if (
        not isinstance(node.func, ast.Attribute)
        or node.func.attr not in _LEVELS
        or not _is_logger(node.func.value, subject)
    ):
        return
    arguments = node.args[1:] if node.func.attr == "log" else node.args
    if not arguments or isinstance(arguments[0], ast.Starred):
        return
    message, values = arguments[0], arguments[1:]
    built = _built(message)
    if built is not None:
        hint = 'pass the values as arguments: logger.info("... %s", value)'
        yield subject.finding(CODE, message, f"a log message is built by {built} before the logger is asked", hint)
        return
    literal = message.value if isinstance(message, ast.Constant) else None
    counted = isinstance(literal, str) and not any(isinstance(value, ast.Starred) for value in values)
    problem = _mismatch(str(literal), values) if counted else None
    if problem is not None:
        yield subject.finding(CODE, message, problem, "give one argument for each placeholder")


def _is_logger(target: ast.expr, subject: Subject) -> bool:
    dotted = subject.dotted(target)
    if dotted in ("beautilog.logger", "logging"):
        return True
    if dotted is not None:
        found = subject.facts.definition(dotted)
        if isinstance(found, str):
            return found == "beautilog.logger"
        return (
            found is not None
            and isinstance(found[1], ast.Call)
            and found[0].dotted(found[1].func) == "logging.getLogger"
        )
    own = own_attribute(target)
    return own is not None and any(
        own in map(own_attribute, part.targets) and source.dotted(part.value.func) == "logging.getLogger"
        for lineage in (*subject.trainers.values(), *subject.configs.values())
        for source, owner in lineage.classes
        for part in ast.walk(owner)
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Call)
    )


def _built(message: ast.expr) -> str | None:
    if isinstance(message, ast.JoinedStr):
        return "an f-string"
    if isinstance(message, ast.BinOp) and isinstance(message.op, (ast.Mod, ast.Add)) and not _only_literals(message):
        return "%" if isinstance(message.op, ast.Mod) else "+"
    if isinstance(message, ast.Call) and isinstance(message.func, ast.Attribute) and message.func.attr == "format":
        return "str.format"
    return None


def _only_literals(expression: ast.expr) -> bool:
    if isinstance(expression, ast.BinOp):
        return (
            isinstance(expression.op, ast.Add) and _only_literals(expression.left) and _only_literals(expression.right)
        )
    return isinstance(expression, ast.Constant)


def _mismatch(text: str, values: list[ast.expr]) -> str | None:
    wanted, named, spaced = 0, False, False
    for match in _PLACEHOLDER.finditer(text):
        kind = match["type"]
        if kind == "%":
            continue
        if kind not in _TYPES or kind is None:
            if values:
                return f"%{match[0][1:]} is no placeholder: write %% for a percent sign"
            continue
        named = named or match["key"] is not None
        spaced = spaced or " " in match["flags"]
        wanted += 1 + (match["width"] == "*") + (match["precision"] == "*")
    if named:
        return None if len(values) == 1 else f"named placeholders take one mapping, {len(values)} arguments follow"
    # Without arguments logging prints the text as it stands: "50% done" is no placeholder then.
    if not values and (spaced or not wanted):
        return None
    if len(values) == 1 and isinstance(values[0], ast.Dict) and wanted:
        return None
    if wanted != len(values):
        return f"{wanted} placeholder{'s' * (wanted != 1)}, {len(values)} argument{'s' * (len(values) != 1)}"
    return None
