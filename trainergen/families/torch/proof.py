"""Which probes prove a torch trainer, in which order, and the control run that tells its faults from the model's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.parameter import is_lazy

from ...lab.protocol import Context, LabProblem
from ...lab.verdict import Bench, Broken, Verdict
from ...runtime.probes import (
    device,
    eval_is_pure,
    gradients,
    initial_loss,
    loss,
    metrics,
    norms,
    parameters_moved,
    refusals,
    round_trip,
    same_seed,
    start,
    weights,
)
from ...runtime.probes.session import Fault, Measurement, Session
from ...runtime.probes.walk import Walk, fresh, seed_everything, walk
from .control import Control, build_loss, with_values
from .measure_model import build_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

PROBES = (
    "build",
    "loss",
    "initial_loss",
    "gradients",
    "parameters_moved",
    "metrics",
    "eval_is_pure",
    "start",
    "refusals",
    "same_seed",
    "round_trip",
    "weights",
    "device",
)
"""In the order they are taken; where one breaks, those after it are reported as not measured."""

ROUNDING = 1e-5
"""Of the total norm: what `gradients.compare` takes two gradients for equal by. The bare loop's below it is taken for
zero, so that a staged trainer in which it is exactly that has no fault of its own."""


@dataclass
class Rehearsal:
    """The control run: what the bare loop shows, and the weights that both start from.

    Attributes:
        control: back at the first weights, to be led along the staged trainer's.
        weights: the first state_dict, a copy.
        batches: one a step.
        measurements: the control's, by probe.
        request: the payload of ``prove``.
        repeatable: the same weights and seed give the same loss in the bare loop; only then can values be compared.
        seed: of the first step.
    """

    control: Control
    weights: dict[str, Any]
    batches: list[Any]
    measurements: dict[str, Measurement]
    repeatable: bool
    seed: int
    request: Mapping[str, Any]


def builders(request: Mapping[str, Any], context: Context) -> dict[str, Callable[..., Any]]:
    """What makes the model that was asked for, and an optimizer for it, where a trainer is handed both."""
    return {
        "model": lambda: build_model(request, context),
        "optimizer": lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3),
    }


def rehearse(request: Mapping[str, Any], context: Context, batches: Mapping[str, list[Any]]) -> Rehearsal:
    """Train the user's model in the bare loop.

    Args:
        request: the payload of ``prove``.
        context: where we are.
        batches: ``{"train": [...], "validation": [...]}`` as build saved them.

    Raises:
        LabProblem: kind ``user``: the model fails in the bare loop too, or its loss is not one to learn from.
    """
    seed, steps = int(request["seed"]), max(2, int(request["steps"]))
    train = [batches["train"][number % len(batches["train"])] for number in range(steps)]
    validation = validation_batch(batches)
    compute = build_loss(request, context)
    name = f"{request['model']['name']}.forward and the loss {request['objective']['loss']}"
    pair = [Control(_built(request, context), compute, validation, context, name) for _ in range(2)]
    first, second = pair
    start = {key: _copy(value) for key, value in first.model.state_dict().items()}
    second.model.load_state_dict(start)

    seen = {"loss": loss.measure(first, train[0], seed=seed)}
    _demand_loss(seen["loss"])
    first.model.load_state_dict(start)
    walks = [walk(control, train, seed=seed) for control in pair]
    seen["gradients"] = gradients.measure(walks[0])
    seen["quiet"] = gradients.measure(walks[0], noise=ROUNDING)
    _demand_finite(walks[0])
    seen["parameters_moved"] = parameters_moved.measure(walks[0])
    seen["same_seed"] = same_seed.measure(*walks)
    seen["eval_is_pure"] = eval_is_pure.measure(first, seed=seed)
    again = eval_is_pure.measure(second, seed=seed)
    repeatable = not seen["same_seed"].faults and _same(seen["eval_is_pure"].numbers, again.numbers)
    seen["round_trip"] = round_trip.measure(first, second, train[0], seed=seed)
    first.model.load_state_dict(start)
    # What the model remembers outside its state_dict makes the same weights give another loss: nothing to compare then.
    repeatable = repeatable and loss.measure(first, train[0], seed=seed).numbers == seen["loss"].numbers
    first.model.load_state_dict(start)
    return Rehearsal(first, start, train, seen, repeatable, seed, request)


def prove(rehearsal: Rehearsal, open_session: Callable[[int], Session], bench: Bench) -> dict[str, float]:
    """Take every probe of `PROBES` on the staged trainer, each against the control's.

    Args:
        rehearsal: the control run.
        open_session: a new staged trainer by number, with a run folder of its own.
        bench: takes the verdicts.

    Returns:
        Figures for the report: ``steps, first_loss, last_loss, moved, parameters, gradient_norm``.
    """
    numbers: dict[str, float] = {}
    try:
        _prove(rehearsal, open_session, bench, numbers)
    except Broken as broken:
        bench.skip(*PROBES, because=f"the probe {broken} failed before it")
    return numbers


def validation_batch(batches: Mapping[str, list[Any]]) -> Any:
    """The one batch that evaluations take: of the validation loader, else the first training batch."""
    return (batches.get("validation") or batches["train"])[0]


def _prove(
    rehearsal: Rehearsal, open_session: Callable[[int], Session], bench: Bench, numbers: dict[str, float]
) -> None:
    seed, batches, known = rehearsal.seed, rehearsal.batches, rehearsal.measurements
    session = bench.attempt("build", lambda: open_session(0))
    if not bench.judge(_as_asked(session, rehearsal)):
        raise Broken("build")
    bench.attempt("build", lambda: session.model.load_state_dict(rehearsal.weights))

    first = bench.attempt("loss", lambda: loss.measure(session, batches[0], seed=seed))
    if not bench.judge(first, known["loss"]):
        raise Broken("loss")
    session.model.load_state_dict(rehearsal.weights)

    taken, wrong, unclipped = bench.attempt("gradients", lambda: _walk_beside(session, rehearsal))
    numbers |= {"steps": len(taken.losses), "first_loss": taken.losses[0], "last_loss": taken.losses[-1]}
    bench.judge(_first_loss(first, taken, rehearsal), None)
    measured = gradients.measure(taken)
    title = measured.title if unclipped is None else f"{measured.title} after clipping, {unclipped:.4g} before"
    bench.judge(
        Measurement(measured.probe, title, (*measured.faults, *wrong), measured.numbers, measured.measured),
        known["quiet"],
    )
    measured = parameters_moved.measure(taken)
    seen = norms.measure(taken).numbers.get("gradient_norm", math.nan)
    numbers |= {**measured.numbers, "gradient_norm": seen if unclipped is None else unclipped}
    bench.judge(_said_once(measured, known["gradients"]), known["parameters_moved"])
    bench.judge(bench.attempt("metrics", lambda: metrics.measure(session)))
    bench.judge(bench.attempt("eval_is_pure", lambda: _evaluate_beside(session, rehearsal)), known["eval_is_pure"])

    other = bench.attempt("same_seed", lambda: open_session(1))
    begun = bench.attempt("start", lambda: start.measure(other))
    if begun.measured:  # a trainer that promises nothing lacks nothing
        bench.judge(begun)
    demands = rehearsal.request.get("checks", ())
    bench.judge(bench.attempt("refusals", lambda: refusals.measure(other, batches[0], demands)))
    # The walk before followed one forward of the first batch; this one follows two more of another, so that a model which
    # counts its calls or remembers what it saw last does not look repeatable by having gone the same way twice.
    for _ in range(2):
        with torch.no_grad():
            bench.attempt("same_seed", lambda: other.loss(fresh(batches[-1])))
    other.model.load_state_dict(rehearsal.weights)
    second = bench.attempt("same_seed", lambda: walk(other, batches, seed=seed))
    bench.judge(same_seed.measure(taken, second), known["same_seed"])
    trip = bench.attempt("round_trip", lambda: round_trip.measure(session, other, batches[0], seed=seed))
    if rehearsal.repeatable:
        bench.judge(trip, known["round_trip"])
    else:
        bench.add(
            Verdict(
                "round_trip",
                "unmeasured",
                "the same weights and seed give the model other values each time: not compared",
            )
        )
    end = bench.attempt("weights", lambda: weights.measure(session))
    if not end.measured and rehearsal.request.get("saves", True):
        end = Measurement("weights", end.title, (Fault("file", "", end.title, "save the weights in on_train_end"),))
    bench.judge(end)
    _prove_device(session, rehearsal, bench)


def _walk_beside(session: Session, rehearsal: Rehearsal) -> tuple[Walk, list[Fault], float | None]:
    """The staged steps; before each, the control takes the staged weights and the batch, and says what is right.

    Returns:
        The walk, what is wrong with its gradients, and, where they are clipped, the norm of the last step's before that.
    """
    expected: list[dict[str, torch.Tensor | None]] = []
    faults: list[Fault] = []
    unclipped: float | None = None

    def lead(number: int, batch: Any) -> None:
        rehearsal.control.model.load_state_dict(session.model.state_dict())
        seed_everything(rehearsal.seed + number)
        expected[:] = [rehearsal.control.gradients(batch)[1]]

    def compare(_: int, found: dict[str, torch.Tensor | None]) -> None:
        nonlocal unclipped
        # What the optimizer does not hold is neither zeroed nor clipped: another probe says that it stands still.
        names = _held(session)
        held = {name: value for name, value in expected[0].items() if name in names}
        if session.clip_norm:
            unclipped = gradients.total_norm(held)
        if rehearsal.repeatable and not faults:
            faults.extend(gradients.compare(found, held, clip_norm=session.clip_norm))

    taken = walk(session, rehearsal.batches, seed=rehearsal.seed, before=lead, observe=compare)
    return taken, faults, unclipped


def _said_once(moved: Measurement, known: Measurement) -> Measurement:
    """Without what stands still because the model gives it no gradient: that has been said."""
    silent = {fault.subject for fault in known.faults if fault.kind == "no-gradient"}
    faults = tuple(each for each in moved.faults if each.kind != "not-moved" or each.subject not in silent)
    return Measurement(moved.probe, moved.title, faults, moved.numbers)


def _held(session: Session) -> set[str]:
    """Names of the parameters that the optimizer holds; all of them where there is none to ask."""
    named = dict(session.model.named_parameters())
    if session.optimizer is None:
        return set(named)
    held = {id(parameter) for group in session.optimizer.param_groups for parameter in group["params"]}
    return {name for name, parameter in named.items() if id(parameter) in held}


def _evaluate_beside(session: Session, rehearsal: Rehearsal) -> Measurement:
    """The staged evaluation, and the control's from the same weights: they measure the same loss and metrics."""
    rehearsal.control.model.load_state_dict(session.model.state_dict())
    seen = eval_is_pure.measure(session, seed=rehearsal.seed)
    seed_everything(rehearsal.seed)
    expected = rehearsal.control.evaluate()
    if not rehearsal.repeatable or "loss" not in seen.numbers:
        return seen
    tolerance = initial_loss.tolerance(session.model)
    faults = []
    for name, value in expected.items():
        found = seen.numbers.get(name)
        if found is None:
            faults.append(Fault("metric", name, f"evaluation does not give {name}; a bare loop gives {value:.6g}"))
        elif not _near(found, value, tolerance):
            what = "the loss" if name == "loss" else name
            text = f"evaluation gives {what} {found:.6g}, a bare loop in eval mode {value:.6g}"
            faults.append(Fault("value", name, text, "evaluate through the same _forward_batch, under model.eval()"))
    if not faults:
        return seen
    title = seen.title if seen.faults else faults[0].text
    return Measurement(seen.probe, title, (*seen.faults, *faults), seen.numbers)


def _near(first: float, second: float, tolerance: float) -> bool:
    """Within the tolerance; a metric that is undefined is so in both."""
    if math.isnan(first) or math.isnan(second):
        return math.isnan(first) and math.isnan(second)
    return math.isclose(first, second, rel_tol=tolerance, abs_tol=1e-12)


def check_settings(rehearsal: Rehearsal, session: Session, values: Mapping[str, float]) -> list[Fault]:
    """Do the settings that weigh and tune the loss do so?

    Args:
        rehearsal: the control run.
        session: a staged trainer that was opened with `values` in its configuration.
        values: setting -> its value there.
    """
    objective, weighed = with_values(rehearsal.request["objective"], values)
    if not weighed or not rehearsal.repeatable:
        return []
    control = rehearsal.control.weighed({**rehearsal.request, "objective": objective})
    found = []
    for each in (session, control):
        each.model.load_state_dict(rehearsal.weights)
        found.append(loss.measure(each, rehearsal.batches[0], seed=rehearsal.seed).numbers.get("loss", math.nan))
    if _near(found[0], found[1], initial_loss.tolerance(session.model)):
        return []
    names = ", ".join(f"{each} = {values[each]:g}" for each in weighed)
    text = f"with {names} in the configuration the loss is {found[0]:.6g}, a bare loop's is {found[1]:.6g}"
    return [Fault("auxiliary", "", text, "weigh each part of the loss by its field of the config")]


def _first_loss(first: Measurement, taken: Walk, rehearsal: Rehearsal) -> Measurement:
    """Both the loss that was computed by hand and the loss of the first step are the control's."""
    if not rehearsal.repeatable:
        return Measurement(
            "initial_loss",
            "the same weights and seed give the model another loss each time: not compared",
            measured=False,
        )
    rtol = initial_loss.tolerance(rehearsal.control.model)
    expected = rehearsal.measurements["loss"].numbers["loss"]
    values = [first.numbers.get("loss"), taken.losses[0]]
    found = [initial_loss.measure(value, expected, rtol=rtol) for value in values if value is not None]
    if not found:
        return Measurement("initial_loss", "the trainer does not say its loss: not compared", measured=False)
    return next((measured for measured in found if measured.faults), found[0])


def _as_asked(session: Session, rehearsal: Rehearsal) -> Measurement:
    """Model and optimizer are what was asked for: the same class, and the model's names, shapes and dtypes."""
    ours, theirs = type(session.model), type(rehearsal.control.model)
    name = f"{theirs.__module__}.{theirs.__qualname__}"
    state = session.model.state_dict()
    faults = []
    if f"{ours.__module__}.{ours.__qualname__}" != name:
        faults.append(Fault("class", "", f"build_model builds {ours.__module__}.{ours.__qualname__}, not {name}"))
    for key in sorted(set(state) | set(rehearsal.weights)):
        here, there = _spell(state.get(key)), _spell(rehearsal.weights.get(key))
        if here != there:
            faults.append(Fault("state", key, f"build_model gives {key} {here}; built as you asked it is {there}"))
    frozen = {key for key, value in rehearsal.control.model.named_parameters() if not value.requires_grad}
    for key, value in session.model.named_parameters():
        if value.requires_grad == (key in frozen):
            what = "trains" if value.requires_grad else "freezes"
            faults.append(Fault("frozen", key, f"the trainer {what} {key}; the model by itself does not"))
    asked = rehearsal.request.get("optimizer")
    if asked is not None and session.optimizer is not None and type(session.optimizer).__name__ != asked:
        faults.append(Fault("optimizer", "", f"the optimizer is {type(session.optimizer).__name__}, not {asked}"))
    scheduled = rehearsal.request.get("scheduler")
    if scheduled is not None and getattr(session, "scheduler", None) is None:
        text = f"there is no schedule of the learning rate; {scheduled} was asked for"
        faults.append(Fault("scheduler", "", text, "build_scheduler gives it back"))
    title = f"built from its configuration: {ours.__qualname__}, {len(state)} tensors" if not faults else faults[0].text
    return Measurement("build", title, tuple(faults))


def _prove_device(session: Session, rehearsal: Rehearsal, bench: Bench) -> None:
    """Last, for a session that pretends to be elsewhere can't step."""
    expected = device.measure(rehearsal.control, rehearsal.batches[0])
    if expected.faults or not expected.measured:
        bench.skip("device", because=f"{expected.title}, in the bare loop too")
        return
    bench.judge(bench.attempt("device", lambda: device.measure(session, rehearsal.batches[0])))


def _built(request: Mapping[str, Any], context: Context) -> nn.Module:
    model = build_model(request, context)
    lazy = [name for name, value in model.named_parameters() if is_lazy(value)]
    if lazy:
        raise LabProblem(
            "user",
            f"{lazy[0]} has no shape before the first forward ({type(model).__name__} has lazy layers)",
            hint="give a --factory that builds the model and runs it once on an example",
        )
    return model


_HINTS = {
    "graph": "is the output computed under no_grad, detached, or made of indices? Is any parameter trainable?",
    "finite": "look for a division by zero, a logarithm of zero, or an input out of range",
    "shape": "give --loss one that returns a single value, as reduction='mean' does",
}


def _demand_loss(measured: Measurement) -> None:
    for fault in measured.faults:
        message = f"in a bare loop, without any generated code, {fault.text}"
        raise LabProblem("user", message, hint=_HINTS.get(fault.kind, fault.hint))


def _demand_finite(taken: Walk) -> None:
    where = "in a bare loop, without any generated code,"
    for number, value in enumerate(taken.losses, start=1):
        if value is not None and not math.isfinite(value):
            raise LabProblem("user", f"{where} the loss of step {number} is {value}", hint=_HINTS["finite"])
        norms = taken.gradients[number - 1] if taken.gradients else {}
        bad = [name for name, norm in norms.items() if norm is not None and not math.isfinite(norm)]
        if bad:
            raise LabProblem(
                "user",
                f"{where} the gradient of {bad[0]} is not finite at step {number}",
                hint="look for a square root or a norm of zero, or a division by zero, among forward's operations",
                notes=tuple(f"nor that of {name}" for name in bad[1:10]),
            )


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else fresh(value)


def _spell(value: Any) -> str:
    if value is None:
        return "missing"
    if not isinstance(value, torch.Tensor):
        return type(value).__name__
    return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"


def _same(first: Mapping[str, float], second: Mapping[str, float]) -> bool:
    return {key: value.hex() for key, value in first.items()} == {key: value.hex() for key, value in second.items()}
