"""TG130: an optimizer has all parameters that the model trains with."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from .reading import Binding, Class, Routine, Step, text_of
from .roles import MODULE, OPTIMIZER
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG130"
NAME = "the optimizer sees every parameter"
WHAT = (
    "No layer of a model is replaced, and no model made anew, after the optimizer was built from its parameters; "
    "modules in a list or dict of a module stand in a ModuleList, ModuleDict or Sequential."
)
WHY = (
    "The optimizer goes on moving the layer that was replaced; the new one, often the only one to be trained, stays as "
    "it was initialised. Layers in a plain list are in no parameters(), no state_dict() and move to no device."
)
FAILING = """\
import torch
from torch import nn


def build(model, classes):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.head = nn.Linear(512, classes)
    return model, optimizer
"""
PASSING = """\
import torch
from torch import nn


def build(model, classes):
    model.head = nn.Linear(512, classes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return model, optimizer
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "torch.optim, constructing it; torch.nn.ModuleList; guardtower OPT-001"

_REGISTERING = {"ModuleList", "ModuleDict", "Sequential", "add_module", "register_module", "setattr", "ParameterList"}
_GROWING = {"resize_token_embeddings", "add_adapter", "add_module", "reset_classifier"}


_NO_MODEL = (ast.Name, ast.Constant, ast.JoinedStr)
"""First arguments that show no model's parameters."""


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for routine in training.reading.routines:
        yield from _replaced(training, routine)
    for owner in training.reading.classes.values():
        if training.roles.is_module(owner):
            yield from _plain_lists(training, owner)


def _replaced(training: Training, routine: Routine) -> Iterator[Finding]:
    for index, step in enumerate(routine.steps):
        call = step.node
        if type(call) is not ast.Call or not call.args or type(call.args[0]) in _NO_MODEL:
            continue
        if not _builds_optimizer(training, call, routine):
            continue
        models = _models(call.args[0])
        optimizers = {name for name, given in routine.bindings.items() if any(each.value is call for each in given)}
        for later in routine.steps[index + 1 :]:
            if _renews(training, later, routine):
                break
            changed = _changes(training, later, models, optimizers, routine)
            if changed is not None and not _exclusive(step, later) and not _made_anew(optimizers, changed, routine):
                yield training.finding(
                    CODE,
                    changed,
                    "the model gets new parameters after its optimizer was built: they are never trained",
                    "build the optimizer afterwards, or add them with add_param_group()",
                )
                break


def _models(value: ast.expr) -> set[str]:
    """``model`` of ``model.parameters()``, also below filter() and in parameter groups."""
    found = set()
    for part in ast.walk(value):
        if (
            isinstance(part, ast.Call)
            and isinstance(part.func, ast.Attribute)
            and part.func.attr in ("parameters", "named_parameters")
        ):
            text = text_of(part.func.value)
            if text is not None and text != "self":
                found.add(text)
    return found


def _renews(training: Training, step: Step, routine: Routine) -> bool:
    call = step.node
    if not isinstance(call, ast.Call):
        return False
    if isinstance(call.func, ast.Attribute) and call.func.attr == "add_param_group":
        return True
    return bool(call.args) and _builds_optimizer(training, call, routine)


def _builds_optimizer(training: Training, call: ast.Call, routine: Routine) -> bool:
    dotted = training.reading.dotted(call.func)
    if dotted is None or not dotted.rpartition(".")[2][:1].isupper():
        return False  # a class, by any way that it may be written: most calls are none
    return training.roles.made(call, routine)[0] == OPTIMIZER


def _changes(
    training: Training, step: Step, models: set[str], optimizers: set[str], routine: Routine
) -> ast.expr | ast.stmt | None:
    node = step.node
    if isinstance(node, ast.Assign):
        for target in node.targets:
            text = text_of(target)
            if text is None:
                continue
            for model in models:
                if text.startswith((f"{model}.", f"{model}[")) and _is_layer(training, node.value, routine):
                    return node
                if (
                    text == model
                    and _is_new(training, node.value, model, routine)
                    and _used_after(optimizers, node, routine)
                ):
                    return node
    grows = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _GROWING
    if grows and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node if text_of(node.func.value) in models else None
    return None


def _used_after(optimizers: set[str], statement: ast.stmt, routine: Routine) -> bool:
    """Whether the optimizer goes on being used after the model was made anew: else that was the end of both."""
    uses = _uses_after(optimizers, statement, routine)
    # Assigned again first (the value of an assignment stands to the right of its name): another optimizer's life.
    return bool(uses) and min(uses)[2]


def _made_anew(optimizers: set[str], changed: ast.stmt | ast.expr, routine: Routine) -> bool:
    """Whether the optimizer's name gets another one after the change, before it is used."""
    uses = _uses_after(optimizers, changed, routine)
    return bool(uses) and not min(uses)[2]


def _uses_after(optimizers: set[str], statement: ast.stmt | ast.expr, routine: Routine) -> list[tuple[int, int, bool]]:
    """Where the optimizer's names stand below a statement: line, column, whether they are read."""
    return [
        (part.lineno, part.col_offset, isinstance(part.ctx, ast.Load))
        for part in ast.walk(routine.node)
        if isinstance(part, (ast.Name, ast.Attribute))
        and part.lineno > (statement.end_lineno or 0)
        and text_of(part) in optimizers
    ]


def _is_layer(training: Training, value: ast.expr, routine: Routine) -> bool:
    if isinstance(value, ast.Call):
        role, made = training.roles.made(value, routine)
        return role == MODULE and made is not None
    return False


def _is_new(training: Training, value: ast.expr, model: str, routine: Routine) -> bool:
    """Whether a model's name gets another model, not the same one moved, wrapped or compiled."""
    if not isinstance(value, ast.Call):
        return False
    role, made = training.roles.made(value, routine)
    if role != MODULE or made is None:
        return _made_alike(training, _innermost(value), model, routine)
    name = (training.reading.dotted(value.func) or "").rpartition(".")[2]
    if name == "get_peft_model":
        return True
    return not any(text_of(part) == model for part in ast.walk(value) if isinstance(part, ast.expr))


def _made_alike(training: Training, value: ast.Call, model: str, routine: Routine) -> bool:
    """Whether the name has held a thing of the same class before: ``Net(...)`` a second time."""
    name = text_of(value.func)
    if name is None or not name.rpartition(".")[2][:1].isupper():
        return False
    calls = [each.value for each in training.roles.bindings(model, routine) if isinstance(each.value, ast.Call)]
    return sum(ast.unparse(_innermost(each).func) == name for each in calls) > 1


def _innermost(call: ast.Call) -> ast.Call:
    """``Net()`` of ``Net().to(device)``."""
    while isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call):
        call = call.func.value
    return call


def _exclusive(first: Step, second: Step) -> bool:
    branches = {id(place.node): place.branch for place in first.place.path if place.kind == "if"}
    return any(
        branches.get(id(place.node), place.branch) != place.branch for place in second.place.path if place.kind == "if"
    )


def _plain_lists(training: Training, owner: Class) -> Iterator[Finding]:
    text = (
        ast.unparse(owner.node)
        if any(_holds(training, each.value) for values in owner.bindings.values() for each in values)
        else ""
    )
    appended = _appended(training, owner)
    for name, bindings in owner.bindings.items():
        for binding in bindings:
            if binding.how == "augment" and not _is_plain(bindings):
                continue
            filled = _holds(training, binding.value)
            empty = isinstance(binding.value, (ast.List, ast.Dict)) and not ast.unparse(binding.value).strip("[]{}")
            if not filled and not (empty and name in appended):
                continue
            if not text:
                text = ast.unparse(owner.node)
            if _registered(name, text):
                continue
            kind = "ModuleDict" if isinstance(binding.value, (ast.Dict, ast.DictComp)) else "ModuleList"
            yield training.finding(
                CODE,
                binding.value,
                f"{name} holds layers that no optimizer sees: they stand in a plain container",
                f"wrap it: nn.{kind}(...)",
            )


def _is_plain(bindings: list[Binding]) -> bool:
    """Whether a name that is added to began as a plain list: ``+=`` extends a ModuleList too."""
    return any(each.how == "assign" and isinstance(each.value, (ast.List, ast.ListComp)) for each in bindings)


def _holds(training: Training, value: ast.expr) -> bool:
    """Whether a list or dict is made of modules."""
    items: list[ast.expr] = []
    if isinstance(value, ast.List):
        items = value.elts
    elif isinstance(value, ast.Dict):
        items = [each for each in value.values if each is not None]
    elif isinstance(value, ast.ListComp):
        items = [value.elt]
    elif isinstance(value, ast.DictComp):
        items = [value.value]
    return bool(items) and all(isinstance(item, ast.Call) and _makes(training, item) for item in items)


def _makes(training: Training, call: ast.Call) -> bool:
    dotted = training.reading.dotted(call.func) or ""
    name = dotted.rpartition(".")[2]
    if (
        dotted.startswith("torch.nn.")
        and name[:1].isupper()
        and not name.endswith("Loss")
        and name
        not in (
            "Parameter",
            "ReLU",
            "GELU",
            "Identity",
            "Tanh",
            "Sigmoid",
            "SiLU",
            "Softmax",
            "Dropout",
            "Flatten",
            "MaxPool2d",
            "AvgPool2d",
            "Upsample",
        )
    ):
        return dotted.count(".") == 2
    known = training.reading.classes.get(dotted)
    return known is not None and training.roles.is_module(known) and _may_learn(training, known)


def _may_learn(training: Training, owner: Class) -> bool:
    """Whether a module may have parameters: a base beside ``nn.Module``, or anything in it that is made by a class."""
    if any(base.rpartition(".")[2] != "Module" for base in training.roles.lineage(owner)):
        return True
    calls = (
        step.node
        for method in owner.methods.values()
        if method.name != "forward"
        for step in method.calls()
        if isinstance(step.node, ast.Call)
    )
    return any(_class_like(training.reading.dotted(call.func) or "") for call in calls)


def _class_like(dotted: str) -> bool:
    name = dotted.rpartition(".")[2]
    return name[:1].isupper() or name in ("register_parameter", "add_module", "register_module", "setattr")


def _appended(training: Training, owner: Class) -> set[str]:
    """``self.x`` lists that modules are appended to."""
    found = set()
    for routine in owner.methods.values():
        for step in routine.calls():
            call = step.node
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "append"
                and call.args
            ):
                text = text_of(call.func.value)
                if (
                    text is not None
                    and text.startswith("self.")
                    and isinstance(call.args[0], ast.Call)
                    and _makes(training, call.args[0])
                ):
                    found.add(text)
    return found


def _registered(name: str, text: str) -> bool:
    if re.search(rf"({'|'.join(_REGISTERING)})\(\*?{re.escape(name)}\b", text):
        return True
    return "add_module" in text or "register_module" in text or "setattr(self" in text
