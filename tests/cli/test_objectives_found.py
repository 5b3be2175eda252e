"""What is proposed where only inputs are known, through the whole of ``new``: the targets that are put in, and the proof.

The search for a batch is not what is tested here: ``--batch`` describes the inputs, and the facts are marked as found.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from . import comparing_models as models
from .generating import Case, Run, generated

CASES = {
    "heteroscedastic": Case(
        models.SPREAD,
        "features: float32[4,6]",
        "gaussian_nll",
        (
            'mean = outputs["mean"].squeeze(1)',
            'variance = outputs["variance"].squeeze(1)',
            "loss = functional.gaussian_nll_loss(mean, target, variance)",
            "assumed: target target float32 [batch]",
        ),
    ),
    "mean and spread of one column": Case(
        models.ONE_HEAD,
        "features: float32[4,6]",
        "gaussian_nll_log_variance",
        (
            "mean = outputs.chunk(2, dim=1)[0].squeeze(1)",
            "spread = outputs.chunk(2, dim=1)[1].squeeze(1)",
            "loss = functional.gaussian_nll_loss(mean, target, spread.exp())",
            "assumed: target target float32 [batch]",
        ),
    ),
    "mean and spread of several": Case(
        models.HALVES,
        "features: float32[4,6]",
        "gaussian_nll_log_variance",
        ("spread = outputs.chunk(2, dim=1)[1]", "assumed: target target float32 [batch, 3]"),
    ),
    "another form than the input's": Case(
        models.OTHER_FORM,
        "features: float32[4,6]",
        "elbo_bce",
        ("functional.binary_cross_entropy(reconstruction, target", "losses.kl_to_standard_normal(mu, logvar)"),
    ),
    "other channels than the input's": Case(
        models.GRAY,
        "image: float32[2,3,8,8]",
        "mse",
        (
            "loss = functional.mse_loss(reconstruction, target)",
            "assumed: target target float32 [batch, 1, height, width]",
        ),
    ),
    "a policy and a value": Case(
        models.ACTOR,
        "features: float32[4,6]",
        "weighted_sum",
        ("functional.cross_entropy(pi_prediction, pi)", "functional.mse_loss(v_prediction, v_target)"),
    ),
    "quantile": Case(
        models.QUANTILES.replace("self.head =", "self.quantiles = (0.05, 0.5, 0.95)\n            self.head ="),
        "features: float32[4,6]",
        "pinball",
        (
            "loss = losses.pinball_loss(quantiles, target, (0.05, 0.5, 0.95))",
            '"interval_coverage": metrics.interval_coverage(quantiles.detach(), target)',
        ),
    ),
    "clip": Case(
        models.CLIP,
        "image: float32[4,4]; text: float32[4,5]",
        "clip",
        (
            'similarities = outputs["logits_per_image"]',
            "loss = losses.symmetric_contrastive_loss(similarities)",
        ),
    ),
    "two towers": Case(
        models.TWO_TOWERS,
        "image: float32[4,4]; text: float32[4,5]",
        "info_nce",
        ("temperature = self.config.temperature", "loss = losses.info_nce_loss(embeddings, other, temperature)"),
    ),
    "two views": Case(
        models.SIM_CLR,
        "x: float32[4,6]",
        "nt_xent",
        ("other = self.model(other_inputs)", "loss = losses.nt_xent_loss(embeddings, other, temperature)"),
    ),
    "labels": Case(
        models.SUPERVISED,
        "x: float32[4,6]",
        "supervised_contrastive",
        ("loss = losses.supervised_contrastive_loss(embeddings, label, temperature)",),
    ),
    "triplet": Case(
        models.TRIPLETS,
        "x: float32[4,6]",
        "triplet_margin",
        (
            "positive = self.model(positive_inputs)",
            "negative = self.model(negative_inputs)",
            "loss = functional.triplet_margin_loss(anchor, positive, negative, margin=margin)",
        ),
    ),
    "siamese": Case(
        models.SIAMESE,
        "x1: float32[4,6]; x2: float32[4,6]",
        "pair_margin",
        ("losses.pair_margin_loss( functional.pairwise_distance(embeddings, other), same, margin",),
    ),
    "cox": Case(
        models.COX,
        "x: float32[4,6]",
        "cox",
        (
            "log_risks = self.model(inputs).squeeze(1)",
            "loss = losses.cox_loss(log_risks, time, event)",
            'batch["event"]: event, int64 [batch], values 0 to 1 (assumed)',
            "assumed: target event int64 [batch]",
        ),
    ),
    "hazards": Case(
        models.HAZARDS,
        "x: float32[4,6]",
        "discrete_time",
        (
            "loss = losses.discrete_survival_loss(logits, interval, event)",
            'batch["interval"]: target, int64 [batch], values 0 to 4 (assumed)',
        ),
    ),
    "edges": Case(
        models.EDGES,
        "x: float32[7,5]; edge_index: int64[2,12] < 7",
        "bce_with_logits",
        ("loss = functional.binary_cross_entropy_with_logits(scores, edge_label)", "metrics.roc_auc"),
    ),
    "nodes": Case(
        models.NODES,
        "x: float32[7,5]; edge_index: int64[2,12] < 7",
        "dot_product",
        ("loss = losses.link_prediction_loss(embeddings, edge_index, neg_edge_index)",),
    ),
}


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_put_in_is_proven(project: Path, trainergen: Run, case: Case) -> None:
    text, result = generated(project, trainergen, case.source, case.batch)
    chosen = {each["topic"]: each["choice"] for each in result["decisions"]}
    assert chosen["loss"] == f"loss {case.loss}"
    assert [line for line in case.lines if line not in text] == [], text


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("case", "line"),
    [
        ("two towers", '"retrieval_recall": metrics.retrieval_recall(embeddings.detach(), other=other.detach())'),
        ("clip", '"retrieval_recall": metrics.retrieval_recall(similarities.detach())'),
        ("cox", '"concordance": self._scores.compute(metrics.concordance)'),
    ],
)
def test_metrics_take_what_the_loss_takes(project: Path, trainergen: Run, case: str, line: str) -> None:
    text, _ = generated(project, trainergen, CASES[case].source, CASES[case].batch)
    assert line in text.replace("( ", "(").replace(" )", ")"), text
