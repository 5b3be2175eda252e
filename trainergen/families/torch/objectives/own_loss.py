"""Own loss: forward returns the loss itself, or the parts of it."""

from __future__ import annotations

import re
from typing import Any

from ....planning.plan import Head
from ..facts import OutputFacts
from ..seen import FLOATING, Seen
from . import LossOption, Proposal

TASK = "own-loss"
LOSSES = {
    "own": "forward returns its loss",
    "own_sum": "forward returns several losses: their sum, each times its weight",
}
METRICS = ()
EPOCH_METRICS = ()
DEFAULT_METRICS = ()
METRIC_FUNCTIONS: dict[str, str] = {}
LOSSES_ON_PROBABILITIES = ()


def _own(functional: Any, prediction: Any, target: Any = None) -> Any:  # noqa: ARG001 - as every reference
    """What forward returned; as one of several parts it stands for its own target."""
    return prediction


def _each(functional: Any, **parts: Any) -> dict[str, Any]:  # noqa: ARG001 - as every reference
    """Each part, as `_own` gave it."""
    return parts


REFERENCES = {"own": _own, "own_sum": _each}

TOTAL = re.compile(r"(total|full|overall|combined|sum|train(ing)?)?_?loss(_(total|sum|all))?")
PART = re.compile(r"(^|_)(loss|losses|objective|nll|elbo|cost)(_|$)|loss$")
BESIDE = re.compile(
    r"(^|_)(aux\w*|reg\w*|balanc\w*|router|load|moe|gat(e|ing)|sparsity|penalt\w*|entropy|commit\w*|kl\w*|diversity|decov\w*|m)_"
)
"""What a loss is called that is added to another one."""
GUIDED = re.compile(
    r"labels?|targets?|y|y_true|truth|ground_truth|gt\w*|trg|tgt|(\w+_)(labels?|targets?)|(labels?|targets?)_\w+"
)
"""What an input is called that a loss inside forward compares with."""
MIXTURE = r"mixture.of.experts|\bmoe\b|\brouter\b|\bgating"
QUANTISER = r"quanti[sz]|\bvq\b|codebook|code.?book"
REBUILDS = r"auto.?encoder|\bvq.?vae|\w*vae\b|reconstruct|decoder"


def propose(seen: Seen) -> Proposal | None:
    """The scalar with a graph that forward returns: alone, called a loss, or beside nothing else that could be learnt.

    Beside an output that could be supervised a scalar of another name is an addition to that output's loss, unless
    labels go into forward: then what it compared them with is its loss. Several losses and no sum of them are parts.
    """
    scalars = [each for each in seen.outputs if each.sizes == () and each.dtype in FLOATING and each.has_graph]
    if not scalars:
        return None
    if not scalars[0].path:
        return _whole(seen, scalars[0], 100, "forward returns one number: its loss", conclusive=True)
    guided = next((each.name for each in seen.inputs if GUIDED.fullmatch(each.name.lower())), None)
    total = next((each for each in scalars if TOTAL.fullmatch(seen.called(each))), None)
    if total is not None:
        if seen.learnt and guided is None and seen.says(MIXTURE):
            return _whole(seen, total, 44, f"forward returns {seen.called(total)!r} beside the output of a mixture")
        return _whole(seen, total, 100, f"forward returns {seen.called(total)!r} itself", conclusive=True)
    parts = [each for each in scalars if PART.search(seen.called(each))]
    if len(parts) > 1 and (not seen.learnt or guided is not None):
        return _sum(seen, parts, guided)
    return _beside(seen, (parts or scalars)[0], guided) if len(parts) == 1 or len(scalars) == 1 else None


def _beside(seen: Seen, scalar: OutputFacts, guided: str | None) -> Proposal:
    """One scalar that is not called the loss, and what it comes with."""
    name = seen.called(scalar)
    what = f"forward returns {name!r}" if name else "forward returns one number"
    if not seen.learnt:
        return _whole(seen, scalar, 98, f"{what}, and nothing else that could be learnt")
    if guided is not None and not BESIDE.search(name):
        return _whole(seen, scalar, 94, f"{what}, and {guided} goes into forward")
    floating = [each.leaf.sizes for each in seen.inputs if each.leaf.dtype in FLOATING]
    echo = all(each.sizes in floating for each in seen.learnt)
    quantiser = seen.says(QUANTISER)
    if echo and seen.says(REBUILDS) is None and (quantiser or PART.search(name)):
        return _whole(
            seen, scalar, 88 if quantiser else 80, f"{what} beside the input's own shape" + _because(quantiser)
        )
    return _whole(seen, scalar, 40, f"{what} beside its output")


def _because(words: str | None) -> str:
    return f"; {words}" if words else ""


def _whole(seen: Seen, output: OutputFacts, score: int, reason: str, *, conclusive: bool = False) -> Proposal:
    """One scalar as the loss."""
    return Proposal(
        score=score,
        reason=reason,
        losses=(LossOption("own", LOSSES["own"]),),
        assumed=not conclusive,
        roles=(seen.output("prediction", output),),
    )


def _sum(seen: Seen, parts: list[OutputFacts], guided: str | None) -> Proposal:
    """Several losses of one model, each a part with a weight."""
    names = [re.sub(r"^loss_|_loss$|^loss$", "", seen.called(each)) or f"part_{at}" for at, each in enumerate(parts)]
    keys = ["prediction", *names[1:]]
    heads = [Head(name, TASK, "own", key, key, f"{name}_weight") for name, key in zip(names, keys, strict=True)]
    return Proposal(
        score=98,
        reason=f"forward returns the losses {', '.join(seen.called(each) for each in parts)}"
        + (f", and {guided} goes into forward" if guided else ", and nothing else"),
        losses=(LossOption("own_sum", LOSSES["own_sum"]),),
        assumed=False,
        roles=tuple(
            seen.output(key, each, variable=f"{name}_part") for key, name, each in zip(keys, names, parts, strict=True)
        ),
        heads=tuple(heads),
    )
