"""Which guessed constructor arguments decide which sizes: the model is built with another value, and what changes is seen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ...inspection.batch_spec import BatchSpec, Leaf, Path, leaves
from ...inspection.construction import Construction
from ...lab.batch_form import live_leaves, map_leaves
from ...lab.construct import call_with, live
from ...lab.protocol import Context
from ...runtime.probes.walk import seed_everything
from .facts import Binding, Feeding, OutputFacts
from .measure_call import call
from .measure_model import Maker
from .measure_sizes import Axis, resize

LARGEST_BUILT = 50_000_000
"""Values of a model that is built once more for the sake of a name."""


def find_bindings(
    make: Maker,
    construction: Construction,
    batch: Any,
    spec: BatchSpec,
    feeding: Feeding,
    output: Sequence[OutputFacts],
    context: Context,
    seed: int,
) -> tuple[Binding, ...]:
    """What each guessed integer decides: sizes of inputs, their range of values, sizes of outputs.

    An argument is tried where one of these equals its value and does not vary by itself. A generated check can then read
    the size from the configuration, so that it stays true when the guess is corrected there.

    Args:
        make: the constructor, with what the user gave.
        construction: what the search passed.
        batch: live, on the CPU.
        spec: its form, dimensions that vary being symbols.
        feeding: how it goes into forward.
        output: what forward gave.
        context: for values that are no literals.
        seed: of the model's weights.
    """
    known = {each.name: live(each.value, context) for each in construction.arguments} | make.given
    found: list[Binding] = []
    for each in construction.arguments:
        if not each.assumed or type(each.value) is not int or each.value < 2 or each.name in make.given:
            continue
        fixed, ranged, given = _sizes_of(each.value, spec, feeding, output)
        if not fixed and not ranged and not given:
            continue
        for other in (2 * each.value, each.value + 1):
            model = _built(make.function, {**known, each.name: other}, seed)
            changed = None if model is None else _changes(model, feeding, batch, fixed, ranged, other)
            if changed is None:
                continue
            axes, ids, sizes = changed
            found += [Binding(each.name, "input", path, axis) for path, axis in axes]
            found += [Binding(each.name, "values", path, 0) for path in ids]
            found += [
                Binding(each.name, "output", path, axis)
                for path, axis in given
                if sizes.get(path, ())[axis:][:1] == (other,)
            ]
            break
    return tuple(found)


def _sizes_of(
    value: int, spec: BatchSpec, feeding: Feeding, output: Sequence[OutputFacts]
) -> tuple[list[Axis], list[Path], list[Axis]]:
    """Fixed axes of inputs, inputs of so many values, and axes of outputs that have the size `value`."""
    fed = [argument.path for argument in feeding.arguments]
    inputs: list[tuple[Path, Leaf]] = [
        (path, leaf) for path, leaf in leaves(spec.root) if any(path[: len(each)] == each for each in fed)
    ]
    fixed = [
        (path, axis)
        for path, leaf in inputs
        for axis, (dim, size) in enumerate(zip(leaf.dims, leaf.sizes, strict=True))
        if size == value and isinstance(dim, int)
    ]
    ranged = [path for path, leaf in inputs if leaf.high == value and leaf.dtype.startswith(("int", "uint"))]
    given = [(each.path, axis) for each in output for axis, dim in enumerate(each.dims) if dim == value]
    return fixed, ranged, given


def _built(function: Callable[..., Any], arguments: Mapping[str, Any], seed: int) -> nn.Module | None:
    with contextlib.suppress(Exception), torch.random.fork_rng(devices=[]):
        seed_everything(seed)
        model = call_with(function, arguments)
        if isinstance(model, nn.Module) and sum(each.numel() for each in model.parameters()) <= LARGEST_BUILT:
            return model.train()
    return None


def _changes(
    model: nn.Module, feeding: Feeding, batch: Any, fixed: Sequence[Axis], ranged: Sequence[Path], other: int
) -> tuple[list[Axis], list[Path], dict[Path, tuple[int, ...]]] | None:
    """The axes that have to follow, the inputs whose values may, and the sizes of the outputs then; None: it never ran."""
    for axes in _subsets(fixed):
        sizes = _ran(model, feeding, resize(batch, dict.fromkeys(axes, other)))
        if sizes is None:
            continue
        ids = [path for path in ranged if _ran(model, feeding, _with_id(batch, path, other - 1, axes)) is not None]
        return list(axes), ids, sizes
    return None


def _subsets(axes: Sequence[Axis]) -> Iterator[tuple[Axis, ...]]:
    """None of them, each alone, all: what has to follow is seldom anything between."""
    yield ()
    yield from ((axis,) for axis in axes)
    if len(axes) > 1:
        yield tuple(axes)


def _with_id(batch: Any, path: Path, value: int, axes: Sequence[Axis]) -> Any:
    """The batch with one entry of an input set to the highest value that a larger table would take."""

    def change(where: Path, leaf: Any) -> Any:
        if where != path or not isinstance(leaf, torch.Tensor) or not leaf.numel():
            return leaf
        changed = leaf.clone()
        changed.view(-1)[0] = value
        return changed

    resized = resize(batch, dict.fromkeys(axes, value + 1))
    return map_leaves(resized, change)


def _ran(model: nn.Module, feeding: Feeding, batch: Any) -> dict[Path, tuple[int, ...]] | None:
    with contextlib.suppress(Exception), torch.random.fork_rng(devices=[]), torch.no_grad():
        output = call(
            model, map_leaves(batch, lambda _, leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf), feeding
        )
        return {path: tuple(leaf.shape) for path, leaf in live_leaves(output) if isinstance(leaf, torch.Tensor)}
    return None
