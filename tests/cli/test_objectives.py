"""Every listed loss and metric through the command line: what the staged trainer computes is what a bare loop computes.

The cases are the listing itself (`families.torch.objectives`): a loss or metric that is added there is tested here, and
a task that is added there needs a model and a batch here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainergen.families.torch.objectives import Task, loss_names, metric_names, tasks

from ..building import write_tree
from ..conftest import Answer
from . import comparing_models, sequence_models

Run = Callable[..., Answer]

HEAD = """
    import torch
    from torch import nn


"""
NET = """
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.2))
            self.head = nn.Linear(8, {columns})

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return self.head(self.body(features)){activation}
"""
RANKER = """
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query = nn.Linear(4, 8)
            self.key = nn.Linear(5, 8)

        def forward(self, dataset_tokens: torch.Tensor, model_tokens: torch.Tensor) -> torch.Tensor:
            return torch.einsum("bmd,bd->bm", self.key(model_tokens), self.query(dataset_tokens).mean(dim=1))
"""
OWN = """
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(6, 1)

        def forward(self, features: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
            found = self.head(features).squeeze(1)
            return {"loss": (found - target).square().mean(), "found": found}
"""
VAE = """
    class VAE(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mu, self.logvar, self.decoder = nn.Linear(6, 3), nn.Linear(6, 3), nn.Linear(3, 6)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            mu, logvar = self.mu(x), self.logvar(x)
            return self.decoder(mu + torch.randn_like(mu) * (0.5 * logvar).exp()){activation}, mu, logvar
"""
LANGUAGE = """
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.mix, self.head = nn.Embedding(12, 8), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 12)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.head(self.mix(self.table(tokens))[0])
"""
TASKS = """
    class MultiTaskNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.age, self.kind = nn.Linear(6, 8), nn.Linear(8, 1), nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            body = self.body(x).tanh()
            return {"age": self.age(body), "kind_logits": self.kind(body)}
"""
ENDINGS = {
    "nll": ".log_softmax(dim=1)",
    "nll_of_probabilities": ".softmax(dim=1)",
    "bce": ".sigmoid()",
    "elbo_bce": ".sigmoid()",
    "ctc_of_log_probabilities": ".log_softmax(dim=2)",
}
"""Loss -> what the model ends in; the others take the plain output."""

MODELS: dict[str, tuple[str, str, str]] = {
    "multi-class": (NET, "4", "(float32[8,6], int64[8] < 4)"),
    "binary": (NET, "1", "(float32[8,6], int64[8] < 2)"),
    "multi-label": (NET, "4", "(float32[8,6], int64[8,4] < 2)"),
    "regression": (NET, "2", "(float32[8,6], float32[8,2])"),
    "reconstruction": (NET.replace("Net(", "AutoEncoder("), "6", "float32[8,6] in [0, 1)"),
    "ranking": (
        RANKER,
        "",
        "dataset_tokens: float32[6,3,4]; model_tokens: float32[6,5,5]; true_ranks: int64[6,5] in [0, 6)",
    ),
    "own-loss": (OWN, "", "(float32[8,6], float32[8])"),
    "vae": (VAE, "", "float32[8,6] in [0, 1)"),
    "multi-task": (TASKS, "", "x: float32[8,6]; age: float32[8]; kind: int64[8] < 4"),
    "language-modelling": (LANGUAGE, "", "tokens: int64[4,7] < 12"),
    **comparing_models.MODELS,
    **sequence_models.MODELS,
}
"""Task, or task and loss -> model, columns of its output, batch: ranks with ties and gaps."""

LONG_TAIL = {
    *comparing_models.LONG_TAIL,
    "diffusion-denoising_l1",
    "diffusion-denoising_huber",
    "diffusion-all",
    "multi-label-bce",
    "regression-mse",
    "regression-l1",
    "regression-huber",
    "reconstruction-mse",
    "reconstruction-l1",
    "multi-label-all",
    "regression-all",
    "reconstruction-all",
    "ranking-all",
}
"""What differs from its neighbours least."""


def marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.slow] if name in LONG_TAIL else []


def losses() -> list[Any]:
    found = []
    for name, task in tasks().items():
        for loss in task.LOSSES:
            found.append(pytest.param(task, loss, id=f"{name}-{loss}", marks=marks(f"{name}-{loss}")))
    return found


def metrics() -> list[Any]:
    """All of a task's together; then each alone, which is the long tail."""
    found = []
    for name, task in tasks().items():
        every = (*task.METRICS, *task.EPOCH_METRICS)
        if every:
            found.append(pytest.param(task, every, id=f"{name}-all", marks=marks(f"{name}-all")))
        for metric in every:
            found.append(pytest.param(task, (metric,), id=f"{name}-{metric}", marks=[pytest.mark.slow]))
    return found


def generate(project: Path, trainergen: Run, task: Task, loss: str, *arguments: str) -> dict[str, Any]:
    """The ``result`` of ``new`` for a model that fits the task and the loss."""
    source, columns, batch = MODELS.get(f"{task.TASK}-{loss}") or MODELS[task.TASK]
    ending = (".squeeze(1)" if task.TASK == "binary" else "") + ENDINGS.get(loss, "")
    text = HEAD + source.replace("{columns}", columns).replace("{activation}", ending)
    write_tree(project, {"model.py": text})
    name = source.partition("class ")[2].partition("(")[0]
    answer = trainergen("new", "--model", f"model.py:{name}", "--batch", batch, "--loss", loss, *arguments, "--json")
    assert answer.exit == 0, answer.stdout
    result: dict[str, Any] = answer.data["result"]
    return result


def test_the_models_cover_the_listing() -> None:
    of_losses = {f"{name}-{loss}" for name, task in tasks().items() for loss in task.LOSSES}
    assert set(MODELS) - of_losses == set(tasks())
    assert {loss for task in tasks().values() for loss in task.LOSSES} == set(loss_names())
    assert {name for task in tasks().values() for name in task.METRIC_FUNCTIONS} == set(metric_names())
    assert {loss for task in tasks().values() for loss in task.REFERENCES} == set(loss_names())


@pytest.mark.parametrize(("task", "loss"), losses())
def test_a_listed_loss_is_the_bare_loops(project: Path, trainergen: Run, task: Task, loss: str) -> None:
    result = generate(project, trainergen, task, loss)
    probes = {probe["probe"]: probe for probe in result["proof"]["probes"]}
    assert probes["initial_loss"]["status"] == "passed"
    numbers = probes["initial_loss"]["numbers"]
    assert numbers["loss"] == pytest.approx(numbers["expected"], rel=1e-6)
    assert {name for name, probe in probes.items() if probe["status"] != "passed"} == set()
    chosen = {each["topic"]: each for each in result["decisions"]}
    assert chosen["loss"]["choice"] == f"loss {loss}"
    if task.DEFAULT_METRICS:
        assert chosen["metrics"]["reason"] == f"what {task.TASK} is judged by"


@pytest.mark.parametrize(("task", "names"), metrics())
def test_a_listed_metric_is_the_bare_loops(project: Path, trainergen: Run, task: Task, names: tuple[str, ...]) -> None:
    loss = next(iter(task.LOSSES))
    result = generate(project, trainergen, task, loss, *(word for name in names for word in ("--metric", name)))
    probes = {probe["probe"]: probe for probe in result["proof"]["probes"]}
    assert probes["eval_is_pure"]["status"] == "passed"  # with the control's loss and metrics
    assert set(names) <= set(probes["eval_is_pure"]["numbers"])


@pytest.mark.slow
def test_a_threshold_follows_from_the_loss(project: Path, trainergen: Run) -> None:
    result = generate(project, trainergen, tasks()["binary"], "bce", "--metric", "accuracy", "--metric", "f1")
    assert all(probe["status"] == "passed" for probe in result["proof"]["probes"])
    text = (project / "train/net_trainer.py").read_text()
    assert text.count("threshold=0.5") == 2
