"""Masked modelling: tokens that were hidden in the input, each from all that are left on both sides of it."""

from __future__ import annotations

from ....inspection.batch_spec import Leaf, Path
from ....planning.plan import Constant
from ..seen import Seen, said
from ..vocabulary import mean_surprise, scores, seeing_both_ways
from . import IGNORED_CLASS, LossOption, Proposal

TASK = "masked-modelling"
LOSSES = {"masked_tokens": "logits against the hidden tokens; labels are -100 wherever nothing was hidden"}
METRICS = ("accuracy", "perplexity")
EPOCH_METRICS = ()
DEFAULT_METRICS = ("accuracy",)
METRIC_FUNCTIONS = {"accuracy": "accuracy", "perplexity": "perplexity"}
LOSSES_ON_PROBABILITIES = ()
REFERENCES = {"masked_tokens": mean_surprise}  # Devlin et al. 2019: a mean over the hidden places


def propose(seen: Seen) -> Proposal | None:
    """Scores over the vocabulary at every place, and places that see both ways, by measurement or else by words.

    The loader hides tokens (Devlin et al. 2019 take 15 of 100: most become the mask's id, some another id, some stay)
    and gives what they were as labels, with -100 everywhere else.
    """
    tokens = seen.tokens
    output = None if tokens is None or tokens.prepare else scores(seen, tokens)
    if tokens is None or output is None:
        return None
    causal, words = seen.is_causal(tokens), seeing_both_ways(seen)
    labels = Leaf("int64", tokens.leaf.dims, tokens.leaf.sizes, 0, output.sizes[2], "assumed")
    target = seen.want("target", labels, key="labels", also=("label", "targets", "mlm_labels", "masked_labels"))
    if target is None or causal or (causal is None and words is None):
        return None
    ignores = _ignores(seen, target.path)
    if not seen.synthesised and not (ignores or words):
        return None
    evidence = [
        *(["a place sees those after it (measured)"] if causal is False else []),
        *([words] if words else []),
        *([f"labels are {IGNORED_CLASS} in places"] if ignores else []),
    ]
    option = LossOption(
        "masked_tokens",
        LOSSES["masked_tokens"],
        ("permute:0,2,1",),
        target.prepare,
        (Constant("padding", IGNORED_CLASS),),
    )
    return Proposal(
        score=100 if ignores else 94 if causal is False and words else 88 if causal is False else 84,
        reason=f"{said(output)} are scores over the vocabulary of {tokens.name}; {'; '.join(evidence)}",
        losses=(option,),
        classes=output.sizes[2],
        assumed=not (ignores or (causal is False and words)),
        low=IGNORED_CLASS,
        high=output.sizes[2],
        roles=(seen.output("prediction", output), target),
    )


def _ignores(seen: Seen, path: Path) -> bool:
    """Whether the user's labels hold the number that says: nothing was hidden here."""
    return any(where == path and leaf.low == IGNORED_CLASS for where, leaf in seen.left)
