from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class HParams:
    n_chars: int = 96
    width: int = 64
    layers: int = 1
    dropout: float = 0.1
    tie_weights: bool = True


class CharLM(nn.Module):
    """Character-level GRU language model; the caller carries the state from chunk to chunk."""

    def __init__(self, hp: HParams):
        super().__init__()
        self.hp = hp
        self.emb = nn.Embedding(hp.n_chars, hp.width)
        self.gru = nn.GRU(hp.width, hp.width, hp.layers, batch_first=True)
        self.drop = nn.Dropout(hp.dropout)
        self.out = nn.Linear(hp.width, hp.n_chars, bias=False)
        if hp.tie_weights:
            self.out.weight = self.emb.weight

    def forward(self, chars: torch.Tensor, state=None):
        y, state = self.gru(self.drop(self.emb(chars)), state)
        return self.out(self.drop(y)), state
