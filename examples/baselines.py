"""The numbers that the examples must beat, measured with scikit-learn on the same rows: ``python baselines.py``."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.stats import kendalltau
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

HERE = Path(__file__).resolve().parent


def data_of(example: str) -> ModuleType:
    """The example's own data module, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"{example}_data", HERE / example / "data.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def rows(loader: Any) -> list[Any]:
    """All rows of a loader, a numpy array a part."""
    batches = list(loader)
    if isinstance(batches[0], torch.Tensor):
        return [torch.cat(batches).numpy()]
    return [torch.cat(part).numpy() for part in zip(*batches, strict=True)]


def digits_classifier() -> float:
    """Accuracy of logistic regression on the pixels."""
    build = data_of("digits_classifier").build_loader
    images, labels = rows(build(split="train"))
    held_images, held_labels = rows(build(split="val"))
    model = LogisticRegression(max_iter=5000).fit(images.reshape(len(images), -1), labels)
    return float(model.score(held_images.reshape(len(held_images), -1), held_labels))


def diabetes_regression() -> float:
    """R2 of the five nearest neighbours."""
    build = data_of("diabetes_regression").build_loader
    model = KNeighborsRegressor().fit(*rows(build(train=True)))
    return float(model.score(*rows(build(train=False))))


def sparse_autoencoder() -> float:
    """Mean squared error of PCA with 16 components."""
    build = data_of("sparse_autoencoder").build_loader
    (images,), (held_out,) = rows(build(split="train")), rows(build(split="val"))
    pca = PCA(16).fit(images)
    return float(np.square(pca.inverse_transform(pca.transform(held_out)) - held_out).mean())


def momentum_classifier() -> float:
    """Accuracy of Gaussian naive Bayes."""
    build = data_of("momentum_classifier").build_loader
    model = GaussianNB().fit(*rows(build(split="train")))
    return float(model.score(*rows(build(split="val"))))


def wine_dataclass() -> float:
    """Accuracy of a decision tree."""
    module = data_of("wine_dataclass")

    def table(split: str) -> tuple[Any, Any]:
        batches = list(module.build_loader(split=split, shuffle=False))
        features = torch.cat([torch.cat([batch.chemistry, batch.colour], dim=1) for batch in batches])
        return features.numpy(), torch.cat([batch.cultivar for batch in batches]).numpy()

    return float(DecisionTreeClassifier(random_state=0).fit(*table("train")).score(*table("val")))


def similarity_ranking() -> float:
    """Kendall's tau-b of one ranking for all: the candidates by their mean rank over the training data sets."""
    constants = HERE / "similarity_ranking" / "constants"
    truth = json.loads((constants / "dataset_model_performance.json").read_text(encoding="utf-8"))
    splits = json.loads((constants / "dataset_splits.json").read_text(encoding="utf-8"))
    ranks: dict[str, list[int]] = defaultdict(list)
    for dataset in splits["train"]:
        for model, score in truth[dataset].items():
            ranks[model].append(1 + sum(other > score for other in truth[dataset].values()))
    mean_rank = {model: sum(own) / len(own) for model, own in ranks.items()}
    taus = []
    for dataset in splits["val"]:
        names = list(truth[dataset])
        tau = kendalltau([-mean_rank[name] for name in names], [truth[dataset][name] for name in names]).statistic
        taus.append(float(tau))
    return sum(tau for tau in taus if not math.isnan(tau)) / len(taus)


BASELINES: dict[str, Callable[[], float]] = {
    function.__name__: function
    for function in (
        digits_classifier,
        diabetes_regression,
        sparse_autoencoder,
        momentum_classifier,
        wine_dataclass,
        similarity_ranking,
    )
}


if __name__ == "__main__":
    for name, measure in BASELINES.items():
        print(f"{name:24s}{measure():.4f}  {measure.__doc__}")
