"""TG006: pathlib, and mkdir with both flags."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding
    from .source import Scope
    from .subject import Subject

CODE = "TG006"
NAME = "pathlib, mkdir(parents=True, exist_ok=True)"
WHAT = (
    "A trainer's or config's file makes and changes paths with pathlib: no call of os.path, of os functions that "
    "pathlib has, of glob or the builtin open; each .mkdir() says parents=True and exist_ok=True."
)
WHY = "Joined strings break on another system; a mkdir without its flags fails on the first run, or on the second."
PASSING = """\
from pathlib import Path

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def on_train_begin(self):
        folder = Path(self.config.model_save_directory) / "plots"
        folder.mkdir(parents=True, exist_ok=True)
"""
FAILING = """\
import os

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def on_train_begin(self):
        os.makedirs(os.path.join(self.config.model_save_directory, "plots"))
"""
FIX = "none"
TORCH = ">=2.6"
SOURCE = "the contract of trainergen's own trainers, gate 6 of ten"
WATCHES = (ast.Call,)

_INSTEAD = {
    "os.makedirs": "Path.mkdir(parents=True, exist_ok=True)",
    "os.mkdir": "Path.mkdir(parents=True, exist_ok=True)",
    "os.remove": "Path.unlink()",
    "os.unlink": "Path.unlink()",
    "os.rmdir": "Path.rmdir()",
    "os.rename": "Path.rename()",
    "os.replace": "Path.replace()",
    "os.listdir": "Path.iterdir()",
    "os.scandir": "Path.iterdir()",
    "os.stat": "Path.stat()",
    "os.getcwd": "Path.cwd()",
    "os.walk": "Path.rglob()",
    "glob.glob": "Path.glob()",
    "glob.iglob": "Path.glob()",
    "open": "Path.open(), read_text() or write_text()",
    "io.open": "Path.open()",
}


def check(node: ast.AST, _scope: Scope, subject: Subject) -> Iterator[Finding]:
    """See WHAT."""
    assert isinstance(node, ast.Call)
    dotted = subject.dotted(node.func)
    if dotted is not None:
        if dotted.startswith("os.path."):
            yield subject.finding(CODE, node.func, f"{dotted} instead of pathlib", "use pathlib.Path")
            return
        if dotted in _INSTEAD:
            yield subject.finding(CODE, node.func, f"{dotted} instead of pathlib", f"use {_INSTEAD[dotted]}")
            return
    if isinstance(node.func, ast.Attribute) and node.func.attr == "mkdir":
        if any(word.arg is None for word in node.keywords):
            return
        said = {word.arg: word.value for word in node.keywords}
        missing = [flag for flag in ("parents", "exist_ok") if not _true(said.get(flag))]
        if missing:
            message = "mkdir without " + " and ".join(f"{flag}=True" for flag in missing)
            yield subject.finding(CODE, node, message, "write .mkdir(parents=True, exist_ok=True)")


def _true(value: ast.expr | None) -> bool:
    # A flag that is no literal may well be true: nothing is claimed of it.
    return value is not None and not (isinstance(value, ast.Constant) and not value.value)
