"""Whether a base trainer leaves the whole loop to its subclasses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..recognition import GATES as COMMON
from ..recognition import facts_of

if TYPE_CHECKING:
    from ..contract_facts import ContractFacts
    from ..survey import Survey

RANK = 1
GATES: Mapping[str, str] = {"TG001": "inherits from the project's base trainer", **COMMON}
"""The contract gates that apply, and what fulfils each."""


def detect(found: Survey) -> ContractFacts | None:
    """The facts, where a subclass writes such a method."""
    duty = next((each for each in found.duties if each.role == "train"), None)
    if duty is None:
        return None
    return facts_of(found, "full_loop", (f"{duty.name} is the whole loop: {duty.evidence}",), GATES)
