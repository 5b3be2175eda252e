"""Shapes, dtypes and values of every part of the batch over several batches: what is missing, constant or badly scaled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from .....inspection.batch_spec import Path, spell_path
from .....inspection.examination import Examined, Finding
from .....lab.batch_form import live_leaves

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "reading batches"
ORDER = 300
NEEDS = "data"
GROUP = "data"

CENTRED = 3.0
WIDE = 20.0
"""Mean in standard deviations, and the largest magnitude, from which floating inputs count as not normalised: networks learn
fastest on inputs of mean zero and variance one (LeCun et al. 1998, Efficient BackProp, 4.3)."""

UNEVEN = 100.0
"""Largest over smallest spread of the features of a table."""

BINS = 24


def examine(specimen: Specimen) -> Examined:
    """One row a part of the batch; channels are the second dimension, of tables the features."""
    batches = specimen.stream()
    parts: dict[Path, list[torch.Tensor]] = {}
    other: dict[Path, str] = {}
    for batch in batches:
        for path, leaf in live_leaves(batch):
            if isinstance(leaf, torch.Tensor) and leaf.layout == torch.strided and not leaf.is_complex():
                parts.setdefault(path, []).append(leaf.detach())
            else:
                other.setdefault(path, type(leaf).__name__)
    rows = [_row(_name(specimen, path), found, path in specimen.inputs) for path, found in parts.items()]
    rows += [
        {"part": _name(specimen, path), "dtype": kind, "shapes": [], "input": False} for path, kind in other.items()
    ]
    found = [*_not_finite(rows), *_constant(rows), *_scaled(rows), *_ragged(rows), *_mixed(rows)]
    samples = sum(_samples(specimen, batch) for batch in batches)
    if not any(each.severity in ("warn", "fail") for each in found):
        said = f"{samples} samples in {len(batches)} batches: finite, none constant, scaled"
        found.append(Finding("data.values", "ok", "values", said, "train on it as it is", {"samples": samples}))
    return Examined(tuple(found), {"rows": rows, "batches": len(batches), "samples": samples})


def _samples(specimen: Specimen, batch: Any) -> int:
    for path, axis in specimen.axes("batch"):
        for where, leaf in live_leaves(batch):
            if where == path and isinstance(leaf, torch.Tensor):
                return int(leaf.shape[axis])
    return 0


def _name(specimen: Specimen, path: Path) -> str:
    return specimen.names.get(path, spell_path(path))  # a later batch may have parts that the first had not


def _row(name: str, found: list[torch.Tensor], fed: bool) -> dict[str, Any]:
    shapes = sorted({tuple(each.shape) for each in found})
    row: dict[str, Any] = {
        "part": name,
        "input": fed,
        "dtype": "+".join(sorted({str(each.dtype).removeprefix("torch.") for each in found})),
        "shapes": [list(each) for each in shapes[:8]],
        "ragged": [
            axis for axis in range(1, len(shapes[0])) if len({each[axis] for each in shapes if len(each) > axis}) > 1
        ],
        "floating": found[0].is_floating_point(),
    }
    flat = torch.cat([each.flatten().double() for each in found]) if found else torch.zeros(0)
    finite = flat[torch.isfinite(flat)]
    row |= {"values": flat.numel(), "nan": int(flat.isnan().sum()), "inf": int(torch.isinf(flat).sum())}
    row["batches_with_nan"] = sum(
        1 for each in found if each.is_floating_point() and not bool(torch.isfinite(each).all())
    )
    if finite.numel():
        low, high = float(finite.min()), float(finite.max())
        counts = torch.histc(finite, BINS, low, high) if high > low else torch.tensor([float(finite.numel())])
        row |= {"low": low, "high": high, "mean": float(finite.mean()), "std": float(finite.std(unbiased=False))}
        row["histogram"] = {"low": low, "high": high, "counts": [int(count) for count in counts]}
    row["channels"] = _channels(found) if fed and found[0].is_floating_point() else []
    return row


def _channels(found: list[torch.Tensor]) -> list[dict[str, float]]:
    """Mean and spread of each feature of a table, or of each channel; [] where the sizes differ or are many."""
    rank, width = found[0].dim(), found[0].shape[1] if found[0].dim() > 1 else 0
    if rank < 2 or not 0 < width <= 4096 or any(each.dim() != rank or each.shape[1] != width for each in found):
        return []
    flat = torch.cat([each.transpose(0, 1).flatten(1).double() for each in found], dim=1)
    if flat.shape[1] < 2:
        return []
    rows = []
    for channel in flat:
        kept = channel[torch.isfinite(channel)]
        if kept.numel():
            rows.append({"mean": float(kept.mean()), "std": float(kept.std(unbiased=False))})
        else:
            rows.append({"mean": math.nan, "std": math.nan})
    return rows


def _not_finite(rows: list[dict[str, Any]]) -> list[Finding]:
    found = []
    for row in rows:
        count = row.get("nan", 0) + row.get("inf", 0)
        if count:
            batches = "1 batch" if row["batches_with_nan"] == 1 else f"{row['batches_with_nan']} batches"
            evidence = f"{row['nan']} NaN and {row['inf']} infinite of {row['values']:,} values, in {batches}"
            advice = "find the samples (torch.isfinite in __getitem__), then drop, clip or impute them before batching"
            numbers = {"nan": row["nan"], "inf": row["inf"], "values": row["values"]}
            found.append(Finding("data.not-finite", "fail", row["part"], evidence, advice, numbers))
    return found


def _constant(rows: list[dict[str, Any]]) -> list[Finding]:
    found = []
    for row in rows:
        if not row["input"] or not row.get("floating"):
            continue
        flat = [number for number, each in enumerate(row["channels"]) if each["std"] == 0.0]
        whole = row.get("std") == 0.0
        if whole or (flat and len(row["channels"]) > 1):
            which = "every value" if whole else f"{len(flat)} of {len(row['channels'])} features ({_some(flat)})"
            evidence = f"{which} is the same in all samples read"
            advice = "leave it out: it teaches nothing, and divides by zero when it is standardised"
            numbers = {"constant": len(flat), "features": len(row["channels"]), "first": flat[0] if flat else None}
            found.append(Finding("data.constant", "warn", row["part"], evidence, advice, numbers))
    return found


def _some(numbers: list[int]) -> str:
    return ", ".join(str(number) for number in numbers[:5]) + (", ..." if len(numbers) > 5 else "")


def _scaled(rows: list[dict[str, Any]]) -> list[Finding]:
    found = []
    for row in rows:
        if not row["input"] or not row.get("floating") or not row.get("std"):
            continue
        largest = max(abs(row["low"]), abs(row["high"]))
        offset = abs(row["mean"]) / row["std"]
        numbers = {key: row[key] for key in ("low", "high", "mean", "std")}
        evidence = f"values from {row['low']:.4g} to {row['high']:.4g}, mean {row['mean']:.4g}, std {row['std']:.4g}"
        spreads = [each["std"] for each in row["channels"] if each["std"] > 0]
        if largest > WIDE or offset > CENTRED:
            advice = f"subtract {row['mean']:.4g} and divide by {row['std']:.4g} (of the training split, by channel)"
            found.append(Finding("data.not-normalised", "warn", row["part"], evidence, advice, numbers))
        elif len(spreads) > 1 and max(spreads) > UNEVEN * min(spreads):
            evidence = f"the spread of its features goes from {min(spreads):.3g} to {max(spreads):.3g}"
            advice = "standardise each feature by the mean and std of the training split"
            found.append(Finding("data.uneven", "warn", row["part"], evidence, advice, numbers))
        else:
            advice = "keep the normalisation in one place, and use the same numbers for validation"
            found.append(Finding("data.scale", "ok", row["part"], evidence, advice, numbers))
    return found


def _ragged(rows: list[dict[str, Any]]) -> list[Finding]:
    found = []
    for row in rows:
        if row.get("ragged"):
            axis = row["ragged"][0]
            sizes = sorted({shape[axis] for shape in row["shapes"]})
            evidence = f"dimension {axis} has sizes {_some(sizes)} from batch to batch"
            advice = "sort samples by length into buckets; pad to the longest of the batch, not of the data set"
            numbers = {"axis": axis, "least": sizes[0], "most": sizes[-1]}
            found.append(Finding("data.ragged", "note", row["part"], evidence, advice, numbers))
    return found


def _mixed(rows: list[dict[str, Any]]) -> list[Finding]:
    mixed = [row for row in rows if "+" in row["dtype"]]
    doubles = [row for row in rows if row["dtype"] == "float64" and row["input"]]
    found = []
    if mixed:
        evidence = f"{mixed[0]['dtype']} from batch to batch"
        advice = "cast once in the data set"
        found.append(Finding("data.mixed-dtype", "warn", mixed[0]["part"], evidence, advice))
    if doubles:
        evidence = "float64: twice the memory, and most models refuse it"
        advice = "cast to float32 in the data set (numpy's default is float64)"
        found.append(Finding("data.float64", "note", doubles[0]["part"], evidence, advice))
    return found
