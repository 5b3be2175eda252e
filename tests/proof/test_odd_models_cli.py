"""Healthy but odd models through the command line: each gets its trainer, and the advice names what is odd about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..building import read_tree, write_tree
from ..conftest import Answer
from ..forking import run_script
from .staged import text
from .test_odd_models import MODELS

Run = Callable[..., Answer]

MORE = '''

class NamedOutputs(Base):
    """A dict with the logits, the code and a note."""

    def forward(self, image):
        code = self.features(image)
        return {"logits": self.head(code), "code": code, "note": "text"}


class TwoOutputs(Base):
    """Integers beside the logits."""

    def forward(self, image):
        logits = super().forward(image)
        return logits, logits.argmax(dim=1)


class BrainFloat(Base):
    """Computes in bfloat16: gradients and clipping are rounded to three digits."""

    def __init__(self):
        super().__init__()
        self.to(torch.bfloat16)


class Spectral(Base):
    """A parametrised weight, whose buffers move with every forward in training."""

    def __init__(self):
        super().__init__()
        self.head = nn.utils.parametrizations.spectral_norm(nn.Linear(16, 10))


class Remembering(Base):
    """A buffer that is not in the state_dict: what is saved is not all that the next step depends on."""

    def __init__(self):
        super().__init__()
        self.register_buffer("memory", torch.zeros(16), persistent=False)

    def features(self, image):
        code = super().features(image)
        if self.training:
            self.memory = 0.9 * self.memory + 0.1 * code.detach().mean(dim=0)
        return code + self.memory


class Noisy(Base):
    """Adds noise in every forward, in eval mode too."""

    def forward(self, image):
        return super().forward(image + 0.1 * torch.randn_like(image))


class Lazy(Base):
    """A layer without a shape before its first forward."""

    def __init__(self):
        super().__init__()
        self.head = nn.LazyLinear(10)


def build_lazy():
    """The same with a shape."""
    model = Lazy()
    model(torch.zeros(2, 1, 8, 8))
    return model
'''

BATCH = ("--batch", "(float32[8,1,8,8], int64[8] < 10)")
RESTLESS = ("initial_loss", "round_trip")


@dataclass(frozen=True)
class Odd:
    """A model, what the advice must name and say ("": there is none), and what can't be measured then."""

    name: str
    names: str = ""
    says: str = ""
    unmeasured: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    slow: bool = False


ODD = [
    Odd("UnusedHead", "pooler.weight", "gets no gradient (and 1 more)"),
    Odd("FrozenBackbone"),
    Odd("BackboneWithoutGraph", "body.weight", "gets no gradient", slow=True),
    Odd("Norms"),
    Odd("Dropout"),
    Odd("Codebook", slow=True),
    Odd("RestlessCodebook", "codebook", "evaluation changes the buffer"),
    Odd("Counter", "calls", "evaluation changes the buffer", slow=True),
    Odd("Tied"),
    Odd("NamedOutputs"),
    Odd("NamedTupleOutput", slow=True),
    Odd("DataclassOutput", slow=True),
    Odd("TwoOutputs", slow=True),
    Odd("OwnLoss"),
    Odd("Double"),
    Odd("BrainFloat", slow=True),
    Odd("Unrepeatable", "another loss", "the same seed gave", RESTLESS),
    Odd("Annealed", "another loss", "the same seed gave", RESTLESS, slow=True),
    Odd("Remembering", "another loss", "the same seed gave", RESTLESS, slow=True),
    Odd("DeadUnit", "dead.weight", "a gradient of zeros only", slow=True),
    Odd("StaysInEval"),
    Odd("TinyGradient", "offset", "below its dtype's precision", arguments=("--optimizer", "sgd"), slow=True),
    Odd("WritesInput", slow=True),
    Odd("Borrowed", slow=True),
    Odd("Noisy", slow=True),
    Odd("Spectral", slow=True),
    Odd("Base", arguments=("--loss", "odd:smoothed"), slow=True),
    Odd("Lazy", arguments=("--factory", "odd:build_lazy"), slow=True),
]


def write_models(project: Path) -> None:
    write_tree(project, {"odd.py": text({"": MODELS})[""] + MORE})


@pytest.mark.parametrize(
    "odd", [pytest.param(odd, id=odd.name, marks=[pytest.mark.slow] if odd.slow else []) for odd in ODD]
)
def test_an_odd_model_gets_its_trainer_and_advice(project: Path, trainergen: Run, odd: Odd) -> None:
    write_models(project)

    answer = trainergen("new", "--model", f"odd.py:{odd.name}", *BATCH, *odd.arguments, "--json")

    assert answer.exit == 0, answer.stdout
    result = answer.data["result"]
    probes = result["proof"]["probes"]
    assert {probe["probe"] for probe in probes if probe["status"] == "unmeasured"} == set(odd.unmeasured)
    advice = [probe for probe in result["advice"] if probe["status"] == "advice"]
    if odd.names:
        (told,) = [each for each in advice if odd.names in each["title"] and odd.says in each["title"]]
        assert told["place"]["file"] == "odd.py"
    else:
        assert advice == []
    assert (project / "train" / f"{_snake(odd.name)}_trainer.py").is_file()


def test_the_advice_is_printed_with_the_line_of_the_model(project: Path, trainergen: Run) -> None:
    write_models(project)
    answer = trainergen("new", "--model", "odd.py:UnusedHead", *BATCH)
    assert answer.exit == 0, answer.stdout
    lines = (project / "odd.py").read_text().splitlines()
    line = next(number for number, each in enumerate(lines, start=1) if "self.pooler = " in each)
    (told,) = [each.split(maxsplit=2) for each in answer.stdout.splitlines() if "pooler.weight" in each]
    assert told[:2] == ["advise", f"odd.py:{line}"]
    assert "the bare control loop on the same batch says so too: it is the model's own" in told[2]


def test_a_lazy_model_needs_a_factory_and_says_so(project: Path, trainergen: Run) -> None:
    write_models(project)
    before = read_tree(project)
    answer = trainergen("new", "--model", "odd.py:Lazy", *BATCH)
    assert answer.exit == 5, answer.stdout
    assert "head.weight has no shape before the first forward" in answer.stdout
    assert "--factory" in answer.stdout
    assert read_tree(project) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["RestlessCodebook", "Double", "StaysInEval"])
def test_an_odd_models_trainer_trains(project: Path, trainergen: Run, name: str) -> None:
    data = """
        import torch


        def build_loader(batch_size=8):
            generator = torch.Generator().manual_seed(0)
            return [
                (torch.rand(8, 1, 8, 8, generator=generator), torch.randint(0, 10, (8,), generator=generator))
                for _ in range(3)
            ]
    """
    write_models(project)
    write_tree(project, {"data.py": data})
    answer = trainergen("new", "--model", f"odd.py:{name}", "--loader", "data:build_loader")
    assert answer.exit == 0, answer.stdout
    trained = run_script(project, "train.py", name, "--max-steps", "4")
    assert trained.returncode == 0, trained.stderr
    assert list(project.rglob("*_loss*.pt"))


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
