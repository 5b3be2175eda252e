import torch.nn as nn


class AgeGenderNet(nn.Module):
    def __init__(self, in_ch=3, n_ethnicity=5):
        super().__init__()
        self.shared = nn.Sequential(
            nn.Conv2d(in_ch, 16, 3, 2, 1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.age_head = nn.Linear(32, 1)
        self.gender_head = nn.Linear(32, 2)
        self.ethnicity_head = nn.Linear(32, n_ethnicity)

    def forward(self, face):
        h = self.shared(face)
        return {
            "age": self.age_head(h).squeeze(-1),
            "gender": self.gender_head(h),
            "ethnicity": self.ethnicity_head(h),
        }
