"""Argument values as plain data: spelled as source that gives them back, taken apart and changed by path."""

from __future__ import annotations

import pytest

from trainergen.inspection.expressions import at, call, leaf_paths, put, reference, spell, tuple_of, without


@pytest.mark.parametrize(
    ("value", "text", "imports"),
    [
        (3, "3", []),
        ("relu", '"relu"', []),
        ('say "x"', "'say \"x\"'", []),
        (None, "None", []),
        (float("inf"), 'float("inf")', []),
        ([1, [2.5, True]], "[1, [2.5, True]]", []),
        (tuple_of([4]), "(4,)", []),
        (tuple_of([4, 8]), "(4, 8)", []),
        (tuple_of([]), "()", []),
        ({"dim": 8, "norm": None}, '{"dim": 8, "norm": None}', []),
        (reference("builtins:int"), "int", []),
        (reference("torch.nn:ReLU"), "ReLU", ["from torch.nn import ReLU"]),
        (reference("net.kinds:Kind.SMALL"), "Kind.SMALL", ["from net.kinds import Kind"]),
        (
            call("net:Config", [1], {"act": call("torch.nn:ReLU"), "sizes": tuple_of([1, 2])}),
            "Config(1, act=ReLU(), sizes=(1, 2))",
            ["from net import Config", "from torch.nn import ReLU"],
        ),
    ],
)
def test_a_value_is_spelled_with_what_it_imports(value, text, imports) -> None:
    spelled = spell(value)
    assert spelled.text == text
    assert [each.statement for each in spelled.imports] == imports


def test_the_text_gives_the_value_back() -> None:
    value = {"a": [1, "it's", 2.5e-5, {"b": tuple_of([1, tuple_of([])])}], "c": False}
    assert eval(spell(value).text) == {"a": [1, "it's", 2.5e-5, {"b": (1, ())}], "c": False}


def test_two_classes_of_one_name_get_two_names() -> None:
    spelled = spell([call("one:Config"), call("two:Config"), call("one:Config")], taken={"Net"})
    assert spelled.text == "[Config(), Config_(), Config()]"
    assert [each.statement for each in spelled.imports] == [
        "from one import Config",
        "from two import Config as Config_",
    ]


def test_a_name_that_is_taken_is_not_hidden() -> None:
    assert spell(reference("builtins:list"), taken={"list"}).text == "list_"
    assert spell(call("torch.nn:Linear", [1, 2]), taken={"Linear"}).text == "Linear_(1, 2)"


def test_what_is_no_plain_data_is_refused() -> None:
    with pytest.raises(TypeError, match="object is no plain data"):
        spell([object()])


def test_parts_are_found_changed_and_taken_out_by_path() -> None:
    value = call("net:Config", [], {"dim": 8, "inner": {"depth": 2}})
    assert list(leaf_paths(value)) == [("dim",), ("inner", "depth")]
    assert at(value, ("inner", "depth")) == 2
    changed = put(put(value, ("inner", "depth"), 4), ("heads",), 2)
    assert changed["kwargs"] == {"dim": 8, "inner": {"depth": 4}, "heads": 2}
    assert without(changed, ("inner", "depth"))["kwargs"] == {"dim": 8, "inner": {}, "heads": 2}
    assert value["kwargs"] == {"dim": 8, "inner": {"depth": 2}}
    with pytest.raises(KeyError):
        put([1, 2], ("0",), 3)
