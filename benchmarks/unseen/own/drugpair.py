import torch.nn as nn


class DrugPairBilinear(nn.Module):
    """Does a pair of drugs interact? Fingerprints of both in, one logit out."""

    def __init__(self, fp_bits=128, proj=16):
        super().__init__()
        self.left = nn.Sequential(nn.Linear(fp_bits, proj), nn.ReLU())
        self.right = nn.Sequential(nn.Linear(fp_bits, proj), nn.ReLU())
        self.inter = nn.Bilinear(proj, proj, 1)

    def forward(self, drug_a, drug_b):
        return self.inter(self.left(drug_a), self.right(drug_b)).squeeze(-1)
