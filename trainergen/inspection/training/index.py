"""The project's Python files and what is defined in them, read once: bytes first, syntax trees only where they can matter."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..module_names import module_name
from ..training_facts import ClassFacts
from . import cache
from .layout import find_roots
from .outline import Outline, Unreadable, outline
from .scan import scan
from .thinning import thin
from .walk import is_test, walk

LARGEST = 1 << 20
"""Bytes: a Python file above this holds data, and is not read."""
MOST_KEPT = 64 << 20
"""Bytes of files that are kept in memory; what comes later is read again when it is asked for."""
MAX_HOPS = 40
"""Imports that a name is followed through before it counts as unresolved."""


@dataclass(frozen=True)
class Key:
    """A class or a function: the file that defines it, and its name there."""

    path: str
    name: str


class ProjectIndex:
    """What the project at `root` consists of.

    Args:
        root: the project, absolute.
        exclude: relative paths of files that are to be overlooked.

    Attributes:
        root: as given.
        files: relative paths of the project's Python files, sorted, with forward slashes.
        documents: relative paths of text files that may describe it.
        settings: relative paths of files that may hold its settings.
        roots: folders that import names start from, see `find_roots`.
        damaged: files that could not be read, as ``path:line: why``.
    """

    def __init__(self, root: Path, *, exclude: frozenset[str] = frozenset()) -> None:
        self.root = root
        found = walk(root)
        self._stamps = {each.path: each.stamp for each in found.sources if each.path not in exclude}
        self.files = tuple(self._stamps)
        self.documents = found.documents
        self.settings = tuple(each for each in found.settings if each not in exclude)
        self.roots = find_roots(root, self.files, found.folders)
        self._bytes: dict[str, bytes] = {}
        self._kept = 0
        self._known = cache.load(root)
        self._changed = False
        for path in self.files:
            self._scan(path)
        gone = self._known.keys() - self._stamps.keys() - exclude
        for path in gone:
            del self._known[path]
        self._changed = self._changed or bool(gone)

    # Files.

    def read(self, path: str) -> bytes:
        """The bytes of a file, whatever it is.

        Raises:
            OSError: it can't be read.
        """
        if path in self._bytes:
            return self._bytes[path]
        data = (self.root / path).read_bytes()
        if self._kept + len(data) <= MOST_KEPT and len(data) <= LARGEST:
            self._bytes[path] = data
            self._kept += len(data)
        return data

    def peek(self, path: str) -> bytes:
        """As `read`; b"" where it can't be read."""
        try:
            return self.read(path)
        except OSError:
            return b""

    def mentioning(self, *words: str) -> tuple[str, ...]:
        """Files whose bytes hold one of `words`; those above `LARGEST` are passed over."""
        wanted = [word.encode() for word in words]
        return tuple(
            path
            for path in self.files
            if self._stamps[path][1] <= LARGEST and any(word in self.peek(path) for word in wanted)
        )

    def module_name(self, path: str) -> str:
        """The dotted name that a Python file is imported by, from the innermost root that it lies below."""
        return module_name(path, self.roots)

    def locate(self, module: str, importer: str = "") -> str | None:
        """The file of a module as `importer` names it, dots of a relative import in front; None where it is not ours."""
        named = module.lstrip(".")
        level = len(module) - len(named)
        inner = named.replace(".", "/")
        folder = posixpath.dirname(importer)
        if level:
            for _ in range(level - 1):
                folder = posixpath.dirname(folder)
            starts: Iterable[str] = (folder,)
        else:
            starts = dict.fromkeys((*self.roots, folder))  # a script's own folder is on its path
        for start in starts:
            stem = posixpath.join(start, inner) if inner else start
            for candidate in (f"{stem}/__init__.py" if stem else "__init__.py", f"{stem}.py"):
                if candidate in self._stamps:
                    return candidate
        return None

    # What is in them.

    def _scan(self, path: str) -> cache.Entry:
        stamp, known = self._stamps[path], self._known.get(path)
        if known is None or known.stamp != stamp:
            data, damage = b"", f"1: larger than {LARGEST >> 20} MiB, not read"
            if stamp[1] <= LARGEST:
                try:
                    data, damage = self.read(path), ""
                except OSError as problem:
                    damage = f"1: {problem.strerror}"
            known = cache.Entry(stamp, scan(data, posixpath.basename(path)), Outline() if damage else None, damage)
            self._known[path] = known
            self._changed = True
        return known

    def outline(self, path: str) -> Outline:
        """The outline of a file; an empty one where it can't be parsed, which `damaged` then names."""
        entry = self._known[path]
        if entry.outline is None:
            try:
                entry.outline = outline(self.peek(path))
            except Unreadable as problem:
                entry.outline, entry.damage = Outline(), f"{problem.line}: {problem}"
            self._changed = True
        return entry.outline

    def data_outline(self, path: str) -> Outline:
        """The outline of a file as far as it tells of data sets, loaders and losses; other functions may be missing."""
        entry = self._known[path]
        if entry.outline is not None:
            return entry.outline
        if entry.thin is None:
            try:
                entry.thin = outline(thin(self.peek(path)))
            except Unreadable:  # misled, or the file itself is damaged
                return self.outline(path)
            self._changed = True
        return entry.thin

    @property
    def damaged(self) -> tuple[str, ...]:
        """Files that were to be read and could not be."""
        return tuple(f"{path}:{self._known[path].damage}" for path in self.files if self._known[path].damage)

    def trackers(self, path: str) -> tuple[str, ...]:
        """Experiment trackers that a file imports."""
        return self._known[path].scan.trackers

    def programs(self) -> tuple[str, ...]:
        """Files that a user may begin."""
        return tuple(path for path in self.files if self._known[path].scan.program)

    def with_data(self) -> tuple[str, ...]:
        """Files that may define data sets, loaders or losses."""
        return tuple(path for path in self.files if self._known[path].scan.data)

    def defines(self, name: str) -> tuple[str, ...]:
        """Files that seem to define a class of that name."""
        return self._heads.get(name, ())

    @functools.cached_property
    def _heads(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for path in self.files:
            for name, _ in self._known[path].scan.heads:
                found.setdefault(name, []).append(path)
        return {name: tuple(paths) for name, paths in found.items()}

    @functools.cached_property
    def training_files(self) -> tuple[str, ...]:
        """Files in which something trains, and those whose classes inherit from such, over any number of levels."""
        scans = {path: self._known[path].scan for path in self.files}
        taken = {path for path, each in scans.items() if each.trainer}
        children: dict[str, list[tuple[str, str]]] = {}  # base -> (file, class)
        for path, each in scans.items():
            for name, bases in each.heads:
                for base in bases:
                    children.setdefault(base, []).append((path, name))
        renamed: dict[str, list[str]] = {}
        for each in scans.values():
            for original, local in each.aliases:
                renamed.setdefault(original, []).append(local)
        waiting = [name for path in taken for name, _ in scans[path].heads]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            waiting += renamed.get(name, ())
            for path, child in children.get(name, ()):
                taken.add(path)
                waiting.append(child)
        return tuple(sorted(taken))

    @functools.cached_property
    def _classes(self) -> dict[Key, ClassFacts]:
        return {
            Key(path, each.name): self._finished(path, each)
            for path in self.training_files
            for each in self.outline(path).classes
        }

    @property
    def classes(self) -> tuple[ClassFacts, ...]:
        """Every class in a file where something trains or inherits from what trains, in order of file and line."""
        return tuple(self._classes.values())

    def class_at(self, key: Key) -> ClassFacts | None:
        """The class of that file and name, wherever it is."""
        if key not in self._classes:
            found = next((each for each in self.outline(key.path).classes if each.name == key.name), None)
            return self._finished(key.path, found) if found is not None else None
        return self._classes[key]

    def _finished(self, path: str, raw: ClassFacts) -> ClassFacts:
        """A class of an outline with its place, and its bases by their full names where they are the project's."""
        bases = []
        for base in raw.bases:
            key = self.find(path, base)
            bases.append(f"{self.module_name(key.path)}:{key.name}" if key is not None else base)
        return replace(raw, module=self.module_name(path), file=path, bases=tuple(bases))

    def bases_of(self, facts: ClassFacts) -> tuple[ClassFacts, ...]:
        """The classes of the project that a class inherits from directly."""
        raw = next((each for each in self.outline(facts.file).classes if each.name == facts.name), None)
        keys = [self.find(facts.file, base) for base in raw.bases] if raw is not None else []
        found = [self.class_at(key) for key in keys if key is not None and key != Key(facts.file, facts.name)]
        return tuple(each for each in found if each is not None)

    def lineage(self, facts: ClassFacts) -> tuple[ClassFacts, ...]:
        """All of the project's classes that a class inherits from, nearest first."""
        return tuple(self._ancestors(facts))

    def _ancestors(self, facts: ClassFacts) -> Iterator[ClassFacts]:
        waiting, seen = list(self.bases_of(facts)), {Key(facts.file, facts.name)}
        for each in waiting:  # grows while it is walked
            if Key(each.file, each.name) not in seen:
                seen.add(Key(each.file, each.name))
                yield each
                waiting += self.bases_of(each)

    # Names.

    def find(self, path: str, name: str, hops: int = 0) -> Key | None:
        """The class or function that a dotted name means in a file; None where that is not the project's."""
        if hops > MAX_HOPS:
            return None
        head, _, rest = name.partition(".")
        here = self.outline(path)
        if not rest and (head in {each.name for each in here.classes} or head in {it.name for it in here.functions}):
            return Key(path, head)
        for local, module, inner in reversed(here.imports):
            if local == head:
                return self._find_imported(path, module, inner, rest, hops)
        for local, source in reversed(here.aliases):
            if local == head and source != head:
                return self.find(path, f"{source}.{rest}" if rest else source, hops + 1)
        for module in here.stars:
            origin = self.locate(module, path)
            if origin is not None and origin != path:
                found = self.find(origin, name, hops + 1)
                if found is not None:
                    return found
        return None

    def _find_imported(self, path: str, module: str, inner: str, rest: str, hops: int) -> Key | None:
        """What ``from module import inner`` and then ``.rest`` lead to: an attribute, or a module in a package."""
        full = [each for each in (*(inner.split(".") if inner else ()), *(rest.split(".") if rest else ())) if each]
        prefix = module
        for cut in range(len(full)):  # `import pkg.base` binds pkg: the rest of the dots may be modules
            origin = self.locate(prefix, path)
            if origin is not None:
                found = self.find(origin, ".".join(full[cut:]), hops + 1) if origin != path or cut else None
                if found is not None:
                    return found
            prefix = f"{prefix}{full[cut]}" if prefix.endswith(".") else f"{prefix}.{full[cut]}"
        return None

    def in_tests(self, facts: ClassFacts) -> bool:
        """Whether a class stands among the tests."""
        return is_test(facts.file)

    def remember(self) -> None:
        """Keep what was read for the next command."""
        if self._changed:
            cache.save(self.root, self._known)
            self._changed = False
