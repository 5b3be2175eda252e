"""Classes in the manner of research code: odd argument names, config objects, asserts, tables, modules as arguments.

Each case: the project, the class, and an input (as a function of the built model's arguments) that its forward takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

HEAD = "import math\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"


@dataclass(frozen=True)
class Case:
    """A class to build.

    Attributes:
        source: of ``net.py``, below the usual imports.
        feed: from the arguments (plain data by name) to what ``forward`` is called with.
        expected: arguments that must come out exactly so.
        files: further files of the project.
    """

    source: str
    feed: Callable[[dict[str, Any]], tuple[Any, ...]]
    expected: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def image(channels: int, side: int = 32) -> torch.Tensor:
    return torch.randn(2, channels, side, side)


def ids(below: int, length: int = 8) -> torch.Tensor:
    return torch.randint(0, below, (2, length))


CASES: dict[str, Case] = {
    "letters": Case(
        """
        class Net(nn.Module):
            def __init__(self, a, n1, n2, p):
                super().__init__()
                self.f = nn.Linear(a, n1)
                self.g = nn.Linear(n1, n2)
                self.drop = nn.Dropout(p)
            def forward(self, q):
                return self.g(self.drop(F.relu(self.f(q))))
        """,
        lambda given: (torch.randn(2, given["a"]),),
    ),
    "letters through a block": Case(
        """
        class Block(nn.Module):
            def __init__(self, u, v, k):
                super().__init__()
                self.c = nn.Conv2d(u, v, k, padding=k // 2)
                self.bn = nn.BatchNorm2d(v)
            def forward(self, t):
                return self.bn(self.c(t))

        class Net(nn.Module):
            def __init__(self, cc, w0, ww, out):
                super().__init__()
                self.one = Block(cc, w0, ww)
                self.two = Block(w0, 2 * w0, ww)
                self.end = nn.Linear(2 * w0, out)
            def forward(self, t):
                return self.end(self.two(self.one(t)).mean((2, 3)))
        """,
        lambda given: (image(given["cc"]),),
    ),
    "heads must divide": Case(
        """
        class Net(nn.Module):
            def __init__(self, d_model, n_heads, vocab, max_len):
                super().__init__()
                assert d_model % n_heads == 0, "bad heads"
                assert d_model // n_heads >= 16
                self.emb = nn.Embedding(vocab, d_model)
                self.pos = nn.Parameter(torch.zeros(max_len, d_model))
                self.att = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
            def forward(self, ids):
                h = self.emb(ids) + self.pos[: ids.shape[1]]
                return self.att(h, h, h)[0]
        """,
        lambda given: (ids(given["vocab"]),),
    ),
    "namespace": Case(
        """
        class Net(nn.Module):
            def __init__(self, args):
                super().__init__()
                self.args = args
                self.rnn = nn.GRU(args.feat_dim, args.hid, args.nlayers, batch_first=True, dropout=getattr(args, "drop", 0.0))
                self.out = nn.Linear(args.hid, args.nclass)
                if args.use_bn:
                    self.bn = nn.BatchNorm1d(args.hid)
            def forward(self, seq):
                h, _ = self.rnn(seq)
                return self.out(h[:, -1])
        """,
        lambda given: (torch.randn(2, 7, given["args"]["kwargs"]["feat_dim"]),),
    ),
    "nested namespace": Case(
        """
        class Encoder(nn.Module):
            def __init__(self, cfg):
                super().__init__()
                self.net = nn.Sequential(*[nn.Conv1d(cfg.in_ch if i == 0 else cfg.width, cfg.width, 3, padding=1) for i in range(cfg.depth)])
            def forward(self, x):
                return self.net(x)

        class Net(nn.Module):
            def __init__(self, cfg):
                super().__init__()
                self.enc = Encoder(cfg.encoder)
                self.head = nn.Linear(cfg.encoder.width, cfg.head.n_out)
            def forward(self, x):
                return self.head(self.enc(x).mean(-1))
        """,
        lambda given: (torch.randn(2, given["cfg"]["kwargs"]["encoder"]["kwargs"]["in_ch"], 20),),
    ),
    "dictionary": Case(
        """
        class Net(nn.Module):
            def __init__(self, config):
                super().__init__()
                dim = config["model"]["dim"]
                self.layers = nn.ModuleList([nn.Linear(dim, dim) for _ in range(config["model"]["n_layers"])])
                self.inp = nn.Linear(config["data"]["n_features"], dim)
                self.scale = config.get("scale", 1.0)
            def forward(self, x):
                x = self.inp(x) * self.scale
                for layer in self.layers:
                    x = layer(x).relu()
                return x
        """,
        lambda given: (torch.randn(2, given["config"]["data"]["n_features"]),),
    ),
    "key only read deep inside": Case(
        """
        def pick(c, *names):
            return [c[n] for n in names]

        class Net(nn.Module):
            def __init__(self, c):
                super().__init__()
                i, h = pick(c, "in_dim", "hidden_dim")
                self.f = nn.Linear(i, h)
            def forward(self, x):
                return self.f(x)
        """,
        lambda given: (torch.randn(2, given["c"]["in_dim"]),),
    ),
    "dataclass": Case(
        """
        from dataclasses import dataclass, field

        @dataclass
        class NetConfig:
            vocab_size: int
            block_size: int
            n_layer: int = 2
            n_head: int = 2
            n_embd: int = 32
            betas: tuple = (0.9, 0.95)

        class Net(nn.Module):
            def __init__(self, config: NetConfig):
                super().__init__()
                assert config.n_embd % config.n_head == 0
                self.wte = nn.Embedding(config.vocab_size, config.n_embd)
                self.wpe = nn.Embedding(config.block_size, config.n_embd)
                layer = nn.TransformerEncoderLayer(config.n_embd, config.n_head, 4 * config.n_embd, batch_first=True)
                self.h = nn.TransformerEncoder(layer, config.n_layer)
            def forward(self, idx):
                pos = torch.arange(idx.shape[1])
                return self.h(self.wte(idx) + self.wpe(pos))
        """,
        lambda given: (ids(given["config"]["kwargs"]["vocab_size"]),),
    ),
    "config found by name": Case(
        """
        class NetConfig:
            def __init__(self, width=24, kinds=("a", "b"), p=0.1):
                self.width = width
                self.kinds = kinds
                self.p = p

        class Net(nn.Module):
            def __init__(self, config):
                super().__init__()
                self.f = nn.Linear(6, config.width)
                self.gs = nn.ModuleDict({k: nn.Linear(config.width, 2) for k in config.kinds})
            def forward(self, x):
                h = self.f(x)
                return {k: g(h) for k, g in self.gs.items()}
        """,
        lambda given: (torch.randn(2, 6),),
        {"config": {"$call": "net:NetConfig", "args": [], "kwargs": {}}},
    ),
    "literal and enum": Case(
        """
        from enum import Enum
        from typing import Literal, Optional

        class Pool(Enum):
            MEAN = "mean"
            MAX = "max"

        class Net(nn.Module):
            def __init__(self, channels: int, kind: Literal["conv", "sep"], pool: Pool, hidden: Optional[int] = None):
                super().__init__()
                hidden = hidden or channels
                self.c = nn.Conv2d(channels, hidden, 3, groups=1 if kind == "conv" else channels)
                self.pool = pool
            def forward(self, x):
                h = self.c(x)
                return h.mean((2, 3)) if self.pool is Pool.MEAN else h.amax((2, 3))
        """,
        lambda given: (image(given["channels"]),),
        {"kind": "conv", "pool": {"$ref": "net:Pool.MEAN"}},
    ),
    "table of layers": Case(
        """
        ACTS = {"gelu": nn.GELU, "swish": nn.SiLU}
        NORMS = {"none": nn.Identity, "l": nn.LayerNorm}

        class Net(nn.Module):
            def __init__(self, d_in, sizes, act, nrm):
                super().__init__()
                layers = []
                for s in sizes:
                    layers += [nn.Linear(d_in, s), NORMS[nrm](s), ACTS[act]()]
                    d_in = s
                self.body = nn.Sequential(*layers)
            def forward(self, x):
                return self.body(x)
        """,
        lambda given: (torch.randn(2, given["d_in"]),),
        {"act": "gelu", "nrm": "none"},
    ),
    "one of": Case(
        """
        class Net(nn.Module):
            def __init__(self, n_feats, mode, how="x"):
                super().__init__()
                if mode not in ("early", "late"):
                    raise ValueError(f"mode must be early or late, got {mode}")
                self.mode = mode
                self.f = nn.Linear(n_feats, 4)
            def forward(self, x):
                return self.f(x)
        """,
        lambda given: (torch.randn(2, given["n_feats"]),),
        {"mode": "early"},
    ),
    "hidden choices": Case(
        """
        def make(name, dim):
            if name == "ln":
                return nn.LayerNorm(dim)
            elif name == "rms":
                return nn.RMSNorm(dim)
            raise NotImplementedError(name)

        class Net(nn.Module):
            def __init__(self, dim, layer_kind):
                super().__init__()
                self.n = make(layer_kind, dim)
            def forward(self, x):
                return self.n(x)
        """,
        lambda given: (torch.randn(2, 5, given["dim"]),),
    ),
    "lists that belong together": Case(
        """
        class Net(nn.Module):
            def __init__(self, in_ch, chs, ks, downs):
                super().__init__()
                assert len(ks) == len(chs), "one kernel a level"
                if len(downs) != len(chs) - 1:
                    raise ValueError("one less")
                self.levels = nn.ModuleList()
                for i, (c, k) in enumerate(zip(chs, ks)):
                    stride = 1 if i == 0 else downs[i - 1]
                    self.levels.append(nn.Conv2d(in_ch, c, k, stride=stride, padding=k // 2))
                    in_ch = c
            def forward(self, x):
                for level in self.levels:
                    x = level(x)
                return x
        """,
        lambda given: (image(given["in_ch"]),),
    ),
    "indexed": Case(
        """
        class Net(nn.Module):
            def __init__(self, dims):
                super().__init__()
                self.a = nn.Linear(dims[0], dims[1])
                self.b = nn.Linear(dims[1], dims[2])
                self.c = nn.Linear(dims[2], dims[4])
            def forward(self, x):
                return self.c(self.b(self.a(x)))
        """,
        lambda given: (torch.randn(2, given["dims"][0]),),
    ),
    "unpacked": Case(
        """
        class Net(nn.Module):
            def __init__(self, obs_shape, act_dim):
                super().__init__()
                c, h, w = obs_shape
                self.conv = nn.Conv2d(c, 4, 3, padding=1)
                self.fc = nn.Linear(4 * h * w, act_dim)
            def forward(self, obs):
                return self.fc(self.conv(obs).flatten(1))
        """,
        lambda given: (torch.randn(2, *given["obs_shape"]),),
    ),
    "patches must divide": Case(
        """
        class Net(nn.Module):
            def __init__(self, *, img, ps, width, classes):
                super().__init__()
                if img % ps:
                    raise RuntimeError("image not divisible")
                n = (img // ps) ** 2
                self.ps = ps
                self.proj = nn.Linear(3 * ps * ps, width)
                self.mix = nn.Linear(n, n)
                self.head = nn.Linear(width, classes)
            def forward(self, x):
                p = F.unfold(x, self.ps, stride=self.ps).transpose(1, 2)
                h = self.proj(p)
                h = h + self.mix(h.transpose(1, 2)).transpose(1, 2)
                return self.head(h.mean(1))
        """,
        lambda given: (image(3, given["img"]),),
    ),
    "encoder as argument": Case(
        """
        class SmallEncoder(nn.Module):
            def __init__(self, in_dim, latent_dim):
                super().__init__()
                self.latent_dim = latent_dim
                self.f = nn.Linear(in_dim, latent_dim)
            def forward(self, x):
                return self.f(x)

        class Net(nn.Module):
            def __init__(self, encoder, n_classes):
                super().__init__()
                self.encoder = encoder
                self.head = nn.Linear(encoder.latent_dim, n_classes)
            def forward(self, x):
                return self.head(self.encoder(x))
        """,
        lambda given: (torch.randn(2, given["encoder"]["kwargs"]["in_dim"]),),
    ),
    "asserted instance": Case(
        """
        class Core(nn.Module):
            def __init__(self, dim, depth):
                super().__init__()
                self.dim = dim
                self.fs = nn.Sequential(*[nn.Linear(dim, dim) for _ in range(depth)])
            def forward(self, x):
                return self.fs(x)

        class Net(nn.Module):
            def __init__(self, thing, num_out):
                super().__init__()
                assert isinstance(thing, Core), "wrap a Core"
                self.core = thing
                self.out = nn.Linear(thing.dim, num_out)
            def forward(self, x):
                return self.out(self.core(x))
        """,
        lambda given: (torch.randn(2, given["thing"]["kwargs"]["dim"]),),
    ),
    "class as argument": Case(
        """
        class Net(nn.Module):
            def __init__(self, width, block, norm_layer, n_blocks, act):
                super().__init__()
                self.blocks = nn.Sequential(*[nn.Sequential(block(width), norm_layer(width), act()) for _ in range(n_blocks)])
            def forward(self, x):
                return self.blocks(x)

        class ResBlock(nn.Module):
            def __init__(self, ch):
                super().__init__()
                self.f = nn.Linear(ch, ch)
            def forward(self, x):
                return x + self.f(x)
        """,
        lambda given: (torch.randn(2, given["width"]),),
    ),
    "callable": Case(
        """
        from typing import Callable

        class Net(nn.Module):
            def __init__(self, dim: int, fn: Callable):
                super().__init__()
                self.f = nn.Linear(dim, dim)
                self.fn = fn
            def forward(self, x):
                return self.fn(self.f(x))
        """,
        lambda given: (torch.randn(2, given["dim"]),),
    ),
    "text annotations": Case(
        """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from nowhere import Thing

        class Net(nn.Module):
            def __init__(self, width: int, layers: list[int], drop: float | None, thing: Thing | None = None):
                super().__init__()
                sizes = [width, *layers]
                self.fs = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
                self.drop = nn.Dropout(drop or 0.0)
            def forward(self, x):
                for f in self.fs:
                    x = self.drop(f(x))
                return x
        """,
        lambda given: (torch.randn(2, given["width"]),),
    ),
    "none that fails": Case(
        """
        class Net(nn.Module):
            def __init__(self, dim=None, depth=2, sizes=None):
                super().__init__()
                self.f = nn.Linear(dim, dim * depth)
                self.g = nn.ModuleList(nn.Linear(dim * depth, s) for s in sizes)
            def forward(self, x):
                return [g(self.f(x)) for g in self.g]
        """,
        lambda given: (torch.randn(2, given["dim"]),),
    ),
    "keywords passed on": Case(
        """
        class Base(nn.Module):
            def __init__(self, in_channels, hidden_channels, bias=True):
                super().__init__()
                self.f = nn.Conv1d(in_channels, hidden_channels, 1, bias=bias)

        class Net(Base):
            def __init__(self, k, **kwargs):
                super().__init__(**kwargs)
                self.pool = nn.MaxPool1d(k)
            def forward(self, x):
                return self.pool(self.f(x))
        """,
        lambda given: (torch.randn(2, given["in_channels"], 16),),
    ),
    "group norm": Case(
        """
        class Net(nn.Module):
            def __init__(self, ch, groups, mults):
                super().__init__()
                self.inp = nn.Conv2d(3, ch, 3, padding=1)
                self.norms = nn.ModuleList(nn.GroupNorm(groups, ch * m) for m in mults)
                self.convs = nn.ModuleList(nn.Conv2d(ch * (mults[i - 1] if i else 1), ch * m, 1) for i, m in enumerate(mults))
            def forward(self, x):
                x = self.inp(x)
                for conv, norm in zip(self.convs, self.norms):
                    x = norm(conv(x))
                return x
        """,
        lambda given: (image(3),),
    ),
    "prints, exits, parses": Case(
        """
        import argparse, sys

        class Net(nn.Module):
            def __init__(self, size):
                super().__init__()
                print("building", size)
                argparse.ArgumentParser().parse_known_args()
                if size < 40:
                    sys.exit("too small")
                self.f = nn.Linear(size, 2)
            def forward(self, x):
                return self.f(x)
        """,
        lambda given: (torch.randn(2, given["size"]),),
    ),
    "pretrained by default": Case(
        """
        class Net(nn.Module):
            def __init__(self, num_classes=7, pretrained=True):
                super().__init__()
                self.f = nn.Linear(5, num_classes)
                if pretrained:
                    self.load_state_dict(torch.hub.load_state_dict_from_url("https://example.org/net.pt"))
            def forward(self, x):
                return self.f(x)
        """,
        lambda given: (torch.randn(2, 5),),
        {"pretrained": False},
    ),
    "tensor": Case(
        """
        class Net(nn.Module):
            def __init__(self, weights_matrix, n_hidden):
                super().__init__()
                n, d = weights_matrix.shape
                self.e = nn.Embedding.from_pretrained(weights_matrix, freeze=False)
                self.f = nn.Linear(d, n_hidden)
            def forward(self, ids):
                return self.f(self.e(ids)).mean(1)
        """,
        lambda given: (ids(5),),
    ),
    "power of two": Case(
        """
        class Net(nn.Module):
            def __init__(self, resolution, max_ch):
                super().__init__()
                n = int(math.log2(resolution))
                if 2 ** n != resolution or n < 4:
                    raise ValueError("resolution must be a power of 2 and at least 16")
                chs = [min(max_ch, 4 * 2 ** i) for i in range(n)]
                self.convs = nn.ModuleList(nn.Conv2d(3 if i == 0 else chs[i - 1], c, 3, 2, 1) for i, c in enumerate(chs))
            def forward(self, x):
                for conv in self.convs:
                    x = conv(x)
                return x.flatten(1)
        """,
        lambda given: (image(3, given["resolution"]),),
    ),
    "called by the project": Case(
        """
        class Net(nn.Module):
            def __init__(self, qq, zz, kind):
                super().__init__()
                assert kind == "special-7"
                self.f = nn.Linear(qq, zz)
            def forward(self, x):
                return self.f(x)
        """,
        lambda given: (torch.randn(2, 11),),
        {"qq": 11, "zz": 3, "kind": "special-7"},
        {"scripts/train.py": "from net import Net\nWIDTH = 11\nmodel = Net(WIDTH, zz=3, kind='special-7')\n"},
    ),
    "values in a config file": Case(
        """
        class Net(nn.Module):
            def __init__(self, n_in, n_mid, variant):
                super().__init__()
                table = {"tiny-x": 1, "big-x": 2}
                self.f = nn.Sequential(nn.Linear(n_in, n_mid), *[nn.Linear(n_mid, n_mid) for _ in range(table[variant])])
            def forward(self, x):
                return self.f(x)
        """,
        lambda given: (torch.randn(2, 13),),
        {"n_in": 13, "n_mid": 17, "variant": "big-x"},
        {"configs/net.yaml": "model:\n  n_in: 13\n  n_mid: 17\n  variant: big-x\n"},
    ),
    "keywords read by key": Case(
        """
        class Net(nn.Module):
            def __init__(self, **kwargs):
                super().__init__()
                self.f = nn.Linear(kwargs["in_dim"], kwargs["hidden_dim"])
                self.g = nn.Linear(kwargs["hidden_dim"], kwargs.get("out_dim", 3))
            def forward(self, x):
                return self.g(self.f(x))
        """,
        lambda given: (torch.randn(2, given["in_dim"]),),
    ),
    "any number of sizes": Case(
        """
        class Net(nn.Module):
            def __init__(self, *dims):
                super().__init__()
                self.fs = nn.ModuleList(nn.Linear(a, b) for a, b in zip(dims[:-1], dims[1:]))
            def forward(self, x):
                for f in self.fs:
                    x = f(x)
                return x
        """,
        lambda given: (torch.randn(2, given["*dims"][0]),),
    ),
    "pairs in a list": Case(
        """
        class Net(nn.Module):
            def __init__(self, in_ch, plan):
                super().__init__()
                layers = []
                for width, repeats in plan:
                    for _ in range(repeats):
                        layers += [nn.Conv2d(in_ch, width, 3, padding=1), nn.ReLU()]
                        in_ch = width
                self.body = nn.Sequential(*layers)
            def forward(self, x):
                return self.body(x)
        """,
        lambda given: (image(given["in_ch"]),),
    ),
    "sizes by name": Case(
        """
        class Net(nn.Module):
            def __init__(self, modalities, hidden):
                super().__init__()
                self.encoders = nn.ModuleDict({name: nn.Linear(dim, hidden) for name, dim in modalities.items()})
            def forward(self, batch):
                return sum(self.encoders[name](x) for name, x in batch.items())
        """,
        lambda given: ({name: torch.randn(2, dim) for name, dim in given["modalities"].items()},),
    ),
    "sum of field sizes": Case(
        """
        import numpy as np

        class Net(nn.Module):
            def __init__(self, field_dims, embed_dim):
                super().__init__()
                self.e = nn.Embedding(sum(field_dims), embed_dim)
                self.offsets = np.array((0, *np.cumsum(field_dims)[:-1]), dtype=np.int64)
            def forward(self, x):
                return self.e(x + x.new_tensor(self.offsets).unsqueeze(0)).sum((1, 2))
        """,
        lambda given: (torch.zeros(2, len(given["field_dims"]), dtype=torch.long),),
    ),
    "numpy matrix": Case(
        """
        import numpy as np

        class Net(nn.Module):
            def __init__(self, emb_matrix, hid):
                super().__init__()
                num, size = emb_matrix.shape
                self.e = nn.Embedding(num, size)
                self.e.weight.data.copy_(torch.from_numpy(emb_matrix))
                self.rnn = nn.LSTM(size, hid, batch_first=True)
            def forward(self, ids):
                return self.rnn(self.e(ids))[0][:, -1]
        """,
        lambda given: (ids(5),),
    ),
    "vocabulary object": Case(
        """
        class Net(nn.Module):
            def __init__(self, vocab, dim):
                super().__init__()
                self.e = nn.Embedding(len(vocab), dim, padding_idx=vocab["<pad>"])
            def forward(self, ids):
                return self.e(ids)
        """,
        lambda given: (torch.zeros(2, 4, dtype=torch.long),),
    ),
    "config that keeps any keyword": Case(
        """
        class GPTConfig:
            embd_pdrop = 0.1
            def __init__(self, vocab_size, block_size, **kwargs):
                self.vocab_size = vocab_size
                self.block_size = block_size
                for k, v in kwargs.items():
                    setattr(self, k, v)

        class Net(nn.Module):
            def __init__(self, config):
                super().__init__()
                assert config.n_embd % config.n_head == 0
                self.tok = nn.Embedding(config.vocab_size, config.n_embd)
                self.pos = nn.Parameter(torch.zeros(1, config.block_size, config.n_embd))
                self.drop = nn.Dropout(config.embd_pdrop)
                self.blocks = nn.ModuleList(
                    nn.TransformerEncoderLayer(config.n_embd, config.n_head, batch_first=True) for _ in range(config.n_layer)
                )
            def forward(self, idx):
                x = self.drop(self.tok(idx) + self.pos[:, : idx.shape[1]])
                for block in self.blocks:
                    x = block(x)
                return x
        """,
        lambda given: (ids(given["config"]["kwargs"]["vocab_size"]),),
    ),
    "nested dataclasses": Case(
        """
        from dataclasses import dataclass, field
        from enum import Enum

        class Kind(str, Enum):
            A = "a"
            B = "b"

        @dataclass
        class Enc:
            width: int
            kind: Kind
            depth: int = 2

        @dataclass
        class Cfg:
            enc: Enc
            n_out: int
            names: list = field(default_factory=lambda: ["x", "y"])
            def __post_init__(self):
                assert self.n_out > 6, "too few"

        class Net(nn.Module):
            def __init__(self, cfg: Cfg):
                super().__init__()
                self.body = nn.Sequential(*[nn.Linear(cfg.enc.width, cfg.enc.width) for _ in range(cfg.enc.depth)])
                self.heads = nn.ModuleList(nn.Linear(cfg.enc.width, cfg.n_out) for _ in cfg.names)
            def forward(self, x):
                return [h(self.body(x)) for h in self.heads]
        """,
        lambda given: (torch.randn(2, given["cfg"]["kwargs"]["enc"]["kwargs"]["width"]),),
    ),
    "options of a base class": Case(
        """
        class BaseModel(nn.Module):
            def __init__(self, opt):
                super().__init__()
                self.opt = opt
                self.gpu_ids = opt.gpu_ids
                self.is_train = opt.isTrain
                self.device = torch.device("cuda:0") if self.gpu_ids and torch.cuda.is_available() else torch.device("cpu")
                self.build()

        class Net(BaseModel):
            def build(self):
                o = self.opt
                self.g = nn.Conv2d(o.input_nc, o.ngf, 3, padding=1)
                self.d = nn.Conv2d(o.ngf, o.output_nc, 3, padding=1)
                if len(self.gpu_ids) > 4:
                    raise RuntimeError("too many")
            def forward(self, x):
                return self.d(self.g(x))
        """,
        lambda given: (image(given["opt"]["kwargs"]["input_nc"]),),
    ),
    "registry": Case(
        """
        ENCODERS = {}

        def register(name):
            def wrap(cls):
                ENCODERS[name] = cls
                return cls
            return wrap

        @register("mlp-enc")
        class MlpEnc(nn.Module):
            def __init__(self, cfg):
                super().__init__()
                self.f = nn.Linear(cfg.n_features, cfg.d)
            def forward(self, x):
                return self.f(x)

        class Net(nn.Module):
            def __init__(self, cfg):
                super().__init__()
                self.enc = ENCODERS[cfg.encoder_name](cfg)
                self.out = nn.Linear(cfg.d, cfg.n_classes)
            def forward(self, x):
                return self.out(self.enc(x))
        """,
        lambda given: (torch.randn(2, given["cfg"]["kwargs"]["n_features"]),),
    ),
    "cuda by default": Case(
        """
        class Net(nn.Module):
            def __init__(self, n_in, n_out, device="cuda:7"):
                super().__init__()
                self.f = nn.Linear(n_in, n_out).to(device)
            def forward(self, x):
                return self.f(x)
        """,
        lambda given: (torch.randn(2, given["n_in"]),),
        {"device": "cpu"},
    ),
    "dictionary with attributes": Case(
        """
        class AttrDict(dict):
            __getattr__ = dict.__getitem__

        class Net(nn.Module):
            def __init__(self, hps):
                super().__init__()
                self.f = nn.Linear(hps.n_in, hps["n_hidden"])
                self.fs = nn.ModuleList(nn.Linear(hps.n_hidden, hps.n_hidden) for _ in range(hps.n_layers))
            def forward(self, x):
                x = self.f(x)
                for f in self.fs:
                    x = f(x)
                return x
        """,
        lambda given: (torch.randn(2, given["hps"]["kwargs"]["n_in"]),),
    ),
    "one width for two": Case(
        """
        class Net(nn.Module):
            def __init__(self, text_dim, image_dim, shared):
                super().__init__()
                self.t = nn.Linear(text_dim, shared)
                self.i = nn.Linear(image_dim, shared)
                self.scale = nn.Parameter(torch.ones(()))
            def forward(self, text, image):
                return self.scale * self.t(text) @ self.i(image).T
        """,
        lambda given: (torch.randn(2, given["text_dim"]), torch.randn(2, given["image_dim"])),
    ),
    "factory": Case(
        """
        class Core(nn.Module):
            def __init__(self, dim, depth, act):
                super().__init__()
                self.f = nn.Sequential(*[nn.Linear(dim, dim) for _ in range(depth)], act)
            def forward(self, x):
                return self.f(x)

        def Net(width, n_layers, activation="relu"):
            acts = {"relu": nn.ReLU(), "tanh": nn.Tanh()}
            return Core(width, n_layers, acts[activation])
        """,
        lambda given: (torch.randn(2, given["width"]),),
    ),
    "product of two": Case(
        """
        class Net(nn.Module):
            def __init__(self, hidden_size, num_heads, head_dim, n_tokens):
                super().__init__()
                if hidden_size != num_heads * head_dim:
                    raise ValueError(f"hidden_size must be num_heads * head_dim ({num_heads * head_dim})")
                self.e = nn.Embedding(n_tokens, hidden_size)
                self.qkv = nn.Linear(hidden_size, 3 * num_heads * head_dim)
            def forward(self, ids):
                return self.qkv(self.e(ids))
        """,
        lambda given: (ids(given["n_tokens"]),),
    ),
    "named tuple": Case(
        """
        from typing import NamedTuple

        class Dims(NamedTuple):
            inp: int
            mid: int
            out: int = 3

        class Net(nn.Module):
            def __init__(self, dims: Dims):
                super().__init__()
                self.f = nn.Linear(dims.inp, dims.mid)
                self.g = nn.Linear(dims.mid, dims.out)
            def forward(self, x):
                return self.g(self.f(x))
        """,
        lambda given: (torch.randn(2, given["dims"]["kwargs"]["inp"]),),
    ),
    "list of modules": Case(
        """
        class Net(nn.Module):
            def __init__(self, experts: "list[nn.Module]", gate: nn.Module):
                super().__init__()
                self.experts = nn.ModuleList(experts)
                self.gate = gate
            def forward(self, x):
                return sum(e(x) for e in self.experts), self.gate(x)
        """,
        lambda given: (torch.randn(2, 12),),
    ),
    "config with a device and a train section": Case(
        """
        class Net(nn.Module):
            def __init__(self, cfg):
                super().__init__()
                self.lr = cfg.train.lr
                self.steps = cfg.train.values
                self.f = nn.Linear(cfg.model.size, cfg.model.hidden).to(cfg.device)
            def forward(self, x):
                return self.f(x)
        """,
        lambda given: (torch.randn(2, given["cfg"]["kwargs"]["model"]["kwargs"]["size"]),),
    ),
}
