"""Molecular property regression on padded dense graphs."""

import torch
from torch import nn


class MolPropNet(nn.Module):
    def __init__(self, n_atom_types, hid=32, rounds=2, n_props=1):
        super().__init__()
        self.atom = nn.Embedding(n_atom_types, hid, padding_idx=0)
        self.msg = nn.ModuleList([nn.Linear(hid, hid) for _ in range(rounds)])
        self.upd = nn.ModuleList([nn.GRUCell(hid, hid) for _ in range(rounds)])
        self.readout = nn.Sequential(nn.Linear(hid, hid), nn.SiLU(), nn.Linear(hid, n_props))

    def forward(self, z, bonds):
        """z: (B, N) atom numbers, 0 pads; bonds: (B, N, N) bond orders."""
        B, N = z.shape
        assert bonds.shape == (B, N, N), "one bond matrix for each molecule"
        h = self.atom(z)
        for m, u in zip(self.msg, self.upd):
            inc = torch.einsum("bij,bjd->bid", bonds, m(h))
            h = u(inc.reshape(B * N, -1), h.reshape(B * N, -1)).view(B, N, -1)
        keep = (z > 0).unsqueeze(-1)
        return self.readout((h * keep).sum(1))
