"""Writes what is said of one trainer again for another: its names, texts and imports renamed, the rest as it stands."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Sequence
from pathlib import PurePosixPath

from ..errors import Conflict
from .joining import Entry, Sibling
from .keys import class_stem
from .project_code import CodeFile
from .source import Lexeme

STRING = re.compile(r"^(?P<prefix>[A-Za-z]*)(?P<quote>\"\"\"|'''|\"|')(?P<body>.*)(?P=quote)$", re.DOTALL)
COMMENT = "\0"  # in a text that is being rewritten: here a comment stood
CONFIGURATIONS = ("config", "cfg", "conf", "configuration", "settings", "args", "arguments", "params", "options")
"""How the name of a trainer's configuration class ends."""


class Analogy:
    """From a sibling to the entry.

    Args:
        sibling: whose text it is.
        entry: who takes its place.
        siblings: all, for what their names share.
        keys: texts of the sibling that become texts of the entry (its key).

    Attributes:
        names_config: what was written names the entry's configuration, which then has to be imported.
        imports_config: it imports it itself.
    """

    def __init__(self, sibling: Sibling, entry: Entry, siblings: Sequence[Sibling], keys: dict[str, str]) -> None:
        self.sibling = sibling
        self.entry = entry
        self.keys = keys
        self.names_config = False
        self.imports_config = False
        self._stems = (PurePosixPath(sibling.file).stem, PurePosixPath(entry.file).stem)
        self._own = class_stem(sibling.name, siblings)
        self._local: frozenset[str] = frozenset()

    def rewrite(self, file: CodeFile, start: int, end: int) -> str:
        """The source between two offsets, renamed; comments are left out.

        Raises:
            Conflict: it names a configuration of the sibling's own, and the entry has none.
        """
        imports = [*self._imports(file, start, end), *self._attributes(file, start, end)]
        self._local = _local_aliases(file, start, end)
        pieces: list[str] = []
        position = start
        data = file.source.data
        for lexeme in file.source.lexemes():
            if lexeme.start < position or lexeme.start >= end:
                continue
            replaced = next((each for each in imports if each[0] <= lexeme.start < each[1]), None)
            if lexeme.kind == tokenize.COMMENT:
                pieces.append(data[position : lexeme.start].decode("utf-8") + COMMENT)
                position = lexeme.end
            elif replaced is not None:
                pieces.append(data[position : replaced[0]].decode("utf-8") + replaced[2])
                position = replaced[1]
            else:
                pieces.append(data[position : lexeme.start].decode("utf-8") + self._renamed(file, lexeme))
                position = lexeme.end
        pieces.append(data[position:end].decode("utf-8"))
        lines = re.split(r"\r\n|\r|\n", "".join(pieces))
        return "\n".join(line.replace(COMMENT, "").rstrip() for line in lines if line.strip() != COMMENT)

    def respell(self, module: str) -> str:
        """The entry's module, spelled as `module` spells the sibling's: by the same root, or the same package above."""
        mine, theirs = self.entry.module, self.sibling.module
        dots = module[: len(module) - len(module.lstrip("."))]
        bare = module.lstrip(".")
        if theirs == bare or not bare:
            return dots + (mine if bare else "")
        if theirs.startswith(bare + "."):
            return module
        lead = theirs[: len(theirs) - len(bare)]
        return dots + mine[len(lead) :] if mine.startswith(lead) else mine

    def text(self, body: str) -> str:
        """A text that names the sibling, renamed."""
        if body in self.keys:
            return self.keys[body]
        for separator in (":", "."):
            module, found, name = body.rpartition(separator)
            if found and name == self.sibling.name:
                return f"{self.respell(module)}{separator}{self.entry.class_name}"
        if body == self.sibling.name:
            return self.entry.class_name
        if body.lstrip(".") and self.sibling.module.endswith(body.lstrip(".")) and self._stems[0] in body:
            return self.respell(body)
        return re.sub(rf"(?<![A-Za-z0-9]){re.escape(self._stems[0])}(?![A-Za-z0-9])", self._stems[1], body)

    def _renamed(self, file: CodeFile, lexeme: Lexeme) -> str:
        if lexeme.kind == tokenize.STRING:
            match = STRING.match(lexeme.text)
            assert match is not None
            quote = match["quote"]
            return f"{match['prefix']}{quote}{self.text(match['body'])}{quote}"
        if lexeme.kind != tokenize.NAME:
            return lexeme.text
        if lexeme.text in self._local:
            return lexeme.text
        origin = file.names.get(lexeme.text, "")
        if lexeme.text == self.sibling.name or origin.rpartition(":")[2] == self.sibling.name:
            return self.entry.class_name
        if lexeme.text == self._stems[0]:
            return self._stems[1]
        if origin and self._is_own(lexeme.text) and origin[-1] != ":":
            return self._configuration(file, lexeme)
        return lexeme.text

    def _is_own(self, name: str) -> bool:
        """Whether a name begins as the sibling's class does (``LinearConfig`` beside ``LinearTrainer``)."""
        return bool(self._own) and re.match(rf"{re.escape(self._own)}(?![a-z])", name) is not None

    def _configuration(self, file: CodeFile, lexeme: Lexeme) -> str:
        """Another class that is the sibling's own: its configuration."""
        if lexeme.text.lower().endswith(CONFIGURATIONS):
            if self.entry.config:
                self.names_config = True
                return self.entry.config.rpartition(":")[2]
            what = "a configuration of its own, which the new trainer does not have"
        else:
            what = "something of its own"
        raise Conflict(
            f"{file.path} gives {self.sibling.name} {what}: {lexeme.text}",
            place=f"{file.path}:{file.source.line_of(lexeme.start)}",
            hint=f"write the entry for {self.entry.class_name} by hand, beside that of {self.sibling.name}",
        )

    def _attributes(self, file: CodeFile, start: int, end: int) -> list[tuple[int, int, str]]:
        """The sibling's class as an attribute of its module, where the module's own name does not say which: as `_imports`."""
        found = []
        for node in ast.walk(file.tree):
            if not isinstance(node, ast.Attribute) or node.attr != self.sibling.name:
                continue
            if not start <= file.source.start(node) < end:
                continue
            name = node.value.id if isinstance(node.value, ast.Name) else ""
            if ast.unparse(node.value) == self.sibling.module and not name:
                text = f"{self.entry.module}.{self.entry.class_name}"
            elif (
                name
                and name != self._stems[0]
                and file.names.get(name, "").replace(":", ".").strip(".") == self.sibling.module
            ):
                text = self.entry.class_name
            else:
                continue
            found.append((file.source.start(node), file.source.end(node), text))
        return found

    def _imports(self, file: CodeFile, start: int, end: int) -> list[tuple[int, int, str]]:
        """The modules of from-imports in the text, as (start, end, new spelling)."""
        found = []
        for node in ast.walk(file.tree):
            if not isinstance(node, ast.ImportFrom) or not start <= file.source.start(node) < end:
                continue
            named = any(self._is_own(alias.name) and alias.name != self.sibling.name for alias in node.names)
            here = file.absolute(node)
            if here == self.sibling.module or self.sibling.module.endswith("." + here):
                spelled = relative_or_absolute(file, node, self.entry.module, self)
            elif named and self.entry.config:
                self.imports_config = True
                module = self.entry.config.partition(":")[0]
                spelled = relative(file.package, module, module) if node.level else module
            else:
                continue
            inside = [
                each for each in file.source.lexemes() if file.source.start(node) < each.start < file.source.end(node)
            ]
            last = next(
                number for number, each in enumerate(inside) if each.text == "import" and each.kind == tokenize.NAME
            )
            found.append((inside[0].start, inside[last - 1].end, spelled))
        return found


def _local_aliases(file: CodeFile, start: int, end: int) -> frozenset[str]:
    """Names that imports within the text give to what they import: they mean the entry there."""
    return frozenset(
        alias.asname
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ImportFrom | ast.Import) and start <= file.source.start(node) < end
        for alias in node.names
        if alias.asname and alias.asname != alias.name
    )


def relative_or_absolute(file: CodeFile, node: ast.ImportFrom, module: str, analogy: Analogy) -> str:
    """How an import beside `node` spells `module`: relative where `node` is."""
    if not node.level:
        return analogy.respell(node.module or "")
    return relative(file.package, module, module)


def relative(package: str, module: str, otherwise: str) -> str:
    """`module` as a relative import from `package` spells it; `otherwise` where they share no package."""
    here, there = package.split("."), module.split(".")
    shared = next((n for n, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), min(len(here), len(there)))
    if not package or not shared:
        return otherwise
    return "." * (len(here) - shared + 1) + ".".join(there[shared:])
