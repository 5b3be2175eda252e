"""The sets of model classes that `zoo.py` measures on: their rows, and a row's constructor arguments as command line."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SETS = {
    "zoo": HERE.parents[1] / "shared" / "zoo" / "models.jsonl",
    "own": HERE / "unseen" / "own.jsonl",
    "registry": HERE / "unseen" / "registry.jsonl",
    "registry-second": HERE / "unseen" / "registry_second.jsonl",
}
SOURCES = HERE / "unseen" / "own"
"""Where the modules of `own` lie: each is copied into the project that it is tried in, as a user's file."""

FACTORY = "factory.py"


@dataclass(frozen=True)
class Row:
    """One model class; `data` is its line as written (shared/zoo/README.md), `set_name` where it stands."""

    set_name: str
    data: dict[str, Any]

    @property
    def name(self) -> str:
        """The row's id."""
        return str(self.data["id"])

    @property
    def source(self) -> Path | None:
        """The file that is copied into the project; None for a class of an installed package."""
        file = SOURCES / f"{self.data['module']}.py"
        return file if self.set_name == "own" and file.is_file() else None

    @property
    def reference(self) -> str:
        """What ``--model`` is given."""
        return f"{self.data['module']}{'.py' if self.source else ''}:{self.data['cls']}"


def rows(set_name: str, half: str, only: tuple[str, ...] = ()) -> list[Row]:
    """The rows of a set that are measured: without needs beyond the environment, of the wanted half.

    Args:
        set_name: a key of `SETS`.
        half: open, closed or both; the other sets have no halves.
        only: ids; all where empty.
    """
    found = [Row(set_name, json.loads(line)) for line in SETS[set_name].read_text(encoding="utf-8").splitlines()]
    if set_name == "zoo":
        found = [row for row in found if half in ("both", row.data["half"])]
    return [row for row in found if not row.data["needs"] and (not only or row.name in only)]


def lay_out(row: Row, mode: str, folder: Path) -> list[str]:
    """Fill the project `folder` for one try, and give the arguments of ``trainergen new`` for it.

    Args:
        row: what is tried.
        mode: ``arguments``: the row's constructor arguments, and nothing else; ``name``: nothing but the name.
        folder: an empty folder.
    """
    if row.source is not None:
        shutil.copy(row.source, folder)
    command = ["--model", row.reference]
    arguments = row.data["init_kwargs"]
    if mode == "name" or not arguments:
        return command
    literals = {name: literal(value) for name, value in arguments.items()}
    if all(name.isidentifier() and text is not None for name, text in literals.items()):
        return command + [word for name, text in literals.items() for word in ("--model-arg", f"{name}={text}")]
    (folder / FACTORY).write_text(factory(row), encoding="utf-8")
    return [*command, "--factory", f"{Path(FACTORY).stem}:build"]


def literal(value: Any) -> str | None:
    """An encoded argument as a Python literal; None where it has none (an instance, a reference, infinity)."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return _sequence(value, "[", "]")
    if isinstance(value, dict):
        if set(value) == {"$tuple"}:
            return _sequence(value["$tuple"], "(", ",)" if value["$tuple"] else ")")
        if any(key.startswith("$") for key in value):
            return None
        items = {key: literal(item) for key, item in value.items()}
        return "{" + ", ".join(f"{key!r}: {text}" for key, text in items.items()) + "}" if all(items.values()) else None
    return repr(value)


def _sequence(values: list[Any], opening: str, closing: str) -> str | None:
    texts = [literal(value) for value in values]
    return None if None in texts else opening + ", ".join(str(text) for text in texts) + closing


def factory(row: Row) -> str:
    """The source of a module whose ``build()`` makes the row's model: what a user writes where literals don't do."""
    modules = {row.data["module"]}
    arguments = {name: _expression(value, modules) for name, value in row.data["init_kwargs"].items()}
    starred = arguments.pop("*", None)
    words = [] if starred is None else [f"*{starred}"]
    words += [f"{name}={text}" for name, text in arguments.items()]
    imports = "\n".join(f"import {module}" for module in sorted(modules))
    call = f"{row.data['module']}.{row.data['cls']}({', '.join(words)})"
    return f'"""Builds the model."""\n\n{imports}\n\n\ndef build():\n    return {call}\n'


def _expression(value: Any, modules: set[str]) -> str:
    """An encoded argument as a Python expression; the modules that it names are added to `modules`."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, list):
        return "[" + ", ".join(_expression(item, modules) for item in value) + "]"
    if not isinstance(value, dict):
        return repr(value)
    if "$tuple" in value:
        return "(" + "".join(f"{_expression(item, modules)}, " for item in value["$tuple"]) + ")"
    if "$list_of" in value:
        return _expression(value["$list_of"], modules)
    if "$ref" in value:
        return _name(value["$ref"], modules)
    if "$new" in value:
        words = [_expression(item, modules) for item in value.get("args", [])]
        words += [f"{key}={_expression(item, modules)}" for key, item in value.get("kw", {}).items()]
        return f"{_name(value['$new'], modules)}({', '.join(words)})"
    if "$ns" in value:
        modules.add("types")
        words = [f"{key}={_expression(item, modules)}" for key, item in value["$ns"].items()]
        return f"types.SimpleNamespace({', '.join(words)})"
    if "$tensor" in value:
        modules.add("torch")
        return _tensor(value["$tensor"])
    return "{" + ", ".join(f"{key!r}: {_expression(item, modules)}" for key, item in value.items()) + "}"


def _name(target: str, modules: set[str]) -> str:
    module, _, name = target.partition(":")
    modules.add(module)
    return f"{module}.{name}"


def _tensor(spec: dict[str, Any]) -> str:
    shape, dtype = spec["shape"], f"torch.{spec['dtype']}"
    if "low" in spec:
        return f"torch.randint({spec['low']}, {spec['high']}, {shape}, dtype={dtype})"
    return f"torch.rand({shape}).to({dtype})"
