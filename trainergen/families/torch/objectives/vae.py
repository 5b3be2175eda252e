"""VAE: the input rebuilt from a sample of a latent distribution that is held near the standard normal."""

from __future__ import annotations

import itertools
import math
from typing import Any

from ....planning.plan import Term
from ..facts import OutputFacts
from ..seen import FLOATING, Seen, SeenInput, assumed_leaf, said
from . import LossOption, Proposal, binary

TASK = "vae"
LOSSES = {
    "elbo": "squared error against the input and the KL divergence, each a sum over a sample",
    "elbo_bce": "the same for inputs in [0, 1] as probabilities, after a sigmoid",
}
METRICS = ("mae", "mse")
EPOCH_METRICS = ()
DEFAULT_METRICS = ("mae",)
METRIC_FUNCTIONS = {name: name for name in METRICS}
LOSSES_ON_PROBABILITIES = ()
MEANS = ("mu", "mean", "z_mean", "mu_z", "z_mu", "latent_mean", "means", "mus", "q_mu", "loc")
LOG_VARIANCES = (
    "logvar",
    "log_var",
    "logvars",
    "log_variance",
    "z_log_var",
    "z_logvar",
    "logvar_z",
    "logvar_q",
    "log_sigma2",
    "latent_logvar",
)
SAYS_SO = r"\bvae|vae\b|variational|\belbo\b|evidence lower bound|kullback"
BETA = "weight of the KL divergence; above 1 the latent code is simpler, the reconstruction worse"

TERMS = (Term("reconstruction_loss"), Term("kl_divergence", "beta", 1.0, BETA))


def _terms(functional: Any, prediction: Any, target: Any, mu: Any, logvar: Any, *, error: str) -> dict[str, Any]:
    """Kingma and Welling 2014, appendix B, written a sample at a time."""
    differences, divergences = [], []
    for rebuilt, given, mean, log_variance in zip(prediction, target, mu, logvar, strict=True):
        differences.append(getattr(functional, error)(rebuilt, given, reduction="none").sum())
        variance = log_variance.exp()
        divergences.append(((variance + mean * mean - 1 - log_variance) / 2).sum())
    return {
        "reconstruction_loss": sum(differences) / len(differences),
        "kl_divergence": sum(divergences) / len(divergences),
    }


REFERENCES = {
    "elbo": lambda functional, **roles: _terms(functional, **roles, error="mse_loss"),
    "elbo_bce": lambda functional, **roles: _terms(functional, **roles, error="binary_cross_entropy"),
}


def propose(seen: Seen) -> Proposal | None:
    """An output of an input's shape, and two of one shape that are a mean and a log-variance by their names or order."""
    words = seen.says(SAYS_SO)
    mu, logvar = seen.named(*MEANS), seen.named(*LOG_VARIANCES)
    named = mu is not None and logvar is not None
    rebuilt = _rebuilt(seen, (mu, logvar))
    if rebuilt is None and mu is not None and logvar is not None and words:
        return _of_another_form(seen, mu, logvar, words)
    if rebuilt is None or (not named and words is None):
        return None
    output, part, flat = rebuilt
    if mu is None or logvar is None:
        after = seen.learnt[seen.learnt.index(output) + 1 :]
        twins = [pair for pair in itertools.pairwise(after) if pair[0].sizes == pair[1].sizes]
        if not twins:
            return None
        mu, logvar = twins[0]
    if mu.sizes != logvar.sizes or mu.sizes[:1] != output.sizes[:1]:
        return None
    prepare = ("flatten:1",) if flat else ()
    options = [LossOption(name, reason, (), (*part.prepare, *prepare), terms=TERMS) for name, reason in LOSSES.items()]
    if seen.activation == "Sigmoid" and part.leaf.low == 0 and part.leaf.high == 1:
        options.reverse()
    evidence = "names say mean and log-variance" if named else "two outputs of one shape follow it"
    return Proposal(
        score=98 if named else 96,
        reason=f"{said(output)} has the shape of {part.name}, {evidence}" + (f"; {words}" if words else ""),
        losses=tuple(options),
        assumed=not (named and words),
        roles=(
            seen.output("prediction", output),
            seen.input("target", part),
            seen.output("mu", mu),
            seen.output("logvar", logvar),
        ),
    )


def _of_another_form(seen: Seen, mu: OutputFacts, logvar: OutputFacts, words: str) -> Proposal | None:
    """Mean and log-variance by their names, and an output that no input has the shape of: its target is its own."""
    output = next((each for each in seen.learnt if each.sizes not in (mu.sizes, logvar.sizes)), None)
    if output is None or mu.sizes != logvar.sizes or mu.sizes[:1] != output.sizes[:1]:
        return None
    bits = binary.is_probability(seen, output)
    low, high = (0.0, 1.0) if bits else (None, None)
    target = seen.want("target", assumed_leaf(output.dtype, output, low=low, high=high), low=low, high=high)
    if target is None:
        return None
    options = [LossOption(name, reason, (), target.prepare, terms=TERMS) for name, reason in LOSSES.items()]
    return Proposal(
        score=90,
        reason=f"names say mean and log-variance; {words}; {said(output)} has no input's shape: a target of its own",
        losses=tuple(options[::-1] if bits else options),
        assumed=True,
        low=low,
        high=high,
        roles=(seen.output("prediction", output), target, seen.output("mu", mu), seen.output("logvar", logvar)),
    )


def _rebuilt(seen: Seen, taken: tuple[OutputFacts | None, ...]) -> tuple[OutputFacts, SeenInput, bool] | None:
    """The first output of an input's shape, that input, and whether it is flat where the input is not."""
    for output in seen.learnt:
        for part in seen.inputs:
            sizes = part.leaf.sizes
            if output in taken or part.leaf.dtype not in FLOATING or len(sizes) < 2:
                continue
            if output.sizes == sizes:
                return output, part, False
            if output.sizes == (sizes[0], math.prod(sizes[1:])):
                return output, part, "flatten:1" not in part.prepare
    return None
