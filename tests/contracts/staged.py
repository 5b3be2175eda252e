"""A trainer for digits in each of the test projects: a plan, a registration and a configuration written by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

from trainergen.contracts.contract_facts import ContractFacts
from trainergen.contracts.recognise import recognise
from trainergen.inspection.batch_spec import BatchSpec, Branch, Leaf
from trainergen.inspection.project_facts import Formatter, ProjectFacts
from trainergen.inspection.training import read_training
from trainergen.inspection.training_facts import TrainingFacts
from trainergen.patching.configuration import Configuration
from trainergen.patching.joining import Registration
from trainergen.planning.plan import (
    DataPlan,
    Input,
    ModelArgument,
    ModelPlan,
    Names,
    Objective,
    OptimizerPlan,
    Setting,
    TrainerPlan,
)
from trainergen.rendering.contract_function import function_loss
from trainergen.rendering.contract_loop import loss_method
from trainergen.rendering.contract_view import render_under_contract
from trainergen.rendering.engine import Engine

from ..building import write_tree
from ..projects import CONFIGS, CONTRACTS, project

SETTINGS = {"num_epochs": ("int", "2"), "batch_size": ("int", "16"), "learning_rate": ("float", "0.01"), "hidden": ("int", "32")}  # fmt: skip


def digits_plan(contract: str, kind: str, **changes: Any) -> TrainerPlan:
    """The decisions for DigitsNet in a project of that variant."""
    part = CONTRACTS[contract]()
    member = part.member("digits")
    pairs = part.batches == "pairs"
    first, second = (0, 1) if pairs else ("features", "targets")
    batch = Branch(
        "list" if pairs else "mapping",
        (
            (first, Leaf("float32", ("batch", 64), (16, 64))),
            (second, Leaf("int64", ("batch",), (16,), 0, 10)),
        ),
    )
    values: dict[str, Any] = {
        "family": "torch",
        "contract": kind,
        "patterns": ("simple" if pairs else "structured",),
        "names": Names(
            snake="digits",
            trainer_class=member.symbol,
            config_class="DigitsConfig",
            section="digits",
            trainer_file=member.file,
            trainer_module=member.module,
            config_file="",
            config_module="",
            config_init="",
            train_init="train/__init__.py",
            base_module="train.base_trainer",
            ini_file="",
            record_file=".trainergen/digits_trainer.json",
            command="python train.py digits",
        ),
        "model": ModelPlan(
            "models", "DigitsNet", "models", "DigitsNet", (ModelArgument("hidden", "hidden", "32"),), "Read a digit."
        ),
        "batch": BatchSpec(batch, 16),
        "feeding": "simple" if pairs else "structured",
        "inputs": (Input((first,), "features"),),
        "checks": (),
        "objective": Objective(
            "multi-class", "cross_entropy", (), "tensor", (second,), "labels", metrics=("accuracy",), classes=10
        ),
        "optimizer": OptimizerPlan("adamw", "torch.optim", "AdamW"),
        "data": DataPlan(
            "loader", "data", "digits_loader", True, ("batch_size=config.batch_size",),
            "data", "digits_loader", True, ("batch_size=config.batch_size", "train=False"),
        ),
        "settings": tuple(Setting(name, kind, value, value, name) for name, (kind, value) in SETTINGS.items()),
    }  # fmt: skip
    return TrainerPlan(**(values | changes))


def digits_configuration(style: str) -> Configuration:
    """How the new trainer comes to its settings: as wine does."""
    part = CONFIGS[style]()
    known = {"key": "digits", "Camel": "Digits", "KEY": "DIGITS"}
    lines = Template(part.imports).substitute(known).split("\n")
    imports = []
    for line in filter(None, lines):
        words = line.replace(",", "").split()
        if words[0] == "from":
            imports += [(words[1], name) for name in words[3:]]
    return Configuration(
        style,
        access={
            setting: Template(part.access).substitute(config="{config}", setting=setting, SETTING=setting.upper())
            for setting in SETTINGS
        },
        imports=tuple(imports),
        annotation=Template(part.annotation).substitute(known),
        construct=Template(part.load).substitute(known),
    )


class Staged:
    """A test project on disk, what was read of it, and the trainer that was rendered for it."""

    def __init__(
        self,
        root: Path,
        contract: str,
        config: str = "dataclass",
        *,
        files: dict[str, str] | None = None,
        registration: Registration | None = None,
        configuration: Configuration | None = None,
        **changes: Any,
    ) -> None:
        self.variant = contract
        self.files = project(contract, "dict", config) if files is None else files
        self.root = write_tree(root, dict(self.files))
        self.training: TrainingFacts = read_training(self.root, settings=None)
        assert self.training.chosen is not None
        self.contract: ContractFacts = recognise(self.training.chosen, self.read)
        self.plan = digits_plan(contract, self.contract.kind, **changes)
        self.configuration = configuration or digits_configuration(config)
        self.text = render_under_contract(
            self.plan,
            self.contract,
            self.training.style,
            registration or Registration("digits"),
            self.configuration,
            ProjectFacts(str(self.root), "given", formatter=Formatter("black", 100)),
            Engine(),
            self.read,
        ).text
        (self.root / self.plan.names.trainer_file).write_text(self.text, encoding="utf-8")

    @property
    def read(self) -> Callable[[str], bytes]:
        """The bytes of a file of the project."""
        return lambda path: (self.root / path).read_bytes()

    @property
    def words(self) -> dict[str, Any]:
        """What the drive is told."""
        functions = self.contract.kind == "functions"
        loss = function_loss(self.plan) if functions else loss_method(self.contract)
        return self.contract.as_words(loss=loss, model="DigitsNet", loaders=("digits_loader",))

    def give_settings(self) -> None:
        """What the configuration's style would write: here for dataclasses."""
        path = self.root / "settings.py"
        text = path.read_text()
        wine = text[text.index("@dataclass\nclass WineConfig") : text.index("@dataclass\nclass DiabetesConfig")]
        path.write_text(
            text.rstrip("\n") + "\n\n\n" + wine.rstrip().replace("Wine", "Digits").replace("wine", "digits") + "\n"
        )
