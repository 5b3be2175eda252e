"""Plain data to live objects and back: what a search writes down, and what the constructor is called with."""

from __future__ import annotations

import dataclasses
import enum
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...inspection.expressions import CALL, REF, TUPLE, call, is_tagged, reference, tuple_of
from ..imports import import_object

if TYPE_CHECKING:
    from ...inspection.expressions import Value
    from ..protocol import Context


def live(value: Value, context: Context) -> Any:
    """The object that plain data stands for (see `trainergen.inspection.expressions`).

    Raises:
        LabProblem: a name in it can't be imported.
        BaseException: whatever a ``$call`` raises: it is the user's code.
    """
    if isinstance(value, list):
        return [live(item, context) for item in value]
    if is_tagged(value, TUPLE):
        return tuple(live(item, context) for item in value[TUPLE])
    if is_tagged(value, REF):
        return import_object(value[REF], context)
    if is_tagged(value, CALL):
        make = import_object(value[CALL], context)
        given = [live(item, context) for item in value.get("args", ())]
        return make(*given, **{key: live(item, context) for key, item in value.get("kwargs", {}).items()})
    if isinstance(value, dict):
        return {key: live(item, context) for key, item in value.items()}
    return value


def target_of(found: Any) -> str | None:
    """``module:Name`` of a class or function that can be imported by it; None for what can't.

    The shortest module that has it is taken: ``torch.nn:ReLU`` rather than where it happens to be defined.
    """
    module, name = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or "<" in name or module == "__main__":
        return None
    parts = module.split(".")
    if "." not in name:
        for cut in range(1, len(parts)):
            package = ".".join(parts[:cut])
            if getattr(sys.modules.get(package), name, None) is found:
                return f"{package}:{name}"
    holder: Any = sys.modules.get(module)
    for part in name.split("."):
        holder = getattr(holder, part, None)
    return f"{module}:{name}" if holder is found else None


def plain(found: Any) -> Value:
    """The plain data that stands for `found`.

    Raises:
        TypeError: there is none: the object can't be spelled.
    """
    if isinstance(found, enum.Enum):
        owner = target_of(type(found))
        if owner is not None:
            return reference(f"{owner}.{found.name}")
    if found is None or type(found) in (bool, int, float, str):
        return found
    if type(found) is list:
        return [plain(item) for item in found]
    if type(found) is tuple:
        return tuple_of([plain(item) for item in found])
    if isinstance(found, Mapping) and all(isinstance(key, str) for key in found):
        return {key: plain(item) for key, item in found.items()}
    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        owner = target_of(type(found))
        fields = [each.name for each in dataclasses.fields(found) if each.init]
        if owner is not None:
            return call(owner, (), {name: plain(getattr(found, name)) for name in fields})
    if isinstance(found, type) or callable(found):
        target = target_of(found)
        if target is not None:
            return reference(target)
    text = str(found)
    if text.startswith("torch.") and type(found).__module__ == "torch":  # a dtype, a memory format, a layout
        return reference(text.replace("torch.", "torch:", 1))
    raise TypeError(f"{type(found).__name__} can't be spelled")
