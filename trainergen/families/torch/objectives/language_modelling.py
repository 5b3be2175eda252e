"""Language modelling: each token from those before it; the target is the input, one place on."""

from __future__ import annotations

import re

from ....planning.plan import Constant
from ..seen import Seen, said
from . import LossOption, Proposal

TASK = "language-modelling"
LOSSES = {"next_token": "logits against the input one place on"}
METRICS = ("accuracy",)
EPOCH_METRICS = ()
DEFAULT_METRICS = METRICS
METRIC_FUNCTIONS = {"accuracy": "accuracy"}
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
MASKED = r"\bbert\b|\w+bert\b|mask(ed)?.?(language|token|lm|model)|\bmlm\b|bidirectional|fill.?mask"
PADDING_ARGUMENTS = r"pad(ding)?(_token)?_?(id|idx|index|value|token)|ignore_index"


def propose(seen: Seen) -> Proposal | None:
    """Scores over the vocabulary at every place of one sequence of ids, and nothing else in the batch to compare with."""
    tokens = seen.tokens
    if tokens is None or seen.left or tokens.prepare:
        return None
    output = next((each for each in seen.learnt if len(each.sizes) == 3 and each.sizes[:2] == tokens.leaf.sizes), None)
    if output is None or output.sizes[1] < 2 or not _is_vocabulary(seen, output.sizes[2]):
        return None
    causal, masked = seen.says(SAYS_SO) or seen.says(CAUSAL, code=True), seen.says(MASKED)
    switch = seen.argument(r"(is_)?causal|autoregressive")
    if switch is not None and seen.arguments[switch] == "False":
        masked = f"{switch} is False"
    if masked:
        score, why = 46, f"but {masked}"
    else:
        score, why = (90, causal) if causal else (74, "and nothing else to predict")
    padding = _padding(seen)
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
        assumed=True,
        roles=(seen.output("prediction", output), seen.input("target", tokens)),
    )


def _is_vocabulary(seen: Seen, columns: int) -> bool:
    """As many columns as a table has rows, or as the constructor says that there are tokens."""
    if any(rows == columns for rows, _ in seen.tables):
        return True
    return seen.argument(r"(num|n|nb)?_?(vocab(ulary)?(_size)?|tokens|words|chars)", columns) is not None


def _padding(seen: Seen) -> int | None:
    """The id that pads: an argument of the constructor with a value, or ``padding_idx`` of a table in the source."""
    name = seen.argument(PADDING_ARGUMENTS)
    if name is not None and re.fullmatch(r"-?\d+", seen.arguments[name]):
        return int(seen.arguments[name])
    found = re.search(r"padding_idx\s*=\s*(\d+)", seen.source)
    return int(found[1]) if found is not None else None
