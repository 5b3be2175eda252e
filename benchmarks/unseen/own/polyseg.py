import torch
import torch.nn as nn
import torch.nn.functional as F


class PolypSeg(nn.Module):
    """Polyp segmentation with deep supervision: three maps while training, one in eval."""

    def __init__(self, classes=2, width=8, inchan=3):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(inchan, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU())
        self.b = nn.Sequential(nn.Conv2d(width, 2 * width, 3, 2, 1), nn.BatchNorm2d(2 * width), nn.ReLU())
        self.c = nn.Sequential(nn.Conv2d(2 * width, 4 * width, 3, 2, 1), nn.BatchNorm2d(4 * width), nn.ReLU())
        self.oa, self.ob, self.oc = (nn.Conv2d(k * width, classes, 1) for k in (1, 2, 4))

    def forward(self, frame):
        hw = frame.shape[-2:]
        fa = self.a(frame)
        fb = self.b(fa)
        fc = self.c(fb)
        up = lambda m: F.interpolate(m, size=hw, mode="bilinear", align_corners=False)
        main = self.oa(fa) + up(self.ob(fb)) + up(self.oc(fc))
        if self.training:
            return main, up(self.ob(fb)), up(self.oc(fc))
        return main
