import torch
from einops import rearrange, repeat
from torch import nn


class PreNormMSA(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        assert d % h == 0, "d must be a multiple of the number of heads"
        self.h = h
        self.ln = nn.LayerNorm(d)
        self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.out = nn.Linear(d, d)

    def forward(self, z):
        q, k, v = rearrange(self.qkv(self.ln(z)), "b n (three h e) -> three b h n e", three=3, h=self.h)
        a = torch.einsum("b h i e, b h j e -> b h i j", q, k) * q.shape[-1] ** -0.5
        o = torch.einsum("b h i j, b h j e -> b h i e", a.softmax(-1), v)
        return self.out(rearrange(o, "b h n e -> b n (h e)"))


class PatchTx(nn.Module):
    """Plain patch transformer. `im` is the side of a square image, `p` the side of a patch."""

    def __init__(self, im, p, n_cls, d, depth, h, in_ch=3):
        super().__init__()
        assert im % p == 0, f"image side {im} is no multiple of the patch side {p}"
        self.p = p
        self.emb = nn.Linear(in_ch * p * p, d)
        self.cls = nn.Parameter(torch.randn(1, 1, d) * 0.02)
        self.pos = nn.Parameter(torch.randn(1, (im // p) ** 2 + 1, d) * 0.02)
        self.att = nn.ModuleList([PreNormMSA(d, h) for _ in range(depth)])
        self.ff = nn.ModuleList(
            [nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d)) for _ in range(depth)]
        )
        self.head = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, n_cls))

    def forward(self, img):
        z = rearrange(img, "b c (hh p1) (ww p2) -> b (hh ww) (p1 p2 c)", p1=self.p, p2=self.p)
        z = self.emb(z)
        z = torch.cat([repeat(self.cls, "1 1 d -> b 1 d", b=len(z)), z], dim=1)
        z = z + self.pos
        for a, f in zip(self.att, self.ff):
            z = z + a(z)
            z = z + f(z)
        return self.head(z[:, 0])
