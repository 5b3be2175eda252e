"""scikit-learn's wine data, 178 wines, as batches that are a dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader

Split = Literal["train", "val"]
COLOUR = [9, 10, 11]  # colour intensity, hue, od280/od315 of diluted wines


@dataclass(frozen=True)
class WineBatch:
    """Some wines.

    Attributes:
        chemistry: float32 [batch, 10], standardised.
        colour: float32 [batch, 3], standardised.
        cultivar: int64 [batch], below 3.
    """

    chemistry: torch.Tensor
    colour: torch.Tensor
    cultivar: torch.Tensor


def build_loader(
    batch_size: int = 16, *, split: Split = "train", shuffle: bool = True, seed: int = 0
) -> DataLoader[WineBatch]:
    """Batches of wines; four in ten are held out. Mean and deviation are the training rows', for both splits."""
    data = load_wine()
    features = torch.tensor(data.data, dtype=torch.float32)
    cultivar = torch.tensor(data.target, dtype=torch.int64)
    train, held_out = (
        torch.tensor(rows)
        for rows in train_test_split(range(len(cultivar)), test_size=0.4, stratify=data.target, random_state=0)
    )
    features = (features - features[train].mean(dim=0)) / features[train].std(dim=0)
    chemistry = features[:, [column for column in range(13) if column not in COLOUR]]
    colour = features[:, COLOUR]

    def collate(rows: list[int]) -> WineBatch:
        return WineBatch(chemistry[rows], colour[rows], cultivar[rows])

    rows = (train if split == "train" else held_out).tolist()
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(
        rows,  # type: ignore[arg-type]  # a list is a data set
        batch_size=batch_size,
        shuffle=shuffle and split == "train",
        generator=generator,
        collate_fn=collate,
    )
