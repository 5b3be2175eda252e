"""The text of a config class for a new trainer, in the manner of a sibling's: decorators, bases, section, fields, comments."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...configuration import Field, KeyPath
from ...joining import Entry, Sibling
from ...source import Source
from .classes import ClassField
from .names import follow

TYPING = {
    "Any": "typing",
    "ClassVar": "typing",
    "Literal": "typing",
    "Optional": "typing",
    "Union": "typing",
    "Path": "pathlib",
    "field": "dataclasses",
    "Field": "pydantic",
}
"""What a field may use, and where that comes from."""


@dataclass(frozen=True)
class Manner:
    """How a class writes its fields."""

    annotated: bool
    defaults: bool
    trailing: bool
    listed: bool
    described: str
    upper: bool


def manner_of(source: Source, node: ast.ClassDef) -> Manner:
    """The manner of the fields that a class has of its own."""
    fields = [each for each in node.body if isinstance(each, ast.Assign | ast.AnnAssign) and not _is_class_level(each)]
    annotated = [each for each in fields if isinstance(each, ast.AnnAssign)]
    fields = [*annotated] or fields
    lines = [source.data[source.end(each) : source.next_line(source.end(each))] for each in fields]
    calls = [ast.unparse(each.value) for each in fields if each.value is not None and isinstance(each.value, ast.Call)]
    described = ""
    if sum("metadata=" in call and "help" in call for call in calls) * 2 > len(fields):
        described = "metadata"
    elif sum("description=" in call for call in calls) * 2 > len(fields):
        described = "description"
    return Manner(
        annotated=bool(annotated) or not fields,
        defaults=not fields or any(each.value is not None for each in fields),
        trailing=bool(lines) and sum(b"#" in line for line in lines) * 2 >= len(lines),
        listed="Attributes:" in (ast.get_docstring(node) or ""),
        described=described,
        upper=bool(fields) and all(name.isupper() for each in fields for name in _targets(each)),
    )


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_class_level(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and "ClassVar" in ast.unparse(node.annotation)


def spoken(source: Source, node: ast.stmt | ast.expr, sibling: Sibling, entry: Entry) -> str:
    """The source text of a node, the sibling's name in its strings replaced; dedented."""
    text = source.data[source.start(node) : source.end(node)].decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value:
            new = follow(each.value, sibling, entry)
            if new != each.value:
                text = text.replace(each.value, new)
    return textwrap.dedent(" " * _column(source, node) + text)


def _column(source: Source, node: ast.stmt | ast.expr) -> int:
    return source.column(source.start(node))


def class_text(
    source: Source,
    node: ast.ClassDef,
    name: str,
    entry: Entry,
    sibling: Sibling,
    lines: Sequence[str],
    *,
    kept: Sequence[str],
    fields: Sequence[Field],
    placed: Mapping[str, KeyPath],
    width: int,
) -> str:
    """The whole class.

    Args:
        source: the sibling's file.
        node: its class.
        name: of the new one.
        entry: the new trainer.
        sibling: the trainer whose class is followed.
        lines: the fields' statements.
        kept: names of fields that `lines` has already, whose statements in the sibling are left out.
        fields: for the docstring, where the sibling lists its attributes.
        placed: how the class calls them.
        width: the longest line allowed.
    """
    head = [f"@{spoken(source, each, sibling, entry)}" for each in node.decorator_list]
    bases = [spoken(source, each, sibling, entry) for each in node.bases]
    bases += [f"{each.arg}={spoken(source, each.value, sibling, entry)}" for each in node.keywords]
    head.append(f"class {name}({', '.join(bases)}):" if bases else f"class {name}:")
    body: list[str] = []
    if ast.get_docstring(node) is not None:
        body += [*_docstring(node, entry, fields, placed, width), ""]
    above = [spoken(source, each, sibling, entry) for each in node.body if _is_kept(each, kept)]
    body += [*(line for text in above for line in text.split("\n")), *([""] if above and lines else []), *lines]
    methods = [spoken(source, each, sibling, entry) for each in node.body if _calls_super_only(each)]
    for text in methods:
        body += ["", *text.split("\n")]
    if not any(line.strip() for line in body):
        body = ["pass"]
    step = "\t" if b"\t" in source.indentation(source.start(node.body[0])) else "    "
    return "\n".join([*head, *(step + line if line else "" for line in body)]) + "\n"


def _docstring(
    node: ast.ClassDef, entry: Entry, fields: Sequence[Field], placed: Mapping[str, KeyPath], width: int
) -> list[str]:
    if "Attributes:" not in (ast.get_docstring(node) or ""):
        return [f'"""Settings of {entry.class_name}."""']
    lines = [f'"""Settings of {entry.class_name}.', "", "Attributes:"]
    for each in fields:
        text = f"{placed[each.name][-1]}: {each.doc.rstrip('.')}."
        lines += [f"    {part}" for part in textwrap.wrap(text, width - 8, subsequent_indent="    ")]
    return [*lines, '"""']


def _is_kept(node: ast.stmt, fields: Sequence[str]) -> bool:
    """Whether a statement of the sibling's class is no field: its section, its settings of the library."""
    if isinstance(node, ast.ClassDef):
        return True
    if isinstance(node, ast.Assign | ast.AnnAssign):
        names = _targets(node)
        return _is_class_level(node) or (isinstance(node, ast.Assign) and bool(names) and not set(names) & set(fields))
    return False


def _calls_super_only(node: ast.stmt) -> bool:
    """``__init__`` that hands a section's name to the base and does nothing else."""
    return (
        isinstance(node, ast.FunctionDef)
        and node.name == "__init__"
        and all(isinstance(each, ast.Expr) and "super().__init__(" in ast.unparse(each) for each in node.body)
    )


def field_lines(
    fields: Sequence[Field],
    placed: Mapping[str, KeyPath],
    known: Sequence[ClassField],
    manner: Manner,
    *,
    pydantic: bool,
    quote: str,
    kept: Mapping[KeyPath, str],
) -> list[str]:
    """One statement a field, in the order of the siblings; groups that are classes themselves become calls of these."""
    groups = {each.keys[0]: each.group for each in known if len(each.keys) > 1 and each.group}
    order = [each.keys[0] for each in known]
    written: dict[str, str] = {keys[0]: text for keys, text in kept.items()}
    inner: dict[str, list[str]] = {}
    for each in fields:
        keys = placed[each.name]
        value = quoted(each.value, quote)
        if len(keys) > 1:
            inner.setdefault(keys[0], []).append(f"{keys[-1]}={value}")
            continue
        was = next((other.annotation for other in known if other.keys == keys), "")
        path = "Path" in was and each.annotation.startswith("str")  # a path stays one
        field = replace(each, annotation=was) if path else each
        value = f"Path({value})" if path and value != "None" else value
        written[keys[0]] = statement(keys[0], field, value, manner, pydantic=pydantic, quote=quote)
    for group, arguments in inner.items():
        made = f"{groups[group]}({', '.join(arguments)})"
        default = f"Field(default_factory=lambda: {made})" if pydantic else f"field(default_factory=lambda: {made})"
        written[group] = f"{group}: {groups[group]} = {default}"
    named = [name for name in dict.fromkeys(order) if name in written]
    return [written[name] for name in (*named, *(name for name in written if name not in named))]


def statement(name: str, each: Field, value: str, manner: Manner, *, pydantic: bool, quote: str) -> str:
    """One field."""
    doc = each.doc.replace("\\", "\\\\").replace(quote, "\\" + quote)
    head = f"{name}: {each.annotation}" if manner.annotated else name
    if not manner.defaults:
        text = head
    elif manner.described == "metadata":
        text = f"{head} = field(default={value}, metadata={{{quote}help{quote}: {quote}{doc}{quote}}})"
    elif manner.described == "description":
        text = f"{head} = Field(default={value}, description={quote}{doc}{quote})"
    elif value[:1] in ("[", "{") and manner.annotated and not pydantic:
        text = f"{head} = field(default_factory=lambda: {value})"
    else:
        text = f"{head} = {value}"
    return f"{text}  # {each.doc}" if manner.trailing and each.doc else text


def quoted(literal: str, quote: str) -> str:
    """A literal with the project's quotes, where it is a plain text."""
    value = ast.literal_eval(literal)
    if isinstance(value, str) and "\\" not in repr(value) and not {"'", '"'} & set(value):
        return f"{quote}{value}{quote}"
    return literal


def words_in(text: str) -> set[str]:
    """The names that a piece of code uses, strings and comments left out."""
    code = re.sub(r'""".*?"""|"[^"\n]*"|\'[^\'\n]*\'|#[^\n]*', "", text, flags=re.DOTALL)
    return set(re.findall(r"[A-Za-z_]\w*", code))
