import torch.nn as nn
from einops import rearrange


class ClipActionNet(nn.Module):
    """Frame CNN + LSTM over time. Clips are (batch, time, channel, height, width)."""

    def __init__(self, n_actions, cnn_dim=32, rnn_dim=32, bidir=True):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, cnn_dim, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.rnn = nn.LSTM(cnn_dim, rnn_dim, batch_first=True, bidirectional=bidir)
        self.out = nn.Linear(rnn_dim * (2 if bidir else 1), n_actions)

    def forward(self, clip):
        b = clip.shape[0]
        f = self.cnn(rearrange(clip, "b t c h w -> (b t) c h w"))
        f = rearrange(f, "(b t) c 1 1 -> b t c", b=b)
        y, _ = self.rnn(f)
        return self.out(y.mean(1))
