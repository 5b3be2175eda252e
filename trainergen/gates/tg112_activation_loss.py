"""TG112: a loss gets what it expects: logits, log-probabilities or probabilities."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .naming import says
from .reading import Binding, Routine, text_of
from .roles import MODULE
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG112"
NAME = "the activation before a loss"
WHAT = (
    "Cross-entropy and the losses with logits get raw logits; NLLLoss gets log-probabilities; BCELoss with a sigmoid "
    "before it is written with logits. Seen where activation and loss meet in one function, or where the file defines "
    "the model whose forward ends in the activation."
)
WHY = (
    "A second softmax flattens the gradients: the loss falls slowly to a floor well above zero. A softmax without a log "
    "before NLLLoss optimises the wrong thing; log(sigmoid(x)) in two steps overflows."
)
FAILING = """\
from torch.nn import functional as F


def loss_of(model, inputs, targets):
    probabilities = F.softmax(model(inputs), dim=1)
    return F.cross_entropy(probabilities, targets)
"""
PASSING = """\
from torch.nn import functional as F


def loss_of(model, inputs, targets):
    return F.cross_entropy(model(inputs), targets)
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = (
    "torch.nn.CrossEntropyLoss, NLLLoss, BCEWithLogitsLoss; Amazon CodeGuru; taxonomy of real faults (arXiv 1910.11015)"
)

_LOSSES = {
    "CrossEntropyLoss": "ce", "cross_entropy": "ce", "NLLLoss": "nll", "nll_loss": "nll",
    "BCEWithLogitsLoss": "logits", "binary_cross_entropy_with_logits": "logits",
    "BCELoss": "bce", "binary_cross_entropy": "bce", "MultiLabelSoftMarginLoss": "logits",
}  # fmt: skip
_ACTIVATIONS = {
    "softmax": "softmax", "Softmax": "softmax", "log_softmax": "log_softmax", "LogSoftmax": "log_softmax",
    "sigmoid": "sigmoid", "Sigmoid": "sigmoid", "gumbel_softmax": "softmax",
}  # fmt: skip
_WRONG = {
    ("ce", "softmax"): ("softmax before cross-entropy, which applies its own", "pass the logits"),
    ("ce", "log_softmax"): (
        "log_softmax before cross-entropy, which applies its own",
        "pass the logits, or use nll_loss",
    ),
    ("ce", "sigmoid"): ("sigmoid before cross-entropy, which expects logits", "pass the logits"),
    ("nll", "softmax"): (
        "softmax without the logarithm before nll_loss",
        "use log_softmax, or cross_entropy on the logits",
    ),
    ("logits", "sigmoid"): ("sigmoid before a loss with logits, which applies its own", "pass the logits"),
    ("logits", "softmax"): ("softmax before a loss with logits, which applies a sigmoid", "pass the logits"),
    ("bce", "sigmoid"): (
        "sigmoid and binary cross-entropy in two steps: the logarithm overflows for confident logits",
        "use binary_cross_entropy_with_logits on the logits",
    ),
}
_SHAPING = {
    "squeeze", "unsqueeze", "view", "reshape", "flatten", "float", "to", "transpose", "permute", "contiguous", "clone",
    "type", "double", "half", "clamp",
}  # fmt: skip


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    if not says(training.source.text, "softmax", "sigmoid"):
        return
    for routine in training.reading.routines:
        for step in routine.calls():
            call = step.node
            assert isinstance(call, ast.Call)
            loss = _loss(training, call, routine)
            if loss is None or not call.args:
                continue
            activation = _activation(training, call.args[0], routine, step.order)
            wrong = _WRONG.get((loss, activation or ""))
            if wrong is not None and not (loss == "ce" and _probabilities(training, call, routine, step.order)):
                yield training.finding(CODE, call, *wrong)


def _loss(training: Training, call: ast.Call, routine: Routine) -> str | None:
    dotted = training.reading.dotted(call.func) or ""
    name = dotted.rpartition(".")[2]
    if name in _LOSSES and name[:1].islower():
        return _LOSSES[name] if dotted.startswith("torch.") else None
    _, made = training.roles.made(call.func, routine)
    text = text_of(call.func)
    if made is None and text is not None:
        made = training.traces.made(text, routine)
    if made is None or made is call:
        return None
    dotted = training.reading.dotted(made.func) or ""
    return _LOSSES.get(dotted.rpartition(".")[2]) if dotted.startswith("torch.nn.") else None


def _probabilities(training: Training, call: ast.Call, routine: Routine, order: int) -> bool:
    """Whether the target is an activation too: a distillation that knows what it does."""
    return len(call.args) > 1 and _activation(training, call.args[1], routine, order) is not None


def _activation(training: Training, value: ast.expr, routine: Routine, order: int, depth: int = 0) -> str | None:
    """The activation that an expression certainly ends in."""
    if depth > 6:
        return None
    text = text_of(value)
    if text is not None:
        binding = _latest(training, text, routine, order)
        if (
            binding is not None
            and binding.how == "unpack"
            and binding.position == 0
            and isinstance(binding.value, ast.Call)
        ):
            return _activation(training, binding.value, routine, binding.order, depth + 1)
        if binding is None or binding.how != "assign":
            return None
        return _activation(training, binding.value, routine, binding.order, depth + 1)
    if isinstance(value, ast.Subscript):
        return _activation(training, value.value, routine, order, depth + 1)
    if not isinstance(value, ast.Call):
        return None
    dotted = training.reading.dotted(value.func) or ""
    name = dotted.rpartition(".")[2] or (value.func.attr if isinstance(value.func, ast.Attribute) else "")
    if name in _ACTIVATIONS and name[:1].islower():
        return _ACTIVATIONS[name]
    if isinstance(value.func, ast.Call):  # nn.Softmax(dim=1)(x)
        return _made(training, value.func)
    if isinstance(value.func, ast.Attribute) and value.func.attr in _SHAPING:
        return _activation(training, value.func.value, routine, order, depth + 1)
    role, made = training.roles.made(value.func, routine)
    if role == MODULE and made is not None:
        return _made(training, made)
    callee = training.traces.callee(value, routine)
    if callee is not None:
        return _returned(training, callee, depth)
    if isinstance(value.func, ast.Name) and value.func.id == "self" and routine.owner is not None:
        forward = routine.owner.methods.get("forward")
        return _returned(training, forward, depth) if forward is not None else None
    return _only_model(training, routine, role, depth)


def _only_model(training: Training, routine: Routine, role: str | None, depth: int) -> str | None:
    """A ``model`` whose making isn't seen, in a file that defines exactly one module: that one."""
    if role != MODULE:
        return None
    modules = [each for each in training.reading.classes.values() if training.roles.is_module(each)]
    if len(modules) != 1 or modules[0] is routine.owner:
        return None
    forward = modules[0].methods.get("forward")
    return _returned(training, forward, depth) if forward is not None else None


def _latest(training: Training, text: str, routine: Routine, order: int) -> Binding | None:
    found = None
    for binding in routine.bindings.get(text, ()):
        if binding.order < order:
            found = binding
    if found is None and "." not in text and routine.outer is not None and text not in routine.parameters:
        bindings = training.roles.bindings(text, routine)
        found = bindings[-1] if len(bindings) == 1 else None
    return found


def _made(training: Training, made: ast.Call, depth: int = 0) -> str | None:
    dotted = training.reading.dotted(made.func) or ""
    name = dotted.rpartition(".")[2]
    if name in _ACTIVATIONS and dotted.startswith("torch.nn."):
        return _ACTIVATIONS[name]
    if name == "Sequential" and made.args and isinstance(made.args[-1], ast.Call):
        return _made(training, made.args[-1], depth + 1)
    if (
        isinstance(made.func, ast.Attribute)
        and made.func.attr in ("to", "cuda")
        and isinstance(made.func.value, ast.Call)
    ):
        return _made(training, made.func.value, depth + 1)
    known = training.reading.classes.get(dotted)
    if known is not None and depth < 3:
        forward = known.methods.get("forward")
        return _returned(training, forward, depth + 1) if forward is not None else None
    return None


def _returned(training: Training, routine: Routine, depth: int) -> str | None:
    """The activation that every return of a routine ends in."""
    found: set[str | None] = set()
    if depth > 4:
        return None
    for step in routine.steps:
        if isinstance(step.node, ast.Return) and step.node.value is not None:
            value = step.node.value
            if isinstance(value, ast.Tuple) and value.elts:
                value = value.elts[0]
            found.add(_activation(training, value, routine, step.order, depth + 1))
    return found.pop() if len(found) == 1 else None
