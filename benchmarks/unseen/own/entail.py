import torch
import torch.nn as nn


class PairEntail(nn.Module):
    """Natural language inference: premise and hypothesis encoded by one self-attention block, compared, classified."""

    labels = ("entailment", "neutral", "contradiction")

    def __init__(self, vocab, d=32, heads=4, dropout=0.1):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        self.attn = nn.MultiheadAttention(d, heads, dropout=dropout, batch_first=True)
        self.norm = nn.LayerNorm(d)
        self.clf = nn.Sequential(nn.Linear(4 * d, d), nn.ReLU(), nn.Linear(d, len(self.labels)))

    def _enc(self, ids, attention_mask):
        x = self.emb(ids)
        y, _ = self.attn(x, x, x, key_padding_mask=attention_mask == 0, need_weights=False)
        y = self.norm(x + y)
        m = attention_mask.unsqueeze(-1).to(y.dtype)
        return (y * m).sum(1) / m.sum(1).clamp_min(1e-6)

    def forward(self, premise_ids, premise_mask, hypothesis_ids, hypothesis_mask):
        u, v = self._enc(premise_ids, premise_mask), self._enc(hypothesis_ids, hypothesis_mask)
        return self.clf(torch.cat([u, v, (u - v).abs(), u * v], dim=-1))
