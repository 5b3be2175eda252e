"""How the project's own code opens its configuration: a function of its own, or a library's call beside the entry point."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ...configuration import Load
from ...joining import Entry, Sibling
from ...source import Source
from ..syntax.python_text import literal
from .names import fill, pattern_of
from .project import Project

OPENERS = {
    "yaml_text": ("yaml.safe_load", "yaml.load", "yaml.full_load", "OmegaConf.load", "YAML().load", "safe_load"),
    "json_text": ("json.load", "json.loads"),
    "toml_text": ("tomllib.load", "tomllib.loads", "toml.load", "toml.loads", "tomli.load", "tomlkit.load", "tomlkit.parse"),
    "ini_text": ("ConfigParser", "RawConfigParser", "SafeConfigParser", "configparser.ConfigParser", "configparser.RawConfigParser"),
}  # fmt: skip
"""What opens a file of each format, as it is called."""

PLAIN = {
    "yaml_text": ("read", "yaml", "safe_load"),
    "json_text": ("read", "json", "load"),
    "toml_text": ("read", "tomllib", "load"),
    "ini_text": ("ini", "", ""),
}


@dataclass(frozen=True)
class Opener:
    """A function of the project that opens settings files of one format."""

    path: str
    node: ast.FunctionDef
    called: str


def openers(project: Project, form: str) -> list[Opener]:
    """The module-level functions of the project in which files of a format are opened, those with ``config`` in the name first."""
    found = [
        Opener(source.path, node, ast.unparse(call.func))
        for source in project.python(*_words(form))
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and _opens(ast.unparse(call.func), form)
    ]
    return sorted(
        found, key=lambda each: not any(word in each.node.name for word in ("conf", "cfg", "setting", "load"))
    )


def _opens(called: str, form: str) -> bool:
    return any(called == name or called.endswith("." + name) for name in OPENERS[form])


def reads_format(project: Project, form: str) -> bool:
    """Whether any code of the project opens files of that format."""
    return any(
        isinstance(node, ast.Call) and _opens(ast.unparse(node.func), form)
        for source in project.python(*_words(form))
        for node in ast.walk(source.tree)
    )


def _words(form: str) -> list[str]:
    """What a file says that opens such files."""
    return [name.rpartition(".")[2] for name in OPENERS[form]]


def load_of(project: Project, form: str, path: str, sibling: Sibling, name: str = "") -> Load:
    """How the file at `path` is loaded: by the project's function where it has one for it, else by the library.

    A function that takes a name gets `name` (of the section or the file); the name of `sibling` stands as a pattern in the arguments, and a path that has none is `path`.
    """
    for opener in openers(project, form):
        if opener.node.name in ("main", "train", "run", "__main__") or not _returns(opener.node):
            continue
        arguments = _arguments(project, opener, path, sibling, name or PurePosixPath(path).stem)
        if arguments is not None:
            return Load(
                "call", project.module_name(opener.path, sibling.module, sibling.file), opener.node.name, arguments
            )
    how, module, symbol = PLAIN[form]
    if form == "yaml_text" and _uses(project, "OmegaConf.load"):
        return Load("call", "omegaconf", "OmegaConf.load", (repr(_patterned(path, sibling)),))
    assert how in ("read", "ini")
    return Load("read" if how == "read" else "ini", module, symbol, (repr(_patterned(path, sibling)),))


def _uses(project: Project, called: str) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func).endswith(called)
        for source in project.python(called)
        for node in ast.walk(source.tree)
    )


def _returns(node: ast.FunctionDef) -> bool:
    return any(isinstance(each, ast.Return) and each.value is not None for each in ast.walk(node))


def _patterned(text: str, sibling: Sibling) -> str:
    return pattern_of(text, sibling) or text.replace("{", "{{").replace("}", "}}")


def _arguments(project: Project, opener: Opener, path: str, sibling: Sibling, name: str) -> tuple[str, ...] | None:
    """What the function is called with: as it is called somewhere, else the path where it takes one argument."""
    spec = opener.node.args
    positional = [*spec.posonlyargs, *spec.args]
    needed = len(positional) - len(spec.defaults)
    if any(default is None for default in spec.kw_defaults) or needed > 2:
        return None
    for call in _calls(project, opener.node.name, sibling):
        values = [literal(each) for each in call.args]
        keywords = {each.arg or "": literal(each.value) for each in call.keywords}
        if (
            all(isinstance(each, str | int | float) for each in (*values, *keywords.values()))
            and len(values) + len(keywords) >= needed
        ):
            return tuple(
                [repr(_patterned(each, sibling) if isinstance(each, str) else each) for each in values]
                + [
                    f"{name}={(_patterned(each, sibling) if isinstance(each, str) else each)!r}"
                    for name, each in keywords.items()
                ]
            )
    if needed == 0 and not any(arg.arg.endswith(("path", "file", "filename", "name")) for arg in positional):
        return ()
    if needed == 0 and spec.defaults and path in [literal(each) for each in spec.defaults]:
        return ()
    if needed == 2:
        return None
    first = positional[0].arg
    by_name = first in ("name", "trainer", "trainer_name", "config_name", "experiment", "exp", "key")
    return (repr(_patterned(name if by_name else path, sibling)),)


def _calls(project: Project, name: str, sibling: Sibling) -> list[ast.Call]:
    """Calls of a function, those of the sibling's own file and those that say its name first."""
    found: list[tuple[bool, Source, ast.Call]] = [
        (source.path != sibling.file and pattern_of(ast.unparse(node), sibling) is None, source, node)
        for source in project.python(name)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name
    ]
    return [call for _, _, call in sorted(found, key=lambda each: (each[0], each[1].path, each[2].lineno))]


def filled(load: Load | None, entry: Entry) -> Load | None:
    """A load whose patterns say the new trainer's name."""
    if load is None:
        return None
    return replace(
        load,
        module=fill(load.module, entry),
        symbol=fill(load.symbol, entry),
        arguments=tuple(fill(each, entry) for each in load.arguments),
        path=tuple(fill(each, entry) for each in load.path),
        merge=fill(load.merge, entry),
    )
