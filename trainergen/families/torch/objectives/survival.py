"""Survival: when something happens, learnt also from those for whom it had not when they were last seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..facts import OutputFacts
from ..seen import Role, Seen, of_samples, said
from . import LossOption, Proposal

TASK = "survival"
LOSSES = {
    "cox": "one risk a sample: the partial likelihood of the order of events",
    "discrete_time": "the logit of the hazard in each interval: the likelihood of event or survival",
    "discrete_time_of_hazards": "the hazard itself in each interval, a probability",
    "event_time": "a distribution over the intervals: the likelihood of the event's own, or of a later one",
}
METRICS = ()
EPOCH_METRICS = ("concordance",)
DEFAULT_METRICS = ()
METRIC_FUNCTIONS = {"concordance": "concordance"}
LOSSES_ON_PROBABILITIES = ()
SAYS_SO = r"surviv|deep.?surv|deep.?hit|\bcox|\bhazards?\b(?!.?(detect|classif|recogn|segment))|time.?to.?event|\bcensor(ed|ing)\b|partial likelihood"
TIMES = ("time", "times", "duration", "durations", "survival_time", "os_time", "t", "y")
INTERVALS = ("interval", "intervals", "bin", "bins", "time_bin", "duration", "durations", "time", "y")
EVENTS = ("event", "events", "status", "e", "observed", "event_observed", "event_indicator", "death")
LONGEST = 10.0
"""Times are drawn from zero to here, where nobody gave any: their unit does not matter, only their order."""
SMALLEST_PROBABILITY = 1e-7


def _cox(functional: Any, *, prediction: Any, target: Any, event: Any) -> Any:  # noqa: ARG001 - as every reference
    """Cox 1972 with Breslow's ties: for each event, the log of the share of its risk among all that were at risk."""
    terms = [
        prediction[target >= target[number]].logsumexp(dim=0) - prediction[number]
        for number in range(len(prediction))
        if bool(event[number] > 0)
    ]
    return sum(terms) / len(terms) if terms else (prediction * 0).sum()


def _discrete(functional: Any, *, prediction: Any, target: Any, event: Any) -> Any:
    """Brown 1975, a sample at a time: minus the log of its chance to live so long, and to die then or not."""
    total = 0
    for row, last, happened in zip(prediction, target.tolist(), event, strict=True):
        lived = functional.logsigmoid(-row[:last]).sum()
        total = total - lived - functional.logsigmoid(row[last] if bool(happened > 0) else -row[last])
    return total / len(prediction)


def _of_hazards(functional: Any, *, prediction: Any, target: Any, event: Any) -> Any:
    logits = prediction.clamp(SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY).logit()
    return _discrete(functional, prediction=logits, target=target, event=event)


def _event_time(
    functional: Any,  # noqa: ARG001 - as every reference
    *,
    prediction: Any,
    target: Any,
    event: Any,
) -> Any:
    """Lee et al. 2018 (DeepHit), the likelihood for one kind of event, a sample at a time."""
    total = 0
    for row, last, happened in zip(prediction, target.tolist(), event, strict=True):
        chance = row[last] if bool(happened > 0) else row[last + 1 :].sum()
        total = total - chance.clamp_min(SMALLEST_PROBABILITY).log()
    return total / len(prediction)


REFERENCES = {
    "cox": _cox,
    "discrete_time": _discrete,
    "discrete_time_of_hazards": _of_hazards,
    "event_time": _event_time,
}


def propose(seen: Seen) -> Proposal | None:
    """One column is a risk, several are intervals, of a model that is said to be about survival."""
    output = seen.main
    words = seen.says(SAYS_SO)
    if output is None or (words is None and not seen.asks(LOSSES)) or len(output.sizes) > 2:
        return None
    one = len(output.sizes) == 1 or output.sizes[1] == 1
    event = _event(seen)
    target = _time(seen, output) if one else _interval(seen, output)
    if event is None or target is None or event.path == target.path:
        return None
    hazards = ("discrete_time", "discrete_time_of_hazards")
    names = ("cox",) if one else hazards[::-1] if seen.activation == "Sigmoid" else hazards
    names = ("event_time",) if output.sums_to_one else names
    prepare = ("squeeze:1",) if one and len(output.sizes) == 2 else ()
    what = "one risk a sample" if one else f"a hazard in each of {output.sizes[1]} intervals"
    what = f"the probability of each of {output.sizes[1]} intervals" if output.sums_to_one else what
    return Proposal(
        score=91 if words else 45,
        reason=f"{said(output)}: {what}, {words or 'you asked for it'}",
        losses=tuple(LossOption(name, LOSSES[name], prepare, target.prepare) for name in names),
        metrics=EPOCH_METRICS if one else (),
        assumed=True,
        low=None if one else 0,
        high=None if one else output.sizes[1],
        roles=(seen.output("prediction", output), target, event),
    )


def _event(seen: Seen) -> Role | None:
    """Whether the event was seen: integers, floats or truth values; drawn as seen everywhere where nobody gave any."""
    whole = seen.want("event", of_samples(seen, "int64", low=1, high=2), also=EVENTS, low=0, high=2)
    if whole is not None:
        return whole
    return seen.want("event", of_samples(seen, "float32"), also=EVENTS, low=0, high=1)


def _time(seen: Seen, output: OutputFacts) -> Role | None:
    floats = of_samples(seen, output.dtype, low=0.0, high=LONGEST)
    found = seen.want("target", floats, key="time", also=TIMES)
    if found is not None:
        return found
    whole = seen.want("target", of_samples(seen, "int64"), key="time", also=TIMES)
    return None if whole is None else replace(whole, prepare=(*whole.prepare, "float"))


def _interval(seen: Seen, output: OutputFacts) -> Role | None:
    leaf = of_samples(seen, "int64", low=0, high=output.sizes[1])
    return seen.want("target", leaf, key="interval", also=INTERVALS, low=0, high=output.sizes[1])
