"""Which parts of a batch go into ``forward``, and as what: the ways worth trying, likeliest first. Nothing is run."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from ...errors import did_you_mean
from ...inspection.batch_spec import BatchSpec, Branch, Leaf, Node, Path, find, leaves, spell_path
from .facts import FeedArgument, Feeding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ...inspection.model_facts import Argument

WHOLE_NAMES = ("batch", "inputs", "data", "sample", "samples", "features", "example", "examples")
"""A lone argument of such a name may want the whole container; ``batch`` surely does."""

TARGET_WORDS = frozenset(
    [
        "label",
        "labels",
        "target",
        "targets",
        "tgt",
        "y",
        "class",
        "classes",
        "cls",
        "category",
        "truth",
        "gt",
        "answer",
        "answers",
        "rank",
        "ranks",
    ]
)
"""A key with one of these as a word of its name is compared with the output, as far as names tell."""

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
SMALL_INTEGERS = frozenset({"uint8", "int8", "int16"})


Ways: TypeAlias = dict[int, tuple[str, ...]]
"""Preparations by the index of the argument."""


class NoFeeding(ValueError):
    """No part of the batch fits what ``forward`` requires: keys or parts are missing.

    Attributes:
        hint: how to fix it.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def candidates(
    forward: Sequence[Argument], spec: BatchSpec, target: Path | None = None, dtype: str = "float32"
) -> tuple[Feeding, ...]:
    """The ways to feed `forward` from a batch, in the order in which they are worth trying.

    Each assignment of parts to arguments comes as it is, then with preparations that may make it fit (a cast to the
    model's floating dtype, an added dimension, channels first, flattened), before the next assignment.

    Args:
        forward: its parameters without ``self``.
        spec: the batch.
        target: the part that the user says is the target: it goes in only if `forward` can't do without.
        dtype: the model's floating dtype.

    Raises:
        NoFeeding: a required argument has no part of the batch, or `target` is not in the batch.
    """
    if target is not None and find(spec.root, target) is None:
        known = sorted({spell_path(path[: depth + 1]) for path, _ in leaves(spec.root) for depth in range(len(path))})
        raise NoFeeding(
            f"the batch has no {spell_path(target)}: it has {_listed(known)}", did_you_mean(spell_path(target), known)
        )
    takers = [each for each in forward if each.kind != "var_keyword"]
    if not takers and not any(each.kind == "var_keyword" for each in forward):
        raise NoFeeding("forward takes no argument that a batch could go into", "give forward the input as a parameter")
    found: list[Feeding] = []
    for feeding in _assignments(forward, spec.root, target):
        for each in (feeding, *_prepared(feeding, spec.root, dtype)):
            if each not in found:
                found.append(each)
    return tuple(found)


def is_target_name(key: str | int) -> bool:
    """Whether a key or argument is named like a target: ``label``, ``true_ranks``, ``next_ids``, ``yTrue``."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", str(key)).lower().split("_")
    return bool(TARGET_WORDS & set(words)) or words[0] in ("true", "next")


# -- which part goes where


def _assignments(forward: Sequence[Argument], root: Node, target: Path | None) -> list[Feeding]:
    whole = _whole(forward, target)
    if isinstance(root, Leaf):
        if root.dtype == "object":
            return [replace(whole, reason="the batch is an object of its own")] if whole else []
        name = next((each.name for each in forward), "x")
        return [Feeding((FeedArgument(()),), (), f"forward({name}) takes one tensor")]
    surely = whole is not None and _wants_whole(forward, root)
    found = [whole] if whole is not None and surely else []
    problem: NoFeeding | None = None
    try:
        if root.kind in ("tuple", "list") or (root.kind == "namedtuple" and not _matched(forward, root, target)):
            found += _by_position(forward, root, target)
        else:
            found += _by_name(forward, root, (), target)
    except NoFeeding as error:
        problem = error
    if whole is not None and not surely:
        found.append(whole)
    if problem is not None and not surely and not (whole is not None and forward[0].name in WHOLE_NAMES):
        raise problem
    return found


def _whole(forward: Sequence[Argument], target: Path | None) -> Feeding | None:
    """The batch object itself as the one argument, where forward can be called with one."""
    positional = [each for each in forward if each.kind in ("positional", "var_positional")]
    if not positional or len(_required(forward)) > 1:
        return None
    return Feeding(
        (FeedArgument(()),),
        (target,) if target is not None else (),
        f"forward({positional[0].name}) takes the whole batch",
        whole=True,
    )


def _wants_whole(forward: Sequence[Argument], root: Branch) -> bool:
    first = forward[0]
    if first.name == "batch" and "batch" not in dict(root.entries):
        return True
    annotation = (first.annotation or "").strip("\"'")
    head = annotation.partition("[")[0].rpartition(".")[2]
    if root.type_name is not None:
        return head == root.type_name.rpartition(":")[2].rpartition(".")[2]
    if root.kind == "mapping":
        return head in ("dict", "Dict", "Mapping", "MutableMapping", "BatchEncoding", "OrderedDict", "TensorDict")
    return head in ("tuple", "Tuple", "list", "List", "Sequence")


def _by_position(forward: Sequence[Argument], root: Branch, target: Path | None) -> list[Feeding]:
    """Entries of a tuple into the first arguments, the rest are targets; an inner tuple or dict in front is spread."""
    entries = [
        (key, node) for key, node in root.entries if not (isinstance(node, Leaf) and node.dtype in ("str", "object"))
    ]
    pool = [(key, node) for key, node in entries if target is None or key != target[0]]
    found: list[Feeding] = []
    if len(pool) >= 1 and isinstance(pool[0][1], Branch):
        found += _spread(forward, root, pool[0][0], pool[0][1], target)
    least, most = _arity(forward)
    for count in _counts(forward, len(entries), len(pool), target):
        source = pool if count <= len(pool) else entries
        if least <= count <= most and count <= len(source):
            fed = tuple((key,) for key, _ in source[:count])
            found.append(_feeding(root, [FeedArgument(path) for path in fed], _said_by_position(forward, root, count)))
    if not found:
        names = ", ".join(each.name for each in _required(forward))
        raise NoFeeding(
            f"forward needs {least} arguments ({names}); the batch has {len(entries)} parts to give",
            "give a batch with a part for each argument, or a dict with their names as keys",
        )
    return found


def _counts(forward: Sequence[Argument], entries: int, pool: int, target: Path | None) -> list[int]:
    """How many parts go in, likeliest first."""
    least, most = _arity(forward)
    if target is not None:
        return _unique([min(pool, most), least, entries])
    takers = [each for each in forward if each.kind == "positional"]
    own_loss = len(takers) >= entries > 1 and any(is_target_name(each.name) for each in takers[1:entries])
    preferred = [entries] if own_loss or entries == 1 else []
    return _unique([*preferred, min(entries - 1, most) if entries > 1 else 1, least, entries])


def _spread(
    forward: Sequence[Argument], root: Branch, key: str | int, inner: Branch, target: Path | None
) -> list[Feeding]:
    """``((left, right), label)`` and ``({"ids": ..., "mask": ...}, label)``."""
    least, most = _arity(forward)
    if inner.kind in ("tuple", "list"):
        if len(inner.entries) > 1 and least <= len(inner.entries) <= most and (least > 1 or most == len(inner.entries)):
            paths = [(key, inside) for inside, _ in inner.entries]
            return [
                _feeding(
                    root, [FeedArgument(path) for path in paths], f"the batch's part {key} holds {len(paths)} inputs"
                )
            ]
        return []
    try:
        return [replace(each, targets=_rest(root, each)) for each in _by_name(forward, inner, (key,), target)]
    except NoFeeding:
        return []


def _said_by_position(forward: Sequence[Argument], root: Branch, count: int) -> str:
    names = ", ".join(each.name for each in forward if each.kind != "var_keyword")
    if count == 1 and len(root.entries) == 2:
        return f"forward({names}) takes one input, the batch is a pair"
    return (
        f"forward({names}) takes the first {count} of {len(root.entries)}"
        if count > 1
        else f"forward({names}) takes the first part"
    )


def _by_name(forward: Sequence[Argument], root: Branch, prefix: Path, target: Path | None) -> list[Feeding]:
    """Keys, fields or nested keys that are named like the arguments; a lone unmatched argument by elimination."""
    matched = _matched(forward, root, target, prefix)
    required = _required(forward)
    missing = [each for each in required if each.name not in matched]
    names = {each.name for each in forward if each.kind in ("positional", "keyword")}
    if not names:
        return _variadic(forward, root, prefix, target)
    found: list[Feeding] = []
    if not missing and matched:
        said = f"forward({', '.join(name for name in matched)}): the batch has these {_noun(root)}"
        found.append(_feeding_by_name(forward, root, prefix, matched, said))
        needed = {each.name: matched[each.name] for each in required}
        if needed and needed != matched:
            found.append(
                _feeding_by_name(forward, root, prefix, needed, f"forward({', '.join(needed)}): what it requires")
            )
        return found
    lone = (
        missing[0]
        if len(missing) == 1
        else next((each for each in forward if each.kind == "positional"), None) if not required else None
    )
    pool = _pool(root, prefix, matched, target)
    if lone is not None and len(pool) == 1:
        said = f"{spell_path(pool[0])} is the only part that is no target by its name"
        return [_feeding_by_name(forward, root, prefix, matched | {lone.name: pool[0]}, said)]
    keys = [str(key) for key, _ in root.entries]
    wanted = ", ".join(each.name for each in missing) or ", ".join(sorted(names))
    raise NoFeeding(
        f"the batch has {_noun(root)} {_listed(keys)}; forward needs {wanted}",
        did_you_mean(missing[0].name if missing else sorted(names)[0], keys),
    )


def _variadic(forward: Sequence[Argument], root: Branch, prefix: Path, target: Path | None) -> list[Feeding]:
    """``forward(*inputs)`` or ``forward(**inputs)``: every part that is no target."""
    parts = _pool(root, prefix, {}, target)
    by_keyword = any(each.kind == "var_keyword" for each in forward)
    feeds = [FeedArgument(path, str(path[-1]) if by_keyword else None) for path in parts]
    return (
        [replace(_feeding(root, feeds, "forward takes any arguments"), targets=_rest_of(root, prefix, parts))]
        if feeds
        else []
    )


def _matched(forward: Sequence[Argument], root: Branch, target: Path | None, prefix: Path = ()) -> dict[str, Path]:
    """Argument name -> path, for the arguments that a key is named like, in the order of the signature."""
    exact: dict[str, Path] = {}
    loose: dict[str, list[Path]] = {}
    for key, _ in root.entries:
        exact[str(key)] = (*prefix, key)
        loose.setdefault(_plain(str(key)), []).append((*prefix, key))
    nested: dict[str, list[Path]] = {}
    for path, _ in leaves(root, prefix):
        if len(path) > len(prefix) + 1:
            nested.setdefault(_plain(str(path[-1])), []).append(path)
    matched: dict[str, Path] = {}
    for each in forward:
        if each.kind not in ("positional", "keyword"):
            continue
        near = loose.get(_plain(each.name)) or nested.get(_plain(each.name)) or []
        found = exact.get(each.name) or (near[0] if len(near) == 1 else None)
        if found is None or found in matched.values():
            continue
        if not each.required and target is not None and found == target[: len(found)]:
            continue
        matched[each.name] = found
    return matched


def _pool(root: Branch, prefix: Path, matched: dict[str, Path], target: Path | None) -> list[Path]:
    """Tensors that are neither matched nor targets by what the user or their name says."""
    taken = set(matched.values())
    found = [
        path
        for path, leaf in leaves(root, prefix)
        if leaf.dtype not in ("str", "object")
        and path not in taken
        and path[: len(prefix) + 1] not in taken
        and path != target
    ]
    unnamed = [path for path in found if not any(is_target_name(key) for key in path[len(prefix) :])]
    return unnamed or (found if target is not None else [])


def _feeding_by_name(
    forward: Sequence[Argument], root: Branch, prefix: Path, matched: dict[str, Path], reason: str
) -> Feeding:
    kinds = {each.name: each.kind for each in forward}
    lone = len(matched) == 1 and kinds[next(iter(matched))] == "positional" and forward[0].name in matched
    feeds = [
        FeedArgument(path, None if lone else name)
        for name, path in sorted(matched.items(), key=lambda item: list(kinds).index(item[0]))
    ]
    return Feeding(tuple(feeds), _rest_of(root, prefix, [feed.path for feed in feeds]), reason)


def _feeding(root: Branch, feeds: list[FeedArgument], reason: str) -> Feeding:
    return Feeding(tuple(feeds), _rest_of(root, (), [feed.path for feed in feeds]), reason)


def _rest(root: Branch, feeding: Feeding) -> tuple[Path, ...]:
    return _rest_of(root, (), [feed.path for feed in feeding.arguments])


def _rest_of(root: Branch, prefix: Path, fed: Iterable[Path]) -> tuple[Path, ...]:
    """The leaves below no fed path."""
    taken = list(fed)
    return tuple(path for path, _ in leaves(root, prefix) if not any(path[: len(each)] == each for each in taken))


def _required(forward: Sequence[Argument]) -> list[Argument]:
    return [each for each in forward if each.required]


def _arity(forward: Sequence[Argument]) -> tuple[int, int]:
    """The least and most positional arguments of a call."""
    positional = [each for each in forward if each.kind == "positional"]
    least = len([each for each in positional if each.required])
    most = 10**6 if any(each.kind == "var_positional" for each in forward) else len(positional)
    return max(1, least), most


def _noun(root: Branch) -> str:
    return "keys" if root.kind == "mapping" else "fields"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "nothing"


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _unique(counts: list[int]) -> list[int]:
    return [count for index, count in enumerate(counts) if count >= 1 and count not in counts[:index]]


# -- what may make it fit


def _prepared(feeding: Feeding, root: Node, dtype: str) -> list[Feeding]:
    """`feeding` with preparations, in the fixed order in which they are tried once it has failed as it is."""
    if feeding.whole:
        return []
    parts = [(index, find(root, feed.path)) for index, feed in enumerate(feeding.arguments)]
    tensors = [
        (index, leaf)
        for index, leaf in parts
        if isinstance(leaf, Leaf) and leaf.dtype not in ("str", "int", "float", "object")
    ]
    if len(tensors) == 1:
        index, leaf = tensors[0]
        casts = _casts(leaf, _name(feeding, index), dtype)
        shapes = _reshapes(len(leaf.sizes))
        ways = (
            [(cast,) for cast in casts]
            + [(shape,) for shape in shapes]
            + [(cast, shape) for cast in casts for shape in shapes]
        )
        return [_with(feeding, {index: way}) for way in ways]
    return [_with(feeding, way) for way in _joint_ways(feeding, tensors, dtype)]


def _joint_ways(feeding: Feeding, tensors: list[tuple[int, Leaf]], dtype: str) -> list[Ways]:
    """For several tensors: the casts that are most likely all at once, then one tensor more at a time."""
    floats: Ways = {index: ("float",) for index, leaf in tensors if leaf.dtype in FLOATS and leaf.dtype != dtype}
    small: Ways = floats | {index: ("float",) for index, leaf in tensors if leaf.dtype in SMALL_INTEGERS}
    masks: Ways = small | {
        index: ("bool",) for index, leaf in tensors if "mask" in _name(feeding, index) and leaf.dtype != "bool"
    }
    ways: list[Ways] = [floats, small, masks]
    for index, leaf in tensors:
        ways += [masks | {index: (cast,)} for cast in _casts(leaf, _name(feeding, index), dtype)]
    for index, leaf in tensors:
        for shape in _reshapes(len(leaf.sizes)):
            ways.append({index: (shape,)})
            if masks:
                ways.append(masks | {index: (*masks.get(index, ()), shape)})
    return [way for way in ways if way]


def _casts(leaf: Leaf, name: str, dtype: str) -> list[str]:
    if leaf.dtype == dtype or leaf.dtype.startswith("complex"):
        return []
    if leaf.dtype in FLOATS:
        return ["float"]
    masks = ["bool"] if "mask" in name and leaf.dtype != "bool" else []
    return [*masks, "float", *(["long"] if leaf.dtype != "int64" else [])]


def _reshapes(rank: int) -> list[str]:
    """Ways to give a tensor of `rank` the rank or layout that a layer wants; the first dimension stays the batch."""
    if rank <= 1:
        return ["unsqueeze:1"] if rank == 1 else []
    if rank == 2:
        return ["unsqueeze:1", "unsqueeze:2"]
    if rank == 3:
        return ["unsqueeze:1", "flatten:1", "permute:0,2,1"]
    order = ",".join(str(axis) for axis in (0, rank - 1, *range(1, rank - 1)))
    return [f"permute:{order}", "flatten:1"]


def _name(feeding: Feeding, index: int) -> str:
    feed = feeding.arguments[index]
    return (feed.argument or str(feed.path[-1] if feed.path else "")).lower()


def _with(feeding: Feeding, ways: Ways) -> Feeding:
    feeds = tuple(replace(feed, prepare=ways.get(index, feed.prepare)) for index, feed in enumerate(feeding.arguments))
    said = "; ".join(f"{spell_path(feeds[index].path)} through {', '.join(way)}" for index, way in sorted(ways.items()))
    return replace(feeding, arguments=feeds, reason=f"{feeding.reason}; {said}")
