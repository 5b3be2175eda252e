"""What the methods of a base trainer and of its siblings do: whose result is stepped on, who moves what, who clips."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .class_source import ClassSource, Function, assigned, attribute, called, calls
from .contract_facts import Slot
from .results import results_of
from .vocabulary import slot_of, slot_of_stepped

Form = Literal["tensor", "pair", "mapping"]
Gives = Literal["tensor", "pair", "mapping", "number", "nothing", ""]


@dataclass(frozen=True)
class LossUse:
    """How a caller takes the loss out of what a method returns, and where: ``file:line``."""

    form: Form
    key: str
    place: str


@dataclass(frozen=True)
class Conduct:
    """What is done by the classes that were read.

    Attributes:
        losses: method -> how its result becomes what backward is called on.
        results: method -> what its callers take its result for, and the keys that they read.
        attributes: slot -> attribute.
        moves: kinds of batches that are brought to the device.
        moves_model: the model is.
        provides: see `ContractFacts.provides`.
        clip: source text of the norm; "" where it does not clip.
    """

    losses: Mapping[str, LossUse] = field(default_factory=dict)
    results: Mapping[str, tuple[Gives, tuple[str, ...]]] = field(default_factory=dict)
    attributes: Mapping[Slot, str] = field(default_factory=dict)
    moves: tuple[str, ...] = ()
    moves_model: bool = False
    provides: tuple[str, ...] = ()
    clip: str = ""


def conduct_of(sources: Iterable[ClassSource]) -> Conduct:
    """What the methods of `sources` do together."""
    sources = tuple(sources)
    losses: dict[str, LossUse] = {}
    results: dict[str, tuple[Gives, tuple[str, ...]]] = {}
    attributes: dict[Slot, str] = {}
    moves: dict[str, None] = {}
    provides: dict[str, None] = {}
    moves_model, clip = False, ""
    for source in sources:
        for function in source.methods.values():
            for name, use in _losses(function, source.facts.file).items():
                losses.setdefault(name, use)
            for name, result in results_of(function).items():
                results.setdefault(name, result)
            for name in _stepped(function):
                attributes["optimizer"] = name
            for name, _ in assigned(function):
                if slot := slot_of(name):
                    attributes.setdefault(slot, name)
            kinds, whole = _moves(function)
            moves |= dict.fromkeys(kinds)
            moves_model = moves_model or whole
            provides |= dict.fromkeys(_provided(function))
            clip = clip or _clip(function)
    if attributes.get("config") == attributes.get("optimizer"):  # self.opt, which steps
        attributes.pop("config", None)
    return Conduct(losses, results, attributes, tuple(moves), moves_model, tuple(provides), clip)


def _losses(function: Function, file: str) -> dict[str, LossUse]:
    """Methods of self whose result, or a part of it, has backward called on it."""
    origin: dict[str, tuple[str, Form, str]] = {}
    found: dict[str, LossUse] = {}
    for node in sorted(ast.walk(function), key=lambda each: getattr(each, "lineno", 0)):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            _follow(node.targets[0], node.value, origin)
        receiver = _backward(node)
        if receiver is not None and (source := _source(receiver, origin)):
            name, form, key = source
            found.setdefault(name, LossUse(form, key, f"{file}:{getattr(node, 'lineno', 0)}"))
    return found


def _follow(target: ast.expr, value: ast.expr, origin: dict[str, tuple[str, Form, str]]) -> None:
    name = attribute(value.func) if isinstance(value, ast.Call) else ""
    if isinstance(target, ast.Name):
        if name:
            origin[target.id] = (name, "tensor", "")
        elif source := _source(value, origin):
            origin[target.id] = source
    elif isinstance(target, (ast.Tuple, ast.List)) and target.elts and isinstance(target.elts[0], ast.Name) and name:
        origin[target.elts[0].id] = (name, "pair", "")


def _source(node: ast.expr, origin: dict[str, tuple[str, Form, str]]) -> tuple[str, Form, str] | None:
    """The method that an expression came from, and what was taken of its result."""
    if isinstance(node, ast.Name):
        return origin.get(node.id)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        inner = _source(node.value, origin)
        if inner is None or inner[1] != "tensor":
            return inner
        key = node.slice.value
        return (inner[0], "mapping", key) if isinstance(key, str) else (inner[0], "pair", "")
    if isinstance(node, ast.Call):
        if name := attribute(node.func):
            return (name, "tensor", "")
        parts: list[ast.expr] = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
        return next((found for each in parts if (found := _source(each, origin))), None)
    if isinstance(node, ast.BinOp):
        return _source(node.left, origin) or _source(node.right, origin)
    return None


def _backward(node: ast.AST) -> ast.expr | None:
    """What a call of backward is on: ``loss.backward()``, ``accelerator.backward(loss)``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "backward":
        return None
    return node.args[0] if node.args and attribute(node.func.value) else node.func.value


def _moves(function: Function) -> tuple[list[str], bool]:
    kinds: list[str] = []
    whole = False
    parameters = {each.arg for each in function.args.args}
    text = ast.unparse(function)
    for call in calls(function):
        if called(call) not in ("to", "cuda") or not isinstance(call.func, ast.Attribute):
            continue
        receiver = call.func.value
        last = receiver.attr if isinstance(receiver, ast.Attribute) else receiver.id if isinstance(receiver, ast.Name) else called(receiver)  # fmt: skip
        if slot_of(last) == "model" or last.endswith("model"):
            whole = True
        elif function.name != "__init__":
            if isinstance(receiver, ast.Name) and receiver.id in parameters:
                kinds.append("tensor")
            else:
                kinds.append("mapping" if ".items()" in text or ".values()" in text else "sequence")
                if "isinstance" in text:
                    kinds += ["sequence"] if "tuple" in text or "list" in text or "type(" in text else []
    return kinds, whole


def _provided(function: Function) -> list[str]:
    found = []
    for call in calls(function):
        name = called(call)
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        holder = slot_of_stepped(attribute(receiver) or (receiver.id if isinstance(receiver, ast.Name) else ""))
        if name in ("zero_grad", "backward"):
            found.append(name)
        elif name == "step" and holder in ("optimizer", "scheduler"):
            found.append("step" if holder == "optimizer" else "schedule")
        elif name.startswith("clip_grad"):
            found.append("clip")
        elif name == "save" and isinstance(receiver, ast.Name) and receiver.id == "torch":
            found.append("save")
        elif name in ("info", "debug", "log", "log_metrics", "add_scalar"):
            found.append("log")
    if any("patience" in name for name in _names(function)):
        found.append("stop")
    return found


def _stepped(function: Function) -> list[str]:
    """Attributes whose gradients are zeroed: optimizers, whatever they are called; a model's own ``zero_grad`` apart."""
    found = [attribute(each.func.value) for each in calls(function) if isinstance(each.func, ast.Attribute) and each.func.attr == "zero_grad"]  # fmt: skip
    return [name for name in found if name and slot_of(name) != "model"]


def _names(function: Function) -> set[str]:
    names = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    names |= {
        node.value for node in ast.walk(function) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return names | {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}


def _clip(function: Function) -> str:
    for call in calls(function):
        if called(call) == "clip_grad_norm_":
            given = [each.value for each in call.keywords if each.arg == "max_norm"] or call.args[1:2]
            return ast.unparse(given[0]) if given else ""
    return ""


@dataclass(frozen=True)
class Deeds:
    """What one method's body does.

    Attributes:
        steps: calls backward, or an optimizer's step.
        loops: nested ``for``s around that, or around the model's call: 0, 1 (batches), 2 (epochs and batches).
        judges: switches to eval mode or to no_grad.
        runs_model: calls the model.
        gives, keys: see `Duty`.
    """

    steps: bool
    loops: int
    judges: bool
    runs_model: bool
    gives: Literal["tensor", "pair", "mapping", "number", "nothing", ""]
    keys: tuple[str, ...]


def deeds_of(function: Function) -> Deeds:
    """See `Deeds`; of what it calls nothing is known."""
    steps = judges = runs_model = False
    for call in calls(function):
        name = called(call)
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        holder = slot_of_stepped(attribute(receiver)) if receiver is not None else ""
        steps = steps or name == "backward" or (name == "step" and holder == "optimizer")
        judges = judges or name in ("eval", "no_grad", "inference_mode")
        runs_model = runs_model or slot_of(attribute(call.func)) == "model"
    judges = judges or any("no_grad" in ast.unparse(each) or "inference_mode" in ast.unparse(each) for each in function.decorator_list)  # fmt: skip
    gives, keys = _gives(function)
    return Deeds(steps, _depth(function), judges, runs_model, gives, keys)


def _depth(node: ast.AST) -> int:
    """Nested loops by ``for`` and ``while``."""
    inner = max((_depth(each) for each in ast.iter_child_nodes(node)), default=0)
    return inner + isinstance(node, (ast.For, ast.While))


def _gives(function: Function) -> tuple[Literal["tensor", "pair", "mapping", "number", "nothing", ""], tuple[str, ...]]:
    returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    said = ast.unparse(function.returns) if function.returns is not None else ""
    for value in returns:
        if isinstance(value, ast.Dict):
            return "mapping", tuple(str(each.value) for each in value.keys if isinstance(each, ast.Constant))
        if isinstance(value, ast.Tuple):
            return "pair", ()
    if re_said := _by_annotation(said):
        return re_said, ()
    if not returns:
        return "nothing", ()
    return "", ()


def _by_annotation(text: str) -> Literal["tensor", "pair", "mapping", "number", "nothing", ""]:
    head = text.partition("[")[0].rpartition(".")[2].strip("\"' ")
    if head in ("dict", "Dict", "Mapping"):
        return "mapping"
    if head in ("tuple", "Tuple"):
        return "pair"
    if head in ("float", "int"):
        return "number"
    if head == "Tensor":
        return "tensor"
    return "nothing" if head == "None" else ""
