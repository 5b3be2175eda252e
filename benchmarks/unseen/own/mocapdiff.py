"""Denoiser for motion capture: noisy poses, diffusion step, and a class condition."""

import torch
import torch.nn as nn
from einops import repeat


class MocapDenoiser(nn.Module):
    def __init__(self, njoints, nfeats, num_actions, latent_dim=32, ff_size=64, num_layers=1, num_heads=4, steps=100):
        super().__init__()
        self.njoints, self.nfeats = njoints, nfeats
        self.step_emb = nn.Embedding(steps, latent_dim)
        self.act_emb = nn.Embedding(num_actions, latent_dim)
        self.inp = nn.Linear(njoints * nfeats, latent_dim)
        layer = nn.TransformerEncoderLayer(latent_dim, num_heads, ff_size, dropout=0.0, batch_first=True)
        self.seq = nn.TransformerEncoder(layer, num_layers)
        self.out = nn.Linear(latent_dim, njoints * nfeats)

    def forward(self, x, timesteps, y):
        # x: (bs, frames, njoints, nfeats)
        bs, frames, nj, nf = x.shape
        assert (nj, nf) == (self.njoints, self.nfeats)
        cond = self.step_emb(timesteps) + self.act_emb(y)
        h = self.inp(x.reshape(bs, frames, nj * nf))
        h = torch.cat([repeat(cond, "b d -> b 1 d"), h], dim=1)
        h = self.seq(h)[:, 1:]
        return self.out(h).view(bs, frames, nj, nf)
