"""Names and their conflicts, constructor arguments as settings, and what is asked before anything is built."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.building import write_tree
from tests.planning.planned import HEAD, model_text, planned
from trainergen.errors import Conflict, TrainergenError, UnusableInput
from trainergen.families import choose
from trainergen.inspection.construction import Asked, BuiltArgument, Construction, Unanswered
from trainergen.inspection.model import read_model
from trainergen.inspection.project_facts import ProjectFacts
from trainergen.plain import from_plain, to_plain
from trainergen.planning.names import name_trainer, snake_case
from trainergen.planning.plan import TrainerPlan
from trainergen.planning.questions import check_arguments, needed
from trainergen.planning.settings import model_arguments
from trainergen.planning.wishes import Wishes
from trainergen.rendering.naming import Naming
from trainergen.rendering.view import model_call_arguments

SOURCE = HEAD + """
class DigitsNet(nn.Module):
    def __init__(self, vocab_size: int, width, depth=2):
        super().__init__()
        self.table = nn.Embedding(vocab_size, 512)
    def forward(self, x):
        return self.table(x)
def build_unet(depth: int = 2):
    return nn.Linear(1, depth)
"""
EMPTY = ProjectFacts(root="/p", root_reason="")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DigitsNet", "digits_net"),
        ("HTTPNet", "http_net"),
        ("GPT2", "gpt2"),
        ("UNet", "u_net"),
        ("resnet50", "resnet50"),
        ("ResNet50V2", "res_net50_v2"),
        ("_Private", "private"),
    ],
)
def test_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


def test_all_names_of_a_trainer(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"m.py": SOURCE})
    model = read_model("m.py:DigitsNet", root)
    names = name_trainer(Wishes("m.py:DigitsNet"), model, EMPTY)
    assert (names.snake, names.trainer_class, names.config_class) == (
        "digits_net",
        "DigitsNetTrainer",
        "DigitsNetTrainerConfig",
    )
    assert (names.section, names.trainer_file) == ("train_digits_net", "train/digits_net_trainer.py")
    assert names.command == "python train.py DigitsNet"
    below = name_trainer(Wishes("m.py:DigitsNet", name="small_digits"), model, replace(EMPTY, package="training"))
    assert (below.trainer_module, below.ini_file) == ("training.train.small_digits_trainer", "training/config.ini")
    assert (below.trainer_class, below.command) == ("SmallDigitsTrainer", "python -m training SmallDigits")
    assert below.record_file == ".trainergen/small_digits_trainer.json"
    assert name_trainer(Wishes(""), read_model("m.py:build_unet", root), EMPTY).trainer_class == "UnetTrainer"
    base = name_trainer(Wishes(""), replace(model, name="Base"), EMPTY)
    assert (base.trainer_class, base.trainer_file) == ("BaseModelTrainer", "train/base_model_trainer.py")


@pytest.mark.parametrize(
    ("name", "facts", "kind", "message"),
    [
        ("class", {}, UnusableInput, "a Python keyword"),
        ("my-net", {}, UnusableInput, "not a Python name"),
        ("base", {}, UnusableInput, "the project's own"),
        (None, {"sections": ("train_digits_net",)}, Conflict, "has a section [train_digits_net] already"),
        (None, {"registry": ("DigitsNetTrainer",)}, Conflict, "DigitsNetTrainer is taken"),
        (None, {"train_files": ("digits_net_trainer.py",)}, Conflict, "no record calls it ours"),
        (None, {"registry": ("DIGITSNetTrainer",)}, Conflict, "differs only in case from DIGITSNetTrainer"),
        (None, {"train_files": ("Digits_Net_trainer.py",)}, Conflict, "differs only in case"),
    ],
)
def test_names_that_cannot_be(
    tmp_path: Path, name: str | None, facts: dict[str, tuple[str, ...]], kind: type[TrainergenError], message: str
) -> None:
    model = read_model("m.py:DigitsNet", write_tree(tmp_path, {"m.py": SOURCE}))
    with pytest.raises(kind) as caught:
        name_trainer(Wishes("m.py:DigitsNet", name=name), model, replace(EMPTY, **facts))  # type: ignore[arg-type]
    assert message in caught.value.message
    assert "--name" in (caught.value.hint or "") or name


def test_our_own_trainer_may_be_there_already(tmp_path: Path) -> None:
    model = read_model("m.py:DigitsNet", write_tree(tmp_path, {"m.py": SOURCE}))
    ours = replace(
        EMPTY,
        sections=("train_digits_net",),
        registry=("DigitsNetTrainer",),
        train_files=("digits_net_trainer.py",),
        records=("digits_net_trainer.json",),
    )
    assert name_trainer(Wishes("m.py:DigitsNet"), model, ours).snake == "digits_net"


def test_what_no_search_found_is_asked_with_its_flag_and_where_it_is_used(tmp_path: Path) -> None:
    model = read_model("m.py:DigitsNet", write_tree(tmp_path, {"m.py": SOURCE}))
    asked = Asked("--model-arg", "vocab_size", "80 calls were tried", placeholder="VALUE")
    error = needed(Unanswered("DigitsNet can't be built", (asked,), ("width = 8, named like a width",)), model)
    assert error.exit_code == 4
    assert error.flags == ("--model-arg vocab_size=INT",)
    assert [(question.name, question.about) for question in error.questions] == [
        ("vocab_size", "int, used in nn.Embedding(vocab_size, 512) at m.py:8; 80 calls were tried")
    ]
    assert error.notes == ("   = understood: width = 8, named like a width",)


def test_an_argument_that_the_constructor_does_not_have_is_refused(tmp_path: Path) -> None:
    model = read_model("m.py:DigitsNet", write_tree(tmp_path, {"m.py": SOURCE}))
    check_arguments(Wishes("", model_arguments=(("vocab_size", 5), ("width", 1))), model)
    check_arguments(Wishes("", factory="m:make", model_arguments=(("whatever", 5),)), model)
    with pytest.raises(UnusableInput) as unknown:
        check_arguments(Wishes("", model_arguments=(("vocabsize", 5),)), model)
    assert unknown.value.hint == "did you mean vocab_size?"


ARGUMENTS = HEAD + """
class Net(nn.Module):
    def __init__(
        self, width: int, *, dropout: float = 0, sizes=(4, 8), norm: str | None = None, act=nn.ReLU, bias=True,
        note="a\\nb"
    ):
        super().__init__()
        self.layer = nn.Linear(4, width, bias=bias)
        self.head = nn.Linear(width, 1)
    def forward(self, x):
        return self.head(self.layer(x))
"""


def test_scalar_arguments_become_settings(tmp_path: Path) -> None:
    plan = planned(
        tmp_path, ARGUMENTS, "(float32[8,4], float32[8,1])", model_arguments=(("width", 16), ("sizes", (1, 2)))
    )
    assert [(each.name, each.setting, each.literal) for each in plan.model.arguments] == [
        ("width", "model_width", "16"),
        ("dropout", "model_dropout", "0"),
        ("sizes", None, "(1, 2)"),
        ("norm", "model_norm", "None"),
        ("bias", "model_bias", "True"),
    ]
    settings = {each.name: (each.annotation, each.value) for each in plan.settings if each.name.startswith("model_")}
    assert settings == {
        "model_width": ("int", "16"),
        "model_dropout": ("float", "0.0"),
        "model_norm": ("str | None", "none"),
        "model_bias": ("bool", "true"),
    }
    assert [each.choice for each in plan.decisions if each.topic == "argument"] == ["width=16", "sizes=(1, 2)"]


def test_a_plan_survives_json(tmp_path: Path) -> None:
    source = model_text("self.layer = nn.Linear(4, 3)", "self.layer(x)")
    plan = planned(tmp_path, source, "x: float32[8,4]; label: int64[8] < 3")
    assert from_plain(TrainerPlan, json.loads(json.dumps(to_plain(plan)))) == plan


def test_the_torch_family_claims_modules(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"m.py": SOURCE + "class Odd(gone.Base):\n    pass\n"})
    assert choose(read_model("m.py:DigitsNet", root)) == "torch"
    with pytest.raises(UnusableInput, match="no kind of model"):
        choose(read_model("m.py:Odd", root))


def test_a_spread_argument_is_spelled_where_the_signature_has_it(tmp_path: Path) -> None:
    source = HEAD + """
class Net(nn.Module):
    def __init__(self, width, *dims, act="relu"):
        super().__init__()
    def forward(self, x):
        return x
"""
    model = read_model("m.py:Net", write_tree(tmp_path, {"m.py": source}))
    found = Construction(
        (
            BuiltArgument("width", 8, "name", "named like a width"),
            BuiltArgument("*dims", [4, {"$ref": "torch:float32"}], "source", "what the source reads"),
        )
    )
    arguments, settings, decisions = model_arguments(Wishes("m.py:Net"), model, found)
    assert [each.name for each in arguments] == ["width", "*dims", "act"]
    assert [each.name for each in settings] == ["model_width", "model_act"]
    assert settings[0].assumed == "named like a width"
    assert [each.choice for each in decisions] == ["width=8", "*dims=[4, float32]"]
    imports: list[str] = []
    text = model_call_arguments(arguments, Naming(set()), imports)
    assert text == "config.model_width, *[4, float32], act=config.model_act"
    assert imports == ["from torch import float32"]
