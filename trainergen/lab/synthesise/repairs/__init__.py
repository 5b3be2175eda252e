"""What each kind of failure says about the batch: one file a source of evidence, asked in turn."""

from __future__ import annotations

from collections.abc import Iterator

from ..failure import Failure
from ..wishes import Wish
from .conditions import of_statement
from .layout import of_layout
from .messages import of_message
from .operations import of_operation
from .patterns import of_pattern
from .structure import of_structure


def wishes(failure: Failure) -> Iterator[Wish]:
    """What the failure asks for, the surest first.

    A statement of the user's code that refuses comes before the operation: it says what it wants. The message is read
    last: its words change from version to version.
    """
    for source in (of_layout, of_pattern, of_structure, of_statement, of_operation, of_message):
        yield from source(failure)
