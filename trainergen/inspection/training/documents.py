"""What the project's documentation says of its trainers, held against the code: the code wins, the difference is told."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from ..training_facts import BaseTrainer, Contradiction, EntryPoint
from .index import ProjectIndex
from .options import Program

MOST_DOCUMENTS = 80
MOST_CONTRADICTIONS = 20
LARGEST = 400_000  # characters of one document that are read
_NAME = re.compile(r"^(readme|contributing|claude|agents|gemini|development|training|trainers?|hacking|guide|architecture|usage)",
                   re.IGNORECASE)  # fmt: skip
_HISTORY = re.compile(r"change|history|release|news|license|requirements|authors|todo|migrat", re.IGNORECASE)

_CLASS = r"`{0,2}([A-Z]\w*(?:Trainer|Runner|Engine|Solver|Learner|Experiment|Base)\w*|Base[A-Z]\w+)`{0,2}"
_INHERIT = re.compile(
    r"(?i:inherit(?:s|ing)?(?: from)?|subclass(?:es|ing)?(?: of)?|deriv(?:e|es|ing) from|extend(?:s|ing)?|base class(?: is|:)?)"
    r"(?: the| our| abstract| class)*\s+" + _CLASS
)
_HEAD = re.compile(r"^\s*class\s+(\w+)\s*\(\s*([\w.]+)")
_IMPLEMENT = re.compile(
    r"(?i:implement(?:s|ing)?|override(?:s)?|overriding|defin(?:e|es|ing)|provid(?:e|es|ing))(?: the| its| a| an| your| own| method| abstract)*\s+"
    r"`{1,2}(?:def |self\.)?([a-z_]\w*)(?:\([^`]*\))?`{1,2}"
)
_ALSO = re.compile(r"^(?:\s*(?:,|and|or|, and)\s*)`{1,2}([a-z_]\w*)(?:\([^`]*\))?`{1,2}")
_METHOD = re.compile(r"^\s+(?:async )?def\s+(\w+)\s*\(\s*self")
_REGISTRY = re.compile(r"(?<![$\w{/])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_?(?:REGISTRY|TRAINERS|REGISTRIES)(?:_[A-Z]+)*)\b")
_DECORATOR = re.compile(r"`{0,2}@((?:\w+\.)*register\w*|(?:\w+\.)*\w*(?i:registry)\w*(?:\.\w+)*)")
_COMMAND = re.compile(
    r"(?:^\s*(?:\$|>)?\s*|`)((?:[A-Z_]+=\S+\s+)*python[\d.]*\s+(?:-m\s+[\w.]+|[\w./-]+\.py)(?:[^`#|&;<]*))"
)
_IMPORT = re.compile(r"^\s*(?:>>>\s*)?from\s+(\.*[\w.]+)\s+import\s+\(?([\w, ]+)")


@dataclass(frozen=True)
class Line:
    """One line of a document: ``file:line``, its text, whether it is code."""

    place: str
    text: str
    code: bool


def read_documents(index: ProjectIndex) -> tuple[Line, ...]:
    """The lines of the documents that tell how the project works."""
    return tuple(_read(index))


def commands_told(lines: tuple[Line, ...]) -> dict[str, str]:
    """Commands that the documentation shows, by what the project's own start of them is (``python train.py``), with the place."""
    found: dict[str, str] = {}
    for line in lines:
        for match in _COMMAND.finditer(line.text):
            words = _words(match[1])
            if words:
                found.setdefault(" ".join(words[: 3 if words[1] == "-m" else 2]), line.place)
    return found


def contradictions(
    index: ProjectIndex,
    lines: tuple[Line, ...],
    base: BaseTrainer | None,
    candidates: tuple[BaseTrainer, ...],
    programs: tuple[tuple[EntryPoint, Program], ...],
) -> tuple[Contradiction, ...]:
    """Where the documentation says other than the code does.

    Args:
        index: the project.
        lines: of its documents.
        candidates: all that may be bases: what is said of another one is no mistake.
        base: the trainers' base; None where there is none, and nothing is said about one then.
        programs: those whose options are known.
    """
    judge = _Judge(index, base, candidates, programs)
    found: dict[tuple[str, str], Contradiction] = {}
    owner = ""
    for line in lines:
        if not line.code:
            owner = ""
        head = _HEAD.match(line.text) if line.code else None
        if head is not None:
            owner = head[2].rpartition(".")[2]
        for each in judge.read(line, owner):
            found.setdefault((each.place.partition(":")[0], each.says), each)
    return tuple(found.values())[:MOST_CONTRADICTIONS]


class _Judge:
    def __init__(
        self,
        index: ProjectIndex,
        base: BaseTrainer | None,
        candidates: tuple[BaseTrainer, ...],
        programs: tuple[tuple[EntryPoint, Program], ...],
    ) -> None:
        known = (*candidates, *((base,) if base is not None else ()))
        self._family = {it.name for each in known for it in (each.facts, *each.lineage, *each.siblings)}
        self._index = index
        self._base = base
        self._programs = programs
        self._words: dict[str, bool] = {}

    def read(self, line: Line, owner: str) -> Iterator[Contradiction]:
        """What one line of a document gets wrong; `owner` is the base of the class that it stands in, in a code block."""
        yield from self._bases(line)
        yield from self._methods(line, owner)
        yield from self._registries(line)
        yield from self._imports(line)
        yield from self._commands(line)

    def _bases(self, line: Line) -> Iterator[Contradiction]:
        if self._base is None:
            return
        facts = self._base.facts
        names = [match[1] for match in _INHERIT.finditer(line.text)]
        head = _HEAD.match(line.text) if line.code else None
        if head is not None and re.search(r"Trainer|Runner|Engine|Solver|Learner|Experiment", head[1]):
            names.append(head[2].rpartition(".")[2])
        place = f"{facts.file}:{facts.line}"
        for name in names:
            if name in self._family:
                continue
            if not self._index.defines(name):
                yield Contradiction(
                    line.place,
                    f"trainers inherit from {name}",
                    f"no class {name} here; they inherit from {facts.name}, {place}",
                )
            elif self._base.siblings:
                yield Contradiction(
                    line.place,
                    f"trainers inherit from {name}",
                    f"{_noun(len(self._base.siblings))} from {facts.name}, {place}",
                )

    def _methods(self, line: Line, owner: str) -> Iterator[Contradiction]:
        if self._base is None:
            return
        facts = self._base.facts
        names: list[str] = []
        for match in _IMPLEMENT.finditer(line.text):
            if "(" not in match[0] and "method" not in line.text.lower() and not match[0].lower().startswith("impl"):
                continue  # settings are overridden and defined too
            names.append(match[1])
            rest = line.text[match.end() :]
            while (more := _ALSO.match(rest)) is not None:
                names.append(more[1])
                rest = rest[more.end() :]
        about = facts.name in line.text or "trainer" in line.text.lower() or (bool(names) and self._near(line))
        method = _METHOD.match(line.text) if line.code else None
        if not about:
            names = []
        if method is not None and owner == facts.name and not method[1].startswith("__"):
            names.append(method[1])
        known = set(self._base.inherited) | {it.name for each in self._base.siblings for it in each.methods}
        asked = [each.name for each in self._base.inherited.values() if each.required]
        for name in names:
            if name in known or (self._mentioned(f"def {name}(") and method is None):
                continue
            code = f"{facts.name} has no such method, {facts.file}:{facts.line}"
            if asked:
                code += f"; it asks for {', '.join(asked)}"
            yield Contradiction(line.place, f"a trainer writes {name}()", code)

    def _near(self, line: Line) -> bool:
        """Whether a document is about trainers by its name."""
        return "train" in posixpath.basename(line.place).lower()

    def _registries(self, line: Line) -> Iterator[Contradiction]:
        for match in _REGISTRY.finditer(line.text):
            about = "train" in line.text.lower()  # there are registries of images and packages too
            if about and not self._mentioned(match[1]):
                yield Contradiction(line.place, f"trainers are listed in {match[1]}", f"no Python file has {match[1]}")
        for match in _DECORATOR.finditer(line.text):
            last = match[1].rpartition(".")[2]
            if (last == "register" or "train" in match[1].lower()) and not self._mentioned(last):
                yield Contradiction(
                    line.place, f"trainers are registered with @{match[1]}", f"no Python file has {last}"
                )

    def _imports(self, line: Line) -> Iterator[Contradiction]:
        match = _IMPORT.match(line.text) if line.code else None
        if match is None or match[1].startswith(".") or not re.search("train|regist|base", match[0], re.IGNORECASE):
            return
        top = match[1].partition(".")[0]
        ours = self._index.locate(top) is not None or any(
            path.startswith(f"{root}/{top}/" if root else f"{top}/")
            for root in self._index.roots
            for path in self._index.files
        )
        if not ours:
            return
        file = self._index.locate(match[1])
        if file is None:
            prefix = match[1].replace(".", "/")
            if not any(
                path.startswith(f"{root}/{prefix}/" if root else f"{prefix}/")
                for root in self._index.roots
                for path in self._index.files
            ):
                yield Contradiction(line.place, f"imports from {match[1]}", f"no module {match[1]} here")
            return
        for name in (each.strip().partition(" ")[0] for each in match[2].split(",")):
            if (
                name
                and name.encode() not in self._index.peek(file)
                and self._index.locate(f"{match[1]}.{name}") is None
                and not self._index.outline(file).stars
            ):
                yield Contradiction(line.place, f"imports {name} from {match[1]}", f"{file} has no {name}")

    def _commands(self, line: Line) -> Iterator[Contradiction]:
        for match in _COMMAND.finditer(line.text):
            words = _words(match[1])
            if not words:
                continue
            start = words[: 3 if words[1] == "-m" else 2]
            path = self._started(start)
            if path is None:
                if words[1] == "-m" and self._index.locate(words[2].partition(".")[0]) is None:
                    continue  # of an installed package
                if "train" not in start[-1]:
                    continue
                yield Contradiction(line.place, f"shows {' '.join(start)}", f"no such program: {start[-1]}")
                continue
            program = next((each for entry, each in self._programs if entry.file == path), None)
            if program is None or not program.complete:
                continue
            known = {"--help", *(option.name for option in program.options)}
            texts = " ".join(option.text for option in program.options)
            for word in words[len(start) :]:
                name = word.partition("=")[0]
                if not re.fullmatch(r"--[a-z][\w-]*", name) or f"'{name}'" in texts:
                    continue
                if (
                    any(each.startswith(name) for each in known)
                    or f"/{name}" in texts
                    or (name.startswith("--no-") and f"--{name[5:]}" in known)
                ):
                    continue
                yield Contradiction(line.place, f"shows {' '.join(start)} {name}", f"{path} has no option {name}")

    def _started(self, start: list[str]) -> str | None:
        """The file that a command begins."""
        if start[1] != "-m":
            path = posixpath.normpath(start[1])
            return path if path in self._index.files else self._deeper(path)
        for module in (f"{start[2]}.__main__", start[2]):
            if (found := self._index.locate(module)) is not None:
                return found
        return None

    def _deeper(self, path: str) -> str | None:
        """The one file that a path names which is told from a folder further down."""
        found = [each for each in self._index.files if each.endswith(f"/{path}")]
        return found[0] if found else None

    def _mentioned(self, word: str) -> bool:
        if word not in self._words:
            self._words[word] = bool(self._index.mentioning(word))
        return self._words[word]


def _read(index: ProjectIndex) -> Iterator[Line]:
    taken = [
        path
        for path in index.documents
        if not _HISTORY.search(posixpath.basename(path))
        and not path.endswith(".txt")
        and (
            path.count("/") == 0
            or path.startswith(("docs/", "doc/", ".github/"))
            or _NAME.match(posixpath.basename(path))
        )
    ]
    taken.sort(key=lambda path: (path.count("/"), path))
    for path in taken[:MOST_DOCUMENTS]:
        try:
            text = (index.root / path).read_text(encoding="utf-8", errors="replace")[:LARGEST]
        except OSError:
            continue
        fenced = False
        for number, line in enumerate(text.splitlines(), start=1):
            if line.lstrip().startswith(("```", "~~~")):
                fenced = not fenced
                continue
            yield Line(f"{path}:{number}", line, fenced or line.startswith("    "))


def _words(command: str) -> list[str]:
    """The words of a shell command from ``python`` on; [] where they are no plain command."""
    try:
        words = shlex.split(command.rstrip("\\ "))
    except ValueError:
        words = command.split()
    while words and not words[0].startswith("python"):
        words = words[1:]
    if len(words) < 2 or (words[1] == "-m" and len(words) < 3):
        return []
    return ["python", *words[1:]]


def _noun(count: int) -> str:
    return "the one trainer inherits" if count == 1 else f"all {count} trainers inherit"
