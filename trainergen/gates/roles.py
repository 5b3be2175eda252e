"""What a name plays in a training: told by what is assigned to it, else by how such things are called."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from . import naming
from .reading import Binding, Class, Reading, Routine, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTIMIZER = "optimizer"
SCHEDULER = "scheduler"
SCALER = "scaler"
MODULE = "module"
LOADER = "loader"
SAMPLER = "sampler"
CRITERION = "criterion"

_BY_NAME = (
    (SCHEDULER, naming.is_scheduler),
    (OPTIMIZER, naming.is_optimizer),
    (SCALER, naming.is_scaler),
    (LOADER, naming.is_loader),
    (CRITERION, naming.is_criterion),
    (MODULE, naming.is_module),
)
_matched: dict[str, str | None] = {}
_OPTIMIZERS = {
    "Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "LBFGS", "Rprop", "ASGD",
    "SparseAdam", "Adafactor", "Lion", "LAMB", "AdamW8bit", "Muon",
}  # fmt: skip
_WRAPPERS = {
    "DataParallel", "DistributedDataParallel", "DDP", "compile", "FullyShardedDataParallel", "FSDP", "AveragedModel",
    "convert_sync_batchnorm", "get_peft_model", "unwrap_model",
}  # fmt: skip
_IN_PLACE = {"to", "cuda", "cpu", "half", "float", "double", "train", "eval", "requires_grad_", "apply"}


class Roles:
    """Roles of expressions, each worked out once a routine and name.

    Args:
        reading: the file.
    """

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._known: dict[tuple[int, str], tuple[str | None, ast.Call | None]] = {}
        self._calls: dict[tuple[int, int], tuple[ast.Call, tuple[str | None, ast.Call | None]]] = {}
        self._modules: dict[str, bool] = {}
        self._modular: set[str] | None = None

    def of(self, expression: ast.expr, routine: Routine) -> str | None:
        """The role of an expression in `routine`; None where nothing says one."""
        return self.made(expression, routine)[0]

    def made(self, expression: ast.expr, routine: Routine) -> tuple[str | None, ast.Call | None]:
        """The role, and the call that made the object where the file shows it."""
        if isinstance(expression, ast.Call):
            key = (id(expression), id(routine))
            known = self._calls.get(key)
            if known is None:  # the call with it: its number is its own while it lives
                known = self._calls[key] = (expression, self._of_call(expression, routine))
            return known[1]
        if isinstance(expression, ast.Subscript) and not isinstance(expression.slice, ast.Constant):
            return self.made(expression.value, routine)
        text = text_of(expression)
        return (None, None) if text is None else self.named(text, routine)

    def named(self, text: str, routine: Routine) -> tuple[str | None, ast.Call | None]:
        """As `made`, by dotted name."""
        key = (id(routine), text)
        if key not in self._known:
            self._known[key] = (None, None)  # a name that is assigned from itself ends here
            self._known[key] = self._work_out(text, routine)
        return self._known[key]

    def _work_out(self, text: str, routine: Routine) -> tuple[str | None, ast.Call | None]:
        for binding in reversed(self.bindings(text, routine)):
            if binding.how == "assign":
                role, call = self.made(binding.value, routine)
            elif binding.how == "loop":
                role, call = self.made(binding.value, routine)
                role = role if role in (OPTIMIZER, SCHEDULER, SAMPLER) else None
            else:
                continue
            if role is not None:
                return role, call
        role = self._by_name(text)
        return (MODULE if role is None and text in self._behaving() else role), None

    def _behaving(self) -> set[str]:
        """Names that the file treats as modules: it asks them for parameters or sets their mode."""
        if self._modular is None:
            self._modular = {
                text
                for routine in self.reading.routines
                for step in routine.calls()
                if isinstance(step.node, ast.Call) and isinstance(step.node.func, ast.Attribute)
                if step.node.func.attr in ("parameters", "named_parameters", "eval", "named_modules")
                and not (step.node.func.attr == "eval" and (step.node.args or step.node.keywords))
                for text in [text_of(step.node.func.value)]
                if text is not None and text not in ("self", "super", "pd", "df")
            }
        return self._modular

    def bindings(self, text: str, routine: Routine) -> list[Binding]:
        """What is assigned to a name where `routine` can see it: its own, the class's, those around, the top level's."""
        if text.startswith("self.") and routine.owner is not None:
            found = list(routine.owner.bindings.get(text, ()))
            return found or [each for base in self.bases(routine.owner) for each in base.bindings.get(text, ())]
        seen: Routine | None = routine
        while seen is not None:
            if text in seen.bindings:
                return seen.bindings[text]
            if text in seen.parameters:
                return []
            seen = seen.outer
        return []

    def bases(self, owner: Class) -> Iterator[Class]:
        """The bases of a class that stand in the same file, nearest first."""
        waiting, met = list(owner.bases), {owner.node.name}
        while waiting:
            name = waiting.pop(0).rpartition(".")[2]
            base = self.reading.classes.get(name)
            if base is not None and name not in met:
                met.add(name)
                yield base
                waiting += base.bases

    def lineage(self, owner: Class) -> set[str]:
        """Dotted names of all bases that the file shows."""
        return {*owner.bases, *(name for base in self.bases(owner) for name in base.bases)}

    def is_module(self, owner: Class) -> bool:
        """Whether a class surely is an ``nn.Module``."""
        name = owner.node.name
        if name not in self._modules:
            self._modules[name] = any(
                base.rpartition(".")[2] in ("Module", "PreTrainedModel", "ModuleList", "Sequential")
                or base.endswith(("LightningModule", "PreTrainedModel"))
                for base in self.lineage(owner)
            )
        return self._modules[name]

    def _of_call(self, call: ast.Call, routine: Routine) -> tuple[str | None, ast.Call | None]:
        dotted = self.reading.dotted(call.func) or ""
        name = dotted.rpartition(".")[2]
        if not name and isinstance(call.func, ast.Attribute):
            name = call.func.attr
        if "lr_scheduler" in dotted or (name[:1].isupper() and name.endswith(("LR", "LROnPlateau", "Scheduler"))):
            return SCHEDULER, call
        if name == "CosineAnnealingWarmRestarts" or (
            name.startswith("get_") and name.endswith(("schedule", "scheduler", "warmup"))
        ):
            return SCHEDULER, call
        if (dotted.startswith("torch.optim.") and name[:1].isupper()) or name in _OPTIMIZERS:
            return OPTIMIZER, call
        if name == "GradScaler":
            return SCALER, call
        if name in {"DataLoader", "MultiEpochsDataLoader"}:
            return LOADER, call
        if name == "DistributedSampler":
            return SAMPLER, call
        if dotted.startswith("torch.nn.") and name[:1].isupper() and "Parallel" not in name:
            return (CRITERION if name.endswith("Loss") else MODULE), call
        if name in _WRAPPERS and call.args:
            return MODULE, call
        if dotted.startswith("torchvision.models.") or (name == "from_pretrained" and "Model" in dotted):
            return MODULE, call
        if dotted == "timm.create_model":
            return MODULE, call
        known = self.reading.classes.get(dotted)
        if known is not None and self.is_module(known):
            return MODULE, call
        if isinstance(call.func, ast.Attribute) and call.func.attr in _IN_PLACE:
            return self.made(call.func.value, routine)
        return None, None

    def _by_name(self, text: str) -> str | None:
        if text.endswith("]"):
            head, _, key = text.rpartition("[")
            return self._by_name(head) or _match(key)
        return _match(text.rpartition(".")[2])


def _match(name: str) -> str | None:
    """The role that a bare name tells; the same in every file, so that each is looked at once."""
    if name not in _matched:
        role = next((role for role, fits in _BY_NAME if fits(name)), None)
        is_class = role == MODULE and name[:1].isupper() and len(name) > 1  # calling it makes one
        _matched[name] = None if is_class else role
    return _matched[name]


def argument(call: ast.Call, name: str, position: int = -1) -> ast.expr | None:
    """The argument that a call passes as `name`, or at `position`; None where it passes neither."""
    for word in call.keywords:
        if word.arg == name:
            return word.value
    if 0 <= position < len(call.args) and not any(isinstance(each, ast.Starred) for each in call.args):
        return call.args[position]
    return None


def is_open(call: ast.Call) -> bool:
    """Whether a call passes arguments that can't be seen (``*args``, ``**options``)."""
    return any(word.arg is None for word in call.keywords) or any(isinstance(each, ast.Starred) for each in call.args)


def constant(expression: ast.expr | None) -> object:
    """The literal that an expression is; `Ellipsis` (never met otherwise) for anything else."""
    return expression.value if isinstance(expression, ast.Constant) else ...
