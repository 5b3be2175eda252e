import torch
from torch import nn


class ChurnNet(nn.Module):
    """Customer churn. One embedding for each categorical column, the continuous columns batch-normalised."""

    def __init__(self, emb_szs, n_cont, layers=(64, 32), p=0.3):
        super().__init__()
        self.embeds = nn.ModuleList([nn.Embedding(ni, nf) for ni, nf in emb_szs])
        self.emb_drop = nn.Dropout(p)
        self.bn_cont = nn.BatchNorm1d(n_cont)
        n_in = sum(nf for _, nf in emb_szs) + n_cont
        seq = []
        for n in layers:
            seq += [nn.Linear(n_in, n), nn.ReLU(inplace=True), nn.BatchNorm1d(n), nn.Dropout(p)]
            n_in = n
        seq.append(nn.Linear(n_in, 1))
        self.layers = nn.Sequential(*seq)

    def forward(self, x_cat, x_cont):
        e = torch.cat([emb(x_cat[:, i]) for i, emb in enumerate(self.embeds)], 1)
        x = torch.cat([self.emb_drop(e), self.bn_cont(x_cont)], 1)
        return torch.sigmoid(self.layers(x)).squeeze(1)


# e.g. three categorical columns (country, plan, device) and four continuous ones
EXAMPLE = dict(emb_szs=[(12, 6), (4, 2), (3, 2)], n_cont=4)
