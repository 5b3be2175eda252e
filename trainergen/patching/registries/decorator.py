"""A decorator on the class (``@register("wine")``, ``@TRAINERS.register()``), and the import line that makes it run."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass

from ...errors import Conflict
from ..analogy import Analogy
from ..carried import carry, definition_of, import_of, own_key, register_key
from ..joining import Entry, Lookup, Registration, Registry, Sibling
from ..project_code import CodeFile, ProjectCode
from ..snippets import snippet
from ..storage import Storage, storage_of

PRECEDENCE = 2
ELSEWHERE = frozenset(
    {"dataclasses", "functools", "typing", "abc", "torch", "attr", "attrs", "typing_extensions", "warnings"}
)
"""Modules whose decorators register nothing."""
KEYWORDS = ("name", "key", "id", "alias", "trainer_type")


@dataclass(frozen=True)
class Use:
    """A decorator on a sibling: its file, the expression, and what is called."""

    sibling: Sibling
    file: CodeFile
    node: ast.expr
    callee: ast.expr

    @property
    def key(self) -> str | None:
        """The key that is written out."""
        return call_key(self.node)


def call_key(node: ast.expr) -> str | None:
    """The text by which a call registers: its first argument, or the keyword for it."""
    if not isinstance(node, ast.Call):
        return None
    candidates = [*node.args[:1], *(each.value for each in node.keywords if each.arg in KEYWORDS)]
    return next(
        (each.value for each in candidates if isinstance(each, ast.Constant) and isinstance(each.value, str)), None
    )


def find(code: ProjectCode) -> list[Registry]:
    """The decorators that the siblings carry and that register them."""
    groups: dict[str, list[Use]] = {}
    for use in _uses(code):
        groups.setdefault(ast.unparse(use.callee), []).append(use)
    found = []
    for text, uses in groups.items():
        if 2 * len({use.sibling for use in uses}) < len(code.siblings):
            continue
        storage = storage_of(code, uses[0].file, uses[0].callee)
        keys = tuple(use.key or own_key(use.sibling, code.file(use.sibling.file) or use.file, storage) for use in uses)
        found.append(Registry("decorator", uses[0].file.path, uses[0].node.lineno, text, keys, {"callee": text}))
    return found


def register(code: ProjectCode, registry: Registry, entry: Entry, *, width: int, quote: str) -> Registration:
    """The decorator for the entry's class, and the import that runs it.

    Raises:
        Conflict: the key is taken, or the decorator is given something that is the sibling's own.
    """
    uses = [use for use in _uses(code) if ast.unparse(use.callee) == registry.detail["callee"]]
    use = uses[0]
    storage = storage_of(code, use.file, use.callee)
    listed = [(use.key, use.sibling.name) for use in uses if use.key is not None]
    key, attribute = register_key(code, registry, entry, listed, storage, quote)
    text = _text(code, uses, entry, key)
    module, name, shown = import_of(code, use.file, use.callee)
    text = shown + text[len(registry.detail["callee"]) :]
    needs = (carry(code, entry, width=width),)
    return Registration(
        key,
        decorator=snippet("decorator", decorator=text),
        decorator_import=(module, name),
        class_attribute=attribute,
        lookup=lookup_of(storage, module, shown, key, needs),
        said=f"@{text}",
    )


def lookup_of(storage: Storage | None, module: str, callee: str, key: str, needs: tuple[str, ...]) -> Lookup:
    """Where a registered class is found: where the project's code keeps it, else by the ``get`` beside ``register``."""
    if storage is not None:
        return Lookup("mapping", storage.module, storage.symbol, key, needs=needs)
    owner, _, _ = callee.rpartition(".")
    if owner:
        return Lookup("call", module, f"{owner}.get", key, needs=needs)
    return Lookup("attribute", needs[0], key, key, needs=needs)


def _uses(code: ProjectCode) -> list[Use]:
    found = []
    for sibling in code.siblings:
        file = code.file(sibling.file)
        node = definition_of(file, sibling.name) if file is not None else None
        if file is None or node is None:
            continue
        for decorator in node.decorator_list:
            callee = decorator.func if isinstance(decorator, ast.Call) else decorator
            origin = file.resolve(callee) or ""
            registers = any(
                word in ast.unparse(callee).lower() for word in ("regist", "plugin", "enrol", "configurable")
            )
            if origin.partition(":")[0].partition(".")[0] not in ELSEWHERE and (registers or call_key(decorator)):
                found.append(Use(sibling, file, decorator, callee))
    return found


def _text(code: ProjectCode, uses: list[Use], entry: Entry, key: str) -> str:
    """The decorator as most siblings' is written, without the @."""
    written: list[str] = []
    problem: Conflict | None = None
    for use in uses:
        analogy = Analogy(use.sibling, entry, code.siblings, {use.key: key} if use.key else {})
        try:
            start, end = use.file.source.start(use.node), use.file.source.end(use.node)
            written.append(analogy.rewrite(use.file, start, end))
        except Conflict as caught:
            problem = caught
    if not written:
        assert problem is not None
        raise problem
    counted = Counter(written)
    return max(written, key=lambda each: (counted[each], -len(each)))
