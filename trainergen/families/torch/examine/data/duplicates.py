"""Samples that occur twice among those read, and equal inputs with different targets."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import torch

from .....inspection.batch_spec import BATCH, Path
from .....inspection.examination import Examined, Finding
from .....lab.batch_form import live_leaves

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "looking for duplicates"
ORDER = 320
NEEDS = "data"
GROUP = "data"

MANY = 0.01
"""Share from which duplicates are worth a warning: Barz and Denzler (2020) found 3 to 10 % of the test images of CIFAR among
the training images, nearly the same."""


def examine(specimen: Specimen) -> Examined:
    """By a hash of each sample's inputs, bit by bit; an epoch that is over is not begun again."""
    axes = dict(specimen.axes(BATCH))
    inputs = {path: axis for path, axis in axes.items() if path in specimen.inputs}
    targets = {path: axis for path, axis in axes.items() if path not in specimen.inputs}
    if not inputs:
        return Examined()
    seen: dict[bytes, bytes] = {}
    samples = doubles = conflicts = 0
    for batch in specimen.stream():
        keys, answers = _digests(batch, inputs), _digests(batch, targets)
        for index, key in enumerate(keys):
            answer = answers[index] if index < len(answers) else b""
            samples += 1
            if key in seen:
                doubles += 1
                conflicts += answer != seen[key]
            else:
                seen[key] = answer
    return Examined(tuple(_judge(samples, doubles, conflicts)), {"samples": samples, "duplicates": doubles})


def _digests(batch: Any, axes: dict[Path, int]) -> list[bytes]:
    """One digest a sample over the parts at `axes`; parts that are no tensors of whole samples are left out."""
    found: list[Any] = []
    for path, leaf in live_leaves(batch):
        if path not in axes or not isinstance(leaf, torch.Tensor) or leaf.layout != torch.strided:
            continue
        rows = leaf.detach().movedim(axes[path], 0).contiguous()
        found = found or [hashlib.blake2b(digest_size=16) for _ in range(len(rows))]
        for digest, row in zip(found, rows, strict=False):
            digest.update(row.reshape(-1).view(torch.uint8).numpy().tobytes() if _has_numpy() else _raw(row))
    return [digest.digest() for digest in found]


def _has_numpy() -> bool:
    try:
        torch.zeros(1).numpy()
    except RuntimeError:
        return False
    return True


def _raw(row: torch.Tensor) -> bytes:
    return bytes(row.reshape(-1).view(torch.uint8).tolist())


def _judge(samples: int, doubles: int, conflicts: int) -> list[Finding]:
    numbers = {"samples": samples, "duplicates": doubles, "conflicts": conflicts}
    if conflicts:
        evidence = f"{conflicts} of {samples} samples repeat an input with another target"
        advice = "settle the label of each, or report the share as the error that no model can go below"
        return [Finding("data.conflict", "warn", "duplicates", evidence, advice, numbers)]
    if doubles:
        evidence = f"{doubles} of {samples} samples read are exact copies ({doubles / samples:.1%})"
        advice = "remove copies before the split: one on each side of it flatters validation"
        severity = "warn" if doubles / samples >= MANY else "note"
        return [Finding("data.duplicates", severity, "duplicates", evidence, advice, numbers)]  # type: ignore[arg-type]
    advice = "check across the splits too: near copies are not found by a hash"
    return [Finding("data.distinct", "ok", "duplicates", f"none among {samples} samples", advice, numbers)]
