"""Calls that register (``register("wine", WineTrainer)``): in one file for all, or below each class in its own."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass

from ...errors import Conflict
from ..analogy import Analogy
from ..binding import below, bindings, bring, bring_name, defines_base, function_name, imports_itself
from ..carried import carry, import_of, own_key, register_key
from ..joining import Entry, Registration, Registry, Sibling
from ..project_code import CodeFile, ProjectCode
from ..snippets import snippet
from ..storage import storage_of
from .decorator import call_key, lookup_of

PRECEDENCE = 3
VERBS = ("regist", "enrol", "plugin", "declare", "publish", "add_trainer", "add_class")


@dataclass(frozen=True)
class Use:
    """A call that registers a sibling.

    Attributes:
        file, statement, call: where.
        callee: what registers: the innermost function where one call gives the next (``register("a")(A)``).
        own: it stands in the sibling's own file.
    """

    sibling: Sibling
    file: CodeFile
    statement: ast.Expr
    call: ast.Call
    callee: ast.expr
    own: bool

    @property
    def key(self) -> str | None:
        """The key that is written out."""
        return call_key(self.call.func) or call_key(self.call)


def find(code: ProjectCode) -> list[Registry]:
    """The functions by which the siblings are registered."""
    groups: dict[tuple[str, str, str], list[Use]] = {}
    for use in _uses(code):
        where = "" if use.own else use.file.path
        groups.setdefault((ast.unparse(use.callee), where, function_name(use.file, use.statement)), []).append(use)
    found = []
    for (text, where, function), uses in groups.items():
        if 2 * len({use.sibling for use in uses}) < len(code.siblings):
            continue
        storage = storage_of(code, uses[0].file, uses[0].callee)
        keys = tuple(use.key or own_key(use.sibling, code.file(use.sibling.file) or use.file, storage) for use in uses)
        detail = {"callee": text, "where": where, "function": function}
        found.append(Registry("call", uses[-1].file.path, uses[-1].statement.lineno, text, keys, detail))
    return found


def register(code: ProjectCode, registry: Registry, entry: Entry, *, width: int, quote: str) -> Registration:
    """One more call after the siblings', or the statement for the entry's own file.

    Raises:
        Conflict: the key is taken, or a call is given something that is the sibling's own.
    """
    where = registry.detail["where"]
    file = code.current(where) if where else None
    uses = [
        use
        for use in (_uses(code) if file is None else _uses_in(code, file))
        if ast.unparse(use.callee) == registry.detail["callee"]
        and use.own == (not where)
        and function_name(use.file, use.statement) == registry.detail["function"]
    ]
    last = uses[-1]
    storage = storage_of(code, last.file, last.callee)
    listed = [(use.key, use.sibling.name) for use in uses if use.key is not None]
    key, attribute = register_key(code, registry, entry, listed, storage, quote)
    text, names_config = _text(code, uses, entry, key)
    module, name, shown = import_of(code, last.file, last.callee)
    said = text if "\n" not in text else f"{registry.symbol}(... {key} ...)"
    function = registry.detail["function"]
    if not where or (not function and defines_base(last.file, entry) and not bindings(code, last.file)):
        if where:
            imports_itself(code, where, entry, registry.symbol)
        needs = (last.file.module if where else carry(code, entry, width=width),)
        return Registration(
            key,
            statement=shown + text[len(registry.detail["callee"]) :],
            decorator_import=(module, name),
            class_attribute=attribute,
            lookup=lookup_of(storage, module, shown, key, needs),
            said=said,
        )
    code.draft(where).insert([below(last.file.source, last.statement, snippet("call", call=text))])
    if '"' not in text or entry.class_name in text.replace(f":{entry.class_name}", "").replace(
        f".{entry.class_name}", ""
    ):
        bring(code, where, entry, width=width, function=function)
    if names_config and entry.config:
        bring_name(code, where, *entry.config.split(":", 1), width=width)
    lookup = lookup_of(storage, module, shown, key, (last.file.module,))
    return Registration(key, class_attribute=attribute, lookup=lookup, said=said)


def _uses(code: ProjectCode) -> list[Use]:
    files = [file for each in code.siblings if (file := code.file(each.file)) is not None]
    return [use for file in dict.fromkeys([*code.files, *files]) for use in _uses_in(code, file)]


def _uses_in(code: ProjectCode, file: CodeFile) -> list[Use]:
    found = []
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
            continue
        call = node.value
        callee = call.func.func if isinstance(call.func, ast.Call) else call.func
        if not any(verb in ast.unparse(callee).lower() for verb in VERBS):
            continue
        given = [*call.args, *(each.value for each in call.keywords)]
        if any(isinstance(above, ast.For) for above in file.above(node)):
            continue
        sibling = next((each for value in given if (each := code.sibling_at(file, value)) is not None), None)
        if sibling is not None:
            own = sibling.file == file.path and len(code.defined_in(file)) < max(len(code.siblings), 2)
            found.append(Use(sibling, file, node, call, callee, own))
    return sorted(found, key=lambda use: use.statement.lineno)


def _text(code: ProjectCode, uses: list[Use], entry: Entry, key: str) -> tuple[str, bool]:
    """The call as most siblings' is written, and whether it names the entry's configuration."""
    written: list[tuple[str, bool]] = []
    problem: Conflict | None = None
    for use in uses:
        analogy = Analogy(use.sibling, entry, code.siblings, {use.key: key} if use.key else {})
        source = use.file.source
        try:
            text = analogy.rewrite(use.file, source.start(use.statement), source.end(use.statement))
        except Conflict as caught:
            problem = caught
        else:
            indent = source.indentation(source.start(use.statement)).decode()
            lines = text.split("\n")
            rows = [lines[0], *(line.removeprefix(indent) for line in lines[1:])]
            written.append(("\n".join(rows), analogy.names_config))
    if not written:
        assert problem is not None
        raise problem
    counted = Counter(text for text, _ in written)
    return max(written, key=lambda each: (counted[each[0]], -len(each[0])))
