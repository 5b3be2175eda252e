from argparse import Namespace

import torch
import torch.nn as nn

DEFAULTS = Namespace(n_findings=14, in_channels=1, growth=8, block=(2, 2), se_ratio=4)


class SE(nn.Module):
    def __init__(self, c, r):
        super().__init__()
        self.f = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, max(1, c // r), 1), nn.ReLU(), nn.Conv2d(max(1, c // r), c, 1)
        )

    def forward(self, x):
        return x * torch.sigmoid(self.f(x))


class ChestFindings(nn.Module):
    """Fourteen findings on a chest radiograph, each present or not (BCE with logits)."""

    def __init__(self, opt=DEFAULTS):
        super().__init__()
        c = 16
        self.stem = nn.Conv2d(opt.in_channels, c, 7, 2, 3)
        self.dense = nn.ModuleList()
        for n in opt.block:
            for _ in range(n):
                self.dense.append(nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, opt.growth, 3, padding=1)))
                c += opt.growth
        self.se = SE(c, opt.se_ratio)
        self.findings = nn.Linear(c, opt.n_findings)

    def forward(self, xray):
        h = self.stem(xray)
        for d in self.dense:
            h = torch.cat([h, d(h)], 1)
        return self.findings(self.se(h).mean(dim=(-2, -1)))
