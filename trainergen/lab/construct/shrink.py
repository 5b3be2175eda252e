"""Fewer layers and smaller widths where a class's own sizes are too large for a proof, divisible by what divided them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...inspection.expressions import CALL, NAMESPACE, children, is_tagged, items_of, like
from ..sources import MISSING
from .annotations import parameters_of
from .options import Option
from .repair import Change
from .roles import role_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...inspection.expressions import Value
    from .assignment import Assignment
    from .roles import Role
    from .uses import Path

_WIDTHS: frozenset[Role | None] = frozenset(
    {"width", "pyramid", "feedforward", "latent", "codebook", "features_out", "head_width", None}
)
_TABLES: frozenset[Role | None] = frozenset({"vocabulary", "classes", "nodes"})
_LEAST = 8
_TABLE = 1000
_LAYERS = 2


def shrunken(assignment: Assignment) -> Iterator[Change]:
    """Changes that make the model smaller, the gentlest first: fewer layers, then widths over 4, over 16, over 64."""
    for divisor in (1, 4, 16, 64):
        changed = []
        for path in _sized(assignment):
            option = _smaller(assignment, path, divisor)
            if option is not None:
                changed.append((path, option))
        if changed:
            yield Change(tuple(changed), 0.2)


def _sized(assignment: Assignment) -> Iterator[Path]:
    """Paths to everything that may be a size: arguments, and fields of the configs among them, defaults included."""
    for name in assignment.chooser.parameters:
        if assignment.lead((name,)) != (name,):
            continue
        yield from _below(assignment, (name,), assignment.now((name,)))


def _below(assignment: Assignment, path: Path, value: Value) -> Iterator[Path]:
    parts = children(value) if value is not MISSING else None
    if parts is None:
        yield path
        return
    names = list(parts)
    if is_tagged(value, CALL) and value[CALL] != NAMESPACE:
        names += [name for name in parameters_of(assignment.owner(value)) if name not in parts]
    for name in names:
        yield from _below(assignment, (*path, name), assignment.now((*path, name)))


def _smaller(assignment: Assignment, path: Path, divisor: int) -> Option | None:
    now = assignment.now(path)
    role = role_of(path[-1])
    if role == "features_in" and len(path) == 1:
        role = assignment.chooser.role(path)
    items = items_of(now) if now is not MISSING else None
    if items:
        widths: Role | None = "pyramid" if role in {"features_in", "channels_in", "channels_out", None} else role
        fewer = [_number(widths, each, divisor) for each in items]
        value = like(now, fewer)
    else:
        value = _number(role, now, divisor)
    if value == now:
        return None
    before = assignment.option(path)
    own = path[0] not in assignment.values or len(path) > 1
    reason = "smaller than the class's own default, for the proof" if own else "smaller, for the proof"
    if before is not None and len(path) == 1:
        return Option(
            value, before.source, f"{before.reason}, smaller for the proof", before.place, True, before.for_proof
        )
    return Option(value, "default", reason, for_proof=True)


def _number(role: Role | None, value: Value, divisor: int) -> Value:
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if role == "depth":
        return min(value, _LAYERS)
    if divisor > 1 and role in _TABLES and value > _TABLE:
        return _TABLE
    if divisor > 1 and role in _WIDTHS and value > 2 * _LEAST and (role is not None or value > 64):
        smaller = value
        for _ in range(divisor.bit_length() - 1):
            if smaller % 2 or smaller // 2 < _LEAST:
                break
            smaller //= 2
        return smaller
    return value
