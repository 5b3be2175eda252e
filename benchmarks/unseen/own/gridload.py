import torch
import torch.nn as nn

QUANTILES = (0.1, 0.5, 0.9)


class GridLoadQuantileRNN(nn.Module):
    """Probabilistic load forecast: past load with weather, known future calendar features, three quantiles an hour.

    Trained with the pinball loss over QUANTILES.
    """

    def __init__(self, past_dim, future_dim, static_dim, hid=32, quantiles=QUANTILES):
        super().__init__()
        self.enc = nn.GRU(past_dim, hid, batch_first=True)
        self.ctx = nn.Linear(static_dim, hid)
        self.dec = nn.GRU(future_dim, hid, batch_first=True)
        self.attn = nn.MultiheadAttention(hid, 4, batch_first=True)
        self.q = nn.Linear(hid, len(quantiles))

    def forward(self, past, future, static):
        e, h = self.enc(past)
        h = h + self.ctx(static).unsqueeze(0)
        d, _ = self.dec(future, h)
        a, _ = self.attn(d, e, e)
        return self.q(torch.tanh(d + a))
