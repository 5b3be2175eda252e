"""A subcommand for a new trainer, as its siblings have theirs: the same lines with its own name and defaults."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...configuration import ConfigPlace, Configuration, Field, KeyPath, Load, Slot
from ...draft import Draft, Insertion
from ...imports import need_name
from ...joining import Entry, Sibling
from ...source import Source
from ..syntax.python_text import (
    Subcommand,
    destination,
    functions,
    is_defaults,
    keyword,
    literal,
    option_names,
    subcommands,
)
from .class_imports import bound_names, from_imports
from .class_text import quoted, spoken
from .loading import filled
from .names import fill, follow, pattern_of, refuse_taken
from .option_text import SWITCH, default_of, name_of, option_text, wrapped
from .project import Project
from .section_place import sibling_of
from .typed_words import needed


def add_subcommand(
    place: ConfigPlace,
    fields: Sequence[Field],
    placed: Mapping[str, KeyPath],
    entry: Entry,
    project: Project,
    *,
    width: int,
    quote: str,
) -> Configuration:
    """The lines of the new subcommand, below those of the sibling that is followed.

    Args:
        place: from `subcommands.find`.
        fields: the settings.
        placed: where each stands: the attribute that its option gives.
        entry: the trainer.
        project: its files.
        width: the longest line allowed.
        quote: the project's.

    Raises:
        Conflict: the command is taken, or the file does not parse.
    """
    source = Source(project.data(place.path), place.path)
    known = _known(source, place)
    name = fill(place.symbol, entry)
    refuse_taken(name, {each.name: each.statement.lineno for each in known}, "a command", place.path)
    made = _Lines(place, source, known, fields, placed, entry, quote)
    lines = made.lines()
    draft = Draft(source.data, place.path)
    if any(SWITCH in line for line in lines) and "argparse" not in bound_names(source):
        lines = [line.replace(SWITCH, "BooleanOptionalAction") for line in lines]
        need_name(draft, "argparse", "BooleanOptionalAction", width=width)
    if made.names_trainer:
        need_name(draft, entry.module, entry.class_name, width=width)
    _insert(draft, place, lines, width)
    slots = {
        each: Slot(place.path, (*place.detail["owner"].split("."), name, key), "python_text")
        for each, key in made.keys.items()
    }
    return Configuration(
        style="",
        edits={place.path: draft.finish(name)},
        access={each.name: "{config}." + placed[each.name][-1] for each in fields},
        slots=slots,
        shared=made.shared,
        load=filled(made.typed(place.load), entry),
        said=f"the command {name} of {place.path}",
    )


def _known(source: Source, place: ConfigPlace) -> list[Subcommand]:
    owner = dict(functions(source.tree.body)).get(place.detail["owner"])
    return subcommands(owner if owner is not None else source.tree, source.tree)


def _insert(draft: Draft, place: ConfigPlace, lines: Sequence[str], width: int) -> None:
    source = Source(draft.data, place.path)
    example = next(each for each in _known(source, place) if each.name == place.example)
    last = example.body[-1] if example.body else example.statement
    at = source.next_line(source.end(last))
    indent, newline = source.indentation(source.start(last)).decode(), source.newline.decode()
    above = source.line_start(source.start(example.statement))
    apart = above > 0 and not source.data[source.line_start(above - 1) : above].strip()
    lead = newline if at == len(source.data) and not source.data.endswith((b"\n", b"\r")) else ""
    text = ("\n" if apart else "") + "".join(f"{_indented(line, indent, width)}\n" for line in lines)
    draft.insert([Insertion(at, (lead + text.replace("\n", newline)).encode("utf-8"))])
    Source(draft.data, place.path)


def _indented(text: str, indent: str, width: int) -> str:
    """A statement at its place; one of several lines keeps them."""
    return "\n".join(indent + line for line in text.split("\n")) if "\n" in text else wrapped(text, indent, width)


class _Lines:
    """Writes the statements, and remembers where each setting stands.

    Attributes:
        keys: our field name -> its key below the command: ``--option``, or a name that ``set_defaults`` gives.
        shared: our field name -> the literal that the parents of all commands have for it.
        names_trainer: a line names the new trainer itself.
    """

    def __init__(
        self,
        place: ConfigPlace,
        source: Source,
        known: Sequence[Subcommand],
        fields: Sequence[Field],
        placed: Mapping[str, KeyPath],
        entry: Entry,
        quote: str,
    ) -> None:
        self.source, self.entry, self.quote = source, entry, quote
        self.sibling: Sibling = sibling_of(place)
        self.example = next(each for each in known if each.name == place.example)
        self.fields = {placed[each.name][-1]: each for each in fields}
        self.kept = _kept(place, known, self.example)
        self.variable = self._variable(known)
        self.imports = from_imports(source)
        self.keys: dict[str, str] = {}
        self.shared: dict[str, str] = {}
        self.names_trainer = False

    def typed(self, load: Load | None) -> Load | None:
        """`load` with the words for options that have no default here either."""
        rest = [
            call
            for call in (*self.example.options, *self.example.inherited)
            if (destination(call) in self.kept and destination(call) not in self.fields)
            or call in self.example.inherited
        ]
        return load and replace(load, arguments=(*load.arguments, *needed(rest, self.sibling)))

    def lines(self) -> list[str]:
        """Every statement."""
        example = self.example
        found = [self._own(example.statement)]
        given = {
            each.arg
            for statement in example.body
            if isinstance(statement.value, ast.Call) and is_defaults(statement.value)
            for each in statement.value.keywords
        }
        own = {destination(call) for call in example.options}
        rest = {key: each for key, each in self.fields.items() if key not in own | given}
        for statement in example.body:
            call = statement.value
            assert isinstance(call, ast.Call)
            if call in example.options:
                found += self._option(statement, call, overridden=destination(call) in given)
            elif is_defaults(call):
                found.append(self._defaults(statement, call))
            else:
                found.append(self._own(statement))
        inherited = {destination(call): call for call in example.inherited}
        at = max((number for number, line in enumerate(found) if ".add_argument(" in line), default=0) + 1
        added = []
        for key, each in rest.items():
            if key in inherited:
                default = default_of(inherited[key])
                if default is not None:
                    self.shared[each.name] = repr(default)
            else:
                added.append(self._new(each, key))
        found[at:at] = added
        return found

    def _variable(self, known: Sequence[Subcommand]) -> str:
        """What holds the new parser: called after the trainer where the sibling's is, else the one that all share."""
        old = self.example.variable
        pattern = pattern_of(old, self.sibling)
        if pattern is not None:
            new = fill(pattern, self.entry).replace("-", "_")
            taken = {each.id for each in ast.walk(self.source.tree) if isinstance(each, ast.Name)} | bound_names(
                self.source
            )
            return new if new not in taken else f"{new}_parser"
        shared = sum(each.variable == old for each in known) > 1
        return old if shared else f"{self.entry.snake}_parser"

    def _held(self, text: str) -> str:
        """A statement with the new parser's variable: it calls a method of it, or is given it first."""
        old = re.escape(self.example.variable)
        return re.sub(rf"^{old}\b|(?<=\(){old}(?=[,)])", self.variable, text, count=1)

    def _own(self, statement: ast.stmt) -> str:
        """A statement of the sibling's, about the new trainer."""
        text = spoken(self.source, statement, self.sibling, self.entry)
        text = self._held(text)
        named = any(isinstance(each, ast.Name) and each.id == self.sibling.name for each in ast.walk(statement))
        if named:
            self.names_trainer = True
            text = re.sub(rf"\b{re.escape(self.sibling.name)}\b", self.entry.class_name, text)
        return text

    def _option(self, statement: ast.Expr, call: ast.Call, *, overridden: bool) -> list[str]:
        key = destination(call)
        each = self.fields.get(key)
        if each is None:
            return [self._own(statement)] if key in self.kept else []
        if overridden:
            return [self._own(statement)]
        default = keyword(call, "default")
        if default is None or not _takes(call, each.value):
            return [self._new(each, key)]
        self.keys[each.name] = option_names(call)[0]
        return [self._replaced(statement, {default: each.value})]

    def _new(self, each: Field, key: str) -> str:
        text = option_text(each, key, self.example.options, self.source, self.quote)
        text = self._held(text)
        if "default=" in text:
            self.keys[each.name] = name_of(text)
        return text

    def _defaults(self, statement: ast.Expr, call: ast.Call) -> str:
        values = {}
        for each in call.keywords:
            field = self.fields.get(each.arg or "")
            if field is not None and each.arg is not None:
                values[each.value] = field.value
                self.keys[field.name] = each.arg
        return self._replaced(statement, values)

    def _replaced(self, statement: ast.Expr, values: Mapping[ast.expr, str]) -> str:
        """The sibling's statement with other values; the text of each stands once where it is marked."""
        data, start = self.source.data, self.source.start(statement)
        pieces, position = [], start
        for node in sorted(values, key=self.source.start):
            pieces += [
                data[position : self.source.start(node)],
                _quoted(values[node], data, self.source.start(node), self.quote),
            ]
            position = self.source.end(node)
        pieces.append(data[position : self.source.end(statement)])
        text = b"".join(pieces).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
        column = self.source.column(start)
        text = "\n".join(
            line[column:] if number and not line[:column].strip() else line
            for number, line in enumerate(text.split("\n"))
        )
        return self._renamed(statement, text)

    def _renamed(self, statement: ast.Expr, text: str) -> str:
        for each in ast.walk(statement):
            if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value:
                text = text.replace(each.value, follow(each.value, self.sibling, self.entry))
        if any(isinstance(each, ast.Name) and each.id == self.sibling.name for each in ast.walk(statement)):
            self.names_trainer = True
            text = re.sub(rf"\b{re.escape(self.sibling.name)}\b", self.entry.class_name, text)
        return self._held(text)


def _quoted(value: str, data: bytes, at: int, quote: str) -> bytes:
    first = data[at : at + 1].decode("latin-1")
    return quoted(value, first if first in ("'", '"') else quote).encode("utf-8")


def _kept(place: ConfigPlace, known: Sequence[Subcommand], example: Subcommand) -> set[str]:
    """Options that the new command needs whatever our settings are: those of every sibling, and those that others read."""
    others = place.detail["others"].split("\n")
    commands = [example, *(each for each in known if each.name in others)]
    common = set.intersection(*({destination(call) for call in each.options} for each in commands))
    return (common if len(commands) > 1 else set()) | {key[-1] for key in place.required}


def _takes(call: ast.Call, value: str) -> bool:
    """Whether an option can have `value`: it is one of its choices, and not what only a flag's absence says."""
    given = literal(ast.parse(value, mode="eval").body)
    if keyword(call, "action") is not None:
        return isinstance(given, bool) and "BooleanOptionalAction" in ast.unparse(keyword(call, "action") or call)
    choices = literal(keyword(call, "choices"))
    if isinstance(choices, list | tuple | set):
        return given in choices
    kind = ast.unparse(keyword(call, "type") or ast.Name("str"))
    return not (kind == "int" and isinstance(given, float))
