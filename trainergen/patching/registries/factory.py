"""A function that chooses: if/elif, a row of ifs, or match/case; the new branch stands after the siblings', before else."""

from __future__ import annotations

import ast
from collections import Counter

from ...errors import Conflict
from ..analogy import Analogy
from ..binding import below, bindings, bring, bring_name
from ..branches import Branch, chains, expressions, first_line
from ..draft import Insertion
from ..joining import Entry, Gives, Lookup, Registration, Registry
from ..keys import spell_key, taken
from ..project_code import CodeFile, ProjectCode
from ..snippets import snippet
from ..storage import Manner, refuse_prefixes
from .mapping import by_hand, gives

PRECEDENCE = 1


def find(code: ProjectCode) -> list[Registry]:
    """Every function with branches that build trainers by a text."""
    found = []
    for file in code.files:
        for function, branches in chains(code, file):
            keys = tuple(key for branch in branches for key in branch.keys)
            line = first_line(branches[0])
            found.append(Registry("factory", file.path, line, function, keys, {"function": function}))
        found += [
            Registry("factory", file.path, node.lineno, function, (), {"function": function, "choice": "expression"})
            for function, node in expressions(code, file)
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
    branches = next(each for function, each in chains(code, file) if function == registry.detail["function"])
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
    if analogy.names_config and entry.config and not analogy.imports_config:
        bring_name(code, registry.path, *entry.config.split(":", 1), width=width)
    lookup = None
    if registry.symbol:
        asked = _parameter(file, model)
        lookup = Lookup("call", file.module, registry.symbol, key, gives=_gives(model), parameter=asked)
    return Registration(
        key, lookup=lookup, said=f'"{key}" in {f"{registry.symbol}()" if registry.symbol else registry.path}'
    )


def _manner(file: CodeFile, branches: list[Branch]) -> Manner:
    function = file.function(branches[0].node)
    calls = [ast.unparse(each.node.test) for each in branches if isinstance(each.node, ast.If)]
    whole = ast.unparse(function) if function is not None else ""
    prefix = any(".startswith(" in each for each in calls)
    return Manner(".lower()" in whole or ".casefold()" in whole, prefix, f"{file.path}:{first_line(branches[0])}")


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
