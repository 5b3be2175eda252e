"""Doubly residual stacks for univariate forecasting."""

import torch
from torch import nn


class BeatBlock(nn.Module):
    def __init__(self, L, H, units, theta):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(L, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU())
        self.tb = nn.Linear(units, theta, bias=False)
        self.tf = nn.Linear(units, theta, bias=False)
        self.back = nn.Linear(theta, L)
        self.fore = nn.Linear(theta, H)

    def forward(self, x):
        h = self.fc(x)
        return self.back(self.tb(h)), self.fore(self.tf(h))


class BeatsForecaster(nn.Module):
    def __init__(self, lookback=48, horizon=12, n_blocks=3, units=32, theta=8):
        super().__init__()
        self.lookback, self.horizon = lookback, horizon
        self.blocks = nn.ModuleList([BeatBlock(lookback, horizon, units, theta) for _ in range(n_blocks)])

    def forward(self, history):
        assert history.ndim == 2 and history.shape[1] == self.lookback
        resid = history
        forecast = torch.zeros(len(history), self.horizon, device=history.device, dtype=history.dtype)
        for blk in self.blocks:
            b, f = blk(resid)
            resid = resid - b
            forecast = forecast + f
        return forecast
