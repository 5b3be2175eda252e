import torch.nn as nn


class SensorAE(nn.Module):
    """LSTM autoencoder for anomaly detection on windows of sensor readings."""

    def __init__(self, n_sensors, bottleneck=8, hidden=32):
        super().__init__()
        self.enc = nn.LSTM(n_sensors, hidden, batch_first=True)
        self.squeeze = nn.Linear(hidden, bottleneck)
        self.dec = nn.LSTM(bottleneck, hidden, batch_first=True)
        self.out = nn.Linear(hidden, n_sensors)

    def forward(self, window):
        _, (h, _) = self.enc(window)
        z = self.squeeze(h[-1])
        z = z[:, None, :].expand(-1, window.shape[1], -1)
        y, _ = self.dec(z)
        return self.out(y)
