"""Tries the loaders that the project has, where nobody named one, before a batch is sought by trying."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...lab.protocol import Context, LabProblem
from ...plain import from_plain
from . import measure
from .facts import TorchFacts

if TYPE_CHECKING:
    from collections.abc import Mapping


def build(payload: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The request ``build`` (see `measure.build`) on the first loader of the project that feeds the model.

    Args:
        payload: as `measure.build` takes it, without batch and loader; ``sources``: loaders as its ``loader`` is, the
            likeliest first.
        context: the copied tree.

    Returns:
        The facts; of a search for a batch where no loader feeds the model.
    """
    for source in payload["sources"]:
        try:
            answer = measure.build({**payload, "loader": source}, context)
        except LabProblem:
            continue  # another model's data, or a function that is no loader: nobody said that it was
        if "unanswered" not in answer and _feeds(from_plain(TorchFacts, answer)):
            return answer
    return measure.build(dict(payload), context)


def _feeds(facts: TorchFacts) -> bool:
    """Whether the batch is this model's, not one that happens to run: class labels lie within what comes out."""
    widths = [each.sizes[1] for each in facts.output if len(each.sizes) == 2 and each.sizes[1] > 1]
    labels = [each.high for each in facts.targets if each.integral and each.high is not None]
    return not widths or all(high < max(widths) for high in labels)
