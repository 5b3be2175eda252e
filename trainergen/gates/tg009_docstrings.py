"""TG009: comprehensive docstrings."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from .source import Function, Scope, is_public

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding
    from .subject import Subject

CODE = "TG009"
NAME = "comprehensive docstrings"
WHAT = (
    "The file, each trainer and config class and each of their public methods has a docstring that says something; "
    "an Args section names exactly the parameters; each field of a config is documented: in the class's docstring, "
    "in a string below it, or in a comment beside or above it."
)
WHY = "What a batch holds and what a number means is known today; the docstring is where next year's reader finds it."
PASSING = '''\
"""Train DigitsNet on images of digits."""

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    """Cross-entropy over 10 classes; a batch is a pair (image, label)."""

    def compute_loss(self, batch):
        """Return the mean cross-entropy of a batch.

        Args:
            batch: image float32 [batch, 1, 8, 8], label int64 [batch].
        """
        return self.model(batch)
'''
FAILING = '''\
"""Train DigitsNet on images of digits."""

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def compute_loss(self, batch):
        return self.model(batch)
'''
FIX = "none"
TORCH = ">=2.6"
SOURCE = "the contract of trainergen's own trainers, gate 9 of ten"
WATCHES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

_EMPTY = re.compile(r"\W*(todo|fixme|tbd|xxx|docstring|description)?\W*", re.IGNORECASE)
_SECTION = re.compile(r"^(\s*)(Args|Arguments|Parameters)\s*:\s*$", re.MULTILINE)
_ENTRY = re.compile(r"\*{0,2}(\w+)(?:\s*\([^)]*\))?\s*:")


def check(node: ast.AST, scope: Scope, subject: Subject) -> Iterator[Finding]:
    """See WHAT."""
    if isinstance(node, ast.Module):
        if node.body and _poor(node, ""):
            hint = '"""What this file is for, one sentence.""" as the first line'
            yield subject.finding(CODE, node.body[0], "the file has no docstring", hint)
    elif isinstance(node, ast.ClassDef):
        if node in subject.trainers or node in subject.configs:
            if _poor(node, node.name):
                hint = (
                    "say what it trains and what a batch holds"
                    if node in subject.trainers
                    else "say what it configures"
                )
                yield subject.finding(CODE, node, f"{node.name} has no docstring", hint)
            if node in subject.configs:
                yield from _fields(node, subject)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        owner = scope.owner
        judged = (
            owner is not None and scope.function is None and (owner in subject.trainers or owner in subject.configs)
        )
        if owner is None or not judged or not is_public(node):
            return
        if _poor(node, node.name) and not any("overload" in ast.unparse(item) for item in node.decorator_list):
            hint = "say what it does, with shapes and errors"
            yield subject.finding(CODE, node, f"{owner.name}.{node.name} has no docstring", hint)
        else:
            yield from _arguments(owner, node, subject)


def _poor(node: ast.Module | ast.ClassDef | Function, name: str) -> bool:
    text = (ast.get_docstring(node, clean=False) or "").strip()
    said = re.sub(r"\W+", "", text).lower()
    return _EMPTY.fullmatch(text) is not None or said == name.replace("_", "").lower()


def _arguments(owner: ast.ClassDef, function: Function, subject: Subject) -> Iterator[Finding]:
    text = ast.get_docstring(function) or ""
    section = _SECTION.search(text)
    if section is None:
        return
    documented = _entries(text[section.end() :], len(section[1]))
    arguments = function.args
    extra = [item for item in (arguments.vararg, arguments.kwarg) if item is not None]
    taken = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]
    names = [item.arg for item in taken if item.arg not in ("self", "cls") and not item.arg.startswith("_")]
    unknown = [name for name in documented if name not in {item.arg for item in taken}]
    absent = [name for name in names if name not in documented]
    if unknown:
        message = f"{owner.name}.{function.name} documents {', '.join(unknown)}, which it does not take"
        yield subject.finding(CODE, function, message, f"its parameters are: {', '.join(names) or 'none'}")
    if absent:
        message = f"{owner.name}.{function.name} does not document {', '.join(absent)}"
        yield subject.finding(CODE, function, message, "name every parameter in Args")


def _entries(text: str, indent: int) -> list[str]:
    names: list[str] = []
    depth: int | None = None
    for line in text.splitlines():
        if not line.strip():
            continue
        here = len(line) - len(line.lstrip())
        if here <= indent:
            break
        depth = here if depth is None else depth
        entry = _ENTRY.match(line.strip())
        if here == depth and entry is not None:
            names.append(entry[1])
        elif here == depth:
            # `a, b: both documented at once`
            names += re.findall(r"\w+", line.partition(":")[0]) if ":" in line else []
    return names


def _fields(node: ast.ClassDef, subject: Subject) -> Iterator[Finding]:
    text = ast.get_docstring(node) or ""
    for position, item in enumerate(node.body):
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        name = item.target.id
        if name.startswith("_") or name == "SECTION" or "ClassVar" in ast.unparse(item.annotation):
            continue
        following = node.body[position + 1] if position + 1 < len(node.body) else None
        below = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        if not below and not re.search(rf"\b{name}\b", text) and not _commented(item, subject):
            message = f"{node.name}.{name} is not documented"
            yield subject.finding(
                CODE, item, message, f"say what {name} is, with its unit, in the docstring or beside it"
            )


def _commented(item: ast.AnnAssign, subject: Subject) -> bool:
    lines = subject.source.lines
    last = item.end_lineno or item.lineno
    beside = lines[last - 1].encode()[item.end_col_offset or 0 :].decode(errors="replace").strip()
    above = lines[item.lineno - 2].strip() if item.lineno > 1 else ""
    return any(re.match(r"#:?\s*\w", text) for text in (beside, above))
