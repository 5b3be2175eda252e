"""Music tagging from raw audio, sample-level CNN."""

import torch
import torch.nn as nn


class WaveTagger(nn.Module):
    def __init__(self, n_tags=50, nch=16, depth=4):
        super().__init__()
        self.first = nn.Conv1d(1, nch, 3, stride=3)
        self.convs = nn.ModuleList([nn.Conv1d(nch, nch, 3, padding=1) for _ in range(depth)])
        self.bns = nn.ModuleList([nn.BatchNorm1d(nch) for _ in range(depth)])
        self.pool = nn.MaxPool1d(3)
        self.dense = nn.Linear(nch, n_tags)

    def forward(self, wav):
        x = wav.unsqueeze(1)  # (B, 1, samples)
        x = torch.relu(self.first(x))
        for c, b in zip(self.convs, self.bns):
            x = self.pool(torch.relu(b(c(x))))
        x = x.amax(dim=-1)
        return torch.sigmoid(self.dense(x))
