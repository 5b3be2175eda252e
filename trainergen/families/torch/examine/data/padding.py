"""Which share of the sequences is padding: equal entries at their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .....inspection.batch_spec import BATCH, Path
from .....inspection.examination import Examined, Finding
from .....lab.batch_form import live_leaves

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "measuring padding"
ORDER = 330
NEEDS = "data"
GROUP = "data"

WASTEFUL = 0.5
"""Share of padding from which most of the computing goes into it."""

VISIBLE = 0.05


def examine(specimen: Specimen) -> Examined:
    """Measure runs of equal entries at the ends of rows.

    Of integer inputs [batch, length] those of the entry that most rows end with; of floating inputs [batch, length,
    features] those of zeros.
    """
    axes = {path: axis for path, axis in specimen.axes(BATCH) if path in specimen.inputs}
    found: list[Finding] = []
    rows = []
    for path, axis in axes.items():
        tensors = [_part(batch, path) for batch in specimen.stream()]
        sequences = [each for each in tensors if each is not None and axis == 0 and _is_sequence(each)]
        if not sequences:
            continue
        row = _measure(specimen.names[path], sequences)
        if row is not None:
            rows.append(row)
            found.append(_judge(row))
    return Examined(tuple(found), {"rows": rows})


def _part(batch: Any, path: Path) -> torch.Tensor | None:
    return next((leaf for where, leaf in live_leaves(batch) if where == path and isinstance(leaf, torch.Tensor)), None)


def _is_sequence(tensor: torch.Tensor) -> bool:
    integral = not tensor.is_floating_point() and tensor.dtype != torch.bool and tensor.dim() == 2
    return tensor.shape[1:2] > (2,) and (integral or (tensor.is_floating_point() and tensor.dim() == 3))


def _measure(name: str, sequences: list[torch.Tensor]) -> dict[str, Any] | None:
    """The share of padding; None where nothing at the ends looks like it."""
    integral = not sequences[0].is_floating_point()
    entry: int | None = None
    if integral:
        ends = torch.cat([each[:, -1] for each in sequences])
        values, counts = torch.unique(ends, return_counts=True)
        entry = int(values[counts.argmax()])
    lengths: list[int] = []
    padded = total = 0
    for each in sequences:
        is_padding = torch.eq(each, entry or 0) if integral else (each == 0).all(dim=2)
        run = is_padding.flip(1).long().cumprod(dim=1).sum(dim=1)
        run = torch.where(run >= 2, run, torch.zeros_like(run))  # one equal entry may be a word
        padded += int(run.sum())
        total += int(each.shape[0] * each.shape[1])
        lengths += [int(each.shape[1] - length) for length in run]
    if not padded:
        return None
    return {"part": name, "entry": entry, "share": padded / total, "lengths": lengths[:2000]}


def _judge(row: dict[str, Any]) -> Finding:
    share = row["share"]
    what = f"entry {row['entry']}" if row["entry"] is not None else "rows of zeros"
    lengths = sorted(row["lengths"])
    middle = lengths[len(lengths) // 2]
    evidence = f"{share:.1%} of all positions are {what} at the end; median length {middle}, longest {lengths[-1]}"
    numbers = {"share": round(share, 4), "entry": row["entry"], "median": middle, "longest": lengths[-1]}
    if share >= WASTEFUL:
        advice = "batch samples of like length and pad to the longest of the batch; mask padding in loss and attention"
        return Finding("data.padding", "warn", row["part"], evidence, advice, numbers)
    if share >= VISIBLE:
        advice = "mask it in the loss (ignore_index) and in attention, and leave it out of means over the length"
        return Finding("data.padding", "note", row["part"], evidence, advice, numbers)
    return Finding("data.padding", "ok", row["part"], evidence, "mask it in the loss all the same", numbers)
