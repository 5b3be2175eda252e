"""The probes that take too long for every `new`: many steps, and a step made of several batches."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch

from ...runtime.probes import accumulation, memory
from ...runtime.probes.refusals import part_of, with_part
from ...runtime.probes.session import Measurement, unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ...lab.verdict import Bench
    from ...runtime.probes.session import Session
    from .proof import Rehearsal

MEMORY, ACCUMULATION = 4, 5
"""Numbers of the sessions; the proof has those below."""


def endure(rehearsal: Rehearsal, config: Any, open_session: Callable[[Any, int], Session], bench: Bench) -> None:
    """Take them.

    Args:
        rehearsal: the control run.
        config: the trainer's settings.
        open_session: a new trainer with settings and by number.
        bench: takes the verdicts.

    Raises:
        Broken: the trainer raised.
    """
    batch, seed = rehearsal.batches[0], rehearsal.seed
    # The steps of a model that remembers are the model's own: what grows in the bare loop too is said of it.
    known = memory.measure(rehearsal.control, batch, seed=seed)
    session = bench.attempt("memory", lambda: open_session(config, MEMORY))
    bench.judge(bench.attempt("memory", lambda: memory.measure(session, batch, seed=seed)), known)
    bench.judge(bench.attempt("accumulation", lambda: _accumulated(rehearsal, config, open_session)))


def _accumulated(rehearsal: Rehearsal, config: Any, open_session: Callable[[Any, int], Session]) -> Measurement:
    parts = split(rehearsal.batches[0], rehearsal.request.get("checks", ()))
    if parts is None:
        return unmeasured(accumulation.NAME, "the batch can't be parted by samples: not measured")
    if not (dataclasses.is_dataclass(config) and hasattr(config, "accumulation_steps")):
        return unmeasured(accumulation.NAME, "the trainer has no setting for accumulation: not measured")
    if not rehearsal.repeatable:
        return unmeasured(accumulation.NAME, "the same weights and seed give the model another loss: not compared")
    settings: Any = dataclasses.replace(config, accumulation_steps=len(parts))  # type: ignore[type-var]
    session = open_session(settings, ACCUMULATION)
    if getattr(getattr(session, "trainer", None), "manual_step", False):
        return unmeasured(accumulation.NAME, "the trainer steps itself: not measured")
    session.model.load_state_dict(rehearsal.weights)
    control = rehearsal.control

    def right(batch: Any) -> Mapping[str, torch.Tensor | None]:
        control.model.load_state_dict(rehearsal.weights)
        return control.gradients(batch)[1]

    return accumulation.measure(session, rehearsal.batches[0], parts, right, seed=rehearsal.seed)


def split(batch: Any, demands: Sequence[Mapping[str, Any]]) -> list[tuple[Any, int]] | None:
    """A batch in two parts of different sizes, each with its number of samples; None where it has fewer than three.

    Args:
        batch: as the trainer gets it.
        demands: of `refusals`: which parts have samples along their first dimension.
    """
    paths = [each["path"] for each in demands if each["dims"] and each["dims"][0] == "batch"]
    sizes = {len(part) for path in paths if isinstance(part := part_of(batch, path), torch.Tensor)}
    if len(sizes) != 1 or len(paths) != len(demands):
        return None
    (size,) = sizes
    if size < 3:
        return None
    first, second = batch, batch
    cut = size - max(1, size // 4)
    for path in paths:
        part = part_of(batch, path)
        first, second = with_part(first, path, part[:cut]), with_part(second, path, part[cut:])
    return [(first, cut), (second, size - cut)]
