"""Lab part: a written file, loaded in a process of its own, against what the model gave."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..lab.protocol import Context, LabProblem
from .rebuilding import build
from .sampling import Case, seeded, tensors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn


def prove(payload: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The request ``prove``: load a file and run it with every case; nothing of the writing process is left here.

    Args:
        payload: ``format``, ``file``, ``cases`` (a file of the writing request's), ``names`` (of the outputs),
            ``tolerance``, ``question`` (as `Trained.question`; only a file of weights alone makes use of it).
        context: the lab.

    Returns:
        ``engine``: what ran it; ``cases``: ``samples``, ``max_abs``, ``max_rel``, ``within``, ``equal_bits``,
        ``problem`` of each.

    Raises:
        LabProblem: kind ``internal`` where the file can't even be loaded.
    """
    kind = importlib.import_module(f"{__package__}.formats.{payload['format']}")
    cases = [Case(**each) for each in torch.load(payload["cases"], weights_only=True)]

    def model() -> nn.Module:
        untrained: nn.Module = build(payload["question"], context).model
        return untrained.eval()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            engine, run = kind.load(Path(payload["file"]), model)
        except LabProblem:
            raise
        except Exception as error:
            raise LabProblem(
                "internal",
                f"the {payload['format']} file that was written can't be loaded: {type(error).__name__}: {error}",
            ) from error
        compared = [_compare(run, case, list(payload["names"]), float(payload["tolerance"])) for case in cases]
    return {"engine": engine, "cases": compared}


def _compare(run: Callable[[Case], Any], case: Case, names: list[str], tolerance: float) -> dict[str, Any]:
    """The largest errors over all outputs of one case.

    The relative error is taken where the expected value is above the tolerance: below it the absolute one says more.
    A value is within the tolerance t where ``|found - expected| <= t + t * |expected|``, as in `torch.allclose`.
    """
    try:
        found = tensors_of(seeded(run, case))
    except Exception as error:  # of whatever engine
        first_line = (str(error).strip().splitlines() or [""])[0][:200]
        return _verdict(case, problem=f"fails: {type(error).__name__}: {first_line}")
    if len(found) != len(case.expected):
        return _verdict(case, problem=f"gives {len(found)} tensors, the model {len(case.expected)}")
    largest, relative, within, equal = 0.0, 0.0, True, True
    for name, one, other in zip(names, found, case.expected, strict=True):
        if (one.shape, one.dtype) != (other.shape, other.dtype):
            forms = [f"{str(each.dtype).removeprefix('torch.')}{list(each.shape)}" for each in (one, other)]
            return _verdict(case, problem=f"{name} is {forms[0]}, the model's {forms[1]}")
        if torch.equal(one, other) or not other.numel():
            continue
        equal = False
        wide = torch.complex128 if other.is_complex() else torch.float64
        got, expected = one.to(wide), other.to(wide)
        gap = (got - expected).abs()
        same = (got == expected) | (torch.isnan(got) & torch.isnan(expected))
        gap[same] = 0.0
        if not torch.isfinite(gap).all():
            return _verdict(case, problem=f"{name} is finite where the model's is not, or the other way round")
        exact = not (other.is_floating_point() or other.is_complex())
        bound = torch.zeros_like(gap) if exact else tolerance * (1 + expected.abs())
        bound[same] = 0.0
        within = within and bool((gap <= bound).all())
        largest = max(largest, gap.max().item())
        counted = expected.abs() > tolerance
        if counted.any():
            relative = max(relative, (gap[counted] / expected.abs()[counted]).max().item())
    return _verdict(case, largest, relative, within=within, equal=equal)


def _verdict(
    case: Case,
    max_abs: float | None = None,
    max_rel: float | None = None,
    *,
    within: bool = False,
    equal: bool = False,
    problem: str | None = None,
) -> dict[str, Any]:
    return {
        "samples": case.samples,
        "max_abs": max_abs,
        "max_rel": max_rel,
        "within": within,
        "equal_bits": equal,
        "problem": problem,
    }
