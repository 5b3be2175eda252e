import torch
import torch.nn as nn


class ReviewLSTM(nn.Module):
    """Polarity of a review: one logit. Token 0 is padding."""

    def __init__(self, ntoken, ninp=32, nhid=32, nlayers=1, tie=False):
        super().__init__()
        self.encoder = nn.Embedding(ntoken, ninp, padding_idx=0)
        self.rnn = nn.LSTM(ninp, nhid, nlayers, batch_first=True, bidirectional=True)
        self.decoder = nn.Linear(2 * nhid, 1)

    def forward(self, review, n_words):
        emb = self.encoder(review)
        packed = nn.utils.rnn.pack_padded_sequence(emb, n_words.cpu(), batch_first=True, enforce_sorted=False)
        _, (h, _) = self.rnn(packed)
        return self.decoder(torch.cat([h[-2], h[-1]], dim=1)).view(-1)
