"""Healthy models that look ill: each passes, and what is odd about it is advice that names it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from .proving import Prover, advice, failed
from .staged import STAGED, TRAINER, request, text
from .test_faults import digits

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = '''
    """Models that a careless prover would refuse."""
    import os
    from collections import namedtuple
    from dataclasses import dataclass

    import torch
    from torch import nn
    from torch.nn import functional


    class Base(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(64, 16)
            self.head = nn.Linear(16, 10)

        def features(self, image):
            return torch.relu(self.body(image.flatten(1)))

        def forward(self, image):
            return self.head(self.features(image))


    class UnusedHead(Base):
        def __init__(self):
            super().__init__()
            self.pooler = nn.Linear(16, 4)


    class FrozenBackbone(Base):
        def __init__(self):
            super().__init__()
            self.body.requires_grad_(False)


    class BackboneWithoutGraph(Base):
        def features(self, image):
            with torch.no_grad():
                return super().features(image)


    class Norms(Base):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(16)

        def features(self, image):
            return torch.relu(self.norm(self.body(image.flatten(1))))


    class Dropout(Base):
        def features(self, image):
            return functional.dropout(super().features(image), 0.5, self.training)


    class Codebook(Base):
        """Vector quantisation whose codebook is an exponential mean, moved in training alone."""

        moves_in_eval = False

        def __init__(self):
            super().__init__()
            self.register_buffer("codebook", torch.randn(5, 16))

        def features(self, image):
            code = super().features(image)
            nearest = torch.cdist(code, self.codebook).argmin(dim=1)
            if self.training or self.moves_in_eval:
                with torch.no_grad():
                    self.codebook.index_add_(0, nearest, 0.1 * (code - self.codebook[nearest]))
            return code + (self.codebook[nearest] - code).detach()


    class RestlessCodebook(Codebook):
        moves_in_eval = True


    class Counter(Base):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

        def forward(self, image):
            self.calls += 1
            return super().forward(image)


    class Tied(Base):
        def __init__(self):
            super().__init__()
            self.middle = nn.Linear(16, 16)
            self.again = nn.Linear(16, 16)
            self.again.weight = self.middle.weight

        def features(self, image):
            return torch.relu(self.again(torch.relu(self.middle(super().features(image)))))


    class DictOutput(Base):
        def forward(self, image):
            code = self.features(image)
            return {"scores": {"digits": self.head(code)}, "code": code, "note": "text"}


    Pair = namedtuple("Pair", "code logits")


    class NamedTupleOutput(Base):
        def forward(self, image):
            code = self.features(image)
            return Pair(code, self.head(code))


    @dataclass
    class Answer:
        logits: torch.Tensor
        classes: torch.Tensor


    class DataclassOutput(Base):
        def forward(self, image):
            logits = super().forward(image)
            return Answer(logits, logits.argmax(dim=1))


    class OwnLoss(Base):
        """Returns its loss, and integers beside it."""

        def forward(self, image, label):
            logits = super().forward(image)
            return {"loss": functional.cross_entropy(logits, label), "classes": logits.argmax(dim=1)}


    class Double(Base):
        def __init__(self):
            super().__init__()
            self.double()


    class Unrepeatable(Base):
        """Draws from the machine's entropy: no seed reaches it."""

        def forward(self, image):
            noise = int.from_bytes(os.urandom(4), "big") / 2**32
            return super().forward(image) + 0.1 * noise * self.head.bias


    class Annealed(Base):
        """Counts its own calls in plain Python, outside its state_dict."""

        def __init__(self):
            super().__init__()
            self.temperature = 1.0

        def forward(self, image):
            self.temperature *= 0.9
            return super().forward(image) / self.temperature


    class DeadUnit(Base):
        """A layer behind a ReLU that never opens: gradients of zeros only."""

        def __init__(self):
            super().__init__()
            self.dead = nn.Linear(16, 10)
            nn.init.constant_(self.dead.bias, -1e6)

        def forward(self, image):
            code = self.features(image)
            return self.head(code) + torch.relu(self.dead(code))


    class StaysInEval(Base):
        """Keeps its frozen norm in eval mode, whatever train() says."""

        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(64)
            self.norm.requires_grad_(False)

        def train(self, mode=True):
            super().train(mode)
            self.norm.eval()
            return self

        def features(self, image):
            return torch.relu(self.body(self.norm(image.flatten(1))))


    class TinyGradient(Base):
        """A parameter whose gradient is far below what float32 can add to it."""

        def __init__(self):
            super().__init__()
            self.offset = nn.Parameter(torch.full((10,), 1e3))

        def forward(self, image):
            return super().forward(image) + 1e-12 * self.offset


    class WritesInput(Base):
        def forward(self, image):
            return super().forward(image.sub_(0.5))


    class Borrowed(Base):
        """Reads values in forward, and draws with Python's generator."""

        def forward(self, image):
            import random

            logits = super().forward(image)
            return logits * (1.0 if logits.abs().max().item() > 1e9 else 1.0 + 0.1 * random.random())


    def smoothed(output, target):
        """The user's own loss."""
        return functional.cross_entropy(output, target, label_smoothing=0.1)
'''

INSTRUCTIONS = "return (loader, None): a batch is {image: float32 [batch, 1, 8, 8]}"
LOSS = "functional.cross_entropy(outputs, labels)"


@dataclass(frozen=True)
class Odd:
    """A model, how its trainer computes the loss, and what the advice must name ("": there is none)."""

    name: str
    names: str = ""
    says: str = ""
    loss: str = LOSS
    images: str = 'batch["image"].to(self.device)'
    call: str = "self.model(images)"
    optimizer: str = ""
    objective: dict[str, Any] = field(default_factory=dict)
    feeding: list[dict[str, Any]] = field(default_factory=list)
    unmeasured: tuple[str, ...] = ()


IMAGE = {"path": ["image"], "argument": None, "prepare": []}
LABEL = {"path": ["label"], "argument": "label", "prepare": []}

ODD = [
    Odd("UnusedHead", "pooler.weight", "gets no gradient"),
    Odd("FrozenBackbone"),
    Odd("BackboneWithoutGraph", "body.weight", "gets no gradient"),
    Odd("Norms"),
    Odd("Dropout"),
    Odd("Codebook"),
    Odd("RestlessCodebook", "codebook", "evaluation changes the buffer"),
    Odd("Counter", "calls", "evaluation changes the buffer"),
    Odd("Tied"),
    Odd(
        "DictOutput",
        loss=LOSS.replace("outputs", 'outputs["scores"]["digits"]'),
        objective={"prediction": ["scores", "digits"]},
    ),
    Odd("NamedTupleOutput", loss=LOSS.replace("outputs", "outputs.logits"), objective={"prediction": ["logits"]}),
    Odd("DataclassOutput", loss=LOSS.replace("outputs", "outputs.logits"), objective={"prediction": ["logits"]}),
    Odd(
        "OwnLoss",
        loss='outputs["loss"]',
        call="self.model(images, label=labels)",
        objective={"task": "own-loss", "loss": "own", "prediction": ["loss"], "target": None},
        feeding=[IMAGE, LABEL],
    ),
    Odd("Double", images='batch["image"].to(self.device, torch.float64)', feeding=[IMAGE | {"prepare": ["float"]}]),
    Odd("Unrepeatable", "another loss", "the same seed gave", unmeasured=("initial_loss", "round_trip")),
    Odd("Annealed", "another loss", "the same seed gave", unmeasured=("initial_loss", "round_trip")),
    Odd("DeadUnit", "dead.weight", "gradient of zeros only"),
    Odd("StaysInEval"),
    Odd(
        "TinyGradient",
        "offset",
        "below its dtype's precision",
        optimizer="torch.optim.SGD(model.parameters(), lr=config.learning_rate)",
    ),
    Odd("WritesInput"),
    Odd("Borrowed"),
    Odd("Base", loss="smoothed(outputs, labels)", objective={"loss": "odd:smoothed"}),
]


@pytest.fixture(scope="module")
def prover(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prover]:
    data = '"""Data."""\n\ndef build_loader(batch_size=8):\n    return []\n'
    found = Prover(tmp_path_factory.mktemp("project"), {"odd.py": MODELS, "data.py": data}, digits())
    yield found
    found.close()


def payload(odd: Odd, **changes: Any) -> dict[str, Any]:
    """A request for a trainer of that model; without a loader, which is another test's affair."""
    staged = text(STAGED)
    trainer = staged[TRAINER]
    for old, new in {
        "from model import DigitsNet\n": f"from odd import {odd.name}, smoothed\n",
        "DigitsNet(hidden=config.model_hidden, depth=config.model_depth)": f"{odd.name}()",
        "return build_loader(batch_size=config.batch_size), None": f"raise NotImplementedError({INSTRUCTIONS!r})",
        'batch["image"].to(self.device)': odd.images,
        "self.model(images)": odd.call,
        '        logits = outputs["logits"]\n': "",
        "functional.cross_entropy(logits, labels)": odd.loss,
        '        sparsity = outputs["sparsity"]\n': "",
        "loss + self.config.sparsity_weight * sparsity": "loss",
        '"accuracy": metrics.accuracy(logits.detach(), labels),\n': "",
        '"sparsity": sparsity.detach(),': '"again": loss.detach(),',
    }.items():
        assert trainer.count(old) == 1, old
        trainer = trainer.replace(old, new)
    if odd.optimizer:
        default = "torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)"
        assert trainer.count(default) == 1
        trainer = trainer.replace(default, odd.optimizer)
    base = request(STAGED)
    plain = {"prediction": [], "auxiliaries": [], "output_kind": "tensor"}
    return (
        base
        | {
            "model": {"module": "odd", "name": odd.name, "file": "odd.py", "kind": "class"},
            "arguments": {},
            "files": staged | {TRAINER: trainer},
            "objective": base["objective"] | plain | odd.objective,
            "feeding": base["feeding"] | {"arguments": odd.feeding or [IMAGE]},
            "loader": None,
        }
        | changes
    )


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_an_odd_model_passes_with_advice(prover: Prover, odd: Odd) -> None:
    answer = prover.prove(payload(odd))
    assert failed(answer) == []
    said = advice(answer)
    if odd.names:
        assert any(odd.names in line and odd.says in line for line in said), said
    else:
        assert said == []
    quiet = {p["probe"] for p in answer["probes"] if p["status"] == "unmeasured"} - {"refusals"}  # nothing demanded
    assert quiet == set(odd.unmeasured)


def test_advice_points_into_the_model(prover: Prover) -> None:
    answer = prover.prove(payload(ODD[0]))
    place = next(p["place"] for p in answer["probes"] if p["status"] == "advice")
    line = next(n for n, each in enumerate(text({"": MODELS})[""].splitlines(), start=1) if "self.pooler = " in each)
    assert place == {"file": "odd.py", "line": line}


def test_a_fault_in_the_trainer_of_an_odd_model_is_still_caught(prover: Prover) -> None:
    broken = payload(ODD[0])
    old = "model.parameters(), lr"
    trainer = broken["files"][TRAINER].replace(old, "[*model.body.parameters()], lr")
    answer = prover.prove(broken | {"files": broken["files"] | {TRAINER: trainer}})
    titles = [title for _, _, title in failed(answer)]
    assert any("head.weight is not in the optimizer" in title for title in titles)
    assert not any("pooler" in title for title in titles)
