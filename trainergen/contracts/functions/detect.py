"""Functions have no base trainer: `functions.reading` finds the one that is followed."""

from __future__ import annotations

from collections.abc import Mapping

from ..recognition import GATES as COMMON

GATES: Mapping[str, str] = dict(COMMON)
"""The contract gates that apply, and what fulfils each."""
