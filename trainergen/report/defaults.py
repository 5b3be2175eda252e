"""The default and the meaning of every setting that all trainers have, read from the source that defines them: no torch."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..resources import runtime_folder

CLASS = "BaseTrainerConfig"


@dataclass(frozen=True)
class Default:
    """What a setting is where nobody sets it, as a manifest writes it, and what it is for."""

    value: Any
    about: str


@functools.cache
def defaults() -> Mapping[str, Default]:
    """Name to default, in the order of the class; the default of a path is its text, of a tuple a list."""
    tree = ast.parse((runtime_folder() / "config.py").read_text(encoding="utf-8"))
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == CLASS)
    about = _abouts(ast.get_docstring(found) or "")
    return {
        node.target.id: Default(_value(node.value), about.get(node.target.id, ""))
        for node in found.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.value is not None
        and "ClassVar" not in ast.unparse(node.annotation)
    }


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):  # Path("saved_models"), field(default=...)
        given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "default")]
        return _value(given[0]) if given else None
    value = ast.literal_eval(node)
    return list(value) if isinstance(value, tuple) else value


def _abouts(docstring: str) -> dict[str, str]:
    """Of the section ``Attributes``: name to its sentence."""
    section = docstring.partition("Attributes:")[2].partition("\n\n")[0]
    entries = re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}
