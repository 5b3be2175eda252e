"""Where a project imports its trainers for what importing them does: they register themselves."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import PurePosixPath

from ..errors import Conflict
from .binding import bindings, bring, function_name
from .joining import Entry, Registry, Sibling
from .keys import spell_key, taken
from .project_code import CodeFile, ProjectCode
from .storage import Storage, manner_of, refuse_prefixes

BY_NAME: dict[str, Callable[[str], str]] = {"name": str, "lower": str.lower, "upper": str.upper}
"""How a registry makes a key of a class's name."""


def carry(code: ProjectCode, entry: Entry, *, width: int) -> str:
    """Import the entry where its siblings are imported for their effect; that module, or the entry's own if none is.

    Raises:
        Conflict: the file binds the class's name to something else.
    """
    file = importer(code)
    if file is None:
        return entry.module
    bound = bindings(code, file)
    inner = [
        name
        for node in ast.walk(file.tree)
        if (name := function_name(file, node)) and (found := bindings(code, file, name)) and found != bound
    ]
    bring(code, file.path, entry, width=width, function="" if bound or not inner else inner[0])
    return file.module


def importer(code: ProjectCode) -> CodeFile | None:
    """The file that imports most of the siblings: a package's ``__init__`` before others; None where none imports most."""
    own = {each.file for each in code.siblings}
    best: tuple[int, int, CodeFile] | None = None
    packages = {each.module.rpartition(".")[0] for each in code.siblings}
    shown = [file for package in sorted(packages) if package and (file := code.of_module(package)) is not None]
    for file in dict.fromkeys([*shown, *code.files]):
        names = {
            found.sibling.name
            for node in ast.walk(file.tree)
            if isinstance(node, ast.ImportFrom | ast.Import)
            for found in bindings(code, file, function_name(file, node))
            if found.sibling.file != file.path
        }
        if file.path in own and len(own) > 1 and PurePosixPath(file.path).name != "__init__.py":
            continue
        rank = (len(names), PurePosixPath(file.path).name == "__init__.py")
        if 2 * len(names) > len(code.siblings) and (best is None or rank > best[:2]):
            best = (*rank, file)
    return best[2] if best else None


def register_key(
    code: ProjectCode,
    registry: Registry,
    entry: Entry,
    listed: list[tuple[str, str]],
    storage: Storage | None,
    quote: str,
) -> tuple[str, str]:
    """The entry's key where siblings register themselves, and the line in its class that says it ("" where none does).

    Args:
        code: the project.
        registry: for messages, and how its lookup treats a name.
        entry: the new trainer.
        listed: key and class name of every sibling that writes its key out.
        storage: where the classes go, and how a key is made of a class that has none written out.
        quote: for the line, where no sibling shows one.

    Raises:
        Conflict: the key is taken, or mixed up with another by a lookup by prefix.
    """
    by_name = {each.name: each for each in code.siblings}
    attribute = ""
    manner = manner_of(code, storage.symbol if storage else registry.symbol)
    form = storage.key if storage else ""
    keys = list(registry.keys)
    if listed:
        key = spell_key([(key, by_name[name]) for key, name in listed if name in by_name], entry, code.siblings)
        key = key.lower() if manner.lowered else key
    elif form.startswith("attribute "):
        key, attribute = attribute_key(code, entry, form.removeprefix("attribute "), quote)
    else:
        key = BY_NAME.get(form, str)(entry.class_name)
    taken(key, keys, symbol=registry.symbol, place=f"{registry.path}:{registry.line}")
    refuse_prefixes(key, keys, manner)
    return key, attribute


def own_key(sibling: Sibling, file: CodeFile, storage: Storage | None) -> str:
    """The key of a sibling that is registered without one: what the registry makes of its class."""
    form = storage.key if storage else ""
    if form.startswith("attribute "):
        said = class_text(file, sibling.name, form.removeprefix("attribute "))
        return said[0] if said is not None else sibling.name
    return BY_NAME.get(form, str)(sibling.name)


def attribute_key(code: ProjectCode, entry: Entry, name: str, quote: str) -> tuple[str, str]:
    """The key that the siblings keep as a class attribute, for the entry, and the line that says it.

    Raises:
        Conflict: another trainer has it.
    """
    listed = []
    line = ""
    for sibling in code.siblings:
        file = code.file(sibling.file)
        value = class_text(file, sibling.name, name) if file is not None else None
        if file is not None and value is not None:
            listed.append((value[0], sibling))
            line = value[1]
    key = spell_key(listed, entry, code.siblings)
    taken(key, [each for each, _ in listed], symbol=name, place=code.siblings[0].file)
    return key, line.replace("{key}", key) if line else f"{name} = {quote}{key}{quote}"


def class_text(file: CodeFile, class_name: str, name: str) -> tuple[str, str] | None:
    """A text that a class has as attribute `name`, and its line with ``{key}`` in the text's place."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            for each in node.body:
                target = each.targets[0] if isinstance(each, ast.Assign) else getattr(each, "target", None)
                value = each.value if isinstance(each, ast.Assign | ast.AnnAssign) else None
                if (
                    isinstance(target, ast.Name)
                    and target.id == name
                    and isinstance(value, ast.Constant)
                    and isinstance(value.value, str)
                ):
                    shown = file.text(value)
                    head = file.text(each)[: -len(shown)]
                    return value.value, f"{head}{shown[0]}{{key}}{shown[0]}"
    return None


def definition_of(file: CodeFile, name: str) -> ast.ClassDef | ast.FunctionDef | None:
    """The definition of a trainer in a file: a class, or a function of the module."""
    functions = (each for each in file.tree.body if isinstance(each, ast.FunctionDef) and each.name == name)
    return class_of(file, name) or next(functions, None)


def class_of(file: CodeFile, name: str) -> ast.ClassDef | None:
    """The definition of a class in a file."""
    return next((each for each in ast.walk(file.tree) if isinstance(each, ast.ClassDef) and each.name == name), None)


def import_of(code: ProjectCode, file: CodeFile, callee: ast.expr) -> tuple[str, str, str]:
    """Module, name, and how the callee is then written, so that another file can use it.

    Raises:
        Conflict: nothing that is imported binds it.
    """
    root = callee
    rest = ""
    while isinstance(root, ast.Attribute):
        rest = f".{root.attr}{rest}"
        root = root.value
    origin = file.names.get(root.id, "") if isinstance(root, ast.Name) else ""
    module, _, name = origin.partition(":")
    if not origin:
        defined = isinstance(root, ast.Name) and any(
            isinstance(target, ast.Name) and target.id == root.id
            for node in file.tree.body
            for target in (node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)])
        )
        if defined and isinstance(root, ast.Name):
            return file.module, root.id, root.id + rest
        raise Conflict(
            f"{file.path} does not show where {ast.unparse(callee)} comes from",
            place=f"{file.path}:{callee.lineno}",
            hint="import it by name there, so that a new trainer can do the same",
        )
    if name:
        return module, name, name + rest
    # import pkg.registry, then pkg.registry.register: the longest part that is a module is imported from
    parts = rest.strip(".").split(".")
    while len(parts) > 1 and code.of_module(f"{module}.{parts[0]}") is not None:
        module = f"{module}.{parts.pop(0)}"
    return module, parts[0], ".".join(parts)
