"""scikit-learn's 1,797 digits (8 by 8 pixels, 0 to 16) as pairs (image, label)."""

from __future__ import annotations

from typing import Literal

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

Split = Literal["train", "val"]


def build_loader(
    batch_size: int = 64, *, split: Split = "train", shuffle: bool = True, seed: int = 0
) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Batches (image float32 [batch, 1, 8, 8] in [0, 1], label int64 [batch] below 10); a quarter is held out."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target, dtype=torch.int64)
    # The same rows are held out whatever `seed` is: it only orders the batches.
    train, held_out = train_test_split(range(len(labels)), test_size=0.25, stratify=digits.target, random_state=0)
    rows = torch.tensor(train if split == "train" else held_out)
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(
        TensorDataset(images[rows], labels[rows]),
        batch_size=batch_size,
        shuffle=shuffle and split == "train",
        generator=generator,
    )
