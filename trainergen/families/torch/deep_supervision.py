"""Several maps of one form that a network returns at several depths: each is held against the same target."""

from __future__ import annotations

import re

from ...planning.plan import Head
from .facts import OutputFacts
from .seen import Role, Seen

NO_MAP = re.compile(r"feat|hidden|attn|attention|embed|state|skip|recon|mu$|mean|var|sigma|std")
GIVEN = 100
"""How surely it is meant where the user's batch has the one target: above what each map alone would make of it."""
SMALLEST_RANK = 4
"""[batch, channels, height, width]: only of maps is it usual."""


def deeper(
    seen: Seen, output: OutputFacts, task: str, loss: str, prepare: tuple[str, ...]
) -> tuple[tuple[Role, ...], tuple[Head, ...]]:
    """Roles of the other maps, and a head each with the target of `output` (Lee et al. 2015, deeply-supervised nets).

    Args:
        seen: the model.
        output: the map that metrics are computed of.
        task: of each.
        loss: of each, one of the task's.
        prepare: operations on each.

    Returns:
        Nothing where forward returns no other map of that shape, or one whose name says that it is none.
    """
    # Maps that eval mode lacks have nothing to be evaluated by: the main one is trained alone, and the plan says so.
    there = [each for each in seen.learnt if not each.training_only]
    others = [each for each in there if each.path != output.path and each.sizes == output.sizes]
    if len(output.sizes) < SMALLEST_RANK or not others or any(NO_MAP.search(seen.called(each)) for each in others):
        return (), ()
    names = [seen.called(each) or f"output_{number}" for number, each in enumerate((output, *others))]
    if len(set(names)) < len(names):
        names = [f"output_{number}" for number in range(len(names))]
    keys = ["prediction", *names[1:]]
    heads = tuple(
        Head(name, task, loss, key, "target", f"{name}_weight") for name, key in zip(names, keys, strict=True)
    )
    return (
        tuple(
            seen.output(key, each, prepare, variable=f"{key}_prediction")
            for key, each in zip(keys[1:], others, strict=True)
        ),
        heads,
    )
