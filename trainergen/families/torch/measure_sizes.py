"""Finds out by running which sizes the model fixes: each is tried with another, alone, then with its likes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from ...inspection.batch_spec import BATCH, BatchSpec, Branch, Leaf, Node, Path, leaves
from ...lab.batch_form import live_leaves, map_leaves
from .facts import FixedSize, OutputFacts
from .measure_names import Observed, name_dims, name_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Axis: TypeAlias = tuple[Path, int]
Sizes: TypeAlias = dict[Axis, int]
Dims: TypeAlias = tuple[int | str, ...]

LARGEST = 2**24
"""Elements of a tensor that is tried: nobody's memory is spent on finding a name."""


TOO_LARGE = "too large to be tried"


@dataclass
class Sizing:
    """What the trials found.

    Attributes:
        spec: the batch with symbols for the dimensions that may vary, in inputs and in targets that follow an output.
        output: dims of each output.
        fixed: dimensions that the model fixes, with what it said to another size.
    """

    spec: BatchSpec
    output: dict[Path, Dims]
    fixed: tuple[FixedSize, ...] = ()


@dataclass
class _Trials:
    """Runs of the model on resized copies of one small batch, compared with the run on that batch itself."""

    run: Callable[[Any], Any]
    batch: Any
    samples: int
    expected: dict[Path, tuple[int, ...]]
    batch_axes: dict[Path, int]
    observed: list[tuple[Sizes, dict[Path, tuple[int, ...]]]] = field(default_factory=list)

    def attempt(self, sizes: Sizes) -> str | None:
        """None if the model takes the batch with these sizes and its outputs keep their form; else what went wrong."""
        resized = resize(self.batch, sizes)
        if any(isinstance(leaf, torch.Tensor) and leaf.numel() > LARGEST for _, leaf in live_leaves(resized)):
            return TOO_LARGE
        try:
            found = output_sizes(self.run(resized))
        except Exception as error:  # whatever it is, the size is what changed
            return _said(error)
        if {path: len(each) for path, each in found.items()} != {
            path: len(each) for path, each in self.expected.items()
        }:
            return "the output has another form"
        for path, axis in self.batch_axes.items():
            if found[path][axis] != self.samples:
                return f"the output has {found[path][axis]} samples for {self.samples}"
        self.observed.append((sizes, found))
        return None


def find_sizes(
    run: Callable[[Any], Any], batch: Any, spec: BatchSpec, inputs: Sequence[Path], output: Sequence[OutputFacts]
) -> Sizing:
    """Try other sizes for every dimension of `inputs`; the other leaves keep theirs.

    A size that works with another one is a symbol: named by the user's description, else by rank and position.
    Dimensions of one size that only work together share a symbol. What fails with every size tried is fixed, and its
    error the evidence.

    Args:
        run: runs forward on a batch of the same form, from the same state each time; raises what forward raises.
        batch: the measured batch.
        spec: its form.
        inputs: paths of the leaves that go into forward.
        output: what forward gave for `batch`.
    """
    targets = [path for path, _ in leaves(spec.root) if path not in inputs]
    fixed: list[FixedSize] = []
    whole = {each.path: each.sizes for each in output if each.dtype not in ("int", "float")}
    known = dict(leaves(spec.root))
    batch_leaves = [(path, leaf.dims.index(BATCH)) for path, leaf in known.items() if BATCH in leaf.dims]
    base, dims, count = batch, dict(whole), spec.samples
    batch_axes: dict[Path, int] = {}
    problem: tuple[int, str] | None = None
    for samples in _other_counts(spec.samples) if batch_leaves else []:
        resized = resize(batch, dict.fromkeys(batch_leaves, samples))
        try:
            sliced = output_sizes(run(resized))
        except Exception as error:  # as in a trial
            problem = problem or (samples, _said(error))
            continue
        problem = None
        if {path: len(each) for path, each in sliced.items()} == {path: len(each) for path, each in whole.items()}:
            base, dims, count = resized, sliced, samples
            batch_axes = {
                path: axis for path in whole for axis in _batch_axes(whole[path], sliced[path], spec.samples, samples)
            }
        break
    if problem is not None:
        fixed += [FixedSize(path, axis, *problem) for path, axis in batch_leaves if path in inputs]
        spec = _with_dims(spec, {path: known[path].sizes for path, _ in batch_leaves})
        known = dict(leaves(spec.root))
    trials = _Trials(run, base, count, dims, batch_axes)
    symbols, failures = _vary(trials, known, inputs)
    fixed += failures
    names = name_dims(known, inputs, symbols)
    spec = _with_dims(spec, {path: names[path] for path in inputs if path in names})
    observed = Observed(whole, dims, trials.observed, batch_axes, count, spec.samples)
    named = name_outputs(observed, dict(leaves(spec.root)))
    spec = _with_dims(spec, _target_dims(dict(leaves(spec.root)), targets, named, whole))
    return Sizing(spec, named, tuple(fixed))


def resize(batch: Any, sizes: Sizes) -> Any:
    """A copy of `batch` with other sizes: entries repeat in order, so that values keep their range and dtype."""

    def change(path: Path, leaf: Any) -> Any:
        for (where, axis), size in sizes.items():
            if where != path:
                continue
            if isinstance(leaf, torch.Tensor):
                index = torch.arange(size, device=leaf.device) % leaf.shape[axis]
                leaf = leaf.index_select(axis, index)
            elif isinstance(leaf, (list, tuple)) and axis == 0:
                leaf = [leaf[index % len(leaf)] for index in range(size)]
        return leaf

    return map_leaves(batch, change)


def output_sizes(output: Any) -> dict[Path, tuple[int, ...]]:
    """Sizes of every tensor in an output."""
    return {path: tuple(leaf.shape) for path, leaf in live_leaves(output) if isinstance(leaf, torch.Tensor)}


def _other_counts(samples: int) -> list[int]:
    """Other numbers of samples, the cheapest first: all later trials run on so many."""
    return [
        each for each in ([2] if samples > 2 else []) + [samples + 1, 2 * samples] if samples > 0 and each != samples
    ]


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}"


def _batch_axes(before: tuple[int, ...], after: tuple[int, ...], samples: int, now: int) -> Iterator[int]:
    """The first axis that counted the samples before and after."""
    for axis, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == samples and new == now:
            yield axis
            return


def _vary(trials: _Trials, known: dict[Path, Leaf], inputs: Sequence[Path]) -> tuple[list[list[Axis]], list[FixedSize]]:
    """Groups of axes that vary together (most of one axis), and those that don't."""
    axes: Sizes = {}
    for path in inputs:
        leaf = known.get(path)
        if leaf is None or leaf.dtype in ("str", "int", "float", "object"):
            continue
        axes |= {(path, axis): size for axis, size in enumerate(leaf.sizes) if leaf.dims[axis] != BATCH and size > 0}
    groups: list[list[Axis]] = []
    failed: dict[Axis, FixedSize] = {}
    for axis, size in axes.items():
        problem = _first_failure(trials, [axis], _others(size))
        if problem is None:
            groups.append([axis])
        else:
            failed[axis] = FixedSize(axis[0], axis[1], problem[0], problem[1])
    alone = [group[0] for group in groups]
    for axis in list(failed):
        if axis not in failed:
            continue
        for likes in _joint(axis, axes, list(failed), alone):
            if _first_failure(trials, likes, _others(axes[axis])[: 2 if len(likes) == 2 else 4]) is None:
                groups = [group for group in groups if group[0] not in likes] + [likes]
                for member in likes:
                    failed.pop(member, None)
                break
    return groups, [each for each in failed.values() if each.error != TOO_LARGE]


def _joint(axis: Axis, axes: Sizes, failed: list[Axis], alone: list[Axis]) -> Iterator[list[Axis]]:
    """Sets of axes of the same size that may have to change together: pairs, the same position in each input, all."""
    likes = [each for each in failed if each != axis and axes[each] == axes[axis]]
    if not likes and not any(axes[each] == axes[axis] for each in alone):
        return
    seen: list[list[Axis]] = []
    everyone = [each for each in (*failed, *alone) if axes[each] == axes[axis]]
    position = [each for each in everyone if each[1] == axis[1] and (each in failed or each == axis)]
    for group in (*([axis, each] for each in likes[:8]), position, [axis, *likes], everyone):
        ordered = sorted(group, key=list(axes).index)
        if len(ordered) > 1 and ordered not in seen:
            seen.append(ordered)
            yield ordered


def _first_failure(trials: _Trials, axes: list[Axis], sizes: Sequence[int]) -> tuple[int, str] | None:
    """None as soon as one of `sizes` works for all of `axes` at once; else the first that failed, and why."""
    first: tuple[int, str] | None = None
    for size in sizes:
        problem = trials.attempt(dict.fromkeys(axes, size))
        if problem is None:
            return None
        first = first or (size, problem)
    return first


def _others(size: int) -> list[int]:
    """Other sizes to try: half and double, which strides and heads divide; never 1: it broadcasts.

    Neighbours are tried for tiny sizes alone: a pooling layer rounds 9 down to what it made of 8, which proves nothing.
    """
    return [size // 2, 2 * size] if size >= 4 else [2 * size, size + 1, *([size - 1] if size == 3 else [])]


def _target_dims(
    known: dict[Path, Leaf], targets: Sequence[Path], output: dict[Path, Dims], whole: dict[Path, tuple[int, ...]]
) -> dict[Path, Dims]:
    """Targets follow an output: their dimensions, in order, take the symbols of the output's of equal size."""
    found: dict[Path, Dims] = {}
    for path in targets:
        leaf = known.get(path)
        if leaf is None or not leaf.sizes:
            continue
        best: Dims = leaf.dims
        for where, dims in output.items():
            named = list(leaf.dims)
            start = 0
            for axis, size in enumerate(leaf.sizes):
                for other in range(start, len(dims)):
                    if isinstance(dims[other], str) and whole[where][other] == size and isinstance(named[axis], int):
                        named[axis] = dims[other]
                        start = other + 1
                        break
                    if isinstance(named[axis], str) and dims[other] == named[axis]:
                        start = other + 1
                        break
            if sum(isinstance(each, str) for each in named) > sum(isinstance(each, str) for each in best):
                best = tuple(named)
        found[path] = best
    return found


def _with_dims(spec: BatchSpec, dims: dict[Path, Dims]) -> BatchSpec:
    def change(node: Node, path: Path) -> Node:
        if isinstance(node, Leaf):
            return replace(node, dims=tuple(dims[path])) if path in dims else node
        return Branch(
            node.kind, tuple((key, change(child, (*path, key))) for key, child in node.entries), node.type_name
        )

    return replace(spec, root=change(spec.root, ()))
