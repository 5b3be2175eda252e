"""How a new config class is made and loaded: as the sibling's is, where its arguments can be said."""

from __future__ import annotations

import ast
from dataclasses import replace

from ...configuration import ConfigPlace, Configuration, Load
from ...joining import Entry
from ..syntax.python_text import literal
from .class_imports import imports_of
from .class_text import words_in
from .loading import filled, load_of
from .names import fill, pattern_of
from .project import Project
from .section_place import sibling_of


def with_loading(
    result: Configuration,
    place: ConfigPlace,
    project: Project,
    name: str,
    entry: Entry,
    where: str,
    *,
    has_values: bool,
) -> Configuration:
    """`result` with the way that the class is made and loaded."""
    sibling, text = sibling_of(place), place.detail["construct"]
    module = entry.module if where == entry.file else project.module_name(where, sibling.module, sibling.file)
    symbol, arguments = name, tuple[str, ...]()
    into = ""
    construct = f"{name}()"
    if text:
        call = ast.parse(text, mode="eval").body
        assert isinstance(call, ast.Call)
        old = place.detail["class"]
        called = ast.unparse(call.func)
        method = called[called.index(old) + len(old) :]
        plain = [literal(each) for each in (*call.args, *(each.value for each in call.keywords))]
        if all(each is not None for each in plain):
            symbol = name + method
            spelled = [_said(each, place, entry) for each in call.args]
            spelled += [f"{each.arg}={_said(each.value, place, entry)}" for each in call.keywords]
            arguments = tuple(spelled)
            construct = f"{symbol}({', '.join(spelled)})"
        elif "section_file" in place.detail and any(each.arg is None for each in call.keywords):
            into = f"{module}:{name}"
    inside = place.detail["maker"] == sibling.file and not into
    if into and place.detail["maker"] == sibling.file:
        source = project.source(sibling.file)
        assert source is not None
        spread = ast.unparse(_followed(ast.parse(text, mode="eval"), place, entry)).replace(place.detail["class"], name)
        used = words_in(spread) - {name}
        needs = tuple(each for each in imports_of(source, used, sibling.module) if each[1] != place.detail["class"])
        result = replace(result, construct=spread, imports=(*result.imports, *needs))
    if into or (not has_values and not text and "section_file" in place.detail):
        load = filled(
            load_of(
                project, place.detail["section_form"], place.detail["section_file"], sibling, place.detail["section"]
            ),
            entry,
        )
        assert load is not None
        section = fill(place.detail["section_pattern"], entry)
        load = replace(load, path=(*place.parent, section), into=f"{module}:{name}")
        return replace(result, load=load)
    load = Load("call", module, symbol, arguments)
    return replace(result, load=load, construct=construct if inside else "")


def _followed(tree: ast.Expression, place: ConfigPlace, entry: Entry) -> ast.Expression:
    """An expression with the sibling's name in its texts replaced."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = fill(pattern_in(node.value, place), entry)
    return tree


def _said(node: ast.expr, place: ConfigPlace, entry: Entry) -> str:
    value = literal(node)
    return repr(fill(pattern_in(value, place), entry) if isinstance(value, str) else value)


def pattern_in(text: str, place: ConfigPlace) -> str:
    """A text of the followed sibling's as a pattern; itself, braces doubled, where it does not say its name."""
    return pattern_of(text, sibling_of(place)) or text.replace("{", "{{").replace("}", "}}")
