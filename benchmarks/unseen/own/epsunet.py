import math

import torch
from torch import nn


def timestep_embedding(t, dim):
    half = dim // 2
    freqs = torch.exp(-math.log(10000) * torch.arange(half, device=t.device, dtype=torch.float32) / half)
    a = t[:, None].float() * freqs[None]
    return torch.cat([a.cos(), a.sin()], dim=-1)


class ResBlk(nn.Module):
    def __init__(self, ci, co, temb):
        super().__init__()
        self.n1, self.c1 = nn.GroupNorm(min(4, ci), ci), nn.Conv2d(ci, co, 3, padding=1)
        self.t = nn.Linear(temb, co)
        self.n2, self.c2 = nn.GroupNorm(min(4, co), co), nn.Conv2d(co, co, 3, padding=1)
        self.skip = nn.Conv2d(ci, co, 1) if ci != co else nn.Identity()

    def forward(self, x, emb):
        h = self.c1(torch.nn.functional.silu(self.n1(x)))
        h = h + self.t(emb)[:, :, None, None]
        h = self.c2(torch.nn.functional.silu(self.n2(h)))
        return h + self.skip(x)


class EpsUNet(nn.Module):
    """Noise predictor of a DDPM."""

    def __init__(self, ch=16, img_ch=3, T=1000, ch_mult=(1, 2)):
        super().__init__()
        self.ch, self.T = ch, T
        self.temb = nn.Sequential(nn.Linear(ch, 4 * ch), nn.SiLU(), nn.Linear(4 * ch, 4 * ch))
        self.inc = nn.Conv2d(img_ch, ch, 3, padding=1)
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        widths = [ch] + [ch * m for m in ch_mult]
        for a, b in zip(widths[:-1], widths[1:]):
            self.downs.append(nn.ModuleList([ResBlk(a, b, 4 * ch), nn.Conv2d(b, b, 3, 2, 1)]))
        for a, b in zip(widths[:0:-1], widths[-2::-1]):
            self.ups.append(nn.ModuleList([nn.ConvTranspose2d(a, a, 4, 2, 1), ResBlk(2 * a, b, 4 * ch)]))
        self.outc = nn.Sequential(nn.GroupNorm(4, ch), nn.SiLU(), nn.Conv2d(ch, img_ch, 3, padding=1))

    def forward(self, x_t, t):
        emb = self.temb(timestep_embedding(t, self.ch))
        h, skips = self.inc(x_t), []
        for blk, down in self.downs:
            h = blk(h, emb)
            skips.append(h)
            h = down(h)
        for up, blk in self.ups:
            h = blk(torch.cat([up(h), skips.pop()], 1), emb)
        return self.outc(h)
