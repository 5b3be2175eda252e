import torch
from einops import rearrange
from torch import nn


class PatchCast(nn.Module):
    def __init__(self, configs):
        super().__init__()
        self.seq_len = configs.seq_len
        self.pred_len = configs.pred_len
        self.plen = configs.patch_len
        assert self.seq_len % self.plen == 0
        n = self.seq_len // self.plen
        self.embed = nn.Linear(self.plen, configs.d_model)
        self.pos = nn.Parameter(torch.zeros(1, n, configs.d_model))
        layer = nn.TransformerEncoderLayer(
            configs.d_model, configs.n_heads, configs.d_ff, configs.dropout, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, configs.e_layers)
        self.head = nn.Linear(n * configs.d_model, configs.pred_len)

    def forward(self, x_enc):
        # x_enc: [batch, seq_len, n_vars]; every variable is forecast on its own
        B, L, M = x_enc.shape
        assert L == self.seq_len, "window length"
        mu = x_enc.mean(1, keepdim=True).detach()
        sd = torch.sqrt(x_enc.var(1, keepdim=True, unbiased=False) + 1e-5).detach()
        x = (x_enc - mu) / sd
        x = rearrange(x, "b (n p) m -> (b m) n p", p=self.plen)
        z = self.encoder(self.embed(x) + self.pos)
        y = rearrange(self.head(z.flatten(1)), "(b m) h -> b h m", m=M)
        return y * sd + mu
