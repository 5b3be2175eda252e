"""Opens the batch that ``--batch`` names, in the lab: a file, an object of the project, or a description."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import pickletools
import re
import sys
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..inspection.batch_spec import BATCH, BatchSpec, Branch, Leaf, Node, leaves
from ..plain import from_plain
from .batch_form import describe
from .batch_values import synthesise
from .frames import shown_path, user_code
from .imports import import_object, place_of
from .protocol import Context, LabProblem

NO_PICKLE = "trainergen never runs a pickle: save it as .safetensors or .npz, or name it: --batch module:name"


@dataclass(frozen=True)
class OpenedBatch:
    """A live batch (on the CPU) and its form, the sample dimension called ``batch``."""

    value: Any
    spec: BatchSpec


def open_batch(request: dict[str, Any], context: Context, seed: int) -> OpenedBatch:
    """The batch that the request's ``batch`` names (kinds ``file``, ``object``, ``grammar``).

    Args:
        request: ``{"kind": "file", "path": ...}``, ``{"kind": "object", "target": ...}`` or
            ``{"kind": "grammar", "spec": ...}``.
        context: where the copied tree is.
        seed: for the values of a described batch.

    Raises:
        LabProblem: kind ``input`` for what can't be read, is a pickle, or has no samples; kind ``user`` for what the
            project's code raised.
    """
    kind = request["kind"]
    if kind == "grammar":
        given = from_plain(BatchSpec, request["spec"])
        value = synthesise(given, context, seed)
        spec = _as_given(value, given)
    elif kind == "file":
        path = Path(request["path"])
        value = read_file(path, context)
        spec = describe(
            value,
            "measured",
            f"file {shown_path(str(path), context)}" if _within(path, context) else f"file {path.name}",
        )
    else:
        target = request["target"]
        value = _read_object(target, context)
        spec = describe(value, "measured", f"--batch {target}")
    demand_samples(spec)
    return OpenedBatch(value, spec)


def demand_samples(spec: BatchSpec) -> None:
    """Refuse a batch without samples, or without anything in it.

    Raises:
        LabProblem: kind ``input``.
    """
    found = list(leaves(spec.root))
    sized = [leaf for _, leaf in found if leaf.sizes]
    if not found or (sized and all(0 in leaf.sizes for leaf in sized)):
        raise LabProblem(
            "input", "the batch has no samples", place=spec.place, hint="give a batch of at least two samples"
        )


def read_file(path: Path, context: Context) -> Any:
    """The batch in a ``.pt``, ``.pth``, ``.npz`` or ``.safetensors`` file; nothing in the file is executed.

    Raises:
        LabProblem: kind ``input``: no such file, corrupt, or pickled code inside.
    """
    shown = shown_path(str(path), context)
    if not path.is_file():
        raise LabProblem("input", f"no such batch file: {shown}")
    try:
        with path.open("rb") as opened:
            opened.read(1)
    except PermissionError as error:
        raise LabProblem("input", f"{shown} can't be read: {error.strerror}", place=shown) from error
    if path.suffix == ".npz":
        return _read_npz(path, shown)
    if path.suffix == ".safetensors":
        return _read_safetensors(path, shown)
    return _read_torch(path, shown)


def _read_torch(path: Path, shown: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # about pickle protocols: it is refused or read, there is nothing to warn of
            return torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        name = _refused_name(str(error)) or _global_of_pickle(path)
        if name is None:
            raise _corrupt(shown, error) from error
        raise LabProblem("input", f"{shown} holds pickled code: {name}", place=shown, hint=NO_PICKLE) from error
    except Exception as error:  # zip errors, EOF, index and key errors of a damaged pickle
        raise _corrupt(shown, error) from error


def _refused_name(message: str) -> str | None:
    """The class or function that torch's restricted reader refused, by its message."""
    match = re.search(r"GLOBAL (\S+) (?:was not an allowed|whose module)", message)
    return match[1].strip("'\"`.") if match else None


def _global_of_pickle(path: Path) -> str | None:
    """The first name that a bare pickle would import, read without running it; None where it is no whole pickle."""
    words: list[str] = []
    try:
        for operation, argument, _ in pickletools.genops(path.read_bytes()):
            if operation.name == "GLOBAL":
                return str(argument).replace(" ", ".")
            if operation.name == "STACK_GLOBAL":
                return ".".join(words[-2:])
            if isinstance(argument, str):
                words.append(argument)
    except Exception:  # pickletools raises whatever a damaged stream leads it into
        return None
    return "values that torch does not save"


def _read_npz(path: Path, shown: str) -> Any:
    try:
        import numpy as np
    except ImportError as error:
        raise _not_installed("numpy", shown) from error
    if not zipfile.is_zipfile(path):
        raise LabProblem(
            "input",
            f"{shown} can't be read: it is no .npz archive",
            place=shown,
            hint="np.savez(path, image=..., label=...)",
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: _from_array(archive[name], name, shown) for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        if "allow_pickle" in str(error):
            raise LabProblem("input", f"{shown} holds pickled objects", place=shown, hint=NO_PICKLE) from error
        raise _corrupt(shown, error) from error
    positional = [f"arr_{index}" for index in range(len(arrays))]
    return tuple(arrays[name] for name in positional) if list(arrays) == positional and arrays else arrays


def _from_array(array: Any, name: str, shown: str) -> Any:
    if array.dtype.kind in "US":
        return array.astype(str).tolist()
    try:
        return torch.from_numpy(array.copy() if array.ndim else array.reshape(1).copy()).reshape(array.shape)
    except TypeError as error:
        raise LabProblem(
            "input",
            f"{shown}: array {name} has dtype {array.dtype}, which torch does not have",
            place=shown,
            hint="convert it before saving",
        ) from error


def _read_safetensors(path: Path, shown: str) -> dict[str, torch.Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise _not_installed("safetensors", shown) from error
    try:
        loaded: dict[str, torch.Tensor] = load_file(path)
    except Exception as error:  # SafetensorError is an Exception of its own
        raise _corrupt(shown, error) from error
    return loaded


def _not_installed(package: str, shown: str) -> LabProblem:
    return LabProblem(
        "input",
        f"{shown} needs {package}, which {sys.executable} does not have",
        place=shown,
        hint=f"{sys.executable} -m pip install {package}",
    )


def _corrupt(shown: str, error: Exception) -> LabProblem:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].partition(". ")[0][:160]
    if reason.startswith("Weights only load failed"):  # what follows advises to run the pickle
        reason = "it is nothing that torch.save wrote"
    return LabProblem(
        "input",
        f"{shown} can't be read: {reason}",
        place=shown,
        hint="the file is damaged or of another kind: save it again",
    )


def _read_object(target: str, context: Context) -> Any:
    found = import_object(target, context)
    is_data = isinstance(found, (torch.Tensor, dict, list, tuple)) or (
        hasattr(found, "__dataclass_fields__") and not isinstance(found, type)
    )
    if is_data or not callable(found):
        return found
    try:
        required = [
            each.name
            for each in inspect.signature(found).parameters.values()
            if each.default is inspect.Parameter.empty
            and each.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):
        required = []
    if required:
        raise LabProblem(
            "input",
            f"{target} needs {', '.join(required)}: a batch function is called without arguments",
            place=place_of(found, context),
            hint="give the arguments defaults, or name a function without any",
        )
    with user_code(context, target):
        return found()


def _within(path: Path, context: Context) -> bool:
    return path.is_relative_to(context.original) or path.is_relative_to(context.root)


def _as_given(value: Any, given: BatchSpec) -> BatchSpec:
    """The live batch's form with what only the description knows: ranges and named sizes."""
    named = any(BATCH in leaf.dims for _, leaf in leaves(given.root))
    described = describe(value, "given", given.place, samples=given.samples if named else None)
    return BatchSpec(_merge(described.root, given.root), samples=described.samples, place=given.place)


def _merge(described: Node, given: Node) -> Node:
    if isinstance(described, Branch) and isinstance(given, Branch):
        by_key = dict(given.entries)
        entries = tuple(
            (key, _merge(child, by_key[key]) if key in by_key else child) for key, child in described.entries
        )
        return dataclasses.replace(described, entries=entries)
    if not isinstance(described, Leaf) or not isinstance(given, Leaf) or described.sizes != given.sizes:
        return described
    if BATCH in given.dims:
        return given
    dims = tuple(said if isinstance(said, str) else seen for said, seen in zip(given.dims, described.dims, strict=True))
    return dataclasses.replace(given, dims=dims)
