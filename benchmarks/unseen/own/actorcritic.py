import torch
from torch import nn


class ActorCriticMLP(nn.Module):
    """Shared body, policy logits and state value (behaviour cloning plus value regression)."""

    def __init__(self, obs_dim, act_dim, hidden_sizes=(64, 64)):
        super().__init__()
        sizes = [obs_dim] + list(hidden_sizes)
        self.body = nn.Sequential(*[m for a, b in zip(sizes, sizes[1:]) for m in (nn.Linear(a, b), nn.Tanh())])
        self.pi = nn.Linear(sizes[-1], act_dim)
        self.v = nn.Linear(sizes[-1], 1)

    def forward(self, obs):
        h = self.body(obs)
        return self.pi(h), torch.squeeze(self.v(h), -1)
