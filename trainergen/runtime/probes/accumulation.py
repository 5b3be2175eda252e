"""Is a step on several batches the step on all of them in one?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import gradients
from .session import Fault, Measurement, unmeasured
from .walk import fresh, seed_everything, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch

    from .session import Session

NAME = "accumulation"


class _Steps:
    """A session whose step is a window of parts, whatever batch it is given."""

    def __init__(self, session: Session, window: Callable[[Sequence[Any]], float | None], parts: Sequence[Any]) -> None:
        self.model = session.model
        self.optimizer = session.optimizer
        self._window = window
        self._parts = parts

    def step(self, _batch: Any) -> float | None:
        return self._window(fresh(self._parts))


def measure(
    session: Session,
    batch: Any,
    parts: Sequence[tuple[Any, int]],
    right: Callable[[Any], Mapping[str, torch.Tensor | None]],
    *,
    seed: int,
) -> Measurement:
    """Compare the gradients that the optimizer sees with those of the whole batch.

    Args:
        session: opened with as many accumulation steps as there are parts.
        batch: the whole one.
        parts: it in parts of different sizes, with their numbers of samples.
        right: a bare backward pass at the session's weights.
        seed: of the step.
    """
    window = getattr(session, "window", None)
    if window is None:
        return unmeasured(NAME, "the trainer has no window of batches to step on: not measured")
    whole = _seeded(right, batch, seed)
    total = sum(size for _, size in parts)
    mean: dict[str, torch.Tensor | None] = dict.fromkeys(whole)
    for part, size in parts:
        for name, value in _seeded(right, part, seed).items():
            if value is not None:
                before = mean[name]
                mean[name] = value * (size / total) if before is None else before + value * (size / total)
    if gradients.compare(mean, whole, clip_norm=None):
        title = "the model's loss of a batch is not the mean over its samples: nothing to compare accumulation with"
        return unmeasured(NAME, title)
    faults: list[Fault] = []

    def compare(_: int, found: dict[str, torch.Tensor | None]) -> None:
        if not faults and gradients.compare(found, whole, clip_norm=session.clip_norm):
            norms = gradients.total_norm(found), gradients.total_norm(whole)
            sizes = " and ".join(str(size) for _, size in parts)
            text = (
                f"accumulated over batches of {sizes} samples the step is not that of one batch of {total}:"
                f" |grad| {norms[0]:.4g}, expected {norms[1]:.4g}"
            )
            hint = "weigh each batch by its samples (_batch_weight), and leave scaling and stepping to the base's loop"
            faults.append(Fault("gradient", "", text, hint))

    steps: Any = _Steps(session, window, [part for part, _ in parts])
    taken = walk(steps, [batch], seed=seed, observe=compare)
    if not taken.gradients:
        return unmeasured(NAME, "the optimizer computes its gradients in a closure: not measured")
    title = f"{len(parts)} batches accumulated make the step of one" if not faults else faults[0].text
    return Measurement(NAME, title, tuple(faults))


def _seeded(
    right: Callable[[Any], Mapping[str, torch.Tensor | None]], batch: Any, seed: int
) -> dict[str, torch.Tensor | None]:
    seed_everything(seed)
    return {name: None if value is None else value.clone() for name, value in right(fresh(batch)).items()}
