"""Losses over boxes and patches against loops over their entries, and against the references of their tasks."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.nn import functional

from trainergen.families.torch.objectives import tasks
from trainergen.runtime.losses import masked_mse_loss, matched_box_loss, matched_objects


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 2


LABELS = torch.tensor([[0, 2, 0, 1], [0, 0, 0, 3]])


def test_boxes_count_where_an_object_is() -> None:
    boxes, wanted = draw(2, 4, 4), draw(2, 4, 4, seed=1)
    total = 0.0
    for sample, place in ((0, 1), (0, 3), (1, 3)):
        for found, real in zip(boxes[sample, place].tolist(), wanted[sample, place].tolist(), strict=True):
            distance = abs(found - real)
            total += distance**2 / 2 if distance < 1 else distance - 0.5
    assert float(matched_box_loss(boxes, wanted, LABELS)) == pytest.approx(total / 3, rel=1e-6)
    assert int(matched_objects(LABELS)) == 3


def test_without_objects_nothing_is_learnt_of_boxes() -> None:
    boxes = draw(2, 4, 4).requires_grad_()
    loss = matched_box_loss(boxes, draw(2, 4, 4, seed=1), torch.zeros(2, 4, dtype=torch.int64))
    loss.backward()
    assert loss.item() == 0.0 and boxes.grad is not None and not boxes.grad.any()


def test_detections_reference_is_the_sum_of_its_terms() -> None:
    logits, boxes, wanted = draw(2, 5, 4, seed=2), draw(2, 4, 4), draw(2, 4, 4, seed=1)
    reference = tasks()["detection"].REFERENCES["matched_boxes"]
    found = reference(functional, prediction=logits, target=LABELS, boxes=boxes, target_boxes=wanted)
    surprise = functional.cross_entropy(logits, LABELS, reduction="sum") / 3
    torch.testing.assert_close(found["class_loss"], surprise)
    torch.testing.assert_close(found["box_loss"], matched_box_loss(boxes, wanted, LABELS))


@pytest.mark.parametrize("kind", [torch.bool, torch.float32, torch.int64])
def test_hidden_patches_alone_are_compared(kind: torch.dtype) -> None:
    patches, wanted = draw(2, 4, 3), draw(2, 4, 3, seed=1)
    mask = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0]]).to(kind)
    rows = [(patches[at] - wanted[at]).square().mean().item() for at in ((0, 0), (0, 3), (1, 1))]
    assert float(masked_mse_loss(patches, wanted, mask)) == pytest.approx(sum(rows) / 3, rel=1e-6)
    reference = tasks()["reconstruction"].REFERENCES["masked_mse"]
    torch.testing.assert_close(
        reference(functional, prediction=patches, target=wanted, mask=mask), masked_mse_loss(patches, wanted, mask)
    )
    assert masked_mse_loss(patches, wanted, torch.zeros_like(mask)).item() == 0.0


@pytest.mark.parametrize("loss", ["ctc", "ctc_of_log_probabilities"])
def test_ctc_is_the_sum_over_all_alignments(loss: str) -> None:
    """Graves et al. 2006, equations 6 to 8, by going through every path of symbols."""
    logits, blank = draw(4, 2, 3), 0
    logs = functional.log_softmax(logits, dim=2)
    targets, lengths, frames = torch.tensor([[1, 2], [2, 0]]), torch.tensor([2, 1]), torch.tensor([4, 3])
    losses = []
    for sample in range(2):
        wanted, total = targets[sample, : lengths[sample]].tolist(), 0.0
        for path in itertools.product(range(3), repeat=int(frames[sample])):
            kept = [symbol for symbol, _ in itertools.groupby(path) if symbol != blank]
            if kept == wanted:
                total += math.exp(sum(float(logs[at, sample, symbol]) for at, symbol in enumerate(path)))
        losses.append(-math.log(total) / len(wanted))
    given = logits if loss == "ctc" else logs
    found = tasks()["ctc"].REFERENCES[loss](
        functional, prediction=given, target=targets, input_lengths=frames, target_lengths=lengths, blank=blank
    )
    assert float(found) == pytest.approx(sum(losses) / 2, rel=1e-5)


@pytest.mark.parametrize("padding", [-100, 2])
def test_the_reference_of_tokens_leaves_padding_out(padding: int) -> None:
    logits, ids = draw(3, 5, 4), torch.randint(0, 5, (3, 4), generator=torch.Generator().manual_seed(1))
    ids[0, :2] = padding
    expected = functional.cross_entropy(logits, ids, ignore_index=padding)
    for task, loss in (("masked-modelling", "masked_tokens"), ("seq2seq", "next_target_token")):
        found = tasks()[task].REFERENCES[loss](functional, prediction=logits, target=ids, padding=padding)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("loss", "known"),
    [
        ("denoising_mse", functional.mse_loss),
        ("denoising_l1", functional.l1_loss),
        ("denoising_huber", functional.huber_loss),
    ],
)
def test_the_references_of_denoising_are_torchs(loss: str, known: object) -> None:
    predicted, noise = draw(3, 2, 4), draw(3, 2, 4, seed=1)
    found = tasks()["diffusion"].REFERENCES[loss](functional, prediction=predicted, target=noise)
    assert callable(known)
    torch.testing.assert_close(found, known(predicted, noise))
