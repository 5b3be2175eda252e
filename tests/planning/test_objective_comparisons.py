"""Models that compare, embed, rank or say how sure they are, and their neighbours that do not, from their inputs alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from scipy.stats import norm
from torch.nn import functional

from tests.planning.planned import model_text, plans
from tests.planning.test_objective_families import Case, demand_reading
from trainergen.families.torch.objectives import tasks

ROWS = "x: float32[4,6]"
TWO = "image: float32[4,6]; text: float32[4,5]"
ALIKE = "x1: float32[4,6]; x2: float32[4,6]"
GRAPH = "x: float32[7,5]; edge_index: int64[2,12] < 7"
HEAD = "self.a = nn.Linear(6, 8)"
TOWERS = "self.a, self.b = nn.Linear(6, 8), nn.Linear(5, 8)"
MIXED = "torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])"

CASES = [
    # how sure it is
    Case(
        "UncertaintyNet",
        "self.mean, self.log_var = nn.Linear(6, 1), nn.Linear(6, 1)",
        '{"mean": self.mean(x), "log_var": self.log_var(x)}',
        ROWS,
        "heteroscedastic",
        "gaussian_nll_log_variance",
        doc="A price and its aleatoric uncertainty.",
        assumed=False,
    ),
    Case(
        "GaussianHead",
        "self.mu, self.sigma = nn.Linear(6, 2), nn.Linear(6, 2)",
        '{"mu": self.mu(x), "sigma": F.softplus(self.sigma(x)) + 1e-3}',
        ROWS,
        "heteroscedastic",
        "gaussian_nll_deviation",
    ),
    Case(
        "MeanVariance",
        "self.mean, self.variance = nn.Linear(6, 1), nn.Linear(6, 1)",
        "(self.mean(x), self.variance(x))",
        ROWS,
        "heteroscedastic",
        "gaussian_nll_softplus",
        assumed=False,
    ),
    Case(
        "QuantileForecaster",
        "self.quantiles = (0.1, 0.5, 0.9)\nself.head = nn.Linear(6, 3)",
        "self.head(x)",
        ROWS,
        "quantile",
        "pinball",
        assumed=False,
    ),
    Case(
        "IntervalNet",
        "self.head = nn.Linear(6, 12)",
        "self.head(x).view(-1, 4, 3)",
        ROWS,
        "quantile",
        "pinball",
        doc="Quantile forecasts of four steps.",
    ),
    # what belongs together
    Case(
        "TinyCLIP",
        f"{TOWERS}\nself.scale = nn.Parameter(torch.zeros(()))",
        '{"logits_per_image": self.scale.exp() * F.normalize(self.a(image)) @ F.normalize(self.b(text)).T,'
        ' "image_embeds": self.a(image), "text_embeds": self.b(text)}',
        TWO,
        "contrastive",
        "clip",
        "image, text",
        assumed=False,
    ),
    Case(
        "OpenCLIP",
        f"{TOWERS}\nself.logit_scale = nn.Parameter(torch.ones(()))",
        '{"image_features": self.a(image), "text_features": self.b(text), "logit_scale": self.logit_scale.exp()}',
        TWO,
        "contrastive",
        "clip_of_scale",
        "image, text",
        assumed=False,
    ),
    Case("TwoTower", TOWERS, "(self.a(image), self.b(text))", TWO, "contrastive", "info_nce", "image, text"),
    Case(  # as wide as the batch is long
        "DualEncoder",
        "self.a, self.b = nn.Linear(6, 4), nn.Linear(5, 4)",
        "(self.a(image), self.b(text))",
        TWO,
        "contrastive",
        "info_nce",
        "image, text",
    ),
    Case("SimCLR", HEAD, "self.a(x)", ROWS, "contrastive", "nt_xent"),
    Case("SupConNet", HEAD, "self.a(x)", ROWS, "contrastive", "supervised_contrastive"),
    Case("SpeakerEmbedding", HEAD, "self.a(x)", ROWS, "contrastive", "supervised_contrastive"),
    Case("EmbeddingNet", HEAD, "self.a(x)", ROWS, "triplet", "triplet_margin", doc="Trained with a triplet loss."),
    Case(
        "TripletNetwork",
        HEAD,
        "(self.a(anchor), self.a(positive), self.a(negative))",
        "anchor: float32[4,6]; positive: float32[4,6]; negative: float32[4,6]",
        "triplet",
        "triplet_margin",
        "anchor, positive, negative",
        assumed=False,
    ),
    Case("SiameseNetwork", HEAD, "(self.a(x1), self.a(x2))", ALIKE, "triplet", "pair_margin", "x1, x2"),
    Case(
        "SiameseDistance",
        HEAD,
        "F.pairwise_distance(self.a(x1), self.a(x2))",
        ALIKE,
        "triplet",
        "distance_margin",
        "x1, x2",
    ),
    Case(  # a similarity between 0 and 1 is a probability
        "SiameseClassifier",
        "self.a, self.end = nn.Linear(6, 8), nn.Sequential(nn.Linear(8, 1), nn.Sigmoid())",
        "self.end((self.a(x1) - self.a(x2)).abs())",
        ALIKE,
        "binary",
        "bce",
        "x1, x2",
    ),
    # when it happens
    Case("DeepSurv", "self.a = nn.Linear(6, 1)", "self.a(x)", ROWS, "survival", "cox"),
    Case("HazardNet", HEAD, "self.a(x)", ROWS, "survival", "discrete_time", doc="Discrete-time survival."),
    Case("DeepHit", HEAD, "self.a(x).softmax(1)", ROWS, "survival", "event_time"),
    Case("HazardModel", HEAD, "torch.sigmoid(self.a(x))", ROWS, "survival", "discrete_time_of_hazards"),
    # which are linked
    Case(
        "GraphAutoEncoder",
        "self.a = nn.Linear(5, 8)",
        f"self.a({MIXED})",
        GRAPH,
        "link-prediction",
        "dot_product",
        "x, edge_index",
    ),
    Case(
        "EdgeScorer",
        "self.a = nn.Linear(5, 8)",
        "(self.a(x)[edge_index[0]] * self.a(x)[edge_index[1]]).sum(-1)",
        GRAPH,
        "link-prediction",
        "bce_with_logits",
        "x, edge_index",
    ),
    Case(
        "ItemRanker",
        "self.table = nn.Embedding(7, 8)",
        "(self.table(edge_index[0]) * self.table(edge_index[1])).sum(-1)",
        "edge_index: int64[2,12] < 7",
        "link-prediction",
        "bpr",
        "edge_index",
        doc="Collaborative filtering by embeddings of users and items.",
    ),
    Case(
        "DistMult",
        "self.a, self.b = nn.Embedding(9, 8), nn.Embedding(3, 8)",
        "(self.a(head) * self.b(relation) * self.a(tail)).sum(-1)",
        "head: int64[4] < 9; relation: int64[4] < 3; tail: int64[4] < 9",
        "link-prediction",
        "bce_with_logits",
        "head, relation, tail",
    ),
    Case("ArcFaceNet", HEAD, "F.normalize(self.a(x))", ROWS, "contrastive", "supervised_contrastive"),
    # neighbours that are none of these
    Case(
        "HazardDetector",
        "self.a = nn.Linear(6, 1)",
        "self.a(x)",
        ROWS,
        "binary",
        "bce_with_logits",
    ),
    Case(  # what a normalisation gives back beside its output
        "Normaliser",
        "self.a, self.mean, self.std = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)",
        '{"x": self.a(x), "mean": self.mean(x), "std": self.std(x)}',
        ROWS,
        "regression",
        "mse",
    ),
    Case(
        "GraphNet",
        "self.a = nn.Linear(5, 3)",
        f"self.a({MIXED})",
        GRAPH,
        "multi-class",
        "cross_entropy",
        "x, edge_index",
        doc="It is recommended to classify nodes.",
    ),
    Case(  # as many classes as samples
        "DualEncoderClassifier",
        "self.a, self.b = nn.Linear(6, 4), nn.Linear(5, 4)",
        "self.a(image) + self.b(text)",
        TWO,
        "multi-class",
        "cross_entropy",
        "image, text",
    ),
    Case(
        "PatchEmbedding",
        "self.a = nn.Conv2d(3, 8, 4, 4)",
        "self.a(image).flatten(2).transpose(1, 2)",
        "image: float32[4,3,8,8]",
        "regression",
        "mse",
        "image",
    ),
    Case(
        "ClickModel",
        "self.table, self.head = nn.Embedding(9, 4), nn.Linear(12, 1)",
        "torch.sigmoid(self.head(self.table(x).flatten(1)))",
        "x: int64[4,3] < 9",
        "binary",
        "bce",
    ),
    Case(
        "GaussianEncoder",
        "self.mu, self.logvar = nn.Linear(6, 2), nn.Linear(6, 2)",
        '{"mu": self.mu(x), "logvar": self.logvar(x)}',
        ROWS,
        "regression",
        "mse",
    ),
    Case(
        "TwoHeads",
        "self.a, self.b = nn.Linear(6, 4), nn.Linear(6, 4)",
        "(self.a(x), self.b(x))",
        ROWS,
        "multi-class",
        "cross_entropy",
        doc="Image classification with an auxiliary head.",
    ),
    Case(
        "EmbeddingClassifier",
        "self.table, self.head = nn.EmbeddingBag(12, 8), nn.Linear(8, 4)",
        "self.head(self.table(tokens))",
        "tokens: int64[4,6] < 12",
        "multi-class",
        "cross_entropy",
        "tokens",
    ),
    Case("Encoder", HEAD, "self.a(x)", ROWS, "contrastive", "supervised_contrastive"),
    Case(
        "AutoEncoder",
        "self.a, self.b = nn.Linear(6, 3), nn.Linear(3, 6)",
        "self.b(self.a(x))",
        ROWS,
        "reconstruction",
        "mse",
    ),
    Case(
        "UNet",
        "self.a = nn.Conv2d(1, 3, 3, padding=1)",
        "self.a(image)",
        "image: float32[4,1,8,8]",
        "multi-class",
        "cross_entropy",
        "image",
    ),
    Case(
        "NodeClassifier",
        "self.a = nn.Linear(5, 3)",
        f"self.a({MIXED})",
        GRAPH,
        "multi-class",
        "cross_entropy",
        "x, edge_index",
    ),
    Case(
        "DigitVAE",
        "self.mu, self.logvar, self.back = nn.Linear(6, 2), nn.Linear(6, 2), nn.Linear(2, 6)",
        '{"recon": self.back(self.mu(x)), "mu": self.mu(x), "logvar": self.logvar(x)}',
        ROWS,
        "vae",
        "elbo",
        assumed=False,
    ),
    Case(
        "TwoHeadedClassifier",
        "self.a, self.b = nn.Linear(6, 4), nn.Linear(6, 4)",
        '{"logits": self.a(x), "features": self.b(x)}',
        ROWS,
        "multi-class",
        "cross_entropy",
    ),
    Case("PriceRegressor", "self.a = nn.Linear(6, 1)", "self.a(x)", ROWS, "regression", "mse"),
    Case("Transition", "self.a = nn.Linear(6, 6)", "self.a(x)", ROWS, "regression", "mse"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_model_is_for(tmp_path: Path, case: Case) -> None:
    demand_reading(tmp_path, case)


def case(name: str) -> Case:
    """The case of that name."""
    return next(each for each in CASES if each.name == name)


@pytest.mark.parametrize(
    ("name", "batch", "loss", "target", "parts"),
    [
        ("UncertaintyNet", "(float32[8,6], float32[8])", "gaussian_nll_log_variance", (1,), [("log_var",)]),
        ("UncertaintyNet", "(float32[8,6], float64[8,1])", "gaussian_nll_log_variance", (1,), [("log_var",)]),
        ("QuantileForecaster", "x: float32[8,6]; y: float32[8]", "pinball", ("y",), []),
        ("DeepSurv", "(float32[8,6], float32[8], int64[8] < 2)", "cox", (1,), [(2,)]),
        ("DeepSurv", "x: float32[8,6]; status: bool[8]; duration: float32[8]", "cox", ("duration",), [("status",)]),
        ("HazardNet", "x: float32[8,6]; e: float32[8]; bin: int64[8] < 8", "discrete_time", ("bin",), [("e",)]),
        ("SupConNet", "(float32[8,6], int64[8] < 3)", "supervised_contrastive", (1,), []),
        ("SimCLR", "(float32[8,6], float32[8,6])", "nt_xent", None, [(1,)]),
        ("EmbeddingNet", "(float32[8,6], float32[8,6], float32[8,6])", "triplet_margin", None, [(1,), (2,)]),
        ("SiameseNetwork", "((float32[8,6], float32[8,6]), float32[8])", "pair_margin", (1,), [(1,)]),
        ("TwoTower", TWO, "info_nce", None, [(1,)]),
        ("GraphAutoEncoder", f"{GRAPH}; neg_edge_index: int64[2,9] < 7", "dot_product", None, None),
        ("EmbeddingClassifier", "(int64[4,6] < 12, int64[4] < 4)", "cross_entropy", (1,), []),
        ("Encoder", "(float32[8,6], int64[8] < 3)", "cross_entropy", (1,), []),
    ],
)
def test_what_the_users_batch_holds_is_found(
    tmp_path: Path,
    name: str,
    batch: str,
    loss: str,
    target: tuple[str | int, ...] | None,
    parts: list[tuple[str | int, ...]] | None,
) -> None:
    chosen = case(name)
    objective = plans(tmp_path, chosen.source(), batch, reference=f"model.py:{name}")[0].objective
    assert (objective.loss, objective.target) == (loss, target)
    assert parts is None or [each.path for each in objective.parts] == parts


def test_quantile_levels_are_the_models_own_or_spread_evenly(tmp_path: Path) -> None:
    def levels(name: str, source: str) -> object:
        batch = case(name).batch
        objective = plans(tmp_path / name, source, batch, reference=f"model.py:{name}", synthesised=True)[0].objective
        return objective.constants[0].value

    assert levels("QuantileForecaster", case("QuantileForecaster").source()) == (0.1, 0.5, 0.9)
    assert levels("IntervalNet", case("IntervalNet").source()) == (0.1667, 0.5, 0.8333)


@pytest.mark.parametrize(
    ("argument", "task"),
    [
        ("levels: int = 3", "multi-class"),  # of a pyramid
        ("levels=(0.25, 0.75, 0.9)", "quantile"),
        ("num_quantiles: int = 3", "quantile"),
        ("quantiles=None", "quantile"),
    ],
)
def test_an_argument_says_quantiles_by_its_value_or_name(tmp_path: Path, argument: str, task: str) -> None:
    source = model_text("self.a = nn.Linear(6, 3)", "self.a(x)").replace("(self):", f"(self, {argument}):")
    assert plans(tmp_path, source, ROWS, synthesised=True)[0].objective.task == task


def test_calls_stand_for_the_parts_that_one_encoder_embeds(tmp_path: Path) -> None:
    chosen = case("EmbeddingNet")
    plan = plans(tmp_path, chosen.source(), chosen.batch, reference="model.py:EmbeddingNet", synthesised=True)[0]
    assert [(each.role, each.origin) for each in plan.objective.parts] == [("positive", "call"), ("negative", "call")]
    assert [key for key, _ in plan.batch.root.entries] == ["x", "positive", "negative"]


@pytest.mark.parametrize(
    ("loss", "spread"),
    [
        ("gaussian_nll", lambda deviation: deviation**2),
        ("gaussian_nll_log_variance", lambda deviation: 2 * deviation.log()),
        ("gaussian_nll_deviation", lambda deviation: deviation),
        ("gaussian_nll_log_deviation", lambda deviation: deviation.log()),
        ("gaussian_nll_softplus", lambda deviation: (deviation**2).expm1().log()),
    ],
)
def test_each_spread_is_scipys_normal_density(loss: str, spread: Callable[[torch.Tensor], torch.Tensor]) -> None:
    mean, target, deviation = torch.randn(9).double(), torch.randn(9).double(), torch.rand(9).double() + 0.2
    reference = tasks()["heteroscedastic"].REFERENCES[loss]
    found = reference(functional, prediction=mean, target=target, spread=spread(deviation))
    expected = -norm(mean.numpy(), deviation.numpy()).logpdf(target.numpy()).mean() - math.log(2 * math.pi) / 2
    assert float(found) == pytest.approx(expected, rel=1e-9)
