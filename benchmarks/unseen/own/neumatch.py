import torch
from torch import nn


class NeuMatch(nn.Module):
    """Implicit-feedback recommender; returns the logit that a user likes an item."""

    def __init__(self, n_users, n_items, mf_dim=8, mlp_dims=(32, 16)):
        super().__init__()
        self.u_mf, self.i_mf = nn.Embedding(n_users, mf_dim), nn.Embedding(n_items, mf_dim)
        self.u_mlp, self.i_mlp = nn.Embedding(n_users, mlp_dims[0]), nn.Embedding(n_items, mlp_dims[0])
        self.mlp = nn.Sequential(nn.Linear(2 * mlp_dims[0], mlp_dims[0]), nn.ReLU(), nn.Linear(*mlp_dims), nn.ReLU())
        self.score = nn.Linear(mf_dim + mlp_dims[-1], 1)

    def forward(self, user_ids, item_ids):
        gmf = self.u_mf(user_ids) * self.i_mf(item_ids)
        deep = self.mlp(torch.cat((self.u_mlp(user_ids), self.i_mlp(item_ids)), dim=-1))
        return self.score(torch.cat((gmf, deep), dim=-1)).squeeze(-1)
