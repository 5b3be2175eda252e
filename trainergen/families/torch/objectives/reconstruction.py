"""Reconstruction: the output against the model's own input."""

from __future__ import annotations

import math
import re
from typing import Any

from ..seen import FLOATING, Seen, assumed_leaf, said
from . import Fit, LossOption, Pair, Proposal, shape_text

TASK = "reconstruction"
LOSSES = {
    "mse": "squared error against the input",
    "l1": "absolute error against the input",
    "bce": "inputs in [0, 1] as probabilities, after a sigmoid",
    "masked_mse": "squared error of the patches that were hidden",
}
METRICS = ("mae", "mse")
EPOCH_METRICS = ()
DEFAULT_METRICS = ("mae",)
METRIC_FUNCTIONS = {name: name for name in METRICS}
LOSSES_ON_PROBABILITIES = ()


AUTOENCODER = r"auto.?enc(?!ryp)"


def _masked_mse(functional: Any, prediction: Any, target: Any, mask: Any) -> Any:  # noqa: ARG001 - as every reference
    """He et al. 2022: the mean over a patch, then over the hidden patches of the batch."""
    patches = (prediction - target).square().mean(dim=-1)
    hidden = (mask != 0).to(patches.dtype)
    return (patches * hidden).sum() / hidden.sum()


REFERENCES = {
    "mse": lambda functional, prediction, target: functional.mse_loss(prediction, target),
    "l1": lambda functional, prediction, target: functional.l1_loss(prediction, target),
    "bce": lambda functional, prediction, target: functional.binary_cross_entropy(prediction, target),
    "masked_mse": _masked_mse,
}
MASKS = r"mask(ed)?.?auto.?encod|\bmae\b|mask(ed)?.?(image|patch|autoencoder|modell?ing)|sim.?mim"
SAYS_SO = re.compile(r"auto_?enc(?!ryp)|(^|_)v?ae($|_)|vae|reconstruct|denois|inpaint|recon(_|$)|x_hat", re.IGNORECASE)


def propose(seen: Seen) -> Proposal | None:
    """An output of an input's shape; the names decide whether that is meant, or could be."""
    found = _hidden_patches(seen) or _of_other_channels(seen)
    for output in seen.learnt:
        for part in seen.inputs:
            pair = Pair(output, part.path, part.leaf, None, True, part.prepare, True, name=seen.name)
            read = fit(pair)
            if read is None:
                continue
            said = seen.says(SAYS_SO.pattern)
            score = 88 if said else 48
            if found is None or score > found.score:
                found = Proposal(
                    score=score,
                    reason=f"output {shape_text(output)} has the shape of {part.name}" + (f"; {said}" if said else ""),
                    losses=read.losses,
                    assumed=True,
                    roles=(seen.output("prediction", output), seen.input("target", part)),
                )
    return found


def _hidden_patches(seen: Seen) -> Proposal | None:
    """Patches [batch, places, values], and beside them which of them were hidden: 1 (true) there, a number a place.

    The loader cuts the input into patches, in the order in which the model does.
    """
    words = seen.says(MASKS)
    for output in seen.learnt if words else ():
        beside = [each for each in seen.outputs if each.sizes == output.sizes[:2] and not each.has_graph]
        masks = [each for each in beside if each.low == 0 and each.high == 1]
        target = seen.want("target", assumed_leaf(output.dtype, output), key="patches")
        if len(output.sizes) == 3 and len(masks) == 1 and target is not None:
            return Proposal(
                score=92,
                reason=f"{said(output)} are patches, and {said(masks[0])} says which were hidden; {words}",
                losses=(LossOption("masked_mse", LOSSES["masked_mse"], (), target.prepare),),
                assumed=True,
                roles=(seen.output("prediction", output), target, seen.output("mask", masks[0], variable="mask")),
            )
    return None


def _of_other_channels(seen: Seen) -> Proposal | None:
    """Of an autoencoder by its name, a map of the input's extent with other channels: what it rebuilds the loader gives."""
    output = seen.main
    if output is None or len(output.sizes) < 3 or not seen.is_called(AUTOENCODER):
        return None
    alike = (each for each in seen.inputs if each.leaf.dtype in FLOATING and each.leaf.sizes[2:] == output.sizes[2:])
    part = next(alike, None)
    target = seen.want("target", assumed_leaf(output.dtype, output))
    if part is None or target is None or part.leaf.sizes[1] == output.sizes[1]:
        return None
    options = [LossOption(name, LOSSES[name], (), target.prepare) for name in ("mse", "l1")]
    return Proposal(
        score=84,
        reason=f"it is called {seen.name}, and {said(output)} has the extent of {part.name}, if not its channels",
        losses=tuple(options),
        assumed=True,
        roles=(seen.output("prediction", output), target),
    )


def fit(pair: Pair) -> Fit | None:
    """An output of an input's shape (or of the input's, flattened)."""
    if pair.leaf is None or not pair.feeds or pair.leaf.dtype not in FLOATING:
        return None
    if any(operation not in ("float", "flatten:1") for operation in pair.prepare):
        return None
    target = tuple(each for each in pair.prepare if each != "flatten:1")
    if pair.leaf.sizes != pair.output.sizes:
        if not pair.leaf.sizes or pair.output.sizes != (pair.leaf.sizes[0], math.prod(pair.leaf.sizes[1:])):
            return None
        target = (*target, "flatten:1")
    named = SAYS_SO.search(pair.name) or any(SAYS_SO.search(str(key)) for key in pair.output.path)
    return Fit(
        score=(75 if pair.alone else 45) + (20 if named else 0),
        reason=f"output {shape_text(pair.output)} has the input's own shape"
        + ("" if named else ", and nothing else in the batch fits it"),
        losses=tuple(LossOption(name, reason, (), target) for name, reason in LOSSES.items()),
        assumed=not named,
    )
