import torch.nn as nn


class SubPixelUp(nn.Module):
    """Single-image super-resolution with a pixel-shuffle tail (trained on L1)."""

    def __init__(self, scale=2, n_feats=16, n_resblocks=2, n_colors=3, res_scale=0.1):
        super().__init__()
        self.head = nn.Conv2d(n_colors, n_feats, 3, padding=1)
        self.body = nn.ModuleList()
        for _ in range(n_resblocks):
            self.body.append(
                nn.Sequential(
                    nn.Conv2d(n_feats, n_feats, 3, padding=1), nn.ReLU(True), nn.Conv2d(n_feats, n_feats, 3, padding=1)
                )
            )
        self.res_scale = res_scale
        self.tail = nn.Sequential(nn.Conv2d(n_feats, n_colors * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, lr):
        f = self.head(lr)
        r = f
        for b in self.body:
            r = r + self.res_scale * b(r)
        return self.tail(r + f)
