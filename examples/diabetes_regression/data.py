"""scikit-learn's diabetes data, 442 patients, as pairs (features, progression), both standardised."""

from __future__ import annotations

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset


def build_loader(
    batch_size: int = 32, *, train: bool = True, shuffle: bool = True, seed: int = 0
) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Batches (features float32 [batch, 10], progression float32 [batch]); a quarter of the patients is held out.

    Mean and deviation are those of the training rows alone, for both splits.
    """
    data = load_diabetes()
    features = torch.tensor(data.data, dtype=torch.float32)
    progression = torch.tensor(data.target, dtype=torch.float32)
    kept, held_out = (torch.tensor(rows) for rows in train_test_split(range(len(progression)), random_state=0))
    features = (features - features[kept].mean(dim=0)) / features[kept].std(dim=0)
    progression = (progression - progression[kept].mean()) / progression[kept].std()
    rows = kept if train else held_out
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(
        TensorDataset(features[rows], progression[rows]),
        batch_size=batch_size,
        shuffle=shuffle and train,
        generator=generator,
    )
