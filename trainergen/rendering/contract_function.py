"""A sibling's training function with batches of another form: its loops over batches ask a loss function."""

from __future__ import annotations

import ast
import re
import textwrap
from typing import TYPE_CHECKING, Any

from ..contracts.class_source import called, calls
from ..contracts.vocabulary import slot_of
from ..errors import Conflict
from .contract_imports import import_line, imports_for

if TYPE_CHECKING:
    from ..patching.joining import Registration
    from ..planning.plan import TrainerPlan
    from .contract_body import Body


def with_other_batches(source: str, place: str, *, loss: str, size: str, config: bool) -> str:
    """The function's source, every loop over batches rewritten.

    Args:
        source: of the sibling.
        place: where it stands, for messages.
        loss: the function that gives the loss of (model, batch, device).
        size: the expression that counts the samples of ``batch``.
        config: it takes the configuration too.

    Raises:
        Conflict: the loop keeps something of its batches that only its own model has.
    """
    (function,) = ast.parse(source).body
    lines = source.splitlines()
    local: dict[str, str] = {slot_of(name): name for name in _names(function)}
    for loop in reversed(_loops(function)):
        made = _Loop(loop, local, place, loss, size, config).text()
        indent = " " * loop.col_offset
        lines[loop.lineno - 1 : loop.end_lineno] = textwrap.indent(made, indent).splitlines()
    return "\n".join(lines)


def _names(function: ast.AST) -> list[str]:
    found = [each.arg for each in ast.walk(function) if isinstance(each, ast.arg)]
    found += [each.id for each in ast.walk(function) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
    return list(reversed(found))


def _loops(function: ast.AST) -> list[ast.For]:
    """The innermost loops that call the model or backward, in order."""
    found = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.For)
        and not any(isinstance(each, ast.For) for inner in node.body for each in ast.walk(inner))
        and any(called(each) == "backward" or slot_of(_function(each)) == "model" for each in calls(node))
    ]
    return sorted(found, key=lambda each: each.lineno)


def _function(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


class _Loop:
    def __init__(self, loop: ast.For, local: dict[str, str], place: str, loss: str, size: str, config: bool) -> None:
        self.loop = loop
        self.place = place
        self.size = size
        model = local.get("model", "model")
        device = local.get("device", f"next({model}.parameters()).device")
        self.call = (
            f"{loss}({', '.join([model, 'batch', device, *([local.get('config', 'config')] if config else [])])})"
        )
        stored = [each.id for each in ast.walk(loop) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
        augmented = {
            each.target.id
            for each in ast.walk(loop)
            if isinstance(each, ast.AugAssign) and isinstance(each.target, ast.Name)
        }
        self.own = set(stored) - augmented

    def text(self) -> str:
        """The loop, over ``batch``."""
        steps = any(called(each) == "backward" for each in calls(self.loop))
        given = ast.unparse(self.loop.iter)
        lines = [f"for batch in {given}:"]
        body = self.loop.body
        if steps:
            zeroed = next((each for each in body if any(called(it) == "zero_grad" for it in calls(each))), None)
            if zeroed is not None:
                lines.append(f"    {ast.unparse(zeroed)}")
            lines.append(f"    loss = {self.call}")
            at = next(number for number, each in enumerate(body) if any(called(it) == "backward" for it in calls(each)))
            kept = [each for each in body[at:] if each is not zeroed]
        else:
            lines.append(f"    loss = {self.call}")
            kept = [
                each
                for each in body
                if isinstance(each, ast.AugAssign) or called(getattr(each, "value", None)) == "append"
            ]
        losses = self._losses(body)
        for each in kept:
            lines += [f"    {line}" for line in self._kept(each, losses).splitlines()]
        return "\n".join(lines)

    def _losses(self, body: list[ast.stmt]) -> set[str]:
        """Names of the loss in the sibling's loop."""
        found = {"loss"}
        for statement in body:
            for each in calls(statement):
                if called(each) in ("backward", "item") and isinstance(each.func, ast.Attribute):
                    value = each.func.value
                    if isinstance(value, ast.Name):
                        found.add(value.id)
        return found

    def _kept(self, statement: ast.stmt, losses: set[str]) -> str:
        text = ast.unparse(statement)
        for name in self.own - losses:
            text = re.sub(rf"\blen\({name}\)|\b{name}\.size\(0\)|\b{name}\.shape\[0\]", self.size, text)
        for name in losses & self.own:
            text = re.sub(rf"\b{name}\b", "loss", text)
        rest = {each.id for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Name)} & (self.own - losses)
        if rest - {"batch"}:
            raise Conflict(
                f"`{ast.unparse(statement)}` keeps something of the batches that another model does not have",
                place=self.place,
                hint="let that function count losses only, or move what is particular into a function of its own",
            )
        return text


def function_view(body: Body, registration: Registration) -> dict[str, Any]:
    """What the frame of a training function reads: the sibling's text with other batches, and the words of its loss."""
    plan, style, duty = body.plan, body.style, body.contract.duties[0]
    tuned = bool(plan.objective.tuned)
    name = function_loss(plan)
    text = with_other_batches(duty.pattern, duty.place, loss=name, size=str(body.view["size"]), config=tuned)
    text = body.transplant.method(text, duty.place)
    if body.sibling is not None:
        body.imports += imports_for(text, body.sibling, plan.names.trainer_file)
    settings = (*body.configuration.imports, *body.configuration.definition_imports)
    body.imports += [import_line(module, each) for module, each in settings]
    body.imports += [each for each in style.logger if each.startswith(("import ", "from "))]
    if registration.decorator_import is not None:
        body.imports.append("from {} import {}".format(*registration.decorator_import))
    parameters = [("model", "nn.Module"), ("batch", body.batch_type), ("device", "torch.device")]
    parameters += [("config", body.configuration.annotation)] if tuned else []
    inputs, rest = body.unpacking()
    return {
        "device": "device",
        "model": "model",
        "config": "config",
        "style": style,
        "registration": registration,
        "function_text": text,
        "loss_function": name,
        "loss_parameters": ", ".join(f"{each}: {kind}" if style.hints and kind else each for each, kind in parameters),
        "input_lines": inputs,
        "target_lines": rest,
        "logger_lines": [each for each in style.logger if not each.startswith(("import ", "from "))],
        "definition": body.configuration.definition,
        "imports": body.imports,
    }


def function_loss(plan: TrainerPlan) -> str:
    """The function of the file of `plan` that gives its loss."""
    return f"_{plan.names.snake}_loss"
