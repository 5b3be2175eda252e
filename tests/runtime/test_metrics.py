"""Metrics against scikit-learn and scipy, ties and missing entries included."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import kendalltau
from sklearn import metrics as sk

from trainergen.runtime import metrics
from trainergen.runtime.metrics import EpochScores


def rounded_scores(*shape: int, seed: int) -> torch.Tensor:
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 4).round() / 4  # many ties


def labels(count: int, classes: int, seed: int) -> torch.Tensor:
    return torch.randint(0, classes, (count,), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", range(4))
def test_binary_metrics(seed: int) -> None:
    scores, truth = rounded_scores(37, seed=seed), labels(37, 2, seed)
    decisions = scores > 0
    assert float(metrics.binary_accuracy(scores, truth)) == pytest.approx(
        sk.accuracy_score(truth, decisions), abs=1e-12
    )
    assert float(metrics.binary_precision(scores, truth)) == pytest.approx(
        sk.precision_score(truth, decisions), abs=1e-12
    )
    assert float(metrics.binary_recall(scores, truth)) == pytest.approx(sk.recall_score(truth, decisions), abs=1e-12)
    assert float(metrics.binary_f1(scores, truth.float())) == pytest.approx(sk.f1_score(truth, decisions), abs=1e-12)
    assert float(metrics.roc_auc(scores.unsqueeze(1), truth)) == pytest.approx(
        sk.roc_auc_score(truth, scores), abs=1e-12
    )


def test_undefined_binary_metrics() -> None:
    scores, truth = torch.tensor([-1.0, -2.0]), torch.tensor([0, 0])
    assert float(metrics.binary_f1(scores, truth)) == 0.0
    assert math.isnan(float(metrics.roc_auc(scores, truth)))
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        metrics.roc_auc(scores, torch.tensor([0, 1, 0]))


@pytest.mark.parametrize("seed", range(4))
def test_multi_class_metrics(seed: int) -> None:
    scores = torch.randn(23, 6, generator=torch.Generator().manual_seed(seed))
    truth = labels(23, 4, seed)  # classes 4 and 5 occur in predictions alone
    guess = scores.argmax(dim=1)
    options = {"average": "macro", "zero_division": 0}
    assert float(metrics.accuracy(scores, truth)) == pytest.approx(sk.accuracy_score(truth, guess), abs=1e-12)
    assert float(metrics.macro_precision(scores, truth)) == pytest.approx(
        sk.precision_score(truth, guess, **options), abs=1e-12
    )
    assert float(metrics.macro_recall(scores, truth)) == pytest.approx(
        sk.recall_score(truth, guess, **options), abs=1e-12
    )
    assert float(metrics.macro_f1(scores, truth)) == pytest.approx(sk.f1_score(truth, guess, **options), abs=1e-12)
    expected = sk.top_k_accuracy_score(truth, scores, k=2, labels=range(6))
    assert float(metrics.top_k_accuracy(scores, truth, 2)) == pytest.approx(expected, abs=1e-12)


def test_multi_label_f1() -> None:
    scores, truth = rounded_scores(19, 5, seed=0), labels(95, 2, 1).view(19, 5)
    truth[:, 4], scores[:, 4] = 0, -1.0
    expected = sk.f1_score(truth, scores > 0, average="macro", zero_division=0)
    assert float(metrics.multilabel_macro_f1(scores, truth)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(31,), (31, 3)])
def test_regression_metrics(shape: tuple[int, ...]) -> None:
    outputs, truth = torch.randn(*shape), torch.randn(*shape)
    assert float(metrics.mae(outputs, truth)) == pytest.approx(sk.mean_absolute_error(truth, outputs), rel=1e-6)
    assert float(metrics.mse(outputs, truth)) == pytest.approx(sk.mean_squared_error(truth, outputs), rel=1e-6)
    expected = math.sqrt(sk.mean_squared_error(truth.flatten(), outputs.flatten()))
    assert float(metrics.rmse(outputs, truth)) == pytest.approx(expected, rel=1e-6)
    assert float(metrics.r2(outputs, truth)) == pytest.approx(sk.r2_score(truth, outputs), rel=1e-5)


def test_regression_never_broadcasts_and_knows_constant_targets() -> None:
    assert float(metrics.mae(torch.ones(4, 1), torch.zeros(4))) == 1.0
    with pytest.raises(ValueError, match=r"\(4, 2\) and \(4,\)"):
        metrics.mae(torch.ones(4, 2), torch.zeros(4))
    constant = torch.ones(4)
    assert float(metrics.r2(constant, constant)) == sk.r2_score(constant, constant) == 1.0
    assert float(metrics.r2(constant + 1, constant)) == sk.r2_score(constant, constant + 1) == 0.0


def random_ranks(rows: int, columns: int, seed: int) -> torch.Tensor:
    """Competition ranks with ties, some of them masked."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(0, 4, (rows, columns), generator=generator)
    ranks = 1 + (values.unsqueeze(1) > values.unsqueeze(2)).sum(dim=2)
    return ranks.masked_fill(torch.rand(rows, columns, generator=generator) < 0.25, 0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [1, 3, None])
def test_ndcg_row_by_row(seed: int, k: int | None) -> None:
    scores, ranks = rounded_scores(6, 9, seed=seed), random_ranks(6, 9, seed)
    expected = []
    for row_scores, row_ranks in zip(scores, ranks, strict=True):
        valid = row_ranks > 0
        gains = (row_ranks.max() - row_ranks)[valid]
        if gains.sum() > 0:
            expected.append(sk.ndcg_score(gains[None], row_scores[valid][None], k=k))
    assert float(metrics.ndcg_at_k(scores, ranks, k)) == pytest.approx(sum(expected) / len(expected), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_kendall_tau_row_by_row(seed: int) -> None:
    scores, ranks = rounded_scores(6, 9, seed=seed), random_ranks(6, 9, seed)
    scores[0] = 1.0  # all tied: undefined, left out
    expected = []
    for row_scores, row_ranks in zip(scores, ranks, strict=True):
        valid = row_ranks > 0
        value = kendalltau(row_scores[valid], -row_ranks[valid]).statistic
        if not math.isnan(value):
            expected.append(value)
    assert len(expected) < 6
    assert float(metrics.kendall_tau(scores, ranks)) == pytest.approx(sum(expected) / len(expected), abs=1e-12)


def test_rankings_without_truth_are_undefined() -> None:
    scores, ranks = torch.randn(2, 4), torch.zeros(2, 4, dtype=torch.int64)
    assert math.isnan(float(metrics.ndcg_at_k(scores, ranks)))
    assert math.isnan(float(metrics.kendall_tau(scores, ranks)))
    best = torch.tensor([[1, 2, 3, 0]])
    assert float(metrics.ndcg_at_k(torch.tensor([[3.0, 2.0, 1.0, math.nan]]), best)) == pytest.approx(1.0)
    assert float(metrics.kendall_tau(torch.tensor([[1.0, 2.0, 3.0, math.nan]]), best)) == pytest.approx(-1.0)


def test_epoch_scores_are_of_the_epoch_not_a_mean_of_batches() -> None:
    scores, truth, collected = rounded_scores(30, seed=3), labels(30, 2, 3), EpochScores()
    assert math.isnan(collected.compute(metrics.roc_auc))
    for part in (slice(0, 4), slice(4, 21), slice(21, 30)):
        collected.add(scores[part].requires_grad_(), truth[part])
    assert len(collected) == 30
    assert collected.compute(metrics.roc_auc) == pytest.approx(sk.roc_auc_score(truth, scores.detach()))
    collected.reset()
    assert len(collected) == 0
