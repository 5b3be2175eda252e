"""A loop that imports every module of a folder (pkgutil, glob, os.listdir): no file is edited, the new one's name matters."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from pathlib import PurePosixPath

from ...errors import Conflict
from ..carried import BY_NAME
from ..joining import Entry, Lookup, Registration, Registry
from ..keys import spell_key, taken
from ..project_code import CodeFile, ProjectCode
from ..snippets import snippet
from ..storage import key_form, manner_of, refuse_prefixes

PRECEDENCE = 8
LISTERS = ("iter_modules", "walk_packages", "glob", "rglob", "iglob", "iterdir", "listdir", "scandir")
IMPORTERS = ("import_module", "__import__", "exec_module", "load_module", "find_module")


def find(code: ProjectCode) -> list[Registry]:
    """Every loop over a folder of siblings that imports what it finds."""
    found = []
    for file in code.files:
        folder = _folder(code, file)
        node = _loop(file) if folder is not None else None
        if node is not None and folder is not None:
            detail = {"folder": folder}
            keys = tuple(PurePosixPath(each.file).stem for each in code.siblings)
            found.append(Registry("import_all", file.path, node.lineno, _kept(file)[0], keys, detail))
    return found


def register(code: ProjectCode, registry: Registry, entry: Entry, *, width: int, quote: str) -> Registration:
    """What the loop asks of the new file's name.

    Raises:
        Conflict: the loop passes the file by, or its key is taken.
    """
    file = code.current(registry.path)
    folder = registry.detail["folder"]
    pattern = snippet("import_all", folder=folder, name=_pattern(code, file)).lstrip("/")
    path = PurePosixPath(entry.file)
    if not fnmatch(entry.file, pattern) or path.parent.as_posix() != (folder or ".") or path.name.startswith("_"):
        raise Conflict(
            f"{registry.path} imports {pattern}, which {entry.file} is not",
            place=f"{registry.path}:{registry.line}",
            hint=f"the new trainer's file has to match {pattern}: choose its name with --name",
        )
    symbol, form = _kept(file)
    listed = [(PurePosixPath(each.file).stem, each) for each in code.siblings]
    if symbol and form in BY_NAME:
        key = BY_NAME[form](entry.class_name)
        keys = [BY_NAME[form](each.name) for each in code.siblings]
    else:
        key = spell_key(listed, entry, code.siblings)
        keys = [name for name, _ in listed]
    manner = manner_of(code, symbol) if symbol else None
    taken(key, keys, symbol=symbol or folder, place=f"{registry.path}:{registry.line}")
    if manner is not None:
        refuse_prefixes(key, keys, manner)
    needs = (file.module,)
    lookup = Lookup("attribute", entry.module, entry.class_name, entry.class_name, needs=needs)
    if symbol:
        lookup = Lookup("mapping", file.module, symbol, key, needs=needs)
    return Registration(key, file_pattern=pattern, lookup=lookup, said=f"{registry.path} imports {pattern}")


def _folder(code: ProjectCode, file: CodeFile) -> str | None:
    """The folder of the siblings that a file's loop can mean: its own, one below it, or one whose name it mentions."""
    folders = {PurePosixPath(each.file).parent.as_posix() for each in code.siblings}
    if len(folders) != 1:
        return None
    folder = folders.pop()
    own = PurePosixPath(file.path).parent.as_posix()
    below = PurePosixPath(folder).name.encode() in file.source.data
    if folder == own or below:
        return "" if folder == "." else folder
    return None


def _loop(file: CodeFile) -> ast.stmt | None:
    """The statement that lists a folder and imports what it finds."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.For | ast.ListComp | ast.DictComp | ast.GeneratorExp | ast.SetComp):
            scope: ast.AST = file.function(node) or node
            over = [node.iter] if isinstance(node, ast.For) else [each.iter for each in node.generators]
            listing = any(_calls(each, LISTERS) for each in over) or (
                _calls(scope, LISTERS) or any(_named_listing(file, each) for each in over)
            )
            body = node.body if isinstance(node, ast.For) else [node]
            if listing and any(_calls(each, IMPORTERS) for each in body):
                return file.statement(node)
    return None


def _named_listing(file: CodeFile, over: ast.expr) -> bool:
    """Whether a loop runs over a name that a listing of a folder was given to (``__all__ = [... glob(...)]``)."""
    names = {each.id for each in ast.walk(over) if isinstance(each, ast.Name)}
    return any(
        isinstance(node, ast.Assign)
        and _calls(node.value, LISTERS)
        and any(isinstance(each, ast.Name) and each.id in names for each in node.targets)
        for node in file.tree.body
    )


def _calls(node: ast.AST, names: tuple[str, ...]) -> bool:
    return any(
        isinstance(each, ast.Call) and ast.unparse(each.func).rpartition(".")[2] in names for each in ast.walk(node)
    )


def _pattern(code: ProjectCode, file: CodeFile) -> str:
    """The file names that the loop takes: from ``glob("*_trainer.py")``, ``endswith("_trainer")``, ``startswith(...)``."""
    start, end = "", ".py"
    stems = [PurePosixPath(each.file).stem for each in code.siblings]
    for node in ast.walk(file.tree):
        if (
            not isinstance(node, ast.Call)
            or not node.args
            or not isinstance(node.args[0], ast.Constant | ast.Call | ast.BinOp)
        ):
            continue
        texts = [each.value for each in ast.walk(node.args[-1]) if isinstance(each, ast.Constant)]
        text = next((each for each in texts if isinstance(each, str)), "")
        name = ast.unparse(node.func).rpartition(".")[2]
        negated = isinstance(file.parents[node], ast.UnaryOp) or _skips(file, node)
        if name in ("glob", "rglob", "iglob") and text.endswith(".py"):
            start, _, end = text.rpartition("/")[2].partition("*")
        elif name == "endswith" and text and not negated and text != ".py":
            tail = text.removesuffix(".py")
            end = f"{tail}.py" if all(each.endswith(tail) for each in stems) else end
        elif name == "startswith" and text and not negated and all(each.startswith(text) for each in stems):
            start = text
    return f"{start}*{end}"


def _skips(file: CodeFile, node: ast.Call) -> bool:
    """Whether the test leads to ``continue``: what passes it is left out."""
    above = next((each for each in file.above(node) if isinstance(each, ast.If)), None)
    return above is not None and isinstance(above.body[0], ast.Continue)


def _kept(file: CodeFile) -> tuple[str, str]:
    """The dict of the module that the loop fills, and how it makes the key; ("", "") where it only imports."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript) and file.function(node) is None:
            target = node.targets[0]
            if isinstance(target.value, ast.Name) and any(isinstance(each, ast.For) for each in file.above(node)):
                return target.value.id, key_form(ast.unparse(target.slice), [])
        if isinstance(node, ast.DictComp) and _calls(node, IMPORTERS):
            statement = file.statement(node)
            if isinstance(statement, ast.Assign):
                return ast.unparse(statement.targets[0]), key_form(ast.unparse(node.key), [])
    return "", ""
