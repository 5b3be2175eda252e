"""The prover proven: each seeded fault is caught, by the probe that is there for it; the untouched twin passes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from .proving import Prover, failed
from .staged import STAGED, TRAINER, USER, replaced, request, text

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Seeded:
    """One fault: a replacement in a staged file, and the probe that must catch it (with words that its title has)."""

    name: str
    probe: str
    says: str
    file: str
    old: str
    new: str


def method(body: str) -> str:
    """A further method of the trainer, before on_train_begin."""
    lines = body.strip("\n").splitlines()
    return "\n".join(f"    {line}".rstrip() for line in lines) + "\n\n    def on_train_begin(self):"


BEGIN = "    def on_train_begin(self):"
RETURN = "        return total\n"
LABELS = 'labels = batch["label"].to(self.device)'

FAULTS = [
    Seeded(
        "missing zero_grad",
        "gradients",
        "not the loss's",
        TRAINER,
        BEGIN,
        method("""
manual_step = True

def _train_batch(self, batch):
    loss = self._forward_batch(batch)
    loss.backward()
    self.optimizer.step()
    return loss.detach()
"""),
    ),
    Seeded(
        "step before backward",
        "gradients",
        "gets no gradient",
        TRAINER,
        BEGIN,
        method("""
manual_step = True

def _train_batch(self, batch):
    self.optimizer.zero_grad()
    loss = self._forward_batch(batch)
    self.optimizer.step()
    loss.backward()
    return loss.detach()
"""),
    ),
    Seeded(
        "zero_grad between backward and step",
        "gradients",
        "gets no gradient",
        TRAINER,
        BEGIN,
        method("""
def _train_batch(self, batch):
    loss = super()._train_batch(batch)
    self.optimizer.zero_grad()
    return loss
"""),
    ),
    Seeded(
        "two steps a batch",
        "parameters_moved",
        "stepped 4 times for 2 batches",
        TRAINER,
        BEGIN,
        method("""
def _train_batch(self, batch):
    loss = super()._train_batch(batch)
    self.optimizer.step()
    return loss
"""),
    ),
    Seeded(
        "gradient scaled",
        "gradients",
        "not the loss's",
        TRAINER,
        BEGIN,
        method("""
def _train_batch(self, batch):
    loss = self._forward_batch(batch)
    self._backward(loss * 0.125)
    return loss.detach()
"""),
    ),
    Seeded("detached loss", "loss", "no graph", TRAINER, "return total", "return total.detach()"),
    Seeded("loss as a number", "loss", "is a float", TRAINER, "return total", "return total.item()"),
    Seeded(
        "loss of several values",
        "loss",
        "shape [8]",
        TRAINER,
        "functional.cross_entropy(logits, labels)",
        'functional.cross_entropy(logits, labels, reduction="none")',
    ),
    Seeded("NaN", "loss", "not finite", TRAINER, "return total", "return total * torch.log(total - total - 1)"),
    Seeded("loss that raises", "loss", "KeyError: 'lable'", TRAINER, 'batch["label"]', 'batch["lable"]'),
    Seeded(
        "softmax before cross-entropy",
        "initial_loss",
        "control run",
        TRAINER,
        'logits = outputs["logits"]',
        'logits = outputs["logits"].softmax(dim=1)',
    ),
    Seeded("wrong target", "initial_loss", "control run", TRAINER, LABELS, LABELS.replace('label"', 'other"')),
    Seeded(
        "auxiliary weight ignored",
        "initial_loss",
        "control run",
        TRAINER,
        "self.config.sparsity_weight * sparsity",
        "sparsity",
    ),
    Seeded(
        "auxiliary detached",
        "gradients",
        "not the loss's",
        TRAINER,
        'sparsity = outputs["sparsity"]',
        'sparsity = outputs["sparsity"].detach()',
    ),
    Seeded(
        "swapped arguments",
        "build",
        "built as you asked",
        TRAINER,
        "hidden=config.model_hidden, depth=config.model_depth",
        "hidden=config.model_depth, depth=config.model_hidden",
    ),
    Seeded(
        "another model",
        "build",
        "Sequential, not model.DigitsNet",
        TRAINER,
        "return DigitsNet(hidden=config.model_hidden, depth=config.model_depth)",
        "return torch.nn.Sequential(DigitsNet(hidden=config.model_hidden, depth=config.model_depth))",
    ),
    Seeded("wrong config key", "build", "model_hiden", TRAINER, "config.model_hidden", "config.model_hiden"),
    Seeded("key in config.ini that the class lacks", "build", "hiddn", "config.ini", "model_hidden", "hiddn"),
    Seeded(
        "backbone frozen by the trainer",
        "build",
        "freezes body.1.weight",
        TRAINER,
        "return DigitsNet(hidden=config.model_hidden, depth=config.model_depth)",
        "model = DigitsNet(hidden=config.model_hidden, depth=config.model_depth)\n"
        "        model.body.requires_grad_(False)\n        return model",
    ),
    Seeded(
        "optimizer over a copy",
        "parameters_moved",
        "not in the optimizer",
        TRAINER,
        "model.parameters(), lr",
        "[p.detach().clone().requires_grad_() for p in model.parameters()], lr",
    ),
    Seeded("rate zero", "parameters_moved", "learning rate is 0", TRAINER, "lr=config.learning_rate", "lr=0.0"),
    Seeded(
        "parameter not in the optimizer",
        "parameters_moved",
        "head.weight is not in the optimizer",
        TRAINER,
        "model.parameters(), lr",
        "[*model.body.parameters(), *model.middle.parameters()], lr",
    ),
    Seeded("metrics with their graph", "metrics", "carries the graph", TRAINER, "sparsity.detach()", "sparsity * 1.0"),
    Seeded(
        "metric of several values",
        "gradients",
        "must be a number or a 0-d tensor",
        TRAINER,
        "metrics.accuracy(logits.detach(), labels)",
        "logits.detach().std(dim=1)",
    ),
    Seeded(
        "eval that trains",
        "eval_is_pure",
        "steps during evaluation",
        TRAINER,
        BEGIN,
        method("""
def _evaluate_batch(self, batch):
    with torch.enable_grad():
        loss = self._forward_batch(batch)
        loss.backward()
        self.optimizer.step()
    return loss.detach()
"""),
    ),
    Seeded(
        "evaluation in train mode",
        "eval_is_pure",
        "train mode during evaluation",
        TRAINER,
        BEGIN,
        method("""
def _evaluate_batch(self, batch):
    self.model.train()
    return super()._evaluate_batch(batch)
"""),
    ),
    Seeded(
        "model left in eval mode",
        "eval_is_pure",
        "leaves DigitsNet in eval mode",
        TRAINER,
        BEGIN,
        method("""
def evaluate(self, dataloader=None):
    found = super().evaluate(dataloader)
    self.model.eval()
    return found
"""),
    ),
    Seeded(
        "evaluation with a graph",
        "eval_is_pure",
        "builds a graph",
        TRAINER,
        BEGIN,
        method("""
def _evaluate_batch(self, batch):
    with torch.enable_grad():
        return self._forward_batch(batch).detach()
"""),
    ),
    Seeded(
        "evaluation of another loss",
        "eval_is_pure",
        "bare loop in eval mode",
        TRAINER,
        BEGIN,
        method("""
def _evaluate_batch(self, batch):
    return functional.cross_entropy(self.model(batch["image"])["logits"], batch["label"])
"""),
    ),
    Seeded(
        "random numbers that no seed reaches",
        "same_seed",
        "another loss at step",
        TRAINER,
        RETURN,
        "        import os\n        noise = int.from_bytes(os.urandom(2), 'big')\n"
        "        return total * (1 + 1e-3 * self.model.training * noise)\n",
    ),
    Seeded(
        "state outside the checkpoint",
        "round_trip",
        "after save and load",
        TRAINER,
        RETURN,
        "        self.seen = getattr(self, 'seen', 0) + self.model.training\n"
        "        return total * (1.0 if self.seen != 4 else 1.5)\n",
    ),
    Seeded(
        "resume that keeps the first weights",
        "round_trip",
        "after save and load",
        TRAINER,
        "super().on_train_begin()",
        "super().on_train_begin()\n        self.model.load_state_dict = lambda state, **_: None",
    ),
    Seeded("no weights saved", "weights", "left no weight file", TRAINER, "        self.save_weights()\n", ""),
    Seeded(
        "save_weights that saves something else",
        "weights",
        "holds bias, which the model does not have",
        TRAINER,
        "self.save_weights()",
        "path = self.save_weights()\n        torch.save(self.model.head.state_dict(), path)",
    ),
    Seeded(
        "rounded weights saved",
        "weights",
        "other values",
        TRAINER,
        "self.save_weights()",
        "path = self.save_weights()\n"
        "        torch.save({k: v.half().to(v.dtype) for k, v in self.model.state_dict().items()}, path)",
    ),
    Seeded("device move lost", "device", "another device", TRAINER, 'batch["image"].to(self.device)', 'batch["image"]'),
    Seeded(
        "device written down",
        "device",
        "another device",
        TRAINER,
        'batch["image"].to(self.device)',
        'batch["image"].to("cpu")',
    ),
    Seeded(
        "rate from the wrong field",
        "config",
        "does not reach the optimizer",
        TRAINER,
        "lr=config.learning_rate",
        "lr=config.weight_decay",
    ),
    Seeded(
        "config from another section",
        "config",
        "arrives as 0.1",
        "config/train.py",
        '"train_digits_net"',
        '"train_other"',
    ),
    Seeded(
        "wrong registry name",
        "staged",
        "no trainer 'DigitsNet'",
        "train/__init__.py",
        '"DigitsNetTrainer": ',
        '"DigitNetTrainers": ',
    ),
    Seeded(
        "registry names another class",
        "staged",
        "has no class",
        "train/__init__.py",
        "digits_net_trainer:DigitsNetTrainer",
        "digits_net_trainer:DigitsTrainer",
    ),
    Seeded(
        "registry lost an entry",
        "staged",
        "no longer lists OtherTrainer",
        "train/__init__.py",
        '"OtherTrainer": "train.other:OtherTrainer",',
        "",
    ),
    Seeded(
        "import of what is not there",
        "staged",
        "No module named 'modle'",
        TRAINER,
        "from model import",
        "from modle import",
    ),
    Seeded("syntax error", "staged", "SyntaxError", TRAINER, "return total", "return total)"),
    Seeded(
        "import that exits",
        "staged",
        "SystemExit",
        "config/train.py",
        "@dataclass",
        "raise SystemExit(3)\n\n\n@dataclass",
    ),
    Seeded(
        "import from outside the copy",
        "staged",
        "not the staged",
        "train/__init__.py",
        "def get_trainer(name):",
        "import os\n__path__ = [os.environ['TRAINERGEN_TEST_OUTSIDE']]\n\n\ndef get_trainer(name):",
    ),
    Seeded(
        "staged file changed by importing it",
        "staged",
        "not what was staged",
        TRAINER,
        "import logging\n",
        "import logging\nfrom pathlib import Path\n\nPath(__file__).write_text(Path(__file__).read_text() + '#')\n",
    ),
    Seeded(
        "loader of another form",
        "loader",
        "has the keys",
        TRAINER,
        "build_loader(batch_size=config.batch_size), None",
        "[{'image': b['image']} for b in build_loader()], None",
    ),
    Seeded(
        "on_train_begin that raises",
        "build",
        "AttributeError",
        TRAINER,
        "self.config.learning_rate)",
        "self.config.rate)",
    ),
    Seeded(
        "another forward from the second step on",
        "gradients",
        "not the loss's",
        TRAINER,
        'images = batch["image"].to(self.device)',
        'images = batch["image"].to(self.device)\n'
        "        if self.step == 1:\n            images = images.clamp(max=0.3)",
    ),
]


@pytest.fixture(scope="module")
def prover(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prover]:
    outside = tmp_path_factory.mktemp("outside")
    for name in (TRAINER, "train/base_trainer.py"):
        (outside / name.removeprefix("train/")).write_text(text(STAGED)[name], encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINERGEN_TEST_OUTSIDE", str(outside))
        found = Prover(tmp_path_factory.mktemp("project"), USER, digits())
    yield found
    found.close()


def digits() -> list[dict[str, torch.Tensor]]:
    """Two batches of the form that data.build_loader gives."""
    generator = torch.Generator().manual_seed(0)
    return [
        {
            "image": torch.rand(8, 1, 8, 8, generator=generator),
            "other": torch.randint(0, 10, (8,), generator=generator),
            "label": torch.randint(0, 10, (8,), generator=generator),
        }
        for _ in range(2)
    ]


def test_the_untouched_twin_passes_every_probe(prover: Prover) -> None:
    answer = prover.prove(request(STAGED))
    assert failed(answer) == []
    probes = ["staged", "build", "loss", "initial_loss", "gradients", "parameters_moved", "metrics", "eval_is_pure"]
    probes += ["same_seed", "round_trip", "weights", "device", "config", "loader"]
    seen = [(p["probe"], p["status"]) for p in answer["probes"] if p["probe"] != "refusals"]  # this one demands nothing
    assert seen == [(probe, "passed") for probe in probes]
    assert answer["ok"] and answer["listed"] == ["OtherTrainer", "DigitsNetTrainer"]
    numbers = answer["numbers"]
    assert (numbers["steps"], numbers["moved"], numbers["parameters"], numbers["device"]) == (2, 8, 8, "cpu")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_seeded_fault_is_caught(prover: Prover, fault: Seeded) -> None:
    answer = prover.prove(request(replaced(fault.file, fault.old, fault.new)))
    blocking = failed(answer)
    assert not answer["ok"]
    assert any(probe == fault.probe and fault.says in title for _, probe, title in blocking), blocking
    assert all(code is not None and code.startswith("TG05") for code, _, _ in blocking)


def test_a_fault_names_the_staged_line(prover: Prover) -> None:
    def place(file: str, old: str, new: str) -> Any:
        answer = prover.prove(request(replaced(file, old, new)))
        return next(p["place"] for p in answer["probes"] if p["status"] == "failed")

    lines = text(STAGED)[TRAINER].splitlines()

    def line(start: str) -> int:
        return next(number for number, each in enumerate(lines, start=1) if each.strip().startswith(start))

    assert place(TRAINER, "return total", "return total.detach()") == {"file": TRAINER, "line": line("return total")}
    assert place(TRAINER, 'batch["label"]', 'batch["lable"]') == {"file": TRAINER, "line": line("labels = ")}
    assert place(TRAINER, "lr=config.learning_rate", "lr=0.0") == {"file": TRAINER, "line": line("return torch.optim")}
    assert place(TRAINER, "return total", "return total)") == {"file": TRAINER, "line": line("return total")}
    assert place("config/train.py", '"train_digits_net"', '"train_other"')["file"] in ("config.ini", TRAINER)


def test_without_a_loader_the_trainer_must_refuse_with_instructions(prover: Prover) -> None:
    old = "return build_loader(batch_size=config.batch_size), None"
    told = replaced(
        TRAINER,
        old,
        "raise NotImplementedError('return (loader, None): batches are {image: float32 [batch, 1, 8, 8]}')",
    )
    answer = prover.prove(request(told, loader=None))
    assert failed(answer) == []
    curt = prover.prove(request(replaced(TRAINER, old, "raise NotImplementedError"), loader=None))
    assert [(code, probe) for code, probe, _ in failed(curt)] == [("TG051", "loader")]
    noise = prover.prove(request(STAGED, loader=None))
    assert [(code, probe) for code, probe, _ in failed(noise)] == [("TG051", "loader")]
    assert "made-up data" in failed(noise)[0][2]


def test_a_vendored_runtime_is_proven_as_it_is(prover: Prover) -> None:
    """The project's own copy of the runtime is what runs, and what its checkpoints go through."""
    import trainergen.runtime

    folder = Path(trainergen.runtime.__file__).parent
    copies = {f"train/_runtime/{p.relative_to(folder).as_posix()}": p.read_text("utf-8") for p in folder.rglob("*.py")}
    files = {name: each.replace("trainergen.runtime", "train._runtime") for name, each in text(STAGED).items()}
    payload = request(STAGED) | {"files": files | copies}
    payload["modules"] |= {"train._runtime.state": "train/_runtime/state.py"}
    assert failed(prover.prove(payload)) == []
    saved = "part_name, part in parts.items():\n        try:\n            part.load_state_dict("
    assert saved in copies["train/_runtime/state.py"]
    broken = copies["train/_runtime/state.py"].replace(saved, saved.replace("part.load_state_dict", "str"))
    answer = prover.prove(payload | {"files": files | copies | {"train/_runtime/state.py": broken}})
    assert [(code, probe) for code, probe, _ in failed(answer)] == [("TG057", "round_trip")]
