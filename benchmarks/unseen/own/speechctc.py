"""Acoustic model for CTC: blank is symbol 0."""

import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class AcousticCTC(nn.Module):
    def __init__(self, n_feats: int, n_symbols: int, n_hidden: int = 32, n_layers: int = 2):
        super().__init__()
        self.sub = nn.Conv1d(n_feats, n_hidden, 3, stride=2, padding=1)
        self.rnn = nn.LSTM(n_hidden, n_hidden, n_layers, bidirectional=True, batch_first=True)
        self.proj = nn.Linear(2 * n_hidden, n_symbols)

    def forward(self, feats, feat_lens):
        x = self.sub(feats.transpose(1, 2)).relu().transpose(1, 2)
        lens = (feat_lens + 1) // 2
        packed = pack_padded_sequence(x, lens.cpu(), batch_first=True, enforce_sorted=False)
        y, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        log_probs = self.proj(y).log_softmax(-1)
        return log_probs.transpose(0, 1), lens  # (T, B, symbols), as F.ctc_loss wants it
