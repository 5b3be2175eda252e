"""Does what the configuration says of the data reach the loaders that a trainer builds, and is validation data held out?

Each is asked of the user's own loaders too, called as ``--loader`` says, before it counts as a fault: what makes no
difference there can't be missed in the trainer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from ..runtime.device import tensors_in
from ..runtime.probes.session import Fault
from .loaders import open_loaders, without_workers
from .protocol import Context, LabProblem

Open = Callable[[Mapping[str, Any]], tuple[Any, Any]]
"""The trainer's training loader and its validation loader or None, with values in its configuration."""

SAMPLES, BYTES = 2048, 1 << 26
"""Read of a loader at most."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a loader gave.

    Attributes:
        shapes: of its first batch's tensors.
        samples: digests, in their order.
    """

    shapes: tuple[tuple[int, ...], ...]
    samples: tuple[bytes, ...]


class _Refused(Exception):
    """A loader can't be opened or read with values that the configuration doesn't have: nothing to compare then."""


def faults(open_own: Open, config: Any, request: Mapping[str, Any], context: Context) -> tuple[Fault, ...]:
    """What doesn't arrive, and validation on what is trained on; nothing of what can't be opened with other values.

    Args:
        open_own: see `Open`.
        config: the trainer's settings, a dataclass.
        request: of `loaders.open_loaders`.
        context: where we are.
    """
    found: list[Fault] = []
    with contextlib.suppress(_Refused):
        found.extend(_faults(open_own, config, request, context))
    return tuple(found)


def _faults(open_own: Open, config: Any, request: Mapping[str, Any], context: Context) -> Iterator[Fault]:
    values = {name: getattr(config, name) for name in ("batch_size", "shuffle", "seed") if hasattr(config, name)}
    size, seed = values.get("batch_size", request["batch_size"]), values.get("seed", request["seed"])
    if not isinstance(size, int) or not isinstance(seed, int) or isinstance(size, bool):
        return
    other = {"batch_size": size // 2 if size > 1 else 2, "seed": seed + 1}
    changed = {name: value for name, value in other.items() if name in values}
    shuffled = {"shuffle": True} if "shuffle" in values else {}
    ordered = {"shuffle": False} if "shuffle" in values else {}

    def bare(**wanted: Any) -> tuple[Seen, Seen | None]:
        try:
            found = open_loaders({**request, "batch_size": size, "seed": seed, **wanted}, context)
        except LabProblem as problem:
            raise _Refused from problem
        return seen(found.train), seen(found.validation) if found.validation else None

    first = _both(open_own, shuffled, 1)
    then = _both(open_own, {**shuffled, **changed}, 1)
    kinds = ("training", "validation")
    for number, kind in enumerate(kinds):
        one, two = first[number], then[number]
        if "batch_size" not in values or one is None or two is None or one.shapes != two.shapes:
            continue
        before, after = bare()[number], bare(**other)[number]
        if before is not None and after is not None and before.shapes != after.shapes:
            text = (
                f"batch_size of the configuration does not reach the {kind} loader: {size} and {changed['batch_size']}"
            )
            text += f" give batches of {', '.join(str(list(shape)) for shape in one.shapes)}"
            yield Fault("setting", f"batch_size {kind}", text, "hand config.batch_size to the loader")
    if "seed" in values and _begin_alike(first[0], then[0]) and not _begin_alike(bare()[0], bare(**other)[0]):
        text = f"seed of the configuration does not reach the training loader: {seed} and {seed + 1} give one order"
        yield Fault("setting", "seed", text, "hand config.seed to the loader")
    training, validation = _both(open_own, ordered, None)
    if "shuffle" in values and _begin_alike(first[0], training) and not _begin_alike(bare()[0], bare(shuffle=False)[0]):
        text = "shuffle of the configuration does not reach the training loader: true and false give one order"
        yield Fault("setting", "shuffle", text, "hand config.shuffle to the loader")
    if validation and training and validation.samples and set(validation.samples) <= set(training.samples):
        here, held_out = bare(shuffle=False)
        if held_out is not None and not set(held_out.samples) & set(here.samples):
            text = (
                f"the {len(set(validation.samples))} samples of the validation loader are those of the training loader:"
            )
            yield Fault("held out", "", f"{text} nothing is held out", "ask the loader for each split by its name")


def _both(open_own: Open, values: Mapping[str, Any], batches: int | None) -> tuple[Seen | None, Seen | None]:
    try:
        training, validation = open_own(values)
        return _read(training, batches), None if validation is None else _read(validation, batches)
    except Exception as error:  # with the values that it has the proof has opened it already
        raise _Refused from error


def _read(loader: Any, batches: int | None) -> Seen:
    return seen(itertools.islice(without_workers(loader), batches))


def seen(batches: Any) -> Seen:
    """Shapes of the first batch, digests of the samples of all, as far as `SAMPLES` and `BYTES` go."""
    shapes: tuple[tuple[int, ...], ...] | None = None
    samples: list[bytes] = []
    size = 0
    for batch in batches:
        tensors = [each.detach().cpu() for each in tensors_in(batch) if each.dim() and each.layout == torch.strided]
        shapes = tuple(tuple(each.shape) for each in tensors) if shapes is None else shapes
        count = len(tensors[0]) if tensors else 0
        rows = [_rows(each) for each in tensors if len(each) == count]
        samples += [hashlib.blake2b(b"".join(row), digest_size=16).digest() for row in zip(*rows, strict=True)]
        size += sum(each.nbytes for each in tensors)
        if len(samples) >= SAMPLES or size >= BYTES:
            break
    return Seen(shapes or (), tuple(samples))


def _rows(tensor: torch.Tensor) -> list[bytes]:
    """The bytes of each entry along the first dimension."""
    if tensor.numel() == 0:
        return [b""] * len(tensor)
    plain = tensor.contiguous().reshape(len(tensor), -1).view(torch.uint8)
    width = plain.shape[1]
    data = bytes(plain.numpy().tobytes()) if _has_numpy() else bytes(plain.flatten().tolist())
    return [data[start : start + width] for start in range(0, len(data), width)]


def _has_numpy() -> bool:
    try:
        import numpy  # noqa: F401
    except ImportError:
        return False
    return True


def _begin_alike(one: Seen | None, two: Seen | None) -> bool:
    """Whether the first sample is the same; a loader that gives none has no order."""
    return one is not None and two is not None and bool(one.samples) and one.samples[:1] == two.samples[:1]
