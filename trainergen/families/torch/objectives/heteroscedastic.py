"""Heteroscedastic regression: a number and how sure the model is of it, as the mean and the spread of a normal."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ....inspection.batch_spec import Leaf
from ..facts import OutputFacts
from ..seen import Seen, assumed_leaf, said, without_axis
from . import LossOption, Proposal, multi_class

TASK = "heteroscedastic"
LOSSES = {
    "gaussian_nll": "a mean and a variance",
    "gaussian_nll_log_variance": "a mean and the logarithm of a variance",
    "gaussian_nll_deviation": "a mean and a standard deviation",
    "gaussian_nll_log_deviation": "a mean and the logarithm of a standard deviation",
    "gaussian_nll_softplus": "a mean and numbers of any sign, made variances by a softplus",
}
METRICS = ("mae", "mse")
EPOCH_METRICS = ("rmse", "r2")
DEFAULT_METRICS = ("mae", "rmse", "r2")
METRIC_FUNCTIONS = {name: name for name in (*METRICS, *EPOCH_METRICS)}
LOSSES_ON_PROBABILITIES = ()


def _nll(variance_of: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Nix and Weigend 1994, equation 1 without its constant, through torch: near zero it is a difference of two terms."""

    def reference(functional: Any, *, prediction: Any, target: Any, spread: Any) -> Any:
        return functional.gaussian_nll_loss(prediction, target, variance_of(functional, spread))

    return reference


REFERENCES = {
    "gaussian_nll": _nll(lambda _, spread: spread),
    "gaussian_nll_log_variance": _nll(lambda _, spread: spread.exp()),
    "gaussian_nll_deviation": _nll(lambda _, spread: spread**2),
    "gaussian_nll_log_deviation": _nll(lambda _, spread: spread.exp() ** 2),
    "gaussian_nll_softplus": _nll(lambda functional, spread: functional.softplus(spread)),
}
TARGETS = ("targets", "y", "value", "values", "label", "truth")
MEAN = re.compile(r"(^|_)(mu|mus|mean|means|loc)(_|$)")
LOGARITHM = re.compile(r"log|(^|_)ln")
VARIANCE = re.compile(r"var(iance)?s?\d*(_|$)|sigma_?(2|sq)|std_?(2|sq)")
DEVIATION = re.compile(r"std|stddev|sigma|(^|_)scale|deviation|spread")
SAYS_SO = (
    r"heteros?ked|heteroscedastic|aleatoric|uncertain|gaussian.?nll|\bprobabilistic|nix and weigend|deep ensemble"
    r"|mean.?(and|&).?(log.?)?(variance|std|standard deviation)|mean.?variance"
)
BOTH = (
    r"\b(?:means?|mu)(?:,| and| &|/|, and)\s*(?:its |the |an? |of )*"
    r"((?:log(?:arithm)?[- _]?(?:of )?(?:the |its )?)?(?:var(?:iance)?|sigma|std|standard deviation|deviation)s?)\b"
)
"""``mean and log-variance``, ``mu, sigma``: the second name says which loss takes it."""
IN_ONE = (
    r"heteros?ked|heteroscedastic|aleatoric|gaussian.?(nll|neg)|nix and weigend"
    rf"|\b(predict|output|emit|estimat|parameteri[sz])\w*\b[^.]{{0,40}}{BOTH}"
)
"""What says that one tensor holds both: ``uncertain`` and ``probabilistic`` are too little for that."""
OF_A_POLICY = r"\bactor\b|\bpolicy\b|\baction"
LATENT = r"\bvae|vae\b|variational|\blatent|posterior|\bencoder"
MADE_POSITIVE = re.compile(
    r"softplus|\bexp\(|\.exp\b|square|\*\*\s*2|relu|sigmoid|clamp|\belu\b|\babs\b", re.IGNORECASE
)


def propose(seen: Seen) -> Proposal | None:
    """A mean and a spread: two outputs, else the halves of one."""
    return _two(seen) or _halves(seen)


def _halves(seen: Seen) -> Proposal | None:
    """One output [batch, 2 D] of a model that is said to give a mean and how sure it is: the mean first."""
    output = seen.main
    told = re.search(BOTH, seen.returned, re.IGNORECASE)
    words = seen.says(IN_ONE) or (f'its docstring says that forward returns "{told[0].lower()}"' if told else None)
    if output is None or words is None or len(seen.learnt) != 1 or len(output.sizes) != 2 or output.sizes[1] % 2:
        return None
    if output.sums_to_one or output.log_sums_to_one or seen.activation in ("Sigmoid", "Softmax", "LogSoftmax"):
        return None
    if seen.says(LATENT) or seen.argument(multi_class.CLASS_ARGUMENTS, output.sizes[1]):
        return None
    half = output.sizes[1] // 2
    dims = (output.dims[0], half) if half > 1 else output.dims[:1]
    sizes = (output.sizes[0], half) if half > 1 else output.sizes[:1]
    target = seen.want("target", Leaf(output.dtype, dims, sizes, source="assumed"), also=TARGETS)
    if target is None:
        return None
    squeeze = () if half > 1 else ("squeeze:1",)
    told = told or re.search(BOTH, seen.docstring, re.IGNORECASE)
    best = (_loss_by_name(re.sub(r"\W+", "_", told[1].lower())) if told else None) or "gaussian_nll_log_variance"
    best = best if "log" in best else "gaussian_nll_softplus"
    why = "of any sign: taken for the logarithm" if "log" in best else "may be negative: a softplus makes it a variance"
    return Proposal(
        score=90,
        reason=f"{said(output)}: its first half the mean, its second the spread; {words}",
        losses=tuple(
            LossOption(name, why if name == best else LOSSES[name], ("first_half:1", *squeeze), target.prepare)
            for name in (best, *(each for each in LOSSES if each != best))
        ),
        assumed=True,
        roles=(
            seen.output("prediction", output),
            target,
            seen.output("spread", output, ("second_half:1", *squeeze), "spread"),
        ),
    )


def _two(seen: Seen) -> Proposal | None:
    """Two outputs of one shape: a mean and a spread by their names, or in that order where words say so."""
    learnt = seen.learnt
    words = seen.says(SAYS_SO)
    mean = next((each for each in learnt if MEAN.search(seen.called(each))), None)
    spread = next((each for each in learnt if each != mean and _loss_by_name(seen.called(each)) is not None), None)
    named = mean is not None and spread is not None
    if not named and words is not None and len(learnt) == 2:
        mean, spread = learnt
    if mean is None or spread is None or mean.sizes != spread.sizes or len(learnt) > (3 if words else 2):
        return None
    column = len(mean.sizes) == 2 and mean.sizes[1] == 1
    target = seen.want("target", without_axis(mean, 1, mean.dtype), also=TARGETS) if column else None
    squeeze = ("squeeze:1",) if target is not None else ()
    target = target or seen.want("target", assumed_leaf(mean.dtype, mean), also=TARGETS)
    if target is None:
        return None
    best, why = _loss(seen, spread)
    score, doubt = _score(seen, named, words)
    called = seen.called(spread)
    names = " and ".join(seen.called(each) or said(each) for each in (mean, spread))
    evidence = "names say mean and spread" if named else "two outputs of one shape"
    return Proposal(
        score=score,
        reason=f"{names} {_shape(mean)}: {evidence}" + "".join(f", {each}" for each in (words, doubt) if each),
        losses=tuple(
            LossOption(name, why if name == best else LOSSES[name], squeeze, target.prepare)
            for name in (best, *(each for each in LOSSES if each != best))
        ),
        metrics=None if len(mean.sizes) <= 2 else ("mae",),
        assumed=not (named and words) or doubt is not None,
        roles=(
            seen.output("prediction", mean),
            target,
            seen.output("spread", spread, squeeze, called if called.isidentifier() else ""),
        ),
    )


def _shape(output: OutputFacts) -> str:
    return "[" + ", ".join(str(dim) for dim in output.dims) + "]"


def _score(seen: Seen, named: bool, words: str | None) -> tuple[int, str | None]:
    """The score, and what speaks for a distribution that nothing is compared with: of a code, of actions."""
    if named and words is None:
        latent = seen.says(LATENT)
        if latent is not None:
            return 46, f"but {latent}"
        policy = seen.says(OF_A_POLICY)
        if policy is not None:
            return 62, f"but {policy}"
    return (94 if named and words else 90 if named else 84), None


def _loss_by_name(name: str) -> str | None:
    """``log_var`` is the logarithm of a variance, ``sigma`` a deviation; None for a name that says no spread."""
    logarithm = LOGARITHM.search(name) is not None
    if VARIANCE.search(name):
        return "gaussian_nll_log_variance" if logarithm else "gaussian_nll"
    if DEVIATION.search(name):
        return "gaussian_nll_log_deviation" if logarithm else "gaussian_nll_deviation"
    return None


def _loss(seen: Seen, spread: OutputFacts) -> tuple[str, str]:
    """The loss that takes the spread as it comes, and why: a variance must be positive by itself, else a softplus."""
    name = seen.called(spread)
    loss = _loss_by_name(name)
    if loss is not None and "log" in loss:
        return loss, f"{name} is a logarithm: its exponential is the spread"
    positive = spread.low is not None and spread.low > 0 and ("Softplus" in seen.ran or _made_positive(seen))
    if loss is None and not positive:
        return "gaussian_nll_log_variance", "of any sign: taken for the logarithm of a variance"
    if not positive:
        return "gaussian_nll_softplus", f"{name} may be negative: a softplus makes it a variance"
    return loss or "gaussian_nll", f"{name or 'the second output'} is made positive by the model"


def _made_positive(seen: Seen) -> bool:
    return MADE_POSITIVE.search(seen.source) is not None
