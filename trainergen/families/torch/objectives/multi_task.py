"""Multi-task: several outputs, each with a target and a loss of its own, and a weight in the configuration."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ....planning.plan import Head
from ..facts import OutputFacts
from ..seen import INTEGRAL, Role, Seen
from . import LossOption, Proposal, binary, multi_class, multi_label, regression

TASK = "multi-task"
LOSSES = {"weighted_sum": "each output's own loss, times its weight"}
METRICS = ()
EPOCH_METRICS = ()
DEFAULT_METRICS = ()
METRIC_FUNCTIONS: dict[str, str] = {}
LOSSES_ON_PROBABILITIES = ()


def _each(functional: Any, **heads: Any) -> dict[str, Any]:  # noqa: ARG001 - as every reference
    """Each head's loss, as the reference of its own task computed it."""
    return heads


REFERENCES = {"weighted_sum": _each}
SAYS_SO = r"multi.?(task|head|output|objective)"
NO_HEAD = re.compile(
    r"(^|_)(embed\w*|feat\w*|hidden\w*|states?|code|latent|z|attn|attention|weights?|mask|mu|mean|log_?var\w*|sigma|std"
    r"|var\w*|scale|loc|recon\w*|x_hat|aux\w*|cache|memory|prob\w*|softmax|h|c|h_n|c_n|query|key|proj\w*|norm\w*|pool\w*|body|trunk|stem|backbone|encod\w*|decod\w*|anchor|positive|negative)(_|$|\d)"
)
KINDS = (multi_class, binary, multi_label, regression)


def propose(seen: Seen) -> Proposal | None:
    """Two outputs a sample or more that have names of their own, none of which says that it is no answer."""
    outputs = [each for each in seen.learnt if each.sizes[:1] == (seen.samples,)]
    names = [_name(seen, each) for each in outputs]
    if len(outputs) < 2 or len(set(names)) < len(names) or not all(names) or len(outputs) < len(seen.learnt):
        return None
    words = seen.says(SAYS_SO)
    alike = len({each.sizes for each in outputs}) == 1 and outputs[0].sizes[1:] not in ((), (1,))  # embeddings are, too
    own = not alike and all(_has_layer(seen, seen.called(each)) for each in outputs)
    tokens = any(each.leaf.dtype in INTEGRAL and len(each.leaf.sizes) == 2 for each in seen.inputs)
    if any(len(each.sizes) > 2 for each in outputs) and (tokens or not (words or own)):
        return None  # maps of features, what a sequence was on its way, or scores of its next tokens
    heads, roles, options = [], [], []
    for number, (name, output) in enumerate(zip(names, outputs, strict=True)):
        read = _read(seen, output)
        if read is None:
            return None
        task, loss, wanted = read
        prefix = "" if number == 0 else f"{name}_"
        target = seen.want(
            f"{prefix}target",
            wanted.leaf or seen.inputs[0].leaf,
            key=name,
            also=(f"{name}_target", f"{name}_label"),
            low=wanted.low,
            high=wanted.high,
        )
        if target is None:
            return None
        casts = loss.target_prepare if seen.synthesised else target.prepare or loss.target_prepare
        roles += [
            Role(f"{prefix}prediction", "output", output.path, loss.prediction_prepare, variable=f"{name}_prediction"),
            replace(target, prepare=casts),
        ]
        options.append(replace(loss, target_prepare=casts))
        heads.append(Head(name, task, loss.name, f"{prefix}prediction", f"{prefix}target", f"{name}_weight"))
    evidence = words or ("each has a layer of its own, called so" if own else "")
    first = options[0]
    return Proposal(
        score=92 if words else 91 if own else 68,
        reason=f"outputs {', '.join(names)} have a target each" + (f": {evidence}" if evidence else ""),
        losses=(LossOption("weighted_sum", LOSSES["weighted_sum"], first.prediction_prepare, first.target_prepare),),
        assumed=True,
        roles=tuple(roles),
        heads=tuple(heads),
        low=roles[1].low,
        high=roles[1].high,
    )


def _has_layer(seen: Seen, called: str) -> bool:
    """Whether the model has a layer that an output is called after: left out, that layer would learn nothing."""
    layers = {part.lower().strip("_") for name, _ in seen.parameters for part in name.split(".")[:-1]}
    return not layers.isdisjoint({called, f"{called}_head", f"head_{called}"})


def _name(seen: Seen, output: OutputFacts) -> str:
    """What the head is called: the output's name without what all such names end in; empty where it is no head."""
    name = seen.called(output)
    short = re.sub(r"_(logits?|preds?|predictions?|out|outputs?|scores?|head)$", "", name)
    return short if re.fullmatch(r"[a-z]\w*", short) and not NO_HEAD.search(name) else ""


def _read(seen: Seen, output: OutputFacts) -> tuple[str, LossOption, Role] | None:
    """Task, loss and target of one output, as if the model returned nothing else."""
    alone = replace(seen, outputs=(output,), left=(), synthesised=True, activation=output.activation)
    found = [(kind.TASK, proposal) for kind in KINDS if (proposal := kind.propose(alone)) is not None]
    if not found:
        return None
    task, best = max(found, key=lambda each: each[1].score)
    target = best.role("target")
    if target is None:
        return None
    return task, best.losses[0], replace(target, low=best.low, high=best.high)
