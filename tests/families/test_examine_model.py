"""What inspect finds in models with a seeded fault, each beside a healthy twin in which it must find nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trainergen.runtime.probes import rate_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.families.conftest import Examine

HEAD = """
import torch
from torch import nn
from torch.nn import functional


def stack(depth, width, activation, last):
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, last))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
"""
TABLE = "x: float32[16,32]; label: int64[16] < 5"


def model(init: str, forward: str = "return self.body(x)", signature: str = "x") -> str:
    lines = "\n".join(f"        {line}" for line in init.strip().splitlines())
    body = "\n".join(f"        {line}" for line in forward.strip().splitlines())
    return f"{HEAD}{lines}\n\n    def forward(self, {signature}):\n{body}\n"


HEALTHY = model("self.body = stack(2, 32, nn.ReLU, 5)")

# name -> (measurement, finding, severity, faulty model, healthy twin, batch)
FAULTS: dict[str, tuple[str, str, str, str, str, str]] = {
    "vanishing gradients": (
        "model.signals",
        "gradients.vanishing",
        "warn",
        model("self.body = stack(12, 32, nn.Sigmoid, 5)"),
        model("self.body = stack(3, 32, nn.ReLU, 5)"),
        TABLE,
    ),
    "exploding activations": (
        "model.signals",
        "signals.exploding",
        "warn",
        model("self.body = stack(8, 32, nn.ReLU, 5)\nfor each in self.parameters(): nn.init.normal_(each, std=2.0)"),
        model("self.body = stack(8, 32, nn.ReLU, 5)"),
        TABLE,
    ),
    "weights too large": (
        "model.initialisation",
        "init.large",
        "warn",
        model("self.body = stack(1, 32, nn.ReLU, 5)\nnn.init.normal_(self.body[0].weight, std=2.0)"),
        model("self.body = stack(1, 32, nn.ReLU, 5)\nnn.init.kaiming_normal_(self.body[0].weight)"),
        TABLE,
    ),
    "weights too small": (
        "model.initialisation",
        "init.small",
        "warn",
        model("self.body = stack(1, 32, nn.ReLU, 5)\nnn.init.normal_(self.body[0].weight, std=1e-4)"),
        model("self.body = stack(1, 32, nn.ReLU, 5)\nnn.init.xavier_uniform_(self.body[0].weight)"),
        TABLE,
    ),
    "equal weights": (
        "model.initialisation",
        "init.constant",
        "warn",
        model("self.body = stack(1, 32, nn.ReLU, 5)\nnn.init.constant_(self.body[0].weight, 0.1)"),
        HEALTHY,
        TABLE,
    ),
    "an unused layer": (
        "model.reach",
        "parameters.unreached",
        "warn",
        model("self.body = stack(1, 32, nn.ReLU, 5)\nself.unused = nn.Linear(3, 3)"),
        HEALTHY,
        TABLE,
    ),
    "a detached branch": (
        "model.reach",
        "parameters.unreached",
        "warn",
        model(
            "self.first = nn.Linear(32, 32)\nself.body = nn.Linear(32, 5)", "return self.body(self.first(x).detach())"
        ),
        model("self.first = nn.Linear(32, 32)\nself.body = nn.Linear(32, 5)", "return self.body(self.first(x))"),
        TABLE,
    ),
    "dead ReLU": (
        "model.signals",
        "signals.dead-relu",
        "warn",
        model("self.body = stack(1, 32, nn.ReLU, 5)\nnn.init.constant_(self.body[0].bias[:24], -20.0)"),
        HEALTHY,
        TABLE,
    ),
    "dead functional relu": (
        "model.signals",
        "signals.dead-relu",
        "fail",
        model(
            "self.first = nn.Linear(32, 32)\nself.body = nn.Linear(32, 5)",
            "return self.body(functional.relu(self.first(x) - 50.0))",
        ),
        model(
            "self.first = nn.Linear(32, 32)\nself.body = nn.Linear(32, 5)",
            "return self.body(functional.relu(self.first(x)))",
        ),
        TABLE,
    ),
    "saturated tanh": (
        "model.signals",
        "signals.saturated",
        "warn",
        model("self.body = nn.Linear(32, 5)", "return self.body(torch.tanh(100.0 * x))"),
        model("self.body = nn.Linear(32, 5)", "return self.body(torch.tanh(x))"),
        TABLE,
    ),
    "a loud head": (
        "model.first_loss",
        "loss.start-high",
        "warn",
        model("self.body = stack(1, 32, nn.ReLU, 5)", "return 50.0 * self.body(x)"),
        HEALTHY,
        TABLE,
    ),
    "exploding gradients": (
        "model.signals",
        "gradients.exploding",
        "warn",
        model("self.body = stack(2, 32, nn.ReLU, 5)\nnn.init.normal_(self.body[0].weight, std=1e-6)"),
        HEALTHY,
        TABLE,
    ),
    "weights of 16 bits": (
        "model.parameters",
        "parameters.low-precision",
        "warn",
        model("self.body = stack(1, 32, nn.ReLU, 5).bfloat16()", "return self.body(x.bfloat16())"),
        HEALTHY,
        TABLE,
    ),
    "noise in eval mode": (
        "model.repeatability",
        "eval.random",
        "warn",
        model("self.body = stack(1, 32, nn.ReLU, 5)", "return self.body(functional.dropout(x, 0.5))"),
        model("self.body = stack(1, 32, nn.ReLU, 5)", "return self.body(functional.dropout(x, 0.5, self.training))"),
        TABLE,
    ),
    "weights from the clock": (
        "model.repeatability",
        "repeat.different",
        "warn",
        model(
            "import os\nself.body = stack(1, 32, nn.ReLU, 5)\n"
            "self.body[0].weight.data += int.from_bytes(os.urandom(2), 'big') / 1e6"
        ),
        HEALTHY,
        TABLE,
    ),
    "a target that has nothing to do with the input": (
        "model.memorise",
        "learning.stuck",
        "warn",
        model("self.body = nn.Linear(32, 5)", "return self.body(torch.zeros_like(x)) * 1e-3"),
        HEALTHY,
        TABLE,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_found_and_its_healthy_twin_is_left_alone(fault: str, examine: Examine) -> None:
    measurement, finding, severity, faulty, healthy, batch = FAULTS[fault]
    found = examine({"model.py": faulty}, "model:Net", measurement, batch=batch)
    assert found.severity(finding) == severity, found.ids
    assert found.finding(finding)["evidence"]
    assert found.finding(finding)["advice"]
    twin = examine({"twin.py": healthy}, "twin:Net", measurement, batch=batch)
    assert finding not in twin.ids, twin.finding(finding)
    assert not [each for each in twin.findings if each["severity"] in ("warn", "fail")], twin.findings


def test_probabilities_that_go_into_cross_entropy_are_named_with_the_floor(examine: Examine) -> None:
    softmax = model("self.body = stack(1, 32, nn.ReLU, 5)", "return self.body(x).softmax(1)")
    found = examine({"model.py": softmax}, "model:Net", "model.first_loss", batch=TABLE, loss="cross_entropy")
    assert found.severity("head.softmax") == "fail"
    assert found.finding("head.softmax")["numbers"]["floor"] == pytest.approx(0.9048, abs=1e-3)  # ln(e + 4) - 1
    unasked = examine({"twin.py": softmax}, "twin:Net", "model.first_loss", batch=TABLE)
    assert "head.softmax" not in unasked.ids  # the plan takes the loss on probabilities then


def test_a_sigmoid_before_a_loss_on_logits_is_named(examine: Examine) -> None:
    sigmoid = model("self.body = nn.Sequential(nn.Linear(32, 1), nn.Sigmoid())")
    batch = "x: float32[16,32]; label: int64[16,1] < 2"
    found = examine({"model.py": sigmoid}, "model:Net", "model.first_loss", batch=batch, loss="bce_with_logits")
    assert found.severity("head.sigmoid") == "fail"
    assert found.finding("head.sigmoid")["numbers"]["floor"] == pytest.approx(0.3133, abs=1e-3)  # ln(1 + 1/e)
    twin = examine({"twin.py": sigmoid}, "twin:Net", "model.first_loss", batch=batch)
    assert "head.sigmoid" not in twin.ids


def test_a_target_among_the_inputs_is_suspected_from_a_low_first_loss(examine: Examine) -> None:
    data = """
        import torch
        label = torch.arange(16) % 5
        x = torch.randn(16, 32)
        x[:, :5] = 20 * torch.nn.functional.one_hot(label, 5)
        loader = [(x, label)]
        """
    leaking = model("self.body = nn.Linear(32, 5)", "return x[:, :5] + 0.01 * self.body(x)")
    files = {"model.py": leaking, "data.py": data}
    assert examine(files, "model:Net", "model.first_loss", loader="data:loader").severity("loss.start-low") == "warn"


@pytest.mark.parametrize(
    ("body", "batch", "expected", "rule"),
    [
        ("self.body = nn.Linear(32, 7)", "x: float32[64,32]; label: int64[64] < 7", 1.9459, "ln 7"),
        ("self.body = nn.Linear(32, 1)", "x: float32[64,32]; label: float32[64,1] < 1", None, ""),
    ],
)
def test_the_first_loss_is_held_against_that_of_a_model_that_knows_nothing(
    body: str, batch: str, expected: float | None, rule: str, examine: Examine
) -> None:
    facts = examine({"model.py": model(body)}, "model:Net", "model.first_loss", batch=batch).facts
    if expected is not None:
        assert facts["expected"] == pytest.approx(expected, abs=1e-3)
        assert facts["rule"] == rule
    else:
        assert facts["expected"] > 0
        assert "variance" in facts["rule"]


def test_operations_are_those_of_the_layers(examine: Examine) -> None:
    facts = examine(
        {"model.py": model("self.body = nn.Linear(32, 5)")}, "model:Net", "model.operations", batch=TABLE
    ).facts
    assert facts["forward"] == 2 * 32 * 5  # a product and a sum for each weight
    assert facts["both"] == 2 * facts["forward"]  # the input needs no gradient: backward is for the weight alone


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_operations_of_fused_recurrent_layers_are_counted(kind: str, examine: Examine) -> None:
    recurrent = model(
        f"self.cell = nn.{kind}(8, 16, batch_first=True)\nself.body = nn.Linear(16, 5)",
        "return self.body(self.cell(x)[0][:, -1])",
    )
    batch = "x: float32[4,10,8]; label: int64[4] < 5"
    facts = examine({"model.py": recurrent}, "model:Net", "model.operations", batch=batch).facts
    gates = {"LSTM": 4, "GRU": 3}[kind]
    assert facts["forward"] == 10 * gates * 2 * 16 * (8 + 16) + 2 * 16 * 5


def test_parameters_are_counted_once_where_they_are_shared(examine: Examine) -> None:
    tied = model(
        "self.table = nn.Embedding(50, 8)\nself.out = nn.Linear(8, 50, bias=False)\nself.out.weight = self.table.weight",
        "return self.out(self.table(x).mean(1))",
    )
    found = examine(
        {"model.py": tied}, "model:Net", "model.parameters", batch="x: int64[4,6] < 50; label: int64[4] < 50"
    )
    assert found.facts["total"] == 400
    assert [(row["module"], row["values"], row["shared"]) for row in found.facts["rows"]] == [
        ("table", 400, False),
        ("out", 0, True),
    ]
    assert found.severity("parameters.shared") == "note"


def test_memory_is_estimated_near_what_the_allocator_gave(examine: Examine) -> None:
    found = examine({"model.py": HEALTHY}, "model:Net", "model.memory", batch=TABLE)
    facts = found.facts
    assert facts["parameters"] == 4 * (2 * (32 * 32 + 32) + 32 * 5 + 5)
    assert 2 * facts["parameters"] <= facts["optimizer"] < 2.1 * facts["parameters"]  # AdamW: two values and a counter
    assert 0.5 <= facts["ratio"] <= 2.0
    assert facts["activations"] > 0


SCHEMES = {
    "nn.init.kaiming_normal_(self.body.weight)": "Kaiming (fan-in, ReLU), normal",
    "nn.init.xavier_uniform_(self.body.weight)": "Xavier, uniform",
    "nn.init.orthogonal_(self.body.weight)": "orthogonal",
    "nn.init.zeros_(self.body.weight)": "zeros",
    "nn.init.constant_(self.body.weight, 0.5)": "constant",
    "nn.init.normal_(self.body.weight, std=0.02)": "normal(0, 0.02)",
    "pass": "torch's default",
}


@pytest.mark.parametrize("init", SCHEMES)
def test_the_initialisation_is_told_from_the_values(init: str, examine: Examine) -> None:
    source = model(f"self.body = nn.Linear(64, 96)\n{init}")
    batch = "x: float32[4,64]; label: int64[4] < 96"
    facts = examine({"model.py": source}, "model:Net", "model.initialisation", batch=batch).facts
    assert facts["rows"][0]["scheme"] == SCHEMES[init]


def test_the_rate_range_holds_the_usual_rate_of_a_small_classifier(examine: Examine) -> None:
    found = examine({"model.py": HEALTHY}, "model:Net", "model.rates", batch=TABLE)
    facts = found.facts
    assert facts["low"] <= facts["suggested"] <= facts["high"]
    assert facts["low"] <= facts["high"] / 3
    assert 1e-4 < facts["suggested"] < 0.1
    assert len(facts["curve"]) > 15


RATES = [10 ** (-7 + index * 0.1) for index in range(81)]


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (lambda rate: 1.0, None),  # nothing happens
        (lambda rate: 1.0 + rate, None),  # it only rises
        (lambda rate: 1.0 if rate < 1e-4 else 0.5 if rate < 0.9e-1 else 3.0, (1e-4 / 30, 1e-5)),  # one step down
        (lambda rate: 2.0 - min(rate / 1e-2, 1.0) + (2.0 if rate > 0.5 else 0.0), (1e-3 / 3, 1e-3)),
        (lambda rate: 2.0 - min(rate / 1e-2, 1.9) + (1.0 if 0.03 < rate < 0.3 else 0.0), (2e-3 / 3, 2e-3)),  # a hump
    ],
)
def test_the_suggested_range_follows_its_rule(
    curve: Callable[[float], float], expected: tuple[float, float] | None
) -> None:
    found = rate_range.suggest(RATES, [curve(rate) for rate in RATES])
    if expected is None:
        assert found is None
    else:
        assert found == pytest.approx(expected, rel=0.4)


def test_what_is_learnt_by_heart_says_in_how_many_steps(examine: Examine) -> None:
    found = examine({"model.py": HEALTHY}, "model:Net", "model.memorise", batch=TABLE)
    [*_, last] = found.facts["tries"]
    assert last["learnt"]
    assert last["steps"] == len(last["losses"]) <= found.facts["limit"]
    assert last["losses"][-1] < 0.1 * last["losses"][0]


def test_a_measurement_that_the_users_code_ends_is_said_and_costs_only_itself(examine: Examine) -> None:
    picky = model(
        "self.body = stack(1, 32, nn.ReLU, 5)",
        "if self.training and not torch.is_grad_enabled(): raise RuntimeError('not so')\nreturn self.body(x)",
    )
    found = examine({"model.py": picky}, "model:Net", "model.parameters", "model.repeatability", batch=TABLE)
    assert found.problems == {"model.repeatability": "Net.forward raised RuntimeError: not so"}
    assert found.facts["total"] > 0
