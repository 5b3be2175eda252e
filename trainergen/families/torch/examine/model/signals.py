"""Activations and gradients at the start, layer by layer: where a signal fades, grows, saturates or dies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .....inspection.examination import Examined, Finding
from ..watching import Layer, Watch

if TYPE_CHECKING:
    from torch import nn

    from ..specimen import Specimen

DOING = "following the signal through the layers"
ORDER = 60
NEEDS = "model"
GROUP = "model"

FADES = 1e-5
EXPLODES = 1e4
"""Gradient over weight (You et al. 2017, LARS) of a layer over that of the others: in a net that learns evenly they lie within
a few powers of ten; the variance of gradients should stay the same from layer to layer (Glorot and Bengio 2010)."""

GROWS = 1e3
"""Root mean square of a layer's output over that of the first: a good initialisation keeps it (He et al. 2015)."""

STEEP = 1e3
"""Norm of all gradients together: from here a first step at a usual rate leaves the region where the gradient is valid."""

DEAD = 0.7
"""Share of a layer's units that are zero for every sample (Lu et al. 2019, Dying ReLU and Initialization). With torch's default
weights half of them are in the eighth layer of a plain stack, where the biases outweigh the signal: the limit is above that."""

SATURATED = 0.5
"""Share of values at the flat end of a sigmoid or tanh (beyond 99 % of its range)."""


def examine(specimen: Specimen) -> Examined:
    """One forward and backward of the first batch in train mode."""
    model = specimen.build()
    watch = Watch()
    hooks = watch.attach(model)
    specimen.seed_now()
    with watch:
        loss = specimen.loss(model, specimen.batch())
    loss.backward()  # type: ignore[no-untyped-call]
    for hook in hooks:
        hook.remove()
    for name, layer in watch.layers.items():
        _weigh(layer, model if name == "(itself)" else model.get_submodule(name))
    total = math.sqrt(
        sum(float(p.grad.detach().double().norm()) ** 2 for p in model.parameters() if p.grad is not None)
    )
    layers = list(watch.layers.values())
    found = [*_not_finite(layers), *_grows(layers), *_steep(total), *_fades(layers), *_dead(watch), *_flat(watch)]
    bad = {each.id.partition(".")[0] for each in found if each.severity in ("warn", "fail")}
    if not bad:
        found.append(_well(layers, total))
    rows = [vars(each) for each in layers]
    dead = [{"module": name, "share": share} for name, share, _ in watch.dead]
    flat = [{"module": name, "function": function, "share": share} for name, function, share in watch.flat]
    return Examined(tuple(found), {"rows": rows, "gradient_norm": total, "dead": dead, "saturated": flat})


def _weigh(layer: Layer, module: nn.Module) -> None:
    """Norms of the layer's own weight matrices and of their gradients; vectors (biases, norms) are left out."""
    own = [each for each in module.parameters(recurse=False) if each.dim() >= 2 and each.requires_grad]
    if own:
        layer.weight = math.sqrt(sum(float(each.detach().double().norm()) ** 2 for each in own))
        grads = [each.grad.to_dense() if each.grad.is_sparse else each.grad for each in own if each.grad is not None]
        layer.weight_gradient = math.sqrt(sum(float(each.double().norm()) ** 2 for each in grads))


def _not_finite(layers: list[Layer]) -> list[Finding]:
    bad = [each for each in layers if not each.finite]
    if not bad:
        return []
    return [
        Finding(
            "signals.not-finite",
            "fail",
            "activations",
            f"{bad[0].name} ({bad[0].kind}) is the first of {len(bad)} layers whose output is not finite",
            "look at its input: a logarithm of zero, a division by zero, a mask that hides a whole row",
            {"layers": len(bad)},
        )
    ]


def _grows(layers: list[Layer]) -> list[Finding]:
    sized = [each for each in layers if each.finite and each.rms > 0]
    if len(sized) < 2:
        return []
    worst = max(sized, key=lambda each: each.rms)
    growth = worst.rms / max(sized[0].rms, 1.0)
    if growth <= GROWS:
        return []
    return [
        Finding(
            "signals.exploding",
            "warn",
            "activations",
            f"they grow {growth:.3g} times from {sized[0].name} (rms {sized[0].rms:.3g}) to {worst.name} ({worst.rms:.3g})",
            "initialise by fan-in (nn.init.kaiming_normal_), or put a norm between the layers",
            {"growth": growth, "largest": worst.rms},
        )
    ]


def _steep(total: float) -> list[Finding]:
    if total <= STEEP:
        return []
    return [
        Finding(
            "gradients.large",
            "warn",
            "gradient norm",
            f"|grad| is {total:.3g} at the start, more than {STEEP:g}",
            "set gradient_clip_norm to 1.0 and warm the rate up; then look at the scale of inputs, targets and weights",
            {"gradient_norm": total},
        )
    ]


def _fades(layers: list[Layer]) -> list[Finding]:
    """Compares layers with a weight that got a gradient; dead ones are said elsewhere."""
    weighed = [
        (each, each.weight_gradient / each.weight)
        for each in layers
        if each.weight and each.weight_gradient is not None
    ]
    weighed = [(each, ratio) for each, ratio in weighed if ratio > 0 and math.isfinite(ratio)]
    if len(weighed) < 2:
        return []
    low, high = min(weighed, key=lambda each: each[1]), max(weighed, key=lambda each: each[1])
    order = [each for each, _ in weighed]
    spread = low[1] / high[1]
    early_is_low = order.index(low[0]) < order.index(high[0])
    numbers = {"spread": spread, "lowest": low[1], "highest": high[1]}
    said = f"|grad|/|weight| is {low[1]:.2g} in {low[0].name} and {high[1]:.2g} in {high[0].name}"
    if spread < FADES and early_is_low:
        return [
            Finding(
                "gradients.vanishing",
                "warn",
                "gradients",
                f"{said}: ratio {spread:.1g}, below {FADES:g}",
                "replace saturating activations (sigmoid, tanh) by ReLU or GELU, add skip connections or norms",
                numbers,
            )
        ]
    if 1.0 / spread > EXPLODES and not early_is_low:
        return [
            Finding(
                "gradients.exploding",
                "warn",
                "gradients",
                f"{said}: ratio {1 / spread:.1g}, above {EXPLODES:g}",
                "scale the weights down towards the output, add norms, clip with gradient_clip_norm = 1.0",
                numbers,
            )
        ]
    return []


def _dead(watch: Watch) -> list[Finding]:
    worst = max(watch.dead, key=lambda each: each[1], default=None)
    if worst is None or worst[1] < DEAD:
        return []
    name, share, seen = worst
    whole = share == 1.0
    others = sum(each[1] >= DEAD for each in watch.dead) - 1
    more = f", and {others} layers more" if others else ""
    return [
        Finding(
            "signals.dead-relu",
            "fail" if whole else "warn",
            "ReLU",
            f"{share:.0%} of the units in {name} are zero for all {seen} inputs{more}",
            "look for a large negative bias or a large input offset; use LeakyReLU or GELU, or a lower rate",
            {"share": round(share, 4)},
        )
    ]


def _flat(watch: Watch) -> list[Finding]:
    worst = max(watch.flat, key=lambda each: each[2], default=None)
    if worst is None or worst[2] < SATURATED:
        return []
    name, function, share = worst
    return [
        Finding(
            "signals.saturated",
            "warn",
            function,
            f"{share:.0%} of the values of {function} in {name} are at its flat end",
            "scale its input down: smaller weights, a norm before it, normalised data",
            {"share": round(share, 4)},
        )
    ]


def _well(layers: list[Layer], total: float) -> Finding:
    sized = [each.rms for each in layers if each.finite and each.rms > 0]
    spread = f"output rms {min(sized):.2g} to {max(sized):.2g}, " if sized else ""
    return Finding(
        "signals.healthy",
        "ok",
        "signal through the layers",
        f"{len(layers)} layers: {spread}|grad| {total:.3g}",
        "keep initialisation and norms as they are when you add layers",
        {"gradient_norm": total, "layers": len(layers)},
    )
