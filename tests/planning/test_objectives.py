"""Objectives from output and target: real models, really measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from tests.planning.planned import model_text, planned, plans
from trainergen.errors import AnswerNeeded, UnusableInput, UserCodeFailed
from trainergen.families.torch.objectives import tasks
from trainergen.rendering.engine import Engine
from trainergen.runtime import losses, metrics

IMAGE = "image: float32[8,1,6,6]; label: int64[8] < 10"
FLAT = model_text("self.layer = nn.Linear(36, 10)", "self.layer(image.flatten(1))", "image")
COLUMN = model_text("self.layer = nn.Linear(4, 1)", "self.layer(x)")
ROWS = "(float32[8,4], {})"


@pytest.mark.parametrize(
    ("source", "batch", "task", "loss", "prediction_prepare", "target_prepare"),
    [
        (FLAT, IMAGE, "multi-class", "cross_entropy", (), ()),
        (FLAT, IMAGE.replace("int64", "int32"), "multi-class", "cross_entropy", (), ("long",)),
        (
            model_text("self.layer = nn.Linear(36, 10)", "F.log_softmax(self.layer(image.flatten(1)), 1)", "image"),
            IMAGE,
            "multi-class",
            "nll",
            (),
            (),
        ),
        (
            model_text("self.layer = nn.Linear(36, 10)", "self.layer(image.flatten(1)).softmax(1)", "image"),
            IMAGE,
            "multi-class",
            "nll_of_probabilities",
            (),
            (),
        ),
        (  # a token tagger: classes last
            model_text(
                "self.table = nn.Embedding(20, 8)\nself.head = nn.Linear(8, 5)",
                "self.head(self.table(tokens))",
                "tokens",
            ),
            "tokens: int64[4,7] < 20; tags: int64[4,7] < 5",
            "multi-class",
            "cross_entropy",
            ("permute:0,2,1",),
            (),
        ),
        (  # segmentation: classes second, the mask with a channel of its own
            model_text("self.conv = nn.Conv2d(1, 3, 1)", "self.conv(image)", "image"),
            "image: float32[4,1,6,6]; mask: int64[4,1,6,6] < 3",
            "multi-class",
            "cross_entropy",
            (),
            ("squeeze:1",),
        ),
        (COLUMN, ROWS.format("int64[8] < 2"), "binary", "bce_with_logits", ("squeeze:1",), ("float",)),
        (COLUMN, ROWS.format("bool[8,1]"), "binary", "bce_with_logits", (), ("float",)),
        (
            model_text("self.layer = nn.Linear(4, 1)", "torch.sigmoid(self.layer(x)).squeeze(1)"),
            ROWS.format("int64[8] < 2"),
            "binary",
            "bce",
            (),
            ("float",),
        ),
        (
            model_text("self.layer = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())", "10 * self.layer(x)"),
            ROWS.format("int64[8] < 2"),
            "binary",
            "bce_with_logits",
            ("squeeze:1",),
            ("float",),
        ),
        (
            model_text("self.layer = nn.Linear(4, 6)", "self.layer(x)"),
            ROWS.format("int64[8,6] < 2"),
            "multi-label",
            "bce_with_logits",
            (),
            ("float",),
        ),
        (COLUMN, ROWS.format("float32[8]"), "regression", "mse", ("squeeze:1",), ()),
        (
            model_text("self.layer = nn.Linear(4, 1)", "self.layer(x)[:, 0]"),
            ROWS.format("float32[8,1]"),
            "regression",
            "mse",
            (),
            ("squeeze:1",),
        ),
        (COLUMN, "x: float32[8,4]; age: int64[8,1] in [1, 90)", "regression", "mse", (), ("float",)),
        (
            model_text("self.a = nn.Linear(4, 2)\nself.b = nn.Linear(2, 4)", "self.b(self.a(x))"),
            "float32[8,4]",
            "reconstruction",
            "mse",
            (),
            (),
        ),
        (
            model_text("self.layer = nn.Linear(4, 3)", "F.cross_entropy(self.layer(x), labels)", "x, labels"),
            "x: float32[8,4]; labels: int64[8] < 3",
            "own-loss",
            "own",
            (),
            (),
        ),
        (
            model_text("self.layer = nn.Linear(4, 1)", "self.layer(items).squeeze(-1)", "items"),
            "items: float32[3,5,4]; true_ranks: int64[3,5] in [1, 6)",
            "ranking",
            "listnet",
            (),
            (),
        ),
    ],
)
def test_the_objective_follows_from_output_and_target(
    tmp_path: Path,
    source: str,
    batch: str,
    task: str,
    loss: str,
    prediction_prepare: tuple[str, ...],
    target_prepare: tuple[str, ...],
) -> None:
    objective = planned(tmp_path, source, batch).objective
    assert (objective.task, objective.loss) == (task, loss)
    assert (objective.prediction_prepare, objective.target_prepare) == (prediction_prepare, target_prepare)


def test_every_loss_has_a_reference_and_every_metric_a_function() -> None:
    for name, task in tasks().items():
        assert set(task.LOSSES) == set(task.REFERENCES), name
        assert set(task.DEFAULT_METRICS) <= {*task.METRICS, *task.EPOCH_METRICS}, name
        module = Engine().module(f"torch/objectives/{name.replace('-', '_')}.py.j2")
        for metric in (*task.METRICS, *task.EPOCH_METRICS):
            spelled = module.metrics.get(metric, f"metrics.{metric}")
            assert callable(getattr(metrics, spelled.removeprefix("metrics."))), (name, metric)
            assert metric in task.EPOCH_METRICS or metric not in module.whole_epoch, (name, metric)


@pytest.mark.parametrize("name", ["listnet", "listmle", "pairwise_logistic"])
def test_ranking_references_agree_with_the_runtimes_losses(name: str) -> None:
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(6, 5, generator=generator)
    ranks = torch.tensor(
        [[1, 2, 3, 4, 5], [2, 2, 1, 0, 4], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [1, 1, 1, 1, 1], [5, 4, 0, 1, 1]]
    )
    reference = tasks()["ranking"].REFERENCES[name](functional, prediction=scores, target=ranks)
    torch.testing.assert_close(reference, getattr(losses, f"{name}_loss")(scores, ranks), rtol=1e-6, atol=0)


def test_the_report_gives_reason_runner_up_and_flag(tmp_path: Path) -> None:
    decisions = {each.topic: each for each in planned(tmp_path, FLAT, IMAGE).decisions}
    assert list(decisions) == ["pattern", "loss", "metrics", "optimizer"]
    loss = decisions["loss"]
    assert (loss.choice, loss.flag, loss.given) == ("loss cross_entropy", "--loss", False)
    assert loss.reason == "output [batch, 10] against integers [batch]"
    assert loss.runner_up == "nll: log-probabilities against class indices"


def test_a_target_is_chosen_by_name_and_asked_for_without(tmp_path: Path) -> None:
    named = planned(tmp_path / "named", FLAT, "image: float32[8,1,6,6]; domain: int64[8] < 4; label: int64[8] < 10")
    assert named.objective.target == ("label",)
    target = next(each for each in named.decisions if each.topic == "target")
    assert target.runner_up is not None and target.runner_up.startswith("domain: ")
    two = "image: float32[8,1,6,6]; colour: int64[8] < 4; kind: int64[8] < 10"
    with pytest.raises(AnswerNeeded) as caught:
        planned(tmp_path / "asked", FLAT, two)
    assert caught.value.flags == ("--target colour",)
    assert "or kind" in caught.value.questions[0].evidence
    assert planned(tmp_path / "said", FLAT, two, target="kind").objective.target == ("kind",)


def test_integers_against_one_column_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(AnswerNeeded) as caught:
        planned(tmp_path / "a", COLUMN, "x: float32[8,4]; label: int64[8] < 7")
    assert caught.value.flags == ("--loss mse",)
    said = planned(tmp_path / "b", COLUMN, "x: float32[8,4]; label: int64[8] < 7", loss="mse")
    assert said.objective.target_prepare == ("float",)


def test_two_outputs_are_told_apart_by_name_or_asked_about(tmp_path: Path) -> None:
    two = "self.a = nn.Linear(4, 3)\nself.b = nn.Linear(4, 3)"
    batch = "x: float32[8,4]; label: int64[8] < 3"
    named = model_text(two, '{"side": self.b(x), "logits": self.a(x)}')
    assert planned(tmp_path / "named", named, batch).objective.prediction == ("logits",)
    unnamed = model_text(two, "(self.a(x), self.b(x))")
    with pytest.raises(AnswerNeeded) as caught:
        planned(tmp_path / "unnamed", unnamed, batch)
    assert caught.value.flags == ("--loss module:name",)
    own = planned(tmp_path / "own", unnamed, batch, loss="losses:both").objective
    assert (own.loss, own.prediction, own.output_kind, own.target) == ("losses:both", (), "tuple", ("label",))


def test_auxiliary_losses_are_found_weighted_and_refused(tmp_path: Path) -> None:
    source = model_text(
        "self.a = nn.Linear(4, 2)\nself.b = nn.Linear(2, 4)",
        '{"reconstruction": self.b(self.a(x)), "sparsity": self.a(x).abs().mean(), "code": self.a(x)}',
    )
    plan = planned(tmp_path / "found", source, "float32[8,4]")
    assert [(each.name, each.output, each.setting, each.weight) for each in plan.objective.auxiliaries] == [
        ("sparsity", ("sparsity",), "sparsity_weight", 1.0)
    ]
    assert plan.objective.prediction == ("reconstruction",)
    given = planned(tmp_path / "given", source, "float32[8,4]", auxiliaries=(("sparsity", 0.01),))
    assert [(each.name, each.value) for each in given.settings if each.name == "sparsity_weight"] == [
        ("sparsity_weight", "0.01")
    ]


def test_a_class_beyond_the_output_is_the_users_fault(tmp_path: Path) -> None:
    with pytest.raises(UserCodeFailed) as caught:
        planned(tmp_path, FLAT, IMAGE.replace("< 10", "< 12"))
    assert caught.value.message == "the target holds 11, the output has 10 classes (0 to 9)"


def test_nothing_that_fits_is_said_with_the_shapes(tmp_path: Path) -> None:
    with pytest.raises(AnswerNeeded) as caught:
        planned(tmp_path, FLAT, "image: float32[8,1,6,6]; boxes: float32[8,4]")
    assert caught.value.flags == ("--target KEY", "--loss module:name")
    assert caught.value.questions[0].evidence == (
        "output       output [batch, 10]",
        "left over    boxes float32[batch, 4]",
    )


@pytest.mark.parametrize(
    ("wished", "message", "hint"),
    [
        ({"target": "lable"}, None, None),
        ({"loss": "cross_entropi"}, "--loss cross_entropi: not known", "did you mean cross_entropy?"),
        ({"loss": "mse"}, "--loss mse does not fit", "multi-class takes cross_entropy"),
        ({"metrics": ("acuracy",)}, "--metric acuracy: not known", "did you mean accuracy?"),
        ({"metrics": ("mae",)}, "--metric mae does not belong to multi-class", "module:name"),
        ({"patterns": ("structurd",)}, "--pattern structurd: not known", "did you mean structured?"),
        ({"optimizer": "adamv"}, "--optimizer adamv: not known", "did you mean adam"),
        (
            {"optimizer": "sgd", "optimizer_arguments": (("momentun", 0.9),)},
            "--optimizer-arg momentun",
            "did you mean momentum?",
        ),
        ({"scheduler": "cosin"}, "--scheduler cosin: not known", "did you mean cosine?"),
        ({"loss": "my/losses.py:focal"}, "not of the form module:name", "--loss my.losses:focal"),
    ],
)
def test_unknown_words_get_a_did_you_mean(
    tmp_path: Path, wished: dict[str, object], message: str | None, hint: str | None
) -> None:
    if message is None:
        from trainergen.lab.protocol import LabProblem

        with pytest.raises(LabProblem):  # the lab reads the batch first, and knows its keys
            planned(tmp_path, FLAT, IMAGE, **wished)
        return
    with pytest.raises(UnusableInput) as caught:
        planned(tmp_path, FLAT, IMAGE, **wished)
    assert message in caught.value.message
    assert hint is not None and hint in (caught.value.hint or "")


def test_split_evidence_gives_more_than_one_plan(tmp_path: Path) -> None:
    source = model_text("self.layer = nn.Linear(4, 4)", "self.layer(x)").replace("class Net", "class AutoEncoder")
    batch = "x: float32[8,4]; clean: float32[8,4]"
    found = plans(tmp_path / "split", source, batch, reference="model.py:AutoEncoder")
    assert [each.objective.task for each in found] == ["regression", "reconstruction"]
    assert [each.objective.target for each in found] == [("clean",), ("x",)]
    said = plans(tmp_path / "said", source, batch, reference="model.py:AutoEncoder", target="x")
    assert [each.objective.task for each in said] == ["reconstruction"]
    assert [each.objective.task for each in plans(tmp_path / "clear", FLAT, IMAGE)] == ["multi-class"]
