"""Ranges of torch releases: what a gate holds for, and what a project asks for."""

# ruff: noqa: PTH118, PTH123  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import os
from typing import NamedTuple

Release = tuple[int, ...]
_SIGNS = (">=", "<=", "==", "~=", "!=", ">", "<")
_FILES = ("pyproject.toml", "requirements.txt", "setup.cfg", "setup.py", "environment.yml")


class Range(NamedTuple):
    """Releases from `low` (inclusive) to `high` (exclusive); None: no end on that side."""

    low: Release | None = None
    high: Release | None = None

    @classmethod
    def of(cls, requirement: str) -> Range:
        """The range of a requirement such as ``>=2.4`` or ``>=1.9,<2.6``; ``!=`` is passed over.

        Raises:
            ValueError: it is no requirement.
        """
        clauses = [_clause(part, requirement) for part in requirement.split(",")]
        low: Release | None = None
        high: Release | None = None
        for sign, release in clauses:
            if sign in (">=", ">", "==", "~="):
                low = release if low is None else max(low, release)
            if sign == "<":
                high = release if high is None else min(high, release)
            elif sign in ("<=", "=="):
                following = (*release[:-1], release[-1] + 1)
                high = following if high is None else min(high, following)
        return cls(low, high)

    def meets(self, other: Range) -> bool:
        """Whether some release lies in both."""
        lows = [each for each in (self.low, other.low) if each is not None]
        highs = [each for each in (self.high, other.high) if each is not None]
        return not lows or not highs or max(lows) < min(highs)


def _clause(part: str, whole: str) -> tuple[str, Release]:
    part = part.strip().replace("^", ">=")
    sign = next((each for each in _SIGNS if part.startswith(each)), "")
    number = part[len(sign) :].strip().removesuffix(".*")
    digits = number.split(".")
    if not sign or not all(each.isdigit() for each in digits):
        raise ValueError(f"no range of releases: {whole!r}, write one such as >=2.4 or <2.6")
    return sign, tuple(int(each) for each in digits)


def torch_of(root: str | None) -> Range | None:
    """The releases of torch that the project at `root` asks for; None where it says nothing."""
    if root is None:
        return None
    for name in _FILES:
        try:
            with open(os.path.join(root, name), encoding="utf-8", errors="replace") as stream:
                text = stream.read()
        except OSError:
            continue
        if "torch" in text:
            found = _asked(text)
            if found is not None:
                return found
    return None


def _asked(text: str) -> Range | None:
    """The first requirement of a package called ``torch``, in any of the ways such files write one."""
    import re

    sign = r"(?:\^|>=|<=|==|~=|>|<|!=)"
    clause = rf"{sign}\s*\d+(?:\.\d+)*(?:\.\*)?"
    for found in re.finditer(
        rf"""(?m)(?:^|["'\s])torch\s*(?:\[[^\]]*\])?\s*=?\s*["']?\s*({clause}(?:\s*,\s*{clause})*)""", text
    ):
        try:
            return Range.of(found[1])
        except ValueError:
            continue
    return None
