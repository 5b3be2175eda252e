"""Shapes that people wrote down: jaxtyping and torchtyping annotations, docstrings, trailing comments, ``(B, C, H, W)``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .guess import Dim, Slot

_DEF = re.compile(r"\bdef\b")
_ASSIGNED = re.compile(r"[=(]\s*$")
_TOLD = re.compile(r"\s*[:(\-–]|\s*\n|.{0,80}?(?:shape|size|of|tensor|#)")
_SEPARATOR = re.compile(r"\s*[,xX×]\s*")
_DIRECTLY = re.compile(r"\s*[:\-–]?\s*")
_BRACKETS = re.compile(
    r"[(\[]\s*((?:[A-Za-z_][\w.]*|\d+)(?:\s*[,xX×]\s*(?:[A-Za-z_][\w.]*|\d+|\d*[A-Za-z_]\w*)){0,5})\s*,?\s*[)\]]"
)
_BATCH = re.compile(r"^(?:b|bs|n|bsz|batch|batch_?size|batches|num_samples|n_samples|nbatch|minibatch)$", re.I)
_LENGTH = re.compile(
    r"^(?:t|l|s|n|seq|seq_?len|length|len|time|steps|sequence(?:_length)?|tokens?|frames?|t_?len|src_?len|tgt_?len|max_len|num_tokens|points|num_points)$",
    re.I,
)
_CHANNELS = re.compile(r"^(?:c|ch|cin|c_in|channels?|in_?channels?|num_channels)$", re.I)
_FEATURES = re.compile(
    r"^(?:d|f|e|c|dim|features?|d_model|hidden|embed_?dim|emb|d_in|in_features|input_?(?:size|dim)|num_features|dims|in_dim|n_features|feature_dim|hidden_size)$",
    re.I,
)
_NODES = re.compile(r"^(?:num_nodes|nodes|\|v\||n_nodes)$", re.I)
_NAME = re.compile(r"[A-Za-z_]\w*")
_NO_DIMENSION = re.compile(r"(?i)optional|tensor|float\w*|int\w*|bool|none|long\w*|str|list|dict|required|default")
_DTYPES = {
    "Float": "float32",
    "Int": "int64",
    "Integer": "int64",
    "Bool": "bool",
    "Complex": "complex64",
    "Shaped": "float32",
}


def annotated(annotation: str | None, known: Mapping[str, Any]) -> Slot | None:
    """The slot of ``Float[Tensor, "batch 3 h w"]`` or ``TensorType["batch", 10]``; None for other annotations."""
    if not annotation:
        return None
    try:
        node = ast.parse(annotation, mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(node, ast.Subscript):
        return None
    name = ast.unparse(node.value).rpartition(".")[2]
    items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name in _DTYPES and len(items) == 2 and isinstance(items[1], ast.Constant) and isinstance(items[1].value, str):
        words = [word.lstrip("#?").rpartition("=")[2] for word in items[1].value.split() if word != "..."]
        dims = dims_of(words, known)
        dtype = _DTYPES[name]
    elif name in ("TensorType", "TT"):
        words = [str(item.value) for item in items if isinstance(item, ast.Constant)]
        dims = dims_of(words, known)
        dtype = (
            "int64" if any("int" in ast.unparse(item) or "long" in ast.unparse(item) for item in items) else "float32"
        )
    else:
        return None
    if dims is None:
        return None
    bounds: dict[str, Any] = {"low": 0, "high": 2} if dtype == "int64" else {}
    return Slot(dtype, dims, why=f"annotated {annotation}", given=True, sure=True, **bounds)


def written(name: str, text: str, known: Mapping[str, Any]) -> tuple[tuple[Dim, ...], str] | None:
    """Dimensions that a docstring or a comment gives an argument, and the words.

    Args:
        name: of the argument.
        text: source and docstrings.
        known: attributes, for names in the shape.
    """
    for start in _mentions(name, text):
        rest = text[start + len(name) : start + len(name) + 160]
        line = rest.partition("\n")[0]
        comment = line.partition("#")[2] if "#" in line else None
        before = text[text.rfind("\n", 0, start) + 1 : start]
        signature = _DEF.search(before) is not None
        if signature and comment is None:
            continue
        in_code = _ASSIGNED.search(before) is not None or line.lstrip().startswith(("=", ".", "["))
        if in_code and comment is None:
            continue
        where = comment if in_code and comment is not None else rest
        if not in_code and not _TOLD.match(rest):
            continue
        for group in _BRACKETS.finditer(where):
            words = _SEPARATOR.split(group[1])
            direct = not in_code and _DIRECTLY.fullmatch(where[: group.start()]) is not None
            single = len(words) == 1 and not (direct and group[0].rstrip(")]").rstrip().endswith(","))
            if any("." in word for word in words) or (single and "shape" not in where[: group.start()].lower()):
                continue
            dims = dims_of(words, known)
            if dims is None and direct:
                dims = _of_the_field(words)
            if dims is not None:
                return (
                    dims,
                    f"({', '.join(words)}) in the {'comments' if comment and where is comment else 'docstring'}",
                )
    return None


def _mentions(name: str, text: str) -> Iterator[int]:
    """Where a name begins in a text, as a word of its own."""
    start = text.find(name)
    while start >= 0:
        around = text[start - 1 : start], text[start + len(name) : start + len(name) + 1]
        if not any(each.isalnum() or each == "_" for each in around):
            yield start
        start = text.find(name, start + len(name))


def _of_the_field(words: list[str]) -> tuple[Dim, ...] | None:
    """``counts: (cells, genes)``: names that say nothing to us still say how many dimensions there are."""
    if len(words) > 3 or not all(re.fullmatch(r"[A-Za-z_]+", word) for word in words):
        return None
    return ("batch", *["length"] * (len(words) - 2), *[16] * (len(words) > 1))


def dims_of(words: list[str], known: Mapping[str, Any]) -> tuple[Dim, ...] | None:
    """Dimensions by their usual letters and names; None where a word is no dimension."""
    if not 0 < len(words) <= 6:
        return None
    dims: list[Dim] = []
    upper = [word.lower() for word in words]
    image = "h" in upper or "height" in upper
    for index, word in enumerate(words):
        value = known.get(word)
        if word.isdigit():
            dims.append(int(word))
        elif index == 0 and _NODES.match(word):
            dims.append("nodes")
        elif _BATCH.match(word) and "batch" not in dims and (index == 0 or word.lower() not in ("n",)):
            dims.append("batch")
        elif isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 16:
            dims.append(value)
        elif image and re.fullmatch(r"h|height|img_size|image_size", word, re.I):
            dims.append("height")
        elif image and re.fullmatch(r"w|width|img_size|image_size", word, re.I):
            dims.append("width")
        elif image and re.fullmatch(r"d|depth", word, re.I):
            dims.append("depth")
        elif _CHANNELS.match(word) and (image or index != len(words) - 1):
            dims.append(3 if image else 16)
        elif _LENGTH.match(word) and "length" not in dims and index < 3:
            dims.append("length")
        elif _FEATURES.match(word):
            dims.append(16)
        elif _NAME.fullmatch(word) and not _NO_DIMENSION.fullmatch(word):
            dims.append("batch" if index == 0 and "batch" not in dims and len(words) > 1 else 8)
        else:
            return None
    return tuple(dims)
