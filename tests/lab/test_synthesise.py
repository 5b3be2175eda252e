"""The search finds what a model takes, in process: no lab is started."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from trainergen.inspection.batch_spec import Branch, Leaf
from trainergen.inspection.model_facts import Argument, Place
from trainergen.lab.protocol import Context
from trainergen.lab.synthesise import Found, Hints, synthesise

from .research_models import MODELS

HERE = Path(__file__).parent
KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_POSITIONAL: "var_positional",
    inspect.Parameter.VAR_KEYWORD: "var_keyword",
}


def arguments_of(model: nn.Module) -> list[Argument]:
    found = []
    for each in list(inspect.signature(type(model).forward).parameters.values())[1:]:
        annotation = None if each.annotation is each.empty else str(each.annotation)
        default = None if each.default is each.empty else repr(each.default)
        found.append(Argument(each.name, KINDS[each.kind], annotation, default, Place("model.py", 1)))  # type: ignore[arg-type]
    return found


def find(model: nn.Module, **options: Any) -> Found:
    kind = type(model)
    hints = options.pop("hints", None) or Hints(kind.__doc__, kind.forward.__doc__, inspect.getsource(kind), {})
    torch.manual_seed(0)
    context = Context(HERE, HERE, HERE, "cpu")
    return synthesise(model, arguments_of(model), hints=hints, context=context, seed=0, **options)


def kinds(node: Leaf | Branch) -> Any:
    """``f2``: floats of two dimensions; ``@`` where the samples don't stand first: their place, or what stands there."""
    if isinstance(node, Branch):
        return {str(key): kinds(child) for key, child in node.entries}
    letter = "b" if node.dtype == "bool" else "i" if node.dtype.startswith("int") else node.dtype[0]
    text = f"{letter}{len(node.dims)}"
    if not node.dims or node.dims[0] == "batch":
        return text
    if "batch" in node.dims:
        return f"{text}@{node.dims.index('batch')}"
    return f"{text}@{next((each for each in node.dims if isinstance(each, str)), node.dims[0])}"


def fits(got: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return (
            isinstance(got, dict) and got.keys() == wanted.keys() and all(fits(got[key], wanted[key]) for key in wanted)
        )
    return got in wanted.split("|")


@pytest.mark.parametrize(("kind", "wanted"), MODELS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_model_gets_the_batch_that_it_is_made_for(kind: type[nn.Module], wanted: Any) -> None:
    torch.manual_seed(0)
    model = kind()
    found = find(model)
    got = kinds(found.synthesis.batch.root)
    assert fits(got, wanted), f"{got}: {found.synthesis.tries[-1].batch}"
