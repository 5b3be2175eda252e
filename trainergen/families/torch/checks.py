"""What the generated ``_validate_batch`` demands of each part of the batch, and where each demand comes from."""

from __future__ import annotations

from ...inspection.batch_spec import BATCH, Leaf, Path, find, leaves, spell_access
from ...planning.plan import Check, Input, Objective, Part
from .facts import OutputFacts, TorchFacts
from .seen import FLOATING, INTEGRAL

SYMBOLS = {
    2: ("features",),
    3: ("length", "features"),
    4: ("channels", "height", "width"),
    5: ("channels", "depth", "height", "width"),
}
"""Names of the dimensions after the batch's, by rank, where nobody named them."""
CASTS = frozenset({"float", "long", "bool"})
"""Operations that leave the shape as it is."""


def build_checks(
    measured: TorchFacts, parts: tuple[Input, ...], objective: Objective, output: OutputFacts
) -> tuple[Check, ...]:
    """One check a used leaf, inputs first, then the target, then what else the loss takes."""
    used: dict[str, int] = {}
    found = []
    for each in parts:
        leaf = find(measured.batch.root, each.path)
        if isinstance(leaf, Leaf):
            found.append(_input_check(measured, each, leaf, used))
    if objective.target is not None and all(check.path != objective.target for check in found):
        leaf = find(measured.batch.root, objective.target)
        if isinstance(leaf, Leaf):
            found.append(_target_check(measured, objective, leaf, output, used))
    for part in objective.parts:
        leaf = find(measured.batch.root, part.path)
        if part.origin != "output" and isinstance(leaf, Leaf) and all(check.path != part.path for check in found):
            found.append(_part_check(measured, part, leaf, used))
    return tuple(found)


def _input_check(measured: TorchFacts, part: Input, leaf: Leaf, used: dict[str, int]) -> Check:
    variable = spell_access(measured.batch.root, part.path)
    if leaf.dtype in ("str", "object", "int", "float"):
        return Check(part.path, variable, "strings" if leaf.dtype == "str" else "object", leaf.dtype, leaf.dims)
    dims, reason = _dims(measured, part.path, leaf, part.variable, used)
    dtype = leaf.dtype
    if any(each in ("float", "long", "bool") for each in part.prepare):
        dtype = "floating" if leaf.dtype in FLOATING else "integral"
    low, high, limit = *_given_range(leaf), ""
    if leaf.source == "assumed" and leaf.dtype in INTEGRAL:
        low, high, limit = _found_range(measured, part.path, leaf)
    rows = [
        each
        for each in measured.parameters
        if each.module_type.rpartition(".")[2] == "Embedding" and len(each.shape) == 2
    ]
    if high is None and leaf.dtype in INTEGRAL and len(rows) == 1 and _integral_inputs(measured) == 1:
        low, high = 0, rows[0].shape[0]
        reason += f"{'; ' if reason else ''}{rows[0].name} has {high} rows"
    return Check(part.path, variable, "tensor", dtype, dims, low, high, reason, limit)


def _found_range(measured: TorchFacts, path: Path, leaf: Leaf) -> tuple[int | None, int | None, str]:
    """The range of integers that a search found, as far as something in the model or the batch decides it.

    Returns:
        The bounds, the high one exclusive, and the dimension that it is the size of: a node's number is below the number of
        nodes, a length at most the length. Where nothing decides the range, what the search drew is no demand.
    """
    if leaf.low is None or leaf.high is None:
        return None, None, ""
    low, high = int(leaf.low), int(leaf.high)
    for each in measured.bindings:
        if each.origin == "values" and each.path == path:
            return low, high, ""
    for other, known in leaves(measured.batch.root):
        for dim, size in zip(known.dims, known.sizes, strict=True):
            if other != path and isinstance(dim, str) and dim != BATCH and size == high:
                return low, high, dim
    rows = [
        each.shape[0]
        for each in measured.parameters
        if each.module_type.rpartition(".")[2] == "Embedding" and each.shape
    ]
    return (low, high, "") if high in rows else (None, None, "")


def _integral_inputs(measured: TorchFacts) -> int:
    parts = (find(measured.batch.root, each.path) for each in measured.feeding.arguments)
    return sum(isinstance(leaf, Leaf) and leaf.dtype in INTEGRAL for leaf in parts)


def _target_check(
    measured: TorchFacts, objective: Objective, leaf: Leaf, output: OutputFacts, used: dict[str, int]
) -> Check:
    assert objective.target is not None
    variable = spell_access(measured.batch.root, objective.target)
    dims, reason = _dims(measured, objective.target, leaf, objective.target_variable, used)
    dtype = leaf.dtype
    if any(each in ("float", "long") for each in objective.target_prepare):
        dtype = "integral" if leaf.dtype in INTEGRAL else "floating" if leaf.dtype in FLOATING else leaf.dtype
    low, high = objective.target_low, objective.target_high
    if low is None and high is None and leaf.source == "given":
        low, high = leaf.low, leaf.high
    if objective.classes is not None and high is not None and leaf.sizes != output.sizes:
        reason += f"{'; ' if reason else ''}the output has {objective.classes} classes"
    if "squeeze:1" in objective.target_prepare:
        dims = (dims[0], 1, *dims[2:])
        reason += f"{'; ' if reason else ''}dimension 1 is squeezed"
    if leaf.sizes == output.sizes and CASTS.issuperset(objective.target_prepare):
        fixed = [
            theirs if isinstance(theirs, int) and axis > 0 else mine
            for axis, (mine, theirs) in enumerate(zip(dims, output.dims, strict=True))
        ]
        if tuple(fixed) != dims:
            dims, reason = tuple(fixed), "of the output's size"
    return Check(objective.target, variable, "tensor", dtype, dims, low, high, reason)


def _part_check(measured: TorchFacts, part: Part, leaf: Leaf, used: dict[str, int]) -> Check:
    variable = spell_access(measured.batch.root, part.path)
    dims, reason = _dims(measured, part.path, leaf, part.variable, used)
    dtype = leaf.dtype
    if any(each in ("float", "long") for each in part.prepare):
        dtype = "integral" if leaf.dtype in INTEGRAL else "floating" if leaf.dtype in FLOATING else leaf.dtype
    return Check(part.path, variable, "tensor", dtype, dims, part.low, part.high, reason)


def _given_range(leaf: Leaf) -> tuple[int | float | None, int | float | None]:
    """What the user said of the range, or the search found by trying; what was only seen in a sample is no demand."""
    return (None, None) if leaf.source == "measured" else (leaf.low, leaf.high)


def _dims(
    measured: TorchFacts, path: Path, leaf: Leaf, variable: str, used: dict[str, int]
) -> tuple[tuple[int | str, ...], str]:
    """Sizes where the model failed with another, symbols elsewhere, which are this leaf's own but for the batch."""
    evidence = {each.axis: each for each in measured.fixed if each.path == path}
    names = SYMBOLS.get(len(leaf.dims), tuple(f"dim_{axis}" for axis in range(1, len(leaf.dims))))
    dims: list[int | str] = []
    for axis, dim in enumerate(leaf.dims):
        if axis in evidence:
            dims.append(leaf.sizes[axis])
        elif dim == BATCH:
            dims.append(BATCH)
        elif isinstance(dim, str):
            dims.append(dim)
            used.setdefault(dim, leaf.sizes[axis])
        elif axis == 0:
            # A first dimension that nobody called the batch: a sequence-first layout, or a batch without one.
            dims.append(f"{variable}_0")
        else:
            symbol = names[axis - 1]
            if symbol in used:
                symbol = f"{variable}_{symbol}"
            used[symbol] = leaf.sizes[axis]
            dims.append(symbol)
    tried = [
        f"the model fails with {each.tried} instead of {leaf.sizes[axis]}" for axis, each in sorted(evidence.items())
    ]
    return tuple(dims), "; ".join(tried)
