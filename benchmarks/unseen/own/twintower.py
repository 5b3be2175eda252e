import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class TwinTower(nn.Module):
    """Image and caption towers, trained so that matching pairs score highest within the batch."""

    def __init__(self, embed_dim: int, vocab_size: int, context_length: int, width: int = 32, heads: int = 4):
        super().__init__()
        self.context_length = context_length
        self.visual = nn.Sequential(
            nn.Conv2d(3, width, 8, 8), nn.Flatten(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.LayerNorm(width)
        )
        self.visual_proj = nn.Linear(width, embed_dim, bias=False)
        self.token_embedding = nn.Embedding(vocab_size, width)
        self.positional = nn.Parameter(torch.empty(context_length, width).normal_(std=0.01))
        self.text = nn.TransformerEncoderLayer(width, heads, 2 * width, batch_first=True, norm_first=True)
        self.text_proj = nn.Linear(width, embed_dim, bias=False)
        self.logit_scale = nn.Parameter(torch.ones([]) * np.log(1 / 0.07))

    def forward(self, image, text):
        assert text.shape[1] == self.context_length
        v = F.normalize(self.visual_proj(self.visual(image)), dim=-1)
        h = self.text(self.token_embedding(text) + self.positional)
        w = F.normalize(self.text_proj(h[torch.arange(len(text)), text.argmax(dim=-1)]), dim=-1)
        return v, w, self.logit_scale.exp()
