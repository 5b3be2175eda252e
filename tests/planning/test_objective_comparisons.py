"""Models that compare, embed, rank or say how sure they are, and their neighbours that do not, from their inputs alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.planning.planned import plans
from tests.planning.test_objective_families import Case

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
    # neighbours that are none of these
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
    found = plans(tmp_path, case.source(), case.batch, reference=f"model.py:{case.name}", synthesised=True)
    shown = [
        (each.objective.task, each.objective.loss, [row.reason for row in each.decisions if row.topic == "loss"])
        for each in found
    ]
    assert (found[0].objective.task, found[0].objective.loss) == (case.task, case.loss), shown
    loss = next(each for each in found[0].decisions if each.topic == "loss")
    assert loss.assumed == case.assumed, shown
