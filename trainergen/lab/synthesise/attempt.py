"""One try: make the batch, run forward in train mode, say how far it came and what the failure asks for. Leaves no trace."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from ...inspection.batch_spec import Path
from .failure import Failure, failure_of, user_frame
from .guess import Guess
from .origins import mark
from .realise import realise
from .repairs import wishes
from .starts import activated
from .structure import contained
from .subject import Subject, elements
from .trace import Trace
from .untouched import TooLong, bounded
from .values import TooLarge, make
from .wishes import Activate, Contain, Wish

_MOST_PROPOSALS = 24


@dataclass(frozen=True)
class Outcome:
    """What came of a try; plain data, so that a forked child can hand it back.

    Attributes:
        reached: operations that ran.
        shapes: of every tensor in the output, in order.
        error: type and first line; None where forward ran.
        operation: the one that refused.
        place: file, line and function of the deepest line that is not torch's.
        site: equal for failures at one place.
        proposals: guesses that may do better.
        finite: whether every float of the output is.
        gradient: parameters that a backward from the output reaches, of all that are trainable.
        parameters: their count.
        unreached: names of trainable parameters that it doesn't reach.
        tables: rows that inputs may choose from.
        flattened: see `Trace`.
        loose: inputs of whole numbers that the model casts, and that also meet floats as they are.
        smallest: smallest side that a convolution saw.
        cost: of the guess, which those of the proposals contain.
        mixed: see `independence`.
        fatal: whether it took all the time that a try may take.
    """

    reached: int
    shapes: tuple[tuple[int, ...], ...] = ()
    error: str | None = None
    operation: str | None = None
    place: tuple[str, int, str] | None = None
    site: str = ""
    proposals: tuple[Guess, ...] = ()
    finite: bool = True
    gradient: int = 0
    parameters: int = 0
    unreached: tuple[str, ...] = ()
    tables: tuple[tuple[Path, int], ...] = ()
    loose: tuple[Path, ...] = ()
    flattened: tuple[Path, ...] = ()
    smallest: int | None = None
    cost: float = 0.0
    mixed: bool | None = None
    fatal: bool = False

    @property
    def ran(self) -> bool:
        """Whether forward ended."""
        return self.error is None


def attempt(subject: Subject, guess: Guess, seed: int, *, backward: bool = True, traced: bool = True) -> Outcome:
    """Run one guess.

    Args:
        subject: model and forward.
        guess: the call.
        seed: of values and of the model's own randomness.
        backward: whether to look for parameters that a gradient reaches.
        traced: whether to watch every operation; without it a failure proposes nothing.
    """
    trace = Trace(lambda axis: _is_batch(guess, axis))
    inactive = _inactive(subject, guess)
    with subject.run(seed) as model:
        try:
            positional, named = arguments(subject, make(guess, seed, mark if traced else None))
            subject.train(model)
            with bounded(), torch.set_grad_enabled(backward), trace if traced else contextlib.nullcontext():
                output = model(*positional, **named)
            return _success(model, output, trace)
        except TooLarge as error:
            return Outcome(trace.reached, error=f"TooLarge: {error}", site="too large")
        except BaseException as error:
            if not traced:
                return Outcome(
                    0, error=_said(error), site="untraced", cost=guess.cost, fatal=isinstance(error, TooLong)
                )
            failure = failure_of(error, trace.failure, inactive)
            try:
                return failed(subject, guess, failure, trace.reached)
            finally:
                error.__traceback__ = None
                del failure


def independence(subject: Subject, guess: Guess, seed: int, dim: str = "batch") -> Outcome:
    """Whether the first sample alone decides about its part of the output: a batch is one where it does.

    In eval mode forward runs twice, the second time with another first sample. `Outcome.mixed` says whether the output
    of other samples changed; None where that can't be seen (no dimension of the output counts the samples).
    """
    outputs: list[list[torch.Tensor]] = []
    for other in (False, True):
        with subject.run(seed) as model:
            try:
                values, changed = make(guess, seed), make(guess, seed + 1)
                if other:
                    _exchange(guess, dim, values, changed)
                positional, named = arguments(subject, values)
                subject.train(model)
                model(*positional, **named) if subject.lazy else None
                model.eval()
                with bounded(), torch.no_grad():
                    outputs.append(elements(model(*positional, **named)))
            except BaseException as error:
                return Outcome(0, error=type(error).__name__, fatal=isinstance(error, TooLong))
    return Outcome(0, mixed=_mixed(outputs[0], outputs[1], guess.size(dim)))


def _exchange(guess: Guess, dim: str, values: list[tuple[str, Any]], others: list[tuple[str, Any]]) -> None:
    """Put the first sample of `others` into `values`."""
    for path, slot in guess.slots():
        if dim in slot.dims and slot.form == "free":
            axis = slot.dims.index(dim)
            mine, theirs = dict(values).get(str(path[0])), dict(others).get(str(path[0]))
            for key in path[1:]:
                if isinstance(mine, torch.Tensor) or mine is None:
                    break
                mine = _entry(mine, key)
                theirs = _entry(theirs, key)
            if isinstance(mine, torch.Tensor) and isinstance(theirs, torch.Tensor):
                mine.select(axis, 0).copy_(theirs.select(axis, 0))


def _entry(container: Any, key: Any) -> Any:
    plain = isinstance(container, (dict, list, tuple)) and not hasattr(container, "_fields")
    return container[key] if plain else getattr(container, str(key))


def _mixed(before: list[torch.Tensor], after: list[torch.Tensor], count: int) -> bool | None:
    verdict: bool | None = None
    for one, two in zip(before, after, strict=False):
        if one.shape != two.shape or not one.is_floating_point() or count not in one.shape:
            continue
        axis = list(one.shape).index(count)
        changed = [
            not torch.allclose(one.select(axis, index), two.select(axis, index), rtol=1e-3, atol=1e-5, equal_nan=True)
            for index in range(count)
        ]
        if any(changed[1:]):
            return True
        if changed[0]:
            verdict = False
    return verdict


def arguments(subject: Subject, values: list[tuple[str, Any]]) -> tuple[list[Any], dict[str, Any]]:
    """How forward is called: by position as long as no argument is left out, then by name."""
    given = dict(values)
    positional: list[Any] = []
    for each in subject.forward:
        if each.kind != "positional" or each.name not in given:
            break
        positional.append(given.pop(each.name))
    positional += [given.pop(name) for name, _ in values if name.startswith("*")]
    return positional, given


def _is_batch(guess: Guess, axis: tuple[Path, int]) -> bool:
    slot = guess.find(axis[0])
    return slot is not None and axis[1] < len(slot.dims) and slot.dims[axis[1]] == "batch"


def _inactive(subject: Subject, guess: Guess) -> tuple[str, ...]:
    """Arguments that the call leaves out and that may be tensors."""
    given = {name for name, _ in guess.arguments}
    return tuple(
        each.name
        for each in subject.forward
        if each.kind in ("positional", "keyword") and each.name not in given and each.default in (None, "None")
    )


def _success(model: nn.Module, output: Any, trace: Trace) -> Outcome:
    tensors = elements(output)
    with bounded():
        finite = all(
            bool(torch.isfinite(each).all())
            for each in tensors
            if each.is_floating_point() and each.layout == torch.strided
        )
        trainable = [(name, each) for name, each in model.named_parameters() if each.requires_grad]
        roots = [each for each in tensors if each.requires_grad and (each.is_floating_point() or each.is_complex())]
        reached: list[bool] = []
        if roots and trainable:
            total = sum((each.abs() if each.is_complex() else each).sum() for each in roots)
            try:
                found = torch.autograd.grad(total, [each for _, each in trainable], allow_unused=True)  # type: ignore[arg-type]
                reached = [each is not None for each in found]
            except RuntimeError:
                reached = []
    unreached = tuple(name for (name, _), yes in zip(trainable, reached, strict=False) if not yes)
    return Outcome(
        trace.reached,
        shapes=tuple(tuple(int(size) for size in each.shape) for each in tensors),
        finite=finite,
        gradient=sum(reached),
        parameters=len(trainable),
        unreached=unreached,
        tables=tuple(trace.tables.items()),
        loose=tuple(sorted(trace.cast & trace.numeric, key=str)),
        flattened=tuple(sorted(trace.flattened, key=str)),
        smallest=trace.smallest,
    )


def failed(subject: Subject, guess: Guess, failure: Failure, reached: int) -> Outcome:
    """What came of a try that ended in a failure: where, and the guesses that may do better."""
    where = user_frame(failure)
    place = (where[0].f_code.co_filename, where[1], where[0].f_code.co_qualname) if where else None
    call = failure.call
    deepest = failure.frames[0] if failure.frames else None
    at = f"{deepest[0].f_code.co_qualname}:{deepest[1]}" if deepest else ""
    site = f"{place[2]}:{place[1]}" if place else ""
    fixed = [list(each.shape) for each in call.operands() if not each.origins] if call else []
    site = f"{site}|{at}|{call.name if call else type(failure.error).__name__}{fixed or ''}"
    proposals: dict[tuple[object, ...], Guess] = {}
    for rank, wish in enumerate(_safely(failure)):
        for each in _guesses(wish, guess, subject, site):
            priced = replace(each, cost=each.cost + 0.02 * rank)
            known = proposals.get(priced.key())
            if known is None or known.cost > priced.cost:
                proposals[priced.key()] = priced
        if len(proposals) >= _MOST_PROPOSALS:
            break
    return Outcome(
        reached,
        error=_said(failure.error),
        operation=call.spelled() if call is not None else None,
        place=place,
        site=site,
        proposals=tuple(sorted(proposals.values(), key=lambda each: each.cost)[:_MOST_PROPOSALS]),
        cost=guess.cost,
        fatal=isinstance(failure.error, TooLong),
    )


def _said(error: BaseException) -> str:
    """Type and first line."""
    message = (str(error).strip().splitlines() or [""])[0][:200]
    return f"{type(error).__name__}: {message}".rstrip(": ")


def _safely(failure: Failure) -> Iterator[Wish]:
    """Wishes, also where reading the failure itself fails: what the model's objects answer is not ours to trust."""
    found = wishes(failure)
    while True:
        try:
            yield next(found)
        except StopIteration:
            return
        except Exception:
            return


def _guesses(wish: Wish, guess: Guess, subject: Subject, site: str) -> Iterator[Guess]:
    if isinstance(wish, Contain):
        yield from contained(wish, guess, subject)
    elif isinstance(wish, Activate):
        yield from activations(subject, guess, wish.names)
    else:
        yield from realise(wish, guess, site)


def activations(subject: Subject, guess: Guess, names: tuple[str, ...] = ()) -> Iterator[Guess]:
    """The call with an argument more."""
    given = {name for name, _ in guess.arguments}
    variadic = any(each.kind == "var_positional" for each in subject.forward)
    known = {each.name for each in subject.forward}
    wanted = [name for name in names if name in known] or (
        [] if names and variadic else list(_inactive(subject, guess))
    )
    for count, name in enumerate(name for name in wanted if name not in given):
        node = activated(name, subject)
        placed = _in_order(subject, (*guess.arguments, (name, node)))
        yield replace(guess, arguments=placed, cost=guess.cost + 0.2 + 0.1 * count, note=f"with {name}", aim=None)
    if variadic and names and not set(names) & known:
        scene = replace(subject.scene, names=(*subject.scene.names, *names))
        added = tuple(
            (f"*{len(guess.arguments) + index}", activated(name, replace(subject, scene=scene)))
            for index, name in enumerate(names)
        )
        yield replace(
            guess,
            arguments=(*_as_scene(guess, scene), *added),
            cost=guess.cost + 0.1,
            note=f"with {', '.join(names)}",
            aim=None,
        )


def _as_scene(guess: Guess, scene: Any) -> tuple[Any, ...]:
    """Samples become nodes once an argument says that this is a graph."""
    if not scene.graph:
        return guess.arguments
    changed = guess
    for path, slot in guess.slots():
        if slot.dims[:1] == ("batch",):
            changed = changed.with_slot(path, replace(slot, dims=("nodes", *slot.dims[1:])))
    return changed.arguments


def _in_order(subject: Subject, pairs: tuple[Any, ...]) -> tuple[Any, ...]:
    order = {each.name: index for index, each in enumerate(subject.forward)}
    return tuple(sorted(pairs, key=lambda pair: order.get(pair[0], len(order))))
