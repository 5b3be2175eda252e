"""Reads a model class (or a function that returns one) from its source: nothing is imported, nothing runs."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ..errors import UnusableInput
from .model_facts import Argument, Attribute, BaseClass, ModelFacts, Place
from .reference import Reference, missing_class, missing_module, parse_reference
from .source_tree import ROOTS, Definition, Found, Module, SourceTree, dotted, parse_file

MAX_BASES = 60
"""Classes looked at on the way up; a real hierarchy has fewer than twenty."""


def read_model(
    reference: str, root: Path, *, search_path: tuple[Path, ...] = (), cwd: Path | None = None
) -> ModelFacts:
    """The facts about the class or function that `reference` names.

    Args:
        reference: ``PATH.py:Class`` or ``package.module:Class``.
        root: the project.
        search_path: the site-packages of the interpreter that the model will run in, for bases of installed packages.
        cwd: where a relative path starts; without it at `root`.

    Raises:
        UnusableInput: no such file, module or class; a class that is certainly no ``nn.Module``; see `parse_reference`.
        UserCodeFailed: the file has a syntax error.
    """
    root = root.resolve()
    named = parse_reference(reference, root, cwd.resolve() if cwd else None)
    own = (root / "src", root) if (root / "src").is_dir() else (root,)
    tree = SourceTree((*own, *search_path), root)
    found = _definition(named, tree, search_path)
    if isinstance(found.node, ast.ClassDef):
        return _class_facts(named, found, tree)
    return _function_facts(named, found, tree)


def unresolved_bases(facts: ModelFacts) -> tuple[str, ...]:
    """Names of bases that the given search path does not hold."""
    return tuple(base.name for base in facts.bases if base.resolved is None)


def _definition(named: Reference, tree: SourceTree, search_path: tuple[Path, ...]) -> Found:
    if named.file is not None:
        tree.add(parse_file(named.file, named.module, tree.shown(named.file)))
    module = tree.module(named.module)
    if module is None:
        raise missing_module(named, tree.root, search_path)
    found = tree.find(module, named.name)
    if isinstance(found, Found):
        return found
    shown = tree.shown(module.file)
    if isinstance(found, str) and found in ROOTS:
        raise UnusableInput(
            f"--model {named.text}: that is nn.Module itself", place=shown, hint="name a class of yours"
        )
    if named.name in module.assigned:
        line = module.assigned[named.name]
        raise UnusableInput(
            f"{named.name} in {shown} is an assigned value, neither a class nor a function",
            place=f"{shown}:{line}",
            hint="write a function that returns the model and name it: --factory module:name",
        )
    if named.name in module.imported:
        raise UnusableInput(
            f"{named.name} is imported in {shown} from {module.imported[named.name][0]}, whose source was not found",
            place=shown,
            hint="searched " + ", ".join(str(path) for path in tree.search_path),
        )
    classes = tuple(name for name, node in module.defined.items() if isinstance(node, ast.ClassDef))
    raise missing_class(named, shown, classes or tuple(module.defined), _elsewhere(module, named.name))


def _elsewhere(module: Module, name: str) -> str | None:
    for node in ast.walk(module.tree):
        if isinstance(node, Definition) and node.name == name:
            return f"line {node.lineno} defines it inside another class or function, where it cannot be imported from"
    return None


def _class_facts(named: Reference, found: Found, tree: SourceTree) -> ModelFacts:
    node, module = found.node, found.module
    assert isinstance(node, ast.ClassDef)
    line_of_ancestry = list(ancestry(found, tree))
    is_module = _is_module(line_of_ancestry, tree)
    shown = tree.shown(module.file)
    if is_module is False:
        bases = ", ".join(ast.unparse(base) for base in node.bases) or "object"
        raise UnusableInput(
            f"{node.name} is not an nn.Module: it derives from {bases}",
            place=f"{shown}:{node.lineno}",
            hint="name a class that derives from torch.nn.Module, or a function that returns one",
        )
    classes = [each for each in line_of_ancestry if isinstance(each.node, ast.ClassDef)]
    init = _method(classes, "__init__")
    forward = _method(classes, "forward")
    inside = module.file.is_relative_to(tree.root)
    return ModelFacts(
        reference=named.text,
        module=named.module,
        name=named.name,
        kind="class",
        file=shown,
        inside_project=inside,
        place=Place(shown, node.lineno),
        bases=tuple(_base(base, found, tree) for base in node.bases),
        is_module=is_module,
        init=_dataclass_fields(node, shown) or (_arguments(init, tree, method=True) if init else ()),
        forward=_arguments(forward, tree, method=True) if forward else (),
        forward_returns=_unparse(_function(forward).returns) if forward else None,
        forward_place=Place(tree.shown(forward.module.file), forward.node.lineno) if forward else None,
        docstring=ast.get_docstring(node),
        forward_docstring=ast.get_docstring(_function(forward)) if forward else None,
        attributes=tuple(_attributes(classes, init, tree)),
        imports=tuple(sorted(_imports(module))),
        source=_text(node, module),
    )


def _function_facts(named: Reference, found: Found, tree: SourceTree) -> ModelFacts:
    node, module = found.node, found.module
    assert not isinstance(node, ast.ClassDef)
    shown = tree.shown(module.file)
    if isinstance(node, ast.AsyncFunctionDef):
        raise UnusableInput(
            f"{node.name} is an async function", place=f"{shown}:{node.lineno}", hint="name a plain function"
        )
    return ModelFacts(
        reference=named.text,
        module=named.module,
        name=named.name,
        kind="function",
        file=shown,
        inside_project=module.file.is_relative_to(tree.root),
        place=Place(shown, node.lineno),
        init=_arguments(found, tree, method=False),
        docstring=ast.get_docstring(node),
        imports=tuple(sorted(_imports(module))),
        source=_text(node, module),
    )


def ancestry(start: Found, tree: SourceTree) -> Iterator[Found]:
    """The class and every base whose source can be read, depth first from the left, each once."""
    seen: set[tuple[str, str]] = set()
    pending = [start]
    while pending and len(seen) < MAX_BASES:
        current = pending.pop(0)
        key = (current.module.name, current.node.name)
        if key in seen or not isinstance(current.node, ast.ClassDef):
            continue
        seen.add(key)
        yield current
        above = [found for base in current.node.bases if isinstance(found := _resolve(base, current, tree), Found)]
        pending = above + pending


def _resolve(base: ast.expr, holder: Found, tree: SourceTree) -> Found | str | None:
    name = dotted(base)
    if name is None:
        return None
    if name in vars(builtins) and name not in holder.module.imported and name not in holder.module.defined:
        return f"builtins.{name}"
    return tree.find(holder.module, name)


def _is_module(classes: list[Found], tree: SourceTree) -> bool | None:
    unknown = False
    for each in classes:
        assert isinstance(each.node, ast.ClassDef)
        if f"{each.module.name}.{each.node.name}" in ROOTS:
            return True
        for base in each.node.bases:
            found = _resolve(base, each, tree)
            if isinstance(found, str) and found in ROOTS:
                return True
            unknown = unknown or found is None
    return None if unknown else False


def _base(base: ast.expr, holder: Found, tree: SourceTree) -> BaseClass:
    found = _resolve(base, holder, tree)
    place = Place(tree.shown(holder.module.file), base.lineno)
    name = ast.unparse(base)
    if isinstance(found, Found):
        return BaseClass(name, f"{tree.shown(found.module.file)}:{found.node.lineno}", place)
    return BaseClass(name, found, place)


def _method(classes: list[Found], name: str) -> Found | None:
    for each in classes:
        for statement in each.node.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == name:
                return Found(statement, each.module)
    return None


def _function(found: Found) -> ast.FunctionDef:
    assert isinstance(found.node, ast.FunctionDef)
    return found.node


def _arguments(found: Found, tree: SourceTree, *, method: bool) -> tuple[Argument, ...]:
    arguments = _function(found).args
    shown = tree.shown(found.module.file)
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults += arguments.defaults
    pairs = list(zip(positional, defaults, strict=True))[1 if method else 0 :]
    result = [_argument(each, default, "positional", shown) for each, default in pairs]
    if arguments.vararg:
        result.append(_argument(arguments.vararg, None, "var_positional", shown))
    for each, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        result.append(_argument(each, keyword_default, "keyword", shown))
    if arguments.kwarg:
        result.append(_argument(arguments.kwarg, None, "var_keyword", shown))
    return tuple(result)


def _argument(
    node: ast.arg,
    default: ast.expr | None,
    kind: Literal["positional", "keyword", "var_positional", "var_keyword"],
    shown: str,
) -> Argument:
    return Argument(node.arg, kind, _unparse(node.annotation), _unparse(default), Place(shown, node.lineno))


def _dataclass_fields(node: ast.ClassDef, shown: str) -> tuple[Argument, ...]:
    """The constructor that ``@dataclass`` writes, where the class is one and has no ``__init__`` of its own."""
    names = [dotted(each.func if isinstance(each, ast.Call) else each) or "" for each in node.decorator_list]
    has_init = any(isinstance(each, ast.FunctionDef) and each.name == "__init__" for each in node.body)
    if has_init or not any(name.rpartition(".")[2] == "dataclass" for name in names):
        return ()
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)]
    return tuple(
        Argument(
            each.target.id, "positional", ast.unparse(each.annotation), _unparse(each.value), Place(shown, each.lineno)
        )
        for each in fields
        if isinstance(each.target, ast.Name)
        and not ast.unparse(each.annotation).startswith(("ClassVar", "typing.ClassVar"))
    )


def _attributes(classes: list[Found], init: Found | None, tree: SourceTree) -> Iterator[Attribute]:
    """Class attributes of the class and its readable bases (the nearest wins), then what ``__init__`` sets."""
    seen: set[str] = set()
    for each in classes:
        shown = tree.shown(each.module.file)
        if not each.module.file.is_relative_to(tree.root) and each is not classes[0]:
            continue
        for statement in each.node.body:
            for name, value in _assigned_names(statement):
                if name not in seen:
                    seen.add(name)
                    yield Attribute(name, ast.unparse(value), Place(shown, statement.lineno), on_class=True)
    if init is None:
        return
    shown = tree.shown(init.module.file)
    for node in ast.walk(init.node):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
                yield Attribute(target.attr, ast.unparse(node.value), Place(shown, node.lineno))


def _assigned_names(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
        yield statement.target.id, statement.value


def _imports(module: Module) -> set[str]:
    names = {origin for origin, _ in module.imported.values()} | set(module.stars)
    return {name for name in names if name}


def _text(node: Definition, module: Module) -> str:
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return "\n".join(module.text.splitlines()[first - 1 : node.end_lineno])


def _unparse(node: ast.expr | None) -> str | None:
    return None if node is None else ast.unparse(node)
