"""Is a session that loads another's saved state that other session: same evaluation, same next step?"""

from __future__ import annotations

from typing import Any

import torch

from .session import Fault, Measurement, Session
from .walk import fresh, seed_everything

NAME = "round_trip"


def measure(session: Session, other: Session, batch: Any, *, seed: int) -> Measurement:
    """Save `session`, disturb `other`, load into it, let both go on. Both have one step more behind them then."""
    state = session.state()
    expected = _go_on(session, batch, seed)
    _disturb(other)
    other.load_state(state)
    actual = _go_on(other, batch, seed)
    faults = []
    for key in sorted(set(expected) | set(actual)):
        if _spell(expected.get(key)) != _spell(actual.get(key)):
            text = f"after save and load {key} is {actual.get(key)!r}, before it was {expected.get(key)!r}"
            faults.append(Fault("value", key, text, "save and load everything that a step or an evaluation reads"))
    weights = dict(other.model.state_dict())
    for name, value in session.model.state_dict().items():
        if not isinstance(value, torch.Tensor):
            continue
        if name not in weights or not _equal(value, weights[name]):
            faults.append(Fault("weights", name, f"the step after a save and load gives {name} other values"))
    title = "save, load, same output and same next step" if not faults else faults[0].text
    return Measurement(NAME, title, tuple(faults))


def _go_on(session: Session, batch: Any, seed: int) -> dict[str, float | None]:
    seed_everything(seed)
    seen: dict[str, float | None] = {f"evaluation {key}": value for key, value in session.evaluate().items()}
    seed_everything(seed)
    session.model.train()
    seen["the next loss"] = session.step(fresh(batch))
    return seen


def _disturb(session: Session) -> None:
    """Other weights, and an optimizer that remembers nothing: what is not restored shows."""
    with torch.no_grad():
        for value in (*session.model.parameters(), *session.model.buffers()):
            if value.is_floating_point() or value.is_complex():
                value.mul_(0.5).add_(0.25)
    if session.optimizer is not None:
        session.optimizer.state.clear()


def _spell(value: object) -> str:
    return value.hex() if isinstance(value, float) else repr(value)


def _equal(first: torch.Tensor, second: torch.Tensor) -> bool:
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    if first.is_floating_point():
        return torch.equal(torch.nan_to_num(first), torch.nan_to_num(second))
    return torch.equal(first, second)
