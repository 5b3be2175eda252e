"""States that a recurrent model is handed: ``hidden``, ``(h0, c0)``, sized by its own recurrent layers."""

from __future__ import annotations

import re

from .evidence import Evidence
from .guess import Box, Dim, Node, Slot

_STATE = re.compile(
    r"(?:prev_|init(?:ial)?_|last_)?(?:hidden|hiddens|hx|states?|h_?0|h|c_?0|c|hc|cell|rnn_state|hidden_state|memory_state)(?:_state|_0)?"
)


def states(name: str, evidence: Evidence) -> Node | None:
    """The state that an argument of this name is; None where the name or the model says otherwise.

    Args:
        name: of the argument.
        evidence: with the model's recurrent layers.
    """
    layer = next((each for each in evidence.layers if each.states[0]), None)
    if layer is None or not _STATE.fullmatch(name.lower()):
        return None
    count, rows, size = layer.states
    dims: tuple[Dim, ...] = ("batch", size) if not rows else (rows, "batch", size)
    slot = Slot("float32", dims, why=f"a state of {layer.name}", sure=True)
    single = count == 1 or re.fullmatch(r".*(?:0|^h|^c|h|c|cell)", name.lower()) is not None
    return slot if single else Box("tuple", tuple((index, slot) for index in range(count)))
