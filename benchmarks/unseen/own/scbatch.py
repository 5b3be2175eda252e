"""Count model for single-cell expression: negative-binomial VAE with a batch covariate."""

from typing import NamedTuple

import torch
import torch.nn as nn
import torch.nn.functional as F


class CellOutput(NamedTuple):
    rate: torch.Tensor
    qz_mu: torch.Tensor
    qz_logvar: torch.Tensor
    theta: torch.Tensor


class CellVAE(nn.Module):
    def __init__(self, n_genes: int, n_batches: int, *, n_latent: int = 8, n_hidden: int = 32):
        super().__init__()
        self.n_batches = n_batches
        self.enc = nn.Sequential(nn.Linear(n_genes, n_hidden), nn.LayerNorm(n_hidden), nn.ReLU())
        self.mu, self.lv = nn.Linear(n_hidden, n_latent), nn.Linear(n_hidden, n_latent)
        self.dec = nn.Sequential(nn.Linear(n_latent + n_batches, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_genes))
        self.log_theta = nn.Parameter(torch.zeros(n_genes))

    def forward(self, counts, batch_index):
        """counts: (cells, genes), non-negative; batch_index: (cells,) integers."""
        lib = counts.sum(-1, keepdim=True)
        h = self.enc(torch.log1p(counts))
        mu, lv = self.mu(h), self.lv(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * lv)
        onehot = F.one_hot(batch_index, self.n_batches).to(z.dtype)
        rho = F.softmax(self.dec(torch.cat([z, onehot], -1)), dim=-1)
        return CellOutput(lib * rho, mu, lv, self.log_theta.exp())
