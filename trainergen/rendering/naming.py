"""Names in generated code that must not hide one another: imports and local variables."""

from __future__ import annotations

import builtins
import keyword
import re

RESERVED = frozenset(
    {
        "Any", "Callback", "Iterable", "LRScheduler", "Mapping", "Optimizer", "Path", "Sequence", "Trainer",
        "cls", "config", "functional", "logger", "logging", "losses", "math", "metrics", "model", "move_batch", "nn",
        "parameter_groups", "per_step", "torch",
    }
)  # fmt: skip


class Naming:
    """Hands out names that are free in one scope.

    Args:
        taken: the names that it begins with.
    """

    def __init__(self, taken: set[str]) -> None:
        self._taken = dict.fromkeys(taken, "")

    def take(self, imports: list[str], module: str, name: str, suffix: str, *, keep: bool = False) -> str:
        """Import `name` from `module` and return what it is called: itself, or with `suffix` where that is taken.

        Args:
            imports: lines of import statements; one is added unless it is there.
            module: dotted.
            name: what to import; of a nested class or method the first part is imported.
            suffix: makes a taken name free.
            keep: never rename.
        """
        head, dot, rest = name.partition(".")
        origin = f"{module}:{head}"
        free = keep or self._taken.get(head, origin) == origin
        alias = head if free else f"{head}{suffix}" if suffix[0].isupper() else f"{head}_{suffix.strip('_')}"
        self._taken[alias] = origin
        line = f"from {module} import {head}" if free else f"from {module} import {head} as {alias}"
        if line not in imports:
            imports.append(line)
        return f"{alias}{dot}{rest}"

    @property
    def taken(self) -> tuple[str, ...]:
        """The names that mean something already."""
        return tuple(self._taken)

    def claim(self, imports: list[str], module: str, name: str, alias: str) -> None:
        """Import `name` from `module` under a name that was found to be free."""
        self._taken[alias] = f"{module}:{name}"
        line = f"from {module} import {name}" + ("" if alias == name else f" as {alias}")
        if line not in imports:
            imports.append(line)

    def fresh(self, wanted: str) -> str:
        """A variable called `wanted`, or that with an underscore where it is no name, a builtin's, or taken."""
        name = re.sub(r"\W", "_", wanted) or "value"
        if name[0].isdigit():
            name = f"part_{name}"
        while name in self._taken or keyword.iskeyword(name) or hasattr(builtins, name):
            name += "_"
        self._taken[name] = "local"
        return name
