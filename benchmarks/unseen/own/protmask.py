import torch
import torch.nn as nn


class ProtMaskModel(nn.Module):
    """Masked residue prediction over protein sequences. `pad` is True where a position is padding."""

    def __init__(self, alphabet=25, max_len=128, dim=32, heads=4, depth=2, ff_mult=2):
        super().__init__()
        self.max_len = max_len
        self.res = nn.Embedding(alphabet, dim)
        self.pos = nn.Embedding(max_len, dim)
        enc = nn.TransformerEncoderLayer(dim, heads, ff_mult * dim, activation="gelu", batch_first=True)
        self.tower = nn.TransformerEncoder(enc, depth, enable_nested_tensor=False)
        self.mlm = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, alphabet))

    def forward(self, residues, pad=None):
        L = residues.size(1)
        if L > self.max_len:
            raise ValueError(f"sequence of {L} residues, at most {self.max_len}")
        h = self.res(residues) + self.pos(torch.arange(L, device=residues.device))
        return self.mlm(self.tower(h, src_key_padding_mask=pad))
