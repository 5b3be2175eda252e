"""An operation that runs but takes the samples for channels or time."""

from __future__ import annotations

from collections.abc import Iterator

from ..failure import Failure
from ..trace import Misread
from ..wishes import Rerank, Swap, Wish


def of_layout(failure: Failure) -> Iterator[Wish]:
    """Another rank, or the samples second."""
    if isinstance(failure.error, Misread):
        first = failure.error.call.operands()[0]
        if failure.error.ranks:
            yield Rerank(first, failure.error.ranks, channels_first=failure.error.call.name.startswith("conv"))
        if failure.error.swapped:
            yield Swap(first)
