"""What a project has already is used: its loader where it feeds the model, its losses and metrics are offered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..building import write_tree
from ..conftest import Answer

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(13, 3)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layer(features)
"""
DATA = """
import torch
from sklearn.datasets import load_wine
from torch.utils.data import DataLoader, TensorDataset


def wine_loader(batch_size: int = 16) -> DataLoader:
    features, labels = (torch.as_tensor(each) for each in load_wine(return_X_y=True))
    return DataLoader(TensorDataset(features.float(), labels.long()), batch_size=batch_size, shuffle=True)


def narrow_loader(batch_size: int = 16) -> DataLoader:
    return DataLoader(TensorDataset(torch.randn(32, 5), torch.zeros(32).long()), batch_size=batch_size)
"""
LOSSES = """
from torch.nn import functional


def focal_loss(logits, labels):
    return ((1 - logits.softmax(1).gather(1, labels[:, None]))[:, 0] * functional.cross_entropy(logits, labels)).mean()


def top_two_accuracy(logits, labels):
    return (logits.topk(2).indices == labels[:, None]).any(1).float().mean()


def accuracy_plot(logits, labels): ...
"""


def test_the_project_s_own_loader_feeds_the_model_and_its_loss_is_offered(
    project: Path, trainergen: Callable[..., Answer]
) -> None:
    write_tree(project, {"model.py": MODEL, "data.py": DATA, "losses.py": LOSSES})
    answer = trainergen("new", "--model", "model.py:Net", "--json")
    assert answer.exit == 0, answer.stdout
    decisions = {each["topic"]: each for each in answer.data["result"]["decisions"]}
    assert decisions["loader"]["choice"] == "loader data:wine_loader"
    assert "data:narrow_loader" in decisions["loader"]["runner_up"]
    text = (project / "train" / "net_trainer.py").read_text()
    assert "from data import wine_loader" in text and "assumed" not in text
    said = trainergen("new", "--model", "model.py:Net", "--name", "other", "--dry-run").stdout
    assert "losses:focal_loss: --loss losses:focal_loss" in said
    assert "your own metrics" in said and "losses:top_two_accuracy: --metric losses:top_two_accuracy" in said
    told = trainergen("project", "--json").data["result"]
    assert (told["losses"], told["metrics"]) == (["losses:focal_loss"], ["losses:top_two_accuracy"])
    taken = trainergen(
        *("new", "--model", "model.py:Net", "--name", "third", "--metric", "losses:top_two_accuracy"),
        *("--metric", "accuracy"),
    )
    assert taken.exit == 0 and "your own metrics" not in taken.stdout
    assert "top_two_accuracy(" in (project / "train" / "third_trainer.py").read_text()


def test_a_loader_of_another_model_s_is_left_alone(project: Path, trainergen: Callable[..., Answer]) -> None:
    write_tree(project, {"model.py": MODEL.replace("Linear(13", "Linear(7"), "data.py": DATA})
    answer = trainergen("new", "--model", "model.py:Net", "--json")
    assert answer.exit == 0, answer.stdout
    assert "loader" not in {each["topic"] for each in answer.data["result"]["decisions"]}
    assert "build_dataloaders" in (project / "train" / "net_trainer.py").read_text()
