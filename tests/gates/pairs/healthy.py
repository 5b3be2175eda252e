"""Right code that looks odd: what a gate about order, mode or graphs must let through."""

HEAD = "import torch\nfrom torch import nn, optim\nimport torch.nn.functional as F\nfrom torch.utils.data import DataLoader\n\n\n"

HEALTHY = {
    "gradient penalty with two optimizers": """\
def train(critic, generator, loader, opt_c, opt_g, device, n_critic=5, weight=10.0):
    for i, (real, _) in enumerate(loader):
        real = real.to(device)
        opt_c.zero_grad()
        z = torch.randn(real.size(0), 64, device=device)
        fake = generator(z).detach()
        alpha = torch.rand(real.size(0), 1, 1, 1, device=device)
        mixed = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        grad = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)[0]
        penalty = ((grad.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
        loss = critic(fake).mean() - critic(real).mean() + weight * penalty
        loss.backward()
        opt_c.step()
        if i % n_critic == 0:
            opt_g.zero_grad()
            loss_g = -critic(generator(z)).mean()
            loss_g.backward()
            opt_g.step()
""",
    "teacher in eval mode": """\
def distill(student, teacher, loader, opt, device, epochs, t=4.0):
    teacher.eval()
    for epoch in range(epochs):
        student.train()
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            with torch.no_grad():
                target = teacher(x)
            out = student(x)
            kd = F.kl_div(F.log_softmax(out / t, 1), F.softmax(target / t, 1), reduction="batchmean")
            loss = F.cross_entropy(out, y) + t * t * kd
            opt.zero_grad()
            loss.backward()
            opt.step()
""",
    "losses of parts added up before backward": """\
def train(model, loader, opt, device):
    for batch in loader:
        outputs = model(batch["x"].to(device))
        losses = []
        for name, logits in outputs.items():
            losses.append(F.cross_entropy(logits, batch[name].to(device)))
        total = 0
        for loss in losses:
            total = total + loss
        opt.zero_grad()
        total.backward()
        opt.step()
""",
    "truncated backpropagation": """\
def train(rnn, loader, opt, crit, device):
    hidden = None
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        out, hidden = rnn(x, hidden)
        hidden = hidden.detach()
        loss = crit(out, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
""",
    "warm restarts by fractions of epochs": """\
def train(model, loader, crit, device, epochs):
    opt = optim.SGD(model.parameters(), lr=0.1)
    sched = optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=10)
    for epoch in range(epochs):
        model.train()
        for i, (x, y) in enumerate(loader):
            opt.zero_grad()
            crit(model(x.to(device)), y.to(device)).backward()
            opt.step()
            sched.step(epoch + i / len(loader))
""",
    "mode by an argument": """\
def run_epoch(model, loader, crit, device, opt=None):
    model.train(opt is not None)
    total = torch.zeros((), device=device)
    count = 0
    with torch.set_grad_enabled(opt is not None):
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            loss = crit(model(x), y)
            if opt is not None:
                opt.zero_grad()
                loss.backward()
                opt.step()
            total += loss.detach() * len(x)
            count += len(x)
    return (total / count).item()
""",
    "mode put back as it was": """\
@torch.no_grad()
def evaluate(model, val_loader, device):
    was_training = model.training
    model.eval()
    right = torch.zeros((), device=device)
    count = 0
    for x, y in val_loader:
        right += (model(x.to(device)).argmax(1) == y.to(device)).sum()
        count += len(y)
    model.train(was_training)
    return (right / count).item()


def fit(model, loader, val_loader, opt, crit, device, epochs):
    model.train()
    for epoch in range(epochs):
        for x, y in loader:
            opt.zero_grad()
            crit(model(x.to(device)), y.to(device)).backward()
            opt.step()
        print(evaluate(model, val_loader, device))
""",
    "two scaled optimizers": """\
def train(g, d, loader, opt_g, opt_d, device):
    scaler = torch.amp.GradScaler(device)
    for x in loader:
        x = x.to(device)
        with torch.autocast(device):
            loss_d = d(g(x).detach()).mean() - d(x).mean()
        opt_d.zero_grad()
        scaler.scale(loss_d).backward()
        scaler.unscale_(opt_d)
        nn.utils.clip_grad_norm_(d.parameters(), 1.0)
        scaler.step(opt_d)
        with torch.autocast(device):
            loss_g = -d(g(x)).mean()
        opt_g.zero_grad()
        scaler.scale(loss_g).backward()
        scaler.unscale_(opt_g)
        nn.utils.clip_grad_norm_(g.parameters(), 1.0)
        scaler.step(opt_g)
        scaler.update()
""",
    "scaler or none": """\
def train(model, loader, opt, crit, device, scaler=None):
    model.train()
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        opt.zero_grad()
        with torch.autocast(device.type, enabled=scaler is not None):
            loss = crit(model(x), y)
        if scaler is not None:
            scaler.scale(loss).backward()
            scaler.step(opt)
            scaler.update()
        else:
            loss.backward()
            opt.step()
""",
    "zeroed through parameters": """\
def train(model, loader, opt, crit, device):
    for x, y in loader:
        for p in model.parameters():
            p.grad = None
        crit(model(x.to(device)), y.to(device)).backward()
        opt.step()
""",
    "updates by hand": """\
def train(model, loader, crit, lr):
    for x, y in loader:
        loss = crit(model(x), y)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= lr * p.grad
""",
    "adversarial examples": """\
def attack(model, loader, device, eps, steps):
    model.eval()
    right = count = 0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        delta = torch.zeros_like(x, requires_grad=True)
        for _ in range(steps):
            loss = F.cross_entropy(model(x + delta), y)
            grad = torch.autograd.grad(loss, delta)[0]
            delta = (delta + eps / steps * grad.sign()).clamp(-eps, eps).detach().requires_grad_(True)
        with torch.no_grad():
            right += (model(x + delta).argmax(1) == y).sum().item()
        count += len(y)
    return right / count
""",
    "best weights kept and loaded at the end": """\
def fit(model, loader, opt, crit, device, epochs, best_path):
    best = float("inf")
    for epoch in range(epochs):
        model.train()
        total = torch.zeros((), device=device)
        for x, y in loader:
            opt.zero_grad()
            loss = crit(model(x.to(device)), y.to(device))
            loss.backward()
            opt.step()
            total += loss.detach()
        if total.item() < best:
            best = total.item()
            torch.save(model.state_dict(), best_path)
    model.load_state_dict(torch.load(best_path, map_location=device, weights_only=True))
    return model
""",
    "lists that are registered": """\
class Stack(nn.Module):
    def __init__(self, widths):
        super().__init__()
        layers = []
        for a, b in zip(widths, widths[1:]):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        heads = {"a": nn.Linear(widths[-1], 1), "b": nn.Linear(widths[-1], 2)}
        self.heads = nn.ModuleDict(heads)

    def forward(self, x):
        h = self.body(x)
        return {name: head(h) for name, head in self.heads.items()}
""",
    "probabilities for a report only": """\
def step(model, x, y, opt):
    logits = model(x)
    probs = F.softmax(logits, dim=1)
    loss = F.cross_entropy(logits, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.detach(), probs.detach().max(1).values


def focal(logits, target, gamma=2.0):
    each = F.cross_entropy(logits, target, reduction="none")
    p = torch.exp(-each)
    return ((1 - p) ** gamma * each).mean()
""",
    "fabric": """\
def train(fabric, model, optimizer, train_loader, epochs, accumulate):
    model, optimizer = fabric.setup(model, optimizer)
    train_loader = fabric.setup_dataloaders(train_loader)
    for epoch in range(epochs):
        model.train()
        for i, (x, y) in enumerate(train_loader):
            is_accumulating = (i + 1) % accumulate != 0 and i + 1 != len(train_loader)
            with fabric.no_backward_sync(model, enabled=is_accumulating):
                loss = F.cross_entropy(model(x), y)
                fabric.backward(loss / accumulate)
            if not is_accumulating:
                fabric.clip_gradients(model, optimizer, max_norm=1.0)
                optimizer.step()
                optimizer.zero_grad()
""",
    "an agent": """\
def run(env, policy, optimizer, episodes, gamma=0.99):
    for episode in range(episodes):
        state, _ = env.reset()
        log_probs, rewards, done = [], [], False
        while not done:
            dist = torch.distributions.Categorical(logits=policy(torch.as_tensor(state)))
            action = dist.sample()
            state, reward, done, _, _ = env.step(action.item())
            log_probs.append(dist.log_prob(action))
            rewards.append(reward)
        returns, running = [], 0.0
        for reward in reversed(rewards):
            running = reward + gamma * running
            returns.append(running)
        returns = torch.tensor(returns[::-1])
        loss = -(torch.stack(log_probs) * (returns - returns.mean())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
    "head replaced, optimizer made anew": """\
def stages(model, loader, crit, device, classes):
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        crit(model(x.to(device)), y.to(device)).backward()
        optimizer.step()
    model.head = nn.Linear(64, classes).to(device)
    optimizer = optim.SGD(model.head.parameters(), lr=0.01)
    for x, y in loader:
        optimizer.zero_grad()
        crit(model(x.to(device)), y.to(device)).backward()
        optimizer.step()
""",
    "values for early stopping after the epoch": """\
class Meter:
    def __init__(self, device):
        self.total = torch.zeros((), device=device)
        self.count = 0

    def update(self, value, n):
        self.total += value.detach() * n
        self.count += n

    def mean(self):
        return (self.total / self.count).item()


def fit(model, train_loader, val_loader, opt, crit, device, epochs, patience):
    best, bad = float("inf"), 0
    for epoch in range(epochs):
        model.train()
        meter = Meter(device)
        for x, y in train_loader:
            x, y = x.to(device), y.to(device)
            opt.zero_grad()
            loss = crit(model(x), y)
            loss.backward()
            opt.step()
            meter.update(loss, len(x))
        model.eval()
        held_out = Meter(device)
        with torch.inference_mode():
            for x, y in val_loader:
                x, y = x.to(device), y.to(device)
                held_out.update(crit(model(x), y), len(x))
        print(epoch, meter.mean(), held_out.mean())
        if held_out.mean() < best:
            best, bad = held_out.mean(), 0
        else:
            bad += 1
            if bad > patience:
                break
""",
}
