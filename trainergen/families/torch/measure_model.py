"""Builds the model that a request names, asks for what only the user knows, and takes stock of its parameters."""

from __future__ import annotations

import inspect
import linecache
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ...errors import did_you_mean
from ...inspection.model_facts import Argument, Place
from ...lab.construct import call_with, live
from ...lab.frames import shown_path, user_code
from ...lab.imports import import_object, place_of
from ...lab.protocol import Context, LabProblem
from ...runtime.probes.walk import seed_everything
from .facts import BufferFacts, ParameterFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Maker:
    """What builds the model: the class, the function, or the user's factory.

    Attributes:
        function: called with keywords.
        name: as messages have it.
        given: live values of the arguments that were said.
        missing: arguments without a default that were not.
    """

    function: Callable[..., Any]
    name: str
    given: dict[str, Any]
    missing: tuple[inspect.Parameter, ...]


def maker(payload: Mapping[str, Any], context: Context) -> Maker:
    """What the request builds its model with, imported.

    Raises:
        LabProblem: kind ``input``: it makes no ``nn.Module``, or takes no such argument; kind ``user``: importing it, or a
            value of an argument, raised.
    """
    target = payload.get("factory") or f"{payload['model']['module']}:{payload['model']['name']}"
    function = import_object(target, context)
    name = target.partition(":")[2]
    _demand_maker(function, name, context)
    with user_code(context, f"the arguments of {name}"):
        given = {key: live(value, context) for key, value in payload.get("arguments", {}).items()}
    return Maker(function, name, given, _missing(function, name, given, context))


def build_model(payload: Mapping[str, Any], context: Context) -> nn.Module:
    """The model, on the context's device, from the class, the function, or the ``--factory`` of the request.

    Raises:
        LabProblem: as `maker`; kind ``answer``: arguments without default are missing, with the flags that give them;
            kind ``user``: the constructor raised.
    """
    make = maker(payload, context)
    if make.missing:
        raise _ask_for(make, context)
    seed_everything(int(payload.get("seed", 0)))
    with user_code(context, f"{make.name}()"):
        model = call_with(make.function, make.given)
    if not isinstance(model, nn.Module):
        raise LabProblem(
            "input",
            f"{make.name}() returned {type(model).__name__}, not an nn.Module",
            place=place_of(make.function, context),
            hint="name a class or a function that gives the module itself",
        )
    with user_code(context, f"moving {make.name} to {context.device}"):
        return model.to(context.device)


def forward_arguments(model: nn.Module, read: Sequence[Argument]) -> tuple[Argument, ...]:
    """The parameters of the built model's ``forward``: not always those `read` in the source (a factory has none).

    What was read is taken where the live signature says nothing: scripted and compiled modules.
    """
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return tuple(read)
    if read and all(
        each.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD) for each in parameters
    ):
        return tuple(read)
    return tuple(_argument(each) for each in parameters)


def forward_place(model: nn.Module, context: Context) -> str | None:
    """``model.py:12 in Net.forward``, or None where the source is not to be had."""
    try:
        code = inspect.unwrap(type(model).forward).__code__
    except AttributeError:
        return None
    if not linecache.getline(code.co_filename, code.co_firstlineno):
        return None
    return (
        f"{shown_path(code.co_filename, context)}:{code.co_firstlineno} in {code.co_qualname.replace('<locals>.', '')}"
    )


def parameter_facts(model: nn.Module) -> tuple[ParameterFacts, ...]:
    """Every parameter by every name it has; all names but the first are tied to the first."""
    first: dict[int, str] = {}
    found = []
    for name, parameter in model.named_parameters(remove_duplicate=False):
        owner = model.get_submodule(name.rpartition(".")[0])
        tied_to = first.setdefault(id(parameter), name)
        found.append(
            ParameterFacts(
                name=name,
                shape=_shape(parameter),
                dtype=str(parameter.dtype).removeprefix("torch."),
                trainable=parameter.requires_grad,
                module_type=type(owner).__name__,
                tied_to=None if tied_to == name else tied_to,
            )
        )
    return tuple(found)


def buffer_facts(model: nn.Module, moved: set[str]) -> tuple[BufferFacts, ...]:
    """Every buffer; `moved` are the names of those that an evaluation changes."""
    return tuple(
        BufferFacts(name, _shape(buffer), str(buffer.dtype).removeprefix("torch."), name in moved)
        for name, buffer in model.named_buffers()
    )


def module_types(model: nn.Module) -> dict[str, int]:
    """How many modules of each type, in the order in which they first appear, the model's own type included."""
    counts: dict[str, int] = {}
    for module in model.modules():
        name = type(module).__name__
        counts[name] = counts.get(name, 0) + 1
    return counts


def has_batch_norm(model: nn.Module) -> bool:
    """Whether a module takes statistics over the batch."""
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())


def _demand_maker(make: Any, name: str, context: Context) -> None:
    if isinstance(make, nn.Module):
        raise LabProblem(
            "input",
            f"{name} is a model already made, not a class",
            place=place_of(make, context),
            hint="name its class, or a function that returns it",
        )
    if isinstance(make, type) and not issubclass(make, nn.Module):
        bases = ", ".join(base.__name__ for base in make.__mro__[1:-1]) or "object alone"
        raise LabProblem(
            "input",
            f"{name} is no nn.Module (it inherits {bases})",
            place=place_of(make, context),
            hint="name the class that inherits torch.nn.Module",
        )
    if not callable(make):
        raise LabProblem(
            "input", f"{name} is {type(make).__name__}, neither a class nor a function", place=place_of(make, context)
        )


def _missing(make: Any, name: str, arguments: Mapping[str, Any], context: Context) -> tuple[inspect.Parameter, ...]:
    """Parameters without default that `arguments` lack; refuses those that `make` does not take."""
    try:
        parameters = inspect.signature(make).parameters
    except (TypeError, ValueError):
        return ()
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    unknown = [] if takes_any else [key for key in arguments if key.removeprefix("*") not in parameters]
    if unknown:
        raise LabProblem(
            "input",
            f"{name} takes no argument {unknown[0]}",
            place=place_of(make, context),
            hint=did_you_mean(unknown[0], list(parameters)),
        )
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return tuple(
        each
        for each in parameters.values()
        if each.default is inspect.Parameter.empty and each.kind not in variadic and each.name not in arguments
    )


def _ask_for(make: Maker, context: Context) -> LabProblem:
    names = ", ".join(each.name for each in make.missing)
    return LabProblem(
        "answer",
        (
            f"{make.name} needs {names}, without default"
            if len(make.missing) > 1
            else f"{make.name} needs {names}, which has no default"
        ),
        place=place_of(make.function, context),
        hint="say what your model is built with, or name a function that builds it: --factory module:name",
        notes=tuple(f"  {each.name}   {_annotation(each) or 'no annotation'}" for each in make.missing),
        flags=tuple(f"--model-arg {each.name}=..." for each in make.missing),
    )


def _annotation(parameter: inspect.Parameter) -> str | None:
    if parameter.annotation is inspect.Parameter.empty:
        return None
    return (
        parameter.annotation
        if isinstance(parameter.annotation, str)
        else inspect.formatannotation(parameter.annotation)
    )


def _argument(parameter: inspect.Parameter) -> Argument:
    kinds = inspect.Parameter
    if parameter.kind is kinds.VAR_POSITIONAL:
        return Argument(parameter.name, "var_positional", _annotation(parameter), None, Place("", 0))
    if parameter.kind is kinds.VAR_KEYWORD:
        return Argument(parameter.name, "var_keyword", _annotation(parameter), None, Place("", 0))
    default = None if parameter.default is kinds.empty else repr(parameter.default)
    kind = "keyword" if parameter.kind is kinds.KEYWORD_ONLY else "positional"
    return Argument(
        parameter.name, "keyword" if kind == "keyword" else "positional", _annotation(parameter), default, Place("", 0)
    )


def _shape(tensor: torch.Tensor) -> tuple[int, ...]:
    if nn.parameter.is_lazy(tensor):
        return ()  # a lazy module that forward never reached
    return tuple(int(size) for size in tensor.shape)
