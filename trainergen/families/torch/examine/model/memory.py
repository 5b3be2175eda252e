"""What a training step keeps in memory, estimated from the parts, against what the allocator was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .....inspection.examination import Examined, Finding
from .....lab.batch_form import live_leaves
from .....runtime.memory import measured_peak

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "measuring memory"
ORDER = 30
NEEDS = "model"
GROUP = "model"

AGREES = (0.5, 2.0)
"""Estimate over measured peak: beyond it something is held that the parts do not explain."""

DOMINATES = 4.0
"""Saved activations over everything else: where recomputing them (Chen et al. 2016) is worth its third of the time."""


def examine(specimen: Specimen) -> Examined:
    """Bytes of one step on the first batch, in the steady state: the second step, with optimizer state and no gradients."""
    model = specimen.build()
    session = specimen.session(model)
    parameters = _bytes([*model.parameters()])
    gradients = _bytes([each for each in model.parameters() if each.requires_grad])
    buffers = _bytes([*model.buffers()])
    batch = _bytes([leaf for _, leaf in live_leaves(specimen.batch()) if isinstance(leaf, torch.Tensor)])
    saved = _saved(specimen, specimen.build())
    activations = sum(row["bytes"] for row in saved)
    session.step(specimen.batch())
    state = _state(session.optimizer)
    estimate = parameters + buffers + batch + state + activations + gradients
    peak = _peak(specimen, session) + parameters + buffers + batch + state
    samples = max(1, specimen.samples)
    facts: dict[str, Any] = {
        "parameters": parameters,
        "gradients": gradients,
        "optimizer": state,
        "buffers": buffers,
        "batch": batch,
        "activations": activations,
        "activations_a_sample": activations / samples,
        "estimate": estimate,
        "measured": peak,
        "ratio": estimate / peak if peak else None,
        "rows": saved,
    }
    return Examined(tuple(_judge(facts, samples)), facts)


def shown(size: float) -> str:
    """``1.23 MiB``."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} bytes"


def _judge(facts: dict[str, Any], samples: int) -> list[Finding]:
    fixed = facts["parameters"] + facts["gradients"] + facts["optimizer"] + facts["buffers"]
    each = facts["activations_a_sample"]
    ratio = facts["ratio"] or 0.0
    numbers = {key: facts[key] for key in ("estimate", "measured", "ratio", "activations", "optimizer", "parameters")}
    evidence = (
        f"estimated {shown(facts['estimate'])}, measured peak {shown(facts['measured'])} (ratio {ratio:.2f}), "
        f"activations {shown(facts['activations'])} at {samples} samples"
    )
    if not AGREES[0] <= ratio <= AGREES[1]:
        more = "more is held than its parts" if ratio < AGREES[0] else "less is held at once than its parts"
        advice = f"{more}: plan by the measured peak, and look for large temporaries (attention maps, one-hot, cdist)"
        found = [Finding("memory.unexplained", "note", "memory of a step", evidence, advice, numbers)]
    else:
        advice = f"{shown(fixed)} stays, {shown(each)} comes with each sample: 8 GiB hold {_fits(fixed, each)}"
        found = [Finding("memory.step", "ok", "memory of a step", evidence, advice, numbers)]
    if facts["activations"] > DOMINATES * fixed and facts["activations"] > 1 << 28:
        row = max(facts["rows"], key=lambda row: int(row["bytes"]))
        found.append(
            Finding(
                "memory.activations",
                "note",
                "saved activations",
                f"{facts['activations'] / max(1, fixed):.1f} times all weights and state; most in {row['module']}",
                "checkpoint that part (torch.utils.checkpoint) or use a smaller batch with accumulation_steps",
                {"share": row["bytes"]},
            )
        )
    return found


def _fits(fixed: float, each: float) -> str:
    return f"about {max(0, int(((8 << 30) - fixed) / each)):,} samples a batch" if each else "any batch"


def _bytes(tensors: list[Any]) -> int:
    sizes = {each.data_ptr(): each.numel() * each.element_size() for each in tensors if each.layout == torch.strided}
    return sum(sizes.values())


def _state(optimizer: torch.optim.Optimizer | None) -> int:
    """Bytes of the optimizer's tensors: two values a parameter for Adam and AdamW (Loshchilov and Hutter 2019)."""
    if optimizer is None:
        return 0
    return _bytes(
        [value for state in optimizer.state.values() for value in state.values() if isinstance(value, torch.Tensor)]
    )


def _saved(specimen: Specimen, model: nn.Module) -> list[dict[str, Any]]:
    """Bytes that autograd keeps for backward, by the module that was running; parameters are not counted again."""
    known = {value.untyped_storage().data_ptr() for value in (*model.parameters(), *model.buffers())}
    running: list[str] = []
    counts: dict[str, int] = {}
    batch = specimen.batch()
    known |= {
        leaf.untyped_storage().data_ptr()
        for _, leaf in live_leaves(batch)
        if isinstance(leaf, torch.Tensor) and leaf.layout == torch.strided
    }
    kept: list[torch.Tensor] = []  # alive, so that no address is used twice

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.layout == torch.strided:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in known:
                known.add(storage.data_ptr())
                kept.append(tensor)
                name = running[-1] if running else "the loss"
                counts[name] = counts.get(name, 0) + storage.nbytes()
        return tensor

    hooks = []
    for name, module in model.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda *_, name=name: running.append(name or "(itself)")))
        hooks.append(module.register_forward_hook(lambda *_: _pop(running), always_call=True))
    specimen.seed_now()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = specimen.loss(model, batch)
    for hook in hooks:
        hook.remove()
    del loss
    return [{"module": name, "bytes": size} for name, size in counts.items()]


def _pop(running: list[str]) -> None:
    if running:
        running.pop()


def _peak(specimen: Specimen, session: Any) -> int:
    """Bytes at the highest point of one step above its beginning: the allocator's own account."""
    batch = specimen.batch()
    session.model.zero_grad()
    specimen.seed_now(1)
    return measured_peak(lambda: session.step(batch), specimen.device)
