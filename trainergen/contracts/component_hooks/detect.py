"""Whether a base trainer asks its subclasses for components and does everything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..recognition import GATES as COMMON
from ..recognition import facts_of

if TYPE_CHECKING:
    from ..contract_facts import ContractFacts
    from ..survey import Survey

RANK = 5
GATES: Mapping[str, str] = {"TG001": "inherits from the project's base trainer", **COMMON}
"""The contract gates that apply, and what fulfils each."""
COMPONENTS = frozenset({"build_model", "build_optimizer", "build_loader", "criterion", "unpack", "forward", "setup"})


def detect(found: Survey) -> ContractFacts | None:
    """The facts, where a subclass builds parts and the base computes the loss and steps."""
    named = [each.name for each in found.duties if each.role in COMPONENTS]
    if not named or "backward" not in found.own.provides:
        return None
    return facts_of(found, "component_hooks", (f"a subclass gives {', '.join(named)}; the base steps",), GATES)
