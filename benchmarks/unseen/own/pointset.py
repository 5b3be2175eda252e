import torch
import torch.nn as nn
import torch.nn.functional as F


class STN(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.k = k
        self.c1 = nn.Conv1d(k, 32, 1)
        self.c2 = nn.Conv1d(32, 64, 1)
        self.l1 = nn.Linear(64, 32)
        self.l2 = nn.Linear(32, k * k)
        self.b1, self.b2 = nn.BatchNorm1d(32), nn.BatchNorm1d(64)

    def forward(self, x):
        y = F.relu(self.b2(self.c2(F.relu(self.b1(self.c1(x))))))
        y = torch.max(y, 2)[0]
        y = self.l2(F.relu(self.l1(y)))
        return y.view(-1, self.k, self.k) + torch.eye(self.k, device=x.device)


class PointSetCls(nn.Module):
    """Classify point clouds given as (B, 3, N); returns log-probabilities and the alignment matrix."""

    def __init__(self, k=40):
        super().__init__()
        self.stn = STN(3)
        self.feat = nn.Sequential(nn.Conv1d(3, 32, 1), nn.BatchNorm1d(32), nn.ReLU(), nn.Conv1d(32, 128, 1))
        self.fc1 = nn.Linear(128, 64)
        self.fc2 = nn.Linear(64, k)
        self.bn = nn.BatchNorm1d(64)

    def forward(self, pts):
        trans = self.stn(pts)
        pts = torch.bmm(pts.transpose(2, 1), trans).transpose(2, 1)
        g = self.feat(pts).max(dim=2).values
        g = F.relu(self.bn(self.fc1(g)))
        return F.log_softmax(self.fc2(g), dim=1), trans
