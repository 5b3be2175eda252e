"""Coordinate network with periodic activations, wind vectors at points of (lat, lon, height, hour)."""

import math

import torch
from torch import nn


class Periodic(nn.Module):
    def __init__(self, i, o, w0=30.0, first=False):
        super().__init__()
        self.lin, self.w0 = nn.Linear(i, o), w0
        bound = 1 / i if first else math.sqrt(6 / i) / w0
        nn.init.uniform_(self.lin.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(self.w0 * self.lin(x))


class WindField(nn.Module):
    def __init__(self, n_hidden_layers=2, width=32, **kw):
        super().__init__()
        w0 = kw.get("w0", 30.0)
        n_coords = kw.get("n_coords", 4)
        self.net = nn.Sequential(
            Periodic(n_coords, width, w0, True),
            *[Periodic(width, width, w0) for _ in range(n_hidden_layers)],
            nn.Linear(width, 2),
        )

    def forward(self, coords):
        assert coords.shape[-1] == self.net[0].lin.in_features
        return self.net(coords)
