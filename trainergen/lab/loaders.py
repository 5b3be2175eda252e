"""Opens ``--loader`` and ``--val-loader`` in the lab: an object as it is, a factory by the names its signature has.

A factory is given ``batch_size``, ``shuffle`` and ``seed`` if it has parameters of these names, and asked for training
data by the first of these that it has: ``splits=("train",)``, ``split="train"``, ``train=True``. The same parameter
then asks for validation: ``train=False``, or the first split of `VALIDATION_SPLITS` (of those in its ``Literal``
annotation, if it has one) for which the factory neither raises nor gives nothing. ``test`` comes last, with a warning:
a trainer that stops early on test data has trained on it. Without such a parameter there is no validation loader,
unless ``--val-loader`` names one.
"""

from __future__ import annotations

import inspect
import random
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from .batch_form import describe
from .batches import demand_samples
from .frames import user_code
from .imports import import_object, place_of
from .protocol import Context, LabProblem

AT_MOST = 3
"""Batches read from a loader."""

FED = ("batch_size", "shuffle", "seed")
"""Parameters of a factory that the config feeds."""

VALIDATION_SPLITS = ("val", "validation", "valid", "dev", "test")


@dataclass(frozen=True)
class LoaderCall:
    """How a loader is got.

    Attributes:
        target: ``module:name``.
        is_factory: called, or imported as it is.
        arguments: of `FED`, in that order, those that its signature has.
        split: source text of the argument that asks for this split (``splits=("train",)``), or None.
        batch_count: batches in an epoch, where ``len`` is known.
        return_annotation: of the factory, as text.
    """

    target: str
    is_factory: bool
    arguments: tuple[str, ...] = ()
    split: str | None = None
    batch_count: int | None = None
    return_annotation: str | None = None


@dataclass(frozen=True)
class OpenedLoaders:
    """The first batches of the training and the validation loader (on the CPU), and how each was got."""

    train: list[Any]
    call: LoaderCall
    validation: list[Any] = field(default_factory=list)
    validation_call: LoaderCall | None = None
    warnings: tuple[str, ...] = ()


def open_loaders(request: dict[str, Any], context: Context) -> OpenedLoaders:
    """The loaders of a request: ``{"target", "validation", "batch_size", "seed"}``; ``shuffle`` for training, if not True.

    Raises:
        LabProblem: kind ``input``: not a loader, a factory that needs something else, no samples; kind ``user``: the
            project's code raised.
    """
    warnings: list[str] = []
    target = request["target"]
    found = _import(target, context)
    shuffle = bool(request.get("shuffle", True))
    train, call = _open(found, target, request, context, _training_split(found), training=shuffle)
    if inspect.isgenerator(found):
        warnings.append(
            f"{target} is a generator: it gives its batches once, so every epoch after the first would be empty"
        )
    if request.get("validation"):
        target = request["validation"]
        found = _import(target, context)
        validation, validation_call = _open_validation(found, target, request, context, warnings, required=True)
    else:
        validation, validation_call = _open_validation(found, target, request, context, warnings, required=False)
    return OpenedLoaders(train, call, validation, validation_call, tuple(warnings))


def training_loader(request: dict[str, Any], context: Context) -> tuple[Any, LoaderCall]:
    """The training loader of a request itself, made as for `open_loaders`, nothing read and its workers as they are.

    Raises:
        LabProblem: as `open_loaders`.
    """
    found = _import(request["target"], context)
    return _made(found, request["target"], request, context, _training_split(found), training=True)


def _import(target: str, context: Context) -> Any:
    found = import_object(target, context)
    if isinstance(found, types.ModuleType):
        raise LabProblem("input", f"{target} is a module, not a loader", hint="name an object or a function in it")
    return found


def _open(
    found: Any, target: str, request: dict[str, Any], context: Context, split: Split | None, *, training: bool
) -> tuple[list[Any], LoaderCall]:
    """The first batches, and the call that gave the loader."""
    loader, call = _made(found, target, request, context, split, training=training)
    return _first_batches(loader, f"{target}()" if call.is_factory else target, context), call


def _made(
    found: Any, target: str, request: dict[str, Any], context: Context, split: Split | None, *, training: bool
) -> tuple[Any, LoaderCall]:
    """The loader, and the call that gave it."""
    if not _is_factory(found):
        loader = _demand_loader(found, target, context)
        return loader, LoaderCall(target, False, batch_count=_length(loader))
    parameters = _parameters(found)
    arguments = tuple(name for name in FED if name in parameters)
    values: dict[str, Any] = {"batch_size": request["batch_size"], "shuffle": training, "seed": request["seed"]}
    keywords = {name: values[name] for name in arguments} | ({split.parameter: split.value} if split else {})
    _demand_fed(parameters, keywords, target, found, context)
    _seed(request["seed"])
    with user_code(context, target):
        made = found(**keywords)
    loader = _demand_loader(made, f"{target}()", context)
    spelled = split.spelled if split else None
    return loader, LoaderCall(target, True, arguments, spelled, _length(loader), _returns(found))


def _open_validation(
    found: Any, target: str, request: dict[str, Any], context: Context, warnings: list[str], *, required: bool
) -> tuple[list[Any], LoaderCall | None]:
    """Validation from its own loader (`required`) or from the training factory's other split."""
    if not _is_factory(found):
        return _open(found, target, request, context, None, training=False) if required else ([], None)
    splits = _validation_splits(found)
    if not splits:
        return _open(found, target, request, context, None, training=False) if required else ([], None)
    last: LabProblem | None = None
    for split in splits:
        try:
            batches, call = _open(found, target, request, context, split, training=False)
        except LabProblem as problem:
            last = problem
            continue
        if split.word == "test":
            warnings.append(
                f"{target} has no validation split, so {split.spelled} is used: keep other data for the final test"
            )
        return batches, call
    assert last is not None
    if required:
        raise last
    warnings.append(f"{target} gives no validation data: {splits[-1].spelled}: {last.message}")
    return [], None


@dataclass(frozen=True)
class Split:
    """An argument that asks for a part of the data."""

    parameter: str
    value: Any
    word: str

    @property
    def spelled(self) -> str:
        """Source text: ``splits=("train",)``."""
        value = (
            f'("{self.word}",)' if isinstance(self.value, tuple) else f'"{self.word}"' if self.word else str(self.value)
        )
        return f"{self.parameter}={value}"


def _training_split(found: Any) -> Split | None:
    return _splits(found, ("train",), True)[0] if _is_factory(found) and _splits(found, ("train",), True) else None


def _validation_splits(found: Any) -> list[Split]:
    return _splits(found, VALIDATION_SPLITS, False)


def _splits(found: Any, words: tuple[str, ...], train: bool) -> list[Split]:
    """The ways to ask `found` for one of `words`, by the first split parameter that it has; [] without one."""
    parameters = _parameters(found)
    hints = _hints(found)
    if "splits" in parameters and isinstance(
        _default(parameters["splits"]), (tuple, list, set, frozenset, types.NoneType)
    ):
        return [Split("splits", (word,), word) for word in words]
    if "split" in parameters and isinstance(_default(parameters["split"]), (str, types.NoneType)):
        hint = hints.get("split")
        if hint in (float, int, bool):
            return []
        allowed = typing.get_args(hint) if typing.get_origin(hint) is Literal else words
        return [Split("split", word, word) for word in words if word in allowed]
    if "train" in parameters and isinstance(_default(parameters["train"]), (bool, types.NoneType)):
        return [Split("train", train, "")] if hints.get("train", bool) is bool else []
    return []


def _default(parameter: inspect.Parameter) -> Any:
    return None if parameter.default is inspect.Parameter.empty else parameter.default


def _hints(found: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(
            inspect.unwrap(vars(found).get("__init__", found)) if isinstance(found, type) else found
        )
    except Exception:  # an annotation that names what is not there is the user's affair, not ours
        return {}


def _parameters(found: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(found).parameters
    except (TypeError, ValueError):
        return {}


def _returns(found: Any) -> str | None:
    try:
        annotation = inspect.signature(found).return_annotation
    except (TypeError, ValueError):
        return None
    if annotation is inspect.Signature.empty or isinstance(found, type):
        return None
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _is_factory(found: Any) -> bool:
    return callable(found) and (isinstance(found, type) or not hasattr(found, "__iter__"))


def _demand_fed(
    parameters: Mapping[str, inspect.Parameter],
    keywords: dict[str, Any],
    target: str,
    found: Callable[..., Any],
    context: Context,
) -> None:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    missing = [
        each.name
        for each in parameters.values()
        if each.default is inspect.Parameter.empty
        and each.kind not in variadic
        and (each.name not in keywords or each.kind is inspect.Parameter.POSITIONAL_ONLY)
    ]
    if missing:
        raise LabProblem(
            "input",
            f"{target} needs {', '.join(missing)}, which trainergen does not give",
            place=place_of(found, context),
            hint=f"it gives {', '.join(FED)} and splits, split or train: give the others defaults,"
            " or name a function without them",
        )


def _demand_loader(made: Any, shown: str, context: Context) -> Any:
    """`made`, if one can iterate batches from it."""
    pair = (
        isinstance(made, (tuple, list))
        and len(made) > 1
        and all(isinstance(each, torch.utils.data.DataLoader) for each in made)
    )
    if pair or isinstance(made, Mapping):
        count = "a dict" if isinstance(made, Mapping) else f"{len(made)} loaders"
        raise LabProblem(
            "input", f"{shown} is {count}, not one loader", hint="name a function for each: --loader and --val-loader"
        )
    if isinstance(made, torch.utils.data.Dataset) and not isinstance(made, torch.utils.data.IterableDataset):
        raise LabProblem(
            "input",
            f"{shown} is a data set, whose items are samples, not batches",
            hint="wrap it: DataLoader(dataset, batch_size=...)",
        )
    if isinstance(made, (torch.Tensor, str, bytes)) or not (hasattr(made, "__iter__") or hasattr(made, "__getitem__")):
        raise LabProblem(
            "input",
            f"{shown} is {type(made).__name__}, which gives no batches",
            place=place_of(made, context),
            hint="return a DataLoader or any iterable",
        )
    return made


def without_workers(loader: Any) -> Any:
    """The loader itself, to read a few batches here and now: no processes to start, none to outlive the lab."""
    if isinstance(loader, torch.utils.data.DataLoader) and loader.num_workers:
        loader.num_workers = 0
        loader.timeout = 0
    return loader


def _first_batches(loader: Any, shown: str, context: Context) -> list[Any]:
    loader = without_workers(loader)
    batches: list[Any] = []
    with user_code(context, f"iterating {shown}"):
        iterator: Iterator[Any] = iter(loader)
        while len(batches) < AT_MOST:
            try:
                batches.append(next(iterator))
            except StopIteration:
                break
    if not batches:
        raise LabProblem("input", f"{shown} gives no batch", hint=_why_empty(loader))
    demand_samples(describe(batches[0], "measured", f"loader {shown}"))
    return batches


def _why_empty(loader: Any) -> str:
    if isinstance(loader, torch.utils.data.DataLoader) and loader.drop_last:
        samples = _length(loader.dataset)
        if samples:
            said = f"its {samples} samples are less than one batch of {loader.batch_size}"
            return f"{said}, and drop_last=True drops them"
    return "its data set is empty: check the path and the split that it reads"


def _length(loader: Any) -> int | None:
    try:
        return len(loader)
    except Exception:  # not sized, or a length that raises: unknown either way
        return None


def _seed(seed: int) -> None:
    """Seed every generator that a loader may draw from."""
    random.seed(seed)
    torch.manual_seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)
