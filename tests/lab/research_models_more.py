"""More models in the manner of research code: detection, states, contrast, tables, sets, with what each takes."""

# ruff: noqa: A002, E741  research code names things so

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Det2(nn.Module):

    def __init__(self):
        super().__init__()
        self.b = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1))
        self.c = nn.Conv2d(8, 5, 1)
        self.r = nn.Conv2d(8, 4, 1)

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None):
        if self.training and targets is None:
            raise ValueError("In training mode, targets should be passed")
        x = torch.stack([F.interpolate(i[None], (64, 64))[0] for i in images])
        f = self.b(x)
        cls, box = (self.c(f).mean((2, 3)), self.r(f).mean((2, 3)))
        if self.training:
            l = 0
            for i, t in enumerate(targets):
                l = (
                    l
                    + F.cross_entropy(cls[i][None].expand(len(t["labels"]), -1), t["labels"])
                    + F.l1_loss(box[i][None].expand(len(t["boxes"]), -1), t["boxes"])
                )
            return {"loss": l}
        return (cls, box)


class Cfg:

    def __init__(self):
        self.vocab_size = 99
        self.hidden_size = 16
        self.max_position_embeddings = 40
        self.num_labels = 3
        self.type_vocab_size = 2


class Bert(nn.Module):

    def __init__(self, config=None):
        super().__init__()
        self.config = config or Cfg()
        c = self.config
        self.word = nn.Embedding(c.vocab_size, 16)
        self.pos = nn.Embedding(c.max_position_embeddings, 16)
        self.typ = nn.Embedding(2, 16)
        self.lay = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.out = nn.Linear(16, 3)

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, labels=None, inputs_embeds=None):
        if input_ids is None and inputs_embeds is None:
            raise ValueError("You have to specify either input_ids or inputs_embeds")
        b, l = input_ids.shape if input_ids is not None else inputs_embeds.shape[:2]
        if attention_mask is None:
            attention_mask = torch.ones(b, l)
        if token_type_ids is None:
            token_type_ids = torch.zeros(b, l, dtype=torch.long)
        h = (
            (self.word(input_ids) if inputs_embeds is None else inputs_embeds)
            + self.pos(torch.arange(l))[None]
            + self.typ(token_type_ids)
        )
        h = self.lay(h, src_key_padding_mask=attention_mask == 0)
        lg = self.out(h[:, 0])
        loss = F.cross_entropy(lg, labels) if labels is not None else None
        return SimpleNamespace(loss=loss, logits=lg)


class Seq2Seq(nn.Module):

    def __init__(self):
        super().__init__()
        self.ee = nn.Embedding(20, 8)
        self.de = nn.Embedding(25, 8)
        self.enc = nn.GRU(8, 12, batch_first=True)
        self.dec = nn.GRUCell(8 + 12, 12)
        self.o = nn.Linear(12, 25)

    def forward(self, src, src_len, trg, teacher_forcing_ratio=0.5):
        p = nn.utils.rnn.pack_padded_sequence(self.ee(src), src_len, batch_first=True, enforce_sorted=False)
        e, h = self.enc(p)
        e, _ = nn.utils.rnn.pad_packed_sequence(e, batch_first=True)
        h = h[0]
        outs = []
        tok = trg[:, 0]
        for t in range(1, trg.shape[1]):
            a = torch.softmax((e * h[:, None]).sum(-1), 1)
            c = (a[..., None] * e).sum(1)
            h = self.dec(torch.cat([self.de(tok), c], 1), h)
            o = self.o(h)
            outs.append(o)
            tok = trg[:, t] if torch.rand(1) < teacher_forcing_ratio else o.argmax(-1)
        return torch.stack(outs, 1)


class NeRF(nn.Module):

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(3 * 2 * 4 + 3, 16)
        self.d = nn.Linear(16 + 3, 4)

    def forward(self, pts, viewdirs):
        f = [pts]
        for i in range(4):
            f += [torch.sin(2**i * pts), torch.cos(2**i * pts)]
        return self.d(torch.cat([F.relu(self.l(torch.cat(f, -1))), viewdirs], -1))


class PointNet(nn.Module):

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv1d(3, 16, 1)
        self.b = nn.BatchNorm1d(16)
        self.f = nn.Linear(16, 4)

    def forward(self, x):
        return F.log_softmax(self.f(F.relu(self.b(self.c1(x))).max(2)[0]), -1)


class HandGAT(nn.Module):

    def __init__(self):
        super().__init__()
        self.W = nn.Parameter(torch.randn(7, 8) * 0.1)
        self.a = nn.Parameter(torch.randn(16, 1) * 0.1)

    def forward(self, h, adj):
        Wh = torch.mm(h, self.W)
        e = F.leaky_relu(Wh @ self.a[:8] + (Wh @ self.a[8:]).T)
        a = torch.where(adj > 0, e, torch.full_like(e, -9000000000000000.0))
        return F.elu(F.softmax(a, 1) @ Wh)


class TCN(nn.Module):

    def __init__(self):
        super().__init__()
        self.c = nn.ModuleList([nn.Conv1d(4, 4, 3, padding=2**i * 2, dilation=2**i) for i in range(3)])
        self.o = nn.Linear(4, 1)

    def forward(self, x):
        for c in self.c:
            x = x + F.relu(c(x)[:, :, : x.size(2)])
        return self.o(x[:, :, -1])


class STN(nn.Module):

    def __init__(self):
        super().__init__()
        self.loc = nn.Sequential(
            nn.Conv2d(1, 8, 7),
            nn.MaxPool2d(2, 2),
            nn.ReLU(True),
            nn.Conv2d(8, 10, 5),
            nn.MaxPool2d(2, 2),
            nn.ReLU(True),
        )
        self.fc = nn.Sequential(nn.Linear(90, 32), nn.ReLU(True), nn.Linear(32, 6))
        self.cv = nn.Conv2d(1, 10, 5)
        self.o = nn.Linear(10, 10)

    def forward(self, x):
        th = self.fc(self.loc(x).view(-1, 90)).view(-1, 2, 3)
        x = F.grid_sample(x, F.affine_grid(th, x.size(), align_corners=False), align_corners=False)
        return self.o(F.relu(self.cv(x)).mean((2, 3)))


class ODEFunc(nn.Module):

    def __init__(self):
        super().__init__()
        self.n = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))

    def forward(self, t, y):
        return self.n(y**3)


class RNNLM(nn.Module):

    def __init__(self):
        super().__init__()
        self.nhid = 12
        self.nlayers = 2
        self.e = nn.Embedding(33, 8)
        self.r = nn.LSTM(8, 12, 2)
        self.d = nn.Linear(12, 33)

    def forward(self, input, hidden):
        o, h = self.r(self.e(input), hidden)
        return (F.log_softmax(self.d(o).view(-1, 33), 1), h)

    def init_hidden(self, bsz):
        return (torch.zeros(2, bsz, 12), torch.zeros(2, bsz, 12))


class CellModel(nn.Module):

    def __init__(self):
        super().__init__()
        self.c = nn.LSTMCell(6, 9)
        self.o = nn.Linear(9, 2)

    def forward(self, x, h, c):
        h, c = self.c(x, (h, c))
        return (self.o(h), h, c)


class MHA(nn.Module):

    def __init__(self):
        super().__init__()
        self.h = 4
        self.wq, self.wk, self.wv, self.wo = (nn.Linear(32, 32) for _ in range(4))

    def forward(self, q, k, v, mask=None):
        B = q.size(0)

        def f(l, x):
            return l(x).view(B, -1, self.h, 8).transpose(1, 2)

        q, k, v = (f(self.wq, q), f(self.wk, k), f(self.wv, v))
        s = q @ k.transpose(-2, -1) / 8**0.5
        if mask is not None:
            s = s.masked_fill(mask == 0, -1000000000.0)
        return self.wo((s.softmax(-1) @ v).transpose(1, 2).reshape(B, -1, 32))


class TextCNN(nn.Module):

    def __init__(self):
        super().__init__()
        self.e = nn.Embedding(80, 10)
        self.c = nn.ModuleList([nn.Conv2d(1, 4, (k, 10)) for k in (3, 4, 5)])
        self.f = nn.Linear(12, 2)

    def forward(self, text):
        x = self.e(text).unsqueeze(1)
        x = [F.relu(c(x)).squeeze(3) for c in self.c]
        return self.f(torch.cat([F.max_pool1d(i, i.size(2)).squeeze(2) for i in x], 1))


class VQA(nn.Module):

    def __init__(self):
        super().__init__()
        self.w = nn.Embedding(44, 8)
        self.g = nn.GRU(8, 16, batch_first=True)
        self.v = nn.Linear(20, 16)
        self.a = nn.Linear(16, 1)
        self.o = nn.Linear(16, 7)

    def forward(self, v, q):
        h = self.g(self.w(q))[1][0]
        x = torch.tanh(self.v(v) * h.unsqueeze(1))
        a = F.softmax(self.a(x), 1)
        return self.o((a * x).sum(1) * h)


class DIN(nn.Module):

    def __init__(self):
        super().__init__()
        self.u = nn.Embedding(50, 4)
        self.i = nn.Embedding(60, 4)
        self.f = nn.Linear(12, 1)

    def forward(self, user_id, item_id, hist, hist_len):
        h = self.i(hist)
        m = (torch.arange(h.size(1))[None] < hist_len[:, None]).float()[..., None]
        h = (h * m).sum(1) / m.sum(1)
        return torch.sigmoid(self.f(torch.cat([self.u(user_id), self.i(item_id), h], 1)))


class Critic(nn.Module):

    def __init__(self, obs=11, act=3):
        super().__init__()
        self.obs_dim, self.act_dim = (obs, act)
        self.q = nn.Sequential(nn.Linear(obs + act, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, obs, act):
        return self.q(torch.cat([obs, act], -1)).squeeze(-1)


class CondUNet(nn.Module):

    def __init__(self):
        super().__init__()
        self.num_classes = 10
        self.t = nn.Linear(1, 8)
        self.l = nn.Embedding(10, 8)
        self.i = nn.Conv2d(4, 8, 3, 1, 1)
        self.d = nn.Conv2d(8, 8, 3, 2, 1)
        self.u = nn.ConvTranspose2d(8, 8, 4, 2, 1)
        self.o = nn.Conv2d(8, 4, 1)
        self.k = nn.Linear(24, 8)

    def forward(self, x, timesteps, context=None, y=None):
        e = self.t(timesteps[:, None].float() / 1000)
        if y is not None:
            assert y.shape == (x.shape[0],)
            e = e + self.l(y)
        if context is not None:
            e = e + self.k(context).mean(1)
        h = self.i(x) + e[..., None, None]
        return self.o(self.u(self.d(h)) + h)


class KwOnly(nn.Module):

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(6, 2)

    def forward(self, *, feats, scale: float = 1.0):
        return self.l(feats) * scale


class Kwargs(nn.Module):

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(6, 2)

    def forward(self, **batch):
        return self.l(batch["x"]) + self.l(batch["z"])


class Lit(nn.Module):

    def __init__(self):
        super().__init__()
        self.example_input_array = torch.zeros(1, 2, 50)
        self.c = nn.Conv1d(2, 4, 7)
        self.o = nn.Linear(4 * 44, 3)

    def forward(self, x):
        return self.o(self.c(x).flatten(1))


class Spec(nn.Module):

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(2 * 33, 33)

    def forward(self, spec):
        x = torch.view_as_real(spec)
        b, t, _f, _ = x.shape
        return self.l(x.reshape(b, t, -1))


class ArcFace(nn.Module):

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(13, 16))
        self.m = 0.5

    def forward(self, embeddings, labels):
        c = F.linear(F.normalize(embeddings), F.normalize(self.w))
        o = torch.zeros_like(c).scatter_(1, labels.view(-1, 1), 1.0)
        return 30 * (c - o * self.m)


class Triplet(nn.Module):

    def __init__(self):
        super().__init__()
        self.e = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, anchor, positive, negative):
        return (self.e(anchor), self.e(positive), self.e(negative))


class Flow(nn.Module):

    def __init__(self):
        super().__init__()
        self.f = nn.Conv2d(3, 8, 8, 8)
        self.o = nn.Conv2d(16, 2, 1)

    def forward(self, img1, img2):
        _, _, h, w = img1.shape
        if h % 8 or w % 8:
            raise ValueError("sizes must be divisible by 8")
        assert h >= 48
        return F.interpolate(self.o(torch.cat([self.f(img1), self.f(img2)], 1)), scale_factor=8)


class Unfold(nn.Module):

    def __init__(self):
        super().__init__()
        self.u = nn.Unfold(4, stride=4)
        self.l = nn.Linear(48, 8)
        self.pe = nn.Parameter(torch.zeros(1, 64, 8))
        self.o = nn.Linear(8, 5)

    def forward(self, x):
        return self.o((self.l(self.u(x).transpose(1, 2)) + self.pe).mean(1))


class MDN(nn.Module):

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(1, 16)
        self.p, self.m, self.s = (nn.Linear(16, 3), nn.Linear(16, 3), nn.Linear(16, 3))

    def forward(self, x):
        h = torch.tanh(self.l(x))
        return (F.softmax(self.p(h), -1), self.m(h), self.s(h).exp())


class MIL(nn.Module):

    def __init__(self):
        super().__init__()
        self.f = nn.Linear(14, 8)
        self.a = nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 1))
        self.o = nn.Linear(8, 1)

    def forward(self, bags):
        h = F.relu(self.f(bags))
        a = torch.softmax(self.a(h), dim=1)
        return self.o((a.transpose(1, 2) @ h).squeeze(1))


class Capsule(nn.Module):

    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(1, 16, 9)
        self.p = nn.Conv2d(16, 32, 9, 2)
        self.W = nn.Parameter(torch.randn(1, 4 * 6 * 6, 10, 8, 8) * 0.01)

    def forward(self, x):
        u = self.p(F.relu(self.c(x)))
        u = u.view(x.size(0), -1, 8)
        u = torch.matmul(u[:, :, None, None, :], self.W).squeeze(3)
        return u.sum(1).norm(dim=-1)


class Informer(nn.Module):

    def __init__(self):
        super().__init__()
        self.seq_len = 24
        self.pred_len = 6
        self.enc_in = 7
        self.e = nn.Linear(7, 16)
        self.t = nn.Linear(4, 16)
        self.d = nn.Linear(7, 16)
        self.a = nn.MultiheadAttention(16, 2, batch_first=True)
        self.o = nn.Linear(16, 7)

    def forward(self, x_enc, x_mark_enc, x_dec, x_mark_dec):
        e = self.e(x_enc) + self.t(x_mark_enc)
        d = self.d(x_dec) + self.t(x_mark_dec)
        return self.o(self.a(d, e, e)[0])[:, -self.pred_len :]


class Bigram(nn.Module):

    def __init__(self):
        super().__init__()
        self.t = nn.Embedding(27, 27)

    def forward(self, idx, targets):
        lg = self.t(idx)
        B, T, C = lg.shape
        return (lg, F.cross_entropy(lg.view(B * T, C), targets.view(B * T)))


class Clip(nn.Module):

    def __init__(self):
        super().__init__()
        self.context_length = 12
        self.v = nn.Conv2d(3, 16, 8, 8)
        self.te = nn.Embedding(49, 16)
        self.pe = nn.Parameter(torch.zeros(12, 16))
        self.ls = nn.Parameter(torch.ones([]))

    def forward(self, image, text):
        i = F.normalize(self.v(image).mean((2, 3)), dim=-1)
        t = self.te(text) + self.pe
        t = F.normalize(t[torch.arange(t.shape[0]), text.argmax(-1)], dim=-1)
        l = self.ls.exp() * i @ t.t()
        return (l, l.t())


class SpatialGraph(nn.Module):

    def __init__(self):
        super().__init__()
        self.register_buffer("A", torch.ones(3, 25, 25))
        self.bn = nn.BatchNorm1d(3 * 25)
        self.g = nn.Conv2d(3, 8 * 3, 1)
        self.t = nn.Conv2d(8, 8, (9, 1), padding=(4, 0))
        self.o = nn.Linear(8, 6)

    def forward(self, x):
        N, C, T, V, M = x.size()
        x = x.permute(0, 4, 3, 1, 2).contiguous().view(N * M, V * C, T)
        x = self.bn(x).view(N, M, V, C, T).permute(0, 1, 3, 4, 2).contiguous().view(N * M, C, T, V)
        x = self.g(x)
        n, kc, t, v = x.size()
        x = torch.einsum("nkctv,kvw->nctw", (x.view(n, 3, kc // 3, t, v), self.A))
        x = self.t(x)
        return self.o(x.mean((2, 3)).view(N, M, -1).mean(1))


class Moe(nn.Module):

    def __init__(self):
        super().__init__()
        self.g = nn.Linear(12, 4)
        self.e = nn.ModuleList([nn.Linear(12, 12) for _ in range(4)])

    def forward(self, hidden_states):
        b, t, d = hidden_states.shape
        x = hidden_states.view(-1, d)
        w, i = self.g(x).softmax(-1).topk(2, -1)
        o = torch.zeros_like(x)
        for k, e in enumerate(self.e):
            r, c = torch.where(i == k)
            o.index_add_(0, r, e(x[r]) * w[r, c, None])
        return o.view(b, t, d)


class Schnet(nn.Module):

    def __init__(self):
        super().__init__()
        self.e = nn.Embedding(100, 8)
        self.f = nn.Linear(1, 8)
        self.o = nn.Linear(8, 1)

    def forward(self, z, pos, batch=None):
        d = torch.cdist(pos, pos)
        h = self.e(z)
        n = h.size(0)
        h = h + (self.f(d.unsqueeze(-1)) * h[None]).sum(1)
        e = self.o(h)
        batch = torch.zeros(n, dtype=torch.long) if batch is None else batch
        return torch.zeros(int(batch.max()) + 1, 1).index_add(0, batch, e)


class Surv(nn.Module):

    def __init__(self):
        super().__init__()
        self.n = nn.Sequential(nn.Linear(10, 8), nn.SELU(), nn.Linear(8, 1))

    def forward(self, covariates, durations, events):
        r = self.n(covariates).squeeze(-1)
        o = durations.argsort(descending=True)
        r = r[o]
        e = events[o]
        return -((r - r.logcumsumexp(0)) * e).sum() / (e.sum() + 1e-08)


class Bag(nn.Module):

    def __init__(self):
        super().__init__()
        self.e = nn.EmbeddingBag(64, 8)
        self.o = nn.Linear(8, 2)

    def forward(self, text, offsets):
        return self.o(self.e(text, offsets))


class WGan(nn.Module):

    def __init__(self):
        super().__init__()
        self.img_shape = (1, 28, 28)
        self.m = nn.Sequential(nn.Linear(784, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, img):
        return self.m(img.view(img.shape[0], -1))


class Koopman(nn.Module):

    def __init__(self):
        super().__init__()
        self.e = nn.Linear(3, 8)
        self.k = nn.Linear(8, 8, bias=False)
        self.d = nn.Linear(8, 3)

    def forward(self, x, steps: int = 3):
        z = self.e(x)
        out = []
        for _ in range(steps):
            z = self.k(z)
            out.append(self.d(z))
        return torch.stack(out, 1)


class Xcorr(nn.Module):

    def __init__(self):
        super().__init__()
        self.b = nn.Conv2d(3, 8, 3, 2)

    def forward(self, template, search):
        z, x = (self.b(template), self.b(search))
        n = z.size(0)
        return F.conv2d(x.reshape(1, -1, *x.shape[2:]), z, groups=n).view(n, 1, -1)


class Longf(nn.Module):
    """Attends in windows.

    Shapes:
        tokens: (batch, seq_len, dim) with seq_len a multiple of 16
    """

    def __init__(self):
        super().__init__()
        self.w = 16
        self.q = nn.Linear(8, 24)

    def forward(self, tokens):
        b, n, d = tokens.shape
        x = tokens.view(b, n // self.w, self.w, d)
        q, k, v = self.q(x).chunk(3, -1)
        return (torch.softmax(q @ k.transpose(-1, -2), -1) @ v).view(b, n, d)


class Masked(nn.Module):

    def __init__(self):
        super().__init__()
        self.e = nn.Linear(5, 16)
        self.t = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.o = nn.Linear(16, 5)

    def forward(self, x, mask):
        h = self.e(x)
        h = h.masked_fill(mask.unsqueeze(-1), 0)
        return self.o(self.t(h))


class Meta(nn.Module):

    def __init__(self):
        super().__init__()
        self.enc = nn.Linear(3, 8)
        self.dec = nn.Linear(10, 2)

    def forward(self, context_x, context_y, target_x):
        r = self.enc(torch.cat([context_x, context_y], -1)).mean(1, keepdim=True)
        return self.dec(torch.cat([r.expand(-1, target_x.size(1), -1), target_x], -1))


class ResBlock(nn.Module):

    def __init__(self, c, o, s=1):
        super().__init__()
        self.c1 = nn.Conv2d(c, o, 3, s, 1, bias=False)
        self.b1 = nn.BatchNorm2d(o)
        self.c2 = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.b2 = nn.BatchNorm2d(o)
        self.sc = nn.Sequential(nn.Conv2d(c, o, 1, s), nn.BatchNorm2d(o)) if s != 1 or c != o else nn.Identity()

    def forward(self, x):
        return F.relu(self.b2(self.c2(F.relu(self.b1(self.c1(x))))) + self.sc(x))


class CifarNet(nn.Module):

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 1, 1)
        self.layers = nn.Sequential(ResBlock(8, 8), ResBlock(8, 16, 2), ResBlock(16, 32, 2))
        self.linear = nn.Linear(32, 10)

    def forward(self, x):
        out = self.layers(self.stem(x))
        out = F.avg_pool2d(out, 8)
        out = out.view(out.size(0), -1)
        return self.linear(out)


class AlexLike(nn.Module):

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 11, 4, 2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(8, 8, 5, padding=2),
            nn.MaxPool2d(3, 2),
            nn.MaxPool2d(3, 2),
        )
        self.classifier = nn.Linear(8 * 6 * 6, 7)

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


class CharCNN(nn.Module):
    """One-hot characters in, [batch, alphabet, length]."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(70, 16, 7)
        self.pool = nn.MaxPool1d(3)
        self.fc = nn.Linear(16 * 20, 4)

    def forward(self, x):
        x = self.pool(F.relu(self.conv(x)))
        return self.fc(x.view(x.size(0), -1))


class Autoencoder1d(nn.Module):

    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv1d(1, 4, 4, 2, 1), nn.Conv1d(4, 8, 4, 2, 1))
        self.dec = nn.Sequential(nn.ConvTranspose1d(8, 4, 4, 2, 1), nn.ConvTranspose1d(4, 1, 4, 2, 1))

    def forward(self, ecg):
        z = self.enc(ecg)
        return (self.dec(z), z)


class VAE(nn.Module):

    def __init__(self):
        super().__init__()
        self.fc1, self.fc21, self.fc22, self.fc3, self.fc4 = (
            nn.Linear(784, 40),
            nn.Linear(40, 5),
            nn.Linear(40, 5),
            nn.Linear(5, 40),
            nn.Linear(40, 784),
        )

    def forward(self, x):
        h = F.relu(self.fc1(x.view(-1, 784)))
        mu, lv = (self.fc21(h), self.fc22(h))
        z = mu + torch.randn_like(mu) * (lv / 2).exp()
        return (torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, lv)


class GCNLayerDense(nn.Module):

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(9, 6) * 0.1)

    def forward(self, input, adj):
        support = torch.mm(input, self.weight)
        return torch.spmm(adj, support)


class NodeEdge(nn.Module):

    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(12, 8)
        self.eemb = nn.Embedding(4, 8)
        self.lin = nn.Linear(8, 8)
        self.out = nn.Linear(8, 1)

    def forward(self, atom_types, edge_index, edge_type, batch):
        h = self.emb(atom_types)
        row, col = (edge_index[0], edge_index[1])
        m = self.lin(h[col]) * self.eemb(edge_type)
        h = h.index_add(0, row, m)
        g = torch.zeros(int(batch.max()) + 1, 8).index_add(0, batch, h)
        return self.out(g)


class PositionWise(nn.Module):

    def __init__(self):
        super().__init__()
        self.w_1, self.w_2, self.layer_norm = (nn.Conv1d(16, 32, 1), nn.Conv1d(32, 16, 1), nn.LayerNorm(16))

    def forward(self, x):
        out = self.w_2(F.relu(self.w_1(x.transpose(1, 2)))).transpose(1, 2)
        return self.layer_norm(out + x)


class DecoderLayer(nn.Module):

    def __init__(self):
        super().__init__()
        self.sa = nn.MultiheadAttention(16, 4)
        self.ca = nn.MultiheadAttention(16, 4)
        self.n1 = nn.LayerNorm(16)
        self.n2 = nn.LayerNorm(16)

    def forward(self, tgt, memory, tgt_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None):
        x = self.n1(tgt + self.sa(tgt, tgt, tgt, attn_mask=tgt_mask)[0])
        return self.n2(x + self.ca(x, memory, memory, key_padding_mask=memory_key_padding_mask)[0])


class PosEnc(nn.Module):

    def __init__(self):
        super().__init__()
        pe = torch.zeros(100, 1, 12)
        self.register_buffer("pe", pe)
        self.enc = nn.Linear(12, 3)
        self.l = nn.TransformerEncoderLayer(12, 2, 24)

    def forward(self, src):
        src = src + self.pe[: src.size(0)]
        return self.enc(self.l(src))


class BiDAFish(nn.Module):

    def __init__(self):
        super().__init__()
        self.w = nn.Embedding(90, 8)
        self.c = nn.LSTM(8, 8, batch_first=True, bidirectional=True)
        self.att = nn.Linear(48, 1)
        self.p = nn.Linear(32, 2)

    def forward(self, context_ids, question_ids):
        c, q = (self.c(self.w(context_ids))[0], self.c(self.w(question_ids))[0])
        n, m = (c.size(1), q.size(1))
        s = self.att(
            torch.cat(
                [
                    c.unsqueeze(2).expand(-1, -1, m, -1),
                    q.unsqueeze(1).expand(-1, n, -1, -1),
                    c.unsqueeze(2) * q.unsqueeze(1),
                ],
                -1,
            )
        ).squeeze(-1)
        a = s.softmax(-1) @ q
        start, end = self.p(torch.cat([c, a], -1)).unbind(-1)
        return (start, end)


class DeepFM(nn.Module):

    def __init__(self):
        super().__init__()
        self.num_fields, self.embed_dim = (4, 5)
        self.fc = nn.Embedding(40, 1)
        self.emb = nn.Embedding(40, 5)
        self.mlp = nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 1))

    def forward(self, feat_index, feat_value):
        e = self.emb(feat_index) * feat_value.unsqueeze(2)
        fm = 0.5 * (e.sum(1) ** 2 - (e**2).sum(1)).sum(1, keepdim=True)
        return torch.sigmoid(
            (self.fc(feat_index).squeeze(-1) * feat_value).sum(1, keepdim=True) + fm + self.mlp(e.view(-1, 20))
        )


class SASRec(nn.Module):

    def __init__(self):
        super().__init__()
        self.item_emb = nn.Embedding(101, 8, padding_idx=0)
        self.pos_emb = nn.Embedding(20, 8)
        self.att = nn.MultiheadAttention(8, 1, batch_first=True)

    def forward(self, log_seqs, pos_seqs, neg_seqs):
        s = self.item_emb(log_seqs) + self.pos_emb(torch.arange(log_seqs.shape[1]))
        f = self.att(s, s, s)[0]
        return ((f * self.item_emb(pos_seqs)).sum(-1), (f * self.item_emb(neg_seqs)).sum(-1))


class TimeGrad(nn.Module):

    def __init__(self):
        super().__init__()
        self.T = 50
        self.te = nn.Embedding(50, 8)
        self.l = nn.Linear(3 + 8 + 6, 3)

    def forward(self, x_t, t, cond):
        return self.l(torch.cat([x_t, self.te(t), cond], dim=-1))


class FlowStep(nn.Module):

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 6))

    def forward(self, x, reverse=False):
        a, b = x.chunk(2, -1)
        s, t = self.net(a).chunk(2, -1)
        y = torch.cat([a, b * s.exp() + t], -1)
        return (y, s.sum(-1))


class Hyper(nn.Module):

    def __init__(self):
        super().__init__()
        self.h = nn.Linear(4, 5 * 3)

    def forward(self, x, task_embedding):
        w = self.h(task_embedding).view(-1, 5, 3)
        return torch.bmm(x.unsqueeze(1), w).squeeze(1)


class Unet3d(nn.Module):

    def __init__(self):
        super().__init__()
        self.d1, self.d2 = (nn.Conv3d(1, 4, 3, padding=1), nn.Conv3d(4, 8, 3, padding=1))
        self.u, self.o = (nn.Conv3d(12, 4, 3, padding=1), nn.Conv3d(4, 3, 1))

    def forward(self, scan):
        a = F.relu(self.d1(scan))
        b = F.relu(self.d2(F.max_pool3d(a, 2)))
        return self.o(self.u(torch.cat([a, F.interpolate(b, scale_factor=2)], 1)))


class Keypoints(nn.Module):

    def __init__(self):
        super().__init__()
        self.w = nn.Linear(34, 16)
        self.o = nn.Linear(16, 51)

    def forward(self, joints_2d):
        assert (
            joints_2d.shape[-1] == 2 and joints_2d.shape[-2] == 17
        ), f"expected 17 joints in 2d, got {joints_2d.shape}"
        return self.o(F.relu(self.w(joints_2d.flatten(-2)))).view(-1, 17, 3)


class Speaker(nn.Module):

    def __init__(self):
        super().__init__()
        self.inst = nn.InstanceNorm1d(40)
        self.c = nn.Conv1d(40, 16, 5, padding=2)
        self.fc = nn.Linear(32, 8)

    def forward(self, fbank):
        x = self.inst(fbank.permute(0, 2, 1))
        x = F.relu(self.c(x))
        return F.normalize(self.fc(torch.cat([x.mean(2), x.std(2)], 1)))


class Stft(nn.Module):

    def __init__(self):
        super().__init__()
        self.register_buffer("win", torch.hann_window(64))
        self.l = nn.Linear(33, 4)

    def forward(self, audio):
        s = torch.stft(audio, 64, 32, window=self.win, return_complex=True).abs()
        return self.l(s.transpose(1, 2)).mean(1)


class Fusion(nn.Module):

    def __init__(self):
        super().__init__()
        self.t, self.a, self.v = (nn.Linear(30, 8), nn.Linear(12, 8), nn.Linear(17, 8))
        self.c = nn.LSTM(24, 8, batch_first=True)
        self.o = nn.Linear(8, 1)

    def forward(self, text, audio, video):
        return self.o(self.c(torch.cat([self.t(text), self.a(audio), self.v(video)], -1))[1][0][0])


class Actor(nn.Module):

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(4, 8, 8, 4), nn.ReLU(), nn.Conv2d(8, 8, 4, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 1)
        )
        self.fc = nn.Linear(8 * 7 * 7, 6)

    def forward(self, obs):
        x = obs.float() / 255.0
        return torch.distributions.Categorical(logits=self.fc(self.conv(x).flatten(1)))


class Quantile(nn.Module):

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(8, 6)
        self.f = nn.Linear(5, 6)
        self.o = nn.Linear(6, 2)

    def forward(self, state, taus):
        i = torch.arange(1, 9).float()
        phi = F.relu(self.embed(torch.cos(math.pi * i * taus.unsqueeze(-1))))
        return self.o(self.f(state).unsqueeze(1) * phi)


class Moco(nn.Module):

    def __init__(self):
        super().__init__()
        self.q = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 16)
        )
        self.k = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 16)
        )
        for p in self.k.parameters():
            p.requires_grad = False
        self.register_buffer("queue", F.normalize(torch.randn(16, 64), dim=0))
        self.register_buffer("ptr", torch.zeros(1, dtype=torch.long))

    def forward(self, im_q, im_k):
        q = F.normalize(self.q(im_q))
        with torch.no_grad():
            for a, b in zip(self.q.parameters(), self.k.parameters()):
                b.mul_(0.99).add_(a, alpha=0.01)
            k = F.normalize(self.k(im_k))
        l = torch.cat([(q * k).sum(1, keepdim=True), q @ self.queue.clone()], 1) / 0.07
        with torch.no_grad():
            n, p = (k.shape[0], int(self.ptr))
            assert 64 % n == 0 or True
            self.queue[:, p : p + n] = k.T[:, : max(0, min(n, 64 - p))]
            self.ptr[0] = (p + n) % 64
        return (l, torch.zeros(n, dtype=torch.long))


class TreeGate(nn.Module):

    def __init__(self):
        super().__init__()
        self.w = nn.Linear(6, 7)
        self.leaf = nn.Parameter(torch.randn(8, 3))

    def forward(self, features):
        p = torch.sigmoid(self.w(features))
        b = p.new_ones(p.size(0), 1)
        i = 0
        for d in range(3):
            n = 2**d
            q = p[:, i : i + n]
            b = torch.stack([b * q, b * (1 - q)], -1).flatten(1)
            i += n
        return b @ self.leaf


class OptionalFirst(nn.Module):

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(10, 3)

    def forward(self, pixel_values=None, return_dict=True):
        if pixel_values is None:
            raise ValueError("You have to specify pixel_values")
        b = pixel_values.shape[0]
        return {"logits": self.l(pixel_values.reshape(b, -1)[:, :10])}


class Swap01(nn.Module):
    """x: (T, N, F)"""

    def __init__(self):
        super().__init__()
        self.r = nn.RNN(5, 7)
        self.o = nn.Linear(7, 2)

    def forward(self, x):
        h, _ = self.r(x)
        return self.o(h.permute(1, 0, 2)[:, -1])


@dataclass
class Obs:
    image: Tensor
    state: Tensor
    mask: Tensor


class Policy(nn.Module):

    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 8, 3, 2)
        self.s = nn.Linear(6, 8)
        self.o = nn.Linear(8, 4)

    def forward(self, obs: Obs) -> Tensor:
        h = self.c(obs.image).mean((2, 3)) + self.s(obs.state)
        return self.o(h).masked_fill(~obs.mask, -1000000000.0)


class NestedDict(nn.Module):

    def __init__(self):
        super().__init__()
        self.e, self.l = (nn.Embedding(20, 6), nn.Linear(5, 6))

    def encode(self, inputs):
        return self.e(inputs["text"]["tokens"]).mean(1) + self.l(inputs["dense"])

    def forward(self, inputs):
        return self.encode(inputs)


class GetItems(nn.Module):

    def __init__(self):
        super().__init__()
        self.a, self.b = (nn.Linear(5, 4), nn.Linear(3, 4))

    def forward(self, x):
        return self.a(x[0]) + self.b(x[1])


class Scaled(nn.Module):

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(4, 4)

    def forward(self, x, temperature: float, n_iter: int = 2):
        for _ in range(n_iter):
            x = torch.tanh(self.l(x)) / temperature
        return x


class Prot(nn.Module):

    def __init__(self):
        super().__init__()
        self.e = nn.Embedding(25, 8)
        self.o = nn.Linear(8, 3)
        self.pair = nn.Linear(16, 8)

    def forward(self, aatype, residue_index, msa=None):
        s = self.e(aatype)
        L = s.shape[1]
        rel = (residue_index[:, :, None] - residue_index[:, None]).clamp(-3, 3).float()
        p = (
            self.pair(torch.cat([s[:, :, None].expand(-1, -1, L, -1), s[:, None].expand(-1, L, -1, -1)], -1))
            * rel[..., None]
        )
        return self.o(p.mean(2) + s)


class Crf(nn.Module):

    def __init__(self):
        super().__init__()
        self.e = nn.Embedding(33, 8)
        self.l = nn.Linear(8, 5)
        self.t = nn.Parameter(torch.zeros(5, 5))

    def forward(self, sentence, tags, mask):
        em = self.l(self.e(sentence))
        s = em.gather(2, tags.unsqueeze(-1)).squeeze(-1)
        s = (s * mask).sum(1) + (self.t[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]).sum(1)
        a = em[:, 0]
        for i in range(1, em.size(1)):
            n = torch.logsumexp(a.unsqueeze(2) + self.t + em[:, i].unsqueeze(1), 1)
            a = torch.where(mask[:, i].bool().unsqueeze(1), n, a)
        return (a.logsumexp(1) - s).mean()


class CtcLoss(nn.Module):

    def __init__(self):
        super().__init__()
        self.r = nn.GRU(13, 16, batch_first=True)
        self.o = nn.Linear(16, 11)

    def forward(self, inputs, input_lengths, targets, target_lengths):
        lp = self.o(self.r(inputs)[0]).log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(lp, targets, input_lengths, target_lengths)


class MaskGen(nn.Module):

    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(4, 8, 3, padding=1)
        self.o = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, image, mask):
        return self.o(F.relu(self.c(torch.cat([image * (1 - mask), mask], dim=1))))


class Stereo(nn.Module):

    def __init__(self):
        super().__init__()
        self.f = nn.Conv2d(3, 4, 3, 2, 1)
        self.r = nn.Conv3d(8, 1, 3, padding=1)
        self.maxdisp = 16

    def forward(self, left, right):
        l, r = (self.f(left), self.f(right))
        b, c, h, w = l.shape
        cost = l.new_zeros(b, 2 * c, self.maxdisp // 2, h, w)
        for i in range(self.maxdisp // 2):
            if i:
                cost[:, :c, i, :, i:] = l[..., i:]
                cost[:, c:, i, :, i:] = r[..., :-i]
            else:
                cost[:, :c, i] = l
                cost[:, c:, i] = r
        return (self.r(cost).squeeze(1).softmax(1) * torch.arange(self.maxdisp // 2).view(1, -1, 1, 1)).sum(1)


class TwoTower(nn.Module):

    def __init__(self):
        super().__init__()
        self.u, self.g, self.i = (nn.Embedding(40, 8), nn.Embedding(3, 8), nn.Embedding(70, 8))
        self.d = nn.Linear(6, 8)

    def forward(self, user_ids, gender, item_ids, item_dense):
        return ((self.u(user_ids) + self.g(gender)) * (self.i(item_ids) + self.d(item_dense))).sum(-1)


class Wide(nn.Module):

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(9)
        self.f = nn.Linear(9, 6)
        self.mu, self.sig = (nn.Linear(6, 1), nn.Linear(6, 1))

    def forward(self, X):
        h = torch.relu(self.f(self.bn(X)))
        return (self.mu(h), F.softplus(self.sig(h)))


MODELS: list[tuple[type[nn.Module], object]] = [
    (Det2, {"images": "*", "targets": "*"}),
    (Bert, "i2"),
    (Seq2Seq, {"src": "i2", "src_len": "i1", "trg": "i2"}),
    (NeRF, {"pts": "f2|f3", "viewdirs": "f2|f3"}),
    (PointNet, "f3"),
    (HandGAT, {"h": "f2@nodes", "adj": "f2@nodes"}),
    (TCN, "f3"),
    (STN, "f4"),
    (ODEFunc, {"t": "*", "y": "f2"}),
    (RNNLM, {"input": "i2@1", "hidden": {"0": "f3@1", "1": "f3@1"}}),
    (CellModel, {"x": "f2", "h": "f2", "c": "f2"}),
    (MHA, {"q": "f3", "k": "f3", "v": "f3"}),
    (TextCNN, "i2"),
    (VQA, {"v": "f3", "q": "i2"}),
    (DIN, {"user_id": "i1", "item_id": "i1", "hist": "i2", "hist_len": "i1"}),
    (Critic, {"obs": "f2", "act": "f2"}),
    (CondUNet, "*"),
    (KwOnly, {"feats": "f2"}),
    (Kwargs, {"x": "f2", "z": "f2"}),
    (Lit, "f3"),
    (Spec, "c3"),
    (ArcFace, {"embeddings": "f2", "labels": "i1"}),
    (Triplet, {"anchor": "f4", "positive": "f4", "negative": "f4"}),
    (Flow, {"img1": "f4", "img2": "f4"}),
    (Unfold, "f4"),
    (MDN, "f2"),
    (MIL, "f3"),
    (Capsule, "f4"),
    (Informer, {"x_enc": "f3", "x_mark_enc": "f3", "x_dec": "f3", "x_mark_dec": "f3"}),
    (Bigram, {"idx": "i2", "targets": "i2"}),
    (Clip, {"image": "f4", "text": "i2"}),
    (SpatialGraph, "f5"),
    (Moe, "f3"),
    (Schnet, {"z": "i1@nodes", "pos": "f2@nodes", "batch": "i1@nodes"}),
    (Surv, {"covariates": "f2", "durations": "f1", "events": "f1|i1|b1"}),
    (Bag, {"text": "i1@*", "offsets": "i1"}),
    (WGan, "f4|f2"),
    (Koopman, "f2"),
    (Xcorr, {"template": "f4", "search": "f4"}),
    (Longf, "f3"),
    (Masked, {"x": "f3", "mask": "b2"}),
    (Meta, {"context_x": "f3", "context_y": "f3", "target_x": "f3"}),
]

_MORE: dict[type[nn.Module], object] = {
    CifarNet: "f4",
    AlexLike: "f4",
    CharCNN: "f3",
    Autoencoder1d: "f3",
    VAE: "f2|f4",
    GCNLayerDense: {"input": "f2@nodes", "adj": "f2@nodes"},
    NodeEdge: {"atom_types": "i1@nodes", "edge_index": "i2@*", "edge_type": "i1@edges", "batch": "i1@nodes"},
    PositionWise: "f3",
    DecoderLayer: {"tgt": "f3@1", "memory": "f3@1"},
    PosEnc: "f3@1",
    BiDAFish: {"context_ids": "i2", "question_ids": "i2"},
    DeepFM: {"feat_index": "i2", "feat_value": "f2"},
    SASRec: {"log_seqs": "i2", "pos_seqs": "i2", "neg_seqs": "i2"},
    TimeGrad: {"x_t": "f2", "t": "i1", "cond": "f2"},
    FlowStep: "f2",
    Hyper: {"x": "f2", "task_embedding": "f2"},
    Unet3d: "f5",
    Keypoints: "f3",
    Speaker: "f3",
    Stft: "f2",
    Fusion: {"text": "f3", "audio": "f3", "video": "f3"},
    Actor: "f4",
    Quantile: {"state": "f2", "taus": "f2"},
    Moco: {"im_q": "f4", "im_k": "f4"},
    TreeGate: "f2",
    OptionalFirst: "*",
    Swap01: "f3@1",
    Policy: {"obs": {"image": "f4", "state": "f2", "mask": "b2"}},
    NestedDict: {"inputs": {"text": {"tokens": "i2"}, "dense": "f2"}},
    GetItems: {"x": {"0": "f2", "1": "f2"}},
    Scaled: {"x": "f2", "temperature": "*"},
    Prot: {"aatype": "i2", "residue_index": "i2|f2"},
    Crf: {"sentence": "i2", "tags": "i2", "mask": "b2|f2|i2"},
    CtcLoss: {"inputs": "f3", "input_lengths": "i1", "targets": "i2", "target_lengths": "i1"},
    MaskGen: {"image": "f4", "mask": "f4"},
    Stereo: {"left": "f4", "right": "f4"},
    TwoTower: {"user_ids": "i1", "gender": "i1", "item_ids": "i1", "item_dense": "f2"},
    Wide: "f2",
}

MODELS += list(_MORE.items())

# torch's own layers and composites
COMPOSITES = [
    (
        "TransformerEncoder bf",
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2),
        "f3",
    ),
    ("TransformerEncoder", lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32), 2), "f3@1"),
    ("Transformer", lambda: nn.Transformer(16, 2, 1, 1, 32), {"src": "f3@1", "tgt": "f3@1"}),
    ("Transformer bf", lambda: nn.Transformer(16, 2, 1, 1, 32, batch_first=True), {"src": "f3", "tgt": "f3"}),
    (
        "TransformerDecoder",
        lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(16, 2, 32, batch_first=True), 1),
        {"tgt": "f3", "memory": "f3"},
    ),
    ("LSTM", lambda: nn.LSTM(6, 8), "f3@1"),
    ("GRU bf", lambda: nn.GRU(6, 8, batch_first=True), "f3"),
    ("MHA", lambda: nn.MultiheadAttention(16, 2, batch_first=True), {"query": "f3", "key": "f3", "value": "f3"}),
    ("Bilinear", lambda: nn.Bilinear(4, 5, 6), {"input1": "f2", "input2": "f2"}),
    ("LSTMCell", lambda: nn.LSTMCell(5, 6), "f2"),
    (
        "Sequential conv",
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 26 * 26, 10)),
        "f4",
    ),
    ("Seq linear", lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)), "f2"),
    ("EmbeddingBag", lambda: nn.EmbeddingBag(30, 8), "i2"),
    ("Embedding", lambda: nn.Embedding(30, 8), "i2|i1"),
    ("Adaptive", lambda: nn.AdaptiveLogSoftmaxWithLoss(16, 50, [10, 20]), {"input_": "f2", "target_": "i1"}),
    ("Conv1d", lambda: nn.Conv1d(3, 4, 3), "f3"),
    ("BN2", lambda: nn.BatchNorm2d(5), "f4"),
    ("LN", lambda: nn.LayerNorm(12), "f2|f3"),
]
