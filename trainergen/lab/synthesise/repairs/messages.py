"""What is left is read from the message: a rank, a dtype, a size that torch names, an argument that is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..failure import Failure
from ..origins import Operand
from ..wishes import Activate, Bound, Divide, Grow, Recast, Rerank, Resize, Wish

_DTYPES = re.compile(
    r"dtype|scalar type|type (?:Float|Long|Bool|Int|Byte)|Long|integer|integral|bool|not implemented for '"
)
_TOO_SMALL = re.compile(
    r"more than 1 (?:value|spatial)|too small|non-?positive|can't be greater|smaller than|at least|Output size"
)
_OUT_OF_BOUNDS = re.compile(r"index (-?\d+) is out of bounds for dimension \d+ with size (\d+)")
_MULTIPLE = re.compile(r"(?:multiple of|divisible by|dividable by)\D{0,20}(\d+)")
_MISSING = re.compile(r"missing \d+ required (?:positional|keyword-only) arguments?: (.*)")
_ABSENT = re.compile(r"NoneType|must be Tensor, not (?:int|float|bool)")
_BEYOND = re.compile(r"Dimension out of range \(expected to be in range of \[-?\d+, -?\d+\], but got (-?\d+)\)")
_RANK = re.compile(r"\b([1-6])-?[Dd]\b")
_DIMENSIONS = re.compile(r"(?:expected|must be|requires?|needs?)\D{0,40}\b([1-6])[ -]dim")
_EXPECTED = re.compile(r"xpected (?:size|.{0,40}?)\s*(\d+)\b.{0,40}?(?:but )?got (?:size |input of size )?(\d+)")
_MATCH = re.compile(r"\(\D{0,8}(\d+)\).{0,60}(?:match|equal)\D{0,60}\((\d+)\)")


def of_message(failure: Failure) -> Iterator[Wish]:
    """Wishes that the words suggest."""
    said, operands = failure.said, [each for each in failure.operands() if each.origins]
    yield from _missing(failure, said)
    yield from _ranks(said, operands)
    yield from _sizes(said, operands)
    yield from _dtypes(said, operands)
    if _TOO_SMALL.search(said):
        yield Grow()
    if isinstance(failure.error, IndexError) and "out of" in said:
        found = _OUT_OF_BOUNDS.search(said)
        for each in operands:
            if not each.value.is_floating_point():
                yield Bound(
                    each, int(found[2]) if found else max(1, int(each.value.max()) if each.value.numel() else 1)
                )
    found = _MULTIPLE.search(said)
    if found:
        for each in operands:
            for axis in reversed(range(len(each.shape))):
                if each.shape[axis] % int(found[1]):
                    yield Divide(each, axis, int(found[1]))
    if "complex tensor" in said:
        for each in operands:
            yield Recast(each, "complex")
    if isinstance(failure.error, (TypeError, AttributeError)) and "an integer" in said:
        for each in operands:
            yield Recast(each, "number")


def _missing(failure: Failure, said: str) -> Iterator[Wish]:
    found = _MISSING.search(said)
    if found:
        yield Activate(tuple(re.findall(r"'(\w+)'", found[1])))
    elif _ABSENT.search(said) or (isinstance(failure.error, (AssertionError, ValueError)) and "None" in said):
        yield Activate()


def _ranks(said: str, operands: list[Operand]) -> Iterator[Wish]:
    beyond = _BEYOND.search(said)
    asked = [int(each) for each in _RANK.findall(said.partition("but got")[0].partition(", got")[0])]
    asked += [int(each) for each in _DIMENSIONS.findall(said)]
    for each in operands:
        if beyond:
            wanted = int(beyond[1])
            yield Rerank(each, (wanted + 1 if wanted >= 0 else -wanted,))
        elif asked:
            yield Rerank(each, tuple(dict.fromkeys(asked)))
        elif "too many indices" in said or "not enough values to unpack" in said:
            yield Rerank(each, (len(each.shape) + 1,))
        elif "too many values to unpack" in said:
            yield Rerank(each, (len(each.shape) - 1,))


def _sizes(said: str, operands: list[Operand]) -> Iterator[Wish]:
    pairs = _EXPECTED.findall(said)
    pairs += [(wanted, got) for got, wanted in _MATCH.findall(said)]
    for wanted, got in pairs:
        for each in operands:
            for axis, size in enumerate(each.shape):
                if size == int(got) and int(wanted) != size:
                    yield Resize(each, axis, int(wanted))


def _dtypes(said: str, operands: list[Operand]) -> Iterator[Wish]:
    if not _DTYPES.search(said):
        return
    for each in operands:
        value = each.value
        if value.is_floating_point():
            yield Recast(each, "bool" if "bool" in said.lower() else "ids")
            yield Recast(each, "ids" if "bool" in said.lower() else "bool")
        elif value.is_complex() or str(value.dtype) == "torch.bool":
            yield Recast(each, "float")
            yield Recast(each, "ids")
        else:
            yield Recast(each, "float")
            yield Recast(each, "bool")
