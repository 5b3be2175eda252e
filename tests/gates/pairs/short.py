"""Short pairs (code, wrong, right) in many hands: what is common to them stands in a letter each."""

H = "import torch\nfrom torch import nn, optim\nimport torch.nn.functional as F\nfrom torch.utils.data import DataLoader, DistributedSampler\nimport os\n\n"
SHORT: list[tuple[str, str, str]] = []


def p(code: str, bad: str, good: str) -> None:
    SHORT.append((code, H + bad, H + good))


# T05: phase dict w/out eval
B = """def run(model, dls, opt, crit, dev, epochs):
    for ep in range(epochs):
        for phase in ("train", "val"):
            model.train()
            tot = torch.zeros((), device=dev)
            for x, y in dls[phase]:
                x, y = x.to(dev), y.to(dev)
                opt.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    loss = crit(model(x), y)
                    if phase == "train":
                        loss.backward()
                        opt.step()
                tot += loss.detach()
            print(phase, tot.item())
"""
p("TG105", B, B.replace("            model.train()\n", '            model.train(phase == "train")\n'))
B2 = B.replace("            model.train()\n", '            model.train(phase == "train")\n')
p(
    "TG106",
    B2.replace(
        '                with torch.set_grad_enabled(phase == "train"):\n                    loss = crit(model(x), y)\n                    if phase == "train":\n                        loss.backward()\n                        opt.step()\n',
        '                loss = crit(model(x), y)\n                if phase == "train":\n                    loss.backward()\n                    opt.step()\n',
    ),
    B2,
)
# T05: predict with list comp
p(
    "TG105",
    """@torch.no_grad()
def predict(net, loader, dev):
    return torch.cat([net(x.to(dev)).argmax(1) for x, _ in loader])
""",
    """@torch.no_grad()
def predict(net, loader, dev):
    net.eval()
    return torch.cat([net(x.to(dev)).argmax(1) for x, _ in loader])
""",
)
# T05 load then inference
p(
    "TG105",
    """def infer(path, batches, dev):
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)).to(dev)
    model.load_state_dict(torch.load(path, map_location=dev, weights_only=True))
    out = []
    with torch.no_grad():
        for x in batches:
            out.append(model(x.to(dev)))
    return torch.cat(out)
""",
    """def infer(path, batches, dev):
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)).to(dev)
    model.load_state_dict(torch.load(path, map_location=dev, weights_only=True))
    model.eval()
    out = []
    with torch.no_grad():
        for x in batches:
            out.append(model(x.to(dev)))
    return torch.cat(out)
""",
)
# T07 evaluate in middle of epoch
V = """def evaluate(model, val_loader, crit, dev):
    model.eval()
    tot = n = 0
    with torch.no_grad():
        for x, y in val_loader:
            x, y = x.to(dev), y.to(dev)
            tot += crit(model(x), y) * len(x)
            n += len(x)
    return tot / n


def train(model, train_loader, val_loader, opt, crit, dev, epochs):
    for ep in range(epochs):
        model.train()
        for i, (x, y) in enumerate(train_loader):
            x, y = x.to(dev), y.to(dev)
            opt.zero_grad()
            loss = crit(model(x), y)
            loss.backward()
            opt.step()
            if i % 500 == 0:
                print(evaluate(model, val_loader, crit, dev))
                model.train()
"""
p("TG107", V.replace("                model.train()\n", ""), V)
# T09
T = """def fit(model, loader, crit, epochs, dev):
    opt = optim.SGD(model.parameters(), lr=0.1)
    sch = optim.lr_scheduler.CosineAnnealingLR(opt, T_max=epochs)
    for epoch in range(epochs):
        model.train()
        for x, y in loader:
            x, y = x.to(dev), y.to(dev)
            opt.zero_grad()
            crit(model(x), y).backward()
            opt.step()
        sch.step()
"""
p(
    "TG109",
    T.replace("            opt.step()\n        sch.step()\n", "            opt.step()\n            sch.step()\n"),
    T,
)
p("TG109", T.replace("T_max=epochs", "T_max=epochs * len(loader)"), T)
p(
    "TG109",
    T.replace("optim.lr_scheduler.CosineAnnealingLR(opt, T_max=epochs)", "optim.lr_scheduler.ReduceLROnPlateau(opt)"),
    T.replace(
        "optim.lr_scheduler.CosineAnnealingLR(opt, T_max=epochs)", "optim.lr_scheduler.ReduceLROnPlateau(opt)"
    ).replace("sch.step()", "sch.step(1.0)"),
)
p(
    "TG109",
    T.replace("CosineAnnealingLR(opt, T_max=epochs)", "ExponentialLR(opt, gamma=0.95)").replace(
        "            opt.step()\n        sch.step()\n", "            opt.step()\n            sch.step()\n"
    ),
    T.replace("CosineAnnealingLR(opt, T_max=epochs)", "ExponentialLR(opt, gamma=0.95)"),
)
p(
    "TG109",
    T.replace("CosineAnnealingLR(opt, T_max=epochs)", "OneCycleLR(opt, max_lr=1.0, total_steps=epochs * len(loader))"),
    T.replace(
        "CosineAnnealingLR(opt, T_max=epochs)", "OneCycleLR(opt, max_lr=1.0, total_steps=epochs * len(loader))"
    ).replace("            opt.step()\n        sch.step()\n", "            opt.step()\n            sch.step()\n"),
)
W = T.replace(
    "    sch = optim.lr_scheduler.CosineAnnealingLR(opt, T_max=epochs)\n",
    "    warmup_steps = 500\n    sch = optim.lr_scheduler.LambdaLR(opt, lambda step: min(1.0, (step + 1) / warmup_steps))\n",
)
p(
    "TG109",
    W,
    W.replace("            opt.step()\n        sch.step()\n", "            opt.step()\n            sch.step()\n"),
)
p(
    "TG109",
    T.replace("CosineAnnealingLR(opt, T_max=epochs)", "LinearLR(opt, start_factor=0.1, total_iters=1000)"),
    T.replace("CosineAnnealingLR(opt, T_max=epochs)", "LinearLR(opt, start_factor=0.1, total_iters=1000)").replace(
        "            opt.step()\n        sch.step()\n", "            opt.step()\n            sch.step()\n"
    ),
)
p(
    "TG108",
    T.replace("            opt.step()\n        sch.step()\n", "            opt.step()\n").replace(
        "        model.train()\n", "        sch.step()\n        model.train()\n"
    ),
    T,
)
# T12
M = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(10, 3)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        return self.softmax(self.fc(x))


class Trainer:
    def __init__(self, lr):
        self.model = Net()
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = optim.Adam(self.model.parameters(), lr=lr)

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()
"""
p("TG112", M, M.replace("return self.softmax(self.fc(x))", "return self.fc(x)"))
p(
    "TG112",
    """def loss(model, x, y):
    crit = nn.NLLLoss()
    probs = torch.softmax(model(x), dim=-1)
    return crit(probs, y)
""",
    """def loss(model, x, y):
    crit = nn.NLLLoss()
    probs = torch.log_softmax(model(x), dim=-1)
    return crit(probs, y)
""",
)
p(
    "TG112",
    """def loss(model, x, y):
    score = torch.sigmoid(model(x)).squeeze(1)
    return nn.BCEWithLogitsLoss()(score, y)
""",
    """def loss(model, x, y):
    score = model(x).squeeze(1)
    return nn.BCEWithLogitsLoss()(score, y)
""",
)
p(
    "TG112",
    """net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid())
criterion = nn.BCEWithLogitsLoss()
opt = optim.SGD(net.parameters(), lr=0.1)
for x, y in train_loader:
    opt.zero_grad()
    loss = criterion(net(x), y)
    loss.backward()
    opt.step()
""",
    """net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
criterion = nn.BCEWithLogitsLoss()
opt = optim.SGD(net.parameters(), lr=0.1)
for x, y in train_loader:
    opt.zero_grad()
    loss = criterion(net(x), y)
    loss.backward()
    opt.step()
""",
)
# T13 trainer
C = '''from train.base_trainer import Trainer


class XTrainer(Trainer):
    """Doc."""

    def compute_loss(self, batch):
        x = batch["x"].to(self.device)
        mask = torch.zeros(x.shape, device=self.device)
        return F.mse_loss(self.model(x), x + mask)
'''
p("TG113", C.replace(".to(self.device)", ".cuda()"), C)
p("TG113", C.replace("device=self.device", 'device="cuda:0"'), C)
p("TG114", C.replace(", device=self.device", ""), C)
p(
    "TG126",
    C.replace(
        "        return F.mse_loss(self.model(x), x + mask)\n",
        "        loss = F.mse_loss(self.model(x), x + mask)\n        return loss.item()\n",
    ),
    C,
)
p(
    "TG126",
    C.replace(
        "        return F.mse_loss(self.model(x), x + mask)\n",
        "        with torch.no_grad():\n            out = self.model(x)\n        return F.mse_loss(out, x + mask)\n",
    ),
    C,
)
p(
    "TG126",
    C.replace(
        "        return F.mse_loss(self.model(x), x + mask)\n",
        "        out = self.model(x).detach()\n        return F.mse_loss(out, x + mask)\n",
    ),
    C,
)
p(
    "TG126",
    C.replace(
        "        return F.mse_loss(self.model(x), x + mask)\n",
        "        out = self.model(x).detach().cpu().numpy()\n        return torch.tensor(((out - 1) ** 2).mean())\n",
    ),
    C,
)
p("TG127", C.replace("x + mask)", "x + mask, reduction='none')"), C)
p(
    "TG127",
    C.replace(
        "        return F.mse_loss(self.model(x), x + mask)\n",
        "        return F.mse_loss(self.model(x), x + mask, reduction='none').mean(dim=1)\n",
    ),
    C,
)
p(
    "TG127",
    C.replace(
        "        return F.mse_loss(self.model(x), x + mask)\n",
        "        return {'loss': F.mse_loss(self.model(x), x + mask)}\n",
    ),
    C,
)
p(
    "TG103",
    C.replace(
        "        return F.mse_loss(self.model(x), x + mask)\n",
        "        loss = F.mse_loss(self.model(x), x + mask)\n        self.losses.append(loss)\n        return loss\n",
    ),
    C,
)
p(
    "TG103",
    C.replace(
        "        return F.mse_loss(self.model(x), x + mask)\n",
        "        loss = F.mse_loss(self.model(x), x + mask)\n        self.total = self.total + loss\n        return loss\n",
    ),
    C,
)
p(
    "TG103",
    C.replace(
        "        return F.mse_loss(self.model(x), x + mask)\n",
        "        loss = F.mse_loss(self.model(x), x + mask)\n        self._last_batch_metrics = {'mse': loss}\n        return loss\n",
    ),
    C.replace(
        "        return F.mse_loss(self.model(x), x + mask)\n",
        "        loss = F.mse_loss(self.model(x), x + mask)\n        self._last_batch_metrics = {'mse': loss.detach()}\n        return loss\n",
    ),
)
p(
    "TG104",
    C.replace(
        "        return F.mse_loss(self.model(x), x + mask)\n",
        "        loss = F.mse_loss(self.model(x), x + mask)\n        self._last_batch_metrics = {'mse': loss.item()}\n        return loss\n",
    ),
    C,
)
p(
    "TG104",
    C.replace(
        "        return F.mse_loss(self.model(x), x + mask)\n",
        "        loss = F.mse_loss(self.model(x), x + mask)\n        if loss > 10:\n            raise ValueError('loss')\n        return loss\n",
    ),
    C,
)
# T16
p(
    "TG116",
    """import random
import numpy as np
SEED = 7


def init(worker_id):
    random.seed(SEED)
    np.random.seed(SEED)


def make(ds):
    return DataLoader(ds, 8, shuffle=True, num_workers=4, worker_init_fn=init)
""",
    """import random
import numpy as np
SEED = 7


def init(worker_id):
    random.seed(SEED + worker_id)
    np.random.seed(SEED + worker_id)


def make(ds):
    return DataLoader(ds, 8, shuffle=True, num_workers=4, worker_init_fn=init)
""",
)
# T17 inline
D = """def main(ds, model, opt, crit, epochs):
    loader = DataLoader(ds, batch_size=8, sampler=DistributedSampler(ds))
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)
        for x, y in loader:
            opt.zero_grad()
            crit(model(x), y).backward()
            opt.step()
"""
p("TG117", D.replace("        loader.sampler.set_epoch(epoch)\n", ""), D)
# T18
p(
    "TG118",
    """class Data:
    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=8)
""",
    """class Data:
    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=8, shuffle=True)
""",
)
p(
    "TG118",
    """def mk(train_ds, val_ds):
    loader = DataLoader(train_ds, batch_size=8, shuffle=False)
    return loader
""",
    """def mk(train_ds, val_ds):
    loader = DataLoader(train_ds, batch_size=8, shuffle=True)
    return loader
""",
)
# T22-24
K = """class T:
    def __init__(self, model, optimizer, scheduler, path):
        self.model, self.optimizer, self.scheduler, self.path = model, optimizer, scheduler, path
        self.start_epoch = 0

    def save(self, epoch):
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "scheduler": self.scheduler.state_dict(), "epoch": epoch}
        tmp = str(self.path) + ".tmp"
        torch.save(state, tmp)
        os.replace(tmp, self.path)

    def resume(self):
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.start_epoch = state["epoch"] + 1

    def fit(self, loader, crit, epochs):
        self.resume()
        for epoch in range(self.start_epoch, epochs):
            self.model.train()
            for x, y in loader:
                self.optimizer.zero_grad()
                crit(self.model(x), y).backward()
                self.optimizer.step()
            self.scheduler.step()
            self.save(epoch)
"""
p(
    "TG123",
    K.replace(
        '        tmp = str(self.path) + ".tmp"\n        torch.save(state, tmp)\n        os.replace(tmp, self.path)\n',
        "        torch.save(state, self.path)\n",
    ),
    K,
)
p(
    "TG124",
    K.replace('"optimizer": self.optimizer.state_dict(), ', "").replace(
        '        self.optimizer.load_state_dict(state["optimizer"])\n', ""
    ),
    K,
)
p("TG124", K.replace(', "epoch": epoch}', "}").replace('        self.start_epoch = state["epoch"] + 1\n', ""), K)
p(
    "TG124",
    K.replace('"scheduler": self.scheduler.state_dict(), ', "").replace(
        '        self.scheduler.load_state_dict(state["scheduler"])\n', ""
    ),
    K,
)
p(
    "TG122",
    K.replace('"model": self.model.state_dict()', '"model": self.model').replace(
        'self.model.load_state_dict(state["model"])', 'self.model = state["model"]'
    ),
    K,
)
G = """def save_checkpoint(path, model, optimizer, epoch):
    tmp = path.with_suffix(".tmp")
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}, tmp)
    tmp.replace(path)


def load_checkpoint(path, model, optimizer):
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["epoch"] + 1


def main(model, optimizer, loader, crit, ckpt_path, epochs):
    start = load_checkpoint(ckpt_path, model, optimizer) if ckpt_path.exists() else 0
    for epoch in range(start, epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            crit(model(x), y).backward()
            optimizer.step()
        save_checkpoint(ckpt_path, model, optimizer, epoch)
"""
p(
    "TG123",
    G.replace('    tmp = path.with_suffix(".tmp")\n', "")
    .replace(", tmp)", ", path)")
    .replace("    tmp.replace(path)\n", ""),
    G,
)
p(
    "TG124",
    G.replace(', "optimizer": optimizer.state_dict()', "").replace(
        '    optimizer.load_state_dict(state["optimizer"])\n', ""
    ),
    G,
)
# T25
A = """def train(model, loader, opt, crit, dev, accum=4):
    model.train()
    opt.zero_grad()
    for i, (x, y) in enumerate(loader):
        loss = crit(model(x.to(dev)), y.to(dev))
        (loss / accum).backward()
        if (i + 1) % accum == 0:
            opt.step()
            opt.zero_grad()
    if (i + 1) % accum != 0:
        opt.step()
        opt.zero_grad()
"""
p("TG125", A.replace("(loss / accum).backward()", "loss.backward()"), A)
p("TG125", A.replace("    if (i + 1) % accum != 0:\n        opt.step()\n        opt.zero_grad()\n", ""), A)
# T28
E = """@torch.no_grad()
def evaluate(model, loader, dev):
    model.eval()
    accs = []
    for x, y in loader:
        accs.append((model(x.to(dev)).argmax(1) == y.to(dev)).float().mean().item())
    return sum(accs) / len(accs)
"""
E2 = """@torch.no_grad()
def evaluate(model, loader, dev):
    model.eval()
    right = n = 0
    for x, y in loader:
        right += (model(x.to(dev)).argmax(1) == y.to(dev)).sum().item()
        n += len(y)
    return right / n
"""
p("TG128", E, E2)
# T30
p(
    "TG130",
    """class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layers = []
        for i in range(n):
            self.layers.append(nn.Linear(8, 8))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
""",
    """class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layers = nn.ModuleList()
        for i in range(n):
            self.layers.append(nn.Linear(8, 8))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
""",
)
p(
    "TG130",
    """import torchvision
model = torchvision.models.resnet18(weights=None)
optimizer = optim.SGD(filter(lambda q: q.requires_grad, model.parameters()), lr=0.1)
model.fc = nn.Linear(512, 7)
""",
    """import torchvision
model = torchvision.models.resnet18(weights=None)
model.fc = nn.Linear(512, 7)
optimizer = optim.SGD(filter(lambda q: q.requires_grad, model.parameters()), lr=0.1)
""",
)
# T29 in a module
p(
    "TG129",
    """class Wrap(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.backbone.forward(x))
""",
    """class Wrap(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.backbone(x))
""",
)
# T19-21 class
S = """class A:
    def __init__(self, model):
        self.model = model
        self.optim = optim.AdamW(model.parameters())
        self.scaler = torch.amp.GradScaler("cuda")

    def train_step(self, x, y):
        self.optim.zero_grad()
        with torch.autocast("cuda"):
            loss = F.cross_entropy(self.model(x), y)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optim)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.scaler.step(self.optim)
        self.scaler.update()
        return loss.detach()
"""
p("TG119", S.replace("        self.scaler.unscale_(self.optim)\n", ""), S)
p("TG120", S.replace("        self.scaler.update()\n", ""), S)
p(
    "TG120",
    S.replace("        self.scaler.step(self.optim)\n        self.scaler.update()\n", "        self.optim.step()\n"),
    S,
)
p(
    "TG121",
    S.replace("        self.scaler.scale(loss).backward()\n", "            self.scaler.scale(loss).backward()\n"),
    S,
)
p("TG120", S.replace("self.scaler.scale(loss).backward()", "loss.backward()"), S)
p("TG101", S.replace("        self.optim.zero_grad()\n", ""), S)
p(
    "TG102",
    S.replace("        self.optim.zero_grad()\n", "").replace(
        "        self.scaler.step(self.optim)\n",
        "        self.optim.zero_grad()\n        self.scaler.step(self.optim)\n",
    ),
    S,
)
p("TG104", V.replace("            opt.step()\n", "            opt.step()\n            torch.cuda.synchronize()\n"), V)
p(
    "TG115",
    V.replace(
        "            x, y = x.to(dev), y.to(dev)\n            opt", "            x.to(dev), y.to(dev)\n            opt"
    ),
    V,
)
