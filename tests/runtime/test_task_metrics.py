"""Retrieval, quantile and survival metrics against slow loops, scikit-learn and scipy."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from scipy.stats import somersd
from sklearn.metrics import mean_absolute_error
from sklearn.neighbors import KNeighborsClassifier

from trainergen.runtime import metrics
from trainergen.runtime.metrics import EpochScores


def test_the_nearest_other_is_of_the_same_class() -> None:
    embeddings, labels = torch.randn(30, 4), torch.randint(0, 3, (30,))
    right = []
    for number in range(30):
        rest = [each for each in range(30) if each != number]
        nearest = KNeighborsClassifier(1, metric="cosine").fit(embeddings[rest], labels[rest])
        right.append(int(nearest.predict(embeddings[number : number + 1])[0]) == int(labels[number]))
    assert float(metrics.retrieval_recall(embeddings, labels)) == pytest.approx(sum(right) / 30, abs=1e-12)
    assert math.isnan(float(metrics.retrieval_recall(embeddings[:3], torch.tensor([0, 1, 2]))))


def test_the_own_row_is_the_nearest() -> None:
    queries, keys = torch.randn(20, 4), torch.randn(20, 4)
    keys[:8] = queries[:8]
    similarities = torch.nn.functional.cosine_similarity(queries.unsqueeze(1), keys.unsqueeze(0), dim=2)
    expected = sum(int(row.argmax()) == number for number, row in enumerate(similarities)) / 20
    assert 0 < expected < 1
    assert float(metrics.retrieval_recall(queries, other=keys)) == pytest.approx(expected, abs=1e-12)
    assert float(metrics.retrieval_recall(7 * similarities)) == pytest.approx(expected, abs=1e-12)
    assert float(metrics.retrieval_recall(torch.zeros(4, 4))) == 0.25  # all alike: by chance
    with pytest.raises(ValueError, match=r"\[B, B\], got shape \(20, 4\)"):
        metrics.retrieval_recall(queries)


def test_coverage_is_the_share_between_the_outer_quantiles() -> None:
    targets = torch.tensor([0.0, 1.0, 2.0, 3.0])
    outputs = torch.tensor([[-1.0, 0.2, 1.0], [1.5, 2.0, 3.0], [0.0, 2.5, 2.0], [1.0, 1.0, 1.0]])
    assert float(metrics.interval_coverage(outputs, targets)) == 0.5
    assert float(metrics.interval_width(outputs, targets)) == pytest.approx((2 + 1.5 + 2.5 + 0) / 4)
    assert float(metrics.median_error(outputs, targets)) == pytest.approx(mean_absolute_error(targets, outputs[:, 1]))
    with pytest.raises(ValueError, match=r"\(4, 3\) and \(3,\)"):
        metrics.interval_width(outputs, targets[:3])


@pytest.mark.parametrize("seed", range(4))
def test_concordance_is_harrells(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    risks = (torch.randn(25, generator=generator) * 3).round()
    times = torch.randint(1, 10, (25,), generator=generator).float()
    events = torch.randint(0, 2, (25,), generator=generator)
    right = pairs = 0.0
    for i, j in itertools.permutations(range(25), 2):
        if events[i] and (times[i] < times[j] or (times[i] == times[j] and not events[j])):
            pairs += 1
            right += 1.0 if risks[i] > risks[j] else 0.5 if risks[i] == risks[j] else 0.0
    assert float(metrics.concordance(risks, times, events)) == pytest.approx(right / pairs, abs=1e-12)


def test_concordance_without_censoring_is_somers_d() -> None:
    risks, times = torch.randn(30), torch.rand(30)
    expected = (1 - somersd(times.numpy(), risks.numpy()).statistic) / 2
    assert float(metrics.concordance(risks, times, torch.ones(30))) == pytest.approx(expected, abs=1e-9)
    assert math.isnan(float(metrics.concordance(risks, times, torch.zeros(30))))


def test_an_epochs_concordance_is_of_all_its_samples() -> None:
    scores = EpochScores()
    risks, times, events = torch.randn(24), torch.rand(24), torch.randint(0, 2, (24,))
    for start in (0, 10, 17):
        end = {0: 10, 10: 17, 17: 24}[start]
        scores.add(risks[start:end], times[start:end], events[start:end])
    expected = float(metrics.concordance(risks, times, events))
    assert scores.compute(metrics.concordance) == expected
    resumed = EpochScores()
    resumed.load_state_dict(scores.state_dict())
    assert resumed.compute(metrics.concordance) == expected
