"""The options of a program, read from how it declares them: argparse, click, typer, fire, hydra."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..source_tree import dotted
from .index import ProjectIndex
from .outline import Function, Unreadable, parse

MAX_HOPS = 3
"""Modules that are followed from a script to where its options are declared."""


@dataclass(frozen=True)
class Option:
    """One option or argument of a program.

    Attributes:
        name: as typed (``--max-steps``); a positional argument's own name; with ``=`` at its end for a hydra override.
        flag: it takes no value.
        text: everything in its declaration, for what names alone don't tell.
    """

    name: str
    flag: bool = False
    text: str = ""

    @property
    def positional(self) -> bool:
        """It is told by its place."""
        return not self.name.startswith("-") and not self.name.endswith("=")

    @property
    def word(self) -> str:
        """The name without dashes, in snake case (``max_steps``)."""
        return (
            re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", self.name.strip("-=").rpartition(".")[2]).replace("-", "_").lower()
        )


@dataclass
class Program:
    """What a program takes.

    Attributes:
        options: in the order in which they are declared.
        complete: all are known, so that one which is not among them does not exist.
        names: identifiers that it and the modules behind it use.
        picks: words whose value a registry or a factory is asked for.
    """

    options: list[Option] = field(default_factory=list)
    complete: bool = False
    names: set[str] = field(default_factory=set)
    picks: set[str] = field(default_factory=set)


def read_program(index: ProjectIndex, path: str) -> Program:
    """The options of the program that begins in `path`, modules that it delegates to included."""
    program = Program()
    styles: set[str] = set()
    seen: set[str] = set()
    _read(index, path, program, styles, seen, 0)
    program.complete = bool(program.options) and styles <= {"argparse", "click"} and "open" not in styles
    return program


def _read(index: ProjectIndex, path: str, program: Program, styles: set[str], seen: set[str], hops: int) -> None:
    if path in seen or hops > MAX_HOPS:
        return
    seen.add(path)
    try:
        tree, _ = parse(index.peek(path))
    except Unreadable:
        return
    functions = {each.name: each for each in tree.body if isinstance(each, Function)}
    called: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            program.names.add(node.id)
        elif isinstance(node, ast.Attribute):
            program.names.add(node.attr)
        elif isinstance(node, Function):
            _decorated(index, path, node, program, styles)
        elif isinstance(node, ast.Subscript) and dotted(node.value) == "sys.argv":
            if isinstance(node.slice, ast.Constant) and node.slice.value == 1:
                styles.add("argv")
                program.options.append(Option("trainer"))  # the one word that such a program takes
        elif isinstance(node, ast.Subscript) and _picks_from(dotted(node.value) or ""):
            program.picks |= _words_of(node.slice)
        if isinstance(node, ast.Call):
            name = dotted(node.func) or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
            called.append(name)
            last = name.rpartition(".")[2]
            if node.args and (_picks_from(name) or (last == "get" and _picks_from(name.rpartition(".")[0]))):
                program.picks |= _words_of(node.args[0])
            if last == "add_argument" and node.args:
                styles.add("argparse")
                option = _argparse(node)
                if option is not None:
                    program.options.append(option)
                else:
                    styles.add("open")
            elif last in ("parse_known_args", "add_arguments", "add_argparse_args", "set_defaults_from_config"):
                styles.add("open")
            elif name in ("fire.Fire", "Fire", "typer.run", "tyro.cli") and node.args:
                styles.add("function")
                target = functions.get(dotted(node.args[0]) or "")
                if target is not None:
                    program.options += _of_parameters(target)
            elif last in ("HfArgumentParser", "cli") and node.args:
                styles.add("open")
                program.options += _of_dataclass(index, path, node.args[0])
    # Options may be declared where the script imports its parser or its main function from.
    for name in dict.fromkeys(called):
        head = name.partition(".")[0]
        if not re.search(r"main|cli|app|pars|arg|opt|flag|run|train|launch", name, re.IGNORECASE):
            continue
        for local, module, _ in index.outline(path).imports:
            if local == head:
                key = index.find(path, name)
                origin = key.path if key is not None else index.locate(module, path)
                if origin is not None:
                    _read(index, origin, program, styles, seen, hops + 1)


def _picks_from(name: str) -> bool:
    """Whether a name is a registry's, or that of a function which gives trainers by theirs."""
    return (
        re.search(r"registry|trainers$|(get|create|build|make|load|find|resolve)_?\w*trainer", name, re.IGNORECASE)
        is not None
    )


def _words_of(node: ast.expr) -> set[str]:
    return {
        each.attr if isinstance(each, ast.Attribute) else each.id
        for each in ast.walk(node)
        if isinstance(each, (ast.Name, ast.Attribute))
    }


def _argparse(node: ast.Call) -> Option | None:
    names = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if not names:
        return None
    action = next((each.value for each in node.keywords if each.arg == "action"), None)
    flag = isinstance(action, ast.Constant) and str(action.value) in (
        "store_true",
        "store_false",
        "store_const",
        "count",
    )
    flag = flag or (action is not None and "BooleanOptional" in ast.unparse(action))
    name = next((each for each in names if each.startswith("--")), names[0])
    return Option(name, flag, ast.unparse(node))


def _decorated(index: ProjectIndex, path: str, node: Function, program: Program, styles: set[str]) -> None:
    """Options from the decorators of a function: click's, and typer's and hydra's, whose options are its parameters."""
    for decorator in node.decorator_list:
        name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator) or ""
        last = name.rpartition(".")[2]
        if name in ("click.option", "click.argument", "option", "argument") and isinstance(decorator, ast.Call):
            styles.add("click")
            names = [
                each.value for each in decorator.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
            ]
            if names:
                text = ast.unparse(decorator)
                long = next((each for each in names if each.startswith("--")), names[0])
                program.options.append(Option(long.partition("/")[0], "is_flag=True" in text or "/" in long, text))
        elif name == "hydra.main" and isinstance(decorator, ast.Call):
            styles.add("hydra")
            program.options += _hydra(index, path, decorator)
        elif last in ("command", "callback") and "typer" in {each[1] for each in index.outline(path).imports}:
            styles.add("function")
            program.options += _of_parameters(node, typer=True)


def _of_parameters(node: Function, *, typer: bool = False) -> list[Option]:
    """Options that a library makes of a function's parameters."""
    arguments = [*node.args.args, *node.args.kwonlyargs]
    positional = len(node.args.args) - len(node.args.defaults)
    found = []
    for number, each in enumerate(arguments):
        annotation = ast.unparse(each.annotation) if each.annotation is not None else ""
        default = node.args.defaults[number - positional] if positional <= number < len(node.args.args) else None
        text = f"{each.arg}: {annotation} = {ast.unparse(default) if default is not None else ''}"
        if typer and ("Argument(" in text or (default is None and number < positional and "Option(" not in text)):
            found.append(Option(each.arg, text=text))
        else:
            name = each.arg.replace("_", "-") if typer else each.arg
            found.append(Option(f"--{name}", annotation.startswith("bool"), text))
    return found


def _of_dataclass(index: ProjectIndex, path: str, given: ast.expr) -> list[Option]:
    """Options that a library makes of the fields of a class, or of several."""
    found = []
    for each in given.elts if isinstance(given, (ast.Tuple, ast.List)) else [given]:
        key = index.find(path, dotted(each) or "")
        facts = index.class_at(key) if key is not None else None
        if facts is not None:
            found += [Option(f"--{name}", value in ("True", "False"), value) for name, value in facts.attributes]
    return found


def _hydra(index: ProjectIndex, path: str, decorator: ast.Call) -> list[Option]:
    """Overrides: the groups of the configuration folder, and the keys of its main file."""
    given = {each.arg: each.value.value for each in decorator.keywords if isinstance(each.value, ast.Constant)}
    names = ("config_path", "config_name")
    given |= {
        name: each.value for name, each in zip(names, decorator.args, strict=False) if isinstance(each, ast.Constant)
    }
    folder, name = given.get("config_path"), given.get("config_name")
    if isinstance(folder, str) and folder.endswith((".yaml", ".yml")):  # as hydra had it before 1.0
        folder, _, name = folder.rpartition("/")
    if not isinstance(folder, str) or not isinstance(name, str):
        return []
    base = (index.root / path).parent / folder
    found = []
    if base.is_dir():
        found = [
            Option(f"{each.name}=") for each in sorted(base.iterdir()) if each.is_dir() and any(each.glob("*.y*ml"))
        ]
    file = base / (name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    if file.is_file():
        text = file.read_text(encoding="utf-8", errors="replace")
        found += [Option(f"{key}=", text=line) for key, line in _yaml_keys(text)]
    return found


def _yaml_keys(text: str) -> Iterator[tuple[str, str]]:
    """The dotted keys that block mappings give a value, with their lines; a reader of all of YAML is not needed for names."""
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = re.match(r"( *)([A-Za-z_][\w-]*):(?:\s+([^#\s].*)?|$)", line)
        if match is None:
            continue
        indent = len(match[1])
        while path and path[-1][0] >= indent:
            path.pop()
        path.append((indent, match[2]))
        if match[3]:
            yield ".".join(key for _, key in path), line.strip()
