"""The order of the ways to feed forward, without running anything; and which classes the torch family takes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from trainergen.families.torch.claims import claims
from trainergen.families.torch.feeding import NoFeeding, candidates, is_target_name
from trainergen.inspection.batch_grammar import parse
from trainergen.inspection.model_facts import Argument, BaseClass, ModelFacts, Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainergen.inspection.batch_spec import Path

PLACE = Place("model.py", 1)
KINDS = {
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_POSITIONAL: "var_positional",
    inspect.Parameter.VAR_KEYWORD: "var_keyword",
}


def arguments(function: Callable[..., Any]) -> list[Argument]:
    found = []
    for each in inspect.signature(function).parameters.values():
        default = None if each.default is inspect.Parameter.empty else repr(each.default)
        annotation = None if each.annotation is inspect.Parameter.empty else str(each.annotation)
        found.append(Argument(each.name, KINDS[each.kind], annotation, default, PLACE))  # type: ignore[arg-type]
    return found


def raw(
    function: Callable[..., Any], batch: str, target: Path | None = None
) -> list[list[tuple[Path, str | None]] | str]:
    """The assignments alone, in order; ``whole`` for the batch itself."""
    found = candidates(arguments(function), parse(batch), target)
    return [
        "whole" if each.whole else [(part.path, part.argument) for part in each.arguments]
        for each in found
        if not any(part.prepare for part in each.arguments)
    ]


@pytest.mark.parametrize(
    ("forward", "batch", "target", "expected"),
    [
        (lambda x: 0, "float32[4, 3]", None, [[((), None)]]),
        (lambda x: 0, "(float32[4, 3], int64[4])", None, [[((0,), None)], "whole"]),
        (lambda x, y: 0, "(float32[4, 3], int64[4])", None, [[((0,), None), ((1,), None)]]),
        (
            lambda ids, targets=None: 0,
            "(int64[4, 3], int64[4, 3])",
            None,
            [[((0,), None), ((1,), None)], [((0,), None)], "whole"],
        ),
        (
            lambda ids, targets=None: 0,
            "(int64[4, 3], int64[4, 3])",
            (1,),
            [[((0,), None)], [((0,), None), ((1,), None)], "whole"],
        ),
        (
            lambda x, mask=None: 0,
            "(float32[4, 3], bool[4, 3], int64[4])",
            None,
            [[((0,), None), ((1,), None)], [((0,), None)], "whole"],
        ),
        (lambda x: 0, "(float32[4, 3], int64[4], str[4])", None, [[((0,), None)], "whole"]),
        (lambda b, a: 0, "a: float32[4]; b: float32[4]; c: float32[4]", None, [[(("b",), "b"), (("a",), "a")]]),
        (lambda input_ids: 0, "inputIds: int64[4, 3]; y: int64[4]", None, [[(("inputIds",), None)], "whole"]),
        (lambda ids: 0, "meta: {ids: int64[4, 3]; n: str[4]}; y: int64[4]", None, [[(("meta", "ids"), None)], "whole"]),
        (lambda x: 0, "image: float32[4, 3]; label: int64[4]", None, [[(("image",), None)], "whole"]),
        (lambda x: 0, "label: float32[4, 3]; other: int64[4]", ("other",), [[(("label",), None)], "whole"]),
        (lambda batch: 0, "image: float32[4, 3]; label: int64[4]", None, ["whole", [(("image",), None)]]),
        (lambda batch: 0, "(float32[4, 3], int64[4])", None, ["whole", [((0,), None)]]),
        (
            lambda ids, labels=None: 0,
            "ids: int64[4]; labels: int64[4]",
            None,
            [[(("ids",), "ids"), (("labels",), "labels")], [(("ids",), None)], "whole"],
        ),
        (lambda ids, labels=None: 0, "ids: int64[4]; labels: int64[4]", ("labels",), [[(("ids",), None)], "whole"]),
        (lambda **parts: 0, "a: float32[4]; b: float32[4]; label: int64[4]", None, [[(("a",), "a"), (("b",), "b")]]),
        (lambda *, a, b: 0, "a: float32[4]; b: float32[4]", None, [[(("a",), "a"), (("b",), "b")]]),
        (
            lambda a, b: 0,
            "({a: float32[4]; b: float32[4]}, int64[4])",
            None,
            [[((0, "a"), "a"), ((0, "b"), "b")], [((0,), None), ((1,), None)]],
        ),
        (lambda x: 0, "namedtuple m:P(image: float32[4]; label: int64[4])", None, [[(("image",), None)], "whole"]),
        (lambda x: 0, "text: str[4]; label: int64[4]", None, None),
        (lambda a, b: 0, "a: float32[4]; label: int64[4]", None, None),
        (lambda a, b, c: 0, "(float32[4], float32[4])", None, None),
        (lambda: 0, "float32[4]", None, None),
        (lambda x: 0, "a: float32[4]", ("b",), None),
    ],
)
def test_assignments(forward: Callable[..., Any], batch: str, target: Path | None, expected: list[Any] | None) -> None:
    if expected is None:
        with pytest.raises(NoFeeding) as caught:
            raw(forward, batch, target)
        assert caught.value.hint
    else:
        assert raw(forward, batch, target) == expected


def test_an_annotation_with_the_batch_class_takes_it_whole() -> None:
    annotated = [Argument("inputs", "positional", "data.Batch", None, PLACE)]
    assert candidates(annotated, parse("data:Batch(x: float32[4]; y: int64[4])"))[0].whole
    other = [Argument("inputs", "positional", "torch.Tensor", None, PLACE)]
    assert not candidates(other, parse("data:Batch(x: float32[4]; y: int64[4])"))[0].whole


def test_preparations_come_after_the_plain_feeding_and_before_the_next() -> None:
    found = candidates(arguments(lambda x: 0), parse("(uint8[4, 8, 8, 3], int64[4])"))
    ways = [each.arguments[0].prepare for each in found if not each.whole]
    assert ways[:5] == [(), ("float",), ("long",), ("permute:0,3,1,2",), ("flatten:1",)]
    assert ("float", "permute:0,3,1,2") in ways[5:]
    assert found[-1].whole
    assert "float, permute:0,3,1,2" in found[len(ways) - 4].reason or any(
        "float, permute" in each.reason for each in found
    )


def test_joint_preparations_cast_what_does_not_fit_and_leave_indices_alone() -> None:
    found = candidates(
        arguments(lambda image, ids, mask: 0), parse("image: uint8[4, 8]; ids: int64[4, 5]; mask: uint8[4, 5]")
    )
    ways = [[each.prepare for each in feeding.arguments] for feeding in found]
    assert ways[0] == [(), (), ()]
    assert [("float",), (), ("bool",)] in ways


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("label", True),
        ("class_labels", True),
        ("y", True),
        ("yTrue", True),
        ("true_ranks", True),
        ("next_ids", True),
        ("image", False),
        ("yaw", False),
        (1, False),
    ],
)
def test_names_of_targets(name: str | int, expected: bool) -> None:
    assert is_target_name(name) is expected


def test_claims() -> None:
    def facts(**changes: Any) -> ModelFacts:
        return ModelFacts(
            **(
                {
                    "reference": "m:N",
                    "module": "m",
                    "name": "N",
                    "kind": "class",
                    "file": "m.py",
                    "inside_project": True,
                    "place": PLACE,
                }
                | changes
            )
        )

    assert "torch.nn.Module" in (claims(facts(is_module=True)) or "")
    assert claims(facts(is_module=False)) is None
    assert "function" in (claims(facts(kind="function")) or "")
    unknown = facts(is_module=None, bases=(BaseClass("house.Base", None, PLACE),))
    assert claims(unknown) is None
    forward = (Argument("x", "positional", None, None, PLACE),)
    assert "house.Base" in (claims(facts(is_module=None, bases=unknown.bases, forward=forward)) or "")
