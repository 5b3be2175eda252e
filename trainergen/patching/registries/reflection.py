"""Found by its name: ``getattr`` on a package, a dotted path in a configuration, a file-name convention."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...errors import Conflict
from ..binding import bindings, bring, function_name
from ..joining import Entry, Lookup, Registration, Registry
from ..keys import taken
from ..project_code import CodeFile, ProjectCode
from ..snippets import snippet

PRECEDENCE = 5
DISTRIBUTION = ("pyproject.toml", "setup.cfg")
TEXTS = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".gin")


@dataclass(frozen=True)
class Pattern:
    """A text with one gap (``trainers.{}_trainer``): what stands before and after it."""

    before: str
    after: str

    def gap(self, text: str) -> str | None:
        """What fills the gap in `text`; None where it does not fit."""
        match = re.fullmatch(rf"{re.escape(self.before)}([\w-]+){re.escape(self.after)}", text)
        return match[1] if match else None


def find(code: ProjectCode) -> list[Registry]:
    """Every place that makes a trainer of its name."""
    found = []
    for file in code.files:
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Call) and (kind := _kind(code, file, node)) is not None:
                found.append(kind)
    return _once(found) + ([] if found else _dotted(code))


def register(code: ProjectCode, registry: Registry, entry: Entry, *, width: int, quote: str) -> Registration:
    """The export that `getattr` needs, or what a convention asks of the file's and the class's name.

    Raises:
        Conflict: the class or its file is not named as the convention wants it, or the name is taken.
    """
    place = f"{registry.path}:{registry.line}"
    before, after = registry.detail.get("before", ""), registry.detail.get("after", "")
    if registry.detail["how"] == "dotted":
        text = snippet("reflection", module=entry.module, separator=registry.detail["separator"], name=entry.class_name)
        lookup = Lookup("attribute", entry.module, entry.class_name, entry.class_name)
        return Registration(text, lookup=lookup, said=f"configurations name it: {registry.symbol}: {text}")
    if registry.detail["how"] == "getattr":
        key = Pattern(before, after).gap(entry.class_name)
        if key is None:
            raise _misnamed(entry.class_name, f"{before}NAME{after}", place)
        taken(entry.class_name, [each.name for each in code.siblings], symbol=registry.detail["module"], place=place)
        home = code.of_module(registry.detail["module"])
        assert home is not None
        bring(code, home.path, entry, width=width)
        lookup = Lookup("attribute", home.module, entry.class_name, key)
        return Registration(key, lookup=lookup, said=f"getattr({home.module}, {entry.class_name!r})")
    pattern = Pattern(before, after)
    spelled = _spelled(entry.module, registry.detail["lead"])
    key = pattern.gap(spelled) if spelled is not None else None
    file_pattern = registry.detail["files"]
    if key is None:
        raise _misnamed(entry.file, file_pattern, place)
    wanted = registry.detail["class"]
    if wanted and wanted != entry.class_name:
        raise _misnamed(entry.class_name, wanted, place)
    keys = [gap for each in code.siblings if (gap := _gap(pattern, each.module, registry.detail["lead"])) is not None]
    taken(key, keys, symbol=registry.symbol, place=place)
    lookup = Lookup("attribute", entry.module, entry.class_name, key)
    function = registry.detail["function"]
    home = code.file(registry.path)
    if function and home is not None and "." not in function:
        lookup = Lookup("call", home.module, function, key, gives="instance")
    return Registration(key, file_pattern=file_pattern, lookup=lookup, said=f"found by its file's name: {file_pattern}")


def _kind(code: ProjectCode, file: CodeFile, node: ast.Call) -> Registry | None:
    name = ast.unparse(node.func).rpartition(".")[2]
    if name == "getattr" and len(node.args) >= 2 and not isinstance(node.args[1], ast.Constant):
        home = _module_at(code, file, node.args[0])
        names = {each.sibling.name for each in bindings(code, home)} if home is not None else set()
        if home is not None and 2 * len(names) > len(code.siblings):
            pattern = _pattern(file, node.args[1]) or Pattern("", "")
            detail = {"how": "getattr", "module": home.module, "before": pattern.before, "after": pattern.after}
            keys = tuple(key for each in sorted(names) if (key := pattern.gap(each)) is not None)
            return Registry("reflection", file.path, node.lineno, f"getattr({home.module}, ...)", keys, detail)
    looped = any(
        isinstance(each, ast.For | ast.comprehension | ast.ListComp | ast.DictComp) for each in file.above(node)
    )
    if name in ("import_module", "__import__") and node.args and not looped:
        found = _pattern(file, node.args[0])
        if found is not None and (found.before or found.after):
            return _convention(code, file, node, found)
    return None


def _convention(code: ProjectCode, file: CodeFile, node: ast.Call, pattern: Pattern) -> Registry | None:
    """The registry that ``import_module(f"trainers.{name}_trainer")`` is, where it finds the siblings."""
    lead = ""
    if pattern.before.startswith("."):
        level = len(pattern.before) - len(pattern.before.lstrip("."))
        parts = file.package.split(".")
        lead = ".".join(parts[: len(parts) - level + 1]) + "."
        pattern = Pattern(pattern.before.lstrip("."), pattern.after)
    elif not any(pattern.gap(each.module) for each in code.siblings):
        # src.pkg.x may be imported as pkg.x: the siblings say which
        leads = {
            each.module[: -len(pattern.before) or None].rpartition(".")[0] for each in code.siblings if pattern.before
        }
        lead = next(
            (
                f"{each}."
                for each in sorted(leads)
                if each and any(_gap(pattern, s.module, f"{each}.") for s in code.siblings)
            ),
            "",
        )
    keys = [key for each in code.siblings if (key := _gap(pattern, each.module, lead)) is not None]
    if 2 * len(keys) < len(code.siblings) or not keys:
        return None
    function = file.function(node)
    example = next(each for each in code.siblings if _gap(pattern, each.module, lead) is not None)
    key = _gap(pattern, example.module, lead) or ""
    names = {each.name for each in code.siblings}
    detail = {
        "how": "convention",
        "before": pattern.before,
        "after": pattern.after,
        "lead": lead,
        "files": "*".join(example.file.rsplit(key, 1)),
        "class": names.pop() if len(names) == 1 and len(code.siblings) > 1 else "",
        "function": file.qualified(function) if function is not None else "",
    }
    return Registry("reflection", file.path, node.lineno, function_name(file, node), tuple(keys), detail)


def _spelled(module: str, lead: str) -> str | None:
    return module[len(lead) :] if module.startswith(lead) else None


def _gap(pattern: Pattern, module: str, lead: str) -> str | None:
    spelled = _spelled(module, lead)
    return pattern.gap(spelled) if spelled is not None else None


def _pattern(file: CodeFile, node: ast.expr) -> Pattern | None:
    """The text with one gap that an expression makes; a name is followed to where it is given its value."""
    if isinstance(node, ast.Name):
        scope = file.function(node) or file.tree
        values = [
            each.value
            for each in ast.walk(scope)
            if isinstance(each, ast.Assign) and any(isinstance(t, ast.Name) and t.id == node.id for t in each.targets)
        ]
        return _pattern(file, values[0]) if len(values) == 1 and not isinstance(values[0], ast.Name) else None
    if isinstance(node, ast.JoinedStr):
        gaps = [number for number, each in enumerate(node.values) if isinstance(each, ast.FormattedValue)]
        if len(gaps) != 1:
            return None
        texts = [str(each.value) if isinstance(each, ast.Constant) else "\0" for each in node.values]
        before, _, after = "".join(texts).partition("\0")
        return Pattern(before, after)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        before, _, after = _added(node).partition("\0")
        return Pattern(before, after) if _added(node).count("\0") == 1 else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        before, found, after = str(node.left.value).partition("%s")
        return Pattern(before, after) if found else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        text = node.func.value.value if isinstance(node.func.value, ast.Constant) else ""
        pieces = re.split(r"\{\w*\}", str(text))
        return Pattern(*pieces) if len(pieces) == 2 else None
    return None


def _added(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _added(node.left) + _added(node.right)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "\0"


def _module_at(code: ProjectCode, file: CodeFile, node: ast.expr) -> CodeFile | None:
    """The file of the module that an expression is: an imported one, or ``sys.modules[__name__]``."""
    if isinstance(node, ast.Subscript) and ast.unparse(node) == "sys.modules[__name__]":
        return file
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
        name = node.args[0]
        return code.of_module(str(name.value)) if isinstance(name, ast.Constant) else None
    origin = file.resolve(node) if isinstance(node, ast.Name | ast.Attribute) else None
    if origin is None:
        return None
    module, _, rest = origin.partition(":")
    dotted = ".".join(part for part in (module, rest) if part)
    return code.of_module(dotted)


def _once(found: list[Registry]) -> list[Registry]:
    """One registry a place: several calls of one function are one."""
    return list({(each.path, each.symbol, each.detail["how"]): each for each in found}.values())


def _dotted(code: ProjectCode) -> list[Registry]:
    """Configurations that name siblings by their dotted paths."""
    for path in code.paths:
        data = code.bytes_of(path) if path.endswith(TEXTS) and PurePosixPath(path).name not in DISTRIBUTION else None
        if data is None:
            continue
        text = data.decode("utf-8", "replace")
        for sibling in code.siblings:
            match = re.search(rf"([\w-]+)[\"']?\s*[:=]\s*[\"']?{re.escape(sibling.module)}([.:]){sibling.name}\b", text)
            if match:
                detail = {"how": "dotted", "separator": match[2]}
                keys = tuple(f"{each.module}{match[2]}{each.name}" for each in code.siblings)
                return [Registry("reflection", path, text[: match.start()].count("\n") + 1, match[1], keys, detail)]
    return []


def _misnamed(given: str, wanted: str, place: str) -> Conflict:
    return Conflict(
        f"trainers are found by their name here, as {wanted}, which {given} is not",
        place=place,
        hint=f"name it as {wanted} with --name",
    )
