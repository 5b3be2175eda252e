from typing import List

import torch
import torch.nn as nn
from torch import Tensor


class ViewPoolNet(nn.Module):
    """Shape from rendered views; `views` is a list of image batches, one a camera."""

    def __init__(self, nclasses=10, nview=3):
        super().__init__()
        self.nview = nview
        self.net_1 = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU())
        self.net_2 = nn.Linear(32, nclasses)

    def forward(self, views: List[Tensor]) -> Tensor:
        assert len(views) == self.nview, f"{self.nview} views wanted"
        y = torch.stack([self.net_1(v).mean((2, 3)) for v in views], dim=1)
        return self.net_2(y.max(1)[0])
