"""Detection: at each of many places a class and a box, against the objects that were matched with it."""

from __future__ import annotations

import re
from typing import Any

from ....inspection.batch_spec import Leaf
from ....planning.plan import Term
from ..facts import OutputFacts
from ..seen import Seen, said, without_axis
from . import LossOption, Proposal

TASK = "detection"
LOSSES = {"matched_boxes": "cross-entropy of the classes, smooth absolute error of the boxes that hold an object"}
METRICS = ("accuracy",)
EPOCH_METRICS = ()
DEFAULT_METRICS = METRICS
METRIC_FUNCTIONS = {"accuracy": "accuracy"}
LOSSES_ON_PROBABILITIES = ()

BOXES = r"(pred_?|out_?)?(bbox|box|boxes|bboxes|loc|locs|bbox_reg\w*|box_reg\w*|bbox_pred\w*|box_pred\w*|pred_boxes|regression|reg|offsets)"
CLASSES = r"(pred_?|out_?)?(cls|class|classes|logits|scores|conf|confidence|labels|cls_\w+|class_\w+|classification|pred_logits)"
SAYS_SO = r"detect(?!.?(anomal|fraud|spam))|\bssd|retina.?net|\byolo|anchor|\bdetr\b|faster.?rcnn|bounding.?box"
DETECTOR = r"\byolo|\bdetector\b|\bobject.?detect|\bssd\b|\bfcos\b|\bretina.?net|\bcenter.?net"
PART_OF_ONE = r"backbone|\bneck\b|pyramid|\bfpn\b|encoder|\bblock\b|\blayer\b|\bconv"
RAW = (
    r"(one|single).?(stage|shot)[^.]{0,30}detect|\bobject detector|predict\w*[^.]{0,30}boxes"
    r"|\bboxes (a|per|each|for each|at each) (cell|place|anchor|location)"
)
"""What says that boxes come out: of a class that is called a detector, or in a docstring; who detects changes has none."""
FIXED_PLACES = r"\bssd|retina.?net|anchor|prior.?box|default.?box"
WEIGHT = "weight of the boxes' error beside the cross-entropy of the classes"


def _matched_boxes(functional: Any, prediction: Any, target: Any, boxes: Any, target_boxes: Any) -> dict[str, Any]:
    """Liu et al. 2016, equations 1 and 2, without the mining of negatives; a place of class 0 holds no object."""
    scores = functional.log_softmax(prediction.movedim(1, -1), dim=-1)
    surprise = -scores.gather(-1, target.unsqueeze(-1)).sum()
    distance = (boxes - target_boxes)[target > 0].abs()
    smooth = (distance.clamp(max=1) * (distance - distance.clamp(max=1) / 2)).sum()
    objects = max(int((target > 0).sum()), 1)
    return {"class_loss": surprise / objects, "box_loss": smooth / objects}


REFERENCES = {"matched_boxes": _matched_boxes}


def propose(seen: Seen) -> Proposal | None:
    """Boxes [batch, places, 4] and scores [batch, places, classes] by their names, or of a model that is said to detect.

    The loader matches objects with places: a class a place, 0 where no object is, and the box of the object there. Where
    places have no anchors of their own, which object belongs to which prediction depends on what is predicted
    (Carion et al. 2020): that is asked about.
    """
    found = _pair(seen)
    if found is None:
        return None
    scores, boxes, named = found
    words, anchored = seen.says(SAYS_SO), seen.says(FIXED_PLACES, code=True)
    if not named and words is None:
        return None
    target = seen.want("target", without_axis(scores, 2, "int64", scores.sizes[2]), key="labels", also=("classes",))
    wanted = seen.want("target_boxes", _corners(boxes), key="boxes", also=("bboxes", "gt_boxes"))
    if target is None or wanted is None:
        return None
    option = LossOption(
        "matched_boxes",
        LOSSES["matched_boxes"],
        ("permute:0,2,1",),
        target.prepare,
        terms=(Term("class_loss"), Term("box_loss", "box_weight", 1.0, WEIGHT)),
    )
    evidence = [each for each in (words, anchored if anchored != words else None) if each]
    return Proposal(
        score=93,
        reason=f"{said(scores)} are classes and {said(boxes)} boxes" + "".join(f"; {each}" for each in evidence),
        losses=(option,),
        classes=scores.sizes[2],
        question=(
            None if anchored or not seen.synthesised else "which object each of the predicted boxes is compared with"
        ),
        hint="each place's own, matched by the loader: --loss matched_boxes; any other way: a function, --loss module:name",
        assumed=True,
        low=0,
        high=scores.sizes[2],
        roles=(
            seen.output("prediction", scores),
            target,
            seen.output("boxes", boxes, variable="predicted_boxes"),
            wanted,
        ),
    )


def raw_grid(seen: Seen) -> tuple[OutputFacts, str] | None:
    """The output of a detector that holds, at each place of a grid, boxes, scores and classes as columns; and its words.

    Five columns at least, last or second, and no other output that could be boxes.
    """
    called = seen.is_called(DETECTOR)
    words = f"it is called {seen.name}" if called else seen.says(RAW)
    if (
        words is None
        or seen.is_called(PART_OF_ONE)
        or _pair(seen) is not None
        or not any(len(each.leaf.sizes) == 4 for each in seen.inputs)
    ):
        return None
    grids = [each for each in seen.learnt if len(each.sizes) >= 3]
    if not grids or len(grids) < len(seen.learnt) or any(max(each.sizes[1], each.sizes[-1]) < 5 for each in grids):
        return None
    whole = {each.leaf.sizes[2:] for each in seen.inputs if len(each.leaf.sizes) == 4}
    if any(each.sizes[2:] in whole for each in grids):  # a map of the image's own extent: of classes, of heat
        return None
    return grids[0], words


def _corners(boxes: OutputFacts) -> Leaf:
    """A box for each of the predicted ones: four numbers, whatever the model's dimensions are called."""
    return Leaf(boxes.dtype, (*boxes.dims[:2], 4), boxes.sizes, source="assumed")


def _pair(seen: Seen) -> tuple[OutputFacts, OutputFacts, bool] | None:
    """Scores and boxes with as many places, and whether both are called that."""
    rows = [each for each in seen.learnt if len(each.sizes) == 3]
    boxes = [each for each in rows if each.sizes[2] == 4]
    boxes = [each for each in boxes if re.fullmatch(BOXES, seen.called(each))] or boxes
    for box in boxes:
        scores = [
            each for each in rows if each.path != box.path and each.sizes[:2] == box.sizes[:2] and each.sizes[2] > 1
        ]
        named = [each for each in scores if re.fullmatch(CLASSES, seen.called(each))]
        if scores and len(rows) == len(seen.learnt) == 2:
            best = (named or scores)[0]
            return best, box, bool(named) and re.fullmatch(BOXES, seen.called(box)) is not None
    return None
