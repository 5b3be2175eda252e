"""Whoever inherits is registered: ``BaseTrainer.__subclasses__()``, or ``__init_subclass__`` in the base."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..analogy import Analogy
from ..carried import carry, class_of, register_key
from ..joining import Entry, Lookup, Registration, Registry
from ..project_code import CodeFile, Function, ProjectCode
from ..snippets import snippet
from ..storage import Storage, key_form, stored_in

PRECEDENCE = 6


def find(code: ProjectCode) -> list[Registry]:
    """Every scan of a sibling's base for its subclasses, and every base that is told of them."""
    keys = tuple(each.name for each in code.siblings)
    found = []
    for home, node in _bases(code):
        hook = _hook(node)
        if hook is not None:
            detail = {"base": node.name, "how": "hook"}
            found.append(Registry("subclasses", home.path, hook.lineno, f"{node.name}.__init_subclass__", keys, detail))
            continue
        for file in code.files:
            line = next((each.lineno for each in _scans(file, node.name)), 0)
            if line:
                detail = {"base": node.name, "how": "scan", "home": home.path}
                found.append(Registry("subclasses", file.path, line, f"{node.name}.__subclasses__", keys, detail))
                break
    return found[:1]


def register(code: ProjectCode, registry: Registry, entry: Entry, *, width: int, quote: str) -> Registration:
    """The import by which the entry's class comes to exist, and what its class statement has to say.

    Raises:
        Conflict: its key is taken.
    """
    file = code.current(registry.path)
    base = registry.detail["base"]
    keywords = ""
    if registry.detail["how"] == "hook":
        node = class_of(file, base)
        hook = _hook(node) if node is not None else None
        assert hook is not None
        storage = stored_in(code, file, hook, base)
        listed = _listed(code)
        key, attribute = register_key(code, registry, entry, listed, storage, quote)
        keywords = _keywords(code, entry, key) if listed else ""
        needs = (carry(code, entry, width=width),)
        lookup = Lookup("scan", file.module, base, entry.class_name, needs=needs)
        if storage is not None:
            lookup = Lookup("mapping", storage.module, storage.symbol, key, needs=needs)
        said = f"{base} is told of every class that inherits from it"
    else:
        scan = next(_scans(file, base))
        scope = file.function(scan) or file.statement(scan)
        storage = Storage(file.module, "", key_form(ast.unparse(scope), _loop_names(scope)))
        key, attribute = register_key(code, registry, entry, [], storage, quote)
        home = code.file(registry.detail["home"])
        assert home is not None
        lookup = Lookup("scan", home.module, base, key, needs=(carry(code, entry, width=width),))
        said = f"found among the subclasses of {base}"
    return Registration(key, class_attribute=attribute, class_keywords=keywords, lookup=lookup, said=said)


def _bases(code: ProjectCode) -> Iterator[tuple[CodeFile, ast.ClassDef]]:
    """The classes of the project that the siblings inherit from, the nearest first."""
    seen: set[tuple[str, str]] = set()
    waiting = [
        (file, node) for each in code.siblings if (file := code.file(each.file)) and (node := class_of(file, each.name))
    ]
    while waiting:
        file, node = waiting.pop(0)
        for base in node.bases:
            origin = file.resolve(base.value if isinstance(base, ast.Subscript) else base)
            if origin is None:
                continue
            module, _, name = origin.partition(":")
            inner, _, name = name.rpartition(".")
            home = code.of_module(f"{module}.{inner}" if inner else module)
            found = class_of(home, name) if home is not None else None
            if found is None and home is not None and name in home.names:
                home = code.of_module(home.names[name].partition(":")[0])  # re-exported by a package
                found = class_of(home, name) if home is not None else None
            if home is None or found is None or (home.path, name) in seen:
                continue
            seen.add((home.path, name))
            waiting.append((home, found))
            yield home, found


def _hook(node: ast.ClassDef) -> Function | None:
    """``__init_subclass__``, where it keeps the class somewhere."""
    hook = next((each for each in node.body if isinstance(each, Function) and each.name == "__init_subclass__"), None)
    keeps = hook is not None and any(
        (isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Subscript))
        or (isinstance(each, ast.Attribute) and each.attr in ("append", "add", "setdefault"))
        for each in ast.walk(hook)
    )
    return hook if keeps else None


def _scans(file: CodeFile, base: str) -> Iterator[ast.Call]:
    """The calls that ask `base` for its subclasses, directly or by a function that is handed it."""
    askers = set()
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "__subclasses__":
            owner = ast.unparse(node.func.value)
            holder = next((each for each in file.above(node) if isinstance(each, ast.ClassDef)), None)
            function = file.function(node)
            if owner.rpartition(".")[2] == base or (owner == "cls" and holder is not None and holder.name == base):
                yield node
            elif function is not None:
                askers.add(function.name)
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in askers and node.args:
            inside = file.function(node)
            if ast.unparse(node.args[0]).rpartition(".")[2] == base and (inside is None or inside.name not in askers):
                yield node


def _loop_names(scope: ast.AST) -> list[str]:
    targets = [each.target for each in ast.walk(scope) if isinstance(each, ast.For | ast.comprehension)]
    return [each.id for each in targets if isinstance(each, ast.Name)]


def _listed(code: ProjectCode) -> list[tuple[str, str]]:
    """Keys that the siblings' class statements say as keywords."""
    found = []
    for sibling in code.siblings:
        file = code.file(sibling.file)
        node = class_of(file, sibling.name) if file is not None else None
        for keyword in node.keywords if node is not None else []:
            if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
                found.append((keyword.value.value, sibling.name))
                break
    return found


def _keywords(code: ProjectCode, entry: Entry, key: str) -> str:
    """The keywords of a sibling's class statement, for the entry."""
    for sibling in reversed(code.siblings):
        file = code.file(sibling.file)
        node = class_of(file, sibling.name) if file is not None else None
        if file is None or node is None or not node.keywords:
            continue
        known = {value: key for value, name in _listed(code) if name == sibling.name}
        analogy = Analogy(sibling, entry, code.siblings, known)
        texts = [
            f"{each.arg}={analogy.rewrite(file, file.source.start(each.value), file.source.end(each.value))}"
            for each in node.keywords
            if each.arg and each.arg != "metaclass"
        ]
        return snippet("subclasses", keywords=", ".join(texts))
    return ""
