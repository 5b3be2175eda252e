"""Attention RNN that copies a long text into a short one."""

import random

import torch
import torch.nn as nn


class Summariser(nn.Module):
    def __init__(self, voc, emb_size=32, hid_size=32, sos=2):
        super().__init__()
        self.sos = sos
        self.E = nn.Embedding(voc, emb_size)
        self.enc = nn.GRU(emb_size, hid_size, bidirectional=True)
        self.bridge = nn.Linear(2 * hid_size, hid_size)
        self.attn = nn.Linear(3 * hid_size, 1)
        self.dec = nn.GRUCell(emb_size + 2 * hid_size, hid_size)
        self.out = nn.Linear(3 * hid_size, voc)

    def forward(self, article, summary, tf_ratio=0.5):
        """article: (S, B) token ids, summary: (T, B) token ids (time first). Returns (T, B, voc) scores."""
        T, B = summary.shape
        mem, h = self.enc(self.E(article))
        s = torch.tanh(self.bridge(torch.cat([h[0], h[1]], -1)))
        tok = torch.full((B,), self.sos, dtype=torch.long, device=article.device)
        scores = []
        for t in range(T):
            a = self.attn(torch.cat([s.expand(len(mem), -1, -1), mem], -1)).softmax(0)
            c = (a * mem).sum(0)
            s = self.dec(torch.cat([self.E(tok), c], -1), s)
            o = self.out(torch.cat([s, c], -1))
            scores.append(o)
            tok = summary[t] if random.random() < tf_ratio else o.argmax(-1)
        return torch.stack(scores)
