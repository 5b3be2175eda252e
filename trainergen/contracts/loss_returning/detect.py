"""Whether a base trainer asks its subclasses for the loss and steps by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..recognition import GATES as COMMON
from ..recognition import facts_of

if TYPE_CHECKING:
    from ..contract_facts import ContractFacts
    from ..survey import Survey

RANK = 4
GATES: Mapping[str, str] = {
    "TG001": "inherits from the project's base trainer",
    "TG002": "the loss method returns the loss with its graph, in the form that the base takes",
    **COMMON,
}
"""The contract gates that apply, and what fulfils each."""


def detect(found: Survey) -> ContractFacts | None:
    """The facts, where a subclass gives the loss and does not step."""
    if "loss" not in found.roles or found.roles & {"train", "train_epoch", "train_step"}:
        return None
    duty = next(each for each in found.duties if each.role == "loss")
    return facts_of(found, "loss_returning", (f"{duty.name} gives the loss: {duty.evidence}",), GATES)
