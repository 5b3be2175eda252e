import torch
import torch.nn as nn


class StreamflowGaussian(nn.Module):
    """Daily streamflow with its uncertainty: returns mean and log-variance (Gaussian NLL)."""

    def __init__(self, n_forcings=5, n_static=0, hidden_size=32):
        super().__init__()
        self.lstm = nn.LSTM(n_forcings + n_static, hidden_size, batch_first=True)
        self.mean = nn.Linear(hidden_size, 1)
        self.log_var = nn.Linear(hidden_size, 1)

    def forward(self, forcings: torch.Tensor):
        h = self.lstm(forcings)[0][:, -1]
        return self.mean(h).squeeze(-1), self.log_var(h).squeeze(-1)
