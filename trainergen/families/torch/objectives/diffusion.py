"""Diffusion: what was mixed into a sample, from the mixture and the time that says how much of it."""

from __future__ import annotations

import re
from typing import Any

from ..facts import OutputFacts
from ..seen import FLOATING, INTEGRAL, Seen, SeenInput, assumed_leaf, said
from . import LossOption, Proposal

TASK = "diffusion"
LOSSES = {
    "denoising_mse": "squared error of what was mixed in",
    "denoising_l1": "absolute error of it, less moved by outliers",
    "denoising_huber": "squared near zero, linear beyond 1",
}
METRICS = ("mae", "mse")
EPOCH_METRICS = ()
DEFAULT_METRICS = ("mae",)
METRIC_FUNCTIONS = {name: name for name in METRICS}
LOSSES_ON_PROBABILITIES = ()

TIME = (
    r"t|ts|tau|time|times|time_?steps?|t_?steps?|diffusion_?steps?|step|noise_?(level|labels?|steps?|cond\w*)|c_noise"
)
SIGMA = r"sigmas?|log_?snr|lambda_?|std|sigma_t"
SAYS_SO = (
    r"diffusion|\bddpm|\bddim|\bdit\b|denois|score.?(network|model|based|matching|net)|noise.?predict|\bedm\b|consistency.?model"
    r"|flow.?matching|rectified.?flow|\beps(ilon)?.?(theta|model|net)"
)
VELOCITY = r"\bv.?prediction|velocity|flow.?match|rectified.?flow|\bv.?param(et|\b)"
DENOISED = r"\bdenoised\b|predicts?.?(the.)?(clean|x_?0|x_?start)|pred.?x_?0|x_?start.?pred|karras"

LEARNT_VARIANCE = r"(learn|learned|learnt|pred|predict)_?(sigma|var\w*|range)|(var|sigma)_?type"
VARIANCE_WORDS = r"(learn\w*|predict\w*) (the )?(\w+ and )?(the )?(sigma|variance)"


def _error(kind: str) -> Any:
    """A mean over all elements of a function of the difference (Ho et al. 2020, equation 14, is the squared one)."""

    def of(functional: Any, prediction: Any, target: Any) -> Any:  # noqa: ARG001 - as every reference
        distance = (target - prediction).abs()
        if kind == "squared":
            return (distance * distance).mean()
        if kind == "absolute":
            return distance.mean()
        return (distance.clamp(max=1) * (distance - distance.clamp(max=1) / 2)).mean()

    return of


REFERENCES = {
    "denoising_mse": _error("squared"),
    "denoising_l1": _error("absolute"),
    "denoising_huber": _error("huber"),
}


def propose(seen: Seen) -> Proposal | None:
    """An input of numbers, a time a sample, and an output of that input's shape.

    The loader draws, a sample, a time and normal noise, and gives the mixture, the time and the noise (Ho et al. 2020:
    the square root of the kept share of the sample plus that of the rest of the noise). Two others are asked for by what
    the target is called: ``--target velocity`` (Salimans and Ho 2022; flow matching, Lipman et al. 2023), ``--target
    clean`` (the sample itself, as models that take a noise level do: Karras et al. 2022).
    """
    found = _parts(seen)
    if found is None:
        return None
    output, sample, time = found
    key, meant = _mixed_in(seen, time)
    target = seen.want(
        "target",
        assumed_leaf(output.dtype, output),
        key=key,
        also=("noise", "eps", "epsilon", "velocity", "v", "clean", "x_start", "x0", "target", "targets"),
    )
    words = seen.says(SAYS_SO)
    if target is None or (words is None and len(output.sizes) < 3):
        return None
    exact = re.fullmatch(rf"time_?steps?|{SIGMA}", time.name.lower()) is not None
    return Proposal(
        score=95 if words else 88 if exact else 78,
        reason=f"{said(output)} has the shape of {sample.name}, and {time.name} is a time a sample"
        + (f"; {words}" if words else "")
        + f"; {meant}",
        losses=tuple(LossOption(name, reason, (), target.prepare) for name, reason in LOSSES.items()),
        metrics=None if len(output.sizes) <= 2 else ("mae",),
        assumed=True,
        roles=(seen.output("prediction", output), target),
    )


def _parts(seen: Seen) -> tuple[OutputFacts, SeenInput, SeenInput] | None:
    """The output, the input of its shape, and the time beside it."""
    time = next((each for each in seen.inputs if _is_time(each)), None)
    if time is None or len(seen.learnt) > 1:
        return None
    for output in seen.learnt:
        for part in seen.inputs:
            if (
                part is not time
                and part.leaf.sizes == output.sizes
                and part.leaf.dtype in FLOATING
                and not part.prepare
            ):
                return output, part, time
    return None


def learnt_variance(seen: Seen) -> tuple[OutputFacts, SeenInput, str] | None:
    """The output of twice the sample's channels, the sample, and what says that a variance is learnt: argument or words.

    The loss of the variance is a bound that takes the schedule of the noise (Nichol and Dhariwal 2021).
    """
    time = next((each for each in seen.inputs if _is_time(each)), None)
    output = seen.main
    if time is None or output is None or len(seen.learnt) != 1 or len(output.sizes) < 3:
        return None
    doubled = (output.sizes[0], output.sizes[1] // 2, *output.sizes[2:])
    sample = next((each for each in seen.inputs if each.leaf.sizes == doubled and each.leaf.dtype in FLOATING), None)
    if sample is None or output.sizes[1] % 2:
        return None
    name = seen.argument(LEARNT_VARIANCE)
    if name is not None and seen.arguments[name] not in ("False", "None", ""):
        return output, sample, f"{name} is {seen.arguments[name]}"
    words = seen.says(VARIANCE_WORDS)
    return None if words is None else (output, sample, words)


def _is_time(part: SeenInput) -> bool:
    """One number a sample, called a time or a level of noise."""
    sizes = part.leaf.sizes
    single = len(sizes) == 1 or (len(sizes) == 2 and sizes[1] == 1)
    named = re.fullmatch(f"{TIME}|{SIGMA}", part.name.lower()) is not None
    return single and named and part.leaf.dtype in FLOATING | INTEGRAL


def _mixed_in(seen: Seen, time: SeenInput) -> tuple[str, str]:
    """What the target is called, and why."""
    velocity = seen.says(VELOCITY, code=True)
    if velocity:
        return "velocity", f"what it predicts is a velocity ({velocity}); --target noise if it is the noise"
    clean = seen.says(DENOISED)
    if clean or re.fullmatch(SIGMA, time.name.lower()):
        why = clean or f"it takes {time.name}"
        return "clean", f"what it predicts is the clean sample ({why}); --target noise if it is the noise"
    return "noise", "--target velocity or --target clean if it predicts that instead of the noise"
