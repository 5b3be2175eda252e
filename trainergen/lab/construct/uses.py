"""How a constructor's source uses one of its arguments: the facts that `reads` collects and `options` weighs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .roles import Role

Path = tuple[str, ...]
"""An argument, then the attributes or keys read from it; `ITEM` stands for any item of a sequence."""

ITEM = "[]"


@dataclass
class Uses:
    """How one value is used.

    Attributes:
        attributes, keys: read from it, in order; the default where ``get`` or ``getattr`` names one, else `MISSING`.
        kinds: what the operations on it ask for, each once, in order of appearance: ``sequence``, ``spread`` (by a star), ``int``, ``str``,
            ``module`` (called in a method), ``factory`` (called while constructing), ``tensor``, ``array`` (NumPy's), ``mapping``, ``number``,
            ``flag``, ``none`` (compared with None).
        roles: what the layers take it as, torch's own first.
        choices: the texts or numbers it is compared with or looked up in.
        count: items that it is unpacked into, or one more than the highest index.
        types: classes that ``isinstance`` asks for.
    """

    attributes: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    named: list[Role] = field(default_factory=list)
    choices: list[Any] = field(default_factory=list)
    count: int = 0
    types: list[type] = field(default_factory=list)

    def role(self) -> Role | None:
        """What the layers make of it: what goes into one and comes out of another is an inner width."""
        roles = self.roles or self.named
        if not roles:
            return None
        sizes = {"features_in", "features_out", "channels_in", "channels_out", "width"}
        if len(sizes & set(roles)) > 1:
            return "width"
        return roles[0]

    def note(self, kind: str) -> None:
        """One more kind that is asked for."""
        if kind not in self.kinds:
            self.kinds.append(kind)


Reads = dict[Path, Uses]
