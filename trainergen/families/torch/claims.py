"""Is this mine? The torch family takes what leads to ``torch.nn.Module`` by its bases, and functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...inspection.model_facts import ModelFacts


def claims(facts: ModelFacts) -> str | None:
    """Why the torch family takes the class or function, or None where it is not one of ours.

    A class with a base that nobody could read is taken if it has a ``forward``: the lab, which builds it, has the last
    word.
    """
    if facts.kind == "function":
        return f"{facts.name} is a function: what it returns is looked at in the lab"
    if facts.is_module:
        return f"the bases of {facts.name} lead to torch.nn.Module"
    if facts.is_module is None and facts.forward:
        unknown = ", ".join(base.name for base in facts.bases if base.resolved is None) or "its bases"
        return f"{facts.name} has a forward; {unknown} could not be read, the lab will tell"
    return None
