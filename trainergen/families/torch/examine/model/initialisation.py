"""Which initialisation each weight has, told from its values: their spread against fan-in and fan-out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .....inspection.examination import Examined, Finding

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "reading the initial weights"
ORDER = 40
NEEDS = "model"
GROUP = "model"

FEWEST = 32
"""Values below which a spread says nothing."""

# A parameter of a module of the user's own may begin near zero on purpose (gates, as in Liu et al. 2021): a note.
LOUD = 4.0
QUIET = 0.02
"""Gain: standard deviation times the square root of fan-in. 1.41 keeps the variance through ReLU (He et al. 2015), 1 through
linear layers (Glorot and Bengio 2010), torch's own default for Linear has 0.58."""


def examine(specimen: Specimen) -> Examined:
    """A row a weight of two or more dimensions."""
    model = specimen.build()
    rows = []
    for name, parameter in model.named_parameters():
        is_weight = parameter.dim() >= 2 and "bias" not in name.rpartition(".")[2]
        if is_weight and parameter.is_floating_point() and parameter.layout == torch.strided:
            owner = model.get_submodule(name.rpartition(".")[0])
            rows.append(_row(name, parameter.detach().float(), owner))
    schemes: dict[str, int] = {}
    for row in rows:
        schemes[row["scheme"]] = schemes.get(row["scheme"], 0) + 1
    facts = {"rows": rows, "schemes": schemes}
    return Examined(tuple(_judge(rows, schemes)), facts)


def _row(name: str, weight: torch.Tensor, owner: nn.Module) -> dict[str, Any]:
    fan_in, fan_out = _fans(weight, owner)
    std = float(weight.std(unbiased=False))
    return {
        "parameter": name,
        "type": type(owner).__name__,
        "own": not type(owner).__module__.startswith("torch."),
        "shape": list(weight.shape),
        "mean": float(weight.mean()),
        "std": std,
        "gain": std * math.sqrt(fan_in),
        "scheme": scheme(weight, fan_in, fan_out, embedding=isinstance(owner, nn.Embedding)),
    }


def _fans(weight: torch.Tensor, owner: nn.Module) -> tuple[int, int]:
    """Inputs and outputs of a unit; as `nn.init` counts them, the other way round for transposed convolutions."""
    field = math.prod(weight.shape[2:])
    fan_in, fan_out = weight.shape[1] * field, weight.shape[0] * field
    if "Transpose" in type(owner).__name__:
        fan_in, fan_out = fan_out, fan_in
    return max(1, fan_in), max(1, fan_out)


def scheme(weight: torch.Tensor, fan_in: int, fan_out: int, *, embedding: bool = False) -> str:
    """The name of the initialisation that the values look like.

    A spread counts as a scheme's where it is within 5 %, or within three standard errors of a sample of that size. The
    shape (flat or bell) is told by the fourth moment: 1.8 for a uniform, 3 for a normal distribution.
    """
    count = weight.numel()
    std, mean = float(weight.std(unbiased=False)), float(weight.mean())
    if bool((weight == weight.flatten()[0]).all()):
        return "zeros" if mean == 0.0 else "constant"
    if _is_orthogonal(weight):
        return "orthogonal"
    if count < FEWEST:
        return "too few values to tell"
    kurtosis = float(((weight - mean) / std).pow(4).mean())
    flat = kurtosis < 2.3
    tolerance = max(0.05, 3.0 * math.sqrt(max(0.8, kurtosis - 1.0) / (4.0 * count)))
    expected = {
        "Kaiming (fan-in, ReLU)": math.sqrt(2.0 / fan_in),
        "Kaiming (fan-out, ReLU)": math.sqrt(2.0 / fan_out),
        "Xavier": math.sqrt(2.0 / (fan_in + fan_out)),
        "LeCun (fan-in)": math.sqrt(1.0 / fan_in),
        "torch's default": math.sqrt(1.0 / (3.0 * fan_in)) if flat else math.nan,
        "normal(0, 0.02)": math.nan if flat else 0.02,
        "normal(0, 1)": math.nan if flat else 1.0,
    }
    if embedding:
        expected = {name: expected[name] for name in ("normal(0, 1)", "normal(0, 0.02)", "Xavier")}
    near = {name: abs(std / value - 1.0) for name, value in expected.items() if value == value}  # noqa: PLR0124 - NaN
    near = {name: off for name, off in near.items() if off <= tolerance}
    if not near or abs(mean) > max(0.1 * std, 4.0 * std / math.sqrt(count)):
        return f"other, {'uniform' if flat else 'bell-shaped'}"
    best = min(near, key=lambda name: near[name])
    kind = "" if best.startswith(("normal", "torch")) else ", uniform" if flat else ", normal"
    return best + kind


def _is_orthogonal(weight: torch.Tensor) -> bool:
    """Whether rows or columns, the fewer of them, are orthogonal and of one length (Saxe et al. 2014)."""
    flat = weight.flatten(1)
    flat = flat if flat.shape[0] <= flat.shape[1] else flat.t()
    if not 2 <= flat.shape[0] <= 1024:
        return False
    gram = flat @ flat.t()
    length = float(gram.diagonal().mean())
    wanted = length * torch.eye(len(gram), device=gram.device)
    return length > 0 and float((gram - wanted).abs().max()) < 1e-3 * length


def _judge(rows: list[dict[str, Any]], schemes: dict[str, int]) -> list[Finding]:
    found = []
    constant = [row["parameter"] for row in rows if row["scheme"] == "constant" and row["type"] != "Embedding"]
    if constant:
        found.append(
            Finding(
                "init.constant",
                "warn" if any(row["scheme"] == "constant" and not row["own"] for row in rows) else "note",
                "equal weights",
                f"{constant[0]} holds one value everywhere" + _more(constant),
                "draw it (nn.init.kaiming_normal_): units that start equal stay equal",
                {"tensors": len(constant)},
            )
        )
    zero = [row["parameter"] for row in rows if row["scheme"] == "zeros"]
    if zero:
        found.append(
            Finding(
                "init.zeros",
                "note",
                "weights of zero",
                f"{zero[0]} is zero everywhere" + _more(zero),
                "right for the last layer of a branch or a head; elsewhere draw it: nothing before it gets a gradient",
                {"tensors": len(zero)},
            )
        )
    # A parameter [1, ...] is added or prepended, as a position or a class token is: it has no fan-in.
    weights = [row for row in rows if row["type"] != "Embedding" and row["shape"][0] > 1]
    layers = [row for row in weights if row["scheme"] not in ("zeros", "constant")]
    for bad, words, id_ in (
        ([row for row in layers if row["gain"] > LOUD], "more than", "init.large"),
        ([row for row in layers if row["gain"] < QUIET], "less than", "init.small"),
    ):
        if bad:
            worst = max(bad, key=lambda row: abs(math.log(row["gain"])))
            limit = LOUD if id_ == "init.large" else QUIET
            found.append(
                Finding(
                    id_,
                    "note" if worst["own"] else "warn",
                    "spread of the weights",
                    f"{worst['parameter']} has std {worst['std']:.3g}, gain {worst['gain']:.3g}, {words} {limit:g}"
                    + _more([row["parameter"] for row in bad]),
                    "scale by fan-in: nn.init.kaiming_normal_ before ReLU, xavier_normal_ else",
                    {"tensors": len(bad), "gain": worst["gain"]},
                )
            )
    if rows and not found:
        common = ", ".join(f"{count} {name}" for name, count in sorted(schemes.items(), key=lambda each: -each[1])[:3])
        found.append(
            Finding(
                "init.scheme",
                "ok",
                "initial weights",
                f"{len(rows)} weight tensors: {common}",
                "keep it, unless layers are added: then initialise those alike",
                {"tensors": len(rows)},
            )
        )
    return found


def _more(names: list[str]) -> str:
    return f", and {len(names) - 1} more" if len(names) > 1 else ""
