"""The search finds what a model takes, in process: no lab is started."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from trainergen.inspection.batch_spec import Branch, Leaf, leaves
from trainergen.inspection.model_facts import Argument, Place
from trainergen.lab.protocol import Context
from trainergen.lab.synthesise import Found, Hints, synthesise

from .research_models import MODELS
from .research_models_more import COMPOSITES
from .research_models_more import MODELS as MORE

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
    """``|`` between what is right as well, ``*`` for whatever follows."""
    if isinstance(wanted, dict):
        return (
            isinstance(got, dict) and got.keys() == wanted.keys() and all(fits(got[key], wanted[key]) for key in wanted)
        )
    choices = wanted.split("|")
    return "*" in choices or any(got == each or (each[-1] == "*" and got.startswith(each[:-1])) for each in choices)


@pytest.mark.parametrize(("kind", "wanted"), MODELS + MORE, ids=lambda each: getattr(each, "__name__", ""))
def test_a_model_gets_the_batch_that_it_is_made_for(kind: type[nn.Module], wanted: Any) -> None:
    torch.manual_seed(0)
    model = kind()
    found = find(model)
    got = kinds(found.synthesis.batch.root)
    assert fits(got, wanted), f"{got}: {found.synthesis.tries[-1].batch}"


@pytest.mark.parametrize(("name", "build", "wanted"), COMPOSITES, ids=[each[0] for each in COMPOSITES])
def test_torch_s_own_layers_get_theirs(name: str, build: Any, wanted: Any) -> None:
    found = find(build())
    assert fits(kinds(found.synthesis.batch.root), wanted), f"{name}: {found.synthesis.tries[-1].batch}"


def test_numbers_of_the_batch_are_named_and_bounded() -> None:
    """Ids below their table, a mask, lengths with the longest present, sizes that vary as symbols."""
    found = find(Bounded())
    spec = {path[0]: leaf for path, leaf in leaves(found.synthesis.batch.root)}
    assert spec["input_ids"].dims == ("batch", "length")
    assert (spec["input_ids"].low, spec["input_ids"].high) == (0, 50)
    assert (spec["genre"].low, spec["genre"].high) == (0, 7)
    assert spec["lengths"].high == spec["input_ids"].sizes[1] + 1
    assert int(found.value["lengths"].max()) == spec["input_ids"].sizes[1]
    assert found.synthesis.batch.samples == 4
    assert all(leaf.source == "assumed" and leaf.place for leaf in spec.values())


class Bounded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.genres, self.out = nn.Embedding(50, 8), nn.Embedding(7, 8), nn.Linear(8, 2)

    def forward(self, input_ids, lengths, genre):
        keep = torch.arange(input_ids.shape[1])[None] < lengths[:, None]
        words = (self.words(input_ids) * keep[..., None]).sum(1) / lengths[:, None]
        return self.out(words + self.genres(genre))


def test_an_annotation_states_the_shape_and_is_given() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(6, 3)

        def forward(self, x: Float[Tensor, "batch agents 6"]):  # noqa: F722, F821
            return self.lin(x)

    leaf = find(Net()).synthesis.batch.root
    assert isinstance(leaf, Leaf)
    assert (len(leaf.sizes), leaf.source) == (3, "given")


def test_a_lazy_model_stays_lazy() -> None:
    from .research_models import Lazy

    model = Lazy()
    find(model)
    assert any(isinstance(each, nn.parameter.UninitializedParameter) for each in model.parameters())
