"""Does the trainer refuse a batch that can't be right, and say which part of it, with its shape and dtype?"""

from __future__ import annotations

import copy
import dataclasses
import re
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

    Each must raise a ValueError or TypeError that names the part. Last comes a right batch, with the smallest and the
    largest values that are allowed: none of its parts may be refused. `session` is a new one: values are looked at once,
    in the first batch that is right otherwise.
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
    text = _refused(session, _at_the_edges(fresh(batch), demands), demands)
    if text is not None:
        faults.append(Fault("refusal", "", text, "the smallest and the largest value are allowed themselves"))
    title = f"{count} wrong batches are refused, by name, shape and dtype" if not faults else faults[0].text
    return Measurement(NAME, title, tuple(faults), {"wrong_batches": count})


def _accepted(session: Session, spoilt: Spoilt) -> str | None:
    """What is wrong with the answer to a wrong batch; None: it is refused."""
    try:
        with torch.no_grad():
            session.loss(spoilt.batch)
    except (TypeError, ValueError) as error:
        missing = [" or ".join(words) for words in spoilt.says if not any(_says(str(error), word) for word in words)]
        if not missing:
            return None
        return f"a batch {spoilt.what}: the {type(error).__name__} does not say {', '.join(missing)}: {_first(error)}"
    except Exception as error:
        return f"a batch {spoilt.what} is not refused: {type(error).__name__}: {_first(error)}"
    return f"a batch {spoilt.what} is not refused"


def _says(message: str, word: str) -> bool:
    """Whether it says the word itself, not one that begins or ends with it."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", message) is not None


def _refused(session: Session, batch: Any, demands: Sequence[Demand]) -> str | None:
    """What a right batch is refused for; None: it isn't, or what fails is not about its parts."""
    try:
        with torch.no_grad():
            session.loss(batch)
    except (TypeError, ValueError) as error:
        if any(_says(str(error), _name(demand)) for demand in demands):
            return f"a batch with values that are allowed is refused: {type(error).__name__}: {_first(error)}"
    except Exception:  # of the model: other probes say what comes of a batch that it can take
        return None
    return None


def _at_the_edges(batch: Any, demands: Sequence[Demand]) -> Any:
    """`batch` with the smallest and the largest values that are allowed."""
    for demand in demands:
        part = part_of(batch, demand["path"])
        if not isinstance(part, torch.Tensor) or part.numel() < 2 or part.dtype == torch.bool or part.is_complex():
            continue
        edged = part.detach().clone()
        flat = edged.view(-1)
        if demand["low"] is not None:
            flat[0] = demand["low"]
        if demand["high"] is not None:
            flat[-1] = demand["high"] if part.is_floating_point() else demand["high"] - 1
        batch = with_part(batch, demand["path"], edged)
    return batch


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
    yield from _narrowed(batch, demands)
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


def _narrowed(batch: Any, demands: Sequence[Demand]) -> Iterator[Spoilt]:
    """One entry less along a dimension that another part has too; either part may be blamed for it."""
    for demand in demands:
        part = part_of(batch, demand["path"])
        for axis, dim in enumerate(demand["dims"]):
            sharing = tuple(each["variable"] for each in demands if dim in each["dims"])
            if isinstance(dim, int) or len(sharing) < 2 or not isinstance(part, torch.Tensor) or part.dim() <= axis:
                continue
            if part.shape[axis] >= 2:
                fewer = with_part(batch, demand["path"], part.narrow(axis, 0, part.shape[axis] - 1))
                yield Spoilt(f"with one {dim} less in {_name(demand)}", fewer, (sharing,))


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
    step = 1 if whole else 0.125  # a value that every floating dtype has, so that the message can say it
    if demand["low"] is not None and demand["low"] - step >= smallest:
        yield demand["low"] - step
    if demand["high"] is not None and demand["high"] + step <= largest:
        yield demand["high"] if whole else demand["high"] + step


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
