"""Where settings in data files are: a section a trainer in one file, a file a trainer in one folder, or one file for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...configuration import ConfigPlace, KeyPath
from ...joining import Sibling
from ..syntax import ini_text, json_text, toml_text
from ..syntax.formats import SUFFIXES
from ..syntax.tree import flatten
from ..syntax.yaml_document import Document
from .loading import load_of, reads_format
from .names import core, pattern_of
from .project import Project
from .reads import Read, manner, reads_in, shared_reads, sibling_reads
from .sections import Section, data_files, files_of, followed, pattern, refuse_broken, sections_of
from .words import KNOWN, normal


def find(
    project: Project, siblings: Sequence[Sibling], base_file: str, form: str, *, opened: bool = False
) -> ConfigPlace | None:
    """Where the siblings' settings are in files of the format `form`; None where they are not.

    Args:
        project: its files.
        siblings: the trainers that exist.
        base_file: of their base.
        form: the module in `syntax`.
        opened: such files are known to be read, by a library.
    """
    if not opened and not reads_format(project, form):
        return None
    suffixes = [suffix for suffix, name in SUFFIXES.items() if name == form]
    inner, files = sections_of(project, siblings, suffixes), files_of(project, siblings, suffixes)
    sections, kind = (inner, "section") if len(inner) >= len(files) else (files, "file")
    own = [read for sibling in siblings for read in sibling_reads(project, sibling)]
    shared = shared_reads(project, siblings, base_file)
    if not _is_training(sections, [*own, *shared]):
        refuse_broken(project, [core(sibling.name) for sibling in siblings], suffixes)
        base = project.source(base_file) if base_file else None
        reads = [*own, *(reads_in(base.tree) if base is not None else ())]
        return _by_roots(project, siblings, form, reads) or _one_for_all(project, siblings, form, own, reads)
    example = followed(sections)
    name = pattern(sections)
    inside = _inside(example, kind, [read for sibling in siblings for read in sibling_reads(project, sibling)])
    whole = (*example.parent, example.key) if kind == "section" else ()
    above = whole[: len(whole) - len(inside)]
    load = load_of(project, form, example.path, example.sibling, example.key)
    path = tuple(_patterned(key, example.sibling) for key in above)
    keys = tuple(dict.fromkeys(key for each in (example, *sections) for key in flatten(each.tree)))
    prefixes = [(*each.parent, each.key) for each in sections]
    relative = [_relative(read, prefixes) for read in shared]
    heard = [read for read in (*own, *shared) if _known(_relative(read, prefixes)[0], keys)]
    needed = tuple(dict.fromkeys(key for key, optional in relative if not optional and _known(key, keys)))
    spared = tuple(dict.fromkeys(key for key, optional in relative if optional and _known(key, keys)))
    return ConfigPlace(
        style="",
        path=example.path,
        line=_line(project, form, example, kind),
        symbol=name,
        example=example.key,
        parent=example.parent,
        keys=keys,
        required=tuple(key for key in needed if key not in spared),
        optional=spared,
        access=manner(heard) if heard else "item",
        inside=tuple(_patterned(key, example.sibling) for key in inside),
        load=replace(load, path=path),
        detail={
            "kind": kind,
            "form": form,
            "others": "\n".join(each.path for each in sections if kind == "file" and each is not example),
            **_sibling(example.sibling),
        },
    )


def _is_training(sections: Sequence[Section], reads: Sequence[Read]) -> bool:
    """Whether sections hold what is read somewhere, or speak of training: a service called ``wine`` is none."""
    keys = {key for each in sections for key in flatten(each.tree)}
    read = {read.keys[-length:] for read in reads for length in range(1, len(read.keys) + 1)}
    return bool(keys & read) or any(normal(key[-1]) in KNOWN for key in keys)


def _sibling(sibling: Sibling) -> dict[str, str]:
    return {"name": sibling.name, "module": sibling.module, "file": sibling.file}


def sibling_of(place: ConfigPlace) -> Sibling:
    """The sibling that is followed."""
    return Sibling(place.detail["name"], place.detail["module"], place.detail["file"])


def _patterned(key: str, sibling: Sibling) -> str:
    return pattern_of(key, sibling) or key.replace("{", "{{").replace("}", "}}")


def _known(key: KeyPath, keys: Sequence[KeyPath]) -> bool:
    return any(each[: len(key)] == key for each in keys)


def _inside(example: Section, kind: str, reads: Sequence[Read]) -> KeyPath:
    """The part of the section's path that the trainers themselves walk."""
    whole = (*example.parent, example.key) if kind == "section" else ()
    for length in range(len(whole)):
        tail = whole[length:]
        if any(read.keys[: len(tail)] == tail for read in reads):
            return tail
    return ()


def _relative(read: Read, prefixes: Sequence[KeyPath]) -> tuple[KeyPath, bool]:
    for prefix in prefixes:
        for length in range(len(prefix)):
            tail = prefix[length:]
            if read.keys[: len(tail)] == tail and len(read.keys) > len(tail):
                return read.keys[len(tail) :], read.optional
    return read.keys, read.optional


def _line(project: Project, form: str, example: Section, kind: str) -> int:
    if kind == "file":
        return 1
    data, keys = project.data(example.path), (*example.parent, example.key)
    if form == "yaml_text":
        return Document(data, example.path).line(keys)
    if form == "ini_text":
        return ini_text.line(data, example.path, keys)
    if form == "toml_text":
        return toml_text.line(data, example.path, keys)
    return json_text.line(data, example.path, keys)


def _one_for_all(
    project: Project, siblings: Sequence[Sibling], form: str, own: Sequence[Read], base: Sequence[Read]
) -> ConfigPlace | None:
    """One file whose settings all trainers read, at its top or in one section of it."""
    best: tuple[int, str, KeyPath, tuple[KeyPath, ...]] | None = None
    reads = list(dict.fromkeys((*own, *base)))
    suffixes = [suffix for suffix, name in SUFFIXES.items() if name == form]
    for path, tree in data_files(project, suffixes):
        keys = tuple(flatten(tree))
        for depth in (0, 1):
            for above in dict.fromkeys(key[:depth] for key in keys if len(key) > depth):
                inner = [key[depth:] for key in keys if key[:depth] == above]
                hits = len({read.keys for read in reads if read.keys in inner})
                if hits and (best is None or hits > best[0]):
                    best = (hits, path, above, tuple(inner))
    if best is None or best[0] * 2 < len({read.keys for read in reads}) or not siblings:
        return None
    _, path, above, keys = best
    known = [read for read in reads if read.keys in keys]
    return _for_all(project, siblings[-1], form, path, above, keys, known, {})


def _for_all(
    project: Project,
    sibling: Sibling,
    form: str,
    path: str,
    above: KeyPath,
    keys: tuple[KeyPath, ...],
    known: Sequence[Read],
    roots: Mapping[str, str],
) -> ConfigPlace:
    return ConfigPlace(
        style="",
        path=path,
        line=1,
        symbol=path,
        example=path,
        parent=above,
        keys=keys,
        required=tuple(dict.fromkeys(read.keys for read in known if not read.optional)),
        optional=tuple(dict.fromkeys(read.keys for read in known if read.optional)),
        access=manner(known),
        load=replace(load_of(project, form, path, sibling), path=above),
        detail={
            "kind": "all",
            "form": form,
            **_sibling(sibling),
            **{f"root:{section}": root for section, root in roots.items()},
        },
    )


def _by_roots(project: Project, siblings: Sequence[Sibling], form: str, reads: Sequence[Read]) -> ConfigPlace | None:
    """One file with a section for each of several dicts that a trainer is handed (``model_config``, ``training_config``)."""
    roots = [
        root
        for root in dict.fromkeys(read.root for read in reads)
        if any(part in root for part in ("_config", "_cfg", "_params", "_args"))
    ]
    if len(roots) < 2 or not siblings:
        return None
    suffixes = [suffix for suffix, name in SUFFIXES.items() if name == form]
    for path, tree in data_files(project, suffixes):
        homes: dict[str, str] = {}
        for root in roots:
            wanted = {read.keys for read in reads if read.root == root}
            named = [key for key in tree if root.startswith(key) or key == root]
            fitting = [
                key for key in (*named, *tree) if isinstance(inner := tree[key], dict) and wanted & set(flatten(inner))
            ]
            if fitting and fitting[0] not in homes:
                homes[fitting[0]] = root
        if len(homes) > 1:
            known = [
                replace(read, keys=(section, *read.keys))
                for section, root in homes.items()
                for read in reads
                if read.root == root
            ]
            keys = tuple(key for key in flatten(tree) if key[0] in homes)
            return _for_all(
                project, siblings[-1], form, path, (), keys, [read for read in known if read.keys in keys], homes
            )
    return None
