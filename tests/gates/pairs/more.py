"""The sixth set of pairs (code, wrong, right): functions that help each other, frameworks, streams."""

H = "from __future__ import annotations\nimport math, os, time\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nimport torch.optim as optim\nfrom torch.utils.data import DataLoader\nfrom torch.optim.lr_scheduler import *\n\n"
MORE: list[tuple[str, str, str]] = []


def p(code: str, good: str, *changes: tuple[str, str]) -> None:
    bad = good
    for right, wrong in changes:
        assert right in bad
        bad = bad.replace(right, wrong)
    MORE.append((code, H + bad, H + good))


# detection style with dict losses + helper fns
A = """def to_device(batch, device):
    return {k: v.to(device) for k, v in batch.items()}


def forward_loss(detector, batch):
    losses = detector(batch["images"], batch["targets"])
    return sum(losses.values())


def optimise(detector, loss, optimizer, max_norm):
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(detector.parameters(), max_norm)
    optimizer.step()


def train_epoch(detector, loader, optimizer, device, log_every=50):
    detector.train()
    total = torch.zeros((), device=device)
    for step, batch in enumerate(loader):
        batch = to_device(batch, device)
        loss = forward_loss(detector, batch)
        optimise(detector, loss, optimizer, 1.0)
        total += loss.detach()
        if step % log_every == 0:
            print(step, loss.item())
    return total / len(loader)


def validate(detector, loader, device):
    detector.eval()
    with torch.no_grad():
        total, n = 0.0, 0
        for batch in loader:
            batch = to_device(batch, device)
            total += forward_loss(detector, batch).item() * len(batch["images"])
            n += len(batch["images"])
    return total / n


def main(detector, train_loader, val_loader, device, epochs):
    optimizer = optim.SGD([q for q in detector.parameters() if q.requires_grad], lr=0.01)
    scheduler = MultiStepLR(optimizer, milestones=[8, 11])
    for epoch in range(epochs):
        train_epoch(detector, train_loader, optimizer, device)
        print(validate(detector, val_loader, device))
        scheduler.step()
"""
p("TG101", A, ("    optimizer.zero_grad()\n", ""))
p("TG102", A, ("    optimizer.zero_grad()\n    loss.backward()\n", "    loss.backward()\n    optimizer.zero_grad()\n"))
p(
    "TG102",
    A,
    ("    optimizer.step()\n\n", "\n"),
    ("    loss.backward()\n", "    optimizer.step()\n    loss.backward()\n"),
)
p("TG103", A, ("        total += loss.detach()\n", "        total += loss\n"))
p("TG104", A, ("        total += loss.detach()\n", "        total += loss.item()\n"))
p("TG105", A, ("    detector.eval()\n", ""))
p("TG106", A, ("    with torch.no_grad():\n", "    if True:\n"))
p("TG107", A, ("    detector.train()\n", ""))
p(
    "TG108",
    A,
    ("        scheduler.step()\n", ""),
    ("        train_epoch(detector, t", "        scheduler.step()\n        train_epoch(detector, t"),
)
p(
    "TG109",
    A,
    ("optimizer, device, log_every=50)", "optimizer, device, scheduler, log_every=50)"),
    ("optimizer, device)\n        print", "optimizer, device, scheduler)\n        print"),
    ("        scheduler.step()\n", ""),
    ("        total += loss.detach()\n", "        total += loss.detach()\n        scheduler.step()\n"),
)
p(
    "TG133",
    A,
    (
        "    nn.utils.clip_grad_norm_(detector.parameters(), max_norm)\n    optimizer.step()\n",
        "    optimizer.step()\n    nn.utils.clip_grad_norm_(detector.parameters(), max_norm)\n",
    ),
)
# lightning manual / auto
L = """import lightning.pytorch as pl


class Lit(pl.LightningModule):
    def __init__(self, net):
        super().__init__()
        self.net = net
        self.crit = nn.CrossEntropyLoss()

    def training_step(self, batch, idx):
        x, y = batch
        mix = torch.rand(x.size(0), 1, device=self.device)
        out = self.net(x * mix)
        loss = self.crit(out, y)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return optim.Adam(self.parameters())
"""
p("TG126", L, ("        return loss\n", "        return loss.item()\n"))
p("TG126", L, ("        return loss\n", "        return loss.detach()\n"))
p("TG114", L, (", device=self.device", ""))
p("TG113", L, ("        x, y = batch\n", "        x, y = batch\n        x = x.cuda()\n"))
p("TG112", L, ("        out = self.net(x * mix)\n", "        out = torch.softmax(self.net(x * mix), dim=1)\n"))
p("TG104", L, ('        self.log("loss", loss)\n', '        self.log("loss", loss.item())\n'))
p("TG103", L, ('        self.log("loss", loss)\n', '        self.log("loss", loss)\n        self.seen.append(loss)\n'))
p("TG127", L, ("nn.CrossEntropyLoss()", 'nn.CrossEntropyLoss(reduction="none")'))
p("TG129", L, ("self.net(x * mix)", "self.net.forward(x * mix)"))
# HF
T = """from transformers import Trainer


class Mine(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = F.cross_entropy(outputs.logits, labels)
        return (loss, outputs) if return_outputs else loss
"""
p("TG126", T, ("F.cross_entropy(outputs.logits, labels)", "F.cross_entropy(outputs.logits.detach(), labels)"))
p(
    "TG126",
    T,
    ("        outputs = model(**inputs)\n", "        with torch.no_grad():\n            outputs = model(**inputs)\n"),
)
p("TG112", T, ("F.cross_entropy(outputs.logits, labels)", "F.cross_entropy(outputs.logits.softmax(-1), labels)"))
p("TG127", T, ("F.cross_entropy(outputs.logits, labels)", 'F.cross_entropy(outputs.logits, labels, reduction="none")'))
# trainergen
G = """from train.base_trainer import Trainer


class RankTrainer(Trainer):
    def compute_loss(self, batch):
        tokens = batch["tokens"].to(self.device)
        ranks = batch["ranks"].to(self.device)
        scores = self.model(tokens)
        weight = torch.arange(ranks.size(1), device=self.device)
        loss = (F.mse_loss(scores, ranks.float(), reduction="none") * weight).mean()
        self._last_batch_metrics = {"mse": loss.detach()}
        return loss
"""
p("TG127", G, (" * weight).mean()", " * weight)"))
p("TG126", G, ("        return loss\n", "        return torch.tensor(loss.item(), requires_grad=True)\n"))
p("TG126", G, ("        scores = self.model(tokens)\n", "        scores = self.model(tokens).data\n"))
p("TG103", G, ("loss.detach()}", "loss}"))
p("TG114", G, (", device=self.device", ""))
p(
    "TG115",
    G,
    (
        '        tokens = batch["tokens"].to(self.device)\n',
        '        tokens = batch["tokens"]\n        tokens.to(self.device)\n',
    ),
)
p("TG113", G, ('batch["ranks"].to(self.device)', 'batch["ranks"].to("cuda:0")'))
p("TG104", G, ("loss.detach()}", "float(loss)}"))
# notebooks-ish accumulate w/ counter
C = """def pretrain(lm, stream_loader, opt, sched, scaler, device, accum, total_updates, ckpt):
    updates, micro = 0, 0
    if os.path.isfile(ckpt):
        blob = torch.load(ckpt, map_location=device, weights_only=True)
        lm.load_state_dict(blob["lm"])
        opt.load_state_dict(blob["opt"])
        sched.load_state_dict(blob["sched"])
        scaler.load_state_dict(blob["scaler"])
        updates = blob["updates"]
    lm.train()
    while updates < total_updates:
        for ids in stream_loader:
            ids = ids.to(device)
            with torch.autocast("cuda", dtype=torch.float16):
                logits = lm(ids[:, :-1])
                loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()) / accum
            scaler.scale(loss).backward()
            micro += 1
            if micro % accum == 0:
                scaler.unscale_(opt)
                nn.utils.clip_grad_norm_(lm.parameters(), 1.0)
                scaler.step(opt)
                scaler.update()
                sched.step()
                opt.zero_grad(set_to_none=True)
                updates += 1
                if updates % 1000 == 0:
                    blob = {"lm": lm.state_dict(), "opt": opt.state_dict(), "sched": sched.state_dict(), "scaler": scaler.state_dict(), "updates": updates}
                    torch.save(blob, ckpt + ".new")
                    os.replace(ckpt + ".new", ckpt)
"""
p("TG101", C, ("                opt.zero_grad(set_to_none=True)\n", ""))
p("TG119", C, ("                scaler.unscale_(opt)\n", ""))
p("TG120", C, ("                scaler.update()\n", ""))
p("TG121", C, ("            scaler.scale(loss).backward()\n", "                scaler.scale(loss).backward()\n"))
p("TG125", C, (" / accum\n", "\n"))
p(
    "TG123",
    C,
    (
        '                    torch.save(blob, ckpt + ".new")\n                    os.replace(ckpt + ".new", ckpt)\n',
        "                    torch.save(blob, ckpt)\n",
    ),
)
p("TG124", C, ('"scaler": scaler.state_dict(), ', ""), ('        scaler.load_state_dict(blob["scaler"])\n', ""))
p("TG124", C, (', "updates": updates}', "}"), ('        updates = blob["updates"]\n', ""))
p("TG124", C, ('"opt": opt.state_dict(), ', ""), ('        opt.load_state_dict(blob["opt"])\n', ""))
p(
    "TG108",
    C,
    ("                sched.step()\n", ""),
    ("                scaler.unscale_(opt)\n", "                sched.step()\n                scaler.unscale_(opt)\n"),
)
p(
    "TG102",
    C,
    ("                opt.zero_grad(set_to_none=True)\n", ""),
    (
        "                scaler.step(opt)\n",
        "                opt.zero_grad(set_to_none=True)\n                scaler.step(opt)\n",
    ),
)
