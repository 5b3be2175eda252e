"""TG010: the project's style: imports in order, self.device, and no mechanics that the base owns."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from .facts import Lineage, constant_of
from .naming import says
from .source import Scope, own_attribute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding
    from .subject import Subject

CODE = "TG010"
NAME = "the project's style"
WHAT = (
    "A trainer's or config's file begins with from __future__ import annotations; its top imports come in the order "
    "future, standard library, third party, local, relative; annotations say X | None. In a trainer no device is "
    "named: no .cuda(), no 'cuda' given to a call, no is_available(); nothing of the base is made again: no "
    "clip_grad_*, no scheduler.step(), no state of early stopping (a trainer with manual_step = True steps by "
    "itself)."
)
WHY = (
    "A named device fails on the next machine; a second clipping, scheduler step or patience counter works against "
    "the one that the configuration controls."
)
PASSING = """\
from __future__ import annotations

from pathlib import Path

import torch

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def compute_loss(self, batch: torch.Tensor) -> torch.Tensor:
        return self.model(batch.to(self.device))
"""
FAILING = """\
from __future__ import annotations

import torch

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def compute_loss(self, batch: torch.Tensor) -> torch.Tensor:
        return self.model(batch.cuda())
"""
FIX = "none"
TORCH = ">=2.6"
SOURCE = "the contract of trainergen's own trainers, gate 10 of ten"
WATCHES = (ast.Module, ast.Call, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Subscript)

_DEVICES = ("cuda", "mps", "xpu", "hip")
_AVAILABLE = {"torch.cuda.is_available", "torch.backends.mps.is_available", "torch.xpu.is_available"}
_STOPPING = ("early_stop", "earlystop", "patience", "no_improve", "without_improve", "bad_epochs", "stale_epochs")
_GROUPS = ("future", "standard library", "third party", "local", "relative")


def check(node: ast.AST, scope: Scope, subject: Subject) -> Iterator[Finding]:
    """See WHAT."""
    if isinstance(node, ast.Module):
        yield from _future(node, subject)
        yield from _order(subject)
        return
    if isinstance(node, ast.Subscript):
        yield from _optional(node, subject)
        return
    lineage = subject.trainers.get(scope.owner) if scope.owner is not None else None
    if lineage is None:
        return
    if isinstance(node, ast.Call):
        yield from _device(node, subject)
        if not _manual(lineage):
            yield from _mechanics(node, subject)
    elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            name = own_attribute(target)
            if name is not None and says(name, *_STOPPING):
                message = f"self.{name}: early stopping is the base's"
                yield subject.finding(
                    CODE, target, message, "set early_stopping_patience in the config; drop this state"
                )


def _future(module: ast.Module, subject: Subject) -> Iterator[Finding]:
    first = subject.source.top_imports[:1]
    if subject.source.imports.get("annotations") != "__future__.annotations":
        at = first[0] if first else module.body[0]
        hint = "from __future__ import annotations, below the docstring"
        yield subject.finding(CODE, at, "from __future__ import annotations is missing", hint)


def _order(subject: Subject) -> Iterator[Finding]:
    highest, before = 0, ""
    for statement in subject.source.top_imports:
        group = _group(statement, subject)
        if group is None:
            continue
        if group < highest:
            message = f"a {_GROUPS[group]} import below a {_GROUPS[highest]} one ({before})"
            hint = f"order the imports: {', '.join(_GROUPS)}"
            yield subject.finding(CODE, statement, message, hint)
            return
        highest, before = group, ast.unparse(statement)


def _group(statement: ast.Import | ast.ImportFrom, subject: Subject) -> int | None:
    """The group of an import; None where third party and local can't be told apart (no project given)."""
    if isinstance(statement, ast.ImportFrom) and statement.level:
        return 4
    name = statement.module if isinstance(statement, ast.ImportFrom) else statement.names[0].name
    top = (name or "").partition(".")[0]
    if top == "__future__":
        return 0
    if subject.facts.root is None and not subject.facts.files:
        return 1 if top in sys.stdlib_module_names else None
    if top in subject.facts.local_names():
        return 3
    return 1 if top in sys.stdlib_module_names else 2


def _optional(node: ast.Subscript, subject: Subject) -> Iterator[Finding]:
    dotted = subject.dotted(node.value)
    if dotted in ("typing.Optional", "typing.Union"):
        hint = "write X | None" if dotted == "typing.Optional" else "write X | Y"
        yield subject.finding(CODE, node, f"{dotted.rpartition('.')[2]}[...] instead of X | Y", hint)


def _device(call: ast.Call, subject: Subject) -> Iterator[Finding]:
    hint = "use self.device"
    if isinstance(call.func, ast.Attribute) and call.func.attr == "cuda":
        yield subject.finding(CODE, call, ".cuda() names a device", f"{hint}: .to(self.device)")
        return
    if subject.dotted(call.func) in _AVAILABLE:
        yield subject.finding(CODE, call, "the trainer chooses a device by itself", f"{hint}: the base has chosen")
        return
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("debug", "info", "warning", "error", "exception"):
        return
    for value in (*call.args, *(word.value for word in call.keywords)):
        if (
            isinstance(value, ast.Constant)
            and isinstance(value.value, str)
            and value.value.partition(":")[0] in _DEVICES
        ):
            yield subject.finding(CODE, value, f"the device {value.value!r} is named", hint)


def _mechanics(call: ast.Call, subject: Subject) -> Iterator[Finding]:
    name = (
        call.func.attr if isinstance(call.func, ast.Attribute) else (subject.dotted(call.func) or "").rpartition(".")[2]
    )
    if name in ("clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_"):
        yield subject.finding(
            CODE, call.func, f"{name}: clipping is the base's", "set gradient_clip_norm in the config"
        )
    elif name == "step" and isinstance(call.func, ast.Attribute):
        receiver = call.func.value
        owner = receiver.attr if isinstance(receiver, ast.Attribute) else getattr(receiver, "id", "")
        if "scheduler" in owner:
            message = f"{owner}.step(): scheduling is the base's"
            yield subject.finding(
                CODE, call.func, message, "return the scheduler from build_scheduler; the loop steps it"
            )


def _manual(lineage: Lineage) -> bool:
    found = lineage.attribute("manual_step")
    return found is not None and constant_of(found[1]) is True
