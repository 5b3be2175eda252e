import torch
import torch.nn as nn


class SignatureTriplet(nn.Module):
    def __init__(self, out_dim=32):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 8, 5, 2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, 2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d((2, 4)),
            nn.Flatten(),
            nn.Linear(16 * 8, out_dim),
        )

    def forward_once(self, s):
        return self.trunk(s)

    def forward(self, anchor, positive, negative):
        a, p, n = self.forward_once(anchor), self.forward_once(positive), self.forward_once(negative)
        return a, p, n
