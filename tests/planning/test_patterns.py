"""Patterns, inputs, checks, optimizers, schedulers and data plans of really measured models."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.planning.planned import HEAD, model_text, planned
from trainergen.errors import AnswerNeeded, UnusableInput
from trainergen.planning.plan import TrainerPlan

FLAT = model_text("self.layer = nn.Linear(36, 10)", "self.layer(image.flatten(1))", "image")
IMAGE = "image: float32[8,1,6,6]; label: int64[8] < 10"
PAIR = "(float32[8,1,6,6], int64[8] < 10)"
ROWS = "(float32[8,4], float32[8,1])"


def linear(doc: str = "", body: str = "") -> str:
    return model_text(
        "self.body = nn.Linear(4, 8)\nself.head = nn.Linear(8, 1)", "self.head(self.body(x))", doc=doc, body=body
    )


def fields(plan: TrainerPlan) -> dict[str, str]:
    return {each.name: each.default for each in plan.settings}


@pytest.mark.parametrize(
    ("source", "batch", "patterns", "feeding", "variables"),
    [
        (FLAT, PAIR, ("simple",), "simple", ["image"]),
        (FLAT, IMAGE, ("structured",), "structured", ["image"]),
        (linear(), ROWS, ("simple",), "simple", ["inputs"]),
        (
            model_text("self.layer = nn.Linear(4, 1)", "self.layer(a + b + c)", "a, b, c"),
            "(float32[8,4], float32[8,4], float32[8,4], float32[8,1])",
            ("multi-tensor",),
            "multi-tensor",
            ["input_0", "input_1", "input_2"],
        ),
        (
            model_text("self.conv = nn.Conv2d(3, 2, 3, padding=1)", "self.conv(image).mean((2, 3))", "image"),
            "image: float32[4,6,8,3]; label: int64[4] < 2",
            ("multi-tensor",),
            "multi-tensor",
            ["image"],
        ),
        (
            model_text("self.layer = nn.Linear(4, 1)", "self.layer(items).squeeze(-1)", "items"),
            "items: float32[3,5,4]; true_ranks: int64[3,5] in [1, 6)",
            ("ranking",),
            "structured",
            ["items"],
        ),
        (linear("Train with SGD."), ROWS, ("simple", "custom-optimizer"), "simple", ["inputs"]),
    ],
)
def test_patterns_by_rule(
    tmp_path: Path, source: str, batch: str, patterns: tuple[str, ...], feeding: str, variables: list[str]
) -> None:
    plan = planned(tmp_path, source, batch)
    assert (plan.patterns, plan.feeding, [each.variable for each in plan.inputs]) == (patterns, feeding, variables)


def test_a_pattern_may_be_said_and_refused(tmp_path: Path) -> None:
    said = planned(tmp_path / "a", FLAT, PAIR, patterns=("multi-tensor", "custom-optimizer"))
    assert (said.patterns, said.feeding) == (("multi-tensor", "custom-optimizer"), "multi-tensor")
    assert not said.optimizer.is_default and said.optimizer.class_name == "AdamW"
    with pytest.raises(UnusableInput, match="--pattern structured does not fit: the batch is a tuple"):
        planned(tmp_path / "b", FLAT, PAIR, patterns=("structured",))
    with pytest.raises(AnswerNeeded, match="--pattern ranking needs scores"):
        planned(tmp_path / "c", FLAT, PAIR, patterns=("ranking",))


def test_checks_demand_what_the_model_demands(tmp_path: Path) -> None:
    image, label = planned(tmp_path / "a", FLAT, IMAGE).checks
    assert (image.variable, image.dtype) == ('batch["image"]', "float32")
    assert image.dims[0] == "batch" and 6 in image.dims
    assert "the model fails with" in image.reason
    assert (label.variable, label.dtype, label.dims, label.low, label.high) == (
        'batch["label"]',
        "int64",
        ("batch",),
        0,
        10,
    )
    tagger = model_text(
        "self.table = nn.Embedding(20, 8)\nself.head = nn.Linear(8, 5)", "self.head(self.table(tokens))", "tokens"
    )
    batch = "tokens: int64[4,7] < 9; tags: int32[4,7] < 5"
    tokens, tags = planned(tmp_path / "b", tagger, batch).checks
    assert (tokens.low, tokens.high) == (0, 9)  # the user's own word
    assert (tags.dtype, tags.high) == ("integral", 5)
    assert tokens.dims == tags.dims and "batch" in tokens.dims and all(isinstance(each, str) for each in tokens.dims)


SGD = (
    "Net.\n\n    Train with SGD, momentum 0.95 and nesterov, learning rate 0.05; weight decay 5e-4. "
    "The rate follows a cosine schedule.\n"
)


def test_the_docstring_chooses_the_optimizer(tmp_path: Path) -> None:
    plan = planned(tmp_path, linear(SGD), ROWS)
    assert (plan.optimizer.class_name, plan.optimizer.is_default, plan.optimizer.decay_groups) == ("SGD", False, True)
    assert [(each.name, each.setting, each.literal) for each in plan.optimizer.arguments] == [
        ("lr", "learning_rate", "0.05"),
        ("momentum", "momentum", "0.95"),
        ("nesterov", "nesterov", "True"),
    ]
    assert fields(plan)["weight_decay"] == "5e-4"
    assert fields(plan)["learning_rate"] == "0.05" and fields(plan)["momentum"] == "0.95"
    assert plan.scheduler is not None
    assert (plan.scheduler.class_name, plan.scheduler.cadence) == ("CosineAnnealingLR", "epoch")
    decision = next(each for each in plan.decisions if each.topic == "optimizer")
    assert "Train with SGD" in decision.reason and "model.py:5" in decision.reason
    assert decision.runner_up is not None and decision.runner_up.startswith("AdamW")


@pytest.mark.parametrize(
    ("doc", "body", "optimizer", "rate"),
    [
        ("", 'optimizer = "sgd"\nlearning_rate = 0.1', "SGD", "0.1"),
        ("", "optimizer_class = torch.optim.RMSprop\nlr = 1e-4", "RMSprop", "1e-4"),
        ("Never train with SGD, use Adam.", "", "Adam", "1e-3"),
        ("Trained by hand.", "# optimise with Adagrad, lr .02", "Adagrad", "0.02"),
        ("Adam Smith's wealth of layers.", "", "AdamW", "1e-3"),
        (
            "",
            "def configure_optimizers(self):\n    return torch.optim.NAdam(self.parameters(), lr=2e-3)",
            "NAdam",
            "0.002",
        ),
        ("", "", "AdamW", "1e-3"),
    ],
)
def test_where_an_optimizer_is_asked_for(tmp_path: Path, doc: str, body: str, optimizer: str, rate: str) -> None:
    plan = planned(tmp_path, linear(doc, body), ROWS)
    assert (plan.optimizer.class_name, fields(plan)["learning_rate"]) == (optimizer, rate)
    assert ("custom-optimizer" in plan.patterns) == (optimizer != "AdamW")


def test_the_user_has_the_last_word_on_the_optimizer(tmp_path: Path) -> None:
    plan = planned(
        tmp_path / "a", linear(SGD), ROWS, optimizer="adamw", optimizer_arguments=(("lr", 2e-4), ("betas", (0.9, 0.95)))
    )
    assert [(each.name, each.literal) for each in plan.optimizer.arguments] == [
        ("lr", "2e-4"),
        ("betas", "(0.9, 0.95)"),
    ]
    own = planned(
        tmp_path / "b", linear(), ROWS, optimizer="optim.lion:Lion", optimizer_arguments=(("beta", 0.9),)
    ).optimizer
    assert (own.import_module, own.class_name, own.decay_groups) == ("optim.lion", "Lion", False)


def test_parts_of_the_model_may_have_rates_of_their_own(tmp_path: Path) -> None:
    plan = planned(
        tmp_path / "a", linear("Train the body at a tenth of the learning rate, the tail at 0.5 of the rate."), ROWS
    )
    assert plan.optimizer.groups == (("body", 0.1),)  # there is no tail
    assert "custom-optimizer" in plan.patterns and not plan.optimizer.is_default
    listed = planned(tmp_path / "b", linear(body='parameter_groups = {"head": 10, "body": 0.1}'), ROWS)
    assert listed.optimizer.groups == (("head", 10.0), ("body", 0.1))


def test_rates_follow_the_kind_of_layers(tmp_path: Path) -> None:
    attention = model_text(
        "self.attend = nn.MultiheadAttention(8, 2, batch_first=True)\nself.head = nn.Linear(8, 3)",
        "self.head(self.attend(x, x, x)[0].mean(1))",
    )
    plan = planned(tmp_path / "a", attention, "x: float32[4,5,8]; label: int64[4] < 3")
    assert fields(plan)["learning_rate"] == "3e-4" and plan.optimizer.is_default
    decision = next(each for each in plan.decisions if each.topic == "optimizer")
    assert (decision.choice, decision.reason) == ("AdamW lr=3e-4", "attention layers, none named in the class")
    conv = model_text(
        "self.c = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))", "self.c(image).mean((2, 3))", "image"
    )
    batch = "image: float32[4,1,6,6]; label: int64[4] < 2"
    sgd = planned(tmp_path / "b", conv, batch, optimizer="sgd")
    assert (fields(sgd)["learning_rate"], fields(sgd)["weight_decay"]) == ("0.1", "1e-4")
    assert any("Batch norm" in note for note in sgd.notes)


@pytest.mark.parametrize(
    ("name", "class_name", "cadence", "arguments"),
    [
        ("step", "StepLR", "epoch", [("step_size", "scheduler_step_size"), ("gamma", "scheduler_gamma")]),
        ("exponential", "ExponentialLR", "epoch", [("gamma", "scheduler_gamma")]),
        ("cosine", "CosineAnnealingLR", "epoch", [("T_max", "num_epochs")]),
        ("warmup_cosine", "WarmupCosine", "step", [("warmup_fraction", "warmup_fraction")]),
    ],
)
def test_schedulers_have_their_cadence(
    tmp_path: Path, name: str, class_name: str, cadence: str, arguments: list[tuple[str, str]]
) -> None:
    plan = planned(tmp_path, linear(), ROWS, scheduler=name)
    assert plan.scheduler is not None
    assert (plan.scheduler.class_name, plan.scheduler.cadence) == (class_name, cadence)
    assert [(each.name, each.setting) for each in plan.scheduler.arguments] == arguments
    assert plan.patterns == ("simple", "custom-optimizer")


LOADER = """
import torch
from torch.utils.data import DataLoader, TensorDataset
def build(batch_size: int, shuffle: bool, split: str = "train"):
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(64, 4), torch.randn(64, 1))
    return DataLoader(data, batch_size=batch_size, shuffle=shuffle)
BATCHES = build(8, False)
"""


def test_the_loader_is_called_by_the_names_it_has(tmp_path: Path) -> None:
    plan = planned(
        tmp_path / "factory", linear(), files={"data.py": LOADER}, loader="data:build", scheduler="one_cycle"
    )
    assert (plan.data.kind, plan.data.module, plan.data.name, plan.data.is_factory) == ("loader", "data", "build", True)
    assert plan.data.arguments == ('split="train"', "batch_size=config.batch_size", "shuffle=config.shuffle")
    assert plan.data.validation_name == "build"
    assert plan.data.validation_arguments[1:] == ("batch_size=config.batch_size", "shuffle=False")
    assert fields(plan)["batch_size"] == "32"
    assert fields(plan)["scheduler_steps_per_epoch"] == "2"  # two batches of 32
    object_plan = planned(tmp_path / "object", linear(), files={"data.py": LOADER}, loader="data:BATCHES")
    assert (object_plan.data.is_factory, object_plan.data.arguments) == (False, ())
    assert "batch_size" not in fields(object_plan) and "shuffle" not in fields(object_plan)


def test_without_a_loader_there_is_a_stub_or_the_combined_one(tmp_path: Path) -> None:
    assert planned(tmp_path / "stub", linear(), ROWS).data.kind == "stub"
    source = model_text("self.layer = nn.Linear(4, 1)", "self.layer(items).squeeze(-1)", "items")
    data = planned(tmp_path / "combined", source, "items: float32[3,5,4]; true_ranks: int64[3,5] in [1, 6)").data
    assert (data.kind, data.module, data.name) == (
        "combined",
        "dataloader.similarity",
        "build_combined_similarity_loader",
    )
    with pytest.raises(AnswerNeeded) as caught:
        planned(tmp_path / "steps", linear(), ROWS, scheduler="one_cycle")
    assert "--scheduler warmup_cosine" in caught.value.flags


DATACLASS = HEAD + """
from dataclasses import dataclass

@dataclass
class Sample:
    features: torch.Tensor
    target: torch.Tensor

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 1)
    def forward(self, features):
        return self.layer(features)

BATCHES = [Sample(torch.randn(8, 4), torch.randn(8, 1))]
"""


def test_a_dataclass_batch_is_structured(tmp_path: Path) -> None:
    plan = planned(tmp_path, DATACLASS, loader="model:BATCHES")
    assert (plan.patterns, plan.objective.target) == (("structured",), ("target",))
    assert plan.checks[0].variable == "batch.features"
