"""Permutation-invariant regression over variable-size sets (padding given by a mask)."""

import torch
from torch import nn


class MaskedSetRegressor(nn.Module):
    def __init__(self, elem_dim, phi_dim=32, rho_dim=32):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(elem_dim, phi_dim), nn.ELU(), nn.Linear(phi_dim, phi_dim))
        self.rho = nn.Sequential(nn.Linear(phi_dim, rho_dim), nn.ELU(), nn.Linear(rho_dim, 1))

    def forward(self, elems, mask):
        assert mask.dtype == torch.bool, "mask marks the real elements"
        assert elems.shape[:2] == mask.shape
        e = self.phi(elems).masked_fill(~mask.unsqueeze(-1), 0.0)
        n = mask.sum(1, keepdim=True).clamp(min=1)
        return self.rho(e.sum(1) / n).squeeze(-1)
