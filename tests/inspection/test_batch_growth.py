"""A batch that gains parts: where they are put, what is new, and the batch that is drawn from an old one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainergen.inspection.batch_growth import Growth, grow, growth
from trainergen.inspection.batch_spec import Branch, Leaf
from trainergen.lab.batch_values import complete
from trainergen.lab.protocol import Context

IMAGE = Leaf("float32", ("batch", 3), (4, 3))
LABEL = Leaf("int64", ("batch",), (4,), 0, 5, "assumed")
NAMED = Branch("mapping", (("age", IMAGE), ("label", IMAGE)))
PAIR = Branch("tuple", ((0, IMAGE), (1, IMAGE)))


def test_a_tensor_and_one_part_are_a_pair() -> None:
    grown = grow(IMAGE, [("label", LABEL)], inputs="x")
    assert grown.root == Branch("tuple", ((0, IMAGE), (1, LABEL)))
    assert (grown.inside, grown.places) == ((0,), ((1,),))
    assert growth(IMAGE, grown.root) == Growth(grown.root, 0, (1,))


def test_a_tensor_with_several_parts_or_a_named_one_is_an_entry_of_a_mapping() -> None:
    grown = grow(IMAGE, [("event", LABEL), ("time", LABEL)], inputs="x")
    assert [key for key, _ in grown.root.entries] == ["x", "event", "time"]
    assert (grown.inside, grown.places) == (("x",), (("event",), ("time",)))
    assert grow(IMAGE, [("label", LABEL)], inputs="x", named=True).places == (("label",),)
    assert growth(IMAGE, grown.root) == Growth(grown.root, "x", ("event", "time"))


def test_a_mapping_gains_keys_and_a_taken_one_a_suffix() -> None:
    grown = grow(NAMED, [("label", LABEL)], inputs="x")
    assert [key for key, _ in grown.root.entries] == ["age", "label", "label_2"]
    assert (grown.inside, grown.places) == ((), (("label_2",),))
    assert growth(NAMED, grown.root) == Growth(grown.root, None, ("label_2",))


@pytest.mark.parametrize(("root", "whole"), [(PAIR, False), (NAMED, True)])
def test_anything_else_goes_in_as_it_is(root: Branch, whole: bool) -> None:
    grown = grow(root, [("label", LABEL)], inputs="x", whole=whole)
    assert grown.root == Branch("tuple", ((0, root), (1, LABEL)))
    assert growth(root, grown.root) == Growth(grown.root, 0, (1,))


def test_nothing_new_is_no_growth() -> None:
    assert growth(NAMED, NAMED) is None
    assert growth(IMAGE, IMAGE) is None


def test_what_is_new_is_drawn_by_the_seed_and_the_rest_stays(tmp_path: Path) -> None:
    context = Context(tmp_path, tmp_path, tmp_path, "cpu")
    image, batch = torch.rand(4, 3), {"age": torch.rand(4, 3), "label": torch.rand(4, 3)}
    pair = growth(IMAGE, grow(IMAGE, [("label", LABEL)], inputs="x").root)
    keyed = growth(NAMED, grow(NAMED, [("label", LABEL)], inputs="x").root)
    assert pair is not None and keyed is not None
    first, again, other = (complete(image, pair, context, seed) for seed in (1, 1, 2))
    assert first[0] is image and torch.equal(first[1], again[1]) and not torch.equal(first[1], other[1])
    assert first[1].dtype == torch.int64 and 0 <= int(first[1].min()) <= int(first[1].max()) < 5
    whole = complete(batch, keyed, context, 1)
    assert set(whole) == {"age", "label", "label_2"} and set(batch) == {"age", "label"}
    assert whole["age"] is batch["age"]
