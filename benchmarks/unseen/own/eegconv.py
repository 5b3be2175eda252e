import torch
import torch.nn as nn


class MotorEEG(nn.Module):
    """Motor imagery decoding, compact CNN. Input: (trials, 1, electrodes, samples)."""

    def __init__(self, n_electrodes=22, n_samples=256, n_mi=4, F1=8, D=2, kern=32):
        super().__init__()
        F2 = F1 * D
        self.temporal = nn.Conv2d(1, F1, (1, kern), padding=(0, kern // 2), bias=False)
        self.bn1 = nn.BatchNorm2d(F1)
        self.spatial = nn.Conv2d(F1, F2, (n_electrodes, 1), groups=F1, bias=False)
        self.bn2 = nn.BatchNorm2d(F2)
        self.pool = nn.AvgPool2d((1, 8))
        with torch.no_grad():
            n = self._feat(torch.zeros(1, 1, n_electrodes, n_samples)).shape[1]
        self.lin = nn.Linear(n, n_mi)

    def _feat(self, x):
        x = self.bn2(self.spatial(self.bn1(self.temporal(x))))
        return self.pool(nn.functional.elu(x)).flatten(1)

    def forward(self, x):
        return self.lin(self._feat(x))
