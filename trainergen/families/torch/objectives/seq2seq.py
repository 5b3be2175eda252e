"""Sequence to sequence: each token of a second sequence from the first one and those before it (teacher forcing)."""

from __future__ import annotations

import re

from ....inspection.batch_spec import BATCH, Leaf
from ....planning.plan import Constant
from ..facts import OutputFacts
from ..seen import INTEGRAL, Role, Seen, SeenInput, said
from ..vocabulary import is_vocabulary, mean_surprise, padding_id
from . import LossOption, Proposal

TASK = "seq2seq"
LOSSES = {"next_target_token": "logits against the second sequence one place on"}
METRICS = ("accuracy", "perplexity")
EPOCH_METRICS = ()
DEFAULT_METRICS = ("accuracy",)
METRIC_FUNCTIONS = {"accuracy": "accuracy", "perplexity": "perplexity"}
LOSSES_ON_PROBABILITIES = ()
REFERENCES = {"next_target_token": mean_surprise}  # Sutskever et al. 2014

DECODED = r"(tgt|trg|target|dec|decoder|answer|summary)(_?(seq|sequence|tokens|ids|input|inputs|input_ids|in|text))*"
ENCODED = r"(src|source|enc|encoder)(_?(seq|sequence|tokens|ids|input|inputs|input_ids|in|text))*"
SAYS_SO = r"seq(uence)?.?(2|to).?seq|encoder.?decoder|translat|summari[sz]|teacher.?forc|neural machine"
FILLS_FROM_ONE = r"for\s+\w+\s+in\s+range\(\s*1\s*,"
"""A decoder that loops over the places after the first leaves that one empty."""


def propose(seen: Seen) -> Proposal | None:
    """Two sequences of ids, and scores over a vocabulary at every place of the second.

    The names of the two, or that no place of the output sees later ids of the second but all of the first, tell which is
    decoded. Where the batch has labels beside them, those are the target; else the second sequence is, one place on.
    """
    sequences = [each for each in seen.inputs if _is_ids(each)]
    if len(sequences) < 2:
        return None
    decoded = _decoded(seen, sequences)
    if decoded is None or decoded.prepare:
        return None
    output = next((each for each in seen.learnt if _answers(seen, each, decoded)), None)
    if output is None:
        return None
    found = _target(seen, output, decoded)
    if found is None:
        return None
    target, option, places = found
    causal, named = seen.is_causal(decoded), re.fullmatch(DECODED, decoded.name.lower()) is not None
    words = seen.says(SAYS_SO)
    evidence = [f"{decoded.name} is what is decoded" if named else "the second of two sequences"]
    evidence += [words] if words else []
    if causal is not None:
        sees = (
            "sees no later token of it (measured)" if causal else "sees later tokens of it (measured): it needs a mask"
        )
        evidence.append(f"a place {sees}")
    return Proposal(
        score=98 if named and causal else 95 if named or causal else 90,
        reason=f"{said(output)} are scores over a vocabulary for each token of {decoded.name}{places}: {'; '.join(evidence)}",
        losses=(option,),
        classes=output.sizes[2],
        assumed=not (named and causal),
        roles=(seen.output("prediction", output), target),
    )


def _is_ids(part: SeenInput) -> bool:
    leaf = part.leaf
    binary = leaf.high == 2 and leaf.low == 0  # a mask, or the numbers of two segments
    return leaf.dtype in INTEGRAL and len(leaf.sizes) == 2 and not binary and "mask" not in part.name.lower()


def _decoded(seen: Seen, sequences: list[SeenInput]) -> SeenInput | None:
    """The sequence that is decoded: by its name, else the last one if it alone is read causally."""
    for each in sequences:
        if re.fullmatch(DECODED, each.name.lower()):
            return each
    first, last = sequences[0], sequences[-1]
    if re.fullmatch(ENCODED, first.name.lower()):
        return last
    told = seen.is_causal(last) and not seen.is_causal(first)
    return last if told or seen.says(SAYS_SO) else None


def _answers(seen: Seen, output: OutputFacts, decoded: SeenInput) -> bool:
    """[batch, length, vocabulary] (or length first, as the ids are); the length may be one less: cut in forward."""
    if len(output.sizes) != 3 or not is_vocabulary(seen, output.sizes[2]) or decoded.leaf.sizes[_time(decoded)] < 2:
        return False
    time, sizes = _time(decoded), decoded.leaf.sizes
    length = output.sizes[time]
    return output.sizes[1 - time] == sizes[1 - time] and length in (sizes[time], sizes[time] - 1) and length > 0


def _time(decoded: SeenInput) -> int:
    """The axis of the places: the one that is not the batch's."""
    return 0 if decoded.leaf.dims[1] == BATCH else 1


def _target(seen: Seen, output: OutputFacts, decoded: SeenInput) -> tuple[Role, LossOption, str] | None:
    """What it is compared with, how, and which of its places, as a phrase."""
    time = _time(decoded)
    padding = padding_id(seen)
    constants = () if padding is None else (Constant("padding", padding),)
    cast = () if decoded.leaf.dtype == "int64" else ("long",)
    name, reason, classes_second = "next_target_token", LOSSES["next_target_token"], "permute:0,2,1"
    if seen.left:
        labels = Leaf("int64", decoded.leaf.dims, decoded.leaf.sizes, 0, output.sizes[2], "assumed")
        role = seen.want("target", labels, key="labels", also=("tgt_out", "target_out", "decoder_target", "targets"))
        whole = output.sizes[time] == decoded.leaf.sizes[time]
        option = (
            LossOption(name, "logits against the labels given", (classes_second,), role.prepare, constants)
            if role
            else None
        )
        return (role, option, "") if role is not None and option is not None and whole else None
    one_on = (f"drop_first:{time}", *cast)
    if output.sizes[time] < decoded.leaf.sizes[time]:
        option = LossOption(name, reason, (classes_second,), one_on, constants)
        places = ", which forward cuts by one"
    elif seen.says(FILLS_FROM_ONE, code=True) and re.search(r"torch\.zeros\(|new_zeros\(", seen.source):
        option = LossOption(
            name, "the first place is never filled", (f"drop_first:{time}", classes_second), one_on, constants
        )
        places = ", filled from the second on"
    else:
        option = LossOption(name, reason, (f"drop_last:{time}", classes_second), one_on, constants)
        places = ""
    return seen.input("target", decoded), option, places
