"""The bare loop that the staged trainer is held against: the same model and batches, nothing of ours around them."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import importlib
import inspect
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from ...lab.frames import user_code
from ...lab.imports import import_object
from ...lab.protocol import Context
from ...runtime import metrics as known_metrics
from . import objectives  # the lab imports this file while it waits: what every objective needs is then there
from .facts import ENDS, HALVES, OPERATIONS

if TYPE_CHECKING:
    from pathlib import Path

PLAIN: Mapping[str, Any] = {
    **dict.fromkeys(
        ("prediction_prepare", "target_prepare", "parts", "terms", "constants", "heads", "auxiliaries"), ()
    ),
    "target": None,
    "bare_in_eval": False,
}
"""What an objective that says nothing of them has."""

LossFunction = Callable[[nn.Module, Any], torch.Tensor]


class Control:
    """A session (see `runtime.probes.session`) of ten lines: zero_grad, forward, loss, backward, step.

    Adam at 1e-3 without decay, so that a parameter moves if and only if it gets a gradient.

    Args:
        model: on the device where it is to run.
        loss: (model, batch) -> scalar loss.
        validation: the batch that `evaluate` takes.
        context: for messages about the user's code, which is all that runs here.
        doing: what runs, for such a message.
    """

    clip_norm: float | None = None

    def __init__(self, model: nn.Module, loss: LossFunction, validation: Any, context: Context, doing: str) -> None:
        self.model = model
        self.model.train()  # as any loop begins; a module may answer it in its own way
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        sparse = any(getattr(module, "sparse", False) for module in model.modules())
        self.optimizer: torch.optim.Optimizer | None = None
        if parameters:
            kind = torch.optim.SGD if sparse else torch.optim.Adam  # Adam refuses sparse gradients
            self.optimizer = kind(parameters, lr=1e-3)
        self._loss = loss
        self._validation = validation
        self._context = context
        self._doing = doing

    def step(self, batch: Any) -> float:
        """The bare loop's body."""
        self.model.train()
        if self.optimizer is not None:
            self.optimizer.zero_grad()
        loss = self.loss(batch)
        with user_code(self._context, f"backward of {self._doing}"):
            loss.backward()  # type: ignore[no-untyped-call]
        if self.optimizer is not None:
            self.optimizer.step()
        return float(loss.detach())

    def evaluate(self) -> dict[str, float]:
        """Loss and metrics of the validation batch, as anybody would write it."""
        self.model.eval()
        with torch.no_grad():
            loss = self.loss(copy.deepcopy(self._validation))  # forward may write into it
            named = self._loss.metrics() if isinstance(self._loss, Reference) else {}
        self.model.train()
        return {"loss": float(loss), **named}

    def gradients(self, batch: Any) -> tuple[float, dict[str, torch.Tensor | None]]:
        """Loss and gradients of `batch`, nothing stepped."""
        self.model.train()
        self.model.zero_grad()
        loss = self.loss(batch)
        with user_code(self._context, f"backward of {self._doing}"):
            loss.backward()  # type: ignore[no-untyped-call]
        found: dict[str, torch.Tensor | None] = {}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                gradient = parameter.grad
                found[name] = gradient if gradient is None else gradient.to_dense() if gradient.is_sparse else gradient
        self.model.zero_grad()  # drops the tensors from the model, not from `found`
        return float(loss.detach()), found

    def loss(self, batch: Any) -> torch.Tensor:
        """The reference's loss of `batch`, attached."""
        with user_code(self._context, self._doing):
            return self._loss(self.model, batch)

    def weighed(self, request: Mapping[str, Any]) -> Control:
        """The same model under another request's objective."""
        return Control(self.model, build_loss(request, self._context), self._validation, self._context, self._doing)

    def state(self) -> bytes:
        """Model and optimizer."""
        buffer = io.BytesIO()
        optimizer = None if self.optimizer is None else self.optimizer.state_dict()
        torch.save((self.model.state_dict(), optimizer), buffer)
        return buffer.getvalue()

    def load_state(self, state: bytes) -> None:
        """As `state` gave it."""
        # Of our own making a moment ago; a model's extra state may be of any type.
        model, optimizer = torch.load(io.BytesIO(state), weights_only=False)
        self.model.load_state_dict(model)
        if self.optimizer is not None:
            self.optimizer.load_state_dict(optimizer)

    def metrics(self) -> Mapping[str, Any]:
        """None."""
        return {}

    def finish(self) -> Path | None:
        """Nothing is saved."""
        return None

    def pretend(self, device: torch.device) -> bool:  # noqa: ARG002 - the Protocol's
        """The loss function moves the batch to wherever the model says it is."""
        return True


class Reference:
    """What the objective says, computed without anything of a template: (model, batch) -> scalar loss.

    The loss is ``REFERENCES[loss]`` of the task's file in `objectives`, or the user's ``module:name``; a metric is the
    function of `runtime.metrics` that the file's ``METRIC_FUNCTIONS`` names, or the user's.

    Args:
        request: the payload of ``prove``: its feeding and objective.
        context: for the user's own functions.

    Raises:
        LabProblem: a function of the user's can't be imported.
        LookupError: the task has no reference for the loss or a metric: our bug.
    """

    def __init__(self, request: Mapping[str, Any], context: Context) -> None:
        self._feeding, self._objective = request["feeding"], {**PLAIN, **request["objective"]}
        self._loss = _reference(self._objective, context)
        names = (*self._objective.get("metrics", ()), *self._objective.get("epoch_metrics", ()))
        self._metrics = {name.rpartition(":")[2]: _metric(name, self._objective, context) for name in names}
        self._seen: tuple[Any, Mapping[str, Any], Mapping[str, Any]] = (None, {}, {})

    def __call__(self, model: nn.Module, batch: Any) -> torch.Tensor:
        """The loss of a batch."""
        batch = to_device(batch, device_of(model))
        objective = self._objective
        output = _forward(model, self._feeding, batch)
        bare = objective["bare_in_eval"] and isinstance(output, torch.Tensor)
        predicted = output if bare else pick(output, objective["prediction"])
        values = {"prediction": prepared(predicted, objective["prediction_prepare"], model)}
        if objective["target"] is not None:
            values["target"] = prepared(pick(batch, objective["target"]), objective["target_prepare"], model)
        for part in objective["parts"]:
            values[part["role"]] = prepared(_part(part, model, self._feeding, batch, output), part["prepare"], model)
        found = self._loss(values)
        terms: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
        weights = {each["name"]: each["weight"] for each in (*objective["terms"], *objective["heads"])}
        loss: torch.Tensor = sum(weights[name] * value for name, value in terms.items()) if terms else found
        beside = self._beside(output)
        for auxiliary in objective["auxiliaries"]:
            if auxiliary["name"] in beside:
                loss = loss + auxiliary["weight"] * beside[auxiliary["name"]]
        if not torch.is_grad_enabled():  # an evaluation's: no step's graph is held on to
            self._seen = (output, values, terms)
        return loss

    def metrics(self) -> dict[str, float]:
        """Terms, auxiliary losses and metrics of the batch just evaluated, by the names that they are logged by.

        One that can't be computed is left out: there is nothing to compare with then.
        """
        output, values, terms = self._seen
        self._seen = (None, {}, {})
        suffix = "_loss" if self._objective["heads"] else ""
        found = {f"{name}{suffix}": float(value) for name, value in terms.items()}
        found |= {name: float(value) for name, value in self._beside(output).items()}
        for name, metric in self._metrics.items():
            with contextlib.suppress(Exception):
                found[name] = float(metric(values))
        return found

    def _beside(self, output: Any) -> dict[str, Any]:
        """The auxiliary losses by name; of those that eval mode lacks, the ones that are there."""
        found = {}
        for each in self._objective["auxiliaries"]:
            if not each.get("training_only"):
                found[each["name"]] = pick(output, each["output"])
            elif not isinstance(output, torch.Tensor):
                with contextlib.suppress(LookupError, AttributeError):
                    found[each["name"]] = pick(output, each["output"])
        return {name: value for name, value in found.items() if value is not None}


def build_loss(request: Mapping[str, Any], context: Context) -> Reference:
    """The reference for a request; raises as `Reference` does."""
    return Reference(request, context)


def pick(value: Any, path: Any) -> Any:
    """The part of a batch or an output at `path`: keys of mappings, indices of sequences, names of attributes."""
    for key in path:
        by_key = isinstance(value, Mapping) or isinstance(key, int)
        value = value[key] if by_key else getattr(value, key)
    return value


def prepared(value: Any, operations: Any, model: nn.Module) -> Any:
    """`value` after the named operations (see ``families.torch.facts.FeedArgument.prepare``).

    Raises:
        LookupError: an operation of another name.
    """
    for operation in operations:
        name, _, argument = operation.partition(":")
        if name not in OPERATIONS:
            raise LookupError(f"no operation {operation!r}")
        numbers = [int(number) for number in argument.split(",")] if argument else []
        if name == "float":
            value = value.to(floating_dtype(model))
        elif name in HALVES:
            (axis,) = numbers
            half = value.shape[axis] // 2
            value = value.narrow(axis, half * HALVES.index(name), half)
        elif name in ENDS:
            (axis,) = numbers
            value = value.narrow(axis, int(name == "drop_first"), value.shape[axis] - 1)
        else:
            value = getattr(value, name)(*numbers)
    return value


def floating_dtype(model: nn.Module) -> torch.dtype:
    """The dtype that the model computes in: that of its first floating parameter, else torch's default."""
    return next((value.dtype for value in model.parameters() if value.is_floating_point()), torch.get_default_dtype())


def device_of(model: nn.Module) -> torch.device:
    """Where the model is: the device of its first parameter or buffer, else the CPU."""
    for value in (*model.parameters(), *model.buffers()):
        return value.device
    return torch.device("cpu")


def to_device(value: Any, device: torch.device) -> Any:
    """`value` on `device`: tensors and what has ``to``, in containers of any depth, which are copied."""
    if isinstance(value, (str, bytes, int, float, bool, type(None))):
        return value
    if hasattr(value, "to"):
        return value.to(device)
    if isinstance(value, tuple):
        moved = [to_device(item, device) for item in value]
        return type(value)(*moved) if hasattr(value, "_fields") else tuple(moved)
    if isinstance(value, list):
        return [to_device(item, device) for item in value]
    if dataclasses.is_dataclass(value):
        copied = copy.copy(value)
        for field in dataclasses.fields(value):
            object.__setattr__(copied, field.name, to_device(getattr(value, field.name), device))
        return copied
    if isinstance(value, Mapping):
        moved_mapping: Any = copy.copy(value)
        for key in value:
            moved_mapping[key] = to_device(value[key], device)
        return moved_mapping
    return value


def _forward(model: nn.Module, feeding: Mapping[str, Any], batch: Any) -> Any:
    if feeding.get("whole"):
        return model(batch)
    positional = []
    named = {}
    for argument in feeding["arguments"]:
        value = prepared(pick(batch, argument["path"]), argument.get("prepare", ()), model)
        if argument.get("argument") is None:
            positional.append(value)
        else:
            named[argument["argument"]] = value
    return model(*positional, **named)


def _part(part: Mapping[str, Any], model: nn.Module, feeding: Mapping[str, Any], batch: Any, output: Any) -> Any:
    """A value beyond prediction and target: of the output, of the batch, or of forward called on that part instead."""
    if part["origin"] == "output":
        return pick(output, part["path"])
    if part["origin"] == "batch":
        return pick(batch, part["path"])
    (argument,) = feeding["arguments"]
    called = _forward(model, {"arguments": [{**argument, "path": part["path"]}]}, batch)
    return pick(called, part["output"])


def _reference(objective: Mapping[str, Any], context: Context) -> Callable[[Mapping[str, Any]], Any]:
    """The objective's loss as a function of its values by role."""
    if ":" in objective["loss"]:
        found = import_object(objective["loss"], context)
        theirs = found() if isinstance(found, type) else found
        names = ["prediction"] if objective["target"] is None else ["prediction", "target"]
        return lambda values: theirs(*(values[name] for name in names))
    if objective["heads"]:
        heads = [(head, _listed(head)) for head in objective["heads"]]
        return lambda values: {
            head["name"]: loss(functional, prediction=values[head["prediction"]], target=values[head["target"]])
            for head, loss in heads
        }
    constants = {each["name"]: each["value"] for each in objective["constants"]}
    listed = _listed(objective)
    return lambda values: listed(functional, **values, **constants)


def _listed(objective: Mapping[str, Any]) -> Callable[..., Any]:
    module = _objective_module(objective)
    references: dict[str, Callable[..., Any]] = module.REFERENCES
    if objective["loss"] not in references:
        raise LookupError(f"{module.__name__} has no reference for the loss {objective['loss']!r}")
    return references[objective["loss"]]


def with_values(objective: Mapping[str, Any], values: Mapping[str, float]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The objective with other values of the settings that weigh and tune its loss, and the settings that it has."""
    changed: dict[str, Any] = {**objective}
    found: list[str] = []
    for kind, number in (("terms", "weight"), ("heads", "weight"), ("auxiliaries", "weight"), ("constants", "value")):
        parts = objective.get(kind, ())
        changed[kind] = [{**each, number: values.get(each["setting"], each[number])} for each in parts]
        found += [each["setting"] for each in parts if each["setting"] in values]
    return changed, tuple(found)


def _metric(name: str, objective: Mapping[str, Any], context: Context) -> Callable[[Mapping[str, Any]], Any]:
    """The metric as a function of the values by role: prediction, target, and what else it takes by its name."""
    if ":" in name:
        theirs: Callable[[Any, Any], Any] = import_object(name, context)
        return lambda values: theirs(values["prediction"], values.get("target"))
    module = _objective_module(objective)
    functions: dict[str, str] = module.METRIC_FUNCTIONS
    if name not in functions:
        raise LookupError(f"{module.__name__} has no function for the metric {name!r}")
    function: Callable[..., Any] = getattr(known_metrics, functions[name])
    takes = inspect.signature(function).parameters
    # A metric leaves out what the loss does, and knows the loss's constants by their names.
    options = {each["name"]: each["value"] for each in objective["constants"] if each["name"] in takes}
    if "threshold" in takes and objective["loss"] in module.LOSSES_ON_PROBABILITIES:
        options["threshold"] = 0.5
    roles = [each["role"] for each in objective["parts"] if each["role"] in takes]
    return lambda values: function(
        values["prediction"], values.get("target"), **{role: values[role] for role in roles}, **options
    )


def _objective_module(objective: Mapping[str, Any]) -> Any:
    return importlib.import_module(f"{objectives.__name__}.{objective['task'].replace('-', '_')}")
