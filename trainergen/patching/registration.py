"""Finds every place where a project lists its trainers, and adds a trainer to all of them together."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from ..errors import Conflict
from . import exports, registries
from .joining import Entry, Registration, Registry, Sibling
from .project_code import ProjectCode
from .registries import none


class Style(Protocol):
    """What a module in `registries` offers, the default project's aside.

    Attributes:
        PRECEDENCE: of two registries the lower one's key is what a user types, and its lookup is what is run.
    """

    PRECEDENCE: int

    def find(self, code: ProjectCode) -> list[Registry]:
        """Every registry of the style."""

    def register(self, code: ProjectCode, registry: Registry, entry: Entry, *, width: int, quote: str) -> Registration:
        """Put the entry into the drafts of `code`; the registration has no edits yet."""


@cache
def styles() -> dict[str, Style]:
    """Every style by name, in the order of precedence: each module in `registries` with a precedence is one."""
    modules = {
        each.name: import_module(f"{registries.__name__}.{each.name}")
        for each in pkgutil.iter_modules(registries.__path__)
    }
    found = {name: cast("Style", module) for name, module in modules.items() if hasattr(module, "PRECEDENCE")}
    return dict(sorted(found.items(), key=lambda item: (item[1].PRECEDENCE, item[0])))


def find_registries(
    read: Callable[[str], bytes], files: Sequence[str], siblings: Sequence[Sibling], roots: Sequence[str]
) -> tuple[Registry, ...]:
    """Every place that lists the siblings, by what refers to them; () where nothing registers trainers.

    Args:
        read: the bytes of a path now; OSError or KeyError where there is none.
        files: paths to look at: those that mention a sibling's class or module, and those with words of registries.
        siblings: the trainers that exist.
        roots: folders that import names start from ("" for the project's own).

    Raises:
        Conflict: nothing is found, and a file that mentions most of the siblings can't be read.
    """
    if not siblings:
        return ()
    code = ProjectCode(read, files, siblings, roots)
    found = [registry for style in styles().values() for registry in style.find(code)]
    if not found:
        for path, problem in code.unreadable.items():
            data = read(path)
            if 2 * sum(each.name.encode() in data for each in siblings) > len(siblings):
                raise problem
    return tuple(_with_lookups(code, each) for each in found)


def register(
    registries: tuple[Registry, ...],
    entry: Entry,
    read: Callable[[str], bytes],
    siblings: Sequence[Sibling],
    *,
    width: int,
    quote: str,
) -> Registration:
    """Add a trainer to all of the registries, in one piece.

    Args:
        registries: as `find_registries` gave them.
        entry: the new trainer.
        read: the bytes of a path now.
        siblings: the trainers that exist.
        width: the longest line allowed.
        quote: the project's, where a place shows none.

    Raises:
        Conflict: the key is taken, also in another case, or a registry can't be edited: the hint says what to write.
    """
    paths = [
        path for each in registries for path in (each.path, *each.detail.get("looked up in", "").splitlines()) if path
    ]
    code = ProjectCode(read, [*paths, *(each.file for each in siblings)], siblings, ())
    parts = [styles()[each.style].register(code, each, entry, width=width, quote=quote) for each in registries]
    shown = none.export(code, entry, width)
    if not parts:
        parts = [none.registration(entry, shown)]
    return _together(parts, code, entry, [each.symbol for each in registries])


def _with_lookups(code: ProjectCode, registry: Registry) -> Registry:
    """The registry and the files whose functions look into it: they say what becomes of a name."""
    last = registry.symbol.rpartition(".")[2].encode()
    asking = [file.path for file in code.files if last and last in file.source.data and file.path != registry.path]
    return replace(registry, detail={**registry.detail, "looked up in": "\n".join(asking)})


def _together(parts: list[Registration], code: ProjectCode, entry: Entry, symbols: list[str]) -> Registration:
    """One registration of several: the first key and lookup, every edit, what the new file has to hold."""
    first = next((each for each in parts if each.lookup is not None), parts[0])
    labels = ", ".join(dict.fromkeys(each for each in symbols if each)) or "import"
    edits = {}
    for path, draft in code.drafts.items():
        if draft.spans:
            names_all = entry.class_name in exports.listed(draft.data, path) if path.endswith(".py") else False
            edits[path] = draft.finish(f"{labels}, __all__" if names_all and labels == "import" else labels)
    decorator = next((each for each in parts if each.decorator), None)
    statement = next((each for each in parts if each.statement), None)
    needing = decorator or statement
    needs = tuple(dict.fromkeys(module for each in parts if each.lookup for module in each.lookup.needs))
    # Where the project imports the new module by itself, the lookup has to show that it does
    needs = tuple(each for each in needs if each != entry.module) or needs
    lookup = first.lookup
    if lookup is not None:
        lookup = replace(lookup, needs=needs, expects=f"{entry.module}:{entry.class_name}")
    patterns = [each.file_pattern for each in parts if each.file_pattern]
    if decorator and statement and decorator is not statement:
        raise Conflict(
            f"{' and '.join(symbols)} both have to be told of {entry.class_name} in its own file",
            place=code.paths[0],
            hint=f"keep one of them, or write {statement.statement} by hand",
        )
    return Registration(
        key=first.key,
        edits=edits,
        decorator=decorator.decorator if decorator else "",
        decorator_import=needing.decorator_import if needing else None,
        statement=statement.statement if statement else "",
        class_attribute=next((each.class_attribute for each in parts if each.class_attribute), ""),
        class_keywords=next((each.class_keywords for each in parts if each.class_keywords), ""),
        file_pattern=patterns[0] if patterns else "",
        lookup=lookup,
        said="; ".join(dict.fromkeys(each.said for each in parts if each.said)),
    )
