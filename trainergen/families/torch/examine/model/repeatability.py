"""Whether the same seed gives the same model and the same steps, and what differs between train and eval mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .....inspection.examination import Examined, Finding, Trial
from .....lab.batch_form import live_leaves
from .....lab.snapshot import Snapshot, equal
from .....runtime.probes import same_seed
from .....runtime.probes.walk import walk

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "running it twice"
ORDER = 100
NEEDS = "model"
GROUP = "model"

STEPS = 2


def examine(specimen: Specimen) -> Examined:
    """Two builds, two runs of each mode, two short walks."""
    first, second = specimen.build(), specimen.build()
    built = _same_state(first, second)
    trials, found = [], []
    trials.append(Trial("two builds from one seed", "runs" if built else "differs"))
    outputs = {mode: _run(specimen, first, mode, seeds=(0, 0)) for mode in ("train", "eval")}
    unseeded = _run(specimen, first, "eval", seeds=(0, 1))
    for mode, pair in outputs.items():
        trials.append(Trial(f"{mode} mode twice from one seed", "runs" if _same(*pair) else "differs"))
    trials.append(Trial("eval mode with two seeds", "runs" if _same(*unseeded) else "differs"))
    repeats = built and all(_same(*pair) for pair in outputs.values())
    if specimen.objective is not None:
        walks = [walk(specimen.session(), [specimen.batch(n) for n in range(STEPS)], seed=specimen.seed) for _ in "ab"]
        steps = same_seed.measure(*walks)
        repeats = repeats and not steps.faults
        trials.append(Trial(f"{STEPS} steps twice from one seed", "differs" if steps.faults else "runs", steps.title))
    found.append(_repeats(repeats, trials))
    if not _same(*unseeded):
        found.append(
            Finding(
                "eval.random",
                "warn",
                "eval mode",
                "two seeds give two outputs: something random stays on after model.eval()",
                "use nn.Dropout or functional.dropout(x, p, self.training); draw noise under if self.training",
            )
        )
    found.append(_modes(first, outputs))
    return Examined(tuple(found), {"repeats": repeats}, tuple(trials))


def _run(specimen: Specimen, model: nn.Module, mode: str, seeds: tuple[int, int]) -> list[list[torch.Tensor]]:
    snapshot = Snapshot(model, specimen.device)
    model.train(mode == "train")
    results = []
    for seed in seeds:
        specimen.seed_now(seed)
        with torch.no_grad():
            output = specimen.forward(model, specimen.batch())
        results.append([leaf.clone() for _, leaf in live_leaves(output) if isinstance(leaf, torch.Tensor)])
        snapshot.restore()
    return results


def _same(left: list[torch.Tensor], right: list[torch.Tensor]) -> bool:
    return len(left) == len(right) and all(equal(one, other) for one, other in zip(left, right, strict=True))


def _same_state(first: nn.Module, second: nn.Module) -> bool:
    left: dict[str, Any] = first.state_dict()
    right: dict[str, Any] = second.state_dict()
    tensors = [name for name, value in left.items() if isinstance(value, torch.Tensor)]
    return set(left) == set(right) and all(equal(left[name], right[name]) for name in tensors)


def _repeats(repeats: bool, trials: list[Trial]) -> Finding:
    if repeats:
        advice = "set seed in the config and keep it in the manifest"
        return Finding("repeat.same", "ok", "same seed", f"the same in {len(trials)} comparisons", advice)
    different = [trial.name for trial in trials if trial.outcome == "differs" and "two seeds" not in trial.name]
    return Finding(
        "repeat.different",
        "warn",
        "same seed",
        f"another result: {', '.join(different)}",
        "draw random numbers from torch, Python or NumPy, which a run seeds; not from the clock, a set or an own generator",
        {"comparisons": len(different)},
    )


def _modes(model: nn.Module, outputs: dict[str, list[list[torch.Tensor]]]) -> Finding:
    train, evaluated = outputs["train"][0], outputs["eval"][0]
    kinds = sorted({type(each).__name__ for each in model.modules() if _has_modes(each)})
    if len(train) != len(evaluated) or any(a.shape != b.shape for a, b in zip(train, evaluated, strict=True)):
        return Finding(
            "modes.form",
            "note",
            "train and eval",
            f"forward gives another form in eval mode ({len(train)} and {len(evaluated)} tensors)",
            "have loss and metrics take both forms, or give the extra outputs always",
        )
    pairs = [(a, b) for a, b in zip(train, evaluated, strict=True) if a.is_floating_point()]
    scale = max((float(b.float().abs().max()) for _, b in pairs if b.numel()), default=0.0)
    gap = max((float((a.float() - b.float()).abs().max()) for a, b in pairs if a.numel()), default=0.0)
    share = gap / scale if scale else 0.0
    numbers = {"gap": gap, "share": share}
    if gap == 0.0:
        advice = "none needed for this model; call model.eval() all the same, for the day that one is added"
        return Finding("modes.same", "ok", "train and eval", "the same output in both modes", advice, numbers)
    why = ", ".join(kinds) or "code that looks at self.training"
    advice = "evaluate under model.eval(), and compare train and validation loss in the same mode"
    evidence = f"the outputs differ by {share:.2g} of their largest value ({why})"
    return Finding("modes.differ", "ok", "train and eval", evidence, advice, numbers)


def _has_modes(module: nn.Module) -> bool:
    batch = isinstance(module, nn.modules.batchnorm._BatchNorm)
    return batch or (isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0)
