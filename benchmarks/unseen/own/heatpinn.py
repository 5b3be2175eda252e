"""Physics-informed network u(x, t) for the 1-d heat equation; the residual is formed outside."""

import torch
import torch.nn as nn


class HeatPINN(nn.Module):
    def __init__(self, layers=(2, 32, 32, 1), n_fourier=0):
        super().__init__()
        self.lins = nn.ModuleList([nn.Linear(a, b) for a, b in zip(layers[:-1], layers[1:])])
        for lin in self.lins:
            nn.init.xavier_normal_(lin.weight)
            nn.init.zeros_(lin.bias)

    def forward(self, x, t):
        u = torch.cat([x, t], dim=1)
        for lin in self.lins[:-1]:
            u = torch.tanh(lin(u))
        return self.lins[-1](u)
