"""The loss before the first step, against that of a model that knows nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from .....inspection.examination import Examined, Finding
from .....lab.batch_form import map_leaves, part
from .....runtime.probes import loss as loss_probe
from ...control import pick, prepared

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "measuring the first loss"
ORDER = 70
NEEDS = "objective"
GROUP = "model"

HIGH = 1.5
HIGH_SQUARE = 3.0
"""First loss over the know-nothing loss: a head of a usual scale stays below (cross-entropy of logits of variance 1 is about
ln C + 0.5, the squared error of an output with the target's variance is twice that variance); the check is Karpathy's, A
Recipe for Training Neural Networks, 2019: verify loss at init."""

REGRESSION = ("mse", "l1", "smooth_l1", "huber")


def examine(specimen: Specimen) -> Examined:
    """The loss of the first batch in train mode."""
    objective = specimen.objective
    assert objective is not None
    session = specimen.session()
    seen = loss_probe.measure(session, specimen.batch(), seed=specimen.seed)
    if seen.faults:
        fault = seen.faults[0]
        advice = fault.hint or "return one finite floating value that depends on the parameters"
        return Examined((Finding(f"loss.{fault.kind}", "fail", "first loss", fault.text, advice),), {})
    value = seen.numbers["loss"]
    model = specimen.build()
    specimen.seed_now()
    with torch.no_grad():
        batch = specimen.batch()
        output = specimen.forward(model, batch)
    expected = _expected(specimen, output, batch)
    facts: dict[str, Any] = {"loss": value, "expected": None, "rule": None, "kind": objective["loss"]}
    found = [*_double_softmax(specimen, model, output)]
    if expected is None:
        advice = "compare it with the loss of a constant prediction on your data, and watch it fall from there"
        found.append(Finding("loss.start", "note", "first loss", f"{value:.4g}; nothing to expect", advice, facts))
        return Examined(tuple(found), facts)
    number, rule = expected
    facts |= {"expected": number, "rule": rule}
    found.append(_judge(value, number, rule, facts))
    return Examined(tuple(found), facts)


def _judge(value: float, expected: float, rule: str, facts: dict[str, Any]) -> Finding:
    evidence = f"{value:.4g}, a model that knows nothing has {expected:.4g} ({rule})"
    limit = HIGH_SQUARE if facts["kind"] in REGRESSION else HIGH
    if expected > 0 and value > limit * expected + 0.05:
        advice = "scale the last layer down, or set its bias to the mean target: it begins confident and wrong"
        return Finding("loss.start-high", "warn", "first loss", evidence, advice, facts)
    if expected > 0 and value < 0.2 * expected:
        advice = "look for the target among the inputs, or a loss that is averaged over padding"
        return Finding("loss.start-low", "warn", "first loss", evidence, advice, facts)
    return Finding(
        "loss.start", "ok", "first loss", evidence, "a later run that starts elsewhere has another head", facts
    )


def _expected(specimen: Specimen, output: Any, batch: Any) -> tuple[float, str] | None:
    """The loss of the prediction that says nothing: logits of zero, equal probabilities, the mean of the targets."""
    objective = specimen.objective
    assert objective is not None
    name = objective["loss"]
    if ":" in name or objective["target"] is None or objective.get("terms") or objective.get("heads"):
        return None
    prediction = part(output, tuple(objective["prediction"]))
    target = part(batch, tuple(objective["target"]))
    if not isinstance(prediction, torch.Tensor) or not isinstance(target, torch.Tensor):
        return None
    classes = objective.get("classes") or 2
    known: dict[str, tuple[float, str]] = {
        "cross_entropy": (0.0, f"ln {classes}"),
        "nll": (-math.log(classes), f"ln {classes}"),
        "nll_of_probabilities": (1.0 / classes, f"ln {classes}"),
        "bce_with_logits": (0.0, "ln 2"),
        "bce": (0.5, "ln 2"),
    }
    if name in known:
        constant, rule = known[name]
    elif name in REGRESSION and specimen.request["growth"] is None:  # the spread of a made-up target says nothing
        constant = float(target.float().mean())
        rule = "the variance of the target" if name == "mse" else "the loss of the target's mean"
    else:
        return None
    path = tuple(objective["prediction"])
    nothing = map_leaves(output, lambda where, leaf: torch.full_like(leaf, constant) if where == path else leaf)
    try:
        value = float(specimen.loss_of(nothing, batch))
    except Exception:  # a loss with a form of its own: no expectation is better than a wrong one
        return None
    return (value, rule) if math.isfinite(value) else None


def _double_softmax(specimen: Specimen, model: Any, output: Any) -> list[Finding]:
    """Cross-entropy takes logits; probabilities as logits have a floor far above zero."""
    objective = specimen.objective
    assert objective is not None
    prediction = prepared(pick(output, objective["prediction"]), objective.get("prediction_prepare", ()), model)
    if objective["loss"] not in ("cross_entropy", "bce_with_logits") or not isinstance(prediction, torch.Tensor):
        return []
    values = prediction.detach().float()
    if objective["loss"] == "cross_entropy" and values.dim() > 1:
        sums = values.sum(dim=1)
        classes = values.shape[1]
        if bool((values >= 0).all()) and bool((sums - 1).abs().max() < 1e-3):
            floor = math.log(math.e + classes - 1) - 1.0
            return [
                Finding(
                    "head.softmax",
                    "fail",
                    "head",
                    f"the output sums to one over {classes} classes and goes into cross-entropy: it can't fall below {floor:.3g}",
                    "return the logits: cross-entropy applies the softmax itself; or take --loss nll_of_probabilities",
                    {"classes": classes, "floor": floor},
                )
            ]
    if objective["loss"] == "bce_with_logits" and bool(((values >= 0) & (values <= 1)).all()) and _squashes(specimen):
        floor = math.log(1.0 + math.exp(-1.0))
        return [
            Finding(
                "head.sigmoid",
                "fail",
                "head",
                f"the output lies in [0, 1] after a sigmoid and goes into a loss on logits: it can't fall below {floor:.3g}",
                "return the logits: the loss applies the sigmoid itself; or take --loss bce",
                {"floor": floor},
            )
        ]
    return []


def _squashes(specimen: Specimen) -> bool:
    return specimen.request.get("final_module") in ("Sigmoid", "Hardsigmoid")
