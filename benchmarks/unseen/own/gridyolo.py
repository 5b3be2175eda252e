"""One-stage detector on an S x S grid; B boxes a cell, C classes."""

import torch.nn as nn

CFG = [16, "M", 32, "M", 32, "M"]


class GridYolo(nn.Module):
    def __init__(self, S=4, B=2, C=5, cfg=CFG):
        super(GridYolo, self).__init__()
        self.S, self.B, self.C = S, B, C
        layers, prev = [], 3
        for v in cfg:
            if v == "M":
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(prev, v, 3, padding=1), nn.BatchNorm2d(v), nn.LeakyReLU(0.1)]
                prev = v
        self.backbone = nn.Sequential(*layers)
        self.pool = nn.AdaptiveMaxPool2d((S, S))
        self.pred = nn.Conv2d(prev, C + B * 5, 1)

    def forward(self, imgs):
        y = self.pred(self.pool(self.backbone(imgs)))
        return y.permute(0, 2, 3, 1).contiguous()  # (N, S, S, C + 5B)
