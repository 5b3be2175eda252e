import torch.nn as nn


class SpecCRNN(nn.Module):
    """Keyword spotting on log-mel spectrograms (B, 1, n_mels, frames)."""

    def __init__(self, n_mels=40, n_words=12, hidden=32):
        super().__init__()
        self.n_mels = n_mels
        self.bn0 = nn.BatchNorm2d(n_mels)
        self.conv = nn.Sequential(
            nn.Conv2d(1, 16, (5, 3), padding=(2, 1)),
            nn.ReLU(),
            nn.MaxPool2d((4, 1)),
            nn.Conv2d(16, 16, (5, 3), padding=(2, 1)),
            nn.ReLU(),
            nn.MaxPool2d((2, 2)),
        )
        self.gru = nn.GRU(16 * (n_mels // 8), hidden, batch_first=True)
        self.cls = nn.Linear(hidden, n_words)

    def forward(self, spec):
        assert spec.dim() == 4 and spec.size(2) == self.n_mels, f"expected (B, 1, {self.n_mels}, T), got {spec.shape}"
        x = self.bn0(spec.transpose(1, 2)).transpose(1, 2)
        x = self.conv(x)
        x = x.permute(0, 3, 1, 2).flatten(2)
        _, h = self.gru(x)
        return self.cls(h[-1])
