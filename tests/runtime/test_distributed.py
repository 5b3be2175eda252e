"""Training on several real processes: what two do is what one would have done, and one's end is the end of all."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, StepLR
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from tests.runtime.processes import Ranks
from tests.runtime.test_resume import NoisyTrainer, SeparateGenerator, WorkerTrainer, compare
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, quadrants, settings, weights
from trainergen.runtime import Callback, NonFiniteLoss, Trainer, per_step
from trainergen.runtime.history import read_history
from trainergen.runtime.launch import Launch, first_host, read_launch
from trainergen.runtime.rank_data import only_fills, share_loader

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ranks are forked")


class Plain(ToyTrainer):
    """Steps by SGD, so that a wrong gradient is not hidden by Adam's normalisation; counts its steps' rates."""

    samples = 90

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, callbacks=[Rates()], **kwargs)
        self.rates: list[float] = []

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> Any:
        train = DataLoader(quadrants(cls.samples), batch_size=config.batch_size, shuffle=config.shuffle)
        return train, DataLoader(quadrants(41, seed=1), batch_size=config.batch_size)

    @classmethod
    def build_optimizer(cls, model: nn.Module, config: ToyConfig) -> torch.optim.Optimizer:
        return torch.optim.SGD(model.parameters(), lr=0.3)

    @classmethod
    def build_scheduler(cls, optimizer: torch.optim.Optimizer, config: ToyConfig) -> LRScheduler:
        return per_step(StepLR(optimizer, 1, 0.99))


class Rates(Callback):
    """The rate after each step."""

    def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
        trainer.rates.append(trainer.learning_rate)  # type: ignore[attr-defined]


class Odd(Plain):
    """81 samples: in an epoch's last round the last rank has a shorter batch than the first, or none at all."""

    samples = 81


class Tokens(Plain):
    """Samples weigh 0, 1 or 2, as padded tokens would."""

    def _batch_weight(self, batch: Batch) -> torch.Tensor:
        return (batch[1] % 3).sum()

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        points, labels = batch
        logits = self.model(points)
        self.scores.add(logits, labels)
        losses = nn.functional.cross_entropy(logits, labels, reduction="none")
        return (losses * (labels % 3)).sum() / (labels % 3).sum()


class Unused(Plain):
    """A branch that some batches take; a second forward pass by another method."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return Branches()

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        points, labels = batch
        assert isinstance(self.model, Branches)
        logits = self.model(points) + self.model.again(points, self.step % 2 == 0)
        self.scores.add(logits, labels)
        return nn.functional.cross_entropy(logits, labels)


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.never = nn.Linear(2, 4), nn.Linear(2, 4), nn.Linear(2, 4)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.first(points)
        return result

    def again(self, points: torch.Tensor, branch: bool) -> torch.Tensor:
        result: torch.Tensor = self.second(points) if branch else self.first(-points)
        return result


def outcome(trainer: Any) -> dict[str, Any]:
    return {
        "weights": weights(trainer),
        "history": trainer.history,
        "step": trainer.step,
        "directory": trainer.run_directory,
        "main": trainer.is_main,
        "rates": getattr(trainer, "rates", None),
    }


def train(kind: type[ToyTrainer], folder: Path, **changes: Any) -> dict[str, Any]:
    torch.set_num_threads(1)
    trainer = kind.from_config(settings(folder, **changes), resume="auto")
    trainer.train()
    return outcome(trainer)


KINDS: list[tuple[type[Plain], dict[str, Any]]] = [
    (Plain, {}),
    (Odd, {}),
    (Tokens, {}),
    (Unused, {}),
    (Plain, {"accumulation_steps": 4, "batch_size": 4}),
    (Tokens, {"accumulation_steps": 2, "batch_size": 8, "gradient_clip_norm": 0.05}),
]


@pytest.mark.parametrize(
    ("kind", "changes", "world_size"),
    [
        *((kind, changes, 2) for kind, changes in KINDS),
        *(pytest.param(*each, 3, marks=[] if each[0] is Odd else [pytest.mark.slow]) for each in KINDS),
    ],
)
def test_ranks_do_what_one_process_does_with_the_bigger_batch(
    tmp_path: Path, kind: type[Plain], changes: dict[str, Any], world_size: int
) -> None:
    changes = {"batch_size": 8, "dropout": 0.0, "shuffle": False} | changes
    bigger = changes | {"batch_size": changes["batch_size"] * world_size}
    one = train(kind, tmp_path / "one", **bigger)
    several = Ranks(world_size, tmp_path / "ranks", train_on_rank, kind, tmp_path / "several", changes).results()
    for each in several:
        for name, value in one["weights"].items():
            assert torch.allclose(value, each["weights"][name], atol=1e-6, rtol=0), name
        assert equal_bits(each["weights"], several[0]["weights"])
        assert each["step"] == one["step"] and each["rates"] == pytest.approx(one["rates"])
        assert compare(each["history"]) == compare(several[0]["history"])
    for whole, parts in zip(one["history"], several[0]["history"], strict=True):
        for phase in ("train", "validation"):
            assert parts[phase] == pytest.approx(whole[phase], abs=1e-6), phase


def train_on_rank(kind: type[ToyTrainer], folder: Path, changes: dict[str, Any]) -> dict[str, Any]:
    return train(kind, folder, **changes)


class Failing(NoisyTrainer):
    """Something happens on one rank, at the start of step 9 (the third of epoch 2)."""

    event = ""
    victim = 1

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        loss = super().compute_loss(batch)
        assert self.distribution is not None
        if self.event and self.step == 8 and self.distribution.rank == self.victim and self.model.training:
            if self.event == "raise":
                raise ArithmeticError("user code")
            if self.event == "nan":
                return loss * torch.nan
            os.kill(os.getpid(), getattr(signal, self.event))
        return loss


def fail(event: str, victim: int, folder: Path, changes: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    trainer = Failing.from_config(settings(folder, **changes), resume="auto")
    trainer.event, trainer.victim = event, victim
    before: list[dict[str, torch.Tensor]] = []

    class Keep(Callback):
        def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
            before.append(weights(trainer))

    trainer._step_listeners.append(Keep().on_step_end)
    try:
        trainer.train()
    except NonFiniteLoss:
        assert equal_bits(before[-1], weights(trainer)) and len(before) == 8
        raise


def manifest(folder: Path) -> dict[str, Any]:
    (path,) = folder.glob("runs/*/manifest.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def go_on(kind: type[ToyTrainer], folder: Path, changes: dict[str, Any]) -> dict[str, Any]:
    torch.manual_seed(99)
    return train(kind, folder, **changes)


@pytest.mark.parametrize("victim", [0, 1])
def test_sigterm_of_one_rank_ends_all_at_one_step_and_the_resumed_run_is_the_same_to_the_bit(
    tmp_path: Path, victim: int
) -> None:
    changes = {"num_epochs": 4, "batch_size": 8}
    whole = Ranks(2, tmp_path / "1", train_on_rank, Failing, tmp_path / "whole", changes)
    ended = Ranks(2, tmp_path / "2", fail, "SIGTERM", victim, tmp_path / "broken", changes)
    assert ended.wait() == [128 + signal.SIGTERM] * 2
    assert manifest(tmp_path / "broken")["status"] == "interrupted"
    (checkpoint,) = tmp_path.glob("broken/runs/*/checkpoints/step-00000009.pt")
    assert torch.load(checkpoint)["step"] == 9
    resumed = Ranks(2, tmp_path / "3", go_on, Failing, tmp_path / "broken", changes).results()
    for one, other in zip(whole.results(), resumed, strict=True):
        assert equal_bits(one["weights"], other["weights"])
        assert compare(one["history"]) == compare(other["history"])
    assert manifest(tmp_path / "broken")["status"] == "finished"
    (run,) = (tmp_path / "broken" / "runs").iterdir()
    assert compare(read_history(run)) == compare(resumed[0]["history"])


@pytest.mark.parametrize(
    ("kind", "world_size", "changes"),
    [
        pytest.param(NoisyTrainer, 3, {"checkpoint_every_n_steps": 2}, marks=pytest.mark.slow),
        (NoisyTrainer, 2, {"checkpoint_every_n_steps": 1, "accumulation_steps": 2, "precision": "float16"}),
        pytest.param(SeparateGenerator, 2, {"checkpoint_every_n_steps": 2}, marks=pytest.mark.slow),
        pytest.param(WorkerTrainer, 2, {"checkpoint_every_n_steps": 2}, marks=pytest.mark.slow),
    ],
)
def test_resume_is_exact_after_a_kill(
    tmp_path: Path, kind: type[NoisyTrainer], world_size: int, changes: dict[str, Any]
) -> None:
    changes = changes | {"num_epochs": 4, "batch_size": 4}
    whole = Ranks(world_size, tmp_path / "1", train_on_rank, kind, tmp_path / "whole", changes).results()
    for number in range(2):  # a second resume as well
        killed = Ranks(world_size, tmp_path / f"killed-{number}", slowly, kind, tmp_path / "broken", changes)
        wait_for(tmp_path / "broken", 5 + 4 * number)
        killed.processes[number].kill()
        assert 0 not in killed.wait() and None not in [process.exitcode for process in killed.processes]
    resumed = Ranks(world_size, tmp_path / "3", go_on, kind, tmp_path / "broken", changes).results()
    for one, other in zip(whole, resumed, strict=True):
        assert equal_bits(one["weights"], other["weights"])
        assert compare(one["history"]) == compare(other["history"])
    assert len(manifest(tmp_path / "broken")["resumed_from"]) == 2


def slowly(kind: type[ToyTrainer], folder: Path, changes: dict[str, Any]) -> None:
    class Slow(Callback):
        def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
            time.sleep(0.05)

    torch.set_num_threads(1)
    kind.from_config(settings(folder, **changes), resume="auto", callbacks=[Slow()]).train()


def wait_for(folder: Path, step: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(int(path.stem[5:]) >= step for path in folder.glob("runs/*/checkpoints/step-*.pt")):
            return
        time.sleep(0.01)
    raise AssertionError(f"no checkpoint of step {step} below {folder}")


def test_a_failed_rank_ends_the_others_and_is_named(tmp_path: Path) -> None:
    ended = Ranks(3, tmp_path / "1", fail, "raise", 1, tmp_path / "run", {"batch_size": 4})
    assert ended.wait(60) == [1, 1, 1]
    data = manifest(tmp_path / "run")
    assert data["status"] == "failed" and "rank 1 failed: ArithmeticError: user code" in data["error"]
    assert "ArithmeticError" in (tmp_path / "1" / "error-1.txt").read_text()


def test_a_killed_rank_ends_the_others(tmp_path: Path) -> None:
    ended = Ranks(2, tmp_path / "1", fail, "SIGKILL", 1, tmp_path / "run", {"batch_size": 8})
    assert ended.wait(60) == [1, -signal.SIGKILL]
    assert manifest(tmp_path / "run")["status"] == "failed"


def test_a_loss_that_is_not_finite_on_one_rank_stops_all_before_the_step(tmp_path: Path) -> None:
    ended = Ranks(2, tmp_path / "1", fail, "nan", 1, tmp_path / "run", {"batch_size": 8})
    assert ended.wait() == [1, 1]
    errors = [(tmp_path / "1" / f"error-{rank}.txt").read_text() for rank in (0, 1)]
    assert "the loss is not finite on another rank in epoch 2, step 9" in errors[0]
    assert "the loss is nan in epoch 2, step 9" in errors[1]
    assert manifest(tmp_path / "run")["status"] == "diverged"
    (batch,) = tmp_path.glob("run/runs/*/bad-batch-*")
    assert batch.name == "bad-batch-step-00000009-rank-1.pt"


@pytest.mark.slow
def test_as_many_ranks_as_there_are_go_on_with_a_checkpoint(tmp_path: Path) -> None:
    changes = {"batch_size": 4, "dropout": 0.0, "num_epochs": 1, "checkpoint_every_n_steps": 3, "max_steps": 6}
    Ranks(2, tmp_path / "1", train_on_rank, Plain, tmp_path / "run", changes).results()
    (middle,) = tmp_path.glob("run/runs/*/checkpoints/step-00000003.pt")
    more = {"batch_size": 4, "dropout": 0.0, "num_epochs": 2}
    alone = resumed(Plain, middle, tmp_path / "alone", more)
    three = Ranks(3, tmp_path / "3", resumed, Plain, middle, tmp_path / "three", more).results()
    for each in (alone, *three):
        assert [record["epoch"] for record in each["history"]] == [1, 2]
        assert equal_bits(each["weights"], three[0]["weights"]) or each is alone
    # 23 batches of the 2 ranks' 12 rounds: 6 are done, 17 are left for one, 6 rounds of them for three
    assert alone["history"][0]["step"] == 3 + 17 and three[0]["history"][0]["step"] == 3 + 6


def resumed(kind: type[ToyTrainer], source: Path, folder: Path, changes: dict[str, Any]) -> dict[str, Any]:
    torch.set_num_threads(1)
    trainer = kind.from_config(settings(folder, **changes), resume=source)
    trainer.train()
    return outcome(trainer)


class Chatty(Plain):
    """Logs each step; its ranks disagree on when to stop, and on what no one collects."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 4))

    def _collect_epoch_metrics(self) -> dict[str, float]:
        assert self.distribution is not None
        return {"own": float(self.distribution.rank), "seen": float(len(self.scores))}

    def on_epoch_end(self, train_metrics: dict[str, float], eval_metrics: dict[str, float] | None) -> bool:
        assert self.distribution is not None
        return self.epoch == 2 and self.distribution.rank == 1


def chat(folder: Path) -> dict[str, Any]:
    torch.set_num_threads(1)
    lines: list[str] = []
    losses: list[float] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    class Own(Callback):
        def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
            losses.append(loss.item())

    logging.getLogger("trainergen").addHandler(Keep())
    logging.getLogger("trainergen").setLevel(logging.INFO)
    trainer = Chatty.from_config(settings(folder, num_epochs=9, batch_size=15, log_every_n_steps=1))
    trainer._step_listeners.insert(0, Own().on_step_end)
    trainer.train()
    path = trainer.save_weights(folder / "kept")
    stopped = {"lines": lines, "losses": losses, "path": path, "reason": trainer.stop_reason}
    return outcome(trainer) | stopped | {"evaluated": trainer.evaluate(DataLoader(quadrants(7), batch_size=2))}


def test_what_is_written_is_rank_0s_and_what_is_logged_is_the_mean_of_all(tmp_path: Path) -> None:
    first, second = Ranks(2, tmp_path / "ranks", chat, tmp_path / "run").results()
    assert first["main"] and not second["main"] and second["lines"] == []
    logged = [float(line.split("loss ")[1].split(",")[0]) for line in first["lines"] if ", step " in line]
    pairs = zip(first["losses"], second["losses"], strict=True)
    assert logged == pytest.approx([(one + other) / 2 for one, other in pairs], rel=1e-3)
    assert first["reason"] == second["reason"] == "stopped by on_epoch_end" and first["step"] == 6
    assert first["history"][0]["train"]["own"] == second["history"][0]["train"]["own"] == 0.0
    assert first["history"][0]["train"]["seen"] == 90 and first["history"][0]["validation"]["seen"] == 41
    assert first["evaluated"] == second["evaluated"] and first["evaluated"]["seen"] == 7
    assert first["path"] == second["path"] and first["path"].is_file()
    (run,) = (tmp_path / "run" / "runs").iterdir()
    assert first["directory"] == second["directory"] == run
    assert [record["epoch"] for record in read_history(run)] == [1, 2]
    assert len(list((run / "checkpoints").glob("step-*.pt"))) == 2
    saved = torch.load(run / "checkpoints" / "step-00000006.pt")
    assert equal_bits(saved["parts"]["model"], first["weights"])
    assert equal_bits(first["weights"], second["weights"])  # and so are the running means that they evaluate with
    assert list(saved["parts"]["model"])[:2] == ["0.weight", "0.bias"]  # nothing wraps the model
    assert "1.running_mean" in saved["parts"]["model"]


def rounds(loaders: list[Any]) -> list[list[Any]]:
    """What each rank is handed for training on, the gaps left out."""
    found = []
    for loader in loaders:
        found.append([batch for number, batch in enumerate(loader, start=1) if not only_fills(loader, number)])
        assert sum(1 for _ in loader) == len(loader)
    return found


class Numbers(Dataset[torch.Tensor]):
    def __len__(self) -> int:
        return 11

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor(float(index))


class Stream(IterableDataset[torch.Tensor]):
    def __iter__(self) -> Any:
        return iter(torch.arange(11.0))

    def __len__(self) -> int:
        return 11


@pytest.mark.parametrize(
    "build",
    [
        lambda: DataLoader(Numbers(), batch_size=2),
        lambda: DataLoader(Numbers(), batch_size=2, shuffle=True),
        lambda: DataLoader(Numbers(), batch_size=2, shuffle=True, generator=torch.Generator().manual_seed(1)),
        lambda: DataLoader(Numbers(), batch_size=2, num_workers=2),
        lambda: DataLoader(Numbers(), batch_size=None),
        lambda: DataLoader(Numbers(), batch_sampler=[[0, 3], [1], [2, 4, 5], [6, 7], [8, 9], [10]]),
        lambda: DataLoader(Stream(), batch_size=2),
        lambda: [torch.arange(2.0) + 2 * number for number in range(5)] + [torch.tensor([10.0])],
    ],
)
@pytest.mark.parametrize("world_size", [2, 4])
def test_every_sample_is_one_ranks_and_all_take_equally_many_batches(build: Any, world_size: int) -> None:
    ranks = []
    for rank in range(world_size):
        torch.manual_seed(rank)  # their noise differs, the order that they divide may not
        ranks.append(rounds([share_loader(build(), rank, world_size, seed=5)])[0])
    samples = sorted(value for batches in ranks for batch in batches for value in batch.reshape(-1).tolist())
    assert samples == list(range(11))
    torch.manual_seed(0)
    assert len({len(share_loader(build(), rank, world_size, 5)) for rank in range(world_size)}) == 1  # type: ignore[arg-type]


def test_the_order_is_another_one_each_epoch_and_the_same_when_asked_again() -> None:
    shared = share_loader(DataLoader(Numbers(), batch_size=2, shuffle=True), 0, 2, seed=5)
    orders = []
    for epoch in (0, 1, 0):
        shared.batch_sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        orders.append([batch.tolist() for batch in shared])
    assert orders[0] == orders[2] != orders[1]


def test_loaders_that_are_divided_already_are_left_alone() -> None:
    dataset = TensorDataset(torch.zeros(8, 1))
    own = DataLoader(dataset, sampler=DistributedSampler(dataset, 2, 0))
    said = DataLoader(Numbers())
    said.dataset.trainergen_shared = True  # type: ignore[attr-defined]
    shared = share_loader(DataLoader(Numbers()), 0, 2, 0)
    for loader in (own, said, shared):
        assert share_loader(loader, 0, 2, 0) is loader


def test_who_starts_a_process_is_known_from_its_environment() -> None:
    torchrun = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"}
    step = {"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5", "SLURM_LOCALID": "1", "SLURM_JOB_ID": "200505"}
    step["SLURM_STEP_NODELIST"] = "gpu[07-09,12],login"
    assert read_launch(torchrun) == read_launch(torchrun | step) == Launch(3, 4, 1, "env://")
    assert read_launch(step) == Launch(5, 8, 1, "tcp://gpu07:20505")
    assert read_launch(step | {"MASTER_ADDR": "head", "MASTER_PORT": "7"}) == Launch(5, 8, 1, "tcp://head:7")
    assert read_launch({}) is None and read_launch({"WORLD_SIZE": "4"}) is None
    assert read_launch(torchrun | {"WORLD_SIZE": "1"}) is None
    assert read_launch({"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}) is None  # a batch script's own shell
    with pytest.raises(RuntimeError, match="not MASTER_ADDR and MASTER_PORT: start with torchrun"):
        read_launch({"RANK": "0", "WORLD_SIZE": "2"})
    assert [first_host(each) for each in ("n1", "n1,n2", "a-[3,5]-x,b")] == ["n1", "n1", "a-3-x"]
    with pytest.raises(RuntimeError, match="set MASTER_ADDR"):
        first_host("")


SCRIPT = """
import os, signal, sys
from pathlib import Path
import torch
from tests.runtime.test_resume import NoisyTrainer
from tests.runtime.toys import settings
sys.modules["matplotlib"] = None
torch.set_num_threads(1)
trainer = NoisyTrainer.from_config(settings(Path(sys.argv[1]), num_epochs=4), resume="auto")
first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
def die(trainer, loss):
    if first and trainer.epoch == 2 and trainer.distribution.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
trainer._step_listeners.append(die)
trainer.train()
"""


@pytest.mark.slow
def test_torchrun_restarts_a_run_whose_rank_was_killed(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command += [str(tmp_path / "script.py"), str(tmp_path / "run")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    data = manifest(tmp_path / "run")
    assert data["status"] == "finished" and len(data["resumed_from"]) == 1
    (run,) = (tmp_path / "run" / "runs").iterdir()
    assert [record["epoch"] for record in read_history(run)] == [1, 2, 3, 4]


LATE_THREADS = """
import os, signal, sys
from pathlib import Path
import torch
from torch import distributed
from tests.runtime.toys import ToyTrainer, settings
from trainergen.runtime.distribution import join_processes

sys.modules["matplotlib"] = None
torch.set_num_threads(1)
way, times, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])

def start(port, rank):
    pid = os.fork()
    if pid == 0:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    return pid

def free_port():
    from socket import socket
    with socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]

def starve():
    processor = {sorted(os.sched_getaffinity(0))[0]}
    for thread in map(int, os.listdir("/proc/self/task")):
        os.sched_setaffinity(thread, processor)
        if thread != os.getpid():  # runs when nobody else wants to
            os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))

def train():
    if way.startswith("own group"):
        distributed.init_process_group("gloo")
    join_processes("cpu")
    global group
    group = distributed.group.WORLD  # held, as a device mesh holds it
    distributed.all_reduce(torch.zeros(3))  # all threads are there now
    starve()
    for _ in range(3):
        distributed.broadcast(torch.zeros(1000), src=0)
    if way == "sys.exit":
        sys.exit(3)
    if way == "an exception":
        raise ArithmeticError
    if way == "SIGTERM":
        trainer = ToyTrainer.from_config(settings(folder / os.environ["MASTER_PORT"]))
        rank = trainer.distribution.rank
        trainer._step_listeners.append(lambda *_: rank and trainer.step == 2 and os.kill(os.getpid(), signal.SIGTERM))
        trainer.train()
    if way == "own group, destroyed":
        distributed.destroy_process_group()

for _ in range(times):
    port = free_port()
    ranks = [start(port, 0)]
    ranks += [start(port, 1)] if ranks[0] else []
    if 0 in ranks:
        train()
        break  # and to the end of the script, as a training script ends
    for pid in ranks:
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="needs a scheduler that can be told to starve a thread")
@pytest.mark.parametrize(
    ("way", "times", "status"),
    [
        ("the end", 4, 0),
        ("sys.exit", 1, 3),
        ("an exception", 1, 1),
        ("SIGTERM", 1, 143),
        ("own group", 4, 0),
        ("own group, destroyed", 1, 0),
    ],
)
def test_a_rank_ends_well_however_late_its_threads_let_go_of_the_last_tensors(
    tmp_path: Path, way: str, times: int, status: int
) -> None:
    (tmp_path / "script.py").write_text(LATE_THREADS)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(tmp_path / "script.py"), way, str(times), str(tmp_path / "runs")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert result.stdout.split() == [str(status)] * 2 * times, result.stderr
