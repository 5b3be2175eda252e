"""CTC: a transcript from frames whose alignment with it nobody knows (Graves et al. 2006)."""

from __future__ import annotations

import re
from typing import Any

from ....inspection.batch_spec import BATCH, Leaf
from ....planning.plan import Constant
from ..facts import OutputFacts
from ..seen import FLOATING, INTEGRAL, Role, Seen, of_samples, said
from . import LossOption, Proposal

TASK = "ctc"
LOSSES = {
    "ctc": "scores of each frame, made log-probabilities first",
    "ctc_of_log_probabilities": "log-probabilities of each frame",
}
METRICS = ()
EPOCH_METRICS = ()
DEFAULT_METRICS = ()
METRIC_FUNCTIONS: dict[str, str] = {}
LOSSES_ON_PROBABILITIES = ()

CALLED = r"\bctc\b|ctc"
SAYS_SO = (
    r"speech.?(recogni|to.?text)|\basr\b|\bocr\b|\bcrnn\b|transcri(be|pt)|handwrit|text.?recogni|deep.?speech|wav2vec"
    r"|(sign.?language|lip).?(recogni|read)"
)
SYMBOLS = (
    r"(num|n|nb)?_?(class(es)?|labels?|chars?|characters|tokens|symbols|phonemes|letters|graphemes)(_size)?|vocab(ulary)?(_size)?"
    r"|alphabet(_size)?"
)
BLANK = r"blank(_?(id|idx|index|label|token))?"


def _ctc(functional: Any, prediction: Any, target: Any, **lengths: Any) -> Any:
    return _of_log_probabilities(functional, functional.log_softmax(prediction, dim=-1), target, **lengths)


def _of_log_probabilities(
    functional: Any, prediction: Any, target: Any, input_lengths: Any, target_lengths: Any, blank: int = 0
) -> Any:
    """A sample at a time: minus the log-probability of its transcript, per symbol of it; 0 where no alignment exists."""
    losses = []
    for number, (frames, symbols) in enumerate(zip(input_lengths.tolist(), target_lengths.tolist(), strict=True)):
        loss = functional.ctc_loss(
            prediction[:frames, number],
            target[number, :symbols],
            (frames,),
            (symbols,),
            blank=blank,
            reduction="sum",
        )
        losses.append((loss if bool(loss.isfinite()) else loss.new_zeros(())) / max(symbols, 1))
    return sum(losses) / len(losses)


REFERENCES = {"ctc": _ctc, "ctc_of_log_probabilities": _of_log_probabilities}


def propose(seen: Seen) -> Proposal | None:
    """Scores of symbols at each of several frames, of a model that is said to transcribe.

    The loader gives a transcript a sample, padded to one length, its true length, and how many frames of the *output* are
    the sample's (behind strides there are fewer than of the input), unless forward returns that.
    """
    called, words = seen.says(CALLED, code=True), seen.says(SAYS_SO)
    output = seen.main
    if output is None or len(output.sizes) != 3 or (called is None and words is None):
        return None
    if not any(each.leaf.dtype in FLOATING and len(each.leaf.sizes) >= 2 for each in seen.inputs):
        return None
    frames = 0 if output.dims[1] == BATCH else 1
    symbols = seen.argument(SYMBOLS, output.sizes[2])
    logs = output.log_sums_to_one
    if output.sizes[frames] < 2 or output.sizes[2] < 3 or not (called or logs or symbols):
        return None
    roles = _roles(seen, output, frames)
    if roles is None:
        return None
    evidence = [each for each in (called, words, "they are log-probabilities" if logs else None) if each]
    evidence += [f"the constructor takes {symbols}"] if symbols else []
    first = ("permute:1,0,2",) if frames == 1 else ()
    blank = _blank(seen, output.sizes[2])
    options = [
        LossOption(name, reason, first, roles[1].prepare, (Constant("blank", blank),))
        for name, reason in LOSSES.items()
    ]
    if logs:
        options.reverse()
    return Proposal(
        score=96 if called else 92,
        reason=f"{said(output)} are scores of symbols at each frame: {'; '.join(evidence)}; blank is {blank}",
        losses=tuple(options),
        classes=output.sizes[2],
        assumed=not (called and logs),
        low=0,
        high=output.sizes[2],
        roles=roles,
    )


def _roles(seen: Seen, output: OutputFacts, frames: int) -> tuple[Role, ...] | None:
    """Prediction, transcript and the two lengths; None where the user's batch lacks one."""
    count, symbols = output.sizes[frames], output.sizes[2]
    longest = max(1, count // 2)  # with a blank between any two that are the same it still fits
    transcript = Leaf("int64", (BATCH, "target_length"), (seen.samples, longest), 1, symbols, "assumed")
    target = seen.want(
        "target", transcript, key="targets", also=("labels", "transcript", "transcripts", "text", "tokens")
    )
    lengths = seen.want(
        "target_lengths",
        of_samples(seen, "int64", low=1, high=longest + 1),
        also=("label_lengths", "transcript_lengths", "text_lengths", "y_lengths"),
        low=0,
    )
    counted = _frames(seen, count)
    if target is None or lengths is None or counted is None:
        return None
    return (seen.output("prediction", output), target, counted, lengths)


def _frames(seen: Seen, count: int) -> Role | None:
    """How many frames of the output are a sample's: returned by forward, else for the loader to give."""
    for each in seen.outputs:
        if each.dtype in INTEGRAL and each.sizes == (seen.samples,) and (each.high or 0) <= count:
            return seen.output("input_lengths", each, variable="frames")
    return seen.want(
        "input_lengths",
        of_samples(seen, "int64", low=count, high=count + 1),
        also=("output_lengths", "frames", "frame_lengths", "x_lengths"),
        low=1,
    )


def _blank(seen: Seen, symbols: int) -> int:
    """The number that stands for no symbol: an argument of the constructor, the source's, else 0 as in torch."""
    name = seen.argument(BLANK)
    text = seen.arguments[name] if name is not None else ""
    if not re.fullmatch(r"\d+", text):
        found = re.search(rf"\b{BLANK}\s*=\s*(\d+)", seen.source, re.IGNORECASE)
        text = found[found.lastindex or 0] if found is not None else "0"
    return int(text) if int(text) < symbols else 0
