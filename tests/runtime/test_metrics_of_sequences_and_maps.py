"""Perplexity and overlaps of regions against scikit-learn, and against counting by hand."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn import metrics as sk

from trainergen.runtime import metrics


def draw(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("padding", [None, 0])
def test_perplexity_leaves_padding_out(padding: int | None) -> None:
    logits, truth = draw(3, 5, 7, seed=1), torch.randint(0, 5, (3, 7), generator=torch.Generator().manual_seed(1))
    rows = logits.movedim(1, -1).double().softmax(-1).reshape(-1, 5).numpy()
    flat = truth.reshape(-1).numpy()
    kept = flat != padding
    expected = math.exp(sk.log_loss(flat[kept], rows[kept], labels=range(5)))
    assert float(metrics.perplexity(logits, truth, padding)) == pytest.approx(expected, rel=1e-6)


def test_perplexity_of_equal_scores_is_the_number_of_classes() -> None:
    assert float(metrics.perplexity(torch.zeros(2, 7, 3), torch.ones(2, 3, dtype=torch.int64))) == pytest.approx(7)
    nothing = torch.full((2, 3), -100)
    assert math.isnan(float(metrics.perplexity(torch.zeros(2, 7, 3), nothing)))


@pytest.mark.parametrize("seed", range(4))
def test_overlaps_of_classes_a_sample_at_a_time(seed: int) -> None:
    scores = draw(5, 4, 3, 4, seed=seed)
    scores[:, 3] -= 3  # hardly predicted
    truth = torch.randint(0, 3, (5, 3, 4), generator=torch.Generator().manual_seed(seed))
    dice, iou = [], []
    for guess, real in zip(scores.argmax(1), truth, strict=True):
        present = sorted({*guess.flatten().tolist(), *real.flatten().tolist()})
        pair = real.flatten().numpy(), guess.flatten().numpy()
        dice.append(sk.f1_score(*pair, labels=present, average="macro", zero_division=0))
        iou.append(sk.jaccard_score(*pair, labels=present, average="macro", zero_division=0))
    assert float(metrics.mean_dice(scores, truth)) == pytest.approx(sum(dice) / 5, abs=1e-12)
    assert float(metrics.mean_iou(scores, truth)) == pytest.approx(sum(iou) / 5, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_overlaps_of_one_region(seed: int) -> None:
    scores, truth = draw(5, 3, 4, seed=seed), draw(5, 3, 4, seed=seed + 9) > 0.5
    pairs = [(real.flatten().numpy(), (guess > 0).flatten().numpy()) for guess, real in zip(scores, truth, strict=True)]
    dice = [sk.f1_score(*pair) for pair in pairs]
    iou = [sk.jaccard_score(*pair) for pair in pairs]
    assert float(metrics.binary_dice(scores, truth.long())) == pytest.approx(sum(dice) / 5, abs=1e-12)
    assert float(metrics.binary_iou(scores, truth.float())) == pytest.approx(sum(iou) / 5, abs=1e-12)
    again = metrics.binary_iou(scores.sigmoid(), truth, threshold=0.5)
    assert float(again) == pytest.approx(sum(iou) / 5, abs=1e-12)


def test_overlaps_where_nothing_is() -> None:
    empty, sure = torch.zeros(2, 3), torch.full((2, 3), -1.0)
    assert float(metrics.binary_dice(sure, empty)) == float(metrics.binary_iou(sure, empty)) == 1.0
    scores = torch.tensor([[[2.0, 2.0], [1.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
    ignored = torch.tensor([[-100, -100], [1, -100]])
    assert float(metrics.mean_iou(scores, ignored)) == float(metrics.mean_dice(scores, ignored)) == 1.0
    assert math.isnan(float(metrics.mean_iou(scores, torch.full((2, 2), -100))))


def test_shapes_that_differ_are_named() -> None:
    with pytest.raises(ValueError, match=r"\(4, 1, 2\) and \(4, 2\)"):
        metrics.binary_iou(torch.ones(4, 1, 2), torch.zeros(4, 2))
