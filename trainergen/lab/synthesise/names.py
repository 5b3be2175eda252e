"""What an argument's name says of it: kind, dtype, range and usual shape. ``input_ids``, ``edge_index``, ``timesteps``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from .evidence import Evidence
from .guess import Slot

ADJACENCY = re.compile(r"adjs?(?:acency)?(?:_mat(?:rix)?)?|a_hat|laplacian|graph")

_Make = Callable[["Scene"], Slot]


@dataclass(frozen=True)
class Scene:
    """What surrounds an argument: its neighbours, and what is known of the model.

    Attributes:
        names: all arguments, optional ones included.
        evidence: see there.
        active: required arguments.
    """

    names: tuple[str, ...]
    evidence: Evidence
    active: tuple[str, ...] = ()

    @property
    def graph(self) -> bool:
        """Nodes and edges rather than samples."""
        return any("edge_index" in name or name == "adj_t" for name in self.names) or "edges" in self.active

    @property
    def dense(self) -> bool:
        """A graph as a matrix."""
        return any(ADJACENCY.fullmatch(name.lower()) for name in self.active)

    @property
    def count(self) -> str:
        """The name of what stands first."""
        return "nodes" if self.graph or self.dense else "batch"

    def rows(self) -> int:
        """A safe number of ids: the smallest table."""
        tables = [each for each in self.evidence.tables() if each > 1]
        return min(tables) if tables else 2


def _ids(*dims: int | str) -> _Make:
    def make(scene: Scene) -> Slot:
        if "offsets" in scene.names:
            return Slot("int64", ("packed",), 0, scene.rows(), why="ids of all bags, one after the other")
        return Slot("int64", (scene.count if scene.graph else "batch", *dims), 0, scene.rows(), why="named like ids")

    return make


def _float(*dims: int | str, low: float | None = None, high: float | None = None) -> _Make:
    return lambda _: Slot("float32", dims, low, high)


def _columns(scene: Scene) -> Slot:
    """Categorical columns: one table a column."""
    found = scene.evidence.cardinalities()
    columns = len(found[0]) if found else 3
    high = min(found[0]) if found else scene.rows()
    return Slot("int64", ("batch", columns), 0, high, why=found[1] if found else "named like categories", sure=True)


_COLUMNS = re.compile(r"(?:n|num|d|dim)_?(?:cont|num|continuous|numerical|dense|numeric).*")


def _numbers(scene: Scene) -> Slot:
    found = scene.evidence.number(_COLUMNS.fullmatch)
    return Slot(
        "float32", ("batch", found[0] if found else 4), why=found[1] if found else "named like numbers", sure=True
    )


def _steps(scene: Scene) -> Slot:
    found = scene.evidence.steps()
    return Slot("int64", ("batch",), 0, found[0] if found else 1000, why=found[1] if found else "named like timesteps")


def _edges(scene: Scene) -> Slot:
    del scene
    return Slot("int64", (2, "edges"), 0, "nodes", why="named like edges", sure=True)


def _mask(scene: Scene) -> Slot:
    if scene.graph:
        return Slot("bool", ("nodes",), form="prefix", why="named like a mask")
    return Slot("bool", ("batch", "length"), form="prefix", why="named like a mask")


def _places(scene: Scene) -> Slot:
    graph = scene.graph or ("batch" in scene.names and "z" in scene.names)
    if len(scene.active) == 1 and not graph and not scene.evidence.sequence:
        return Slot("float32", ("batch", 3), why="named like coordinates")
    return Slot("float32", ("nodes", 3) if graph else ("batch", "length", 3), why="named like coordinates")


def _atoms(scene: Scene) -> Slot:
    if "pos" in scene.names or scene.graph:
        return Slot("int64", ("nodes",), 0, min(scene.rows(), 20) if scene.rows() > 2 else 2, why="named like atoms")
    return Slot("float32", ("batch", 16), why="named like a latent vector")


def _membership(scene: Scene) -> Slot:
    if scene.graph or "pos" in scene.names:
        return Slot("int64", ("nodes",), 0, "graphs", "sorted", "which graph a node is of", sure=True)
    return Slot("float32", ("batch", 16), why="the whole batch")


def _some_lengths(scene: Scene) -> Slot:
    """Of the inputs; those of targets are told by the name, see `reading`."""
    del scene
    return _lengths("lengths")


_NAMES: tuple[tuple[str, _Make], ...] = (
    (r"(?:\w+_)?edge_index(?:_\w+)?|edges|adj_t|edge_label_index", _edges),
    (
        r"edge_(?:type|types|id|rel)|rel_?types?",
        lambda s: Slot("int64", ("edges",) if s.graph else ("batch",), 0, 2),
    ),
    (
        r"(?:\w+_)?(?:lengths?|lens?|seq_?lens?)|x_len|input_sizes?|(?:n|num)_(?:frames|words|tokens|chars|steps_per_sample)",
        _some_lengths,
    ),
    (r"edge_weights?|edge_norm", lambda _: Slot("float32", ("edges",), 0, 1)),
    (r"edge_(?:attrs?|feats?|features?|embs?)|e_feats?", lambda _: Slot("float32", ("edges", 8))),
    (
        r"(?:\w+_)?(?:key_padding|padding|attention|attn|pad|valid|src|tgt|text|token|node|point)_?mask|masks?",
        _mask,
    ),
    (r"(?:src|tgt|memory)_(?:is_causal)|causal", lambda _: Slot("bool", ())),
    (
        ADJACENCY.pattern,
        lambda _: Slot("float32", ("nodes", "nodes"), 0, 1, "symmetric"),
    ),
    (
        r"(?:x|data|input|inputs)_?cat(?:s|eg\w*)?|cat(?:egorical|egories)?(?:_\w+)?|x_categ|sparse(?:_\w+)?|(?:cat|sparse)_(?:x|inputs?|features?)",
        _columns,
    ),
    (r"(?:x|data|input|inputs)_?(?:cont\w*|num\w*|dense)|cont(?:inuous)?(?:_\w+)?|numer\w*|dense(?:_\w+)?", _numbers),
    (
        r"(?:\w+_)?(?:input|token|word|char|position|segment|token_type|subword|decoder_input|encoder_input|text|item_seq)_?ids?|ids|tokens?|words?|(?:src|tgt)_tokens|captions?|texts?|sentences?|seq_in|seq_out|(?:prompt|target)_ids|item_seq|chars|titles?|documents?|docs?|questions?|utterances?",
        _ids("length"),
    ),
    (
        r"(?:user|item|movie|product|head|tail|rel|entity|u|i|pos_item|neg_item|class|label|speaker|domain|task)s?_?(?:ids?|idx|index|indices)|users?|items?|heads?|tails?|rel(?:ation)?s?|subj(?:ect)?s?|obj(?:ect)?s?|class_labels?|user|item|pos_items?|neg_items?|heads|tails|anchor_ids",
        _ids(),
    ),
    (r"\w+_(?:ids|idx|index|indices|tokens|seqs?)|idx|indices|index|x_ids|history|hist(?:_\w+)?", _ids("length")),
    (r"offsets?", lambda _: Slot("int64", ("batch",), 0, "packed", "offsets", "where each bag begins", sure=True)),
    (r"events?|censor\w*|uncensored|observed|status", lambda _: Slot("float32", ("batch",), 0, 1, "binary")),
    (r"durations?|survival_times?|event_times?", _float("batch", low=0.1, high=1.0)),
    (r"complex_\w+|\w*_complex", lambda _: Slot("complex64", ("batch", "length", 16))),
    (r"ts?|time_?steps?|diffusion_?steps?|noise_?steps?|timestep_?ids?|time|times", _steps),
    (
        r"sigmas?|noise_?(?:levels?|labels?|cond)|log_?snr|gammas?|alphas?|lambdas?|betas?|c_noise",
        _float("batch", low=0.1, high=1.0),
    ),
    (r"pos|coors|coords?|coordinates|xyz|positions?|point_?clouds?|points?|pcd|pc|vertices", _places),
    (r"codes?|latents?|(?:latent|shape|style)_(?:codes?|vectors?)|z_\w+", _float("batch", 16)),
    (r"z|atom(?:ic)?_?(?:types?|nums?|numbers?)?|species", _atoms),
    (r"batch|batch_?(?:idx|index|ids?|vector|vec)|graph_ids?", _membership),
    (r"num_(?:nodes|graphs|steps)|batch_size|dim_size|num_samples|n_?steps|top_?k", lambda _: Slot("int", (), 4)),
    (
        r"y|labels?|targets?|(?:\w+_)?labels?|(?:\w+_)?targets?|gt|ground_truth|cls",
        lambda s: Slot("int64", (s.count,), 0, 2, why="named like labels"),
    ),
)

_RULES = tuple((re.compile(pattern), make) for pattern, make in _NAMES)
"""Compiled once, where the lab begins, and not in each of its children."""


_TARGET_LENGTHS = re.compile(r"(?:target|label|y|text)s?_?(?:len|length)s?")
_LABELS = re.compile(r"y|labels?|targets?|texts?|transcripts?")


def _has_target_lengths(scene: Scene) -> bool:
    return any(_TARGET_LENGTHS.fullmatch(name) for name in scene.names)


def _lengths(name: str) -> Slot:
    target = _TARGET_LENGTHS.fullmatch(name) is not None and not name.startswith("text")
    high = "target_length" if target else "length"
    return Slot("int64", ("batch",), 1, high, "lengths", "named like lengths", sure=True)


def reading(name: str, scene: Scene) -> Slot | None:
    """What the name says, None where it says nothing."""
    plain = name.lower().lstrip("_*")
    if _LABELS.fullmatch(plain) and _has_target_lengths(scene):
        return Slot("int64", ("batch", "target_length"), 1, max(scene.rows(), 2), why="labels of a sequence")
    if plain == "target" and {"source", "src", "template", "moving", "reference"} & set(scene.names):
        return None  # one of a pair, no label
    for pattern, make in _RULES:
        if pattern.fullmatch(plain):
            slot = _lengths(plain) if make is _some_lengths else make(scene)
            return replace(slot, why=slot.why if slot.why != "a guess" else f"named {name}")
    return None
