"""A key, an attribute or an entry that an input lacks: it should be a container."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..failure import Failure
from ..origins import Operand
from ..wishes import Contain, Wish


def of_structure(failure: Failure) -> Iterator[Wish]:
    """Containers that the failure asks for."""
    error, said = failure.error, failure.said
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], (str, int)):
        yield Contain(error.args[0], "key")
    if isinstance(error, AttributeError):
        found = re.search(r"'(?:Tensor|dict|list|tuple)' object has no attribute '(\w+)'", said)
        if found:
            if found[1] in ("items", "keys", "values", "get"):
                yield Contain(None, "key")
            elif found[1] in ("append", "index", "sort"):
                yield Contain(None, "iterate")
            else:
                yield Contain(found[1], "attribute")
    call = failure.call
    if call is not None and call.name == "__getitem__" and len(call.args) > 1 and isinstance(call.args[1], str):
        first = call.args[0]
        yield Contain(call.args[1], "key", first if isinstance(first, Operand) else None)
    if isinstance(error, TypeError) and re.search(
        r"(?:tuple|list) of Tensors|must be tuple|expected Tensor as element", said
    ):
        for each in failure.operands():
            yield Contain(None, "iterate", each)
    if isinstance(error, IndexError) and re.search(r"(?:tuple|list) index out of range", said):
        yield Contain(None, "iterate")
