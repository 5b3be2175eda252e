"""What is proposed for a model whose batch holds its inputs alone: real models, really measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from tests.planning.planned import model_text, plans
from trainergen.errors import AnswerNeeded, UnusableInput
from trainergen.families.torch.objectives import tasks
from trainergen.families.torch.seen import prose, spelled
from trainergen.inspection.batch_spec import Leaf, find
from trainergen.planning.plan import TrainerPlan
from trainergen.runtime import losses

ROWS = "float32[4,6]"
MAP = "image: float32[2,1,8,8]"
TOKENS = "tokens: int64[4,7] < 20"
EMBEDDED = "self.table = nn.Embedding(20, 8)\nself.head = nn.Linear(8, {columns})"


def proposed(root: Path, source: str, batch: str, name: str = "Net", **wished: object) -> TrainerPlan:
    """The best plan for the model under another name."""
    text = source.replace("class Net(", f"class {name}(")
    return plans(root, text, batch, reference=f"model.py:{name}", synthesised=True, **wished)[0]  # type: ignore[arg-type]


def rows(columns: int, ending: str = "") -> str:
    return model_text(f"self.layer = nn.Linear(6, {columns})", f"self.layer(x){ending}")


@pytest.mark.parametrize(
    ("name", "source", "batch", "task", "loss", "target"),
    [
        ("Classifier", rows(5), ROWS, "multi-class", "cross_entropy", ("int64", ("batch",))),
        ("Net", rows(5, ".softmax(1)"), ROWS, "multi-class", "nll_of_probabilities", ("int64", ("batch",))),
        ("Net", rows(5, ".log_softmax(1)"), ROWS, "multi-class", "nll", ("int64", ("batch",))),
        ("SpamClassifier", rows(1), ROWS, "binary", "bce_with_logits", ("int64", ("batch",))),
        ("Net", rows(1, ".sigmoid()"), ROWS, "binary", "bce", ("int64", ("batch",))),
        ("Net", rows(1), ROWS, "regression", "mse", ("float32", ("batch",))),
        ("Net", rows(5, ".sigmoid()"), ROWS, "multi-label", "bce", ("int64", ("batch", 5))),
        ("TrafficForecaster", rows(3), ROWS, "regression", "mse", ("float32", ("batch", 3))),
        ("AutoEncoder", rows(6), ROWS, "reconstruction", "mse", None),
        (
            "UNet",
            model_text("self.conv = nn.Conv2d(1, 3, 1)", "self.conv(image)", "image"),
            MAP,
            "multi-class",
            "cross_entropy",
            ("int64", ("batch", "height", "width")),
        ),
        (
            "Tagger",
            model_text(EMBEDDED.format(columns=5), "self.head(self.table(tokens))", "tokens"),
            TOKENS,
            "multi-class",
            "cross_entropy",
            ("int64", ("batch", "length")),
        ),
        (
            "CharLM",
            model_text(EMBEDDED.format(columns=20), "self.head(self.table(tokens))", "tokens"),
            TOKENS,
            "language-modelling",
            "next_token",
            None,
        ),
    ],
)
def test_the_objective_follows_from_output_and_names(
    tmp_path: Path,
    name: str,
    source: str,
    batch: str,
    task: str,
    loss: str,
    target: tuple[str, tuple[object, ...]] | None,
) -> None:
    plan = proposed(tmp_path, source, batch, name)
    assert (plan.objective.task, plan.objective.loss) == (task, loss)
    decision = next(each for each in plan.decisions if each.topic == "loss")
    assert decision.assumed and decision.reason
    assert plan.objective.target is not None
    leaf = find(plan.batch.root, plan.objective.target)
    assert isinstance(leaf, Leaf)
    if target is None:
        assert any(each.path == plan.objective.target for each in plan.inputs)
    else:
        assert (leaf.dtype, leaf.dims, leaf.source) == (*target, "assumed")
        check = next(each for each in plan.checks if each.path == plan.objective.target)
        assert check.high == {"multi-class": plan.objective.classes, "binary": 2, "multi-label": 2}.get(task)


def test_a_target_may_be_named_and_a_loss_restricts(tmp_path: Path) -> None:
    named = proposed(tmp_path / "named", rows(5), ROWS, target="species")
    assert named.objective.target == ("species",)
    assert named.objective.target_variable == "species"
    restricted = proposed(tmp_path / "restricted", rows(5), ROWS, "Classifier", loss="huber")
    assert (restricted.objective.task, restricted.objective.loss) == ("regression", "huber")
    with pytest.raises(UnusableInput, match="does not fit"):
        proposed(tmp_path / "odd", rows(5), ROWS, loss="next_token")


def test_two_models_in_one_class_are_asked_about(tmp_path: Path) -> None:
    layers = "self.generator = nn.Linear(6, 6)\nself.discriminator = nn.Linear(6, 1)"
    source = model_text(layers, "self.discriminator(self.generator(x))")
    with pytest.raises(AnswerNeeded) as caught:
        proposed(tmp_path, source, ROWS)
    assert "holds two models that train against each other (generator, discriminator)" in caught.value.message
    assert caught.value.flags == ("--loss module:name",)


def test_a_docstring_speaks_in_prose() -> None:
    said = "Tells species apart.\n\nUses :class:`Linear`.\n\nArgs:\n    depth: of the regression tree.\n"
    assert prose(said) == "Tells species apart.\n\nUses `Linear`.\n"
    assert (prose(None), spelled("UNetDenoiser2d")) == ("", "u net denoiser 2 d")


@pytest.mark.parametrize(("loss", "error"), [("elbo", "mse_loss"), ("elbo_bce", "binary_cross_entropy")])
def test_the_references_of_a_vae_agree_with_the_runtimes_divergence(loss: str, error: str) -> None:
    generator = torch.Generator().manual_seed(3)
    rebuilt, given = (torch.rand(5, 2, 3, generator=generator) for _ in range(2))
    mu, logvar = (torch.randn(5, 4, generator=generator) for _ in range(2))
    found = tasks()["vae"].REFERENCES[loss](functional, prediction=rebuilt, target=given, mu=mu, logvar=logvar)
    expected = getattr(functional, error)(rebuilt, given, reduction="sum") / 5
    torch.testing.assert_close(found["reconstruction_loss"], expected)
    torch.testing.assert_close(found["kl_divergence"], losses.kl_to_standard_normal(mu, logvar))
    normal = torch.distributions.Normal(mu, (logvar / 2).exp())
    exact = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(dim=1).mean()
    torch.testing.assert_close(found["kl_divergence"], exact)
