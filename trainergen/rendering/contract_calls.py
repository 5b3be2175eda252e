"""What a whole loop calls beside its batches: saving, metrics, progress, as the sibling's loop does."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from ..contracts.class_source import attribute, called, calls
from ..contracts.contract_facts import ContractFacts, Duty
from ..contracts.particular import Particular
from ..contracts.vocabulary import method_role, slot_of

SAVING = ("save_metrics", "save_checkpoint", "save_weights")
OURS = frozenset({"zero_grad", "step", "train", "eval", "backward", "append", "item", "info", "debug", "warning"})
"""What the generated loop does in its own way."""


@dataclass(frozen=True)
class LoopCalls:
    """Statements of a loop.

    Attributes:
        before: ahead of the epochs.
        each_epoch: at the end of an epoch; they may say ``epoch``, ``train_loss``, ``val_loss``, ``is_best``.
        after: behind the epochs.
        judges: one of them says ``is_best``.
    """

    before: tuple[str, ...] = ()
    each_epoch: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def judges(self) -> bool:
        """One of them says ``is_best``."""
        return any("is_best" in each for each in self.each_epoch)


def loop_calls(contract: ContractFacts, words: Particular, *, validates: bool) -> LoopCalls:
    """What the train method calls: after the sibling's, else by the signatures of what saves."""
    duty = contract.duty("train")
    if duty is None or not duty.pattern:
        return _by_signature(contract, validates)
    (function,) = ast.parse(duty.pattern).body
    assert isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
    epochs = next((node for node in function.body if isinstance(node, (ast.For, ast.While))), None)
    if epochs is None:
        return _by_signature(contract, validates)
    at = function.body.index(epochs)
    mapping = _Mapping(contract, words, validates, epochs)
    return LoopCalls(
        tuple(mapping.statements(function.body[:at])),
        tuple(mapping.statements(epochs.body)),
        tuple(mapping.statements(function.body[at + 1 :])),
    )


class _Mapping:
    """Takes the sibling's calls over, its local values replaced by those of the generated loop."""

    def __init__(self, contract: ContractFacts, words: Particular, validates: bool, loop: ast.For | ast.While) -> None:
        self.contract = contract
        self.words = words
        self.validates = validates
        self.counter = loop.target.id if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name) else "epoch"
        self.saving = {each.name for each in contract.duties if each.role in SAVING}

    def statements(self, body: Iterable[ast.stmt]) -> list[str]:
        """Those calls in `body` that are the project's: of methods that save, of attributes that only it knows."""
        found: list[str] = []
        for node in body:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and self._is_theirs(node.value):
                if text := self._call(node.value):
                    found.append(text)
            elif isinstance(node, ast.If) and not any(called(each) == "backward" for each in calls(node)):
                inner = self.statements(node.body)
                test = self._condition(node.test)
                found += [f"if {test}:", *(f"    {each}" for each in inner)] if test and inner else inner
        return found

    def _is_theirs(self, call: ast.Call) -> bool:
        if attribute(call.func):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            return name in self.saving or method_role(name) in SAVING
        if isinstance(call.func, ast.Attribute) and (holder := attribute(call.func.value)):
            return slot_of(holder) == "" and called(call) not in OURS
        return False

    def _call(self, call: ast.Call) -> str:
        given = []
        for each in call.args:
            value = self._value(each, "")
            if value is None:
                return ""
            given.append(value)
        for keyword in call.keywords:
            value = self._value(keyword.value, keyword.arg or "")
            if value is None:
                continue
            given.append(f"{keyword.arg}={value}" if keyword.arg else f"**{value}")
        text = f"{ast.unparse(call.func)}({', '.join(given)})"
        return "" if self.words.mentions(text) else text

    def _value(self, node: ast.expr, keyword: str) -> str | None:
        """What stands in the place of an argument; None where there is no such value."""
        free = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} - {"self"}
        if not free:
            return ast.unparse(node)
        if free == {self.counter}:
            return ast.unparse(node).replace(self.counter, "epoch")
        said = f"{keyword} {ast.unparse(node)}".lower()
        if "best" in said:
            return "is_best"
        if any(each in said for each in ("val", "eval", "test")):
            return "val_loss" if self.validates else None
        if "epoch" in keyword:
            return "epoch"
        if any(each in said for each in ("metrics", "stats", "row", "logs", "history")):
            measured = '{"loss": train_loss, "val_loss": val_loss}' if self.validates else '{"loss": train_loss}'
            return "history" if "history" in said else measured
        return "train_loss" if "loss" in said else None

    def _condition(self, node: ast.expr) -> str:
        free = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} - {"self"}
        text = ast.unparse(node)
        if self.words.mentions(text):
            return ""
        if free <= {self.counter}:
            return text.replace(self.counter, "epoch")
        if "best" in text or ("val" in text and isinstance(node, ast.Compare)):
            return "is_best"
        return ""


def _by_signature(contract: ContractFacts, validates: bool) -> LoopCalls:
    each_epoch: list[str] = []
    after: list[str] = []
    for duty in contract.duties:
        if duty.role == "save_weights":
            path = _directory(contract)
            after.append(f'self.{duty.name}({f"{path} / {chr(34)}model.pt{chr(34)}" if duty.parameters else ""})')
        elif duty.role in ("save_metrics", "save_checkpoint"):
            each_epoch.append(f"self.{duty.name}({', '.join(_given(duty, validates))})")
            forced = next((each.name for each in duty.parameters if "force" in each.name or "final" in each.name), "")
            if forced:
                after.append(f"self.{duty.name}({forced}=True)")
    return LoopCalls((), tuple(each_epoch), tuple(after))


def _given(duty: Duty, validates: bool) -> list[str]:
    given = []
    for each in duty.parameters:
        if each.kind == "kwargs":
            given += ["epoch=epoch", "loss=train_loss", *(["val_loss=val_loss"] if validates else [])]
        elif "best" in each.name:
            given.append(f"{each.name}=is_best")
        elif "epoch" in each.name:
            given.append("epoch")
        elif "val" in each.name and validates:
            given.append("val_loss")
        elif "loss" in each.name:
            given.append("train_loss")
        elif each.name in ("metrics", "stats", "row", "logs"):
            given.append('{"loss": train_loss, "val_loss": val_loss}' if validates else '{"loss": train_loss}')
        elif each.default is None:
            given.append("None")
    return given


def _directory(contract: ContractFacts) -> str:
    name = contract.attributes.get("run_directory")
    return f"self.{name}" if name else 'Path("runs")'
