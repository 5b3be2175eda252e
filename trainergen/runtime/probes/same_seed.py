"""Do two sessions with one seed take the same steps?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .session import Fault, Measurement, unmeasured

if TYPE_CHECKING:
    from .walk import Walk

NAME = "same_seed"


def measure(first: Walk, second: Walk) -> Measurement:
    """Compare the losses of two walks that started alike, bit by bit (by their hexadecimal form, so NaN equals NaN)."""
    pairs = [(a, b) for a, b in zip(first.losses, second.losses, strict=False) if a is not None and b is not None]
    if not pairs:
        return unmeasured(NAME, "the steps do not say their loss: not measured")
    for number, (a, b) in enumerate(pairs, start=1):
        if a.hex() != b.hex():
            text = f"the same seed gave another loss at step {number}: {a!r} and {b!r}"
            hint = "draw random numbers from torch, Python or NumPy, which the run seeds"
            return Measurement(NAME, text, (Fault("loss", "", text, hint),))
    return Measurement(NAME, f"same seed, same losses over {len(pairs)} steps", numbers={"steps": len(pairs)})
