"""Whether a place of a sequence sees those after it: another id at one place, and where the output changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ...inspection.batch_spec import Path
from ...lab.batch_form import live_leaves, map_leaves, part
from .facts import Feeding, OutputFacts, TokenOrder
from .measure_call import Subject

SHORTEST = 4
"""Places that a sequence needs: two before the changed one, one after it."""

LEAK = 1e-3
"""An influence of later places below this share of that of earlier ones is rounding: convolutions by FFT have some."""


def token_orders(
    subject: Subject, feeding: Feeding, inputs: Sequence[Path], output: Sequence[OutputFacts]
) -> tuple[TokenOrder, ...]:
    """For every input of ids [batch, length] and the first output with a row a place: what the rows before it see.

    The last id but one is changed in every sample, in eval mode; a row after it that changes and a row before it that
    does not are the marks of a causal model.

    Args:
        subject: the model and its batch; every run starts from its snapshot.
        feeding: how the batch goes in.
        inputs: leaves that go in.
        output: what forward returned.

    Returns:
        None for an input whose ids can't be changed, that has no row a place, or that shows no influence from one place
        to another; nothing where two runs on the same batch differ.
    """
    sequences = [(path, ids) for path in inputs if _is_sequence(ids := part(subject.batch, path))]
    rows = {path: next((each.path for each in output if _has_rows(each, ids)), None) for path, ids in sequences}
    if not any(where is not None for where in rows.values()):
        return ()
    training = subject.model.training
    subject.model.eval()
    try:
        plain = _outputs(subject, feeding, subject.batch)
        again = _outputs(subject, feeding, subject.batch)
        found = []
        for path, ids in sequences:
            where = rows[path]
            if where is None or where not in plain or not torch.equal(plain[where], again[where]):
                continue
            changed = _outputs(subject, feeding, _changed(subject.batch, path, ids)).get(where)
            causal = _sees_nothing_later(plain[where], changed)
            if causal is not None:
                found.append(TokenOrder(path, where, causal))
        return tuple(found)
    except Exception:  # a value that only this batch's ids lead to: nothing can be said
        return ()
    finally:
        subject.snapshot.restore()
        subject.model.train(training)


def _is_sequence(value: Any) -> bool:
    if not isinstance(value, torch.Tensor) or value.dtype not in (torch.int64, torch.int32) or value.dim() != 2:
        return False
    return value.shape[1] >= SHORTEST and bool(value.max() > value.min())


def _has_rows(output: OutputFacts, ids: torch.Tensor) -> bool:
    """[batch, length, columns], floating."""
    return (
        len(output.sizes) == 3 and output.sizes[:2] == tuple(ids.shape) and output.dtype.startswith(("float", "bfloat"))
    )


def _changed(batch: Any, path: Path, ids: torch.Tensor) -> Any:
    """The batch with another id, of those that occur, at the last place but one of the sequence at `path`."""
    low, high = torch.aminmax(ids)
    changed = ids.clone()
    changed[:, -2] = low + (ids[:, -2] - low + 1) % (high - low + 1)
    return map_leaves(batch, lambda where, value: changed if where == path else value)


def _outputs(subject: Subject, feeding: Feeding, batch: Any) -> dict[Path, torch.Tensor]:
    with torch.no_grad():
        found = live_leaves(subject.run(feeding, batch))
        return {path: value.detach().double() for path, value in found if isinstance(value, torch.Tensor)}


def _sees_nothing_later(plain: torch.Tensor, changed: torch.Tensor | None) -> bool | None:
    """True where rows after the changed place differ and rows before it don't; None where neither do."""
    if changed is None or changed.shape != plain.shape:
        return None
    difference = (changed - plain).abs()
    before, after = float(difference[:, :-2].max()), float(difference[:, -1:].max())
    if not (before > 0 or after > 0):
        return None
    return before <= LEAK * after
