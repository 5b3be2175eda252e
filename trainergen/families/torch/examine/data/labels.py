"""The target: which classes occur and how often, their range against the output, the spread of a regression target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .....inspection.examination import Examined, Finding
from .....lab.batch_form import live_leaves

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..specimen import Specimen

DOING = "counting classes"
ORDER = 310
NEEDS = "data"
GROUP = "data"

IMBALANCED = 10.0
"""Most frequent over rarest class. The larger it is the more it harms, and resampling helps (Buda et al. 2018, A systematic
study of the class imbalance problem); from where on to say so is our judgement."""

IGNORED = -100
"""``ignore_index`` of cross-entropy."""

FEW = 3
"""Samples a class, on average, below which nothing is said of balance."""


def examine(specimen: Specimen) -> Examined:
    """The target that the objective compares with, over all batches read."""
    objective = specimen.objective
    if objective is None or objective["target"] is None:
        return Examined()
    path = tuple(objective["target"])
    if path in specimen.inputs:
        return Examined()
    values = [
        leaf.detach().flatten()
        for batch in specimen.stream()
        for where, leaf in live_leaves(batch)
        if where == path and isinstance(leaf, torch.Tensor) and leaf.layout == torch.strided
    ]
    if not values:
        return Examined()
    flat = torch.cat(values)
    name = specimen.names[path]
    if objective["task"] in ("multi-class", "binary") and bool((flat.double() == flat.double().round()).all()):
        return _classes(flat.long(), objective, name)
    if objective["task"] == "multi-label":
        return _columns(specimen, path, name)
    return _numbers(flat.double(), name)


def _classes(flat: torch.Tensor, objective: Mapping[str, Any], name: str) -> Examined:
    classes = int(objective.get("classes") or 2)
    ignored = int((flat == IGNORED).sum())
    kept = flat[flat != IGNORED]
    labels, counts = torch.unique(kept, return_counts=True)
    table = {int(label): int(count) for label, count in zip(labels, counts, strict=True)}
    facts = {
        "target": name,
        "classes": classes,
        "counts": [{"class": label, "count": count} for label, count in table.items()][:200],
        "ignored": ignored,
    }
    outside = {label: count for label, count in table.items() if not 0 <= label < classes}
    if outside:
        first = next(iter(outside))
        evidence = f"{sum(outside.values())} labels lie outside 0 to {classes - 1}, such as {first}"
        advice = "map labels to 0, 1, ...; widen the head; or use ignore_index -100 for what is not to count"
        return Examined((Finding("labels.range", "fail", name, evidence, advice, {"outside": len(outside)}),), facts)
    if len(table) < 2:
        evidence = f"one class alone in {kept.numel()} labels"
        advice = "shuffle the loader, and check how the labels are made"
        return Examined((Finding("labels.one-class", "fail", name, evidence, advice, {"classes": 1}),), facts)
    return Examined(tuple(_balance(table, classes, name)), facts)


def _balance(table: dict[int, int], classes: int, name: str) -> list[Finding]:
    total = sum(table.values())
    ratio = max(table.values()) / min(table.values())
    missing = [label for label in range(classes) if label not in table]
    numbers: dict[str, Any] = {"ratio": round(ratio, 4), "missing": len(missing), "labels": total}
    most, least = max(table, key=lambda each: table[each]), min(table, key=lambda each: table[each])
    said = f"class {most} {table[most] / total:.1%}, class {least} {table[least] / total:.1%} of {total}"
    found = []
    if total >= FEW * classes and ratio > IMBALANCED:
        weights = f"{total / (classes * table[least]):.3g} for class {least}"
        advice = f"watch macro F1, not accuracy; weigh the loss by total/(classes*count), {weights}, or resample"
        found.append(Finding("labels.imbalance", "warn", name, f"{said}: {ratio:.3g} to 1", advice, numbers))
    if missing and total >= 2 * FEW * classes:
        shown = ", ".join(str(each) for each in missing[:5]) + (", ..." if len(missing) > 5 else "")
        evidence = f"{len(missing)} of {classes} classes do not occur in {total} labels ({shown})"
        advice = "check split and shuffling; a head without these classes trains the same"
        found.append(Finding("labels.missing", "note", name, evidence, advice, numbers))
    if not found:
        advice = f"a classifier that always says class {most} has accuracy {table[most] / total:.1%}: beat that first"
        found.append(Finding("labels.balance", "ok", name, f"{said} in {len(table)} classes", advice, numbers))
    return found


def _columns(specimen: Specimen, path: tuple[str | int, ...], name: str) -> Examined:
    rows = [
        leaf.detach().double().flatten(0, -2)
        for batch in specimen.stream()
        for where, leaf in live_leaves(batch)
        if where == path and isinstance(leaf, torch.Tensor) and leaf.dim() >= 2
    ]
    if not rows:
        return Examined()
    table = torch.cat(rows)
    shares = table.mean(dim=0)
    facts = {
        "target": name,
        "classes": len(shares),
        "counts": [{"class": index, "count": int(count)} for index, count in enumerate(table.sum(dim=0))][:200],
    }
    silent = [index for index, share in enumerate(shares) if share in (0.0, 1.0)]
    numbers = {"labels": len(shares), "constant": len(silent)}
    if silent:
        evidence = f"{len(silent)} of {len(shares)} labels never change in {len(table)} samples (first: {silent[0]})"
        advice = "leave them out of the mean metric, or get samples for them"
        return Examined((Finding("labels.missing", "note", name, evidence, advice, numbers),), facts)
    low = float(shares.min())
    evidence = f"{len(shares)} labels, on in {low:.1%} to {float(shares.max()):.1%} of {len(table)} samples"
    if low < 1 / (1 + IMBALANCED):
        advice = f"give the loss pos_weight = negatives/positives, {(1 - low) / low:.3g} for the rarest"
        return Examined((Finding("labels.imbalance", "warn", name, evidence, advice, numbers),), facts)
    advice = "watch F1 a label; the threshold of each may be tuned on validation data"
    return Examined((Finding("labels.balance", "ok", name, evidence, advice, numbers),), facts)


def _numbers(flat: torch.Tensor, name: str) -> Examined:
    finite = flat[torch.isfinite(flat)]
    if not finite.numel():
        return Examined()
    mean, std = float(finite.mean()), float(finite.std(unbiased=False))
    low, high = float(finite.min()), float(finite.max())
    counts = torch.histc(finite, 24, low, high) if high > low else torch.tensor([float(finite.numel())])
    facts = {"target": name, "histogram": {"low": low, "high": high, "counts": [int(count) for count in counts]}}
    numbers = {"mean": mean, "std": std, "low": low, "high": high}
    evidence = f"from {low:.4g} to {high:.4g}, mean {mean:.4g}, std {std:.4g}"
    if std == 0.0:
        advice = "check how the target is made: there is nothing to learn"
        return Examined((Finding("labels.constant", "fail", name, "every target is the same", advice, numbers),), facts)
    if max(abs(low), abs(high)) > 100.0 or abs(mean) > 10.0 * std:
        advice = f"predict (target - {mean:.4g}) / {std:.4g}, and undo it in metrics"
        return Examined((Finding("labels.not-scaled", "warn", name, evidence, advice, numbers),), facts)
    advice = f"predicting the mean has a root mean square error of {std:.4g}: beat that first"
    return Examined((Finding("labels.spread", "ok", name, evidence, advice, numbers),), facts)
