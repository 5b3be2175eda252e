"""argparse: the options that the project has are used, those that it lacks are added in the manner of their siblings."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..configuration import ConfigPlace, Configuration, Field, Load, Slot
from ..draft import Draft, Edit, Insertion
from ..imports import need_name
from ..joining import Entry, Sibling
from ..literals import add_element, read_brackets
from ..source import Source
from .survey.class_imports import bound_names
from .survey.loading import filled
from .survey.names import common_pattern, fill, matches, refuse_taken
from .survey.option_text import SWITCH, default_of, name_of, option_text, wrapped
from .survey.project import Project, class_named
from .survey.reads import shared_reads, sibling_reads
from .survey.section_place import sibling_of
from .survey.subcommand_text import add_subcommand
from .survey.subcommands import find as find_subcommand
from .survey.typed_words import needed
from .survey.words import place_fields
from .syntax.python_text import destination, functions, literal, options

RANK = 60
QUOTES = ("'", '"')


@dataclass(frozen=True)
class Parser:
    """A function (or the module itself) that adds options."""

    path: str
    owner: str
    node: ast.Module | ast.FunctionDef
    options: tuple[ast.Call, ...]


def find(project: Project, siblings: Sequence[Sibling], base_file: str) -> ConfigPlace | None:
    """See `ConfigStyle`."""
    own = _in_classes(project, siblings)
    reads = [read for sibling in siblings for read in sibling_reads(project, sibling)]
    shared = shared_reads(project, siblings, base_file)
    if not own and (place := find_subcommand(project, siblings, reads, shared)) is not None:
        return place
    parsers = [own[-1]] if own else list(_parsers(project))
    best: tuple[int, Parser] | None = None
    for parser in parsers:
        names = {destination(call) for call in parser.options}
        hits = sum(read.keys[-1] in names for read in dict.fromkeys((*reads, *shared)) if read.keys)
        if hits and (best is None or hits > best[0]):
            best = (hits, parser)
    if best is None:
        return None
    parser = best[1]
    keys = tuple(dict.fromkeys((destination(call),) for call in parser.options))
    example = siblings[-1]
    member = bool(own)
    module = project.module_name(parser.path, example.module, example.file)
    loop = None if member else _loop(parser.node, siblings)
    command = () if loop is None else (repr(loop[1]),)
    return ConfigPlace(
        style="",
        path=parser.path,
        line=parser.options[0].lineno,
        symbol=parser.owner,
        example=parser.owner,
        keys=keys,
        required=tuple(dict.fromkeys(read.keys for read in shared if not read.optional and read.keys in keys)),
        access="attribute",
        load=Load("parse", module, parser.owner, (*command, *needed(parser.options, example))),
        detail={
            "loop": "" if loop is None else loop[1],
            "name": example.name,
            "module": example.module,
            "file": example.file,
            "member": "1" if member else "",
        },
    )


def _in_classes(project: Project, siblings: Sequence[Sibling]) -> list[Parser]:
    """The siblings' own methods that add options (``add_arguments(parser)``)."""
    found = []
    for sibling in siblings:
        source = project.source(sibling.file)
        node = class_named(source, sibling.name) if source is not None else None
        for each in node.body if node is not None else ():
            if isinstance(each, ast.FunctionDef) and (calls := options(each)):
                found.append(Parser(sibling.file, f"{sibling.name}.{each.name}", each, tuple(calls)))
    return found


def _parsers(project: Project) -> Iterator[Parser]:
    for source in project.python("add_argument"):
        nodes = list(functions(source.tree.body))
        for name, node in nodes:
            if calls := options(node):
                yield Parser(source.path, name, node, tuple(calls))
        inside = {call for _, node in nodes for call in options(node)}
        outside = [call for call in options(source.tree) if call not in inside]
        if outside:
            variable = ast.unparse(outside[0].func).rpartition(".")[0]
            yield Parser(source.path, variable, source.tree, tuple(outside))


def configure(
    place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project, *, width: int, quote: str
) -> Configuration:
    """See `ConfigStyle`.

    Raises:
        Conflict: the file does not parse.
    """
    source = Source(project.data(place.path), place.path)
    placed = place_fields(fields, place.keys, place.required)
    if place.detail.get("kind") == "subcommand":
        return add_subcommand(place, fields, placed, entry, project, width=width, quote=quote)
    calls = _calls(source, place)
    member = bool(place.detail["member"])
    have = {} if member else {destination(call): call for call in calls}
    missing = [each for each in fields if placed[each.name][-1] not in have]
    texts = {each.name: option_text(each, placed[each.name][-1], calls, source, quote) for each in missing}
    access = {each.name: "{config}." + placed[each.name][-1] for each in fields}
    shared = {
        each.name: repr(default_of(have[key]))
        for each in fields
        if (key := placed[each.name][-1]) in have and default_of(have[key]) is not None
    }
    if member:
        return _as_member(place, entry, source, texts, access, calls)
    edits: dict[str, Edit] = {}
    draft = Draft(source.data, place.path)
    labels = [name_of(texts[each.name]) for each in missing]
    if place.detail["loop"]:
        _name_command(draft, place, entry, width=width, quote=quote)
        labels.insert(0, fill(place.detail["loop"], entry))
        source = Source(draft.data, place.path)
        calls = _calls(source, place)
    if missing:
        if any(SWITCH in text for text in texts.values()) and "argparse" not in bound_names(source):
            texts = {name: text.replace(SWITCH, "BooleanOptionalAction") for name, text in texts.items()}
            need_name(draft, "argparse", "BooleanOptionalAction", width=width)
            source = Source(draft.data, place.path)
            calls = _calls(source, place)
        last = _statement(source, calls[-1])
        at = source.next_line(source.end(last))
        indent, newline = source.indentation(source.start(last)), source.newline
        lead = newline if at == len(source.data) and not source.data.endswith((b"\n", b"\r")) else b""
        lines = [wrapped(texts[each.name], indent.decode(), width) for each in missing]
        text = "".join(f"{line}\n" for line in lines).replace("\n", newline.decode())
        draft.insert([Insertion(at, lead + text.encode("utf-8"))])
        Source(draft.data, place.path)
    if labels:
        edits[place.path] = draft.finish(", ".join(labels))
    return Configuration(
        style="",
        edits=edits,
        access=access,
        shared=shared,
        slots={
            each.name: Slot(place.path, (*place.symbol.split("."), name_of(texts[each.name])), "python_text")
            for each in missing
            if "default=" in texts[each.name]
        },
        load=filled(place.load, entry),
        said=f"options of {place.path}" if edits else f"the options that {place.path} has",
    )


def _loop(node: ast.Module | ast.FunctionDef, siblings: Sequence[Sibling]) -> tuple[ast.expr, str] | None:
    """The list of names for each of which a command is added, where it is written out, and the names' pattern."""
    for each in ast.walk(node):
        if not isinstance(each, ast.For) or not isinstance(each.iter, ast.List | ast.Tuple):
            continue
        names = [literal(one) for one in each.iter.elts]
        adds = any(isinstance(one, ast.Attribute) and one.attr == "add_parser" for one in ast.walk(each))
        named = matches([name for name in names if isinstance(name, str)], siblings)
        pattern = common_pattern(list(named.items()))
        if adds and pattern is not None:
            return each.iter, pattern
    return None


def _name_command(draft: Draft, place: ConfigPlace, entry: Entry, *, width: int, quote: str) -> None:
    """The new trainer's name into the list of those that get a command."""
    source = Source(draft.data, place.path)
    owner = dict(functions(source.tree.body)).get(place.symbol, source.tree)
    found = _loop(owner, [sibling_of(place)])
    assert found is not None
    name = fill(place.detail["loop"], entry)
    listed = found[0]
    assert isinstance(listed, ast.List | ast.Tuple)
    refuse_taken(name, [str(literal(each)) for each in listed.elts], "a command", place.path, line=listed.lineno)
    own = chr(source.data[source.start(listed.elts[-1])])
    text = f"{own if own in QUOTES else quote}{name}{own if own in QUOTES else quote}"
    if source.data[source.start(listed) : source.start(listed) + 1] in (b"(", b"["):
        draft.insert(add_element(source, read_brackets(source, source.start(listed)), text, width=width))
    else:
        draft.insert([Insertion(source.end(listed.elts[-1]), f", {text}".encode())])
    Source(draft.data, place.path)


def _calls(source: Source, place: ConfigPlace) -> list[ast.Call]:
    found: dict[str, list[ast.Call]] = {name: options(node) for name, node in functions(source.tree.body)}
    return found.get(place.symbol) or options(source.tree)


def _statement(source: Source, call: ast.Call) -> ast.stmt:
    """The innermost statement that holds the call."""
    holding = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.stmt) and any(each is call for each in ast.walk(node))
    ]
    return holding[-1]


def _as_member(
    place: ConfigPlace,
    entry: Entry,
    source: Source,
    texts: dict[str, str],
    access: dict[str, str],
    calls: Sequence[ast.Call],
) -> Configuration:
    """A method like the siblings' that adds all options of the new trainer."""
    method = next(node for name, node in functions(source.tree.body) if name == place.symbol)
    first = source.start(method.body[0]) if ast.get_docstring(method) is None else source.end(method.body[0])
    begin = source.line_start(
        source.start(method.decorator_list[0]) - 1 if method.decorator_list else source.start(method)
    )
    head = source.data[begin:first].decode("utf-8").replace("\r\n", "\n").rstrip(" \t\n")
    indent = source.indentation(source.start(method)).decode()
    lines = [line.removeprefix(indent) for line in head.split("\n")]
    step = "\t" if "\t" in indent else "    "
    body = [step + text for text in texts.values()]
    returns = [ast.unparse(each) for each in method.body if isinstance(each, ast.Return)]
    body += [step + each for each in returns]
    symbol = f"{entry.class_name}.{method.name}"
    return Configuration(
        style="",
        access=access,
        slots={
            name: Slot(entry.file, (entry.class_name, method.name, name_of(text)), "python_text")
            for name, text in texts.items()
            if "default=" in text
        },
        member="\n".join([*lines, *body]) + "\n",
        definition_imports=(("argparse", ""),) if any(SWITCH in text for text in texts.values()) else (),
        load=Load("parse", entry.module, symbol),
        said=f"{symbol}, as {place.symbol}" if calls else symbol,
    )
