"""Other sizes than the batch's: odd ones, longer and shorter ones, for every dimension that may vary."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from .....inspection.examination import Examined, Finding, Trial
from .....runtime.probes.walk import fresh
from ...measure_sizes import resize

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "trying other sizes"
ORDER = 210
NEEDS = "model"
GROUP = "model"

STEPS = (1, 2, 4, 8, 16, 32)
"""Away from the size that runs: the smallest that works is the multiple that the model asks for."""

LARGEST = 2**22
"""Elements of a tensor that is tried."""


def examine(specimen: Specimen) -> Examined:
    """Forward in eval mode: the dimension alone where it varies alone, with its namesakes where they vary together."""
    symbols = specimen.symbols()
    trials: list[Trial] = []
    found: list[Finding] = []
    # On the CPU: an index out of range on a GPU would end every later operation there.
    model = specimen.build().eval().cpu()
    with torch.no_grad():
        here, _ = specimen.attempt(
            "its own sizes on the CPU", lambda: specimen.forward(model, fresh(specimen.train[0]))
        )
    if here.outcome == "fails":
        return Examined((), {}, (here,))
    for symbol, size in symbols.items():
        tried = {
            name: _try(specimen, model, symbol, other, name)
            for name, other in (("odd", _odd(size)), ("shorter", max(1, size // 2)), ("longer", 2 * size))
            if other != size
        }
        trials += tried.values()
        found.append(_judge(specimen, model, symbol, size, tried))
    found = _together(found)
    for each in specimen.fixed:
        name = f"{specimen.names[each.path]}, dimension {each.axis}"
        trials.append(Trial(f"{name}: {each.tried}", "fails", each.error))
    if specimen.fixed:
        where = ", ".join(dict.fromkeys(f"{specimen.names[each.path]}[{each.axis}]" for each in specimen.fixed))
        first = specimen.fixed[0]
        found.append(
            Finding(
                "sizes.fixed",
                "note",
                "fixed sizes",
                f"{where}: {first.tried} gives {first.error}",
                "resize, crop or pad in the data set to the size that the model was built for",
                {"dimensions": len(specimen.fixed)},
            )
        )
    if not symbols and not specimen.fixed:
        trials.append(Trial("other sizes", "not tried", "no input has a dimension beside the batch's"))
    return Examined(tuple(found), {"symbols": symbols}, tuple(trials))


def _odd(size: int) -> int:
    """An odd size, below `size` where there is one: beyond it the model may end for another reason."""
    if size > 4:
        return size - 1 if size % 2 == 0 else size - 2
    return size + 1 if size % 2 == 0 else size + 2


def _try(specimen: Specimen, model: torch.nn.Module, symbol: str, size: int, name: str) -> Trial:
    called = f"{symbol} = {size} ({name})"
    axes = [each for each in specimen.axes(symbol) if each[0] in specimen.inputs]
    batch = fresh(specimen.train[0])
    largest = max(specimen.leaf(path).sizes[axis] for path, axis in axes)
    count = max(_elements(specimen.leaf(path).sizes) for path, _ in axes)
    if count // max(1, largest) * size > LARGEST:
        return Trial(called, "not tried", "too large")
    with torch.no_grad():
        return specimen.attempt(called, lambda: specimen.forward(model, resize(batch, dict.fromkeys(axes, size))))[0]


def _elements(sizes: tuple[int, ...]) -> int:
    count = 1
    for size in sizes:
        count *= size
    return count


def _judge(specimen: Specimen, model: torch.nn.Module, symbol: str, size: int, tried: dict[str, Trial]) -> Finding:
    failed = {name: trial for name, trial in tried.items() if trial.outcome not in ("runs", "not tried")}
    if not failed:
        names = ", ".join(trial.name.partition(" = ")[2] for trial in tried.values() if trial.outcome == "runs")
        advice = "mixed sizes need a collate function that pads, or batches of one size each"
        return Finding("sizes.free", "ok", symbol, f"runs with {names or 'its own size alone'}", advice)
    multiple = _multiple(specimen, model, symbol, size) if "odd" in failed else None
    if "odd" in failed and (multiple is not None or "shorter" not in failed):
        evidence = _evidence(failed["odd"])
        asked = (
            f"pad or crop to a multiple of {multiple}"
            if multiple
            else f"resize to {size}, or to a size that you have tried,"
        )
        return Finding(
            "sizes.odd", "warn", symbol, evidence, f"{asked} in the data set", {"size": size, "multiple": multiple}
        )
    name = "shorter" if "shorter" in failed else "longer"
    advice = f"keep it at {size} or above" if name == "shorter" else f"cut it to at most {size}"
    return Finding(f"sizes.{name}", "note", symbol, _evidence(failed[name]), advice, {"size": size})


def _evidence(trial: Trial) -> str:
    return f"{trial.name.partition(' = ')[2]} {trial.outcome}: {trial.detail}"


def _together(found: list[Finding]) -> list[Finding]:
    """Dimensions of which the same is to be said, said once."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for each in found:
        groups.setdefault((each.id, each.evidence, each.advice), []).append(each)
    return [replace(group[0], subject=", ".join(each.subject for each in group)) for group in groups.values()]


def _multiple(specimen: Specimen, model: torch.nn.Module, symbol: str, size: int) -> int | None:
    """The smallest step from `size` that works twice, downwards where there is room, if it divides `size`."""
    for step in STEPS:
        way = -step if size > 2 * step else step
        if size % step == 0 and all(
            _try(specimen, model, symbol, size + times * way, "").outcome == "runs" for times in (1, 2)
        ):
            return step
    return None
