"""Modules for an argument that is one: a class of the same module whose name or attributes fit, else a small torch layer."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from torch import nn

from ...inspection.expressions import call
from ..sources import held_by
from .configs import classes_near
from .roles import normal_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...inspection.expressions import Value
    from .sizes import Sizes
    from .uses import Uses


def module_classes(
    make: Any, name: str, owner: type | None, uses: Uses | None, busy: tuple[type, ...]
) -> Iterator[type]:
    """Module classes to build for the argument `name` of `make`, the likeliest first.

    Args:
        make: the class or function whose argument it is.
        name: the argument.
        owner: the class that an annotation or an ``isinstance`` asks for; None where any module will do.
        uses: what the source does with the argument.
        busy: classes being filled already: a module that holds its own kind has no end.
    """
    concrete = owner is not None and not inspect.isabstract(owner) and owner.forward is not nn.Module.forward  # type: ignore[attr-defined]
    if owner is not None and owner is not nn.Module and owner not in busy and concrete:
        yield owner
    word = normal_name(name).replace("_", "")
    read = [] if uses is None else [each for each in uses.attributes if each != "reset_parameters"]
    ranked: list[tuple[int, int, type]] = []
    for place, (distance, found) in enumerate(classes_near(make)):
        if not issubclass(found, owner or nn.Module) or found in (make, owner, nn.Module, *busy):
            continue
        if found.__module__.partition(".")[0] == "torch" or inspect.isabstract(found):
            continue
        if isinstance(make, type) and issubclass(found, make):
            continue  # what is more of the same wants the same
        if distance and not (read or (owner is not None and owner is not nn.Module)):
            continue  # elsewhere in the package a name alone says too little
        bare = found.__name__.lower().replace("_", "")
        named = len(word) > 2 and (word in bare or bare in word)
        if distance and owner in (None, nn.Module) and not _has(found, read):
            continue
        fit = 2 * named + _has(found, read)
        if fit or (owner is not None and owner is not nn.Module):
            ranked.append((-fit, place, found))
    for *_, found in sorted(ranked, key=lambda each: each[:2])[:4]:
        yield found


def _has(cls: type, read: list[str]) -> bool:
    """Whether a module class has what is read from it, the forward that is its own included."""
    if not read or getattr(cls, "forward", None) is nn.Module.forward:
        return False
    return all(hasattr(cls, each) or each in held_by(cls) for each in read)


def on_graphs(make: Any) -> bool:
    """Whether the module that defines `make` is built on torch_geometric: its modules take edges."""
    home = sys.modules.get(getattr(make, "__module__", ""))
    if home is None or "torch_geometric" not in sys.modules:
        return False
    names = [home.__name__, *(getattr(found, "__module__", None) or "" for found in list(vars(home).values()))]
    return any(name.partition(".")[0] == "torch_geometric" for name in names)


def torch_layer(name: str, sizes: Sizes, graphs: bool) -> Iterator[tuple[Value, str]]:
    """Small layers of torch's own that take the place of a module about which nothing more is known.

    Args:
        name: the argument.
        sizes: what they are made with.
        graphs: whether the module is given the edges of a graph (see `on_graphs`).
    """
    role = normal_name(name)
    if graphs and role in {"conv", "encoder", "gnn", "layer", "net", "backbone", "model"}:
        width = sizes.features if role in {"conv", "layer"} else sizes.width
        made = call("torch_geometric.nn:GCNConv", (), {"in_channels": sizes.features, "out_channels": width})
        yield made, "any layer that takes nodes and edges"
    if "norm" in role:
        yield call("torch.nn:LayerNorm", (), {"normalized_shape": sizes.width}), "a norm over the inner width"
    elif "act" in role:
        yield call("torch.nn:ReLU"), "an activation"
    elif role in {"head", "classifier", "decoder", "predictor"}:
        yield call(
            "torch.nn:Linear", (), {"in_features": sizes.width, "out_features": sizes.classes}
        ), "any layer for a head"
    elif role in {"embedding", "embedder", "embed", "embeddings"}:
        yield call(
            "torch.nn:Embedding", (), {"num_embeddings": sizes.vocabulary, "embedding_dim": sizes.width}
        ), "any embedding"
    yield call(
        "torch.nn:Linear", (), {"in_features": sizes.features, "out_features": sizes.width}
    ), "any module that maps features to a width"
    yield call(
        "torch.nn:Conv2d",
        (),
        {"in_channels": sizes.channels, "out_channels": sizes.width, "kernel_size": 3, "padding": 1},
    ), "any module that takes images"
    yield call("torch.nn:Identity"), "any module"
