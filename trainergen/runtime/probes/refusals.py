"""Does the trainer refuse a batch that can't be right, and say which part of it, with its shape and dtype?"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .session import Fault, Measurement, Session, unmeasured
from .walk import fresh

NAME = "refusals"

Demand = Mapping[str, Any]
"""What a trainer is to demand of one part of a batch: ``path`` (keys and indices), ``variable`` (its name in messages),
``kind`` (``tensor`` or ``strings``), ``dtype`` (exact, or ``floating``, ``integral``), ``dims`` (an integer where the
size is fixed, else a name), ``low``, ``high`` (high is exclusive for integers; None: any value)."""


@dataclass(frozen=True)
class Spoilt:
    """One wrong batch.

    Attributes:
        what: is wrong with it.
        batch: itself.
        says: what the message must say: of each tuple one.
    """

    what: str
    batch: Any
    says: tuple[tuple[str, ...], ...]


def measure(session: Session, batch: Any, demands: Sequence[Demand]) -> Measurement:
    """Ask for the loss of wrong batches: None, without a part, empty, with a part of another type, dtype, rank, size.

    Each must raise a ValueError or TypeError that names the part. `session` is a new one: values are looked at once, in
    the first batch that is right otherwise.
    """
    if not demands:
        return unmeasured(NAME, "nothing is demanded of the batch: not measured")
    faults = []
    count = 0
    for spoilt in _spoilt(fresh(batch), demands):
        count += 1
        text = _accepted(session, spoilt)
        if text is not None:
            hint = "let _validate_batch raise ValueError or TypeError with the key, shape and dtype"
            faults.append(Fault("refusal", spoilt.what, text, hint))
    title = f"{count} wrong batches are refused, by name, shape and dtype" if not faults else faults[0].text
    return Measurement(NAME, title, tuple(faults), {"wrong_batches": count})


def _accepted(session: Session, spoilt: Spoilt) -> str | None:
    """What is wrong with the answer to a wrong batch; None: it is refused."""
    try:
        with torch.no_grad():
            session.loss(spoilt.batch)
    except (TypeError, ValueError) as error:
        missing = [" or ".join(words) for words in spoilt.says if not any(word in str(error) for word in words)]
        if not missing:
            return None
        return f"a batch {spoilt.what}: the {type(error).__name__} does not say {', '.join(missing)}: {_first(error)}"
    except Exception as error:
        return f"a batch {spoilt.what} is not refused: {type(error).__name__}: {_first(error)}"
    return f"a batch {spoilt.what} is not refused"


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:160]


def _spoilt(batch: Any, demands: Sequence[Demand]) -> Iterator[Spoilt]:
    yield Spoilt("that is None", None, (("batch",), ("NoneType", "None")))
    yield from _shortened(batch, demands)
    parts = [(demand, part_of(batch, demand["path"])) for demand in demands]
    tensors = [(demand, part) for demand, part in parts if isinstance(part, torch.Tensor)]
    empty = batch
    for demand, part in tensors:
        if demand["dims"] and demand["dims"][0] == "batch":
            empty = with_part(empty, demand["path"], part[:0])
    if empty is not batch:
        yield Spoilt("without samples", empty, (tuple(demand["variable"] for demand, _ in tensors),))
    for demand in demands:
        if demand["kind"] == "strings":
            yield Spoilt(f"with a number as {_name(demand)}", with_part(batch, demand["path"], 7), ((_name(demand),),))
    for demand, part in tensors:
        path, name = demand["path"], _name(demand)
        yield Spoilt(f"with text as {name}", with_part(batch, path, "text"), ((name,), ("str",)))
        dtype = torch.int32 if part.is_floating_point() else torch.float32
        for what, wrong in (
            (str(dtype).removeprefix("torch."), _like(part.shape, dtype)),
            ("one dimension more", _like((*part.shape, 1), part.dtype)),
            *_other_sizes(demand, part),
        ):
            shape = ", ".join(map(str, wrong.shape))
            kind = str(wrong.dtype).removeprefix("torch.")
            yield Spoilt(f"with {what} in {name}", with_part(batch, path, wrong), ((name,), (shape,), (kind,)))
    for demand, part in tensors:  # last: what passes every other check may be the one batch whose values are looked at
        for value in _out_of_range(demand, part):
            wrong = part.detach().clone()
            wrong.view(-1)[0] = value
            says = ((_name(demand),), (f"{value:g}",))
            yield Spoilt(f"with the value {value:g} in {_name(demand)}", with_part(batch, demand["path"], wrong), says)


def _shortened(batch: Any, demands: Sequence[Demand]) -> Iterator[Spoilt]:
    """One part less: a key of a mapping, the last part of a tuple or list."""
    done = set()
    for demand in demands:
        path = tuple(demand["path"])
        if not path:
            continue
        around, key = part_of(batch, path[:-1]), path[-1]
        if isinstance(around, Mapping):
            less = {name: value for name, value in around.items() if name != key}
            yield Spoilt(f"without {key!r}", with_part(batch, path[:-1], less), ((str(key),),))
        elif type(around) in (tuple, list) and path[:-1] not in done:
            done.add(path[:-1])
            yield Spoilt(
                f"of {len(around) - 1} parts",
                with_part(batch, path[:-1], around[:-1]),
                (("batch",), (str(len(around)),)),
            )


def _other_sizes(demand: Demand, part: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    for axis, dim in enumerate(demand["dims"]):
        if isinstance(dim, int) and axis < part.dim():
            sizes = [size + (here == axis) for here, size in enumerate(part.shape)]
            yield f"{dim + 1} in place of {dim} along dimension {axis}", _like(sizes, part.dtype)


def _out_of_range(demand: Demand, part: torch.Tensor) -> Iterator[float]:
    if part.numel() == 0 or part.dtype == torch.bool or part.is_complex():
        return
    whole = not part.is_floating_point()
    smallest, largest = (torch.iinfo(part.dtype).min, torch.iinfo(part.dtype).max) if whole else (-torch.inf, torch.inf)
    if demand["low"] is not None and demand["low"] - 1 >= smallest:
        yield demand["low"] - 1
    if demand["high"] is not None and demand["high"] + 1 <= largest:
        yield demand["high"] if whole else demand["high"] + 1


def _like(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """Zeros that take no memory."""
    return torch.zeros((), dtype=dtype).expand(tuple(shape))


def _name(demand: Demand) -> str:
    return str(demand["variable"])


def part_of(value: Any, path: Sequence[Any]) -> Any:
    """What lies at `path` of a batch."""
    for key in path:
        value = value[key] if isinstance(value, Mapping) or isinstance(key, int) else getattr(value, key)
    return value


def with_part(value: Any, path: Sequence[Any], new: Any) -> Any:
    """`value` with `new` at `path`; what lies beside it is shared."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, Mapping):
        return {**value, key: with_part(value[key], rest, new)}
    if isinstance(key, int):
        parts = [*value]
        parts[key] = with_part(parts[key], rest, new)
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    inner = with_part(getattr(value, key), rest, new)
    if hasattr(value, "_fields"):
        return value._replace(**{key: inner})
    changed = copy.copy(value)
    if dataclasses.is_dataclass(value):
        object.__setattr__(changed, key, inner)  # frozen ones too
    else:
        setattr(changed, key, inner)
    return changed
