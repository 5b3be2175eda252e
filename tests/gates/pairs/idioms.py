"""Short pairs, one idiom each: the same fault as other hands write it. (code, wrong passage, right passage, whole file.)"""

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nfrom torch.utils.data import DataLoader\n\n\n"

LOOP = HEAD + """\
class Learner:
    def __init__(self, net, loaders, lr, device):
        self.net = net.to(device)
        self.loaders = loaders
        self.device = device
        self.crit = nn.CrossEntropyLoss()
        self.opt = torch.optim.Adam(self.net.parameters(), lr=lr)
        self.sched = torch.optim.lr_scheduler.StepLR(self.opt, step_size=10)
        self.history = {"loss": [], "acc": []}
        self.ema = None

    def fit(self, epochs):
        for epoch in range(epochs):
            self.epoch(self.loaders["train"])
            acc = self.accuracy(self.loaders["valid"])
            self.history["acc"].append(acc)
            self.sched.step()

    def epoch(self, batches):
        self.net.train()
        for n, (xb, yb) in enumerate(batches):
            xb, yb = xb.to(self.device), yb.to(self.device)
            out = self.net(xb)
            loss = self.crit(out, yb)
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            self.history["loss"].append(loss.detach())
            if n % 20 == 0:
                print(n, loss.item())

    def accuracy(self, batches):
        self.net.eval()
        hits = seen = 0
        with torch.no_grad():
            for xb, yb in batches:
                xb, yb = xb.to(self.device), yb.to(self.device)
                hits += (self.net(xb).argmax(1) == yb).sum()
                seen += len(yb)
        return (hits / seen).item()
"""

RNN = HEAD + """\
class CharRNN(nn.Module):
    def __init__(self, vocab, width):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, vocab)

    def forward(self, tokens, state):
        hidden, state = self.rnn(self.embed(tokens), state)
        return self.out(hidden), state


def train_epoch(rnn_model, corpus_loader, optim_rnn, clip, device, width):
    lossfn = nn.CrossEntropyLoss()
    rnn_model.train()
    epoch_loss = torch.zeros((), device=device)
    for tokens, target in corpus_loader:
        tokens, target = tokens.to(device), target.to(device)
        state = torch.zeros(1, tokens.size(0), width, device=device)
        optim_rnn.zero_grad()
        logits, state = rnn_model(tokens, state)
        loss = lossfn(logits.transpose(1, 2), target)
        loss.backward()
        nn.utils.clip_grad_norm_(rnn_model.parameters(), clip)
        optim_rnn.step()
        epoch_loss = epoch_loss + loss.detach()
    return epoch_loss / len(corpus_loader)


def perplexity(rnn_model, valid_corpus, device, width):
    rnn_model.eval()
    nll = torch.zeros((), device=device)
    count = 0
    with torch.inference_mode():
        for tokens, target in valid_corpus:
            tokens, target = tokens.to(device), target.to(device)
            logits, _ = rnn_model(tokens, torch.zeros(1, len(tokens), width, device=device))
            nll += F.cross_entropy(logits.transpose(1, 2), target, reduction="sum")
            count += target.numel()
    return torch.exp(nll / count).item()
"""

MULTI = HEAD + """\
def seed_worker(worker_id):
    import random

    import numpy as np

    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)


def loaders(train_dataset, val_dataset, bs):
    dl_train = DataLoader(dataset=train_dataset, batch_size=bs, shuffle=True, num_workers=4, worker_init_fn=seed_worker)
    dl_val = DataLoader(dataset=val_dataset, batch_size=bs)
    return dl_train, dl_val


def run(encoder, head_a, head_b, dl_train, dl_val, hp, dev):
    params = [*encoder.parameters(), *head_a.parameters(), *head_b.parameters()]
    optimizer = torch.optim.AdamW(params, lr=hp["lr"])
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, total_iters=hp["warmup_steps"])
    scaler = torch.amp.GradScaler(dev)
    for epoch in range(hp["epochs"]):
        for module in (encoder, head_a, head_b):
            module.train()
        for i, batch in enumerate(dl_train, start=1):
            inputs = batch["inputs"].to(dev)
            label = batch["label"].to(dev)
            score = batch["score"].to(dev)
            with torch.autocast(dev, torch.float16):
                code = encoder(inputs)
                loss_a = F.cross_entropy(head_a(code), label)
                loss_b = F.binary_cross_entropy_with_logits(head_b(code).squeeze(1), score)
                loss = hp["alpha"] * loss_a + (1 - hp["alpha"]) * loss_b
                loss = loss / hp["accumulate"]
            scaler.scale(loss).backward()
            if i % hp["accumulate"] == 0 or i == len(dl_train):
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(params, 1.0)
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()
                warm.step()
        for module in (encoder, head_a, head_b):
            module.eval()
        losses, sizes = [], []
        with torch.no_grad():
            for batch in dl_val:
                code = encoder(batch["inputs"].to(dev))
                losses.append(F.cross_entropy(head_a(code), batch["label"].to(dev), reduction="sum"))
                sizes.append(len(batch["label"]))
        print(epoch, (torch.stack(losses).sum() / sum(sizes)).item())
        torch.save({"encoder": encoder.state_dict(), "head_a": head_a.state_dict()}, f"epoch{epoch}.pt")
"""

COMPUTE = HEAD + '''\
class Pairs:
    """A trainer with its own loop around compute_loss."""

    def __init__(self, model, optimizer, config):
        self.model = model
        self.optimizer = optimizer
        self.config = config
        self.device = next(model.parameters()).device
        self.criterion = nn.TripletMarginLoss(reduction="none")

    def compute_loss(self, batch):
        anchor, positive, negative = (part.to(self.device) for part in batch)
        a, p, n = self.model(anchor), self.model(positive), self.model(negative)
        each = self.criterion(a, p, n)
        weight = torch.ones(each.shape, device=self.device)
        return (each * weight).mean()

    def train(self, loader, epochs):
        for epoch in range(epochs):
            self.model.train()
            for step, batch in enumerate(loader):
                loss = self.compute_loss(batch)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                if step % self.config.log_every == 0:
                    print(f"{epoch}/{step}: {loss.item():.3f}")
'''

IDIOMS = {
    "method without zero_grad": ("TG101", LOOP, (("            self.opt.zero_grad()\n", ""),)),
    "zeroed once an epoch": ("TG101", LOOP, (("            self.opt.zero_grad()\n", ""), ("        self.net.train()\n", "        self.net.train()\n        self.opt.zero_grad()\n"))),
    "zeroed before the step": ("TG102", LOOP, (("            self.opt.zero_grad()\n            loss.backward()\n", "            loss.backward()\n            self.opt.zero_grad()\n"),)),
    "rnn stepped too early": ("TG102", RNN, (("        optim_rnn.step()\n", ""), ("        loss.backward()\n", "        optim_rnn.step()\n        loss.backward()\n"))),
    "history of losses": ("TG103", LOOP, (("append(loss.detach())", "append(loss)"),)),
    "reassigned sum": ("TG103", RNN, (("epoch_loss + loss.detach()", "epoch_loss + loss"),)),
    "list extended by +=": ("TG103", LOOP, (('            self.history["loss"].append(loss.detach())\n', '            self.history["loss"] += [loss]\n'),)),
    "moving average of losses": ("TG103", LOOP, (('            self.history["loss"].append(loss.detach())\n', "            self.ema = loss if self.ema is None else 0.9 * self.ema + 0.1 * loss\n"),)),
    "outputs collected": ("TG103", LOOP, (('            self.history["loss"].append(loss.detach())\n', '            self.history["loss"].append(out)\n'),)),
    "item appended": ("TG104", LOOP, (("append(loss.detach())", "append(loss.item())"),)),
    "postfix in every step": ("TG104", RNN, (("        epoch_loss = epoch_loss + loss.detach()\n", "        epoch_loss = epoch_loss + loss.detach()\n        print({'loss': float(loss.detach())})\n"),)),
    "accuracy in every step": ("TG104", LOOP, (("            if n % 20 == 0:\n", "            acc = (out.argmax(1) == yb).float().mean().item()\n            if n % 20 == 0:\n"),)),
    "best kept by comparison": ("TG104", LOOP, (("            if n % 20 == 0:\n                print(n, loss.item())\n", "            if loss < 0.1:\n                break\n"),)),
    "numpy in every step": ("TG104", LOOP, (("append(loss.detach())", "append(loss.detach().cpu().numpy())"),)),
    "accuracy in training mode": ("TG105", LOOP, (("        self.net.eval()\n", ""),)),
    "perplexity in training mode": ("TG105", RNN, (("    rnn_model.eval()\n", ""),)),
    "accuracy with graphs": ("TG106", LOOP, (("        with torch.no_grad():\n", "        if True:\n"),)),
    "perplexity with graphs": ("TG106", RNN, (("    with torch.inference_mode():\n", "    if True:\n"),)),
    "train mode set once": ("TG107", LOOP, (("        self.net.train()\n", ""), ("    def fit(self, epochs):\n", "    def fit(self, epochs):\n        self.net.train()\n"))),
    "schedule before the epoch": ("TG108", LOOP, (("            self.sched.step()\n", ""), ('            self.epoch(self.loaders["train"])\n', '            self.sched.step()\n            self.epoch(self.loaders["train"])\n'))),
    "StepLR in the step": ("TG109", LOOP, (("            self.sched.step()\n", ""), ("            self.opt.step()\n", "            self.opt.step()\n            self.sched.step()\n"))),
    "plateau in a class": ("TG109", LOOP, (("lr_scheduler.StepLR(self.opt, step_size=10)", "lr_scheduler.ReduceLROnPlateau(self.opt)"),)),
    "one cycle in a class": ("TG109", LOOP, (("lr_scheduler.StepLR(self.opt, step_size=10)", 'lr_scheduler.OneCycleLR(self.opt, lr, steps_per_epoch=len(loaders["train"]), epochs=10)'),)),
    "softmax by a method": ("TG112", LOOP, (("            out = self.net(xb)\n", "            out = self.net(xb).softmax(-1)\n"),)),
    "log_softmax in the model": ("TG112", RNN, (("        return self.out(hidden), state\n", "        return F.log_softmax(self.out(hidden), -1), state\n"),)),
    "sigmoid before logits": ("TG112", MULTI, (("with_logits(head_b(code).squeeze(1), score)", "with_logits(torch.sigmoid(head_b(code)).squeeze(1), score)"),)),
    "cuda in a method": ("TG113", LOOP, (("            xb, yb = xb.to(self.device), yb.to(self.device)\n            out", "            xb, yb = xb.cuda(), yb.cuda()\n            out"),)),
    "cuda keyword": ("TG113", RNN, (("        state = torch.zeros(1, tokens.size(0), width, device=device)\n", '        state = torch.zeros(1, tokens.size(0), width, device="cuda")\n'),)),
    "state on the CPU": ("TG114", RNN, (("        state = torch.zeros(1, tokens.size(0), width, device=device)\n", "        state = torch.zeros(1, tokens.size(0), width)\n"),)),
    "weights on the CPU": ("TG114", COMPUTE, (("torch.ones(each.shape, device=self.device)", "torch.ones(each.shape)"),)),
    "pair moved without effect": ("TG115", RNN, (("        tokens, target = tokens.to(device), target.to(device)\n        state", "        tokens.to(device)\n        target.to(device)\n        state"),)),
    "part of a batch moved without effect": ("TG115", MULTI, (('            label = batch["label"].to(dev)\n', '            label = batch["label"]\n            label.to(dev)\n'),)),
    "detach without effect": ("TG115", LOOP, (('            self.history["loss"].append(loss.detach())\n', "            loss.detach()\n"),)),
    "constant in a worker": ("TG116", MULTI, (("    seed = torch.initial_seed() % 2**32\n", "    seed = 42\n"),)),
    "lambda with a constant": ("TG116", MULTI, (("worker_init_fn=seed_worker", "worker_init_fn=lambda _: torch.manual_seed(0)"),)),
    "train loader by keyword": ("TG118", MULTI, (("batch_size=bs, shuffle=True,", "batch_size=bs,"),)),
    "val loader shuffled": ("TG118", MULTI, (("dataset=val_dataset, batch_size=bs", "dataset=val_dataset, batch_size=bs, shuffle=True"),)),
    "many modules clipped while scaled": ("TG119", MULTI, (("                scaler.unscale_(optimizer)\n", ""),)),
    "no update with many modules": ("TG120", MULTI, (("                scaler.update()\n", ""),)),
    "backward in autocast": ("TG121", MULTI, (("            scaler.scale(loss).backward()\n", "                scaler.scale(loss).backward()\n"),)),
    "a module in a dict": ("TG122", MULTI, (('"encoder": encoder.state_dict()', '"encoder": encoder'),)),
    "undivided with a dict of settings": ("TG125", MULTI, (('                loss = loss / hp["accumulate"]\n', ""),)),
    "window's rest lost": ("TG125", MULTI, (('if i % hp["accumulate"] == 0 or i == len(dl_train):', 'if i % hp["accumulate"] == 0:'),)),
    "own loop, loss cut": ("TG126", COMPUTE, (("        return (each * weight).mean()\n", "        return (each * weight).mean().detach()\n"),)),
    "own loop, forward without gradients": ("TG126", LOOP, (("            out = self.net(xb)\n", "            with torch.no_grad():\n                out = self.net(xb)\n"),)),
    "numpy round trip": ("TG126", LOOP, (("            loss = self.crit(out, yb)\n", "            out = torch.from_numpy(out.detach().cpu().numpy()).requires_grad_()\n            loss = self.crit(out, yb)\n"),)),
    "own loop, loss unreduced": ("TG127", COMPUTE, (("        return (each * weight).mean()\n", "        return each\n"),)),
    "own loop, a dict": ("TG127", COMPUTE, (("        return (each * weight).mean()\n", '        return {"loss": (each * weight).mean()}\n'),)),
    "mean of collected means": ("TG128", MULTI, (('losses.append(F.cross_entropy(head_a(code), batch["label"].to(dev), reduction="sum"))', 'losses.append(F.cross_entropy(head_a(code), batch["label"].to(dev)))'), ("(torch.stack(losses).sum() / sum(sizes)).item()", "torch.stack(losses).mean().item()"))),
    "mean accuracy of batches": ("TG128", LOOP, (("                hits += (self.net(xb).argmax(1) == yb).sum()\n                seen += len(yb)\n", "                hits += (self.net(xb).argmax(1) == yb).float().mean()\n                seen += 1\n"),)),
    "forward of a part": ("TG129", MULTI, (("                code = encoder(inputs)\n", "                code = encoder.forward(inputs)\n"),)),
    "head replaced in a class": ("TG130", LOOP, (("        self.sched = ", "        self.net.head = nn.Linear(512, 10).to(device)\n        self.sched = "),)),
    "layers in a dict": ("TG130", RNN, (("        self.out = nn.Linear(width, vocab)\n", "        self.heads = {'out': nn.Linear(width, vocab)}\n"), ("self.out(hidden)", "self.heads['out'](hidden)"))),
}  # fmt: skip
