import torch
from torch import nn


class MLP3(nn.Module):
    def __init__(self, i, h, o):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(i, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, o))

    def forward(self, x):
        return self.net(x)


class QueryDet(nn.Module):
    """Set-prediction detector: object queries attend to a strided feature map.

    Returns a dict with ``pred_logits`` (one more class for "no object") and ``pred_boxes`` (cx, cy, w, h in 0..1).
    """

    def __init__(self, num_classes: int, hidden_dim: int = 32, nheads: int = 4, num_queries: int = 10, layers: int = 1):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 16, 7, 4, 3), nn.ReLU(), nn.Conv2d(16, hidden_dim, 3, 2, 1))
        self.transformer = nn.Transformer(hidden_dim, nheads, layers, layers, dim_feedforward=64, batch_first=True)
        self.query_embed = nn.Embedding(num_queries, hidden_dim)
        self.row_embed = nn.Parameter(torch.rand(50, hidden_dim // 2))
        self.col_embed = nn.Parameter(torch.rand(50, hidden_dim // 2))
        self.class_embed = nn.Linear(hidden_dim, num_classes + 1)
        self.bbox_embed = MLP3(hidden_dim, hidden_dim, 4)

    def forward(self, samples):
        f = self.backbone(samples)
        bs, _, h, w = f.shape
        assert h <= 50 and w <= 50, "feature map larger than the learned position table"
        pos = torch.cat(
            [
                self.col_embed[:w].unsqueeze(0).repeat(h, 1, 1),
                self.row_embed[:h].unsqueeze(1).repeat(1, w, 1),
            ],
            dim=-1,
        ).flatten(0, 1)
        src = f.flatten(2).permute(0, 2, 1) + pos
        q = self.query_embed.weight.unsqueeze(0).expand(bs, -1, -1)
        hs = self.transformer(src, q)
        return {"pred_logits": self.class_embed(hs), "pred_boxes": self.bbox_embed(hs).sigmoid()}
