"""How fast the loader gives samples, as it is configured, and its share of a training step."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from .....inspection.batch_spec import BATCH
from .....inspection.examination import Examined, Finding
from .....lab.batch_form import live_leaves
from .....lab.frames import user_code
from .....lab.loaders import training_loader

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "timing the loader"
ORDER = 350
NEEDS = "loader"
GROUP = "timing"

BATCHES = 20
STEPS = 5
ENOUGH = 3.0
"""Seconds of reading after which no further batch is waited for."""

HALF = 0.5
"""Share of the loader in a step that waits for it, from which the device idles more than it works."""


def examine(specimen: Specimen) -> Examined:
    """Seconds a batch after the first, which starts workers and opens files; a step on the lab's device."""
    loader, _ = training_loader(specimen.request["loader"], specimen.context)
    began = time.perf_counter()
    times: list[float] = []
    samples = 0
    with user_code(specimen.context, "iterating the loader"):
        iterator = iter(loader)
        last = time.perf_counter()
        first = 0.0
        for number in range(BATCHES):
            batch = next(iterator, None)
            now = time.perf_counter()
            if batch is None:
                break
            if number == 0:
                first = now - last
            else:
                times.append(now - last)
                samples += _count(specimen, batch)
            last = now
            if now - began > ENOUGH:
                break
    del iterator  # ends the workers
    if not times:
        return Examined((), {"first": first})
    loading = median(times)
    step = _step(specimen)
    share = loading / (loading + step)
    workers = loader.num_workers if isinstance(loader, DataLoader) else 0
    rate = samples / max(sum(times), 1e-9)
    facts: dict[str, Any] = {
        "first": first,
        "batch": loading,
        "step": step,
        "share": share,
        "samples_a_second": rate,
        "workers": workers,
    }
    return Examined((_judge(facts, specimen.device.type),), facts)


def _count(specimen: Specimen, batch: Any) -> int:
    axes = dict(specimen.axes(BATCH))
    sizes = [
        int(leaf.shape[axes[path]])
        for path, leaf in live_leaves(batch)
        if path in axes and isinstance(leaf, torch.Tensor)
    ]
    return sizes[0] if sizes else 0


def _step(specimen: Specimen) -> float:
    """Median seconds of a training step, the first left out."""
    model = specimen.build()
    seconds = []
    session = specimen.session(model) if specimen.objective is not None else None
    for number in range(STEPS):
        batch = specimen.batch(number)
        began = time.perf_counter()
        if session is not None:
            session.step(batch)
        else:
            specimen.loss(model, batch).backward()  # type: ignore[no-untyped-call]
        if specimen.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return median(seconds[1:])


def _judge(facts: dict[str, Any], device: str) -> Finding:
    share = facts["share"]
    evidence = (
        f"{facts['samples_a_second']:.4g} samples/s with {facts['workers']} workers; {facts['batch'] * 1e3:.3g} ms a batch, "
        f"{share:.0%} of a step on {device}"
    )
    numbers = {key: round(facts[key], 6) for key in ("samples_a_second", "batch", "step", "share")}
    if share > HALF:
        advice = "set num_workers to 2 or more with persistent_workers=True, or keep decoded samples in memory"
        return Finding("loader.slow", "warn", "loader", evidence, advice, numbers)
    advice = "keep it; time it again on the device that trains, whose steps are shorter"
    return Finding("loader.speed", "ok", "loader", evidence, advice, numbers)
