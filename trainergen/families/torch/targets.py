"""The facts of a batch that was found by trying, with the targets that an objective wants put into it."""

from __future__ import annotations

from dataclasses import replace

from ...inspection.batch_growth import Grown, grow
from ...inspection.batch_spec import Path
from .facts import TorchFacts
from .objectives import Proposal
from .seen import Role


def with_targets(
    measured: TorchFacts, proposal: Proposal, *, inputs: str = "inputs", named: bool = False
) -> tuple[TorchFacts, tuple[Role, ...]]:
    """`measured` as if the batch held what `proposal` adds, and the proposal's roles where they are then.

    One bare tensor and one target become the pair (input, target); a mapping gains keys, and a taken one gets a suffix.

    Args:
        measured: of a batch that holds the inputs alone.
        proposal: with its roles.
        inputs: what the batch is called where it becomes an entry of a mapping.
        named: the added parts keep their names: no pair.
    """
    if not proposal.added:
        return measured, proposal.roles
    parts = [(str(each.path[0]), each.leaf) for each in proposal.added if each.leaf is not None]
    grown = grow(measured.batch.root, parts, inputs=inputs, whole=measured.feeding.whole, named=named)
    facts = replace(
        measured,
        batch=replace(measured.batch, root=grown.root),
        feeding=replace(
            measured.feeding,
            arguments=tuple(replace(each, path=(*grown.inside, *each.path)) for each in measured.feeding.arguments),
            targets=grown.places,
            whole=measured.feeding.whole and not grown.inside,
        ),
        fixed=tuple(replace(each, path=(*grown.inside, *each.path)) for each in measured.fixed),
        bindings=tuple(
            each if each.origin == "output" else replace(each, path=(*grown.inside, *each.path))
            for each in measured.bindings
        ),
        targets=(),
    )
    return facts, _placed(proposal.roles, grown)


def _placed(roles: tuple[Role, ...], grown: Grown) -> tuple[Role, ...]:
    """The roles at their places in the grown batch; nothing is left to add."""
    places = iter(grown.places)

    def path(role: Role) -> Path:
        if role.origin == "output":
            return role.path
        return next(places) if role.leaf is not None else (*grown.inside, *role.path)

    return tuple(replace(each, path=path(each), leaf=None) for each in roles)
