"""The stand-in for ``torch._dynamo`` changes no optimizer, bit for bit, and makes way when the real one is wanted."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

OPTIMIZERS = """
import json, sys
import torch


def losses():
    found = {}
    for name in "Adadelta Adagrad Adam AdamW Adamax ASGD NAdam RAdam RMSprop Rprop SGD LBFGS".split():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 1))
        optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01)
        x = torch.randn(8, 5)

        def closure():
            optimizer.zero_grad()
            loss = model(x).pow(2).mean()
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
        state = [value.double().sum().item().hex() for value in model.parameters()]
        found[name] = [*state, float(closure()).hex()]
    return found


def stands_in():
    return type(sys.modules.get("torch._dynamo")).__name__
"""


@pytest.mark.slow
def test_optimizers_are_bitwise_equal_with_and_without(project):
    made = project({"optimizers.py": OPTIMIZERS})
    with_it = made.call("optimizers:losses")
    plain = subprocess.run(
        [
            sys.executable,
            "-c",
            "import torch; torch.set_num_threads(1)\n" + OPTIMIZERS + "\nprint(json.dumps([losses(), stands_in()]))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    without_it, real = json.loads(plain.stdout)
    assert real == "module"
    assert with_it == without_it


@pytest.mark.slow
def test_the_real_package_comes_when_it_is_wanted(project):
    made = project({"wants.py": """
        import sys

        def look(which):
            import torch

            model = torch.nn.Linear(3, 2)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            model(torch.ones(1, 3)).sum().backward()
            optimizer.step()
            before = type(sys.modules["torch._dynamo"]).__name__
            if which == "submodule":
                import torch._dynamo.eval_frame as frames
                assert frames is torch._dynamo.eval_frame is sys.modules["torch._dynamo.eval_frame"]
                assert frames.__spec__.origin.endswith("eval_frame.py")
            elif which == "configuration":
                import torch._dynamo.config as config
                assert config is torch._dynamo.config is sys.modules["torch._dynamo.config"]
            elif which == "attribute":
                assert callable(torch._dynamo.optimize)
            else:
                compiled = torch.compile(model, backend="eager")
                x = torch.randn(4, 3)
                assert torch.equal(compiled(x), model(x))
            model(torch.ones(1, 3)).sum().backward()
            optimizer.step()
            return [before, type(sys.modules["torch._dynamo"]).__name__, torch._dynamo.__file__ is not None]
    """})
    for which in ("submodule", "configuration", "attribute", "compile"):
        assert made.call("wants:look", which) == ["_StandIn", "module", True]
