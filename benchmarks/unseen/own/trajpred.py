import argparse

import torch
import torch.nn as nn


def get_args(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--obs_len", type=int, default=8)
    parser.add_argument("--pred_len", type=int, default=12)
    parser.add_argument("--embedding_dim", type=int, default=16)
    parser.add_argument("--h_dim", type=int, default=32)
    parser.add_argument("--pool", choices=["max", "mean"], default="max")
    return parser.parse_args(argv)


class CrowdTrajectory(nn.Module):
    """Pedestrian positions from observed tracks and those of the k nearest neighbours."""

    def __init__(self, args):
        super().__init__()
        self.args = args
        self.spatial = nn.Linear(2, args.embedding_dim)
        self.ego = nn.LSTM(args.embedding_dim, args.h_dim, batch_first=True)
        self.others = nn.LSTM(args.embedding_dim, args.h_dim, batch_first=True)
        self.decoder = nn.Sequential(
            nn.Linear(2 * args.h_dim, args.h_dim), nn.ReLU(), nn.Linear(args.h_dim, args.pred_len * 2)
        )

    def forward(self, obs_traj, neigh_traj):
        b, t, two = obs_traj.shape
        assert t == self.args.obs_len and two == 2
        k = neigh_traj.shape[1]
        _, (h, _) = self.ego(self.spatial(obs_traj))
        _, (g, _) = self.others(self.spatial(neigh_traj).reshape(b * k, t, -1))
        g = g[-1].view(b, k, -1)
        g = g.max(1)[0] if self.args.pool == "max" else g.mean(1)
        step = self.decoder(torch.cat([h[-1], g], -1)).view(b, self.args.pred_len, 2)
        return obs_traj[:, -1:] + step.cumsum(1)
