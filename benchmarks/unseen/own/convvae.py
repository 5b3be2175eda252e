import torch
from torch import nn


class ConvVAE(nn.Module):
    def __init__(self, zdim=16, nf=8):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, nf, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(nf, 2 * nf, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )
        self.mu = nn.Linear(2 * nf * 7 * 7, zdim)
        self.logvar = nn.Linear(2 * nf * 7 * 7, zdim)
        self.fc = nn.Linear(zdim, 2 * nf * 7 * 7)
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (2 * nf, 7, 7)),
            nn.ConvTranspose2d(2 * nf, nf, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(nf, 1, 4, 2, 1),
            nn.Sigmoid(),
        )

    def reparameterise(self, mu, logvar):
        return mu + torch.randn_like(mu) * (0.5 * logvar).exp()

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = self.reparameterise(mu, logvar)
        return self.decoder(self.fc(z)), mu, logvar


if __name__ == "__main__":
    net = ConvVAE()
    out = net(torch.rand(4, 1, 28, 28))
    print([o.shape for o in out])
