import torch
import torch.nn as nn


class LesionFusion(nn.Module):
    """Skin lesion photo with patient metadata. The loader gives a dict: image, age (years / 100), site (code)."""

    def __init__(self, n_dx=7, n_sites=10):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(3, 16, 5, 2, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.site = nn.Embedding(n_sites, 4)
        self.fc = nn.Sequential(nn.Linear(16 + 4 + 1, 32), nn.ReLU(), nn.Linear(32, n_dx))

    def forward(self, sample):
        f = self.cnn(sample["image"])
        m = self.site(sample["site"])
        a = sample["age"].unsqueeze(1)
        return self.fc(torch.cat([f, m, a], dim=1))
