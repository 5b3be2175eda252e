"""scikit-learn's breast cancer data, 569 tumours, as pairs (measurements, benign)."""

from __future__ import annotations

from typing import Literal

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

Split = Literal["train", "val"]


def build_loader(
    batch_size: int = 32, *, split: Split = "train", shuffle: bool = True, seed: int = 0
) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Batches (measurements float32 [batch, 30], benign float32 [batch], 0 or 1); a third of the rows is held out.

    Mean and deviation are those of the training rows alone, for both splits.
    """
    data = load_breast_cancer()
    measurements = torch.tensor(data.data, dtype=torch.float32)
    benign = torch.tensor(data.target, dtype=torch.float32)
    train, held_out = (
        torch.tensor(rows)
        for rows in train_test_split(range(len(benign)), test_size=1 / 3, stratify=data.target, random_state=0)
    )
    measurements = (measurements - measurements[train].mean(dim=0)) / measurements[train].std(dim=0)
    rows = train if split == "train" else held_out
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(
        TensorDataset(measurements[rows], benign[rows]),
        batch_size=batch_size,
        shuffle=shuffle and split == "train",
        generator=generator,
    )
