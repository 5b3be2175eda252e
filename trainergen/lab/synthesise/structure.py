"""Containers that forward takes: built from the keys and attributes that its source reads, or that a failure asks for."""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..sources import method_node
from .entries import entries_wanted, keyed
from .guess import Box, Guess, Node, Slot
from .names import reading
from .values import PACKED
from .wishes import Contain

if TYPE_CHECKING:
    from ...inspection.batch_spec import Path
    from .subject import Subject

_COMMON = frozenset(dir(torch.Tensor)) | {"keys", "items", "values", "get"}
"""Attributes that say nothing of what has them: a tensor's, and a mapping's."""

_TELLING = (ast.Assign, ast.Subscript, ast.Call, ast.Attribute, ast.For, ast.comprehension, ast.Compare)
"""Nodes that tell how a name is used; the others, more than half of a tree, are passed over."""

_SAMPLES = re.compile(
    r"(?:images?|imgs?|samples|bags?|videos?|clips?|clouds?|graphs?|targets?|annotations|instances)(?:_list)?"
)
"""A list of these has an entry a sample; a list of features has one a level."""

_OBJECTS = {
    "boxes": Slot("float32", ("objects", 4), 0, 1, "boxes", "corners of boxes", sure=True),
    "labels": Slot("int64", ("objects",), 0, 2, why="one label an object", sure=True),
    "masks": Slot("uint8", ("objects", "height", "width"), 0, 2, why="one mask an object"),
    "scores": Slot("float32", ("objects",), 0, 1, why="one score an object"),
    "area": Slot("float32", ("objects",), 0, 1, why="one area an object"),
    "iscrowd": Slot("int64", ("objects",), 0, 2, why="one flag an object"),
    "image_id": Slot("int64", (1,), 0, 8, why="one number an image"),
    "keypoints": Slot("float32", ("objects", 17, 3), 0, 1, why="points of an object"),
}
"""What a sample of a detection data set holds, see torchvision's reference: any number of objects."""

_GRAPH_DATA = "torch_geometric.data:Data"


@dataclass
class Reads:
    """How a function uses one of its arguments.

    Attributes:
        keys: of ``x["key"]`` and ``x.get("key")``, with what is read of them in turn.
        attributes: of ``x.name``, where no tensor has it.
        count: how many entries it is unpacked into or must have as a list; 0 where nothing says so.
        iterated: whether it is looped over.
        parts: how many entries it is indexed for by number; a tensor may be, too.
        element: how one entry is used in such a loop.
        tensor: whether the function asks if it is a tensor: it then takes one.
    """

    keys: dict[str, Reads]
    attributes: dict[str, Reads]
    count: int = 0
    iterated: bool = False
    element: Reads | None = None
    parts: int = 0
    tensor: bool = False

    def __bool__(self) -> bool:
        return bool(self.keys or self.attributes or self.iterated or self.count)


def reads_of(model: nn.Module, name: str) -> Reads:
    """How ``forward`` (and the methods that it hands the argument on to) uses an argument."""
    found = Reads({}, {})
    _follow(model, "forward", name, found, 0)
    return found


def _follow(model: nn.Module, method: str, name: str, found: Reads, depth: int) -> None:
    kind: type = type(model)
    telling = _telling(kind, method)
    if not telling or depth > 3:
        return
    aliases = {name}
    for node in telling:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            for target in node.targets:
                if isinstance(target, ast.Name):
                    aliases.add(target.id)
                elif isinstance(target, (ast.Tuple, ast.List)):
                    found.count = max(found.count, len(target.elts))
        _read(node, aliases, found)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "self"
        ):
            inner = method_node(kind, node.func.attr)
            names = [each.arg for each in inner.args.args[1:]] if inner is not None else []
            for place, argument in enumerate(node.args):
                if isinstance(argument, ast.Name) and argument.id in aliases and place < len(names):
                    _follow(model, node.func.attr, names[place], found, depth + 1)
    found.count = found.count or entries_wanted(model, telling, aliases)


def _read(node: ast.AST, aliases: set[str], found: Reads) -> None:
    def ours(value: ast.expr) -> Reads | None:
        if isinstance(value, ast.Name) and value.id in aliases:
            return found
        if (
            isinstance(value, ast.Subscript)
            and isinstance(value.slice, ast.Constant)
            and isinstance(value.slice.value, str)
        ):
            outer = ours(value.value)
            return outer.keys.setdefault(value.slice.value, Reads({}, {})) if outer is not None else None
        return None

    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        if isinstance(node.slice.value, str):
            ours(node)
        outer = ours(node.value)
        if outer is not None and isinstance(node.slice.value, int):
            outer.parts = max(outer.parts, node.slice.value + 1)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
        outer = ours(node.func.value)
        if (
            outer is not None
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
            and (node.func.attr == "pop" or len(node.args) < 2)
        ):
            outer.keys.setdefault(node.args[0].value, Reads({}, {}))
    elif isinstance(node, ast.Call) and node.args and _asks_for_a_tensor(node):
        outer = ours(node.args[0])
        if outer is not None:
            outer.tensor = True
    elif isinstance(node, ast.Attribute) and node.attr not in _COMMON:
        outer = ours(node.value)
        if outer is not None and not node.attr.startswith("__"):
            outer.attributes.setdefault(node.attr, Reads({}, {}))
    elif isinstance(node, (ast.For, ast.comprehension)):
        _loop(node, ours)


def _asks_for_a_tensor(node: ast.Call) -> bool:
    """``torch.is_tensor(x)``, ``isinstance(x, torch.Tensor)``."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name == "is_tensor" or (
        name == "isinstance" and len(node.args) == 2 and ast.unparse(node.args[1]).rpartition(".")[2] == "Tensor"
    )


def _loop(node: ast.For | ast.comprehension, ours: Callable[[ast.expr], Reads | None]) -> None:
    """``for x in xs``, ``for i, x in enumerate(xs)``, ``for x, t in zip(xs, ts)``; what the body does with an entry."""
    values: list[tuple[ast.expr, ast.expr]] = [(node.iter, node.target)]
    if isinstance(node.iter, ast.Call) and isinstance(node.iter.func, ast.Name) and node.iter.args:
        targets = node.target.elts if isinstance(node.target, (ast.Tuple, ast.List)) else [node.target]
        if node.iter.func.id == "enumerate":
            values = [(node.iter.args[0], targets[-1])]
        elif node.iter.func.id == "zip":
            values = list(zip(node.iter.args, targets, strict=False))
    for value, target in values:
        outer = ours(value)
        if outer is None:
            continue
        outer.iterated = True
        outer.element = outer.element or Reads({}, {})
        if isinstance(target, ast.Name) and isinstance(node, ast.For):
            for inner in ast.walk(ast.Module(node.body, [])):
                _read(inner, {target.id}, outer.element)


@functools.lru_cache(maxsize=256)
def _telling(kind: type, name: str) -> tuple[ast.AST, ...]:
    """The nodes of a method that tell something, in the order of `ast.walk`; kept, for every argument is looked up."""
    tree = method_node(kind, name)
    return tuple(each for each in ast.walk(tree) if isinstance(each, _TELLING)) if tree is not None else ()


def boxed(subject: Subject, name: str) -> Node | None:
    """The container that an argument is by annotation or by how it is read; None for a plain tensor."""
    argument = subject.argument(name)
    annotation = argument.annotation if argument is not None else None
    kind = _class_of(annotation, subject)
    reads = reads_of(subject.model, name)
    if kind is not None:
        found = _of_class(kind, reads, subject)
        if found is not None:
            return found
    if (annotation and "PackedSequence" in annotation) or {"batch_sizes", "sorted_indices"} & set(reads.attributes):
        return _packed(subject)
    sort = annotation.replace("typing.", "").strip("'\"").lower() if annotation else ""
    if reads.keys or sort.startswith(("dict", "mapping")):
        return _mapping(reads, subject) if reads.keys else keyed(subject)
    if reads.attributes and not _may_be_tensor(annotation, subject):
        return _object(reads, subject)
    listed = sort.removeprefix("optional[").startswith(("list[", "sequence[", "iterable["))
    if (listed and "dict[" in sort) or (reads.element is not None and reads.element.keys):
        keys = reads.element or Reads({}, {})
        return Box("list", ((0, _mapping(keys, subject, per_sample=True)),), repeat="batch") if keys.keys else None
    if "tensor" not in sort or not (listed or sort.startswith("tuple[")):
        return None
    element = _element(name, subject)
    if listed:
        if reads.count or not _SAMPLES.fullmatch(name.lower()):
            return Box("list", tuple((index, element) for index in range(reads.count or 2)))
        return Box("list", ((0, _sample(element)),), repeat="batch")
    return Box("tuple", tuple((index, element) for index in range(max(sort.count("tensor"), 2))))


def _class_of(annotation: str | None, subject: Subject) -> type | None:
    value = _meant(annotation, subject)
    options = [each for each in typing.get_args(value) if isinstance(each, type)] or [value]
    return next((each for each in options if isinstance(each, type) and each is not type(None)), None)


def _may_be_tensor(annotation: str | None, subject: Subject) -> bool:
    """Whether a tensor alone is what the annotation allows, as one of several things (``Adj`` of a graph) or as the only one."""
    value = _meant(annotation, subject)
    choices = typing.get_args(value) if typing.get_origin(value) in (typing.Union, types.UnionType) else (value,)
    return torch.Tensor in choices


def _meant(annotation: str | None, subject: Subject) -> Any:
    if not annotation:
        return None
    try:
        return eval(annotation.strip("'\""), dict(subject.globals()), {})  # noqa: S307  the user's own annotation
    except Exception:
        return None


def _of_class(kind: type, reads: Reads, subject: Subject) -> Node | None:
    where = f"{kind.__module__}:{kind.__qualname__}"
    if dataclasses.is_dataclass(kind):
        fields = [
            (each.name, str(each.type)) for each in dataclasses.fields(kind)
            if (each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING) or each.name in reads.attributes
        ]  # fmt: skip
        return Box("dataclass", tuple((name, entry(name, subject, text)) for name, text in fields), where)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        if kind.__name__ == "PackedSequence":
            return _packed(subject)
        return Box("namedtuple", tuple((name, entry(name, subject)) for name in kind._fields), where)
    if kind.__name__ in ("Data", "Batch") and kind.__module__.startswith("torch_geometric"):
        return _graph(reads, subject)
    if typing.is_typeddict(kind):
        return Box("mapping", tuple((name, entry(name, subject)) for name in kind.__annotations__))
    return None


def _packed(subject: Subject) -> Node:
    width = next((layer.width for layer in subject.evidence.layers if layer.kind == "recurrent"), 16)
    entries: tuple[tuple[str | int, Node], ...] = (
        ("data", Slot("float32", ("packed", width), why="a packed sequence", sure=True, fixed=(1,))),
        ("batch_sizes", Slot("int64", ("length",), form="packed_sizes", why="a packed sequence", sure=True)),
    )
    return Box("namedtuple", entries, PACKED)


def _mapping(reads: Reads, subject: Subject, *, per_sample: bool = False) -> Node:
    entries: list[tuple[str | int, Node]] = []
    for key, inner in reads.keys.items():
        if inner.keys:
            entries.append((key, _mapping(inner, subject, per_sample=per_sample)))
        elif per_sample:
            entries.append((key, _OBJECTS.get(key) or _sample(entry(key, subject))))
        else:
            entries.append((key, entry(key, subject)))
    return Box("mapping", tuple(entries))


def _sample(node: Node) -> Node:
    """One sample of what is a batch."""
    return replace(node, dims=node.dims[1:]) if isinstance(node, Slot) and node.dims[:1] == ("batch",) else node


def _object(reads: Reads, subject: Subject) -> Node | None:
    """Of a dataclass or namedtuple in the model's module with all the fields that are read, or a graph."""
    fields = set(reads.attributes)
    for value in list(subject.globals().values()):
        if not isinstance(value, type):
            continue
        names = set(getattr(value, "_fields", ())) if issubclass(value, tuple) else set()
        if dataclasses.is_dataclass(value):
            names = {each.name for each in dataclasses.fields(value)}
        if fields <= names:
            return _of_class(value, reads, subject)
    uses = any(str(getattr(each, "__module__", getattr(each, "__name__", ""))).startswith("torch_geometric")
               or str(getattr(each, "__name__", "")).startswith("torch_geometric")
               for each in list(subject.globals().values()))  # fmt: skip
    return _graph(reads, subject) if uses else None


def _graph(reads: Reads, subject: Subject) -> Node:
    known = ("x", "edge_index", "edge_attr", "edge_weight", "batch", "pos", "y", "z", "edge_type")
    names = [name for name in known if name in reads.attributes or name in ("x", "edge_index")]
    names += [name for name in reads.attributes if name not in known and not name.startswith("num_")]
    scene = replace(subject.scene, names=tuple(names))
    subject = replace(subject, scene=scene)
    return Box("dataclass", tuple((name, entry(name, subject)) for name in names), _GRAPH_DATA)


def entry(name: str, subject: Subject, annotation: str | None = None) -> Node:
    """One entry of a container, by its name (or the annotation of its field)."""
    if annotation and annotation in ("int", "float", "str"):
        return Slot({"str": "str"}.get(annotation, annotation), ("batch",) if annotation == "str" else (), 1)
    found = reading(name, subject.scene)
    return found if found is not None else _element(name, subject)


def _element(name: str, subject: Subject) -> Slot:
    from .starts import main_slots

    return main_slots(name, subject)[0][1]


def contained(wish: Contain, guess: Guess, subject: Subject) -> Iterator[Guess]:
    """Guesses in which an input is the container that a failure asks for."""
    paths: list[Path] = [path for path, _ in guess.slots() if wish.operand is not None and path in wish.operand.origins]
    if wish.operand is None:
        paths = [(name,) for name, _ in guess.arguments]
    for path in paths:
        node = _node(guess, path)
        if node is None:
            continue
        new = _with(node, path, wish, subject)
        if new is not None:
            cost = 0.1 if wish.kind in ("key", "attribute") else 0.4
            yield replace(
                guess.with_slot(path, new), cost=guess.cost + cost, aim=None, note=f"{path[-1]} as {wish.kind}"
            )


def _with(node: Node, path: Path, wish: Contain, subject: Subject) -> Node | None:
    name = wish.name
    if wish.kind == "key":
        if isinstance(node, Box) and node.kind == "mapping" and name is not None:
            entries = dict(node.entries)
            return (
                None if name in entries else replace(node, entries=(*node.entries, (name, entry(str(name), subject))))
            )
        if isinstance(node, Slot):
            found = _mapping(reads_of(subject.model, str(path[0])), subject)
            assert isinstance(found, Box)
            if name is not None and name not in dict(found.entries):
                found = replace(found, entries=(*found.entries, (name, entry(str(name), subject))))
            return found if found.entries else None
    if wish.kind == "attribute" and isinstance(node, Slot) and isinstance(name, str):
        reads = reads_of(subject.model, str(path[0]))
        reads.attributes.setdefault(name, Reads({}, {}))
        if name in ("batch_sizes", "sorted_indices", "unsorted_indices"):
            return _packed(subject)
        return _object(reads, subject)
    if wish.kind in ("index", "iterate") and isinstance(node, Slot):
        count = int(name) + 1 if isinstance(name, int) else 2
        return Box("list" if wish.kind == "iterate" else "tuple", tuple((index, node) for index in range(count)))
    return None


def _node(guess: Guess, path: Path) -> Node | None:
    node: Any = dict(guess.arguments).get(str(path[0]))
    for key in path[1:]:
        node = dict(node.entries).get(key) if isinstance(node, Box) else None
    return node if isinstance(node, (Slot, Box)) else None
