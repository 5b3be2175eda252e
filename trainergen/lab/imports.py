"""Imports what the user named, ``package.module:Class.attribute``, from the copy, or says why it can't."""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from ..errors import did_you_mean, nearest
from .frames import problem_from, user_code
from .protocol import Context, LabProblem

if TYPE_CHECKING:
    from collections.abc import Iterator


def import_object(target: str, context: Context) -> Any:
    """The object that `target` names, imported in this process.

    Args:
        target: ``module:name``; `name` may be dotted (``Class.method``).
        context: where the copied tree is.

    Raises:
        LabProblem: kind ``input`` where the text, the module or the name does not exist; kind ``user`` where importing
            the module raised.
    """
    module_name, colon, name = target.partition(":")
    if not colon or not module_name or not name:
        raise LabProblem("input", f"{target!r} is not module:name", hint="write it as package.module:name")
    found: Any = import_module(module_name, context)
    where = module_name
    for part in name.split("."):
        with user_code(context, f"reading {where}.{part}"):
            missing = not hasattr(found, part)
        if missing:
            public = [each for each in dir(found) if not each.startswith("_")]
            raise LabProblem(
                "input",
                f"{where} has no {part}",
                place=place_of(found, context),
                hint=did_you_mean(part, public) if nearest(part, public) or len(public) < 20 else None,
            )
        found = getattr(found, part)
        where = f"{where}.{part}"
    return found


def import_module(name: str, context: Context) -> Any:
    """The module `name`, imported in this process.

    Raises:
        LabProblem: kind ``input`` where there is no such module, kind ``user`` where importing it raised.
    """
    with without_collector():
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
                raise problem_from(error, context, f"importing {name}") from error
            raise LabProblem(
                "input",
                f"no module named {error.name} in {context.original} nor in {sys.executable}",
                hint="write module:name as an import statement has it (data.loaders:build); --python chooses the interpreter",
            ) from error
        except LabProblem:
            raise
        except BaseException as error:  # SystemExit and KeyboardInterrupt at import are the user's code failing too
            raise problem_from(error, context, f"importing {name}") from error


def place_of(found: Any, context: Context) -> str | None:
    """The file of a module or of what a module defines, relative to the project where it lies in it."""
    from .frames import shown_path

    module = found if hasattr(found, "__file__") else sys.modules.get(getattr(found, "__module__", ""))
    file = getattr(module, "__file__", None)
    return shown_path(file, context) if isinstance(file, str) else None


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """The cyclic collector off for the length of an import: a large one spends a fifth of its time in it.

    What was imported stays, and is never looked at again: the first collection afterwards would go through all of it,
    which takes longer than most searches.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()
