"""What is known before anything runs: sizes in attributes and constructor arguments, the model's first layers, its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

LeafKind = Literal["conv", "linear", "embedding", "recurrent", "attention", "norm", "other"]

_SIDE = re.compile(
    r"^(?:img|image|input|in|spatial|resolution|crop)?_?(?:size|shape|resolution|dims?|hw|width|height|res)$"
)
_LENGTH = re.compile(
    r"^(?:max_)?(?:seq|sequence|context|block|window|text|src|input|position|time|history|lookback|token|n)?_?"
    r"(?:len|length|block_size|context_length|context_size|max_position_embeddings|positions|ctx|steps|seq|points|frames)$"
)
_POSITIONS = re.compile(r"pos(?:ition)?(?:al)?_?(?:emb|enc)|cls_?token")
_ATTENTION = re.compile(r"(?:^|\.)(?:to_qkv|to_q|qkv|q_proj|wq|query)\.weight$")
_SEQUENCES = re.compile(r"seq_len|num_tokens|n_tokens|max_len|sequence")
_OVER_LENGTH = re.compile(
    r"(?<!log_)softmax\(.*dim\s*=\s*-?[12]|transpose\(1,\s*2\)|transpose\(-2,\s*-1\)|\.mean\((?:dim\s*=\s*)?1\)"
)
_CARDINALITIES = re.compile(r"cardinal|categor|field_dims|cat_dims|vocab_sizes|num_embeddings|cat_sizes|n_cats")
_STEPS = re.compile(r"^(?:n|num)?_?(?:timesteps?|diffusion_steps|train_timesteps|t_max|T)$")


@dataclass(frozen=True)
class Hints:
    """Explicit evidence for the search.

    Attributes:
        docstring: of the class.
        forward_docstring: of ``forward``.
        source: text of the class.
        arguments: live values that the constructor got.
        fragments: what the user said of single arguments: name -> text in the batch grammar.
    """

    docstring: str | None = None
    forward_docstring: str | None = None
    source: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    fragments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer:
    """One of the model's own layers: what it is, how many spatial dimensions, how many features it takes, its name.

    `states` of a recurrent one: how many tensors, their rows (layers times directions, 0 for a cell), their size.
    """

    kind: LeafKind
    rank: int
    width: int
    name: str
    batch_first: bool = True
    states: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True)
class Evidence:
    """Everything that names and starts go by.

    Attributes:
        known: plain values by attribute or argument name, nearer to the model first.
        layers: in the order of registration, which is mostly that of execution.
        text: source and docstrings.
        sequence: whether it looks at sequences: attention, recurrence, tables of positions.
        hints: as given.
    """

    known: Mapping[str, Any]
    layers: tuple[Layer, ...]
    text: str
    sequence: bool
    hints: Hints

    def side(self) -> tuple[int, str] | None:
        """The side of an image that an attribute states, and the attribute."""
        for name, value in self.known.items():
            if not _SIDE.match(name) or name in ("in_dim", "in_dims", "dim", "dims", "size", "input_dim", "in_size"):
                continue
            numbers = [each for each in _ints(value) if each > 4]
            if numbers and (name != "input_size" or len(_ints(value)) > 1):
                return numbers[-1], f"{name} = {value}"
        return None

    def length(self) -> tuple[int, str] | None:
        """The length of a sequence that an attribute states."""
        for name, value in self.known.items():
            if _LENGTH.match(name) and isinstance(value, int) and not isinstance(value, bool) and value > 1:
                return value, f"{name} = {value}"
        return None

    def steps(self) -> tuple[int, str] | None:
        """Steps of a diffusion."""
        for name, value in self.known.items():
            if _STEPS.match(name) and isinstance(value, int) and not isinstance(value, bool) and value > 1:
                return value, f"{name} = {value}"
        return None

    def tables(self) -> tuple[int, ...]:
        """Rows of the embedding tables."""
        return tuple(layer.width for layer in self.layers if layer.kind == "embedding")

    def cardinalities(self) -> tuple[tuple[int, ...], str] | None:
        """A list of table sizes, one a column."""
        for name, value in self.known.items():
            if _CARDINALITIES.search(name):
                sizes = _ints(value)
                if len(sizes) > 1:
                    return tuple(sizes), f"{name} = {list(sizes)}"
        rows: dict[str, list[int]] = {}
        for layer in self.layers:
            head, _, index = layer.name.rpartition(".")
            if layer.kind == "embedding" and index.isdigit():
                rows.setdefault(head, []).append(layer.width)
        for head, sizes in rows.items():
            if len(sizes) > 1:
                return tuple(sizes), f"{head} has {len(sizes)} tables"
        return None

    def number(self, named: Callable[[str], object]) -> tuple[int, str] | None:
        """The first whole number whose name is one that is asked for."""
        for name, value in self.known.items():
            if named(name) and isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value, f"{name} = {value}"
        return None


def gather(model: nn.Module, hints: Hints) -> Evidence:
    """The evidence of a model."""
    known: dict[str, Any] = {}
    for name, value in hints.arguments.items():
        _keep(known, name, value)
        if not _plain(value):
            for key, inner in _fields(value):
                _keep(known, key, inner)
    for module in _outer(model):
        for name, value in vars(module).items():
            if not name.startswith("_"):
                _keep(known, name, value)
        config = vars(module).get("config", vars(module).get("cfg", vars(module).get("args")))
        for key, inner in _fields(config):
            _keep(known, key, inner)
    layers = tuple(_layers(model))
    text = "\n".join(each for each in (hints.source, hints.docstring, hints.forward_docstring) if each)
    return Evidence(known, layers, text, _is_sequence(model, layers, hints.source), hints)


def _outer(model: nn.Module) -> Iterator[nn.Module]:
    yield model
    for child in list(model.children())[:8]:
        yield child
        yield from list(child.children())[:4]


def _keep(known: dict[str, Any], name: str, value: Any) -> None:
    if name not in known and _plain(value) and name != "training":
        known[name] = value


def _plain(value: Any) -> bool:
    if isinstance(value, (int, float, str)):
        return True
    return (
        isinstance(value, (tuple, list))
        and 0 < len(value) < 64
        and all(isinstance(each, (int, float, str)) for each in value)
    )


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Of a config object or mapping."""
    if isinstance(value, Mapping):
        yield from ((str(key), inner) for key, inner in value.items())
    elif value is not None and not isinstance(value, (nn.Module, torch.Tensor, type, str, int, float, tuple, list)):
        yield from vars(value).items() if hasattr(value, "__dict__") else ()


def _ints(value: Any) -> list[int]:
    values = value if isinstance(value, (tuple, list)) else [value]
    return [each for each in values if isinstance(each, int) and not isinstance(each, bool)]


def _layers(model: nn.Module) -> Iterator[Layer]:
    for name, module in model.named_modules():
        weight = module._parameters.get("weight")
        if isinstance(module, nn.modules.conv._ConvNd):
            yield Layer("conv", len(module.kernel_size), module.in_channels or 3, name)
        elif isinstance(module, (nn.Linear, nn.Bilinear)):
            yield Layer("linear", 0, getattr(module, "in_features", getattr(module, "in1_features", 0)) or 16, name)
        elif isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            yield Layer("embedding", 0, module.num_embeddings, name)
        elif isinstance(module, nn.RNNBase):
            rows = module.num_layers * (2 if module.bidirectional else 1)
            shape = (2 if isinstance(module, nn.LSTM) else 1, rows, module.proj_size or module.hidden_size)
            yield Layer("recurrent", 0, module.input_size, name, module.batch_first, shape)
        elif isinstance(module, nn.RNNCellBase):
            shape = (2 if isinstance(module, nn.LSTMCell) else 1, 0, module.hidden_size)
            yield Layer("linear", 0, module.input_size, name, states=shape)
        elif isinstance(module, nn.MultiheadAttention):
            yield Layer("attention", 0, module.embed_dim, name, module.batch_first)
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            rank = 0 if isinstance(module, nn.BatchNorm1d) else 3 if isinstance(module, nn.BatchNorm3d) else 2
            yield Layer("norm", rank, module.num_features, name)
        elif isinstance(module, nn.LayerNorm):
            yield Layer("norm", 1, int(module.normalized_shape[-1]), name)
        elif (
            isinstance(weight, torch.Tensor)
            and not nn.parameter.is_lazy(weight)
            and next(module.children(), None) is None
        ):
            yield _foreign(type(module).__name__.lower(), tuple(weight.shape), name)


def _foreign(kind: str, shape: tuple[int, ...], name: str) -> Layer:
    """A leaf with a weight that is none of torch's layers."""
    rank = len(shape)
    if "conv" in kind and rank in (3, 4, 5):
        return Layer("conv", rank - 2, shape[1], name)
    if rank == 2:
        return Layer("embedding", 0, shape[0], name) if "embed" in kind else Layer("linear", 0, shape[1], name)
    return Layer("other", rank, shape[-1] if rank else 0, name)


def _is_sequence(model: nn.Module, layers: tuple[Layer, ...], source: str) -> bool:
    if any(layer.kind in ("recurrent", "attention") for layer in layers):
        return True
    for name, parameter in model.named_parameters():
        if _POSITIONS.search(name) or (_ATTENTION.search(name) and parameter.dim() == 2):
            return True
    return bool(_SEQUENCES.search(" ".join(vars(model))) or _OVER_LENGTH.search(source))
