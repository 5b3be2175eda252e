"""The combined similarity loader: data sets, candidate models and true ranks in one batch, from ``constants/``."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

CONSTANTS = Path(__file__).resolve().parent / "constants"
Batch = dict[str, Any]


def build_combined_similarity_loader(
    splits: tuple[str, ...] = ("train",), *, batch_size: int = 8, shuffle: bool = True, seed: int = 0
) -> DataLoader[Batch]:
    """Batches of B data sets with all M candidate models each.

    A batch is a dict: ``dataset_tokens`` float32 [B, T, D], ``model_tokens`` float32 [B, M, E], ``true_ranks`` int64
    [B, M] (1 = best, ties share the lower rank, 0 = no truth), ``model_indices`` int64 [B, M], ``model_names`` (B lists
    of M), ``dataset_names`` and ``dataset_splits`` (lists of B).

    Args:
        splits: of ``train`` and ``val``.
        batch_size: data sets a batch.
        shuffle: whether training data sets come in another order each epoch; held-out ones never do.
        seed: of that order.

    Raises:
        ValueError: an unknown split, a data set in two splits, a name without tokens, a score that is not finite.
    """
    truth = _read("dataset_model_performance")
    split_of = _split_of(_read("dataset_splits"), splits)
    dataset_tokens = torch.load(CONSTANTS / "dataset_tokens.pt", map_location="cpu", weights_only=True)
    candidates = torch.load(CONSTANTS / "model_tokens.pt", map_location="cpu", weights_only=True)
    names = list(candidates)
    model_tokens = torch.stack(list(candidates.values()))
    ranks = {dataset: _ranks(dataset, truth, dataset_tokens, names) for dataset in split_of}

    def collate(datasets: list[str]) -> Batch:
        return {
            "dataset_tokens": torch.stack([dataset_tokens[dataset] for dataset in datasets]),
            "model_tokens": model_tokens.expand(len(datasets), -1, -1).clone(),
            "true_ranks": torch.stack([ranks[dataset] for dataset in datasets]),
            "model_names": [list(names) for _ in datasets],
            "dataset_names": list(datasets),
            "model_indices": torch.arange(len(names)).expand(len(datasets), -1).clone(),
            "dataset_splits": [split_of[dataset] for dataset in datasets],
        }

    generator = torch.Generator().manual_seed(seed)
    return DataLoader(
        list(split_of),  # type: ignore[arg-type]  # a list is a data set
        batch_size=batch_size,
        shuffle=shuffle and "train" in splits,
        generator=generator,
        collate_fn=collate,
    )


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((CONSTANTS / f"{name}.json").read_text(encoding="utf-8"))
    return content


def _split_of(listed: dict[str, list[str]], splits: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for split, datasets in listed.items():
        for dataset in datasets:
            if dataset in found:
                raise ValueError(f"dataset_splits.json: {dataset} is in {found[dataset]} and in {split}")
            found[dataset] = split
    unknown = [split for split in splits if split not in listed]
    if unknown:
        raise ValueError(f"no split {', '.join(unknown)}: dataset_splits.json has {', '.join(listed)}")
    return {dataset: split for dataset, split in found.items() if split in splits}


def _ranks(
    dataset: str, truth: dict[str, dict[str, float]], tokens: dict[str, torch.Tensor], names: list[str]
) -> torch.Tensor:
    if dataset not in truth or dataset not in tokens:
        raise ValueError(f"{dataset} stands in a split and has no {'scores' if dataset not in truth else 'tokens'}")
    scores = truth[dataset]
    for name, score in scores.items():
        if name not in names:
            raise ValueError(f"dataset_model_performance.json, {dataset}: {name} has no tokens in model_tokens.pt")
        if not math.isfinite(score):
            raise ValueError(f"dataset_model_performance.json, {dataset}, {name}: {score} is no score")
    ranks = [1 + sum(other > scores[name] for other in scores.values()) if name in scores else 0 for name in names]
    return torch.tensor(ranks, dtype=torch.int64)
