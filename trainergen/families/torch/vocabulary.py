"""What a model says of the tokens it reads: whether its scores are over the vocabulary, and which id pads."""

from __future__ import annotations

import re
from typing import Any

from .facts import OutputFacts
from .seen import Seen, SeenInput

SIZE = r"(num|n|nb|src|tgt|trg|input|output|source|target)?_?(vocab(ulary)?(_size)?|num_?tokens|tokens|words|chars)(_?size)?"
PADDING = r"((src|tgt|trg)_)?pad(ding)?(_token)?_?(id|idx|index|value|token)|ignore_index"

MASKED = r"\bbert\b|\w*bert\b|mask(ed)?.?(language|token|lm|model)|\bmlm\b|bidirectional|fill.?mask"


def is_vocabulary(seen: Seen, columns: int) -> bool:
    """As many columns as a table has rows, or as the constructor says that there are tokens."""
    return any(rows == columns for rows, _ in seen.tables) or seen.argument(SIZE, columns) is not None


def scores(seen: Seen, tokens: SeenInput) -> OutputFacts | None:
    """The first output [batch, length, vocabulary] with a row for each of `tokens`."""
    found = (each for each in seen.learnt if len(each.sizes) == 3 and each.sizes[:2] == tokens.leaf.sizes)
    return next((each for each in found if each.sizes[1] > 1 and is_vocabulary(seen, each.sizes[2])), None)


def padding_id(seen: Seen) -> int | None:
    """The id that pads: an argument of the constructor with a value, or ``padding_idx`` of a table in the source."""
    name = seen.argument(PADDING)
    if name is not None and re.fullmatch(r"-?\d+", seen.arguments[name]):
        return int(seen.arguments[name])
    found = re.search(r"padding_idx\s*=\s*(\d+)", seen.source)
    return int(found[1]) if found is not None else None


def seeing_both_ways(seen: Seen) -> str | None:
    """What says that a place sees those on both sides of it, as a phrase: an argument, else a word."""
    switch = seen.argument(r"(is_)?causal|autoregressive")
    if switch is not None and seen.arguments[switch] == "False":
        return f"{switch} is False"
    return seen.says(MASKED)


def mean_surprise(functional: Any, prediction: Any, target: Any, padding: int = -100) -> Any:
    """Minus the log-probability in nats of each token, the mean over those that are not `padding`.

    Args:
        functional: ``torch.nn.functional``.
        prediction: scores [batch, vocabulary, length].
        target: ids [batch, length].
        padding: the id that is left out.
    """
    counted = target != padding
    places = target.masked_fill(~counted, 0).unsqueeze(-1)
    picked = functional.log_softmax(prediction.movedim(1, -1), dim=-1).gather(-1, places).squeeze(-1)
    return -(picked * counted).sum() / counted.sum()
