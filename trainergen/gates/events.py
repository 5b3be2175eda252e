"""The training events of a routine, in order: its own and those of what it calls in the same file, shared by all rules."""

from __future__ import annotations

import ast

from .flow import Flow
from .reading import Class, Place, Reading, Routine, Step, loops_in, text_of
from .roles import MODULE, OPTIMIZER, SCALER, SCHEDULER, Roles

ZERO_GRAD = "zero_grad"
FORWARD = "forward"
BACKWARD = "backward"
SCALE = "scale"
UNSCALE = "unscale"
CLIP = "clip"
STEP = "step"
SCALER_STEP = "scaler step"
SCALER_UPDATE = "scaler update"
SCHEDULE = "scheduler step"
SYNC = "host sync"
EVAL_MODE = "eval mode"
TRAIN_MODE = "train mode"
SAVE = "save"
LOAD = "load"
SET_EPOCH = "set_epoch"
CALL = "call"
"""A call of something that the file does not hold, with an optimizer or a model among its arguments."""

_SYNCS = {"item", "tolist", "numpy"}
_LONGEST = 4000
_DEEPEST = 8
_MANAGERS = {"accelerator", "fabric", "booster", "strategy", "self"}


class Event:
    """One training event.

    Attributes:
        kind: one of the constants above.
        node: the call (or statement) that is the event.
        path: the blocks around it, outermost first, through all calls that lead to it.
        routine: the routine that it is written in.
        target: dotted name of what it is done to (the optimizer of a step, the loss of a backward, the path of a save), as
            the routine that the trace began in calls it; "" where it has no name.
        scope: the routine in which `target` is a name.
        managed: a framework's wrapper does it (``accelerator.backward(loss)``, ``scaler.scale(loss).backward()``).
    """

    __slots__ = ("kind", "managed", "node", "path", "routine", "scope", "target")

    def __init__(
        self,
        kind: str,
        node: ast.AST,
        path: tuple[Place, ...],
        routine: Routine,
        target: str,
        scope: Routine,
        managed: bool = False,
    ) -> None:
        self.kind = kind
        self.node = node
        self.path = path
        self.routine = routine
        self.target = target
        self.scope = scope
        self.managed = managed

    def reached(self, prefix: tuple[Place, ...], target: str, scope: Routine) -> Event:
        """The event as a caller sees it: further blocks around it, its target in the caller's words."""
        return Event(self.kind, self.node, (*prefix, *self.path), self.routine, target, scope, self.managed)

    @property
    def loops(self) -> tuple[Place, ...]:
        """The loops around it, outermost first."""
        return loops_in(self.path)

    @property
    def loop(self) -> Place | None:
        """The innermost loop around it."""
        for place in reversed(self.path):
            if place.kind == "loop":
                return place
        return None

    def within(self, place: Place) -> bool:
        """Whether it happens inside of `place`."""
        return place in self.path

    def guards(self, below: Place | None = None) -> tuple[Place, ...]:
        """The ``if`` blocks around it, those inside of `below` only where that is given."""
        start = self.path.index(below) + 1 if below is not None and below in self.path else 0
        return tuple(place for place in self.path[start:] if place.kind == "if")


class Traces:
    """The events of every routine of a file, and of the file's roots with all calls followed.

    Args:
        reading: the file.
        roles: its roles.

    Attributes:
        roots: routines that nothing in the file calls, the top level first.
    """

    def __init__(self, reading: Reading, roles: Roles) -> None:
        self.reading = reading
        self.roles = roles
        self._own: dict[int, list[Event | tuple[Routine, Step, dict[str, str]]]] = {}
        self._whole: dict[int, list[Event]] = {}
        self._running: set[int] = set()
        self._flows: dict[int, Flow] = {}
        self._callers: dict[int, list[tuple[Routine, dict[str, str]]]] = {}
        called: set[int] = set()
        for routine in reading.routines:
            for item in self._items(routine):
                if not isinstance(item, Event) and item[0] is not routine:
                    called.add(id(item[0]))
                    self._callers.setdefault(id(item[0]), []).append((routine, item[2]))
        self.roots = [routine for routine in reading.routines if id(routine) not in called]
        covered = {id(event.routine) for root in self.roots for event in self.of(root)}
        # Routines that only call each other in a circle.
        self.roots += [
            routine
            for routine in reading.routines
            if id(routine) in called and id(routine) not in covered and self.own(routine)
        ]

    def made(self, text: str, routine: Routine, depth: int = 0) -> ast.Call | None:
        """The call that made what a name holds, also where the name is a parameter that callers in the file fill."""
        made = self.roles.named(text, routine)[1]
        if made is not None or depth > 3 or text not in routine.parameters:
            return made
        for caller, names in self._callers.get(id(routine), ()):
            if text in names:
                made = self.made(names[text], caller, depth + 1)
                if made is not None:
                    return made
        return None

    def passed(self, routine: Routine, parameter: str) -> list[tuple[Routine, str]]:
        """The callers of a routine in the file, with the name that each passes for a parameter."""
        callers = self._callers.get(id(routine), ())
        return [(caller, names[parameter]) for caller, names in callers if parameter in names]

    def as_written(self, event: Event) -> Event:
        """The event in the words of the routine that it is written in, for messages and fixes."""
        return next(
            (each for each in self.own(event.routine) if each.node is event.node and each.kind == event.kind), event
        )

    def own(self, routine: Routine) -> list[Event]:
        """The events written in the routine itself."""
        return [item for item in self._items(routine) if isinstance(item, Event)]

    def of(self, routine: Routine) -> list[Event]:
        """The events of the routine and of everything in the file that it calls, in order."""
        if id(routine) not in self._whole:
            self._running.clear()
            self._whole[id(routine)] = self._follow(routine, 0)
        return self._whole[id(routine)]

    def flow(self, routine: Routine) -> Flow:
        """Which values of the routine hang on a graph."""
        if id(routine) not in self._flows:
            losses = frozenset(event.target for event in self.own(routine) if event.kind == BACKWARD)
            self._flows[id(routine)] = Flow(routine, self.reading, self.roles, self, losses - {""})
        return self._flows[id(routine)]

    def _follow(self, routine: Routine, depth: int) -> list[Event]:
        if id(routine) in self._whole:
            return self._whole[id(routine)]
        events: list[Event] = []
        self._running.add(id(routine))
        for item in self._items(routine):
            if isinstance(item, Event):
                events.append(item)
                continue
            callee, step, names = item
            if id(callee) in self._running or depth >= _DEEPEST or len(events) > _LONGEST:
                continue
            prefix = step.place.path
            for event in self._follow(callee, depth + 1):
                target, scope = event.target, event.scope
                if scope is callee or (callee.owner is not None and target.startswith("self.")):
                    head, dot, rest = target.partition(".")
                    if head in names:
                        target, scope = names[head] + dot + rest, routine
                    elif head == "self" and routine.owner is not None:
                        scope = routine
                events.append(event.reached(prefix, target, scope))
        self._running.discard(id(routine))
        return self._whole.setdefault(id(routine), events)

    def _items(self, routine: Routine) -> list[Event | tuple[Routine, Step, dict[str, str]]]:
        if id(routine) not in self._own:
            items: list[Event | tuple[Routine, Step, dict[str, str]]] = []
            for step in routine.steps:
                if isinstance(step.node, ast.Call):
                    self._call(step, step.node, routine, items)
                elif isinstance(step.node, ast.Assign) and _clears_gradient(step.node):
                    items.append(Event(ZERO_GRAD, step.node, step.place.path, routine, "", routine))
            self._own[id(routine)] = items
        return self._own[id(routine)]

    def _call(
        self, step: Step, call: ast.Call, routine: Routine, items: list[Event | tuple[Routine, Step, dict[str, str]]]
    ) -> None:
        callee = self.callee(call, routine)
        if callee is not None:
            items.append((callee, step, _names(call, callee)))
            return
        for kind, target, managed in self._kinds(call, routine):
            items.append(Event(kind, call, step.place.path, routine, target, routine, managed))
            if kind in (STEP, SCALER_STEP):
                for each in (*call.args, *(word.value for word in call.keywords)):
                    closure = routine.inner.get(each.id) if isinstance(each, ast.Name) else None
                    if closure is not None:
                        items.append((closure, step, {}))

    def callee(self, call: ast.Call, routine: Routine) -> Routine | None:
        """The routine of this file that a call runs, if it can be told."""
        function = call.func
        if isinstance(function, ast.Name):
            seen: Routine | None = routine
            while seen is not None:
                if function.id in seen.inner:
                    return seen.inner[function.id]
                seen = seen.outer
            return None
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            owner = routine.owner if function.value.id in ("self", "cls") else None
            if owner is not None:
                return self.method(owner, function.attr)
            made = self._instance(function.value, routine)
            if made is not None:
                return self.method(made, function.attr)
        return None

    def method(self, owner: Class, name: str) -> Routine | None:
        """The method of a class, its own or that of a base in the same file."""
        if name in owner.methods:
            return owner.methods[name]
        return next((base.methods[name] for base in self.roles.bases(owner) if name in base.methods), None)

    def _instance(self, name: ast.Name, routine: Routine) -> Class | None:
        for binding in self.roles.bindings(name.id, routine):
            if (
                binding.how == "assign"
                and isinstance(binding.value, ast.Call)
                and isinstance(binding.value.func, ast.Name)
            ):
                known = self.reading.classes.get(binding.value.func.id)
                if known is not None and not self.roles.is_module(known):
                    return known
        return None

    def _kinds(self, call: ast.Call, routine: Routine) -> list[tuple[str, str, bool]]:
        function = call.func
        dotted = self.reading.dotted(function) or ""
        if isinstance(function, ast.Attribute):
            known = self._method_call(call, function, dotted, routine)
            if known is not None:
                return known
        elif isinstance(function, ast.Name) and function.id in ("float", "int", "bool") and len(call.args) == 1:
            return [(SYNC, text_of(call.args[0]) or "", False)]
        name = dotted.rpartition(".")[2]
        if name in ("clip_grad_norm_", "clip_grad_value_", "clip_grad_norm", "clip_grads_with_norm_"):
            return [(CLIP, "", False)]
        if dotted == "torch.save":
            return [(SAVE, _file(call, 1), False)]
        if dotted == "torch.load":
            return [(LOAD, _file(call, 0), False)]
        if dotted in ("torch.cuda.synchronize", "torch.accelerator.synchronize", "torch.xpu.synchronize"):
            return [(SYNC, "", False)]
        if dotted == "torch.autograd.backward" and call.args:
            return [(BACKWARD, text_of(call.args[0]) or "", False)]
        if self.roles.of(function, routine) == MODULE or (
            isinstance(function, ast.Name) and function.id == "self" and routine.owner is not None
        ):
            return [(FORWARD, text_of(function) or "", False)]
        if isinstance(function, ast.Call) and self.roles.of(function, routine) == MODULE:
            return [(FORWARD, "", False)]
        return self._foreign(call, routine)

    def _method_call(
        self, call: ast.Call, function: ast.Attribute, dotted: str, routine: Routine
    ) -> list[tuple[str, str, bool]] | None:
        attr, receiver = function.attr, function.value
        text = text_of(receiver) or ""
        if attr == "zero_grad":
            return [(ZERO_GRAD, text, False)]
        if attr == "zero_" and isinstance(receiver, ast.Attribute) and _is_gradient(receiver):
            return [(ZERO_GRAD, "", False)]
        if attr in ("backward", "manual_backward", "_backward") and not dotted.startswith("torch."):
            return self._backward(call, attr, receiver, text, routine)
        if attr == "step":
            return self._stepping(call, receiver, text, routine)
        if attr == "optimizer_step" and call.args:
            return [(STEP, text_of(call.args[0]) or "", True)]
        if attr in ("scale", "update", "unscale_") and self.roles.of(receiver, routine) == SCALER:
            return [({"scale": SCALE, "update": SCALER_UPDATE, "unscale_": UNSCALE}[attr], text, False)]
        if attr in ("clip_grad_norm_", "clip_grad_value_", "clip_gradients"):
            return [(CLIP, "", not dotted.startswith("torch."))]
        if attr in ("eval", "train") and not dotted.startswith(("torch.", "pandas.", "pd.")):
            return self._mode(call, attr, text)
        if attr in _SYNCS and not call.args:
            return [(SYNC, text, False)]
        if attr == "cpu" and not call.args and self.roles.of(receiver, routine) != MODULE:
            return [(SYNC, text, False)]
        if attr == "set_epoch":
            return [(SET_EPOCH, text, False)]
        if attr == "forward" and self.roles.of(receiver, routine) == MODULE:
            return [(FORWARD, text, False)]
        return None

    def _backward(
        self, call: ast.Call, attr: str, receiver: ast.expr, text: str, routine: Routine
    ) -> list[tuple[str, str, bool]]:
        if (
            (
                isinstance(receiver, ast.Call)
                and isinstance(receiver.func, ast.Attribute)
                and receiver.func.attr == "scale"
            )
            and receiver.args
            and self.roles.of(receiver.func.value, routine) == SCALER
        ):
            return [(BACKWARD, text_of(receiver.args[0]) or "", True)]
        last = text.rpartition(".")[2].lower()
        if call.args and (attr != "backward" or last in _MANAGERS or "engine" in last):
            return [(BACKWARD, text_of(call.args[0]) or "", True)]
        if text in ("self", "ctx"):
            return []
        if isinstance(receiver, ast.BinOp):  # (loss / accumulation).backward()
            left = text_of(receiver.left)
            text = left if left is not None else text_of(receiver.right) or ""
        elif isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute):  # loss.mean().backward()
            text = text_of(receiver.func.value) or ""
        return [(BACKWARD, text, False)]

    def _stepping(self, call: ast.Call, receiver: ast.expr, text: str, routine: Routine) -> list[tuple[str, str, bool]]:
        role = self.roles.of(receiver, routine)
        if role == OPTIMIZER:
            return [(STEP, text, False)]
        if role == SCHEDULER:
            return [(SCHEDULE, text, False)]
        if role == SCALER and call.args:
            return [(SCALER_STEP, text_of(call.args[0]) or "", True)]
        if "engine" in text.lower():
            return [(STEP, text, True)]
        return []

    def _mode(self, call: ast.Call, attr: str, text: str) -> list[tuple[str, str, bool]]:
        last = text.rpartition(".")[2].lower()
        if "trainer" in last or "runner" in last or last in ("learner", "agent", "args", "cfg", "config", "opt"):
            return []
        if attr == "eval":
            return [(EVAL_MODE, text, False)] if not call.args else []
        if not call.args and not call.keywords:
            return [(TRAIN_MODE, text, False)]
        mode = call.args[0] if call.args else call.keywords[0].value
        if isinstance(mode, ast.Constant):
            return [(TRAIN_MODE if mode.value else EVAL_MODE, text, False)]
        # model.train(was_training): whatever it was, it is put back
        return [(TRAIN_MODE, text, True)] if len(call.args) + len(call.keywords) == 1 else []

    def _foreign(self, call: ast.Call, routine: Routine) -> list[tuple[str, str, bool]]:
        for each in (*call.args, *(word.value for word in call.keywords)):
            if isinstance(each, (ast.Name, ast.Attribute)) and self.roles.of(each, routine) in (OPTIMIZER, MODULE):
                return [(CALL, text_of(each) or "", False)]
        return []


def _file(call: ast.Call, position: int) -> str:
    """The name of the path that ``torch.save`` or ``torch.load`` gets."""
    value = next((word.value for word in call.keywords if word.arg == "f"), None)
    if value is None and position < len(call.args):
        value = call.args[position]
    while (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in ("str", "Path")
        and value.args
    ):
        value = value.args[0]
    return (text_of(value) or "") if value is not None else ""


def _names(call: ast.Call, callee: Routine) -> dict[str, str]:
    """Parameter -> the dotted name that a call passes for it."""
    parameters = callee.parameters
    if callee.owner is not None and parameters[:1] in (["self"], ["cls"]):
        parameters = parameters[1:]
    names = {}
    for parameter, value in zip(parameters, call.args, strict=False):
        if isinstance(value, ast.Starred):
            break
        text = text_of(value)
        if text is not None:
            names[parameter] = text
    for word in call.keywords:
        text = text_of(word.value)
        if word.arg is not None and text is not None:
            names[word.arg] = text
    return names


def _is_gradient(receiver: ast.Attribute) -> bool:
    return receiver.attr == "grad" or (
        receiver.attr == "data" and isinstance(receiver.value, ast.Attribute) and receiver.value.attr == "grad"
    )


def _clears_gradient(statement: ast.Assign) -> bool:
    value = statement.value
    return (
        isinstance(value, ast.Constant)
        and value.value is None
        and any(isinstance(target, ast.Attribute) and target.attr == "grad" for target in statement.targets)
    )
