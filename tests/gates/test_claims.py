"""Places where a claim would be wrong, each met in a library that is known to be good; beside them, where it is right."""

from __future__ import annotations

import pytest

from trainergen.gates.engine import check_source, load_gates

GATES = list(load_gates("TG1").values())
HEAD = "import io\nimport os\nimport torch\n\n\n"

SCHEDULED = (
    "def f(model, optimizer, loader, criterion, scheduler, path):\n"
    "    model.load_state_dict(torch.load(path, map_location='cpu', weights_only=True)['resume'])\n"
    "    for epoch in range(9):\n        {start}\n        for x, y in loader:\n            optimizer.zero_grad()\n"
    "            criterion(model(x), y).backward()\n            optimizer.step()\n        {end}\n"
    "        torch.save({{'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'epoch': epoch{state}}}, f'{{epoch}}.pt')\n"
    "\n\ndef resume(path, model):\n    model.load_state_dict(torch.load(path, map_location='cpu', weights_only=True))\n"
)
SCALED = (
    "class Loop:\n    def __init__(self):\n        {around}\n\n    def epoch(self, loader):\n        {inside}\n        for x, y in loader:\n"
    "            self.optimizer.zero_grad()\n            scaler.scale(self.criterion(self.model(x), y)).backward()\n"
    "            scaler.step(self.optimizer)\n            scaler.update()\n\n"
    "    def fit(self, loader):\n        for epoch in range(9):\n            self.epoch(loader)\n"
    "            torch.save({{'model': self.model.state_dict(), 'optimizer': self.optimizer.state_dict(), 'epoch': epoch}}, f'{{epoch}}.pt')\n\n"
    "    def resume(self, path):\n        state = torch.load(path, map_location='cpu', weights_only=True)\n"
    "        self.model.load_state_dict(state['model'])\n"
)
CHECKPOINT = (
    "class Learner:\n    def save(self, path):\n        torch.save(self.model.state_dict(), path + '/last.pt')\n\n"
    "    def load(self, path):\n        state = torch.load(path + '/last.pt', map_location='cpu', weights_only=True)\n"
    "        self.model.load_state_dict(state)\n\n"
    "    def fit(self, loader, optimizer, criterion, path):\n        self.load(path)\n        for epoch in range(9):\n"
    "            for x, y in loader:\n                optimizer.zero_grad()\n                criterion(self.model(x), y).backward()\n"
    "                optimizer.step()\n{here}            self.save(path)\n"
)
CLEARED = (
    "def f(model, optimizer, loader, criterion):\n    for x, y in loader:\n        optimizer.zero_grad()\n"
    "        criterion(model(x), y).backward()\n        for each in model.parameters():\n            {when}each.grad = None\n"
    "        optimizer.step()\n"
)
ATTACK = (
    "def f(model, x, y, criterion):\n    optimizer = torch.optim.Adam({optimized})\n    for _ in range(9):\n        model.eval()\n"
    "        optimizer.zero_grad()\n        criterion(model(x), y).backward()\n        optimizer.step()\n    return x\n"
)

CASES = {
    "what the function has saved": (
        "def f(scheduler, path):\n    torch.save(scheduler.state_dict(), path)\n    return torch.load(path)\n",
        [],
    ),
    "what one process may have saved": (
        "def f(scheduler, path, rank):\n    if rank == 0:\n        torch.save(scheduler.state_dict(), path)\n"
        "    return torch.load(path)\n",
        ["TG110", "TG111"],
    ),
    "a name that means another file by then": (
        "def f(state, path, other):\n    torch.save(state, path)\n    path = other\n    return torch.load(path)\n",
        ["TG110", "TG111"],
    ),
    "what is saved afterwards": (
        "def f(state, path):\n    old = torch.load(path)\n    torch.save(state, path)\n    return old\n",
        ["TG110", "TG111"],
    ),
    "bytes handed over": (
        "def give(state):\n    buffer = io.BytesIO()\n    torch.save(state, buffer)\n    return buffer.getvalue()\n\n\n"
        "def take(data):\n    return torch.load(io.BytesIO(data))\n",
        [],
    ),
    "bytes from elsewhere": ("def take(data):\n    return torch.load(io.BytesIO(data))\n", ["TG110", "TG111"]),
    "a scaler's state": (
        "def f(scaler, path):\n    state = torch.load(path, weights_only=True)\n    scaler.load_state_dict(state)\n",
        [],
    ),
    "a scheduler's state": (
        "def f(lr_scheduler, path):\n    lr_scheduler.load_state_dict(torch.load(path, weights_only=True))\n",
        [],
    ),
    "random generators": (
        "def f(path):\n    state = torch.load(path, weights_only=True)\n    torch.random.set_rng_state(state['cpu'])\n",
        [],
    ),
    "random generators by their names": (
        "def f(path):\n    state = torch.load(path, weights_only=True)\n    for name, each in state.items():\n"
        "        torch.default_generator.set_state(each)\n",
        [],
    ),
    "a scheduler's own state": (
        "class NoamScheduler:\n    def load(self, path):\n        self.steps = torch.load(path, weights_only=True)['steps']\n",
        [],
    ),
    "random generators beside a model": (
        "def f(model, path):\n    state = torch.load(path, weights_only=True)\n"
        "    torch.set_rng_state(state['cpu'])\n    model.load_state_dict(state['model'])\n",
        ["TG111"],
    ),
    "a torch that lacks the argument": (
        "def f(path):\n    try:\n        return torch.load(path, map_location='cpu', weights_only=True)\n"
        "    except TypeError:\n        return torch.load(path, map_location='cpu')\n",
        [],
    ),
    "a file that is refused": (
        "def f(path):\n    try:\n        return torch.load(path, map_location='cpu', weights_only=True)\n"
        "    except RuntimeError:\n        return torch.load(path, map_location='cpu')\n",
        ["TG110"],
    ),
    "the GPU of this process": (
        "def f(model, rank):\n    model.to(torch.device('cuda', int(os.environ['LOCAL_RANK'])))\n    model.train()\n",
        [],
    ),
    "a GPU by its number": (
        "def f(model):\n    model.to(torch.device('cuda', 0))\n    model.train()\n",
        ["TG113"],
    ),
    "a GPU that a function was asked for": (
        "def f(model):\n    device = 'cpu'\n    if is_cuda_available():\n        device = 'cuda'\n    model.train()\n",
        [],
    ),
    "gradients cleared by a turn that is given up": (
        "def f(model, loader, optimizer, criterion, scaler, amp, limit):\n    for x, y in loader:\n        optimizer.zero_grad()\n"
        "        loss = criterion(model(x), y)\n"
        "        try:\n            loss.backward()\n        except RuntimeError:\n            optimizer.zero_grad()\n            break\n"
        "        optimizer.step()\n",
        [],
    ),
    "gradients cleared by a turn that goes on": (
        "def f(model, loader, optimizer, criterion, scaler, amp, limit):\n    for x, y in loader:\n        optimizer.zero_grad()\n"
        "        loss = criterion(model(x), y)\n"
        "        loss.backward()\n        if limit:\n            optimizer.zero_grad()\n            print(limit)\n"
        "        optimizer.step()\n",
        ["TG102"],
    ),
    "an evaluation below a decorator of the project's own": (
        "@smart_inference_mode()\ndef validate(model, val_loader):\n    model.eval()\n    return [model(x) for x in val_loader]\n",
        [],
    ),
    "an evaluation below a decorator that switches nothing": (
        "@logged()\ndef validate(model, val_loader):\n    model.eval()\n    return [model(x) for x in val_loader]\n",
        ["TG106"],
    ),
    "an estimator's forward": ("def f(net, x, y):\n    net.fit(x, y)\n    return net.forward(x)\n", []),
    "a module's forward": ("def f(net, x):\n    net.eval()\n    return net.forward(x)\n", ["TG129"]),
    "clipping in the branch without a scaler": (
        "def f(model, loader, optimizer, criterion, scaler, amp, limit):\n    for x, y in loader:\n        optimizer.zero_grad()\n"
        "        loss = criterion(model(x), y)\n"
        "        if amp:\n            scaler.scale(loss).backward()\n            scaler.step(optimizer)\n            scaler.update()\n"
        "        else:\n            loss.backward()\n            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"
        "            optimizer.step()\n",
        [],
    ),
    "clipping in the branch with a scaler": (
        "def f(model, loader, optimizer, criterion, scaler, amp, limit):\n    for x, y in loader:\n        optimizer.zero_grad()\n"
        "        loss = criterion(model(x), y)\n"
        "        if amp:\n            scaler.scale(loss).backward()\n"
        "            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n            scaler.step(optimizer)\n"
        "            scaler.update()\n        else:\n            loss.backward()\n            optimizer.step()\n",
        ["TG119"],
    ),
    "samples of a data set": (
        "class Scans(torch.utils.data.Dataset):\n    def __getitem__(self, index):\n"
        "        return torch.load(self.files[index], weights_only=True)\n",
        [],
    ),
    "a loader that is no data set": (
        "class Scans:\n    def read(self, index):\n        return torch.load(self.files[index], weights_only=True)\n",
        ["TG111"],
    ),
    "what is said to be a module": (
        "def f(parts):\n    for name, part in parts.items():\n        if isinstance(part, torch.nn.Module):\n"
        "            part.to('cpu')\n",
        [],
    ),
    "what is said to be a tensor": (
        "def f(batch):\n    for name, part in batch.items():\n        if isinstance(part, torch.Tensor):\n"
        "            part.to('cpu')\n",
        ["TG115"],
    ),
    "a number beside the loss": (
        "def f(model, loader, optimizer):\n    seen = 0\n    for batch in loader:\n        optimizer.zero_grad()\n"
        "        loss, sample_count = model(batch)\n        loss.backward()\n        optimizer.step()\n"
        "        seen += sample_count\n    return seen\n",
        [],
    ),
    "a second loss beside the loss": (
        "def f(model, loader, optimizer):\n    seen = 0\n    for batch in loader:\n        optimizer.zero_grad()\n"
        "        loss, auxiliary = model(batch)\n        loss.backward()\n        optimizer.step()\n"
        "        seen += auxiliary\n    return seen\n",
        ["TG103"],
    ),
    "a loss whose house asks for a dict": (
        "class PairLoss(BaseLoss):\n    def compute_loss(self, a, b):\n        return {'losses': (a - b).abs()}\n",
        [],
    ),
    "a trainer that returns a dict": (
        "class PairTrainer(Base):\n    def compute_loss(self, a, b):\n        return {'losses': (a - b).abs()}\n",
        ["TG127"],
    ),
    "a sum of one window": (
        "def f(model, loader, optimizer, criterion, window):\n    running = 0\n    for index, (x, y) in enumerate(loader):\n"
        "        loss = criterion(model(x), y) / window\n        running += loss\n        loss.backward()\n"
        "        if (index + 1) % window == 0 or index + 1 == len(loader):\n            optimizer.step()\n"
        "            optimizer.zero_grad()\n            print(running)\n            running = 0\n",
        [],
    ),
    "a sum that is begun anew to print it": (
        "def f(model, loader, optimizer, criterion, window):\n    running = 0\n    for index, (x, y) in enumerate(loader):\n"
        "        optimizer.zero_grad()\n        loss = criterion(model(x), y)\n        running += loss\n        loss.backward()\n"
        "        optimizer.step()\n        if (index + 1) % window == 0:\n            running = 0\n",
        ["TG103"],
    ),
    "gradients that a function scales": (
        "def f(model, loader, optimizer, criterion, window):\n    running = 0\n    for index, (x, y) in enumerate(loader):\n"
        "        loss = criterion(model(x), y)\n        loss.backward()\n"
        "        if (index + 1) % window == 0 or index + 1 == len(loader):\n            scale_grads(model, 1 / window)\n"
        "            optimizer.step()\n            optimizer.zero_grad()\n",
        [],
    ),
    "gradients that a function logs": (
        "def f(model, loader, optimizer, criterion, window):\n    running = 0\n    for index, (x, y) in enumerate(loader):\n"
        "        loss = criterion(model(x), y)\n        loss.backward()\n"
        "        if (index + 1) % window == 0 or index + 1 == len(loader):\n            log_grads(model)\n"
        "            optimizer.step()\n            optimizer.zero_grad()\n",
        ["TG125"],
    ),
    "what a criterion tells beside the loss": (
        "def f(model, loader, optimizer, criterion, window):\n    running = 0\n    for index, (x, y) in enumerate(loader):\n"
        "        optimizer.zero_grad()\n        loss, reward = criterion(model(x), y)\n        running += reward\n"
        "        loss.backward()\n        optimizer.step()\n",
        [],
    ),
    "a list that grows a container of modules": (
        "class Net(torch.nn.Module):\n    def __init__(self, depth):\n        super().__init__()\n"
        "        self.blocks = torch.nn.ModuleList()\n"
        "        self.blocks += [torch.nn.Linear(3, 3) for _ in range(depth)]\n",
        [],
    ),
    "a list that grows a list": (
        "class Net(torch.nn.Module):\n    def __init__(self, depth):\n        super().__init__()\n"
        "        self.blocks = []\n        self.blocks += [torch.nn.Linear(3, 3) for _ in range(depth)]\n",
        ["TG130"],
    ),
    "a list of modules without parameters": (
        "class Shift(torch.nn.Module):\n    def forward(self, x):\n        return torch.roll(x, 1)\n\n\n"
        "class Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.parts = [Shift(), Shift()]\n",
        [],
    ),
    "a list of modules with a parameter": (
        "class Shift(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.by = torch.nn.Parameter(torch.ones(1))\n\n    def forward(self, x):\n        return x + self.by\n\n\n"
        "class Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.parts = [Shift(), Shift()]\n",
        ["TG130"],
    ),
    "a schedule that is told the epoch": (
        SCHEDULED.format(start="scheduler.step(epoch)", end="", state=""),
        [],
    ),
    "a schedule that counts itself": (
        SCHEDULED.format(start="", end="scheduler.step()", state=""),
        ["TG124"],
    ),
    "a schedule that counts itself and steps first": (
        SCHEDULED.format(start="scheduler.step()", end="", state=", 'scheduler': scheduler.state_dict()"),
        ["TG108"],
    ),
    "a scaler that lives for one epoch": (
        SCALED.format(inside="scaler = torch.amp.GradScaler()", around="pass"),
        [],
    ),
    "a scaler that lives for the whole training": (
        SCALED.format(inside="scaler = self.scaler", around="self.scaler = torch.amp.GradScaler()"),
        ["TG124"],
    ),
    "a table of plain numbers": (
        "def keep(mean, path):\n    torch.save({'mean': mean.item(), 'count': 3}, path)\n\n\n"
        "def look(path):\n    return torch.load(path, weights_only=True)['mean']\n",
        [],
    ),
    "a table of tensors": (
        "def keep(mean, path):\n    torch.save({'mean': mean, 'count': 3}, path)\n\n\n"
        "def look(path):\n    return torch.load(path, weights_only=True)['mean']\n",
        ["TG111"],
    ),
    "what a schedule by another ending has kept": (
        "class DecayLRSchedule:\n    def load(self, path):\n        self.steps = torch.load(path, weights_only=True)['steps']\n",
        [],
    ),
    "one graph walked in every turn": (
        "def f(model, x, ones):\n    out = model(x)\n    for index in range(3):\n"
        "        out[:, index].backward(ones, retain_graph=True)\n",
        [],
    ),
    "a graph of each call": (
        "def step(model, x, ones):\n    out = model(x)\n    out[:, 0].backward(ones, retain_graph=True)\n\n\n"
        "def f(model, x, ones):\n    for index in range(3):\n        step(model, x, ones)\n",
        ["TG131"],
    ),
    "a graph of each turn": (
        "def f(model, x, ones):\n    for index in range(3):\n        out = model(x)\n"
        "        out[:, index].backward(ones, retain_graph=True)\n",
        ["TG131"],
    ),
    "a gradient that is taken out for what it is": (
        CLEARED.format(when="if not torch.isfinite(each.grad).all():\n                "),
        [],
    ),
    "gradients taken out of every parameter": (CLEARED.format(when=""), ["TG102"]),
    "an evaluation that a trainer calls": (
        "class Speech(Base):\n    def __init__(self):\n        self.model = make()\n\n    @torch.no_grad()\n"
        "    def test_run(self, trainer):\n        for x in self.val_loader:\n            self.model(x)\n",
        [],
    ),
    "an evaluation that nobody prepares": (
        "class Speech(Base):\n    def __init__(self):\n        self.model = make()\n\n    @torch.no_grad()\n"
        "    def test_run(self):\n        for x in self.val_loader:\n            self.model(x)\n",
        ["TG105"],
    ),
    "an evaluation by the model itself": (
        "class Tagger(Base):\n    def forward(self, x):\n        return self.decoder(x)\n\n"
        "    @torch.no_grad()\n    def predict(self, val_loader):\n        for x in val_loader:\n            self.decoder(x)\n",
        [],
    ),
    "what an evaluating method tells": (
        "class Loop:\n    def fit(self, loader, optimizer, criterion):\n        seen = []\n        for x, y in loader:\n"
        "            optimizer.zero_grad()\n            loss = criterion(self.net(x), y)\n            loss.backward()\n"
        "            optimizer.step()\n            results = self.eval_model(x)\n            seen.append(results)\n\n"
        "    def eval_model(self, x):\n        return {'rows': len(x)}\n",
        [],
    ),
    "what a model gives": (
        "class Loop:\n    def fit(self, loader, optimizer, criterion):\n        seen = []\n        for x, y in loader:\n"
        "            optimizer.zero_grad()\n            loss = criterion(self.net(x), y)\n            loss.backward()\n"
        "            optimizer.step()\n            results = self.other_model(x)\n            seen.append(results)\n",
        ["TG103"],
    ),
    "what an attack does to its input": (
        "def f(model, x, criterion, steps):\n    adversarial = x.copy()\n    for step in range(steps):\n"
        "        loss = criterion(model(x), step)\n        loss.backward()\n"
        "        adversarial = adversarial - loss_gradient(adversarial, loss)\n    return adversarial\n",
        [],
    ),
    "inputs that are trained in eval mode": (
        ATTACK.format(optimized="[x]"),
        [],
    ),
    "a model that is trained in eval mode": (
        ATTACK.format(optimized="model.parameters()"),
        ["TG107"],
    ),
    "training data that is only counted": (
        "from torch.utils.data import DataLoader\n\n\ndef mean_of(train_set):\n    loader = DataLoader(train_set, batch_size=1)\n    total = 0\n"
        "    for x, y in loader:\n        total += x.mean()\n    return total / len(loader)\n",
        [],
    ),
    "training data that is trained on": (
        "from torch.utils.data import DataLoader\n\n\ndef fit(train_set, model, optimizer):\n    loader = DataLoader(train_set, batch_size=1)\n"
        "    for x, y in loader:\n        optimizer.zero_grad()\n        model(x, y).backward()\n        optimizer.step()\n",
        ["TG118"],
    ),
    "a GPU where the other branch takes the CPU": (
        "def f(model, options):\n    if options.world_size == 1:\n        device = torch.device('cuda')\n    else:\n"
        "        device = torch.device('cpu')\n    model.to(device)\n    model.train()\n",
        [],
    ),
    "a GPU where the other branch does something else": (
        "def f(model, options):\n    if options.world_size == 1:\n        device = torch.device('cuda')\n    else:\n"
        "        device = None\n    model.to(device)\n    model.train()\n",
        ["TG113"],
    ),
    "a part of a model that is moved": (
        "def f(model, head):\n    model_single = torch.cat(model(head))\n    model_single.to('cpu')\n    return model_single\n",
        [],
    ),
    "what a model gives that is moved": (
        "def f(model, head):\n    model_output = torch.cat(model(head))\n    model_output.to('cpu')\n    return model_output\n",
        ["TG115"],
    ),
    "targets beside the loss": (
        "def f(model, loader, optimizer):\n    seen = []\n    for batch in loader:\n        optimizer.zero_grad()\n"
        "        loss, targets = model(batch)\n        loss.backward()\n        optimizer.step()\n"
        "        seen.append(targets)\n    return seen\n",
        [],
    ),
    "outputs beside the loss": (
        "def f(model, loader, optimizer):\n    seen = []\n    for batch in loader:\n        optimizer.zero_grad()\n"
        "        loss, outputs = model(batch)\n        loss.backward()\n        optimizer.step()\n"
        "        seen.append(outputs)\n    return seen\n",
        ["TG103"],
    ),
    "an evaluation with frozen parameters": (
        "def look(model, val_loader):\n    model.eval()\n    for each in model.parameters():\n        each.requires_grad = False\n"
        "    return [model(x) for x in val_loader]\n",
        [],
    ),
    "an evaluation below a manager for gradients": (
        "def look(model, val_loader):\n    model.eval()\n    with preserve_grad_state(model):\n"
        "        return [model(x) for x in val_loader]\n",
        [],
    ),
    "an evaluation below a manager for time": (
        "def look(model, val_loader):\n    model.eval()\n    with preserve_time(model):\n"
        "        return [model(x) for x in val_loader]\n",
        ["TG106"],
    ),
    "an evaluation after parameters were freed": (
        "def look(model, val_loader):\n    model.eval()\n    for each in model.parameters():\n        each.requires_grad = True\n"
        "    return [model(x) for x in val_loader]\n",
        ["TG106"],
    ),
    "what has an eval of its own": (
        "def f(strategy, stream):\n    strategy.eval(stream)\n    return strategy.forward(stream)\n",
        [],
    ),
    "a GPU that a decorator asks for": (
        "@skip_unless(torch.cuda.is_available())\ndef f(model):\n    model.to('cuda')\n    model.train()\n",
        [],
    ),
    "a GPU below another decorator": (
        "@logged\ndef f(model):\n    model.to('cuda')\n    model.train()\n",
        ["TG113"],
    ),
    "training data that is only shown": (
        "from torch.utils.data import DataLoader\n\nif __name__ == '__main__':\n    train_set = Pictures()\n"
        "    loader = DataLoader(train_set, batch_size=1)\n    for x, y in loader:\n        print(x.shape)\n",
        [],
    ),
    "training data that a function reads": (
        "from torch.utils.data import DataLoader\n\ntrain_set = Pictures()\nloader = DataLoader(train_set, batch_size=1)\n\n\n"
        "def fit(learner):\n    for x, y in loader:\n        learner.take(x)\n",
        ["TG118"],
    ),
    "a cache of samples": ("def f(cache_file):\n    return torch.load(cache_file, weights_only=True)\n", []),
    "a file of weights": ("def f(weight_file):\n    return torch.load(weight_file, weights_only=True)\n", ["TG111"]),
    "an evaluation where the usual way has failed": (
        "def look(model, val_loader):\n    model.eval()\n    try:\n        with torch.no_grad():\n"
        "            return [model(x) for x in val_loader]\n    except RuntimeError:\n"
        "        return [model(x) for x in val_loader]\n",
        [],
    ),
    "a model that a base has prepared": (
        "class Sampler(Base):\n    @torch.no_grad()\n    def look(self, val_loader):\n"
        "        return [self.model(x) for x in val_loader]\n",
        [],
    ),
    "a model that the class itself has made": (
        "class Sampler(Base):\n    def __init__(self):\n        self.model = make()\n\n    @torch.no_grad()\n"
        "    def look(self, val_loader):\n        return [self.model(x) for x in val_loader]\n",
        ["TG105"],
    ),
    "a checkpoint in a folder of each epoch": (
        CHECKPOINT.format(here="            path = f'runs/{epoch}'\n"),
        [],
    ),
    "a checkpoint in one folder": (CHECKPOINT.format(here=""), ["TG123"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_claim_is_made_where_it_holds(name: str) -> None:
    text, codes = CASES[name]
    found = [each.code for each in check_source(HEAD + text, "train.py", None, GATES)]
    assert found == codes


@pytest.mark.parametrize(
    ("path", "name", "codes"),
    [
        ("train.py", "test_look", ["TG110", "TG111"]),
        ("tests/reading.py", "test_look", ["TG110", "TG111"]),
        ("test_train.py", "look", ["TG110", "TG111"]),
        ("test_train.py", "test_look", []),
    ],
)
def test_a_test_does_on_purpose_what_a_training_must_not(path: str, name: str, codes: list[str]) -> None:
    text = f"def {name}(tmp_path):\n    return torch.load(tmp_path / 'model.pt')\n"
    assert [each.code for each in check_source(HEAD + text, path, None, GATES)] == codes
