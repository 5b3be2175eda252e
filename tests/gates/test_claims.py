"""Places where a claim would be wrong, each met in a library that is known to be good; beside them, where it is right."""

from __future__ import annotations

import pytest

from trainergen.gates.engine import check_source, load_gates

GATES = list(load_gates("TG1").values())
HEAD = "import io\nimport os\nimport torch\n\n\n"

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
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_claim_is_made_where_it_holds(name: str) -> None:
    text, codes = CASES[name]
    found = [each.code for each in check_source(HEAD + text, "train.py", None, GATES)]
    assert found == codes
