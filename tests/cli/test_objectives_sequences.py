"""Sequences, denoisers and maps of which only the inputs are known, through the whole of ``new``: what is put in, the proof.

The search for a batch is not what is tested here: ``--batch`` describes the inputs, and the facts are marked as found.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ..building import write_tree
from . import sequence_models as models
from .generating import HEAD, Case, Run, generated

CASES = {
    "language": Case(
        models.GPT,
        "tokens: int64[4,7] < 12",
        "next_token",
        (
            "logits = self.model(tokens)[:, :-1].permute(0, 2, 1)",
            "loss = functional.cross_entropy(logits, targets)",
        ),
    ),
    "masked": Case(
        models.BERT,
        "tokens: int64[4,7] < 12",
        "masked_tokens",
        (
            "loss = functional.cross_entropy(logits, labels, ignore_index=-100)",
            "metrics.accuracy(logits.detach(), labels, padding=-100)",
            'return (batch["labels"] != -100).sum()',
        ),
    ),
    "translation": Case(
        models.TRANSLATOR,
        "src: int64[4,5] < 9; tgt: int64[4,7] < 12",
        "next_target_token",
        (
            "logits = self.model(src=src, tgt=tgt)[:, :-1].permute(0, 2, 1)",
            "targets = tgt[:, 1:]",
            "loss = functional.cross_entropy(logits, targets, ignore_index=3)",
        ),
    ),
    "translation by a loop": Case(
        models.LOOPING,
        "src: int64[4,5] < 9; trg: int64[4,7] < 12",
        "next_target_token",
        ("logits = self.model(src=src, trg=trg)[:, 1:].permute(0, 2, 1)", "targets = trg[:, 1:]"),
    ),
    "diffusion": Case(
        models.DENOISER,
        "x: float32[4,2,5,5]; timesteps: int64[4] < 100",
        "denoising_mse",
        ("loss = functional.mse_loss(predicted, noise)", "assumed: target noise float32 [batch, "),
    ),
    "transcripts": Case(
        models.TRANSCRIBER.replace("{activation}", ".log_softmax(dim=2)"),
        "features: float32[4,9,4]",
        "ctc_of_log_probabilities",
        (
            "functional.ctc_loss( log_probabilities, targets, input_lengths, target_lengths, blank=0, zero_infinity=True",
        ),
    ),
    "boxes": Case(
        models.DETECTOR,
        "image: float32[4,1,6,6]",
        "matched_boxes",
        (
            "box_loss: torch.Tensor = losses.matched_box_loss(predicted_boxes, boxes, labels)",
            "loss = class_loss + self.config.box_weight * box_loss",
            'return losses.matched_objects(batch["labels"])',
        ),
    ),
    "its own losses": Case(
        models.OWN_PARTS,
        "features: float32[8,6]; target: float32[8]",
        "own_sum",
        ("loss = self.config.near_weight * near_loss + self.config.far_weight * far_loss",),
    ),
    "a codebook": Case(models.QUANTISER, "x: float32[4,5,4]", "own", ("loss: torch.Tensor = outputs[1]",)),
    "two depths": Case(
        models.SUPERVISED_DEEPLY,
        "image: float32[4,1,6,6]",
        "cross_entropy",
        (
            "late_loss = functional.cross_entropy(late_prediction, mask)",
            "early_loss: torch.Tensor = functional.cross_entropy(early_prediction, mask)",
            '"iou": metrics.mean_iou(late_prediction.detach(), mask)',
            "loss = ( self.config.late_weight * late_loss + self.config.early_weight * early_loss )",
        ),
    ),
    "hidden patches": Case(
        models.HIDDEN,
        "image: float32[4,20]",
        "masked_mse",
        ("loss = losses.masked_mse_loss(reconstruction, patches, mask)",),
    ),
    "a forecast": Case(
        models.FORECASTER, "series: float32[4,6,3]", "mse", ("loss = functional.mse_loss(predictions, future)",)
    ),
}


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_put_in_is_proven(project: Path, trainergen: Run, case: Case) -> None:
    text, result = generated(project, trainergen, case.source, case.batch)
    chosen = {each["topic"]: each["choice"] for each in result["decisions"]}
    assert chosen["loss"] == f"loss {case.loss}"
    assert [line for line in case.lines if line not in text] == [], text


def test_lengths_that_a_user_gives_go_into_the_loss(project: Path, trainergen: Run) -> None:
    source = models.TRANSCRIBER.replace("{activation}", "")
    text, result = generated(project, trainergen, source, models.MODELS["ctc"][2])
    assert "functional.ctc_loss( logits.log_softmax(dim=2), targets, input_lengths, target_lengths, blank=0" in text
    assert not [each for each in result["decisions"] if each["topic"] == "target" and each["assumed"]]


def test_labels_that_ignore_most_places_are_of_masked_tokens(project: Path, trainergen: Run) -> None:
    rows = "[[-100, 3, -100, 1], [2, -100, -100, 5]]"
    write_tree(
        project,
        {
            "data.py": f"""
                import torch


                def build():
                    tokens = torch.tensor([[1, 3, 4, 1], [2, 7, 0, 5]])
                    return [{{"tokens": tokens, "labels": torch.tensor({rows})}}]
            """,
            "model.py": HEAD + models.BERT,
        },
    )
    answer = trainergen("new", "--model", "model.py:TinyBert", "--loader", "data:build", "--json")
    assert answer.exit == 0, answer.stdout
    loss = next(each for each in answer.data["result"]["decisions"] if each["topic"] == "loss")
    assert (loss["choice"], loss["assumed"]) == ("loss masked_tokens", False)
    assert "labels are -100 in places" in loss["reason"]


def test_one_mask_is_the_target_of_every_depth(project: Path, trainergen: Run) -> None:
    text, _ = generated(
        project, trainergen, models.SUPERVISED_DEEPLY, "image: float32[4,1,6,6]; mask: int64[4,6,6] in [0, 3)"
    )
    assert "early_loss: torch.Tensor = functional.cross_entropy(early_prediction, mask)" in text


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("returned", "lines"),
    [
        pytest.param(
            "return logits, spread if self.training else None",
            ("spread: torch.Tensor | None = outputs[1] if len(outputs) > 1 else None",),
            id="none in eval",
        ),
        pytest.param(
            "return (logits, spread) if self.training else logits",
            (
                "logits = outputs if isinstance(outputs, torch.Tensor) else outputs[0]",
                "spread: torch.Tensor | None = ( None if isinstance(outputs, torch.Tensor) else outputs[1] )",
            ),
            id="bare in eval",
        ),
        pytest.param(
            'return {"logits": logits, "spread": spread} if self.training else {"logits": logits}',
            ('spread: torch.Tensor | None = outputs.get("spread")', "loss = loss + self.config.spread_weight * spread"),
            id="no key in eval",
        ),
    ],
)
def test_an_auxiliary_loss_may_be_missing_in_eval(
    project: Path, trainergen: Run, returned: str, lines: tuple[str, ...]
) -> None:
    source = models.TRAINED_BESIDE.replace("{returned}", returned)
    text, _ = generated(project, trainergen, source, "x: float32[4,6]")
    assert [line for line in lines if line not in text] == [], text
    assert "is not None: in eval mode the model returns none" in text


def test_places_that_labels_leave_out_count_in_no_metric(project: Path, trainergen: Run) -> None:
    source = models.BERT.replace("TinyBert", "Tagger").replace("nn.Linear(8, vocab_size)", "nn.Linear(8, 4)")
    write_tree(
        project,
        {
            "data.py": """
                import torch


                def build():
                    tokens = torch.tensor([[1, 3, 4, 1], [2, 7, 0, 5]])
                    return [{"tokens": tokens, "tags": torch.tensor([[0, 3, 1, -100], [2, 1, -100, -100]])}]
            """,
            "model.py": HEAD + source,
        },
    )
    answer = trainergen("new", "--model", "model.py:Tagger", "--loader", "data:build", "--json")
    assert answer.exit == 0, answer.stdout
    assert {each["status"] for each in answer.data["result"]["proof"]["probes"]} == {"passed"}
    text = (project / "train/tagger_trainer.py").read_text()
    assert "functional.cross_entropy(logits, tags, ignore_index=-100)" in text
    assert "metrics.accuracy(logits.detach(), tags, padding=-100)" in text
