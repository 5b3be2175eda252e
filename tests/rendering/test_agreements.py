"""Where two rooms must say the same: operations and the control run, settings and the runtime, checks and mypy."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from trainergen.errors import InternalError
from trainergen.families.torch import control
from trainergen.families.torch.facts import OPERATIONS
from trainergen.planning.settings import USUAL
from trainergen.rendering.preparation import operations, prepared_form
from trainergen.rendering.type_checking import reports_untyped
from trainergen.runtime.config import BaseTrainerConfig
from trainergen.runtime.ini import decode
from trainergen.runtime.optimizers import parameter_groups

from ..building import write_tree

EXAMPLES = {
    "float": ("float",),
    "long": ("long",),
    "bool": ("bool",),
    "unsqueeze": ("unsqueeze:1",),
    "squeeze": ("unsqueeze:2", "squeeze:2", "long"),
    "permute": ("permute:0,3,1,2", "float"),
    "flatten": ("float", "flatten:1"),
    "drop_first": ("drop_first:1", "long"),
    "drop_last": ("drop_last:2", "permute:0,2,1,3"),
    "first_half": ("first_half:1", "float"),
    "second_half": ("second_half:3", "squeeze:3"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_generated_code_prepares_as_the_control_run_does(operation: str, dtype: torch.dtype) -> None:
    value, model = torch.arange(48).view(2, 4, 3, 2).to(torch.uint8), nn.Linear(1, 1).to(dtype)
    named = str(dtype).removeprefix("torch.")
    prepare = EXAMPLES[operation]
    theirs = control.prepared(value, prepare, model)
    ours = eval("value" + operations(prepare, named), {"value": value})
    assert ours.dtype == theirs.dtype and torch.equal(ours, theirs)
    assert prepared_form(prepare, "uint8", tuple(value.shape), named) == (
        str(ours.dtype).removeprefix("torch."),
        tuple(ours.shape),
    )


def test_both_refuse_what_neither_knows() -> None:
    with pytest.raises(InternalError, match="argmax"):
        operations(("argmax:1",), "float32")
    with pytest.raises(LookupError, match="argmax"):
        control.prepared(torch.zeros(2), ("argmax:1",), nn.Linear(1, 1))


def test_the_usual_settings_are_the_runtime_s_own() -> None:
    fields = {each.name: each for each in dataclasses.fields(BaseTrainerConfig)}
    hints = typing.get_type_hints(BaseTrainerConfig)
    said: Any = inspect.getdoc(BaseTrainerConfig)
    for each in USUAL:
        assert eval(each.annotation) == hints[each.name]
        assert decode(each.value, hints[each.name]) == eval(each.default) == fields[each.name].default
        assert f"\n    {each.name}: " in said


def test_parts_get_their_rates_and_norms_biases_and_embeddings_no_decay() -> None:
    model = nn.ModuleDict(
        {
            "encoder": nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.LayerNorm(4)),
            "encoder_head": nn.Linear(4, 2),
        }
    )
    groups = parameter_groups(model, 0.1, rates={"encoder": 0.01, "encoder.1": 0.02})
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {
        names[id(parameter)]: (group.get("lr"), group["weight_decay"])
        for group in groups
        for parameter in group["params"]
    }
    assert found == {
        "encoder.0.weight": (0.01, 0.0),
        "encoder.1.weight": (0.02, 0.1),
        "encoder.1.bias": (0.02, 0.0),
        "encoder.2.weight": (0.01, 0.0),
        "encoder.2.bias": (0.01, 0.0),
        "encoder_head.weight": (None, 0.1),
        "encoder_head.bias": (None, 0.0),
    }
    assert "lr" not in groups[0], "the optimizer's own rate is the first, which is logged"
    with pytest.raises(ValueError, match="'decoder'"):
        parameter_groups(model, 0.1, rates={"decoder": 0.01})


@pytest.mark.parametrize(
    ("name", "text", "reported"),
    [
        ("README.md", "", False),
        ("pyproject.toml", "[tool.black]\n", False),
        ("pyproject.toml", "[tool.mypy]\nstrict = true\n", True),
        ("pyproject.toml", "[tool.mypy]\nignore_missing_imports = true\n", False),
        ("pyproject.toml", "[tool.mypy]\n[[tool.mypy.overrides]]\nmodule = ['x', 'beautilog.*']\nignore_missing_imports = true\n", False),
        ("pyproject.toml", "[tool.mypy]\n[[tool.mypy.overrides]]\nmodule = 'train.*'\ndisable_error_code = ['import-untyped']\n", False),
        ("pyproject.toml", "[tool.mypy]\n[[tool.mypy.overrides]]\nmodule = 'trainer.*'\nignore_errors = true\n", True),
        ("mypy.ini", "[mypy]\nstrict = True\n[mypy-beautilog]\nignore_missing_imports = True\n", False),
        ("setup.cfg", "[mypy]\nstrict = True\n", True),
        ("setup.cfg", "[metadata]\nname = x\n", False),
    ],
)  # fmt: skip
def test_a_missing_type_is_marked_where_mypy_would_report_it(
    name: str, text: str, reported: bool, tmp_path: Path
) -> None:
    write_tree(tmp_path, {name: text})
    assert reports_untyped(tmp_path, "train.digits_net_trainer", "beautilog") is reported
