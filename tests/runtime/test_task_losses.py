"""Losses on pairs, quantiles, event times and edges: against the papers' formulas as loops, and against scipy."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from scipy.optimize import minimize_scalar

from trainergen.runtime import losses


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cosine(first: torch.Tensor, second: torch.Tensor) -> float:
    left, right = first.tolist(), second.tolist()
    product = sum(a * b for a, b in zip(left, right, strict=True))
    return product / math.hypot(*left) / math.hypot(*right)


def test_info_nce_finds_the_own_key() -> None:
    queries, keys = normal(5, 3), normal(5, 3, seed=1)
    rows = []
    for number, query in enumerate(queries):
        scores = [math.exp(cosine(query, key) / 0.3) for key in keys]
        rows.append(-math.log(scores[number] / sum(scores)))
    assert float(losses.info_nce_loss(queries, keys, 0.3)) == pytest.approx(sum(rows) / 5, rel=1e-9)
    alike = torch.ones(4, 3)
    assert float(losses.info_nce_loss(alike, alike, 0.07)) == pytest.approx(math.log(4), rel=1e-6)


def test_the_symmetric_loss_is_the_mean_of_both_directions() -> None:
    logits = normal(4, 4)
    rows = [-math.log(math.exp(logits[i, i]) / sum(math.exp(each) for each in logits[i])) for i in range(4)]
    columns = [-math.log(math.exp(logits[i, i]) / sum(math.exp(each) for each in logits[:, i])) for i in range(4)]
    expected = (sum(rows) + sum(columns)) / 8
    assert float(losses.symmetric_contrastive_loss(logits)) == pytest.approx(expected, rel=1e-9)


def test_two_views_find_each_other_among_all() -> None:
    first, second = normal(3, 4), normal(3, 4, seed=1)
    views = [*first, *second]
    terms = []
    for i, view in enumerate(views):
        others = {j: math.exp(cosine(view, each) / 0.5) for j, each in enumerate(views) if j != i}
        terms.append(-math.log(others[(i + 3) % 6] / sum(others.values())))
    assert float(losses.nt_xent_loss(first, second, 0.5)) == pytest.approx(sum(terms) / 6, rel=1e-9)


def test_supervised_contrastive_is_khoslas_sum() -> None:
    embeddings, labels = normal(6, 4), [0, 1, 0, 2, 1, 0]  # the 2 is alone
    terms = []
    for i in range(6):
        positives = [j for j in range(6) if j != i and labels[j] == labels[i]]
        others = sum(math.exp(cosine(embeddings[i], embeddings[a]) / 0.2) for a in range(6) if a != i)
        if positives:
            logs = [math.log(math.exp(cosine(embeddings[i], embeddings[p]) / 0.2) / others) for p in positives]
            terms.append(-sum(logs) / len(positives))
    found = losses.supervised_contrastive_loss(embeddings, torch.tensor(labels), 0.2)
    assert float(found) == pytest.approx(sum(terms) / len(terms), rel=1e-9) and len(terms) == 5


@pytest.mark.parametrize("labels", [[0], [0, 1, 2]])
def test_nothing_to_pair_is_zero_with_a_graph(labels: list[int]) -> None:
    embeddings = torch.randn(len(labels), 4, requires_grad=True)
    value = losses.supervised_contrastive_loss(embeddings, torch.tensor(labels), 0.1)
    value.backward()
    assert value.item() == 0.0 and embeddings.grad is not None and embeddings.grad.abs().sum() == 0


def test_pairs_are_drawn_near_or_pushed_beyond_the_margin() -> None:
    distances, same = [0.2, 0.7, 3.0, 1.5], [1, 0, 0, 1]
    costs = [d * d / 2 if s else max(0.0, 2.0 - d) ** 2 / 2 for d, s in zip(distances, same, strict=True)]
    found = losses.pair_margin_loss(torch.tensor(distances), torch.tensor(same), 2.0)
    assert float(found) == pytest.approx(sum(costs) / 4, rel=1e-6)


def test_the_pinball_loss_is_the_formula_and_its_minimum_the_quantile() -> None:
    levels = (0.1, 0.5, 0.9)
    predictions, targets = normal(4, 2, 3), normal(4, 2, seed=1)
    costs = [
        tau * (y - q) if y >= q else (1 - tau) * (q - y)
        for row, truth in zip(predictions.reshape(8, 3).tolist(), targets.reshape(8).tolist(), strict=True)
        for q, tau, y in zip(row, levels, [truth] * 3, strict=True)
    ]
    found = losses.pinball_loss(predictions, targets, levels)
    assert float(found) == pytest.approx(sum(costs) / len(costs), rel=1e-9)
    sample = normal(1001)
    best = minimize_scalar(
        lambda q: float(losses.pinball_loss(torch.full((1001, 1), q, dtype=torch.float64), sample, (0.3,))),
        bounds=(-3, 3),
        method="bounded",
    )
    assert best.x == pytest.approx(float(sample.quantile(0.3)), abs=5e-3)
    with pytest.raises(ValueError, match=r"3 columns, got shapes \(4, 3\), \(4, 1\)"):
        losses.pinball_loss(torch.zeros(4, 3), torch.zeros(4, 1), levels)


def test_cox_is_the_partial_likelihood_with_breslows_ties() -> None:
    risks, times, events = normal(7), torch.tensor([3.0, 1.0, 2.0, 2.0, 5.0, 2.0, 4.0]), [1, 0, 1, 1, 0, 0, 1]
    terms = [
        math.log(sum(math.exp(risks[j]) for j in range(7) if times[j] >= times[i])) - float(risks[i])
        for i in range(7)
        if events[i]
    ]
    found = losses.cox_loss(risks, times, torch.tensor(events))
    assert float(found) == pytest.approx(sum(terms) / 4, rel=1e-9)
    same = losses.cox_loss(risks, times, torch.tensor(events).bool())
    assert float(same) == float(found)
    risks.requires_grad_()
    nothing = losses.cox_loss(risks, times, torch.zeros(7))
    nothing.backward()
    assert nothing.item() == 0.0 and risks.grad is not None and risks.grad.abs().sum() == 0


def test_discrete_hazards_are_the_likelihood_of_living_so_long() -> None:
    logits, intervals, events = normal(4, 3), [0, 2, 1, 2], [1, 1, 0, 0]
    total = 0.0
    for row, last, event in zip(logits.tolist(), intervals, events, strict=True):
        hazards = [1 / (1 + math.exp(-each)) for each in row]
        lived = math.prod(1 - each for each in hazards[:last])
        total -= math.log(lived * (hazards[last] if event else 1 - hazards[last]))
    found = losses.discrete_survival_loss(logits, torch.tensor(intervals), torch.tensor(events))
    assert float(found) == pytest.approx(total / 4, rel=1e-9)


def test_event_times_are_the_chance_of_the_interval_or_of_a_later_one() -> None:
    chances = normal(4, 3).softmax(dim=1).requires_grad_()
    intervals, events = [0, 2, 1, 2], [1, 1, 0, 0]
    rows = chances.tolist()
    expected = -sum(map(math.log, (rows[0][0], rows[1][2], rows[2][2], 1e-7))) / 4  # after the last there is nothing
    found = losses.event_time_loss(chances, torch.tensor(intervals), torch.tensor(events))
    assert found.item() == pytest.approx(expected, rel=1e-9)
    found.backward()
    assert chances.grad is not None and chances.grad[3].abs().sum() == 0


def test_edges_are_told_from_other_pairs_by_their_dot_product() -> None:
    embeddings, edges, others = normal(4, 3), torch.tensor([[0, 1], [2, 3]]), torch.tensor([[0, 3, 1], [1, 3, 2]])

    def probability(a: int, b: int) -> float:
        return 1 / (1 + math.exp(-sum(x * y for x, y in zip(embeddings[a], embeddings[b], strict=True))))

    linked = [-math.log(probability(a, b)) for a, b in edges.T.tolist()]
    apart = [-math.log(1 - probability(a, b)) for a, b in others.T.tolist()]
    expected = sum(linked) / len(linked) / 2 + sum(apart) / len(apart) / 2
    assert float(losses.link_prediction_loss(embeddings, edges, others)) == pytest.approx(expected, rel=1e-9)


def test_the_chosen_scores_above_the_rest() -> None:
    scores, labels = normal(5), [1, 0, 1, 0, 0]
    couples = [(a, b) for a, b in itertools.product(range(5), repeat=2) if labels[a] and not labels[b]]
    expected = sum(-math.log(1 / (1 + math.exp(float(scores[b] - scores[a])))) for a, b in couples) / len(couples)
    assert float(losses.bpr_loss(scores, torch.tensor(labels))) == pytest.approx(expected, rel=1e-9)
    lone = torch.randn(3, requires_grad=True)
    nothing = losses.bpr_loss(lone, torch.ones(3))
    nothing.backward()
    assert nothing.item() == 0.0 and lone.grad is not None and lone.grad.abs().sum() == 0
