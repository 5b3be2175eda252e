"""scikit-learn's 1,797 digits as flat images without labels."""

from __future__ import annotations

from typing import Literal

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader

Split = Literal["train", "val"]


def build_loader(
    batch_size: int = 64, *, split: Split = "train", shuffle: bool = True, seed: int = 0
) -> DataLoader[torch.Tensor]:
    """Batches of images float32 [batch, 64] in [0, 1]; every fourth image is held out."""
    images = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    train, held_out = train_test_split(range(len(images)), test_size=0.25, random_state=0)
    rows = train if split == "train" else held_out
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(
        [images[row] for row in rows],  # type: ignore[arg-type]  # a list is a data set
        batch_size=batch_size,
        shuffle=shuffle and split == "train",
        generator=generator,
    )
