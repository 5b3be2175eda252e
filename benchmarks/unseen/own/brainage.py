import torch
import torch.nn as nn


class BrainAge3D(nn.Module):
    """Predicts age in years from a T1 volume; the subject's sex is appended before the last layer."""

    def __init__(self, channels=(8, 16, 32), dropout=0.3):
        super().__init__()
        blocks, prev = [], 1
        for c in channels:
            blocks += [nn.Conv3d(prev, c, 3, padding=1), nn.InstanceNorm3d(c, affine=True), nn.ReLU(), nn.MaxPool3d(2)]
            prev = c
        self.features = nn.Sequential(*blocks)
        self.gap = nn.AdaptiveAvgPool3d(1)
        self.do = nn.Dropout(dropout)
        self.age = nn.Linear(prev + 1, 1)

    def forward(self, vol, sex):
        h = self.gap(self.features(vol)).flatten(1)
        h = torch.cat([self.do(h), sex.float().view(-1, 1)], dim=1)
        return self.age(h).squeeze(1)
