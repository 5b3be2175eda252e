import torch.nn as nn


class ShapeCodeToVoxels(nn.Module):
    """Decode a shape code into an occupancy grid (logits, 16^3)."""

    def __init__(self, code_len, ngf=8):
        super().__init__()
        self.code_len = code_len
        self.main = nn.Sequential(
            nn.ConvTranspose3d(code_len, ngf * 4, 4, 1, 0, bias=False),
            nn.BatchNorm3d(ngf * 4),
            nn.ReLU(True),
            nn.ConvTranspose3d(ngf * 4, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm3d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose3d(ngf, 1, 4, 2, 1),
        )

    def forward(self, code):
        return self.main(code.view(-1, self.code_len, 1, 1, 1))
