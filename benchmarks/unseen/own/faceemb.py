import torch.nn.functional as F
from torch import nn


class FaceEmbedder(nn.Module):
    """112x112 aligned faces -> unit-norm embeddings for verification (triplet loss outside)."""

    def __init__(self, emb=64, widths=(16, 32, 64)):
        super().__init__()
        seq, c = [], 3
        for w in widths:
            seq += [nn.Conv2d(c, w, 3, 2, 1), nn.BatchNorm2d(w), nn.PReLU(w)]
            c = w
        self.body = nn.Sequential(*seq)
        self.fc = nn.Linear(c * 14 * 14, emb)
        self.bn = nn.BatchNorm1d(emb)

    def forward(self, faces):
        return F.normalize(self.bn(self.fc(self.body(faces).flatten(1))))
