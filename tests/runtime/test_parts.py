"""Parts of the runtime by themselves: parameter groups, moving batches, seeds, and the room's walls."""

from __future__ import annotations

import ast
import math
import os
import random
import shutil
import subprocess
import sys
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils._python_dispatch import TorchDispatchMode

import trainergen.runtime
from trainergen.runtime import choose_device, infer_batch_size, move_batch, parameter_groups
from trainergen.runtime.epoch_means import EpochMeans
from trainergen.runtime.precision import Precision
from trainergen.runtime.seeding import preserved_random_state, seed_everything

ROOM = Path(trainergen.runtime.__file__).parent


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.attention = nn.MultiheadAttention(4, 2)
        self.norm = nn.BatchNorm1d(4)
        self.scale = nn.Parameter(torch.ones(4))
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.head = nn.Linear(4, 10)
        self.head.weight = self.embedding.weight


def test_parameter_groups() -> None:
    model = Tied()
    decayed, exempt = parameter_groups(model, 0.1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert [names[id(each)] for each in decayed["params"]] == ["attention.in_proj_weight", "attention.out_proj.weight"]
    assert {names[id(each)] for each in exempt["params"]} == {
        "embedding.weight",  # tied to the head: once, and as an embedding
        "attention.in_proj_bias",
        "attention.out_proj.bias",
        "norm.weight",
        "norm.bias",
        "scale",
        "head.bias",
    }
    assert (decayed["weight_decay"], exempt["weight_decay"]) == (0.1, 0.0)
    with pytest.raises(ValueError, match="Tied has no trainable parameter"):
        parameter_groups(model.requires_grad_(False), 0.1)


Pair = namedtuple("Pair", "left right")


@dataclass(frozen=True)
class Sample:
    image: torch.Tensor
    label: Any
    count: int = field(init=False, default=3)


def test_batches_of_every_form_are_moved() -> None:
    meta = torch.device("meta")  # another device, on every machine
    tensor = torch.zeros(5, 2)
    batch = {
        "pair": Pair(tensor, [tensor, "text"]),
        "sample": Sample(tensor, {"deep": (tensor, None, 1.5)}),
        "ordered": OrderedDict(a=tensor),
        "packed": pack_sequence([torch.zeros(2), torch.zeros(1)]),
    }
    moved = move_batch(batch, meta)
    assert isinstance(moved["pair"], Pair) and moved["pair"].left.device == meta
    assert moved["pair"].right[0].device == meta and moved["pair"].right[1] == "text"
    assert moved["sample"].image.device == moved["sample"].label["deep"][0].device == meta
    assert moved["sample"].count == 3 and moved["sample"].label["deep"][1:] == (None, 1.5)
    assert isinstance(moved["ordered"], OrderedDict) and moved["ordered"]["a"].device == meta
    assert moved["packed"].data.device == meta
    assert tensor.device.type == "cpu" and batch["ordered"]["a"] is tensor  # the caller's batch is as it was


@pytest.mark.parametrize(
    ("batch", "size"),
    [
        (torch.zeros(3, 2), 3),
        ((torch.tensor(1.0), {"a": "text", "b": torch.zeros(4)}), 4),
        (Sample(torch.zeros(6, 1), None), 6),
        (["a", 1], 1),
        (object(), 1),
    ],
)
def test_batch_size(batch: Any, size: int) -> None:
    assert infer_batch_size(batch) == size


def test_devices_that_are_not_there() -> None:
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(ValueError, match="not one torch knows"):
        choose_device("gpu")
    with pytest.raises(ValueError, match="CUDA devices here"):
        choose_device("cuda:99")


def test_seeds() -> None:
    numpy = pytest.importorskip("numpy")

    def draw() -> tuple[float, float, float]:
        return random.random(), float(numpy.random.rand()), float(torch.rand(()))

    seed_everything(3)
    first = draw()
    seed_everything(3)
    with preserved_random_state():
        draw()
    assert draw() == first


class CountReads(TorchDispatchMode):
    """Counts what would make the host wait for a GPU."""

    reads = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.reads += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_means_kept_on_the_device_are_those_kept_on_the_host() -> None:
    cpu = torch.device("cpu")
    host, device = EpochMeans(cpu, on_host=True), EpochMeans(cpu, on_host=False)
    losses, weights = torch.rand(6), [3, torch.tensor(5), 1, 0, torch.tensor(2), 4]
    for means in (host, device):
        with CountReads() as counter:
            for step, (loss, weight) in enumerate(zip(losses, weights, strict=True), start=1):
                odd = torch.tensor(math.nan) if step % 2 else loss * 2
                means.add(loss, {"odd": odd, "number": float(step), "never": torch.tensor(math.nan)}, weight, step)
        assert (counter.reads == 0) == (means is device)
    expected = host.compute()
    assert math.isnan(expected.pop("never")) and expected["loss"] > 0
    found = device.compute()
    assert math.isnan(found.pop("never")) and found == pytest.approx(expected, rel=1e-12)
    assert device.first_bad_step() is None
    for step, loss in ((7, 1.0), (8, math.inf), (9, math.nan)):
        assert device.add(torch.tensor(loss), {}, 1, step)  # not known yet: asking would stall
        assert host.add(torch.tensor(loss), {}, 1, step) == (step == 7)
    assert device.first_bad_step() == 8
    restored = EpochMeans(cpu, on_host=False)
    restored.load_state_dict(host.state_dict())
    assert restored.batches == 9


def test_a_scaled_step_reads_no_more_than_the_scaler_does() -> None:
    def reads(step: Callable[[torch.amp.GradScaler, torch.optim.Optimizer, Precision], object]) -> int:
        layer = torch.nn.Linear(4, 2)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        precision = Precision("float16", torch.device("cpu"))
        assert precision.scaler is not None
        with CountReads() as counter:
            for _ in range(5):
                precision.scale(layer(torch.ones(3, 4)).sum()).backward()
                precision.unscale(optimizer)
                step(precision.scaler, optimizer, precision)
        return counter.reads

    def bare(scaler: torch.amp.GradScaler, optimizer: torch.optim.Optimizer, _: Precision) -> None:
        scaler.step(optimizer)
        scaler.update()

    assert reads(lambda scaler, optimizer, precision: precision.step(optimizer)) == reads(bare)


@pytest.mark.slow
def test_a_subclass_is_typed(tmp_path: Path) -> None:
    (tmp_path / "line_trainer.py").write_text(TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "line_trainer.py"]
    result = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(ROOM.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


TYPED = """
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from trainergen import runtime
from trainergen.runtime import Trainer
from trainergen.runtime.metrics import EpochScores, mae, r2

Batch = dict[str, torch.Tensor]


@dataclass
class BaseTrainerConfig(runtime.BaseTrainerConfig):
    CONFIG_FILE: ClassVar[Path | None] = Path(__file__).resolve().parents[1] / "config.ini"


@dataclass
class LineTrainerConfig(BaseTrainerConfig):
    SECTION: ClassVar[str] = "train_line"
    model_width: int = 4


class LineTrainer(Trainer[Batch, LineTrainerConfig]):
    config_class = LineTrainerConfig

    def __init__(
        self,
        model: nn.Module,
        dataloader: Iterable[Batch],
        optimizer: torch.optim.Optimizer,
        config: LineTrainerConfig,
        *,
        val_dataloader: Iterable[Batch] | None = None,
        scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
        run_name: str | None = None,
        run_directory: Path | None = None,
    ) -> None:
        super().__init__(
            model,
            dataloader,
            optimizer,
            config,
            val_dataloader=val_dataloader,
            scheduler=scheduler,
            run_name=run_name,
            run_directory=run_directory,
        )
        self._scores = EpochScores()

    @classmethod
    def build_model(cls, config: LineTrainerConfig) -> nn.Module:
        return nn.Linear(config.model_width, 1)

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        outputs: torch.Tensor = self.model(batch["x"].to(self.device))
        loss = nn.functional.mse_loss(outputs, batch["y"])
        self._last_batch_metrics = {"mae": mae(outputs.detach(), batch["y"])}
        self._scores.add(outputs, batch["y"])
        return loss

    def _collect_batch_metrics(self) -> dict[str, float | torch.Tensor]:
        return self._last_batch_metrics

    def _collect_epoch_metrics(self) -> dict[str, float]:
        return {"r2": self._scores.compute(r2)}

    def on_train_end(self) -> None:
        super().on_train_end()
        self.save_weights()


trainer = LineTrainer.from_config(LineTrainerConfig(model_width=2), dataloader=[])
width: int = trainer.config.model_width
"""


def test_the_room_is_self_contained() -> None:
    allowed = sys.stdlib_module_names | {"torch", "matplotlib"}
    for path in [*ROOM.glob("*.py"), *(ROOM / "metrics").glob("*.py")]:
        levels = len(path.relative_to(ROOM).parts)  # how many dots stay inside the room
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level <= levels, path
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert all(name.partition(".")[0] in allowed for name in names), (path, names)


VENDORED = """
import sys
from pathlib import Path
for absent in ("trainergen", "matplotlib", "numpy", "tqdm"):
    sys.modules[absent] = None  # importing it fails
import torch
from train._runtime import BaseTrainerConfig, Trainer
class Line(Trainer):
    def compute_loss(self, batch):
        return (self.model(batch) - 1).square().mean()
config = BaseTrainerConfig(num_epochs=2, device="cpu", model_save_directory=Path("out"))
history = Line.from_config(config, model=torch.nn.Linear(2, 1), dataloader=[torch.ones(4, 2)] * 3).train()
assert history[1]["train"]["loss"] < history[0]["train"]["loss"]
"""


@pytest.mark.slow
def test_a_vendored_copy_works_with_torch_alone(tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("probes", "__pycache__")
    shutil.copytree(ROOM, tmp_path / "train" / "_runtime", ignore=ignore)
    (tmp_path / "train" / "__init__.py").write_text("")
    command = [sys.executable, "-c", VENDORED]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    (run,) = (tmp_path / "out" / "runs").iterdir()
    assert run.name.startswith("line_") and (run / "manifest.json").is_file()
