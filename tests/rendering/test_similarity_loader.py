"""The generated combined loader: exactly its batch contract, and a refusal by name for what does not fit."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from trainergen.rendering.trainer import render_trainer

from . import plans

TRUTH: dict[str, Any] = {
    "iris": {"tree": 0.9, "svm": 0.95, "knn": 0.9},
    "wine": {"tree": 0.5, "svm": 0.7},
    "digits": {"svm": 0.99, "knn": 0.98, "tree": 0.8},
}
SPLITS = {"train": ["wine", "iris"], "val": ["digits"]}


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    root = tmp_path_factory.mktemp("project")
    files = render_trainer(plans.ranker(), plans.facts(root)).files
    assert set(files) == {"train/ranker_trainer.py", "dataloader/similarity.py", "dataloader/__init__.py"}
    path = root / "dataloader" / "similarity.py"
    path.parent.mkdir()
    path.write_text(files["dataloader/similarity.py"].text)
    spec = importlib.util.spec_from_file_location("generated_similarity", path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    assert root / "constants" == loaded.CONSTANTS
    return loaded


def write(folder: Path, truth: Any = TRUTH, splits: Any = SPLITS, **tokens: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    datasets = {name: torch.rand(4, 6, generator=generator) for name in ("iris", "wine", "digits")} | tokens
    models = {name: torch.rand(5, generator=generator) for name in ("tree", "svm", "knn")}
    torch.save(datasets, folder / "dataset_tokens.pt")
    torch.save(models, folder / "model_tokens.pt")
    (folder / "dataset_model_performance.json").write_text(json.dumps(truth))
    (folder / "dataset_splits.json").write_text(json.dumps(splits))
    return folder


def test_a_batch_is_what_the_contract_says(module: ModuleType, tmp_path: Path) -> None:
    folder = write(tmp_path)
    batch = next(iter(module.build_combined_similarity_loader(splits=("train",), shuffle=False, constants=folder)))
    keys = "dataset_names dataset_splits dataset_tokens model_indices model_names model_tokens true_ranks"
    assert sorted(batch) == keys.split()
    assert batch["dataset_tokens"].shape == (2, 4, 6) and batch["dataset_tokens"].dtype == torch.float32
    assert batch["model_tokens"].shape == (2, 3, 5) and batch["model_tokens"].dtype == torch.float32
    assert batch["true_ranks"].dtype == batch["model_indices"].dtype == torch.int64
    assert batch["model_indices"].tolist() == [[0, 1, 2], [0, 1, 2]]
    assert batch["model_names"] == [["tree", "svm", "knn"]] * 2
    assert batch["dataset_names"] == ["wine", "iris"] and batch["dataset_splits"] == ["train", "train"]
    assert batch["true_ranks"].tolist() == [[2, 1, 0], [2, 1, 2]]
    tokens = torch.load(folder / "dataset_tokens.pt", weights_only=True)
    assert torch.equal(batch["dataset_tokens"][1], tokens["iris"])


def test_a_small_score_may_be_the_good_one(module: ModuleType, tmp_path: Path) -> None:
    folder = write(tmp_path, TRUTH | {"metric_direction": "min"})
    loader = module.build_combined_similarity_loader(("train", "val"), shuffle=False, constants=folder, batch_size=1)
    assert [batch["true_ranks"].tolist() for batch in loader] == [[[1, 2, 0]], [[1, 3, 1]], [[1, 3, 2]]]


def test_training_is_shuffled_by_the_seed_and_validation_is_not(module: ModuleType, tmp_path: Path) -> None:
    names = [f"set{number}" for number in range(20)]
    tokens = {name: torch.rand(4, 6) for name in names}
    truth = {name: {"svm": 1.0} for name in names}
    folder = write(tmp_path, truth, {"train": names}, **tokens)

    def order(seed: int) -> list[str]:
        return next(iter(module.build_combined_similarity_loader(batch_size=20, seed=seed, constants=folder)))[
            "dataset_names"
        ]

    assert order(0) == order(0) != order(1) and sorted(order(0)) == sorted(names)


@pytest.mark.parametrize(
    ("truth", "splits", "tokens", "said"),
    [
        (TRUTH | {"mars": {"svm": 1.0}}, SPLITS, {}, "'mars' has no tokens"),
        (TRUTH | {"iris": {"forest": 1.0}}, SPLITS, {}, "model 'forest' of data set 'iris' has no tokens"),
        (
            TRUTH | {"iris": {"svm": float("nan")}},
            SPLITS,
            {},
            "model 'svm' of data set 'iris': nan is no finite number",
        ),
        (TRUTH | {"iris": {"svm": float("inf")}}, SPLITS, {}, "inf is no finite number"),
        (TRUTH | {"iris": {"svm": True}}, SPLITS, {}, "True is no finite number"),
        (TRUTH | {"metric_direction": "up"}, SPLITS, {}, "'up'"),
        (TRUTH, {"train": ["iris"], "val": ["iris"]}, {}, "'iris' stands in 'train' and again in 'val'"),
        (TRUTH, {"train": ["mars"]}, {}, "data set 'mars' of 'train' has no truth"),
        (TRUTH, {"val": ["iris"]}, {}, "no data set in ['train']; there are 'val'"),
        (
            TRUTH,
            SPLITS,
            {"digits": torch.rand(4, 7)},
            "digits: expected float32 [T, D], all alike (the first is [4, 6])",
        ),
        (TRUTH, SPLITS, {"wine": torch.rand(4, 6).double()}, "wine: expected float32 [T, D]"),
        (TRUTH, SPLITS, {"digits": torch.full((4, 6), torch.nan)}, "digits holds values that are not finite"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    module: ModuleType, tmp_path: Path, truth: Any, splits: Any, tokens: Any, said: str
) -> None:
    folder = write(tmp_path, truth, splits, **tokens)
    with pytest.raises(ValueError) as caught:
        module.build_combined_similarity_loader(constants=folder)
    assert said in str(caught.value)


def test_a_missing_file_says_what_it_must_hold(module: ModuleType, tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "dataset_model_performance.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"data set: \{model: score\}"):
        module.build_combined_similarity_loader(constants=folder)
