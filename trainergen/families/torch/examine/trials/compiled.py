"""``torch.compile`` on the first batch: breaks of the graph, and whether the compiled model gives the same."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from .....inspection.examination import Examined, Finding, Trial

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "trying torch.compile"
ORDER = 250
NEEDS = "model"
GROUP = "graphs"

MOST_NODES = 40
"""Operations of a graph that is compiled whole: for a hundred, some of them attention, the compiler takes half a minute."""

CLOSE = 1e-3
"""Largest difference of the outputs, relative to their largest value: fused float32 kernels add in another order."""


def examine(specimen: Specimen) -> Examined:
    """Traced first, which needs no compiler; then compiled by torch's default backend, where there is a C++ compiler."""
    keep_apart(specimen)
    import torch._dynamo  # until now the lab had a stand-in for it

    model = specimen.build().eval()
    with torch.no_grad():
        specimen.seed_now()
        expected = specimen.tensors(specimen.forward(model, specimen.batch()))
        counters = torch._dynamo.utils.counters
        counters.clear()
        nodes: list[int] = []

        def count(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> Any:
            nodes.append(len(graph.graph.nodes))
            return graph.forward

        traced: Any = torch.compile(model, backend=count)
        trial, _ = specimen.attempt("torch.compile, tracing", lambda: specimen.forward(traced, specimen.batch()))
        breaks = {str(reason).splitlines()[0][:160]: int(count) for reason, count in counters["graph_break"].items()}
        trials = [trial]
        if trial.outcome != "fails":
            trials[0] = replace(trial, detail=f"{sum(nodes)} operations in {len(nodes)} graphs")
            trials.append(_compiled(specimen, model, expected, sum(nodes)))
    return Examined((_judge(trials, breaks),), {"graph_breaks": breaks, "operations": sum(nodes)}, tuple(trials))


def keep_apart(specimen: Specimen) -> None:
    """Have the compiler leave nothing behind; before torch._dynamo is imported, which reads these."""
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = tempfile.mkdtemp(dir=specimen.context.scratch)
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no pool of processes that would have to be ended
    os.environ["TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS"] = "0"  # they would stay in the temporary folder
    os.environ["TORCHINDUCTOR_VEC_ISA_OK"] = "1"  # trying the instructions out would compile for 10 s by itself


def _compiled(specimen: Specimen, model: torch.nn.Module, expected: list[torch.Tensor], nodes: int) -> Trial:
    name = "torch.compile, default backend"
    if nodes > MOST_NODES:
        return Trial(name, "not tried", f"{nodes} operations take the compiler long: more than {MOST_NODES}")
    compiler = next((each for each in (os.environ.get("CXX"), "g++", "clang++") if each and shutil.which(each)), None)
    if compiler is None and specimen.device.type == "cpu":
        return Trial(name, "not tried", "there is no C++ compiler (g++, clang++ or CXX)")
    torch._dynamo.reset()
    compiled: Any = torch.compile(model)
    began = time.perf_counter()
    trial, output = specimen.attempt(name, lambda: specimen.forward(compiled, specimen.batch()))
    took = time.perf_counter() - began
    if trial.outcome != "runs":
        return trial
    gap = largest_gap(specimen.tensors(output), expected)
    outcome = f"largest difference {gap:.1e}, compiled in {took:.0f} s"
    return Trial(name, "differs" if gap > CLOSE else "runs", outcome)


def largest_gap(found: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """The largest difference of two outputs, relative to the largest value of the expected one."""
    gaps = []
    for one, other in zip(found, expected, strict=False):
        if one.shape != other.shape:
            return float("inf")
        scale = float(other.abs().max()) if other.numel() else 0.0
        gaps.append(float((one.float() - other.float()).abs().max()) / max(scale, 1e-8) if other.numel() else 0.0)
    return max(gaps, default=0.0)


def _judge(trials: list[Trial], breaks: dict[str, int]) -> Finding:
    traced, compiled = trials[0], trials[-1]
    count = sum(breaks.values())
    if compiled.outcome == "fails" or traced.outcome == "fails":
        bad = next(each for each in trials if each.outcome == "fails")
        advice = "leave compile off, or mark the failing part with torch.compiler.disable"
        return Finding("compile.fails", "note", "torch.compile", f"{bad.name}: {bad.detail}", advice)
    if compiled.outcome in ("differs", "not finite"):
        advice = "leave compile off until torch is upgraded; report the operation"
        return Finding("compile.differs", "warn", "torch.compile", f"{compiled.outcome}: {compiled.detail}", advice)
    if count:
        reason = next(iter(breaks))
        advice = (
            "keep .item(), prints and data-dependent branches out of forward: each break costs what compiling gains"
        )
        return Finding("compile.breaks", "note", "torch.compile", f"{count} breaks of the graph: {reason}", advice)
    if compiled.outcome == "not tried":
        evidence = f"traced as one graph; not compiled: {compiled.detail}"
        advice = "set compile on and look at the time of an epoch: tracing it is no problem"
        return Finding("compile.traced", "ok", "torch.compile", evidence, advice)
    advice = "set compile on for long runs; a batch of another size compiles again"
    return Finding("compile.runs", "ok", "torch.compile", f"one graph without a break, {compiled.detail}", advice)
