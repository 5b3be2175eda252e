import torch.nn as nn


class HousePriceResMLP(nn.Module):
    def __init__(self, in_features: int, width: int = 64, n_blocks: int = 2, bn: bool = True):
        super().__init__()
        self.inp = nn.Linear(in_features, width)
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(
                    nn.BatchNorm1d(width) if bn else nn.Identity(),
                    nn.Linear(width, width),
                    nn.GELU(),
                    nn.Linear(width, width),
                )
                for _ in range(n_blocks)
            ]
        )
        self.price = nn.Linear(width, 1)

    def forward(self, feats):
        h = self.inp(feats)
        for blk in self.blocks:
            h = h + blk(h)
        return self.price(h)
