"""A function that chooses: if/elif, a row of ifs, or match/case; the new branch stands after the siblings', before else."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass

from ...errors import Conflict
from ..analogy import Analogy
from ..binding import below, bindings, bring, bring_name, function_name
from ..draft import Insertion
from ..joining import Entry, Gives, Lookup, Registration, Registry, Sibling
from ..keys import spell_key, taken
from ..project_code import CodeFile, ProjectCode
from ..snippets import snippet
from ..storage import Manner, refuse_prefixes
from .mapping import by_hand, gives

PRECEDENCE = 1


@dataclass(frozen=True)
class Branch:
    """One branch.

    Attributes:
        node: the if, or the case.
        keys: the texts that it compares with, in order.
        sibling: whom it builds.
        start: where the text that is copied begins: the test, or the pattern.
        body: its statements.
    """

    node: ast.If | ast.match_case
    keys: tuple[str, ...]
    sibling: Sibling | None
    start: int
    body: list[ast.stmt]


def find(code: ProjectCode) -> list[Registry]:
    """Every function with branches that build trainers by a text."""
    found = []
    for file in code.files:
        for function, branches in _chains(code, file):
            keys = tuple(key for branch in branches for key in branch.keys)
            line = _line(branches[0])
            found.append(Registry("factory", file.path, line, function, keys, {"function": function}))
        found += [
            Registry("factory", file.path, node.lineno, function, (), {"function": function, "choice": "expression"})
            for function, node in _expressions(code, file)
        ]
    return found


def register(code: ProjectCode, registry: Registry, entry: Entry, *, width: int, quote: str) -> Registration:
    """Add a branch like the siblings' for the entry.

    Raises:
        Conflict: its key is taken, or the choice is written in a way that takes no further branch.
    """
    file = code.current(registry.path)
    if registry.detail.get("choice") == "expression":
        raise by_hand(registry, entry, "chooses between trainers in one expression")
    branches = next(each for function, each in _chains(code, file) if function == registry.detail["function"])
    known = [branch for branch in branches if branch.sibling is not None]
    listed = [(key, branch.sibling) for branch in known for key in branch.keys[:1] if branch.sibling]
    if not listed:
        raise by_hand(registry, entry, "compares with something that is no text")
    manner = _manner(file, branches)
    key = spell_key(listed, entry, code.siblings)
    key = key.lower() if manner.lowered else key
    keys = [each for branch in branches for each in branch.keys]
    taken(key, keys, symbol=registry.symbol, place=f"{registry.path}:{registry.line}")
    refuse_prefixes(key, keys, manner)
    text, analogy, model = _written(code, file, known, entry, key, quote)
    last = known[-1]
    _insert(code, file, last, model, text)
    top_level = bindings(code, file) if not bindings(code, file, registry.symbol) else []
    if top_level or not _imports_inside(model):
        bring(code, registry.path, entry, width=width, function=registry.symbol)
    if analogy.names_config and entry.config:
        bring_name(code, registry.path, *entry.config.split(":", 1), width=width)
    lookup = None
    if registry.symbol:
        asked = _parameter(file, model)
        lookup = Lookup("call", file.module, registry.symbol, key, gives=_gives(model), parameter=asked)
    return Registration(key, lookup=lookup, said=f'"{key}" in {registry.symbol}()')


def _chains(code: ProjectCode, file: CodeFile) -> list[tuple[str, list[Branch]]]:
    """Function name and branches, for every function with two branches for trainers (or one, where it is the only trainer)."""
    groups: dict[tuple[str, int], list[Branch]] = {}
    for node in ast.walk(file.tree):
        found = _branch(code, file, node)
        if found is not None:
            root = _root(file, found.node)
            groups.setdefault((function_name(file, root), id(file.block(root))), []).append(found)
    chains = []
    for (function, _), branches in groups.items():
        branches.sort(key=_line)
        built = {branch.sibling.name for branch in branches if branch.sibling is not None}
        if len(built) > 1 or (built and len(code.siblings) == 1):
            chains.append((function, branches))
    return chains


def _branch(code: ProjectCode, file: CodeFile, node: ast.AST) -> Branch | None:
    if isinstance(node, ast.If):
        keys = _compared(node.test)
        start = file.source.start(node.test)
    elif isinstance(node, ast.match_case):
        keys = _matched(node.pattern)
        start = file.source.offset(node.pattern.lineno, node.pattern.col_offset)
    else:
        return None
    if not keys:
        return None
    sibling = _imported_there(code, file, node.body)
    if sibling is None:
        sibling = next((found for each in node.body if (found := code.sibling_at(file, each))), None)
    return Branch(node, keys, sibling, start, node.body)


def _imported_there(code: ProjectCode, file: CodeFile, body: list[ast.stmt]) -> Sibling | None:
    for each in body:
        if isinstance(each, ast.ImportFrom):
            for alias in each.names:
                found = code.sibling_named(f"{file.absolute(each)}:{alias.name}")
                if found is not None:
                    return found
    return None


def _compared(test: ast.expr) -> tuple[str, ...]:
    """The texts that a test compares with: ``name == "a"``, ``name in ("a", "b")``, ``name.startswith("a")``."""
    nodes: list[ast.expr] = []
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.In):
        nodes = [test.left, test.comparators[0]]
    elif isinstance(test, ast.Call) and isinstance(test.func, ast.Attribute) and test.func.attr == "startswith":
        nodes = list(test.args)
    elif isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return tuple(key for value in test.values for key in _compared(value))
    return tuple(
        part.value
        for node in nodes
        for part in (node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node])
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def _matched(pattern: ast.pattern) -> tuple[str, ...]:
    if isinstance(pattern, ast.MatchOr):
        return tuple(key for each in pattern.patterns for key in _matched(each))
    if isinstance(pattern, ast.MatchValue) and isinstance(pattern.value, ast.Constant):
        return (pattern.value.value,) if isinstance(pattern.value.value, str) else ()
    return ()


def _root(file: CodeFile, node: ast.If | ast.match_case) -> ast.stmt:
    """The statement that a chain begins with: the if that an elif belongs to, the match of a case."""
    if isinstance(node, ast.match_case):
        return file.statement(file.parents[node])
    parent = file.parents[node]
    while isinstance(parent, ast.If) and parent.orelse == [node]:
        node, parent = parent, file.parents[parent]
    return node


def _line(branch: Branch) -> int:
    node = branch.node
    return node.lineno if isinstance(node, ast.If) else node.pattern.lineno


def _manner(file: CodeFile, branches: list[Branch]) -> Manner:
    function = file.function(branches[0].node)
    calls = [ast.unparse(each.node.test) for each in branches if isinstance(each.node, ast.If)]
    whole = ast.unparse(function) if function is not None else ""
    prefix = any(".startswith(" in each for each in calls)
    return Manner(".lower()" in whole or ".casefold()" in whole, prefix, f"{file.path}:{_line(branches[0])}")


def _written(
    code: ProjectCode, file: CodeFile, known: list[Branch], entry: Entry, key: str, quote: str
) -> tuple[str, Analogy, Branch]:
    """The new branch from its test on, as most of the siblings' are written."""
    found: list[tuple[str, Analogy, Branch]] = []
    problem: Conflict | None = None
    for branch in known:
        assert branch.sibling is not None
        if not branch.keys:
            continue
        analogy = Analogy(branch.sibling, entry, code.siblings, {branch.keys[0]: key})
        try:
            head = _head(file, branch, analogy, quote)
            text = head + analogy.rewrite(file, _head_end(file, branch), file.source.end(branch.body[-1]))
        except Conflict as caught:
            problem = caught
        else:
            found.append((text, analogy, branch))
    if not found:
        assert problem is not None
        raise problem
    counted = Counter(text for text, _, _ in found)
    return max(found, key=lambda each: (counted[each[0]], -len(each[2].keys), -len(each[0])))


def _head(file: CodeFile, branch: Branch, analogy: Analogy, quote: str) -> str:
    """The test for one key: aliases of the sibling stay the sibling's."""
    text = analogy.rewrite(file, branch.start, _head_end(file, branch))
    if len(branch.keys) == 1:
        return text
    node = branch.node
    own = f"{quote}{analogy.keys[branch.keys[0]]}{quote}"
    if isinstance(node, ast.match_case):
        return own
    if isinstance(node.test, ast.BoolOp):
        first = node.test.values[0]
        return analogy.rewrite(file, file.source.start(first), file.source.end(first))
    if isinstance(node.test, ast.Compare):
        return f"{file.text(node.test.left)} == {own}"
    return text


def _head_end(file: CodeFile, branch: Branch) -> int:
    node = branch.node
    if isinstance(node, ast.If):
        return file.source.end(node.test)
    last = node.guard or node.pattern
    return file.source.offset(last.end_lineno or last.lineno, last.end_col_offset or 0)


def _insert(code: ProjectCode, file: CodeFile, last: Branch, model: Branch, text: str) -> None:
    """The branch below the last sibling's, with the word that the place asks for."""
    source = file.source
    anchor = last.body[-1]
    word = "case"
    if isinstance(last.node, ast.If):
        chained = bool(last.node.orelse) or file.source.data[source.start(last.node) :].startswith(b"elif")
        word = "elif" if chained else "if"
    indent = _column(file, last.node)
    old = _column(file, model.node).decode()
    lines = snippet("factory", word=word, branch=text).split("\n")
    rows = [lines[0], *(line.removeprefix(old) if line.startswith(old) else line for line in lines[1:])]
    whole = source.newline.join((indent + row.encode("utf-8")) if row.strip() else b"" for row in rows)
    placed = below(source, anchor, "")
    gap = _gap(file, last) if word == "if" else b""
    unfinished = placed.at == len(source.data) and not source.data.endswith((b"\n", b"\r"))
    new = source.newline + gap + whole if unfinished else gap + whole + source.newline
    code.draft(file.path).insert([Insertion(placed.at, new)])


def _gap(file: CodeFile, last: Branch) -> bytes:
    """An empty line between separate ifs where the last two have one."""
    block = file.block(file.statement(last.node))
    number = block.index(file.statement(last.node))
    if number and isinstance(block[number - 1], ast.If):
        distance = block[number].lineno - (block[number - 1].end_lineno or 0)
        return file.source.newline * (distance - 1) if distance > 1 else b""
    return b""


def _column(file: CodeFile, node: ast.If | ast.match_case) -> bytes:
    start = file.source.start(node) if isinstance(node, ast.If) else file.source.offset(node.pattern.lineno, 0)
    return file.source.indentation(start)


def _imports_inside(branch: Branch) -> bool:
    return any(isinstance(each, ast.ImportFrom | ast.Import) for each in branch.body)


def _gives(branch: Branch) -> Gives:
    last = branch.body[-1]
    value = last.value if isinstance(last, ast.Return | ast.Assign) else None
    return gives(value) if value is not None else "instance"


def _parameter(file: CodeFile, branch: Branch) -> str:
    """The parameter of the function that the branch compares; "" where it is a local."""
    node = branch.node
    subject = file.parents[node] if isinstance(node, ast.match_case) else node.test
    subject = subject.subject if isinstance(subject, ast.Match) else subject
    function = file.function(node)
    if function is None:
        return ""
    known = {each.arg for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)}
    return next((each.id for each in ast.walk(subject) if isinstance(each, ast.Name) and each.id in known), "")


def _expressions(code: ProjectCode, file: CodeFile) -> list[tuple[str, ast.IfExp]]:
    """Conditional expressions that choose between two trainers."""
    found = []
    for node in ast.walk(file.tree):
        if isinstance(node, ast.IfExp) and _compared(node.test):
            chosen = {
                each.name for part in (node.body, node.orelse) if (each := code.sibling_at(file, part, texts=False))
            }
            if len(chosen) > 1:
                found.append((function_name(file, node), node))
    return found
