"""Layers refuse an input by its features, channels, rank or range: their weights say what they take."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch

from ..origins import Operand
from ..trace import Call
from ..wishes import Bound, Divide, Grow, Recast, Rerank, Resize, Same, Wish
from .rules import is_operand, rule, typed


@rule("linear")
def _linear(call: Call) -> Iterator[Wish]:
    x, weight = call.get(0, "input"), call.get(1, "weight")
    if not is_operand(x) or not is_operand(weight):
        return
    if not x.value.is_floating_point() and not x.value.is_complex():
        yield Recast(x, "float", weight.shape[1] if len(weight.shape) == 2 else None)
    if not x.shape:
        yield Rerank(x, (2, 1))
    elif len(weight.shape) == 2 and x.shape[-1] != weight.shape[1]:
        yield Resize(x, -1, weight.shape[1], features=True)


@rule("convnd", "conv_transposend")
def _convolution(call: Call) -> Iterator[Wish]:
    x, weight = call.get(0, "input"), call.get(1, "weight")
    if not is_operand(x) or not is_operand(weight):
        return
    transposed = "transpose" in call.name
    groups = call.get(7 if transposed else 6, "groups", 1)
    if transposed:
        groups = call.get(6, "groups", 1)
    groups = groups if isinstance(groups, int) else 1
    rank = len(weight.shape)
    channels = weight.shape[0] if transposed else weight.shape[1] * groups
    if len(x.shape) != rank:
        yield Rerank(x, (rank,), channels_first=True, channels=channels if not x.value.is_complex() else None)
    elif x.shape[1] != channels:
        yield Resize(x, 1, channels, features=True)
    elif (
        "ernel size" in call.said
        or "too small" in call.said
        or "non-positive" in call.said.lower()
        or "negative" in call.said
    ):
        yield Grow()
    if not x.value.is_floating_point():
        yield Recast(x, "float")


@rule("embedding", "embedding_bag")
def _embedding(call: Call) -> Iterator[Wish]:
    ids, weight = call.get(0, "input"), call.get(1, "weight")
    if not is_operand(ids) or not is_operand(weight):
        return
    if (
        ids.value.is_floating_point() and weight.value.dim() == 2 and weight.value.is_floating_point()
    ) or ids.value.dtype not in (torch.int64, torch.int32):
        yield Recast(ids, "ids", weight.shape[0])
    elif "index" in call.said and "range" in call.said:
        yield Bound(ids, weight.shape[0])


@rule("one_hot")
def _one_hot(call: Call) -> Iterator[Wish]:
    ids, count = call.get(0, "tensor"), call.get(1, "num_classes", -1)
    if is_operand(ids):
        rows = count if isinstance(count, int) and count > 0 else None
        if ids.value.dtype != torch.int64:
            yield Recast(ids, "ids", rows)
        elif rows:
            yield Bound(ids, rows)


@rule("layer_norm", "rms_norm")
def _layer_norm(call: Call) -> Iterator[Wish]:
    x, shape, weight = call.get(0, "input"), call.get(1, "normalized_shape"), call.get(2, "weight")
    if not is_operand(x):
        return
    if is_operand(weight):
        shape = weight.shape  # of ``layer_norm(x, x.shape[-1:], gamma)`` only the weight tells
    sizes = tuple(each for each in shape if isinstance(each, int)) if isinstance(shape, (tuple, list)) else ()
    if len(x.shape) < len(sizes):
        yield Rerank(x, (len(sizes) + 1,))
        return
    for axis, size in enumerate(sizes):
        place = len(x.shape) - len(sizes) + axis
        if x.shape[place] != size:
            yield Resize(x, place, size, features=True)
    yield from typed(call)


@rule("batch_norm", "instance_norm", "group_norm")
def _channel_norm(call: Call) -> Iterator[Wish]:
    x = call.get(0, "input")
    if not is_operand(x):
        return
    if "more than 1" in call.said:
        yield Grow()
    vectors = [each.shape[0] for each in call.operands()[1:] if len(each.shape) == 1]
    if len(x.shape) < 2:
        yield Rerank(x, (2, 3))
    elif vectors and x.shape[1] != vectors[0]:
        yield Resize(x, 1, vectors[0], features=True)
    elif call.name == "group_norm" and isinstance(call.get(1, "num_groups"), int):
        yield Divide(x, 1, call.get(1, "num_groups"))
    yield from typed(call)


@rule(
    *("max_pooln", "max_poolnd", "avg_poolnd", "adaptive_avg_poolnd", "adaptive_max_poolnd", "max_poolnd_with_indices"),
    *("lp_poolnd", "fractional_max_poolnd"),
)
def _pooled(call: Call) -> Iterator[Wish]:
    x = call.get(0, "input")
    found = re.search(r"(\d)d", call.name)
    if not is_operand(x) or found is None:
        return
    rank = int(found[1]) + 2
    if len(x.shape) not in (rank, rank - 1) or "imension" in call.said:
        yield Rerank(x, (rank,), channels_first=True)
    yield Grow()
    if not x.value.is_floating_point():
        yield Recast(x, "float")


@rule(
    "pad", "interpolate", "upsample", "grid_sample", "unfold", "fold", "pixel_shuffle", "pixel_unshuffle", "affine_grid"
)
def _spatial(call: Call) -> Iterator[Wish]:
    x = call.get(0, "input")
    if not is_operand(x):
        return
    if call.name == "pixel_unshuffle" and isinstance(call.get(1, "downscale_factor"), int):
        yield Divide(x, -1, call.get(1, "downscale_factor"))
    if call.name == "grid_sample":
        grid = call.get(1, "grid")
        if is_operand(grid):
            if len(grid.shape) != len(x.shape):
                yield Rerank(grid, (len(x.shape),))
            elif grid.shape[-1] != len(x.shape) - 2:
                yield Resize(grid, -1, len(x.shape) - 2)
            yield Same(x, 0, grid, 0)
    asked = [int(each) for each in re.findall(r"(\d)D", call.said)]
    yield Rerank(x, tuple(each for each in (4, 3, 5, *asked) if each != len(x.shape)), channels_first=True)
    yield Grow()


@rule("multi_head_attention_forward")
def _attention(call: Call) -> Iterator[Wish]:
    parts = [call.get(index, name) for index, name in enumerate(("query", "key", "value"))]
    width, weight = call.get(3, "embed_dim_to_check"), call.get(5, "in_proj_weight")
    apart = [call.kwargs.get("k_proj_weight"), call.kwargs.get("v_proj_weight")]
    masks = [call.kwargs.get("key_padding_mask"), call.kwargs.get("attn_mask")]
    if not all(isinstance(each, Operand) for each in parts):
        return
    query, key, value = parts
    for each in (query, key, value):
        if len(each.shape) not in (2, 3):
            yield Rerank(each, (3,))
    if isinstance(width, int) and len(query.shape) == 3:
        if query.shape[-1] != width:
            yield Resize(query, -1, width, features=True)
        for each, own in zip((key, value), apart, strict=True):
            matrix = own if isinstance(own, Operand) else weight
            if isinstance(matrix, Operand) and each.shape and each.shape[-1] != matrix.shape[1]:
                yield Resize(each, -1, matrix.shape[1], features=True)
    for each in (key, value):
        if len(each.shape) == 3 and len(query.shape) == 3 and each.shape[1] != query.shape[1]:
            yield Same(each, 1, query, 1)
        elif len(each.shape) != len(query.shape):
            yield Rerank(each, (len(query.shape),))
    if len(key.shape) == 3 and len(value.shape) == 3 and key.shape[0] != value.shape[0]:
        yield Same(key, 0, value, 0)
    padding, mask = masks
    if isinstance(padding, Operand):
        if len(padding.shape) != 2:
            yield Rerank(padding, (2,))
        elif len(key.shape) == 3:
            yield Same(padding, 0, key, 1)
            yield Same(padding, 1, key, 0)
        if padding.value.dtype != torch.bool:
            yield Recast(padding, "bool")
    if isinstance(mask, Operand):
        if len(mask.shape) not in (2, 3):
            yield Rerank(mask, (2, 3))
        elif len(mask.shape) == 2:
            yield Same(mask, 0, query, 0)
            yield Same(mask, 1, key, 0)
        if mask.value.dtype != torch.bool:
            yield Recast(mask, "bool")


@rule("lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
def _recurrent(call: Call) -> Iterator[Wish]:
    x = call.get(0, "input")
    weights = [each for each in call.operands()[1:] if len(each.shape) == 2 and not each.origins]
    if is_operand(x) and weights and x.shape and x.shape[-1] != weights[0].shape[1]:
        yield Resize(x, -1, weights[0].shape[1], features=True)
    yield from typed(call)
