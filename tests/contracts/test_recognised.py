"""What is read of a base trainer, and what is rendered where no sibling shows how."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

import trainergen.contracts
from trainergen.errors import AnswerNeeded, Conflict
from trainergen.inspection.batch_spec import Branch, Leaf
from trainergen.patching.configuration import Configuration, Field
from trainergen.patching.joining import Registration
from trainergen.planning.plan import DataPlan, Input, ModelArgument, OptimizerPlan

from ..projects import CONTRACTS
from . import houses
from .staged import SETTINGS, Staged, digits_configuration, digits_plan

FOLDER = Path(trainergen.contracts.__file__).parent
KINDS = {
    "first-shape": "loss_returning",
    "second-shape": "loss_returning",
    "with-statistics": "loss_returning",
    "with-mapping": "loss_returning",
    "third-shape": "full_loop",
    "plain-loop": "full_loop",
    "fourth-shape": "epoch_level",
    "stepping": "step_level",
    "components": "component_hooks",
    "functions": "functions",
}


@pytest.mark.parametrize("variant", CONTRACTS)
def test_each_shape_is_told(variant: str, tmp_path: Path) -> None:
    staged = Staged(tmp_path, variant)
    assert staged.contract.kind == KINDS[variant]
    ast.parse(staged.text)
    assert "wine" not in staged.text.lower()
    assert "diabetes" not in staged.text.lower()


@pytest.mark.parametrize("kind", sorted(set(KINDS.values())))
def test_each_contract_has_its_folder(kind: str) -> None:
    assert {"detect.py", "drive.py", "frame.py.j2"} <= {each.name for each in (FOLDER / kind).iterdir()}


def test_what_the_base_gives_is_not_written_again(tmp_path: Path) -> None:
    staged = Staged(tmp_path, "first-shape")
    assert {"zero_grad", "backward", "step", "clip", "save", "log"} <= set(staged.contract.provides)
    assert staged.contract.clip == "1.0"
    methods = [each.name for each in ast.walk(ast.parse(staged.text)) if isinstance(each, ast.FunctionDef)]
    assert methods == ["__init__", "compute_loss", "on_train_end"]
    assert ".to(self.device)" not in staged.text  # the base moves pairs


def test_the_loss_goes_back_in_the_form_that_the_base_takes(tmp_path: Path) -> None:
    forms = {}
    for variant in ("first-shape", "with-statistics", "with-mapping"):
        staged = Staged(tmp_path / variant, variant)
        duty = staged.contract.duty("loss")
        assert duty is not None
        forms[variant] = duty.gives
    assert forms == {"first-shape": "tensor", "with-statistics": "pair", "with-mapping": "mapping"}


def test_the_registry_s_decorator_and_statement_are_written(tmp_path: Path) -> None:
    entry = Registration(
        "digits",
        decorator='@register("digits")',
        decorator_import=("train.registry", "register"),
        statement="announce(DigitsTrainer)",
    )
    text = Staged(tmp_path, "third-shape", registration=entry).text
    assert "from train.registry import register\n" in text
    assert '@register("digits")\nclass DigitsTrainer(BaseTrainer):' in text
    assert text.endswith("\n\n\nannounce(DigitsTrainer)\n")


def test_an_optimizer_that_was_asked_for_takes_the_sibling_s_place(tmp_path: Path) -> None:
    asked = OptimizerPlan(
        "sgd", "torch.optim", "SGD",
        (ModelArgument("lr", "learning_rate", "0.1"), ModelArgument("momentum", None, "0.9")), is_default=False,
    )  # fmt: skip
    text = Staged(tmp_path, "third-shape", optimizer=asked).text
    assert "self.optimizer = SGD(self.model.parameters(), lr=self.config.learning_rate, momentum=0.9)" in text
    assert "AdamW" not in text


def test_data_that_nobody_named_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(AnswerNeeded) as caught:
        Staged(tmp_path, "third-shape", data=DataPlan("stub"))
    assert caught.value.flags == ("--loader",)


def test_a_base_that_feeds_one_input_refuses_a_model_of_two(tmp_path: Path) -> None:
    plan = digits_plan("components", "component_hooks")
    leaf = Leaf("float32", ("batch", 4), (16, 4))
    assert isinstance(plan.batch.root, Branch)
    root = replace(plan.batch.root, entries=(*plan.batch.root.entries, (2, leaf)))
    with pytest.raises(Conflict, match="one input and one target"):
        Staged(tmp_path, "components", batch=replace(plan.batch, root=root), inputs=(*plan.inputs, Input((2,), "more")))


def test_a_result_has_the_form_that_its_callers_take(tmp_path: Path) -> None:
    staged = Staged(tmp_path, "first-shape", files=houses.house(houses.EPOCH))
    assert staged.contract.kind == "epoch_level"
    duty = staged.contract.duty("evaluate")
    assert duty is not None
    assert duty.gives == "number"  # it is compared
    assert "def __init__(self, config: DigitsConfig | None = None)" in staged.text
    assert "super().__init__(model, optimizer, train_loader, val_loader, config)" in staged.text


def test_a_loss_of_outputs_and_targets_is_given_both(tmp_path: Path) -> None:
    staged = Staged(tmp_path, "first-shape", files=houses.house(houses.OUTPUTS))
    assert staged.contract.attributes["optimizer"] == "opt"
    assert "def compute_loss(self, outputs, targets):" in staged.text
    assert "batch" not in staged.text[staged.text.index("def compute_loss") :]


def test_settings_that_are_arguments_become_parameters(tmp_path: Path) -> None:
    names = {"num_epochs": "num_epochs", "batch_size": "batch_size", "learning_rate": "lr", "hidden": "hidden"}
    fields = {name: Field(names[name], value, kind, "") for name, (kind, value) in SETTINGS.items()}
    settings = Configuration("constructor", access=names, arguments=fields)
    files = houses.house(houses.ARGUMENTS, **{"train/wine_trainer.py": houses.ARGUMENTS_WINE})
    text = Staged(tmp_path, "first-shape", files=files, configuration=settings).text
    assert "lr: float = 0.01, batch_size: int = 16, num_epochs: int = 2, hidden: int = 32" in text
    assert "self.num_epochs = num_epochs\n" in text
    assert "for epoch in range(self.num_epochs):" in text
    assert "model = DigitsNet(hidden=hidden)" in text
    assert "torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)" in text  # as the sibling does


def test_a_config_class_and_a_method_for_settings_are_written_where_the_siblings_have_them(tmp_path: Path) -> None:
    settings = replace(
        digits_configuration("dataclass"),
        imports=(),
        definition="@dataclass\nclass DigitsConfig:\n    hidden: int = 32\n",
        definition_imports=(("dataclasses", "dataclass"),),
        member="@staticmethod\ndef add_arguments(parser):\n    parser.add_argument('--hidden', type=int)\n",
    )
    text = Staged(tmp_path, "components", configuration=settings).text
    assert "from dataclasses import dataclass\n" in text
    assert text.index("class DigitsConfig:") < text.index("class DigitsTrainer(BaseTrainer):")
    assert "    @staticmethod\n    def add_arguments(parser):\n" in text


def test_the_class_between_is_extended_as_the_siblings_do(tmp_path: Path) -> None:
    files = houses.house(houses.LAYERED, **{"train/wine_trainer.py": houses.LAYERED_WINE})
    staged = Staged(tmp_path, "first-shape", files=files)
    assert staged.contract.base.facts.name == "ClassificationTrainer"
    assert staged.contract.kind == "loss_returning"
    assert "def train_epoch" not in staged.text


@pytest.mark.parametrize(
    ("base", "said"), [(houses.UNKNOWN, "frobnicate"), (houses.NOTHING, "asks its subclasses for nothing")]
)
def test_what_nobody_can_tell_is_named(base: str, said: str, tmp_path: Path) -> None:
    files = houses.house(base)
    if base == houses.NOTHING:
        files["train/wine_trainer.py"] = (
            "from train.base_trainer import BaseTrainer\n\n\nclass WineTrainer(BaseTrainer):\n    pass\n"
        )
    with pytest.raises(Conflict, match=said) as caught:
        Staged(tmp_path, "first-shape", files=files)
    assert caught.value.place is not None
    assert caught.value.place.startswith("train/base_trainer.py:")
