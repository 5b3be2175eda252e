"""What a sibling does around its optimizer step that is not about its model: scaling, clipping, averages, counters."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..contracts.class_source import attribute, called, calls
from ..contracts.contract_facts import ContractFacts
from ..contracts.particular import Particular
from ..contracts.vocabulary import slot_of, slot_of_stepped


@dataclass(frozen=True)
class Around:
    """Statements and contexts around a step.

    Attributes:
        scaler: attribute that scales the loss; "" for none.
        autocast: context that the loss is computed in; "" for none.
        before: statements between backward and the step (unscale, clip).
        after: statements behind the step (a moving average, a counter).
    """

    scaler: str = ""
    autocast: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """All of its source."""
        return tuple(filter(None, (self.autocast, *self.before, *self.after)))


def around_step(contract: ContractFacts, words: Particular) -> Around:
    """What the sibling does around its step, of a contract in which it is the subclass that steps."""
    duty = contract.duty("train", "train_epoch", "train_step")
    if duty is None or not duty.pattern:
        return Around()
    (function,) = ast.parse(duty.pattern).body
    body = _stepping(function)
    if body is None:
        return Around()
    scaler = autocast = ""
    before: list[str] = []
    after: list[str] = []
    stage = "loss"
    for statement in body:
        made = [called(each) for each in calls(statement)]
        if isinstance(statement, ast.With) and any("autocast" in ast.unparse(each) for each in statement.items):
            autocast = ", ".join(ast.unparse(each) for each in statement.items)
        if "backward" in made:
            stage = "before"
            scaler = next((f"self.{name}" for each in calls(statement) if (name := _scaler(each))), "")
        elif _steps(statement):
            stage = "after"
        elif stage != "loss" and _is_impersonal(statement, words) and not _is_ours(statement):
            (before if stage == "before" else after).append(ast.unparse(statement))
    return Around(scaler, autocast, tuple(before), tuple(after))


def _stepping(node: ast.AST) -> list[ast.stmt] | None:
    """The innermost block that holds the statement which calls backward."""
    for name in ("body", "orelse"):
        block = getattr(node, name, None)
        if isinstance(block, list) and any(any(called(it) == "backward" for it in calls(each)) for each in block):
            inner = next(each for each in block if any(called(it) == "backward" for it in calls(each)))
            return _stepping(inner) or block
    return None


def _scaler(call: ast.Call) -> str:
    return attribute(call.func.value) if isinstance(call.func, ast.Attribute) and call.func.attr == "scale" else ""


def _steps(statement: ast.stmt) -> bool:
    for each in calls(statement):
        if isinstance(each.func, ast.Attribute) and each.func.attr == "step":
            return slot_of_stepped(attribute(each.func.value)) in ("optimizer", "scaler")
    return False


def _is_impersonal(statement: ast.stmt, words: Particular) -> bool:
    """It reads nothing but self and what is imported: calls of ``torch`` and of attributes."""
    free = {each.id for each in ast.walk(statement) if isinstance(each, ast.Name)} - {"self", "torch", "nn"}
    known = {name for name in free if name.startswith("clip_grad")}
    simple = isinstance(statement, (ast.Expr, ast.AugAssign)) or (
        isinstance(statement, ast.If) and not statement.orelse
    )
    return simple and free == known and not words.mentions(ast.unparse(statement))


def _is_ours(statement: ast.stmt) -> bool:
    """The generated step has it: zeroing, the scaler's update, and the schedule where the loop has one."""
    names = {called(each) for each in calls(statement)}
    scheduled = any(
        isinstance(each.func, ast.Attribute) and slot_of(attribute(each.func.value)) == "scheduler"
        for each in calls(statement)
    )
    return "zero_grad" in names or (names == {"update"} and "scaler" in ast.unparse(statement)) or scheduled
