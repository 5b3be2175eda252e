"""Options of argparse as text, in the manner of those that stand beside them."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ...configuration import Field
from ...source import Source
from ..syntax.python_text import keyword, literal, option_names
from .class_text import quoted

TYPES = ("int", "float", "str")
SWITCH = "argparse.BooleanOptionalAction"


def default_of(call: ast.Call) -> object:
    """The default of an option; None where it has none that is a literal."""
    action = literal(keyword(call, "action"))
    if action in ("store_true", "store_false"):
        return action == "store_false"
    return literal(keyword(call, "default"))


def option_text(each: Field, key: str, calls: Sequence[ast.Call], source: Source, quote: str) -> str:
    """One ``add_argument`` call as its siblings write theirs: dashes, quotes, help, parser's name."""
    names = [name for call in calls for name in option_names(call)[:1]]
    dashed = sum("-" in name.lstrip("-") for name in names) > sum("_" in name for name in names)
    own_quote = next(
        (
            chr(source.data[source.start(argument)])
            for call in calls
            for argument in call.args
            if isinstance(argument, ast.Constant) and source.data[source.start(argument) :][:1] in (b"'", b'"')
        ),
        quote,
    )
    variable = ast.unparse(calls[-1].func)
    name = "--" + (key.replace("_", "-") if dashed else key)
    value = quoted(each.value, own_quote)
    parts = [f"{own_quote}{name}{own_quote}"]
    kind = each.annotation.partition("|")[0].strip()
    if isinstance(literal(ast.parse(each.value, mode="eval").body), bool):
        parts += _switch(value, calls)
    elif kind.startswith(("tuple", "list")):
        inner = next((part for part in TYPES if part in kind), "str")
        listed = ast.literal_eval(each.value)
        parts += [f"type={inner}", f"nargs={own_quote}*{own_quote}", f"default={list(listed or [])!r}"]
    else:
        parts += [f"type={kind if kind in TYPES else 'str'}", f"default={value}"]
    if not calls or any(keyword(call, "help") is not None for call in calls):
        doc = each.doc.replace("%", "%%").replace("\\", "\\\\").replace(own_quote, "\\" + own_quote)
        parts.append(f"help={own_quote}{doc}{own_quote}")
    return f"{variable}({', '.join(parts)})"


def _switch(value: str, calls: Sequence[ast.Call]) -> list[str]:
    """A bool: as the siblings' bools are, else a pair of options."""
    kinds = [ast.unparse(kind) for call in calls if (kind := keyword(call, "type")) is not None]
    own = next((kind for kind in kinds if "bool" in kind.lower() and kind != "bool"), None)
    if own is not None:
        return [f"type={own}", f"default={value}"]
    switches = [literal(keyword(call, "action")) for call in calls]
    if value == "False" and "store_true" in switches:
        return ['action="store_true"']
    return [f"action={SWITCH}", f"default={value}"]


def wrapped(text: str, indent: str, width: int) -> str:
    """The statement on one line, or with its arguments on a line of their own."""
    if len(indent) + len(text) <= width:
        return indent + text
    head, _, rest = text.partition("(")
    step = "\t" if "\t" in indent else "    "
    inside = rest[:-1]
    if len(indent) + len(step) + len(inside) <= width:
        return f"{indent}{head}(\n{indent}{step}{inside}\n{indent})"
    statement = ast.parse(text).body[0]
    assert isinstance(statement, ast.Expr | ast.Assign)
    call = statement.value
    assert isinstance(call, ast.Call)
    parts = [ast.get_source_segment(text, each) or "" for each in call.args]
    parts += [f"{each.arg}={ast.get_source_segment(text, each.value)}" for each in call.keywords]
    lines = "".join(f"{indent}{step}{part},\n" for part in parts)
    return f"{indent}{head}(\n{lines}{indent})"


def name_of(text: str) -> str:
    """The spelling of the option that a call of ``add_argument`` adds."""
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    return option_names(call)[0]
