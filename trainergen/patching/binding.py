"""Makes the new trainer's name hold in a file, by an import beside those of its siblings and in their manner."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..errors import Conflict
from . import exports
from .analogy import relative
from .draft import Draft, Insertion
from .imports import module_order, need_name
from .joining import Entry, Sibling
from .project_code import CodeFile, Function, ProjectCode, import_text, same_module
from .source import Source


@dataclass(frozen=True)
class Binding:
    """How a file binds a sibling: the statement and its alias, and whether it binds the class or its module."""

    node: ast.ImportFrom | ast.Import
    alias: ast.alias
    sibling: Sibling
    whole_module: bool


def bindings(code: ProjectCode, file: CodeFile, function: str = "") -> list[Binding]:
    """The imports of siblings in a file: those of a function where it has any, else those outside of functions."""
    found = [each for node in ast.walk(file.tree) for each in _bindings_of(code, file, node)]
    found.sort(key=lambda each: (each.node.lineno, each.node.col_offset))
    inner = [
        each
        for each in found
        if function and (owner := file.function(each.node)) is not None and file.qualified(owner) == function
    ]
    return inner or [each for each in found if file.function(each.node) is None]


def bring(code: ProjectCode, path: str, entry: Entry, *, width: int, function: str = "") -> None:
    """Import the entry's class into a file as its siblings are imported, and export it where they are exported.

    Args:
        code: the project.
        path: the file.
        entry: the new trainer.
        width: the longest line allowed.
        function: the dotted name of the function whose own imports may bind the siblings; "" for none.

    Raises:
        Conflict: the file binds the class's name to something else, or computes ``__all__``.
    """
    file = code.current(path)
    bound = bindings(code, file, function)
    if not function and _is_there(file, entry):
        pass  # another registry in the same file has brought it already
    elif not bound:
        bring_name(code, path, entry.module, entry.class_name, width=width)
    else:
        _beside(code, file, bound, entry, width)
    names = exports.listed(code.draft(path).data, path)
    if any(each.name in names for each in code.siblings):
        exports.add_name(code.draft(path), entry.class_name, width=width, beside=[each.name for each in code.siblings])


def bring_name(code: ProjectCode, path: str, module: str, name: str, *, width: int) -> None:
    """Import a name as the file imports the project's own modules: relatively where it does so."""
    file = code.current(path)
    relatively = any(isinstance(node, ast.ImportFrom) and node.level for node in file.tree.body)
    spelled = relative(file.package, module, module) if relatively else module
    own = frozenset({module.partition(".")[0], *(each.module.partition(".")[0] for each in code.siblings)})
    need_name(code.draft(path), spelled, name, width=width, first_party=own)


def _bindings_of(code: ProjectCode, file: CodeFile, node: ast.AST) -> list[Binding]:
    found = []
    if isinstance(node, ast.ImportFrom):
        module = file.absolute(node)
        for alias in node.names:
            if alias.name == "*":
                whole = next((each for each in code.siblings if each.module == module), None)
                found += [Binding(node, alias, whole, False)] if whole else []
            elif (sibling := code.sibling_named(f"{module}:{alias.name}")) is not None:
                found.append(Binding(node, alias, sibling, False))
            else:
                dotted = f"{module}.{alias.name}" if module else alias.name
                found += [Binding(node, alias, each, True) for each in code.siblings if each.module == dotted][:1]
    elif isinstance(node, ast.Import):
        for alias in node.names:
            found += [Binding(node, alias, each, True) for each in code.siblings if each.module == alias.name][:1]
    return found


def _beside(code: ProjectCode, file: CodeFile, bound: list[Binding], entry: Entry, width: int) -> None:
    last = bound[-1]
    node, draft = last.node, code.draft(file.path)
    if last.whole_module and last.alias.asname not in (None, last.sibling.module.rpartition(".")[2]):
        # the module has a name of its own there, which says nothing for another one: the class is imported
        _statement(file, draft, bound, f"from {entry.module} import {entry.class_name}", entry.module)
        return
    if isinstance(node, ast.Import):
        _statement(file, draft, bound, f"import {entry.module}", entry.module)
        return
    if last.whole_module:
        package, _, stem = entry.module.rpartition(".")
        if file.absolute(node) == package:
            _name(file, draft, bound, stem, width)
        else:
            _statement(file, draft, bound, f"from {package} import {stem}" if package else f"import {stem}", package)
        return
    module = file.absolute(node)
    reexports = module != last.sibling.module and last.sibling.module.startswith(module + ".")
    reexports = reexports and entry.module.startswith(module + ".")
    if reexports and (shown := code.of_module(module)) is not None and shown.path != file.path:
        bring(code, shown.path, entry, width=width)
        _name(code.current(file.path), draft, bindings_again(code, file, bound), entry.class_name, width)
        return
    spelled = relative(file.package, entry.module, entry.module) if node.level else _as(last, entry.module, module)
    name = "*" if last.alias.name == "*" else entry.class_name
    if name != "*" and last.alias.asname == last.alias.name:
        name = f"{name} as {name}"
    same = [each for each in bound if isinstance(each.node, ast.ImportFrom) and import_text(each.node) == spelled]
    if same and name != "*":
        _name(file, draft, same, name, width)
    else:
        _statement(file, draft, bound, f"from {spelled} import {name}", spelled)


def _is_there(file: CodeFile, entry: Entry) -> bool:
    """Whether an import outside of functions binds the entry's class, or its module."""
    package, _, stem = entry.module.rpartition(".")
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ImportFrom) and file.function(node) is None:
            module, names = file.absolute(node), {alias.name for alias in node.names}
            if (module == entry.module and names & {entry.class_name, "*"}) or (module == package and stem in names):
                return True
        if isinstance(node, ast.Import) and entry.module in {alias.name for alias in node.names}:
            return True
    return False


def bindings_again(code: ProjectCode, file: CodeFile, bound: list[Binding]) -> list[Binding]:
    """The same bindings after other files were edited: this one's draft is parsed anew."""
    function = file.function(bound[-1].node)
    return bindings(code, code.current(file.path), file.qualified(function) if function else "")


def _as(binding: Binding, module: str, spelled: str) -> str:
    """`module` as an absolute import beside `binding` spells it: from another root where the sibling's is."""
    theirs = binding.sibling.module
    if theirs.endswith("." + spelled) and same_module(spelled, theirs):
        lead = theirs[: len(theirs) - len(spelled)]
        return module[len(lead) :] if module.startswith(lead) else module
    return module


def _name(file: CodeFile, draft: Draft, bound: list[Binding], name: str, width: int) -> None:
    """One more name in the last statement that imports siblings."""
    from .imports import extend

    node = bound[-1].node
    assert isinstance(node, ast.ImportFrom)
    source = Source(draft.data, draft.path)
    if any(alias.name == name for alias in node.names):
        return
    alike = {
        each.node
        for each in bound
        if isinstance(each.node, ast.ImportFrom) and import_text(each.node) == import_text(node)
    }
    apart = len(alike) > 1 and all(len(each.names) == 1 for each in alike)  # one statement a name, as written
    insertions = [] if apart else extend(source, node, name, width)
    if insertions:
        draft.insert(insertions)
    else:
        _statement(file, draft, bound, f"from {import_text(node)} import {name}", import_text(node))


def _statement(file: CodeFile, draft: Draft, bound: list[Binding], text: str, module: str) -> None:
    """A statement of its own: sorted among the siblings' where these are sorted, else after the last of them."""
    source = file.source
    nodes = list(dict.fromkeys(each.node for each in bound))
    block = file.block(nodes[-1])
    nodes = [each for each in nodes if file.block(each) is block]
    nodes = _run(block, nodes)
    orders = [module_order(import_text(each)) for each in nodes]
    later = next((each for each in nodes if module_order(import_text(each)) > module_order(module)), None)
    sorted_here = len(nodes) > 1 and orders == sorted(orders)
    last = bound[-1].node
    parent = file.parents[last]
    anchor: ast.stmt = nodes[-1] if sorted_here else last
    if isinstance(parent, ast.Try) and len(nodes) == 1:
        anchor, later = parent, None
    line = text + _comment(source, [each.node for each in bound])
    if later is not None and sorted_here:
        start = source.start(later)
        above = source.line_start(start)
        indent = source.data[above:start]
        if not indent.strip():
            draft.insert([Insertion(above, indent + line.encode() + source.newline)])
            return
    draft.insert([below(source, anchor, line)])


def _run(block: list[ast.stmt], nodes: list[ast.ImportFrom | ast.Import]) -> list[ast.ImportFrom | ast.Import]:
    """The imports around those of the siblings, without a gap, where all are of one kind and in order; else the siblings'."""
    number = block.index(nodes[-1])
    run: list[ast.ImportFrom | ast.Import] = [nodes[-1]]
    for step in (-1, 1):
        at = number + step
        while 0 <= at < len(block):
            each = block[at]
            above, under = (each, block[at + 1]) if step < 0 else (block[at - 1], each)
            if not isinstance(each, type(nodes[-1])) or under.lineno - (above.end_lineno or 0) != 1:
                break
            assert isinstance(each, ast.ImportFrom | ast.Import)
            if import_text(each).partition(".")[0] != import_text(nodes[-1]).partition(".")[0]:
                break
            run = [each, *run] if step < 0 else [*run, each]
            at += step
    orders = [module_order(import_text(each)) for each in run]
    return run if orders == sorted(orders) and set(nodes) <= set(run) else nodes


def below(source: Source, anchor: ast.stmt, text: str) -> Insertion:
    """Lines below a statement, at its indentation; `text` has line feeds between its lines."""
    indent = source.indentation(source.start(anchor))
    lines = [indent + line.encode("utf-8") if line else b"" for line in text.split("\n")]
    at = source.next_line(source.end(anchor))
    unfinished = at == len(source.data) and not source.data.endswith((b"\n", b"\r"))
    whole = source.newline.join(lines)
    return Insertion(at, source.newline + whole if unfinished else whole + source.newline)


def _comment(source: Source, nodes: list[ast.ImportFrom | ast.Import]) -> str:
    """The ``# noqa`` or the like that every one of the statements ends with."""
    ends = set()
    for node in nodes:
        end = source.end(node)
        tail = source.data[end : source.next_line(end)].decode("utf-8").rstrip()
        ends.add(tail)
    tail = ends.pop() if len(ends) == 1 else ""
    return tail if tail.lstrip().startswith("#") and ("noqa" in tail or "isort" in tail or "pylint" in tail) else ""


def function_name(file: CodeFile, node: ast.AST) -> str:
    """The dotted name of the function that holds a node; "" at module level."""
    owner: Function | None = file.function(node)
    return file.qualified(owner) if owner is not None else ""


def defines_base(file: CodeFile, entry: Entry) -> bool:
    """Whether a file defines the class that the entry inherits from: importing the entry there closes a circle."""
    base = entry.base.rpartition(":")[2].rpartition(".")[2]
    return any(isinstance(node, ast.ClassDef) and node.name == base for node in file.tree.body)


def imports_itself(code: ProjectCode, path: str, entry: Entry, symbol: str) -> None:
    """Import the entry's module as the last thing that a file does, so that it can import the file in turn.

    Raises:
        Conflict: the file is run as a program: what registers itself then registers elsewhere.
    """
    file = code.current(path)
    for node in file.tree.body:
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            raise Conflict(
                f"{path} defines the base trainer, lists the trainers in {symbol}, and is run as a program",
                place=f"{path}:{node.lineno}",
                hint=f"move the base trainer to a module of its own, so that {symbol} can import {entry.class_name}",
            )
    package, _, stem = entry.module.rpartition(".")
    relatively = package and any(isinstance(node, ast.ImportFrom) and node.level for node in file.tree.body)
    shown = relative(file.package, package, package) if relatively or package == file.module else ""
    text = f"from {shown} import {stem}" if shown.startswith(".") else f"import {entry.module}"
    last = file.tree.body[-1]
    gap = "" if isinstance(last, ast.Import | ast.ImportFrom) else "\n"
    code.draft(path).insert([below(file.source, last, f"{gap}{text}  # noqa: E402, F401")])
