"""Own loss: forward returns the loss itself."""

from __future__ import annotations

from ..seen import FLOATING, Seen
from . import Fit, LossOption, Pair, Proposal

TASK = "own-loss"
LOSSES = {"own": "forward returns its loss"}
METRICS = ()
EPOCH_METRICS = ()
DEFAULT_METRICS = ()
METRIC_FUNCTIONS: dict[str, str] = {}
LOSSES_ON_PROBABILITIES = ()
REFERENCES = {"own": lambda functional, prediction: prediction}  # noqa: ARG005 - the signature of every reference


def fit(pair: Pair) -> Fit | None:
    """A floating scalar with a graph, called ``loss`` or returned alone."""
    output = pair.output
    if pair.target is not None or output.sizes != () or not output.has_graph:
        return None
    name = str(output.path[-1]).lower() if output.path else ""
    if output.path and name not in ("loss", "total_loss"):
        return None
    reason = f"forward returns {output.path[-1]!r} itself" if output.path else "forward returns one number: its loss"
    return Fit(score=100, reason=reason, losses=(LossOption("own", LOSSES["own"]),))


def propose(seen: Seen) -> Proposal | None:
    """The scalar that forward returns: alone or called ``loss``; or beside other outputs, if its name ends in it."""
    found = [each for each in seen.outputs if each.sizes == () and each.dtype in FLOATING and each.has_graph]
    option = (LossOption("own", LOSSES["own"]),)
    for output in found:
        own = fit(Pair(output, None, None, None))
        if own is not None:
            roles = (seen.output("prediction", output),)
            return Proposal(score=own.score, reason=own.reason, losses=own.losses, roles=roles)
    if len(found) == 1 and seen.called(found[0]).endswith("loss"):
        reason = f"forward returns {seen.called(found[0])!r} beside its output"
        roles = (seen.output("prediction", found[0]),)
        return Proposal(score=60, reason=reason, losses=option, roles=roles, assumed=True)
    return None
