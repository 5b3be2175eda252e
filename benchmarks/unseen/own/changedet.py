"""Bi-temporal change detection: two co-registered tiles in, one change mask out."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class _Down(nn.Module):
    def __init__(self, ci, co):
        super().__init__()
        self.c1 = nn.Conv2d(ci, co, 3, padding=1)
        self.n1 = nn.GroupNorm(4, co)
        self.c2 = nn.Conv2d(co, co, 3, padding=1)

    def forward(self, x):
        return F.silu(self.c2(F.silu(self.n1(self.c1(x)))))


class SiamChangeNet(nn.Module):
    def __init__(self, bands: int, base: int = 8):
        super().__init__()
        self.bands = bands
        self.e1, self.e2, self.e3 = _Down(bands, base), _Down(base, 2 * base), _Down(2 * base, 4 * base)
        self.u2 = nn.ConvTranspose2d(4 * base, 2 * base, 2, 2)
        self.d2 = _Down(4 * base, 2 * base)
        self.u1 = nn.ConvTranspose2d(2 * base, base, 2, 2)
        self.d1 = _Down(2 * base, base)
        self.mask = nn.Conv2d(base, 1, 1)

    def enc(self, t):
        a = self.e1(t)
        b = self.e2(F.max_pool2d(a, 2))
        return a, b, self.e3(F.max_pool2d(b, 2))

    def forward(self, t0, t1):
        if t0.shape != t1.shape:
            raise ValueError("the two dates do not have the same size: %s and %s" % (t0.shape, t1.shape))
        assert t0.size(1) == self.bands
        fa, fb = self.enc(t0), self.enc(t1)
        d = [torch.abs(p - q) for p, q in zip(fa, fb)]
        y = self.d2(torch.cat([self.u2(d[2]), d[1]], 1))
        y = self.d1(torch.cat([self.u1(y), d[0]], 1))
        return self.mask(y)
