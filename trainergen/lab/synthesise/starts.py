"""Where a search begins: for each argument the readings that its name and the model's first layers suggest, best first."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from ...inspection.batch_grammar import parse
from ...inspection.batch_spec import Branch, Leaf
from .documents import annotated, written
from .evidence import Evidence, Layer
from .guess import Box, Dim, Guess, Node, Slot
from .names import reading
from .states import states
from .structure import boxed, reads_of
from .subject import Subject

Option = tuple[float, Node]

_PAIRED = re.compile(
    r"src|tgt|source|trg|seq\w*|x|xs?\d*|inputs?|inp\w*|query|key|value|q|k|v|context|memory|left|right|a|b|anchor|positive|negative|input_?\d|x_?\d|decoder_input|encoder_input|text\w*|image\w*|batch|data|sample\w*|trgs?|targets?_?in\w*|dec_in\w*|enc_in\w*"
)
_IMAGE = re.compile(r".*(?:image|img|pixel|picture|photo|frame_?rgb|rgb).*|moving|fixed")
_VOLUME = re.compile(r".*(?:volume|voxel|video|clip).*")
_SERIES = re.compile(r".*(?:audio|wav|waveform|signal|speech|ecg|eeg).*")
_SPECTRUM = re.compile(r".*(?:spectrogram|mel|fbank|spec).*")
_STATES = re.compile(
    r".*(?:seq|hidden_states|tokens?_emb|embeds?|feats?|features|memory|encoder_out\w*|context|query|key|value)$|[qkv]|src|tgt"
)

_BESIDE = re.compile(r"pos|cls|time|label|class")
"""Layers named so take something else than the input."""
_VALUES = re.compile(r"values?|weights?|scores?|dense|feats?|features|vec|state|cont")
_NODES = re.compile(r"(?:num|n)_?nodes?")
_CHANNELS = re.compile(r"(?:n|num|in|input|img|image)_?(?:channels?|chans?|ch)|channels|n_input_channels|nc|c_in|in_ch")
_AFFIXES = re.compile(r"^(?:x|input|inputs)_|_(?:x|input|inputs|ids|feats?|features|values)$")
_SIZED = re.compile(r"(?:in|input|inputs|img|image|obs|x|data)_?(?:shape|size|dims?)")

EDGES = re.compile(r"edge_index|adj_t")
"""Optional or not: a class that takes it is made for graphs."""


def starts(subject: Subject) -> list[Guess]:
    """Guesses to begin with, the most plausible first and cheapest."""
    evidence = subject.evidence
    names = _called(subject)
    options = [_options(name, subject) for name in names]
    explicit = list(_explicit(subject))
    found: list[Guess] = [*explicit]
    width = max((len(each) for each in options), default=0)
    for index in range(width):
        chosen = [each[min(index, len(each) - 1)] for each in options]
        guess = _guess(names, chosen, evidence)
        found.append(replace(guess, cost=max(price for price, _ in chosen)))
    for place, each in enumerate(options):  # one argument otherwise, the rest as they are likeliest
        for index in range(1, len(each)):
            if len(options) > 1:
                chosen = [other[0] for other in options]
                chosen[place] = each[index]
                guess = _guess(names, chosen, evidence)
                found.append(replace(guess, cost=guess.cost + 0.2))
    found += [other for guess in found[:2] for other in _entries(guess, subject)]
    if subject.scene.dense:
        found += [replace(_per_graph(each), cost=each.cost + 0.3) for each in found[:2]]
    return sorted(found, key=lambda guess: guess.cost)


def _entries(guess: Guess, subject: Subject) -> Iterator[Guess]:
    """Entries of containers in their other readings, one at a time."""
    for path, slot in guess.slots():
        if len(path) > 1 and not slot.sure and isinstance(path[-1], str):
            for cost, other in main_slots(path[-1], subject)[1:4]:
                yield replace(guess.with_slot(path, other), cost=guess.cost + 0.1 + cost)


def _per_graph(guess: Guess) -> Guess:
    """A batch of graphs instead of one."""
    for path, slot in list(guess.slots()):
        if slot.dims[:1] == ("nodes",):
            guess = guess.with_slot(path, replace(slot, dims=("batch", *slot.dims)))
    return guess


def _called(subject: Subject) -> list[str]:
    """Arguments of the first calls: the required ones, else the first that looks like a tensor."""
    required = subject.scene.active
    if required:
        return [each.name for each in subject.forward if each.name in required or EDGES.fullmatch(each.name)]
    if any(each.kind == "var_positional" for each in subject.forward):
        return ["*0"]
    optional = [each for each in subject.forward if each.kind in ("positional", "keyword")]
    anything = next((each.name for each in subject.forward if each.kind == "var_keyword"), None)
    if not optional and anything is not None:
        return list(reads_of(subject.model, anything).keys)
    return [each.name for each in optional if each.default == "None"][:1] or [each.name for each in optional][:1]


def _guess(names: list[str], chosen: list[Option], evidence: Evidence) -> Guess:
    side, length, nodes = evidence.side(), evidence.length(), evidence.number(_NODES.fullmatch)
    volume = any(len(slot.dims) >= 5 for _, node in chosen for slot in _all(node))
    sides = side[0] if side and side[0] <= 512 else 16 if volume else 32
    sizes = {
        "batch": 3,
        "length": length[0] if length and length[0] <= 512 else 12,
        **dict.fromkeys(("height", "width", "depth"), sides),
        "nodes": nodes[0] if nodes else 10,
        "edges": 24,
        "graphs": 2,
        "objects": 3,
        "target_length": 4,
        "packed": 3 * (length[0] if length and length[0] <= 512 else 12),
    }
    cost = sum(each[0] for each in chosen)
    slots = [slot for _, node in chosen for slot in _all(node)]
    if len(chosen) > 1 and all(
        len(slot.dims) <= 2 and "length" not in slot.dims for slot in slots if slot.dtype != "bool"
    ):
        chosen = [(price, _per_sample(node)) for price, node in chosen]  # nothing has a length: a mask has none either
    return Guess(tuple((name, node) for name, (_, node) in zip(names, chosen, strict=True)), tuple(sizes.items()), cost)


def _per_sample(node: Node) -> Node:
    if isinstance(node, Slot) and node.dtype == "bool" and node.dims[:2] == ("batch", "length"):
        return replace(node, dims=node.dims[:1])
    return node


def _all(node: Node) -> Iterator[Slot]:
    if isinstance(node, Slot):
        yield node
        return
    for _, child in node.entries:
        yield from _all(child)


def activated(name: str, subject: Subject) -> Node:
    """The likeliest reading of an argument that was left out."""
    return _options(name, subject)[0][1]


def _options(name: str, subject: Subject) -> list[Option]:
    """Readings of one argument, each with what it costs."""
    fragment = subject.evidence.hints.fragments.get(name)
    if fragment is not None:
        return [(0.0, _node(parse(fragment).root))]
    argument = subject.argument(name)
    annotation = argument.annotation if argument is not None else None
    shaped = annotated(annotation, subject.evidence.known)
    if shaped is not None:
        return [(0.0, shaped)]
    plain = _plain(annotation, name)
    if plain is not None:
        return [(0.0, plain)]
    box = boxed(subject, name) or states(name, evidence=subject.evidence)
    slots = main_slots(name, subject)
    either = box is not None and reads_of(subject.model, name).tensor
    found: list[Option] = [(cost + (1.0 if box and not either else 0.0), slot) for cost, slot in slots]
    if box is not None:
        found.insert(0, (0.3 if either else 0.0, box))
    elif annotation is None and reading(name, subject.scene) is None:
        parts = reads_of(subject.model, name).parts
        if parts > 1:
            found.append((0.4, Box("tuple", tuple((index, slots[0][1]) for index in range(parts)))))
    said = written(name, subject.evidence.text, subject.evidence.known)
    if said is not None and len(said[0]) <= 6:
        best = slots[0][1]
        if best.dims != said[0]:
            slot = replace(best, dims=_with_known(said[0], best), why=said[1])
            found.insert(0, (-0.2, slot) if not best.sure else (0.3, slot))
    return sorted(found, key=lambda option: option[0])


def _with_known(dims: tuple[Dim, ...], best: Slot) -> tuple[Dim, ...]:
    """Feature sizes that only the layers know."""
    numbers = [dim for dim in best.dims if isinstance(dim, int)]
    return tuple(numbers[-1] if dim == 16 and numbers else dim for dim in dims)


def _plain(annotation: str | None, name: str) -> Slot | None:
    """A Python number or text, by annotation."""
    text = (
        (annotation or "")
        .replace("typing.", "")
        .replace(" ", "")
        .removesuffix("|None")
        .removeprefix("Optional[")
        .rstrip("]")
    )
    text = text.strip("'\"")
    if text in ("int", "float", "bool"):
        return Slot("int" if text != "float" else "float", (), 1, why=f"annotated {text}", sure=True)
    if text in ("List[str", "list[str", "Sequence[str", "str") or (not annotation and name in ("sentences", "prompts")):
        return Slot("str", ("batch",), why=f"annotated {annotation}", sure=True)
    return None


@functools.lru_cache(maxsize=64)
def main_slots(name: str, subject: Subject) -> tuple[tuple[float, Slot], ...]:
    """Readings of a tensor, by its name, its annotation, and the model's layers."""
    evidence, scene = subject.evidence, subject.scene
    named = reading(name, scene)
    if named is not None and named.dtype == "bool" and len(named.dims) == 2:
        alone = replace(named, dims=named.dims[:1])
        options = [(0.0, named), (0.3, alone), (0.8, replace(named, dtype="float32", low=0, high=1))]
        if _beside_image(name, subject):
            plane = Slot("float32", ("batch", 1, "height", "width"), 0, 1, "binary", "a mask beside an image")
            options.insert(0, (-0.1, plane))
        return tuple(options)
    general = _by_layers(name, subject)
    argument = subject.argument(name)
    annotation = argument.annotation or "" if argument is not None else ""
    if "LongTensor" in annotation or "IntTensor" in annotation:
        high = scene.rows()
        general = [
            (0.0, Slot("int64", ("batch", "length"), 0, high, why=f"annotated {annotation}", sure=True)),
            *general,
        ]
    if named is None:
        return tuple(general)
    if named.integral and not evidence.tables() and _PAIRED.fullmatch(name.lower()) and not scene.graph:
        return *general, (general[-1][0] + 0.5, named)
    rest = [(cost + 0.8, slot) for cost, slot in general if (slot.dtype, slot.dims) != (named.dtype, named.dims)]
    return (0.0, named), *rest


def _by_layers(name: str, subject: Subject) -> list[tuple[float, Slot]]:
    """Ranks of a tensor of floats (or ids, where a table comes first), the likeliest first."""
    evidence, scene = subject.evidence, subject.scene
    lower = name.lower()
    count = scene.count
    own = [layer for layer in evidence.layers if not _BESIDE.search(layer.name.lower())]
    own = _matching(lower, own) or _left(name, subject, own or list(evidence.layers))
    first = own[0] if own else None
    channels = next((layer.width for layer in own if layer.kind == "conv"), 3)
    width = next((layer.width for layer in own if layer.kind != "embedding" and layer.width), 16)
    stated = evidence.number(_sizes_of(lower).__contains__)
    width = stated[0] if stated is not None and first is not None and first.kind == "linear" else width
    image_channels = _channels(evidence) or channels
    ranks: dict[str, float] = {
        "flat": 0.6,
        "sequence": 0.8,
        "image": 1.0,
        "series": 1.4,
        "volume": 1.6,
        "ids": 1.2,
        "vector": 3.0,
    }
    why = f"{first.name or 'the model'} takes {first.width}" if first else "a guess"
    if scene.graph or scene.dense:
        ranks = {"flat": 0.0, "sequence": 2.0, "ids": 1.5, "vector": 2.0}
    elif first is not None and first.kind == "conv":
        kind = {1: "series", 2: "image", 3: "volume"}[min(first.rank, 3)]
        ranks[kind] = 0.0
        width = first.width if kind == "series" else width
    elif first is not None and first.kind == "embedding":
        ranks["ids"] = 0.0
        why = f"{first.name} is a table of {first.width}"
    elif first is not None and first.kind in ("recurrent", "attention"):
        ranks["sequence"] = 0.0
    elif first is not None and first.kind == "norm" and first.rank >= 2:
        ranks["image" if first.rank == 2 else "volume"] = 0.0
        channels = image_channels = first.width
    elif evidence.sequence:
        ranks["sequence"], ranks["flat"] = 0.0, 0.5
    else:
        ranks["flat"] = 0.0
    if not scene.graph and not scene.dense:
        _weigh_by_name(lower, ranks, first.kind if first else "other")
        side = evidence.side()
        kind = first.kind if first is not None else "other"
        flat = first is not None and kind == "conv" and first.rank != 2
        if side is not None and kind not in ("embedding", "recurrent", "other") and ranks["image"] > 0.1 and not flat:
            ranks["image"], why = -0.1, side[1]
    order: tuple[Dim, ...] = (
        ("length", count, width) if first is not None and not first.batch_first else (count, "length", width)
    )
    slots = {
        "flat": Slot("float32", (count, width), why=why),
        "sequence": Slot("float32", order, why=why),
        "image": Slot("float32", (count, image_channels, "height", "width"), why=why),
        "series": Slot(
            "float32", (count, width if first is None or first.kind != "conv" else channels, "length"), why=why
        ),
        "volume": Slot("float32", (count, channels, "depth", "height", "width"), why=why),
        "ids": Slot("int64", _ids_dims(name, subject), 0, scene.rows(), why=why),
        "vector": Slot("float32", (count,), why=why),
    }
    return sorted(((cost, slots[kind]) for kind, cost in ranks.items()), key=lambda each: each[0])


def _ids_dims(name: str, subject: Subject) -> tuple[Dim, ...]:
    """One id a sample where the other arguments have one, else a sequence of them."""
    if subject.scene.count == "nodes":
        return ("nodes",)
    others = [reading(other, subject.scene) for other in subject.scene.active if other != name]
    ids = [slot for slot in others if slot is not None and slot.why == "named like ids"]
    return ("batch",) if ids and all(slot.dims == ("batch",) for slot in ids) else ("batch", "length")


def _beside_image(name: str, subject: Subject) -> bool:
    first = next((layer for layer in subject.evidence.layers if layer.kind != "norm"), None)
    planes = first is not None and first.kind == "conv" and first.rank == 2
    return planes and any(_IMAGE.fullmatch(other.lower()) for other in subject.scene.active if other != name)


def _left(name: str, subject: Subject, layers: list[Layer]) -> list[Layer]:
    """Without the tables, where other arguments are named like ids and there is none left for this one."""
    named = [reading(other, subject.scene) for other in subject.scene.active if other != name]
    ids = sum(slot is not None and slot.integral and slot.high != "nodes" for slot in named)
    certain = any(slot is not None and slot.why == "named like ids" for slot in named)
    values = certain and _VALUES.search(name.lower())
    tables = sum(layer.kind == "embedding" for layer in layers)
    return [layer for layer in layers if layer.kind != "embedding"] if tables <= ids or values else layers


def _weigh_by_name(name: str, ranks: dict[str, float], first: str) -> None:
    if _VOLUME.fullmatch(name):
        ranks["volume"] = min(ranks["volume"], -0.1)
    elif _IMAGE.fullmatch(name) and min(ranks["volume"], ranks["image"]) > 0:
        ranks["image"] = -0.2
    elif _SPECTRUM.fullmatch(name):
        ranks["image"] = min(ranks["image"], 0.1)
        ranks["sequence"] = min(ranks["sequence"], 0.2)
    elif _SERIES.fullmatch(name):
        ranks["series"] = min(ranks["series"], 0.1)
    elif _STATES.fullmatch(name) and first != "embedding":
        ranks["sequence"] = min(ranks["sequence"], 0.05)


def _matching(name: str, layers: list[Layer]) -> list[Layer]:
    """Layers whose module is named like the argument: ``image_encoder`` for ``image``."""
    stem = _AFFIXES.sub("", name)
    if len(stem) < 3:
        return []
    return [
        layer
        for layer in layers
        if layer.name.lower().partition(".")[0].startswith(stem) or f"_{stem}" in layer.name.lower()
    ]


def _sizes_of(name: str) -> frozenset[str]:
    """Names of attributes that say how large an argument is: ``x_dim``, ``num_x``."""
    after = (f"{name}{joint}{word}" for word in ("dim", "size", "channels", "features", "width") for joint in ("", "_"))
    before = (f"{word}{joint}{name}" for word in ("n", "num", "dim", "d") for joint in ("", "_"))
    return frozenset((*after, *(form for each in before for form in (each, f"{each}s"))))


def _channels(evidence: Evidence) -> int | None:
    found = evidence.number(_CHANNELS.fullmatch)
    return found[0] if found and found[0] <= 64 else None


def _explicit(subject: Subject) -> Iterator[Guess]:
    """Examples that the model carries, and shapes that its attributes state."""
    model: Any = subject.model
    names = _called(subject)
    for attribute in ("example_input_array", "dummy_inputs", "example_inputs", "example_input"):
        value = None
        with contextlib.suppress(Exception):  # a property of the model
            value = getattr(model, attribute, None)
        guess = _of_example(value, attribute, subject)
        if guess is not None:
            yield guess
    for name, value in subject.evidence.known.items():
        sized = _SIZED.fullmatch(name)
        if not sized or len(names) != 1 or not isinstance(value, (tuple, list)):
            continue
        if 2 <= len(value) <= 4 and all(isinstance(each, int) and 0 < each < 2048 for each in value):
            shape: tuple[Dim, ...] = tuple(value)
            if len(value) == 2 and "dim" not in name:
                continue  # height and width: the attribute's side says so
            yield _guess(
                names, [(-0.3, Slot("float32", ("batch", *shape), why=f"{name} = {tuple(value)}"))], subject.evidence
            )


def _of_example(value: Any, attribute: str, subject: Subject) -> Guess | None:
    names = [each.name for each in subject.forward if each.kind in ("positional", "keyword")]
    if isinstance(value, torch.Tensor) and names:
        pairs: list[tuple[str, Any]] = [(names[0], value)]
    elif isinstance(value, dict) and set(value) <= set(names):
        pairs = [(str(key), each) for key, each in value.items()]
    elif isinstance(value, (tuple, list)) and 0 < len(value) <= len(names):
        pairs = list(zip(names, value, strict=False))
    else:
        return None
    if not all(isinstance(each, torch.Tensor) for _, each in pairs):
        return None
    nodes: list[Option] = []
    for _, tensor in pairs:
        dims: tuple[Dim, ...] = ("batch", *tuple(tensor.shape)[1:]) if tensor.dim() else ()
        dtype = str(tensor.dtype).removeprefix("torch.")
        bounds: dict[str, Any] = {} if tensor.is_floating_point() or tensor.dtype == torch.bool else {
            "low": 0, "high": max(int(tensor.max()) + 1 if tensor.numel() else 2, 2)}  # fmt: skip
        nodes.append((-0.5 / len(pairs), Slot(dtype, dims, why=attribute, given=True, sure=True, **bounds)))
    return _guess([name for name, _ in pairs], nodes, subject.evidence)


def _node(node: Leaf | Branch) -> Node:
    """A slot of what the user said."""
    if isinstance(node, Branch):
        return Box(node.kind, tuple((key, _node(child)) for key, child in node.entries), node.type_name)
    named = ("batch", "nodes", "edges", "length", "height", "width", "depth")
    dims = tuple(dim if dim in named else size for dim, size in zip(node.dims, node.sizes, strict=True))
    if dims and isinstance(dims[0], int) and "batch" not in dims:
        dims = ("batch", *dims[1:])
    return Slot(node.dtype, dims, node.low, node.high, why=node.place or "given", given=True, sure=True)
