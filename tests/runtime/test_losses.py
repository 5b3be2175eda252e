"""Ranking losses against the papers' formulas written as plain loops."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch

from tests.runtime.test_metrics import random_ranks
from trainergen.runtime.losses import contributing_rows, listmle_loss, listnet_loss, pairwise_logistic_loss

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
LOSSES = [listnet_loss, listmle_loss, pairwise_logistic_loss]


def listnet_row(scores: list[float], ranks: list[int]) -> float:
    truth, guess = [math.exp(-rank) for rank in ranks], [math.exp(score) for score in scores]
    return -sum(t / sum(truth) * math.log(g / sum(guess)) for t, g in zip(truth, guess, strict=True))


def listmle_row(scores: list[float], ranks: list[int]) -> float:
    entries = list(zip(scores, ranks, strict=True))
    return sum(math.log(sum(math.exp(s) for s, r in entries if r >= rank)) - score for score, rank in entries)


def pairwise_row(scores: list[float], ranks: list[int]) -> float:
    entries = list(zip(scores, ranks, strict=True))
    terms = [math.log1p(math.exp(s2 - s1)) for (s1, r1), (s2, r2) in itertools.permutations(entries, 2) if r1 < r2]
    return sum(terms) / len(terms) if terms else 0.0


@pytest.mark.parametrize(("loss", "row"), list(zip(LOSSES, [listnet_row, listmle_row, pairwise_row], strict=True)))
def test_values_equal_the_formula(loss: Loss, row: Callable[[list[float], list[int]], float]) -> None:
    scores, ranks = torch.randn(8, 7, dtype=torch.float64), random_ranks(8, 7, 2)
    ranks[0], ranks[1, 1:] = 0, 0  # no truth at all; one valid entry
    expected = []
    for row_scores, row_ranks in zip(scores, ranks, strict=True):
        valid = row_ranks > 0
        if valid.sum() >= 2:
            expected.append(row(row_scores[valid].tolist(), row_ranks[valid].tolist()))
    assert 0 < len(expected) == int(contributing_rows(ranks)) <= 6
    assert float(loss(scores, ranks)) == pytest.approx(sum(expected) / len(expected), rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_masked_entries_have_no_gradient_whatever_they_hold(loss: Loss) -> None:
    ranks = torch.tensor([[1, 2, 0, 3], [2, 1, 1, 0], [0, 0, 1, 0]])
    clean = torch.randn(3, 4)
    gradients = []
    for garbage in (0.0, math.nan, math.inf):
        scores = torch.where(ranks > 0, clean, torch.full_like(clean, garbage)).requires_grad_()
        loss(scores, ranks).backward()
        assert scores.grad is not None
        gradients.append(scores.grad)
    assert torch.equal(gradients[0], gradients[1]) and torch.equal(gradients[0], gradients[2])
    assert gradients[0][ranks == 0].abs().sum() == 0 and gradients[0][2].abs().sum() == 0
    assert gradients[0][:2].abs().sum() > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_to_learn_is_zero_with_a_graph(loss: Loss) -> None:
    scores = torch.randn(2, 3, requires_grad=True)
    value = loss(scores, torch.zeros(2, 3, dtype=torch.int64))
    value.backward()
    assert value.item() == 0.0 and scores.grad is not None and scores.grad.abs().sum() == 0


@pytest.mark.parametrize("loss", LOSSES)
def test_descending_the_loss_sorts_and_listing_order_does_not_matter(loss: Loss) -> None:
    ranks = torch.tensor([[3, 1, 2, 3]])
    scores = torch.zeros(1, 4, requires_grad=True)
    for _ in range(50):
        (gradient,) = torch.autograd.grad(loss(scores, ranks), scores)
        scores = (scores - gradient).detach().requires_grad_()
    first = scores[0].tolist()
    assert first[1] > first[2] > first[0] == pytest.approx(first[3])
    order = torch.tensor([2, 3, 0, 1])
    again = loss(scores[:, order], ranks[:, order])
    assert again.item() == pytest.approx(loss(scores, ranks).item(), rel=1e-6)


def test_bad_shapes_and_dtypes_are_named() -> None:
    with pytest.raises(ValueError, match=r"\[B, M\], got shapes \(4,\) and \(4,\)"):
        listnet_loss(torch.randn(4), torch.ones(4, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"integer, got torch\.float32 and torch\.float32"):
        listmle_loss(torch.randn(1, 4), torch.ones(1, 4))
