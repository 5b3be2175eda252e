"""Small CNN for leaf disease photos."""

import torch.nn as nn


def conv_bn(i, o, s=1):
    return nn.Sequential(nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU6(inplace=True))


class LeafScanNet(nn.Module):
    def __init__(self, nc=38, w=1.0, p_drop=0.2):
        super().__init__()
        c = lambda n: max(4, int(n * w))
        self.stem = conv_bn(3, c(16), 2)
        self.stages = nn.Sequential(conv_bn(c(16), c(32), 2), conv_bn(c(32), c(64), 2), conv_bn(c(64), c(64)))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(p_drop)
        self.fc = nn.Linear(c(64), nc)

    def forward(self, x):
        x = self.stages(self.stem(x))
        x = self.pool(x).flatten(1)
        return self.fc(self.drop(x))
