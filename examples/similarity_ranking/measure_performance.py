"""Measure 14 scikit-learn estimators on 64 data sets made from scikit-learn's own, and describe both as tokens.

``python measure_performance.py`` writes ``constants/`` again (about a minute on one core): the accuracies, the split,
and the tokens of data sets and models. Same scikit-learn, same numbers.

scikit-learn packages few real data sets, so a data set here is a variant of a *source* (a packaged data set or a
generator): 80 or 240 of its rows, with or without ten columns of noise; numeric targets are cut at their median. All
variants of a source stand in one split, so that a held-out data set is never a relative of a training one. Every third
source by name is held out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kurtosis, skew
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sklearn.base import BaseEstimator

Array = NDArray[Any]
Table = tuple[Array, Array]

CONSTANTS = Path(__file__).resolve().parent / "constants"
ROWS = (80, 240)
NOISE_COLUMNS = (0, 10)
FEATURE_TOKENS = 5


def packaged(load: Callable[..., Table]) -> Callable[[], Table]:
    """A packaged data set's features and target."""
    return lambda: load(return_X_y=True)


def generated(make: Callable[..., Table], **arguments: Any) -> Callable[[], Table]:
    """400 rows of a generator."""
    return lambda: make(n_samples=400, random_state=0, **arguments)


SOURCES: dict[str, Callable[[], Table]] = {
    "blobs": generated(datasets.make_blobs, centers=4, n_features=6, cluster_std=4.0),
    "breast_cancer": packaged(datasets.load_breast_cancer),
    "circles": generated(datasets.make_circles, noise=0.15, factor=0.5),
    "classification": generated(datasets.make_classification, n_features=12, n_informative=6, class_sep=0.8),
    "diabetes": packaged(datasets.load_diabetes),
    "digits": packaged(datasets.load_digits),
    "friedman1": generated(datasets.make_friedman1, noise=1.0),
    "friedman2": generated(datasets.make_friedman2, noise=100.0),
    "friedman3": generated(datasets.make_friedman3, noise=0.1),
    "gaussian_quantiles": generated(datasets.make_gaussian_quantiles, n_features=4, n_classes=3),
    "hastie": generated(datasets.make_hastie_10_2),
    "iris": packaged(datasets.load_iris),
    "moons": generated(datasets.make_moons, noise=0.25),
    "s_curve": generated(datasets.make_s_curve, noise=0.1),
    "sparse_uncorrelated": generated(datasets.make_sparse_uncorrelated),
    "wine": packaged(datasets.load_wine),
}

# What a model's token says, in this order.
MODEL_FEATURES = (
    "linear boundary", "quadratic boundary", "distances", "kernel", "tree", "ensemble", "boosting", "density",
    "capacity", "regularisation", "neighbours",
)  # fmt: skip


def scaled(estimator: BaseEstimator) -> BaseEstimator:
    """The estimator on standardised features."""
    return make_pipeline(StandardScaler(), estimator)


# name -> (estimator, token)
MODELS: dict[str, tuple[BaseEstimator, list[float]]] = {
    "decision_tree": (DecisionTreeClassifier(random_state=0), [0, 0, 0, 0, 1, 0, 0, 0, 1.0, 0.0, 0]),
    "decision_tree_depth_3": (
        DecisionTreeClassifier(max_depth=3, random_state=0),
        [0, 0, 0, 0, 1, 0, 0, 0, 0.3, 0.5, 0],
    ),
    "extra_trees": (ExtraTreesClassifier(50, random_state=0), [0, 0, 0, 0, 1, 1, 0, 0, 1.0, 0.5, 0]),
    "gaussian_nb": (GaussianNB(), [0, 1, 0, 0, 0, 0, 0, 1, 0.2, 0.3, 0]),
    "gradient_boosting": (
        GradientBoostingClassifier(n_estimators=30, random_state=0),
        [0, 0, 0, 0, 1, 1, 1, 0, 0.8, 0.3, 0],
    ),
    "knn_1": (scaled(KNeighborsClassifier(1)), [0, 0, 1, 0, 0, 0, 0, 0, 1.0, 0.0, 0.1]),
    "knn_15": (scaled(KNeighborsClassifier(15)), [0, 0, 1, 0, 0, 0, 0, 0, 0.5, 0.5, 1.0]),
    "lda": (LinearDiscriminantAnalysis(), [1, 0, 0, 0, 0, 0, 0, 1, 0.2, 0.1, 0]),
    "logistic": (scaled(LogisticRegression(max_iter=1000)), [1, 0, 0, 0, 0, 0, 0, 0, 0.2, 0.2, 0]),
    "logistic_strong_penalty": (
        scaled(LogisticRegression(C=0.01, max_iter=1000)),
        [1, 0, 0, 0, 0, 0, 0, 0, 0.1, 0.9, 0],
    ),
    "nearest_centroid": (scaled(NearestCentroid()), [1, 0, 1, 0, 0, 0, 0, 1, 0.1, 0.9, 0]),
    "random_forest": (RandomForestClassifier(50, random_state=0), [0, 0, 0, 0, 1, 1, 0, 0, 1.0, 0.4, 0]),
    "svc_linear": (scaled(SVC(kernel="linear")), [1, 0, 0, 1, 0, 0, 0, 0, 0.2, 0.2, 0]),
    "svc_rbf": (scaled(SVC()), [0, 0, 1, 1, 0, 0, 0, 0, 0.6, 0.3, 0]),
}


def variant(source: str, rows: int, noise_columns: int) -> Table:
    """Features float [n, p] and classes int [n] of a source's variant."""
    features, target = SOURCES[source]()
    if len(np.unique(target)) > 10:
        target = (target > np.median(target)).astype(int)
    generator = np.random.default_rng([ord(letter) for letter in source])
    chosen = generator.permutation(len(target))[:rows]
    features, target = features[chosen], target[chosen]
    # Stratified folds need five rows of each class.
    kept = np.isin(target, [label for label in np.unique(target) if (target == label).sum() >= 5])
    features, target = features[kept], target[kept]
    noise = generator.normal(size=(len(target), noise_columns))
    return np.hstack([(features - features.mean(axis=0)) / (features.std(axis=0) + 1e-12), noise]), target


def accuracies(features: Array, target: Array) -> dict[str, float]:
    """Mean accuracy over five stratified folds, a model."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return {
        name: round(float(cross_val_score(estimator, features, target, cv=folds).mean()), 4)
        for name, (estimator, _) in MODELS.items()
    }


def dataset_tokens(features: Array, target: Array) -> list[list[float]]:
    """One token for the whole and one for each of the five features that separate best (zeros where there are fewer).

    Neighbourhood purity and the features' separation follow the complexity measures of Ho and Basu (2002). No candidate
    is trained for them.
    """
    n, p = features.shape
    shares = np.bincount(np.unique(target, return_inverse=True)[1]) / n
    neighbours = NearestNeighbors(n_neighbors=6).fit(features).kneighbors(features, return_distance=False)[:, 1:]
    purity = float((target[neighbours] == target[:, None]).mean())
    components = int(np.searchsorted(np.cumsum(PCA().fit(features).explained_variance_ratio_), 0.9)) + 1
    separation = np.nan_to_num(f_classif(features, target)[0])
    order = np.argsort(-separation, kind="stable")
    whole = [1.0, np.log10(n) / 3, np.log10(p) / 2, len(shares) / 10, shares.max(), purity, components / p]
    whole += [float(np.log1p(separation).mean()) / 6]
    tokens = [[float(value) for value in whole]]
    correlation = np.nan_to_num(np.abs(np.corrcoef(features.T))) - np.eye(p)
    for column in order[:FEATURE_TOKENS]:
        values = features[:, column]
        line, bins = _threshold_accuracy(values, target), _binned_accuracy(values, target)
        token = [0.0, np.log1p(separation[column]) / 6, np.clip(skew(values), -3, 3) / 3]
        token += [np.clip(kurtosis(values), -3, 10) / 10, line, bins, bins - line, correlation[column].max()]
        tokens.append([float(value) for value in np.nan_to_num(token)])
    tokens += [[0.0] * len(whole)] * (FEATURE_TOKENS + 1 - len(tokens))
    return [[round(value, 4) for value in token] for token in tokens]


def _threshold_accuracy(values: Array, target: Array) -> float:
    """Share of rows that the best of nine thresholds on one feature explains."""
    cuts = np.quantile(values, np.linspace(0.1, 0.9, 9))
    return max(_majority(np.digitize(values, [cut]), target) for cut in cuts)


def _binned_accuracy(values: Array, target: Array) -> float:
    """Share of rows that the majority class in each of six quantile bins of one feature explains."""
    return _majority(np.digitize(values, np.quantile(values, np.linspace(0, 1, 7)[1:-1])), target)


def _majority(groups: Array, target: Array) -> float:
    found = [np.unique(target[groups == group], return_counts=True)[1].max() for group in np.unique(groups)]
    return float(sum(found) / len(target))


def main() -> None:
    """Write the four files of ``constants/``."""
    truth: dict[str, dict[str, float]] = {}
    tokens: dict[str, list[list[float]]] = {}
    splits: dict[str, list[str]] = {"train": [], "val": []}
    for position, source in enumerate(sorted(SOURCES)):
        for rows in ROWS:
            for noise_columns in NOISE_COLUMNS:
                name = f"{source}-{rows}" + (f"-noise{noise_columns}" if noise_columns else "")
                features, target = variant(source, rows, noise_columns)
                truth[name] = accuracies(features, target)
                tokens[name] = dataset_tokens(features, target)
                splits["val" if position % 3 == 2 else "train"].append(name)
                print(f"{name}: best {max(truth[name], key=truth[name].__getitem__)}")
    CONSTANTS.mkdir(parents=True, exist_ok=True)
    write_json("dataset_model_performance", truth)
    write_json("dataset_splits", splits)
    write_tensors("dataset_tokens", tokens)
    write_tensors("model_tokens", {name: token for name, (_, token) in MODELS.items()})


def write_tensors(name: str, content: Mapping[str, Any]) -> None:
    """Name -> float32 tensor, as the combined loader that trainergen generates reads it."""
    tensors = {key: torch.tensor(value, dtype=torch.float32) for key, value in content.items()}
    torch.save(tensors, CONSTANTS / f"{name}.pt")


def write_json(name: str, content: Mapping[str, Any]) -> None:
    """One line an entry: readable, and a change shows where it is."""
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in content.items()]
    (CONSTANTS / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
