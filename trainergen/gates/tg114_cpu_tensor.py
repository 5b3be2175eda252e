"""TG114: a tensor made inside a step is made on the batch's device."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD
from .finding import Fix
from .reading import Routine, Step, text_of
from .roles import argument, is_open
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG114"
NAME = "device= for tensors made in a step"
WHAT = (
    "torch.zeros, ones, randn, arange, tensor and their like in a training step, or in a training loop that moves its "
    "batches, say device=, or their result is moved at once. Numbers (shape ()) and indices may stay on the CPU."
)
WHY = "On a GPU the tensor is made on the CPU: the next operation raises, or a copy waits for the device in every step."
FAILING = """\
import torch

from train.base_trainer import Trainer


class NoiseTrainer(Trainer):
    def compute_loss(self, batch):
        inputs = batch.to(self.device)
        noise = torch.randn(inputs.shape)
        return ((self.model(inputs + noise) - inputs) ** 2).mean()
"""
PASSING = """\
import torch

from train.base_trainer import Trainer


class NoiseTrainer(Trainer):
    def compute_loss(self, batch):
        inputs = batch.to(self.device)
        noise = torch.randn(inputs.shape, device=self.device)
        return ((self.model(inputs + noise) - inputs) ** 2).mean()
"""
FIX = "unsafe: adds device=self.device, or the device= of a name that the step moves its batch to"
TORCH = ">=1.0"
SOURCE = "PyTorch performance tuning guide, create tensors directly on the target device; hotpath KP005"

_MAKERS = {
    "zeros",
    "ones",
    "full",
    "rand",
    "randn",
    "arange",
    "tensor",
    "eye",
    "linspace",
    "empty",
    "randint",
    "normal",
    "bernoulli",
}
_STEPS = {
    "compute_loss",
    "_forward_batch",
    "training_step",
    "_train_batch",
    "train_step",
    "_evaluate_batch",
    "validation_step",
}


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    loops = {id(loop) for loop, _, _ in training.batch_loops()}
    found: dict[int, tuple[Routine, list[tuple[Step, ast.Call]]]] = {}
    for routine, step, call in training.calls(*(f"torch.{name}" for name in sorted(_MAKERS))):
        if _makes(training, call):
            found.setdefault(id(routine), (routine, []))[1].append((step, call))
    for routine, making in found.values():
        device = _device(routine)
        in_step = routine.name in _STEPS and (
            device is not None
            or training.framework_at(routine) is not None
            or any(event.kind == BACKWARD for event in training.traces.own(routine))
        )
        for step, call in making:
            looped = any(id(place) in loops for place in step.place.path)
            if not (in_step or looped) or (device is None and not in_step):
                continue
            if not _moved(call, step, routine):
                yield _finding(
                    training,
                    call,
                    device
                    or ("self.device" if training.framework_at(routine) in ("lightning", "trainergen") else None),
                )


def _device(routine: Routine) -> str | None:
    """The device that the routine moves things to, as it is written there."""
    for step in routine.calls():
        call = step.node
        assert isinstance(call, ast.Call)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "to" and call.args:
            text = text_of(call.args[0])
            if text is not None and "device" in text.lower():
                return text
        if isinstance(call.func, ast.Attribute) and call.func.attr == "cuda" and not call.args:
            return "device"
    return None


def _makes(training: Training, call: ast.Call) -> bool:
    dotted = training.reading.dotted(call.func) or ""
    name = dotted.rpartition(".")[2]
    if not dotted.startswith("torch.") or dotted.count(".") != 1 or name not in _MAKERS:
        return False
    if is_open(call) or argument(call, "device") is not None or argument(call, "generator") is not None:
        return False
    if not call.args and not call.keywords:
        return False
    return not _is_number(name, call)


def _is_number(name: str, call: ast.Call) -> bool:
    first = call.args[0] if call.args else None
    if name == "tensor":
        return not isinstance(
            first, ast.List | ast.Tuple | ast.ListComp
        )  # a number most likely: those go along with any device
    return isinstance(first, (ast.Tuple, ast.List)) and not first.elts


def _moved(call: ast.Call, step: Step, routine: Routine) -> bool:
    """Whether the tensor is moved where it is made, or by the name that it gets, or only serves as an index."""
    for other in routine.steps:
        node = other.node
        if isinstance(node, ast.Call) and other.order > step.order and node is not call:
            target = node.func.value if isinstance(node.func, ast.Attribute) else None
            holds = target is not None and any(part is call for part in ast.walk(target))
            if (
                holds
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("to", "cuda", "type_as", "new_tensor", "numpy", "tolist", "item")
            ):
                return True
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Expr)) and _indexes(node, call):
            return True
    names = [
        name
        for name, bindings in routine.bindings.items()
        if any(
            any(part is call for part in ast.walk(each.value)) for each in bindings if each.how in ("assign", "augment")
        )
    ]
    for name in names:
        uses = [
            part for part in ast.walk(routine.node) if isinstance(part, ast.Attribute) and text_of(part.value) == name
        ]
        if any(part.attr in ("to", "cuda", "type_as") for part in uses):
            return True
        if _only_indexes(name, routine):
            return True
        for other in routine.calls():
            node = other.node
            assert isinstance(node, ast.Call)
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if any(text_of(each) == name for each in node.args) and (
                "device" in called or "cuda" in called or called == "prepare"
            ):
                return True
    return False


def _indexes(statement: ast.stmt, call: ast.Call) -> bool:
    return any(
        isinstance(part, ast.Subscript) and any(inner is call for inner in ast.walk(part.slice))
        for part in ast.walk(statement)
    )


def _only_indexes(name: str, routine: Routine) -> bool:
    loads = [
        part
        for part in ast.walk(routine.node)
        if isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Load)
    ]
    indices = {
        id(inner)
        for part in ast.walk(routine.node)
        if isinstance(part, ast.Subscript)
        for inner in ast.walk(part.slice)
        if isinstance(inner, ast.Name)
    }
    return bool(loads) and all(id(part) in indices for part in loads)


def _finding(training: Training, call: ast.Call, device: str | None) -> Finding:
    fix = None
    if device is not None:
        fix = Fix(f"make it with device={device}", False, (training.adding_argument(call, f"device={device}"),))
    name = (training.reading.dotted(call.func) or "").rpartition(".")[2]
    hint = f"pass device={device or 'inputs.device'}"
    return training.finding(
        CODE, call, f"torch.{name} makes the tensor on the CPU, the batch is elsewhere", hint, fix=fix
    )
