"""yacs: a tree of CfgNodes in Python with its defaults, and a YAML file a trainer that is merged into it where siblings have one."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..configuration import ConfigPlace, Configuration, Field, KeyPath, Load, Slot
from ..draft import Draft, Edit, Insertion
from ..joining import Entry, Sibling
from ..source import Source
from .survey import section_place, section_style
from .survey.class_text import quoted
from .survey.loading import filled
from .survey.names import common_pattern, fill, matches, refuse_taken
from .survey.project import Project
from .survey.reads import shared_reads, sibling_reads
from .survey.section_place import sibling_of
from .survey.words import place_fields
from .syntax.python_text import chain_of, literal

RANK = 15


@dataclass(frozen=True)
class Leaf:
    """One line of the tree: ``_C.TRAIN.LR = 0.1``, or a node (``_C.TRAIN = CN()``)."""

    keys: KeyPath
    node: ast.Assign
    is_node: bool


def _tree(source: Source) -> tuple[str, list[Leaf]]:
    """The root's name, and the lines of its tree in order; "" where the file has none.

    A tree is what yacs calls one, or a class of the project's own that is used the same way: a name bound to an empty
    node, and attributes of it bound to nodes of that class.
    """
    makers = {
        alias.asname or alias.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and node.module == "yacs.config"
        for alias in node.names
    } | {"yacs.config.CfgNode"}
    assigned = [node for node in source.tree.body if isinstance(node, ast.Assign) and len(node.targets) == 1]
    empty = {
        chain: ast.unparse(node.value.func)
        for node in assigned
        if isinstance(node.value, ast.Call)
        and not (node.value.args or node.value.keywords)
        and (chain := chain_of(node.targets[0]))
    }
    makers |= {maker for chain, maker in empty.items() if len(chain) == 2 and empty.get(chain[:1]) == maker}
    root = ""
    leaves: list[Leaf] = []
    for node in assigned:
        chain = chain_of(node.targets[0])
        made = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) in makers
        if not root and made and len(chain) == 1:
            root = chain[0]
        elif root and len(chain) > 1 and chain[0] == root:
            leaves.append(Leaf(chain[1:], node, made))
    return root, leaves


def find(project: Project, siblings: Sequence[Sibling], base_file: str) -> ConfigPlace | None:
    """See `ConfigStyle`."""
    for source in project.python("()"):
        root, leaves = _tree(source)
        if root and leaves:
            return _place(project, source, root, leaves, siblings, base_file)
    return None


def _place(
    project: Project, source: Source, root: str, leaves: list[Leaf], siblings: Sequence[Sibling], base_file: str
) -> ConfigPlace:
    example = siblings[-1]
    module = project.module_name(source.path, example.module, example.file)
    load = _load(source, root, module)
    keys = tuple(each.keys for each in leaves if not each.is_node)
    reads = [read for sibling in siblings for read in sibling_reads(project, sibling)]
    shared = shared_reads(project, siblings, base_file)
    detail = {"name": example.name, "module": example.module, "file": example.file, "root": root, "kind": "all"}
    place = ConfigPlace(
        style="",
        path=source.path,
        line=leaves[0].node.lineno,
        symbol=root,
        example=root,
        keys=keys,
        required=tuple(dict.fromkeys(read.keys for read in (*shared, *reads) if read.keys in keys)),
        access="attribute",
        load=load,
        detail=detail,
    )
    nodes = [each.keys[-1] for each in leaves if each.is_node and len(each.keys) == 1]
    named = matches(nodes, siblings)
    if named:
        pattern = common_pattern(list(named.items())) or ""
        last = [key for key in nodes if key in named][-1]
        inner = tuple(key[1:] for key in keys if key[0] == last)
        inside = any(read.keys[:1] == (last,) for read in (*reads, *shared)) or any(
            read.keys[:1] == (node,) for read in reads for node in named
        )
        sibling = named[last]
        return replace(
            place,
            symbol=pattern,
            example=last,
            keys=inner,
            required=tuple(key[1:] for key in place.required if key[0] == last),
            inside=(pattern,) if inside else (),
            load=replace(load, path=() if inside else (pattern,)),
            detail={**detail, "kind": "node", "name": sibling.name, "module": sibling.module, "file": sibling.file},
        )
    files = section_place.find(project, siblings, base_file, "yaml_text", opened=True)
    if files is not None and files.detail["kind"] == "file":
        head, _, name = files.path.rpartition("/")
        suffix = "." + name.rpartition(".")[2]
        merged = f"{head}/{files.symbol}{suffix}" if head else files.symbol + suffix
        return replace(place, load=replace(load, merge=merged), detail={**detail, "kind": "file", "yaml": files.path})
    return place


def _load(source: Source, root: str, module: str) -> Load:
    """The function that gives the tree, else its name."""
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef) and not node.args.args:
            returns = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value is not None]
            if any(root in ast.unparse(value) for value in returns):
                return Load("call", module, node.name)
    alias = next(
        (
            node.targets[0].id
            for node in source.tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Name)
            and node.value.id == root
        ),
        root,
    )
    return Load("attribute", module, alias)


def configure(
    place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project, *, width: int, quote: str
) -> Configuration:
    """See `ConfigStyle`.

    Raises:
        Conflict: the node or the YAML file is taken.
    """
    del width
    source = Source(project.data(place.path), place.path)
    root, leaves = _tree(source)
    kind = place.detail["kind"]
    placed = {name: _as_key(keys) for name, keys in place_fields(fields, place.keys, place.required).items()}
    prefix: KeyPath = (fill(place.symbol, entry),) if kind == "node" else ()
    have = {each.keys: each for each in leaves}
    if kind == "node":
        nodes = {each.keys[0]: each.node.lineno for each in leaves if len(each.keys) == 1}
        refuse_taken(prefix[0], nodes, "a node", place.path)
    missing = [each for each in fields if (*prefix, *placed[each.name]) not in have]
    edit = _add(source, place, root, leaves, prefix, [(placed[each.name], each) for each in missing], quote)
    steps = [fill(key, entry) for key in place.inside]
    result = Configuration(
        style="",
        edits={place.path: edit} if edit is not None else {},
        access={each.name: "{config}" + "".join(f".{key}" for key in (*steps, *placed[each.name])) for each in fields},
        slots={each.name: Slot(place.path, (root, *prefix, *placed[each.name]), "python_text") for each in missing},
        shared={
            each.name: repr(literal(have[placed[each.name]].node.value))
            for each in fields
            if kind == "all" and placed[each.name] in have
        },
        load=filled(place.load, entry),
        said=f"{root}.{prefix[0]} in {place.path}" if prefix else place.path,
    )
    return _with_file(result, place, fields, placed, entry, project) if kind == "file" else result


def _as_key(keys: KeyPath) -> KeyPath:
    return tuple(key.replace("-", "_") for key in keys)


def _with_file(
    result: Configuration,
    place: ConfigPlace,
    fields: Sequence[Field],
    placed: dict[str, KeyPath],
    entry: Entry,
    project: Project,
) -> Configuration:
    """The trainer's own YAML file says its values; the tree has a default for each key."""
    files = section_place.find(project, [sibling_of(place)], "", "yaml_text", opened=True)
    assert files is not None
    # Its keys are the tree's, all of them: merging refuses others.
    renamed = replace(files, keys=tuple(dict.fromkeys((*files.keys, *placed.values()))), required=())
    made = section_style.configure(renamed, fields, entry, project)
    return replace(
        result, created=made.created, slots=made.slots, shared={}, said=f"{made.said}, with defaults in {place.path}"
    )


def _add(
    source: Source,
    place: ConfigPlace,
    root: str,
    leaves: Sequence[Leaf],
    prefix: KeyPath,
    missing: Sequence[tuple[KeyPath, Field]],
    quote: str,
) -> Edit | None:
    """Lines for keys that the tree lacks, each after the last of its node."""
    if not missing:
        return None
    newline = source.newline.decode()
    maker = next((ast.unparse(each.node.value) for each in leaves if each.is_node), "CfgNode()")
    groups: dict[KeyPath, list[str]] = {}
    known = {each.keys for each in leaves if each.is_node}
    top = prefix if prefix else None
    for keys, each in missing:
        full = (*prefix, *keys)
        lines: list[str] = []
        for length in range(1, len(full)):
            if full[:length] not in known:
                known.add(full[:length])
                lines.append(f"{root}.{'.'.join(full[:length])} = {maker}")
        value = quoted(each.value, quote)
        value = "[" + value.strip("()").rstrip(",") + "]" if value.startswith("(") and "CN" in maker else value
        lines.append(f"{root}.{'.'.join(full)} = {value}")
        groups.setdefault(top if top is not None else full[:-1], []).extend(lines)
    draft = Draft(source.data, place.path)
    insertions = []
    for group, lines in groups.items():
        inside = [each for each in leaves if each.keys[: len(group)] == group] if not prefix else []
        last = (inside or list(leaves))[-1].node
        at = source.next_line(source.end(last))
        unfinished = at == len(source.data) and not source.data.endswith((b"\n", b"\r"))
        lead = newline if unfinished else ""
        text = newline.join(lines) + newline
        insertions.append(Insertion(at, (lead + (newline if prefix else "") + text).encode("utf-8")))
    draft.insert(insertions)
    Source(draft.data, place.path)
    return draft.finish(root)
