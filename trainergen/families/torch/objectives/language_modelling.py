"""Language modelling: each token from those before it; the target is the input, one place on."""

from __future__ import annotations

from ....planning.plan import Constant
from ..seen import Seen, SeenInput, said
from ..vocabulary import padding_id, scores, seeing_both_ways
from . import LossOption, Proposal

TASK = "language-modelling"
LOSSES = {"next_token": "logits against the input one place on"}
METRICS = ("accuracy", "perplexity")
EPOCH_METRICS = ()
DEFAULT_METRICS = ("accuracy",)
METRIC_FUNCTIONS = {"accuracy": "accuracy", "perplexity": "perplexity"}
LOSSES_ON_PROBABILITIES = ()
REFERENCES = {
    "next_token": lambda functional, prediction, target, padding=-100: functional.cross_entropy(
        prediction, target, ignore_index=padding
    ),
}
SAYS_SO = (
    r"causal|auto.?regressi|language.?model|\bgpt\b|\blms?\b|\w+lm\b|decoder.?only|next.?(token|word)|\bgenerat"
    r"|char.?rnn|char.?level"
)
CAUSAL = r"is_causal\s*=\s*True|\.triu\(|\.tril\(|\bcausal\w*\s*=\s*True|generate_square_subsequent_mask"


def propose(seen: Seen) -> Proposal | None:
    """Scores over the vocabulary at every place of one sequence of ids, and nothing else in the batch to compare with."""
    tokens = seen.tokens
    if tokens is None or seen.left or tokens.prepare:
        return None
    output = scores(seen, tokens)
    if output is None:
        return None
    score, why, conclusive = _signs(seen, tokens)
    padding = padding_id(seen)
    constants = () if padding is None else (Constant("padding", padding),)
    cast = () if tokens.leaf.dtype == "int64" else ("long",)
    option = LossOption(
        "next_token", LOSSES["next_token"], ("drop_last:1", "permute:0,2,1"), ("drop_first:1", *cast), constants
    )
    ignored = "" if padding is None else f"; padding is {padding}, and ignored"
    return Proposal(
        score=score,
        reason=f"{said(output)} are scores over the vocabulary of {tokens.name}, {why}{ignored}",
        losses=(option,),
        classes=output.sizes[2],
        assumed=not conclusive,
        roles=(seen.output("prediction", output), seen.input("target", tokens)),
    )


def _signs(seen: Seen, tokens: SeenInput) -> tuple[int, str, bool]:
    """How surely the next token is meant, why, and whether that is beyond doubt."""
    causal, words = seen.is_causal(tokens), seen.says(SAYS_SO)
    if causal:
        seeing = "and no place sees those after it (measured)"
        return (94, f"{seeing}; {words}", True) if words else (90, seeing, False)
    if causal is False:
        return 44, f"but a place sees those after it (measured){'; ' + words if words else ''}", False
    masked = seeing_both_ways(seen)
    if masked:
        return 46, f"but {masked}", False
    words = words or seen.says(CAUSAL, code=True)
    return (88, words, False) if words else (74, "and nothing else to predict", False)
