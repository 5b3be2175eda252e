"""Models in the manner of research code, each with what it takes: written to try the search on ideas, not on rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(7, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, inp):
        return self.net(inp)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2 = nn.Linear(16 * 4 * 4, 120), nn.Linear(120, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.view(x.size(0), -1))))


class WrongViewNet(nn.Module):
    """The flattening hides a wrong size in the batch: only the loss would notice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.fc = nn.Linear(8 * 14 * 14, 5)

    def forward(self, pic):
        return self.fc(self.conv(pic).view(-1, 8 * 14 * 14))


class MnistVector(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(784, 10)

    def forward(self, x):
        return self.l(x.view(-1, 784))


class BatchFirstTagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(37, 8)
        self.rnn = nn.LSTM(8, 16, batch_first=True, bidirectional=True)
        self.out = nn.Linear(32, 5)

    def forward(self, w):
        return self.out(self.rnn(self.emb(w))[0])


class TimeFirstRegressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(6, 12)
        self.head = nn.Linear(12, 1)

    def forward(self, series):
        _, h = self.gru(series)
        return self.head(h[-1])


class TimeFirstTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(5, 16)
        self.enc = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32), 2)
        self.out = nn.Linear(16, 4)

    def forward(self, x):
        return self.out(self.enc(self.proj(x)))


class BatchFirstTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 1)
        self.out = nn.Linear(16, 4)

    def forward(self, x, pad_mask=None):
        return self.out(self.enc(x, src_key_padding_mask=pad_mask).mean(1))


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.se, self.te = nn.Embedding(50, 16), nn.Embedding(60, 16)
        self.tr = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)
        self.out = nn.Linear(16, 60)

    def forward(self, src, tgt):
        mask = nn.Transformer.generate_square_subsequent_mask(tgt.shape[1])
        return self.out(self.tr(self.se(src), self.te(tgt), tgt_mask=mask))


class TinyGPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.block_size = 24
        self.wte, self.wpe = nn.Embedding(65, 16), nn.Embedding(24, 16)
        self.qkv, self.head = nn.Linear(16, 48), nn.Linear(16, 65)

    def forward(self, idx, targets=None):
        _b, t = idx.size()
        assert t <= self.block_size, "too long"
        x = self.wte(idx) + self.wpe(torch.arange(t))
        q, k, v = self.qkv(x).split(16, dim=2)
        x = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        logits = self.head(x)
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, 65), targets.view(-1))
        return logits, loss


class LossOnly(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Linear(9, 4)

    def forward(self, feats, labels=None):
        logits = self.enc(feats)
        if labels is None:
            return logits.argmax(-1)
        return F.cross_entropy(logits, labels)


class PatchNet(nn.Module):
    """Patches by hand; the side is fixed by a table of positions with a class token."""

    def __init__(self):
        super().__init__()
        self.p = 8
        self.emb = nn.Linear(3 * 8 * 8, 16)
        self.cls = nn.Parameter(torch.zeros(1, 1, 16))
        self.pos = nn.Parameter(torch.randn(1, 37, 16))
        self.head = nn.Linear(16, 4)

    def forward(self, im):
        b, c, h, w = im.shape
        assert h % self.p == 0 and w % self.p == 0
        x = (
            im.reshape(b, c, h // self.p, self.p, w // self.p, self.p)
            .permute(0, 2, 4, 1, 3, 5)
            .flatten(1, 2)
            .flatten(2)
        )
        x = torch.cat([self.cls.expand(b, -1, -1), self.emb(x)], 1) + self.pos
        return self.head(x[:, 0])


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Conv1d(2, 8, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())

    def forward(self, sig_a, sig_b):
        return F.cosine_similarity(self.f(sig_a), self.f(sig_b))


class TwoBranch(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.mlp = nn.Linear(11, 8)
        self.fuse = nn.Linear(16, 2)

    def forward(self, photo, clinical):
        return self.fuse(torch.cat([self.cnn(photo), self.mlp(clinical)], dim=1)), clinical.mean()


class Ctr(nn.Module):
    def __init__(self):
        super().__init__()
        self.field_dims = [7, 5, 9]
        self.emb = nn.Embedding(21, 4)
        self.register_buffer("offsets", torch.tensor([0, 7, 12]))
        self.lin = nn.Linear(12, 1)

    def forward(self, x):
        x = x + self.offsets.unsqueeze(0)
        return torch.sigmoid(self.lin(self.emb(x).view(-1, 12)).squeeze(1))


class TabMix(nn.Module):
    def __init__(self):
        super().__init__()
        self.embs = nn.ModuleList([nn.Embedding(n, 3) for n in (6, 4)])
        self.lin = nn.Linear(6 + 5, 1)

    def forward(self, x_num, x_cat):
        e = torch.cat([m(x_cat[:, i]) for i, m in enumerate(self.embs)], 1)
        return self.lin(torch.cat([x_num, e], 1))


class MatrixFactors(nn.Module):
    def __init__(self):
        super().__init__()
        self.u, self.i = nn.Embedding(30, 8), nn.Embedding(45, 8)

    def forward(self, user, item):
        return (self.u(user) * self.i(item)).sum(-1)


class GraphConv(nn.Module):
    def __init__(self):
        super().__init__()
        self.w1, self.w2 = nn.Linear(10, 8), nn.Linear(8, 3)

    def forward(self, x, adj):
        h = F.relu(torch.spmm(adj, self.w1(x)))
        return F.log_softmax(torch.spmm(adj, self.w2(h)), dim=1)


class BatchedGraph(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Linear(6, 8)
        self.o = nn.Linear(8, 2)

    def forward(self, feat, adj):
        return self.o(torch.bmm(adj, self.w(feat)).mean(1))


class EdgeSum(nn.Module):
    def __init__(self):
        super().__init__()
        self.m = nn.Linear(4 + 4 + 2, 5)
        self.o = nn.Linear(5, 3)

    def forward(self, x, edge_index, edge_attr):
        src, dst = edge_index
        m = self.m(torch.cat([x[src], x[dst], edge_attr], -1))
        return self.o(torch.zeros(x.size(0), 5).index_add(0, dst, m))


class DeepSets(nn.Module):
    def __init__(self):
        super().__init__()
        self.phi, self.rho = nn.Linear(3, 16), nn.Linear(16, 2)

    def forward(self, points):
        return self.rho(F.relu(self.phi(points)).max(dim=1).values)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.dim = 16
        self.time = nn.Linear(16, 8)
        self.inc, self.out = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, x, t):
        half = self.dim // 2
        freqs = torch.exp(-math.log(10000) * torch.arange(half) / half)
        arg = t[:, None].float() * freqs[None]
        emb = self.time(torch.cat([arg.sin(), arg.cos()], -1))
        return self.out(F.silu(self.inc(x) + emb[:, :, None, None]))


class ScoreModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, 2))

    def forward(self, x, sigma):
        return self.net(torch.cat([x, sigma.log()[:, None]], 1))


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3, padding=1)
        self.head = nn.Linear(8, 4)

    def forward(self, images, targets=None):
        feats = torch.stack([self.body(im[None]).mean((2, 3))[0] for im in images])
        boxes = self.head(feats)
        if targets is None:
            return boxes
        return sum(F.l1_loss(b, t["boxes"][0]) for b, t in zip(boxes, targets, strict=True))


class DictInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.txt, self.img = nn.Embedding(40, 8), nn.Linear(12, 8)
        self.out = nn.Linear(16, 3)

    def forward(self, batch):
        t = self.txt(batch["input_ids"])
        m = batch["attention_mask"].unsqueeze(-1).float()
        t = (t * m).sum(1) / m.sum(1)
        return self.out(torch.cat([t, self.img(batch["image_feats"])], -1))


@dataclass
class Sample:
    frames: torch.Tensor
    lengths: torch.Tensor


class DataclassInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(5, 8, batch_first=True)
        self.out = nn.Linear(8, 2)

    def forward(self, sample: Sample):
        packed = pack_padded_sequence(sample.frames, sample.lengths, batch_first=True, enforce_sorted=False)
        return self.out(self.rnn(packed)[1][-1])


class Pair(NamedTuple):
    left: torch.Tensor
    right: torch.Tensor


class TupleInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.l, self.r = nn.Linear(4, 8), nn.Linear(6, 8)

    def forward(self, pair: Pair):
        return (self.l(pair.left) * self.r(pair.right)).sum(1)


class Unpacked(nn.Module):
    def __init__(self):
        super().__init__()
        self.l, self.r = nn.Linear(4, 8), nn.Linear(6, 8)

    def forward(self, xs):
        a, b = xs
        return self.l(a) + self.r(b)


class Pyramid(nn.Module):
    def __init__(self):
        super().__init__()
        self.lat = nn.ModuleList([nn.Conv2d(c, 8, 1) for c in (4, 6)])

    def forward(self, features: list[torch.Tensor]):
        return sum(F.adaptive_avg_pool2d(m(x), 1) for m, x in zip(self.lat, features, strict=True)).flatten(1)


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(6, 8)
        self.out = nn.Linear(8, 2)

    def forward(self, seq: PackedSequence):
        out, _ = self.rnn(seq)
        padded, _ = pad_packed_sequence(out)
        return self.out(padded[-1])


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(5, 5)

    def forward(self, z):
        z.mul_(2).add_(1)
        return self.l(z)


class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.LazyConv2d(8, 3)
        self.l = nn.LazyLinear(4)

    def forward(self, x):
        return self.l(F.adaptive_avg_pool2d(self.c(x), 2).flatten(1))


class Cached(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(5, 5)
        self.last = None
        self.history = []

    def forward(self, x):
        y = self.l(x if self.last is None or self.last.shape != x.shape else x + self.last.detach())
        self.last = y
        self.history.append(y)
        return y


class ChannelsLast(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.lin = nn.LayerNorm(3), nn.Linear(3, 8)

    def forward(self, x):
        b, h, w, _c = x.shape
        return self.lin(self.norm(x)).view(b, h * w, 8).mean(1)


class Wave(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv1d(1, 8, 9, stride=4)
        self.o = nn.Linear(8, 2)

    def forward(self, wav):
        if wav.dim() == 2:
            wav = wav.unsqueeze(1)
        return self.o(self.c(wav).mean(-1))


class MelNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(1, 4, 3, padding=1)
        self.r = nn.GRU(4 * 40, 8, batch_first=True)
        self.o = nn.Linear(8, 3)

    def forward(self, mel):
        b, t, f = mel.shape
        assert f == 40
        x = self.c(mel.unsqueeze(1)).permute(0, 2, 1, 3).reshape(b, t, -1)
        return self.o(self.r(x)[1][-1])


class Forecaster(nn.Module):
    """Looks at 36 steps of 5 series, gives 4 more."""

    def __init__(self):
        super().__init__()
        self.seq_len, self.enc_in = 36, 5
        self.lin = nn.Linear(36, 4)

    def forward(self, x):
        m = x.mean(1, keepdim=True)
        return self.lin((x - m).transpose(1, 2)).transpose(1, 2) + m


class ImageText(nn.Module):
    def __init__(self):
        super().__init__()
        self.text = nn.Embedding(30, 8)
        self.visual = nn.Conv2d(3, 8, 4, 4)

    def forward(self, image=None, text=None):
        out = {}
        if image is not None:
            out["image"] = F.normalize(self.visual(image).mean((2, 3)), dim=-1)
        if text is not None:
            out["text"] = F.normalize(self.text(text).mean(1), dim=-1)
        return out


class CrossAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.att = nn.MultiheadAttention(16, 2, kdim=10, vdim=10, batch_first=True)

    def forward(self, query, context, context_mask=None):
        return self.att(query, context, context, key_padding_mask=context_mask)[0]


class Einsum(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(6, 4, 5))

    def forward(self, a, b):
        return torch.einsum("ni,ijk,nj->nk", a, self.w, b)


class Checked(nn.Module):
    def __init__(self):
        super().__init__()
        self.n_joints, self.frames = 17, 27
        self.lin = nn.Linear(17 * 2, 51)

    def forward(self, kp):
        if kp.ndim != 4:
            raise ValueError("keypoints of four dimensions, please")
        n, t, j, c = kp.shape
        if j != self.n_joints or c != 2:
            raise ValueError(f"wrong joints {j}")
        if t != self.frames:
            raise RuntimeError("frames")
        return self.lin(kp.reshape(n, t, j * c)).view(n, t, j, 3)


class Bce(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(20, 4), nn.Linear(4, 20)

    def forward(self, v):
        rec = torch.sigmoid(self.dec(self.enc(v)))
        return F.binary_cross_entropy(rec, v)


class Upsampler(nn.Module):
    def __init__(self):
        super().__init__()
        self.d = nn.ModuleList([nn.Conv2d(c, c * 2, 3, 2, 1) for c in (4, 8, 16, 32)])
        self.u = nn.ModuleList([nn.ConvTranspose2d(c * 2, c, 2, 2) for c in (32, 16, 8, 4)])
        self.i, self.o = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 2, 1)

    def forward(self, ct_slice):
        skips, x = [], self.i(ct_slice)
        for d in self.d:
            skips.append(x)
            x = d(x)
        for u in self.u:
            x = u(x) + skips.pop()
        return self.o(x)


class Volume(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv3d(2, 4, 3, 2, 1)
        self.o = nn.Linear(4, 2)

    def forward(self, vol):
        return self.o(self.c(vol).amax((2, 3, 4)))


class Clip3d(nn.Module):
    """Video as [batch, time, channels, height, width]."""

    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.AdaptiveAvgPool2d(1))
        self.rnn = nn.LSTM(6, 8, batch_first=True)
        self.o = nn.Linear(8, 4)

    def forward(self, frames):
        B, T, C, H, W = frames.shape
        f = self.cnn(frames.reshape(B * T, C, H, W)).view(B, T, -1)
        return self.o(self.rnn(f)[0][:, -1])


class DocString(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 8)

    def forward(self, thing):
        """Mixes.

        Args:
            thing: Tensor of shape (batch_size, num_agents, 8).
        """
        return self.a(thing)


class Comment(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 8)

    def forward(self, z):  # z: (B, T, 6)
        return self.a(z)


class Ctc(nn.Module):
    def __init__(self):
        super().__init__()
        self.r = nn.LSTM(12, 16, batch_first=True)
        self.o = nn.Linear(16, 20)

    def forward(self, feats, feat_lens):
        p = pack_padded_sequence(feats, feat_lens.cpu(), batch_first=True, enforce_sorted=False)
        h, lens = pad_packed_sequence(self.r(p)[0], batch_first=True)
        return self.o(h).log_softmax(-1), lens


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(10, 16 * 4 * 4)
        self.up = nn.ConvTranspose2d(16, 3, 4, 2, 1)

    def forward(self, z):
        return torch.tanh(self.up(self.fc(z).view(-1, 16, 4, 4)))


class Conditional(nn.Module):
    def __init__(self):
        super().__init__()
        self.n = 6
        self.l = nn.Linear(8 + 6, 4)

    def forward(self, x, y):
        return self.l(torch.cat([x, F.one_hot(y, self.n).float()], 1))


class Gumbel(nn.Module):
    def __init__(self):
        super().__init__()
        self.q = nn.Linear(5, 6)
        self.p = nn.Linear(3, 5)

    def forward(self, obs):
        mu, lv = self.q(obs).chunk(2, -1)
        return torch.distributions.Normal(self.p(mu + torch.randn_like(mu) * (0.5 * lv).exp()), 1.0), mu, lv


class GroupNormNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.g, self.c = nn.GroupNorm(4, 12), nn.Conv2d(12, 4, 1)

    def forward(self, fmap):
        return self.c(self.g(fmap))


class Relational(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.r = nn.Embedding(25, 8), nn.Embedding(4, 8)

    def forward(self, head, relation, tail):
        return -(self.e(head) + self.r(relation) - self.e(tail)).norm(dim=-1)


class Swin(nn.Module):
    """Windows of 7: sides are multiples of 28."""

    def __init__(self):
        super().__init__()
        self.p = nn.Conv2d(3, 8, 4, 4)
        self.l = nn.Linear(8, 8)
        self.o = nn.Linear(8, 3)

    def forward(self, x):
        x = self.p(x).permute(0, 2, 3, 1)
        b, h, w, c = x.shape
        x = x.view(b, h // 7, 7, w // 7, 7, c).transpose(2, 3).reshape(-1, 49, c)
        return self.o(self.l(x).view(b, -1, c).mean(1))


class Stacked(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 2))


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(9, dtype=torch.cfloat))
        self.o = nn.Linear(16, 2)

    def forward(self, x):
        return self.o(torch.fft.irfft(torch.fft.rfft(x, dim=-1) * self.w, n=16))


# class, what the batch is: kind and rank of every input ("f2": floats of two dimensions), where the samples stand
MODELS: list[tuple[type[nn.Module], object]] = [
    (Perceptron, "f2"),
    (LeNet, "f4"),
    (WrongViewNet, "f4"),
    (MnistVector, "f2|f4"),
    (BatchFirstTagger, "i2"),
    (TimeFirstRegressor, "f3@1"),
    (TimeFirstTransformer, "f3@1"),
    (BatchFirstTransformer, "f3"),
    (Translator, {"src": "i2", "tgt": "i2"}),
    (TinyGPT, "i2"),
    (LossOnly, {"feats": "f2", "labels": "i1"}),
    (PatchNet, "f4"),
    (Siamese, {"sig_a": "f3", "sig_b": "f3"}),
    (TwoBranch, {"photo": "f4", "clinical": "f2"}),
    (Ctr, "i2"),
    (TabMix, {"x_num": "f2", "x_cat": "i2"}),
    (MatrixFactors, {"user": "i1", "item": "i1"}),
    (GraphConv, {"x": "f2@nodes", "adj": "f2@nodes"}),
    (BatchedGraph, {"feat": "f3", "adj": "f3"}),
    (EdgeSum, {"x": "f2@nodes", "edge_index": "i2@edges", "edge_attr": "f2@edges"}),
    (DeepSets, "f3"),
    (Denoiser, {"x": "f4", "t": "i1"}),
    (ScoreModel, {"x": "f2", "sigma": "f1"}),
    (Detector, "f4"),
    (DictInput, {"batch": {"input_ids": "i2", "attention_mask": "b2|i2|f2", "image_feats": "f2"}}),
    (DataclassInput, {"sample": {"frames": "f3", "lengths": "i1"}}),
    (TupleInput, {"pair": {"left": "f2", "right": "f2"}}),
    (Unpacked, {"xs": {"0": "f2", "1": "f2"}}),
    (Pyramid, {"features": {"0": "f4", "1": "f4"}}),
    (Packed, {"seq": {"data": "f2@packed", "batch_sizes": "i1@length"}}),
    (InPlace, "f2"),
    (Lazy, "f4"),
    (Cached, "f2"),
    (ChannelsLast, "f4"),
    (Wave, "f2|f3"),
    (MelNet, "f3"),
    (Forecaster, "f3"),
    (ImageText, {"image": "f4", "text": "i2"}),
    (CrossAttention, {"query": "f3", "context": "f3"}),
    (Einsum, {"a": "f2", "b": "f2"}),
    (Checked, "f4"),
    (Bce, "f2"),
    (Upsampler, "f4"),
    (Volume, "f5"),
    (Clip3d, "f5"),
    (DocString, "f3"),
    (Comment, "f3"),
    (Ctc, {"feats": "f3", "feat_lens": "i1"}),
    (Generator, "f2"),
    (Conditional, {"x": "f2", "y": "i1"}),
    (Gumbel, "f2"),
    (GroupNormNet, "f4"),
    (Relational, {"head": "i1", "relation": "i1", "tail": "i1"}),
    (Swin, "f4"),
    (Stacked, "f2|f3|f4"),
    (Complex, "f2"),
]
