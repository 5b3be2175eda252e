"""Models and data that every test project has: wine, diabetes and digits of scikit-learn."""

from __future__ import annotations

MODELS = '''\
"""The project's models."""

from __future__ import annotations

import torch
from torch import nn


class WineNet(nn.Module):
    """Tell three cultivars of wine apart."""

    def __init__(self, hidden: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(13, hidden), nn.ReLU(), nn.Linear(hidden, 3))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layers(features)


class DiabetesNet(nn.Module):
    """Predict the progression of a disease."""

    def __init__(self, hidden: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layers(features)


class DigitsNet(nn.Module):
    """Read a digit from 8 x 8 pixels."""

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Dropout(0.1), nn.Linear(hidden, 10))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores of pixels scaled to [0, 1]."""
        return self.layers(features)
'''

_DATA = '''\
"""The project's data."""

from __future__ import annotations

import torch
from sklearn.datasets import load_diabetes, load_digits, load_wine
$imports

$pairs
def _loader(features, targets, batch_size: int, train: bool) -> DataLoader:
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(0))
    cut = len(order) * 4 // 5
    chosen = order[:cut] if train else order[cut:]
    return DataLoader($dataset(features[chosen], targets[chosen]), batch_size=batch_size, shuffle=train)


def wine_loader(batch_size: int = 16, train: bool = True) -> DataLoader:
    features, targets = (torch.as_tensor(each) for each in load_wine(return_X_y=True))
    features = ((features - features.mean(0)) / features.std(0)).float()
    return _loader(features, targets.long(), batch_size, train)


def diabetes_loader(batch_size: int = 16, train: bool = True) -> DataLoader:
    features, targets = (torch.as_tensor(each).float() for each in load_diabetes(return_X_y=True))
    return _loader(features * 20, (targets - targets.mean()) / targets.std(), batch_size, train)


def digits_loader(batch_size: int = 16, train: bool = True) -> DataLoader:
    features, targets = (torch.as_tensor(each) for each in load_digits(return_X_y=True))
    return _loader(features.float() / 16, targets.long(), batch_size, train)
'''

DATA_OF_PAIRS = (
    _DATA.replace("$imports", "from torch.utils.data import DataLoader, TensorDataset")
    .replace("$pairs\n", "")
    .replace("$dataset", "TensorDataset")
)
"""A batch is [features, targets], as a TensorDataset gives them."""

DATA_OF_MAPPINGS = (
    _DATA.replace("$imports", "from torch.utils.data import DataLoader, Dataset")
    .replace(
        "$pairs\n",
        '''class Table(Dataset):
    """Rows as mappings."""

    def __init__(self, features, targets) -> None:
        self.features, self.targets = features, targets

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"features": self.features[index], "targets": self.targets[index]}


''',
    )
    .replace("$dataset", "Table")
)
"""A batch is {"features", "targets"}."""
