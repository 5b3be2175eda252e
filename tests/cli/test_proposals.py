"""Models whose batch holds their inputs alone, through the whole of ``new``: what is wanted of the batch, and the proof.

The search for a batch is not what is tested here: ``--batch`` describes the inputs, and the facts are marked as found.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..building import write_tree
from ..conftest import Answer

Run = Callable[..., Answer]

HEAD = """
    import torch
    from torch import nn


"""
IMAGES = """
    class DigitClassifier(nn.Module):
        def __init__(self, num_classes: int = 4) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 3)
            self.head = nn.Linear(3, num_classes)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.head(self.conv(image).mean(dim=(2, 3))){activation}
"""
VAE = """
    class DigitVAE(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mu, self.logvar, self.decoder = nn.Linear(36, 3), nn.Linear(36, 3), nn.Linear(3, 36)

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            flat = image.flatten(1)
            mu, logvar = self.mu(flat), self.logvar(flat)
            code = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
            return self.decoder(code), mu, logvar
"""
LANGUAGE = """
    class TinyGPT(nn.Module):
        def __init__(self, vocab_size: int = 12{padding}) -> None:
            super().__init__()
            self.table = nn.Embedding(vocab_size, 8)
            self.mix = nn.GRU(8, 8, batch_first=True)
            self.head = nn.Linear(8, vocab_size)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.head(self.mix(self.table(tokens))[0])
"""
TWO_INPUTS = """
    class PriceRegressor(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.head = nn.Embedding(5, 4), nn.Linear(7, 1)

        def forward(self, age: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
            return self.head(torch.cat([age, self.table(kind)], dim=1))
"""


HEADS = """
    class MultiTaskNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.age, self.kind = nn.Linear(6, 8), nn.Linear(8, 1), nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            body = self.body(x).tanh()
            return {"age": self.age(body), "kind": self.kind(body)}
"""


def new(project: Path, trainergen: Run, source: str, batch: str, *arguments: str) -> dict[str, Any]:
    """The ``result`` of ``new``, and the trainer's text under ``text``."""
    write_tree(project, {"model.py": HEAD + source})
    name = source.partition("class ")[2].partition("(")[0]
    answer = trainergen("new", "--model", f"model.py:{name}", "--batch", batch, *arguments, "--json")
    assert answer.exit == 0, answer.stdout
    result: dict[str, Any] = answer.data["result"]
    assert {probe["status"] for probe in result["proof"]["probes"]} == {"passed"}, result["proof"]["probes"]
    (trainer,) = [
        each["path"] for each in result["files"] if each["path"].endswith("_trainer.py") and "base" not in each["path"]
    ]
    return {
        **result,
        "text": (project / trainer).read_text(),
        "chosen": {each["topic"]: each for each in result["decisions"]},
    }


@pytest.mark.usefixtures("found")
def test_a_lone_tensor_gets_a_target_beside_it(project: Path, trainergen: Run) -> None:
    result = new(project, trainergen, IMAGES.replace("{activation}", ""), "float32[4,1,6,6]")
    assert "Batch = tuple[torch.Tensor, torch.Tensor]" in result["text"]
    assert "loss = functional.cross_entropy(logits, label)" in result["text"]
    lines = result["text"].splitlines()
    at = next(number for number, line in enumerate(lines) if "functional.cross_entropy" in line)
    assert "# assumed: loss cross_entropy, output [batch, 4] are scores of 4 classes" in "\n".join(lines[at - 4 : at])
    assert "# assumed: target label int64 [batch]" in result["text"]
    assert result["chosen"]["loss"]["assumed"] and result["chosen"]["target"]["assumed"]
    assert result["chosen"]["loss"]["runner_up"]
    assert "batch[1]: target, int64 [batch], values 0 to 3" in " ".join(result["text"].split())
    assert result["chosen"]["pattern"]["choice"] == "pattern simple"


@pytest.mark.usefixtures("found")
def test_several_inputs_gain_a_key(project: Path, trainergen: Run) -> None:
    result = new(project, trainergen, TWO_INPUTS, "age: float32[4,3]; kind: int64[4] < 5")
    assert 'target = batch["target"].to(self.device)' in result["text"]
    assert "loss = functional.mse_loss(predictions, target)" in result["text"]


@pytest.mark.usefixtures("found")
def test_a_vae_is_a_sum_of_two_terms(project: Path, trainergen: Run) -> None:
    result = new(project, trainergen, VAE, "image: float32[4,1,6,6]")
    assert "loss = reconstruction_loss + self.config.beta * kl_divergence" in result["text"]
    assert "beta = 1.0" in (project / "config.ini").read_text()
    assert {"reconstruction_loss", "kl_divergence"} <= set(probes(result)["eval_is_pure"]["numbers"])
    assert not result["chosen"]["loss"]["assumed"]


@pytest.mark.usefixtures("found")
def test_a_language_model_predicts_its_own_input(project: Path, trainergen: Run) -> None:
    source = LANGUAGE.replace("{padding}", ", pad_token_id: int = 3")
    result = new(project, trainergen, source, "tokens: int64[4,7] < 12")
    assert "logits = self.model(tokens)[:, :-1].permute(0, 2, 1)" in result["text"]
    assert "targets = tokens[:, 1:]" in result["text"]
    assert "functional.cross_entropy(logits, targets, ignore_index=3)" in result["text"]
    assert "metrics.accuracy(logits.detach(), targets, padding=3)" in result["text"]


@pytest.mark.usefixtures("found")
def test_every_head_has_its_loss_its_target_and_its_weight(project: Path, trainergen: Run) -> None:
    result = new(project, trainergen, HEADS, "float32[4,6]")
    assert 'age_prediction = outputs["age"].squeeze(1)' in result["text"]
    assert "age_loss = functional.mse_loss(age_prediction, age)" in result["text"]
    assert "kind_loss: torch.Tensor = functional.cross_entropy(kind_prediction, kind)" in result["text"]
    assert "self.config.age_weight * age_loss + self.config.kind_weight * kind_loss" in result["text"]
    assert "kind_weight = 1.0" in (project / "config.ini").read_text()
    assert {"age_loss", "kind_loss"} <= set(probes(result)["eval_is_pure"]["numbers"])


def probes(result: dict[str, Any]) -> dict[str, Any]:
    return {each["probe"]: each for each in result["proof"]["probes"]}


@pytest.mark.usefixtures("found")
def test_a_named_loss_or_target_decides(project: Path, trainergen: Run) -> None:
    images = IMAGES.replace("{activation}", "")
    result = new(project, trainergen, images, "float32[4,1,6,6]", "--loss", "bce_with_logits")
    assert "functional.binary_cross_entropy_with_logits(logits, labels)" in result["text"]
    assert not result["chosen"]["loss"]["assumed"]


@pytest.mark.usefixtures("found")
def test_a_function_of_the_users_gets_the_likely_target(project: Path, trainergen: Run) -> None:
    write_tree(
        project, {"mine.py": "def loss(output, target):\n    return output.mean(dim=1).sub(target).abs().mean()\n"}
    )
    result = new(project, trainergen, IMAGES.replace("{activation}", ""), "float32[4,1,6,6]", "--loss", "mine:loss")
    assert "from mine import loss as loss_loss" in result["text"]  # the step's own name is taken
    assert "loss: torch.Tensor = loss_loss(logits, label)" in result["text"]


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("name", ["PatchDiscriminator", "WassersteinCritic"])
def test_one_of_two_adversaries_is_asked_about(project: Path, trainergen: Run, name: str) -> None:
    text = HEAD + IMAGES.replace("{activation}", "").replace("DigitClassifier", name)
    write_tree(project, {"model.py": text})
    answer = trainergen("new", "--model", f"model.py:{name}", "--batch", "float32[4,1,6,6]")
    assert answer.exit == 4, answer.stdout
    assert "one of two models that train against each other" in answer.stdout
    assert "--loss module:name" in answer.stdout
