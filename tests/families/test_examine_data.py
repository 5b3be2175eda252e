"""What inspect finds in loaders with a seeded fault, each beside a healthy twin in which it must find nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.families.test_examine_model import HEAD, HEALTHY, model

if TYPE_CHECKING:
    from tests.families.conftest import Examine

TABLE = """
import random
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

generator = torch.Generator().manual_seed(0)
x = torch.randn(128, 32, generator=generator)
label = torch.arange(128) % 5


def loaded(x, label, **settings):
    return DataLoader(TensorDataset(x, label), **({"batch_size": 16, "shuffle": True} | settings))


"""
SOUND = "loader = loaded(x, label)"
SEQUENCES = model(
    "self.table = nn.Embedding(50, 8)\nself.head = nn.Linear(8, 5)", "return self.head(self.table(x).mean(1))"
)
REGRESSOR = model("self.body = stack(1, 32, nn.ReLU, 1)")
NORMED = model("self.body = nn.Sequential(nn.Linear(32, 16), nn.BatchNorm1d(16), nn.Linear(16, 5))")
WORDS = "x = torch.randint(1, 50, (128, 20), generator=generator)\n"

# name -> (measurement, finding, severity, faulty loader, healthy loader, model)
FAULTS: dict[str, tuple[str, str, str, str, str, str]] = {
    "NaN": (
        "data.values",
        "data.not-finite",
        "fail",
        "x[70, 3] = float('nan')\nx[71, 3] = float('inf')\n" + SOUND,
        SOUND,
        HEALTHY,
    ),
    "a constant feature": ("data.values", "data.constant", "warn", "x[:, 7] = 1.0\n" + SOUND, SOUND, HEALTHY),
    "pixels of 0 to 255": (
        "data.values",
        "data.not-normalised",
        "warn",
        "x = torch.rand(128, 32, generator=generator) * 255\n" + SOUND,
        SOUND,
        HEALTHY,
    ),
    "features of unlike spread": ("data.values", "data.uneven", "warn", "x[:, 3] *= 1e-3\n" + SOUND, SOUND, HEALTHY),
    "doubles": (
        "data.values",
        "data.float64",
        "note",
        "x = x.double()\n" + SOUND,
        SOUND,
        model("self.body = stack(1, 32, nn.ReLU, 5).double()", "return self.body(x.double())"),
    ),
    "batches of unlike length": (
        "data.values",
        "data.ragged",
        "note",
        WORDS + "loader = [(x[:16, : 5 + n], label[:16]) for n in range(6)]",
        WORDS + SOUND,
        SEQUENCES,
    ),
    "imbalance": (
        "data.labels",
        "labels.imbalance",
        "warn",
        "label = torch.where(torch.arange(128) < 100, 0, label)\n" + SOUND,
        SOUND,
        HEALTHY,
    ),
    "a class that is missing": (
        "data.labels",
        "labels.missing",
        "note",
        "label = torch.arange(128) % 4\n" + SOUND,
        SOUND,
        HEALTHY,
    ),
    "one class alone": (
        "data.labels",
        "labels.one-class",
        "fail",
        "label = torch.zeros(128, dtype=torch.long)\n" + SOUND,
        SOUND,
        HEALTHY,
    ),
    "a label beyond the head": (
        "data.labels",
        "labels.range",
        "fail",
        "label[127] = 5\n" + SOUND.replace("label)", "label, shuffle=False)"),
        SOUND,
        HEALTHY,
    ),
    "a target in thousands": (
        "data.labels",
        "labels.not-scaled",
        "warn",
        "label = 5000 + 700 * torch.randn(128, 1, generator=generator)\n" + SOUND,
        "label = torch.randn(128, 1, generator=generator)\n" + SOUND,
        REGRESSOR,
    ),
    "duplicates": (
        "data.duplicates",
        "data.duplicates",
        "warn",
        "x[64:80] = x[:16]\nlabel[64:80] = label[:16]\n" + SOUND,
        SOUND,
        HEALTHY,
    ),
    "one input with two labels": (
        "data.duplicates",
        "data.conflict",
        "warn",
        "x[64:70] = x[:6]\nlabel[64:70] = (label[:6] + 1) % 5\n" + SOUND,
        SOUND,
        HEALTHY,
    ),
    "mostly padding": (
        "data.padding",
        "data.padding",
        "warn",
        WORDS + "x[:, 6:] = 0\n" + SOUND,
        WORDS + SOUND,
        SEQUENCES,
    ),
    "a last batch of one under BatchNorm": (
        "data.last_batch",
        "data.last-batch",
        "fail",
        "loader = loaded(x[:97], label[:97])",
        "loader = loaded(x[:97], label[:97], drop_last=True)",
        NORMED,
    ),
    "most of the data dropped": (
        "data.last_batch",
        "data.dropped",
        "warn",
        "loader = loaded(x[:30], label[:30], drop_last=True)",
        "loader = loaded(x, label, drop_last=True)",
        HEALTHY,
    ),
    "never shuffled": (
        "data.last_batch",
        "data.not-shuffled",
        "warn",
        "loader = loaded(x, label, shuffle=False)",
        SOUND,
        HEALTHY,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_found_and_its_healthy_twin_is_left_alone(fault: str, examine: Examine) -> None:
    measurement, finding, severity, faulty, healthy, source = FAULTS[fault]
    found = examine({"model.py": source, "faulty.py": TABLE + faulty}, "model:Net", measurement, loader="faulty:loader")
    assert found.severity(finding) == severity, found.ids
    twin = examine({"model.py": source, "sound.py": TABLE + healthy}, "model:Net", measurement, loader="sound:loader")
    assert not [each for each in twin.findings if each["severity"] in ("warn", "fail")], twin.findings
    assert severity != "note" or finding not in twin.ids


def test_the_padding_entry_and_its_share_are_found(examine: Examine) -> None:
    files = {"model.py": SEQUENCES, "data.py": TABLE + WORDS + "x[:, 6:] = 0\n" + SOUND}
    numbers = examine(files, "model:Net", "data.padding", loader="data:loader").finding("data.padding")["numbers"]
    assert (numbers["entry"], numbers["share"], numbers["longest"]) == (0, 0.7, 6)


# ---------------------------------------------------------------------------------------------- worker processes

NOISY = """
class Noisy(Dataset):
    def __init__(self):
        self.own = random.Random(3)

    def __len__(self):
        return 64

    def __getitem__(self, index):
        return x[index] + {draw}, int(label[index])


def constant(worker):
    torch.manual_seed(5)
    random.seed(5)


def build():
    return DataLoader(Noisy(), batch_size=16, shuffle=True, num_workers=2{more})
"""
STREAM = """
class Stream(IterableDataset):
    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        first, step = {shard}
        for index in range(first, 64, step):
            yield x[index], int(label[index])


def build():
    return DataLoader(Stream(), batch_size=16, num_workers=2)
"""
WORKERS = {
    "the same constant seed in each": (
        NOISY.format(draw="torch.randn(32)", more=", worker_init_fn=constant"),
        "workers.same",
        "fail",
    ),
    "a generator of the data set's own": (NOISY.format(draw="self.own.random()", more=""), "workers.same", "fail"),
    "torch's own seeding": (NOISY.format(draw="torch.randn(32)", more=""), "workers.seeded", "ok"),
    "a stream that each reads whole": (STREAM.format(shard="(0, 1)"), "workers.duplicated", "fail"),
    "a stream in shards": (
        STREAM.format(shard="(0, 1) if worker is None else (worker.id, worker.num_workers)"),
        "workers.sharded",
        "ok",
    ),
}


@pytest.mark.parametrize("case", WORKERS)
def test_worker_processes_are_compared(case: str, examine: Examine) -> None:
    source, finding, severity = WORKERS[case]
    found = examine({"model.py": HEALTHY, "data.py": TABLE + source}, "model:Net", "data.workers", loader="data:build")
    assert [(each["id"], each["severity"]) for each in found.findings] == [(finding, severity)], found.problems


def test_a_loader_without_workers_has_nothing_to_compare(examine: Examine) -> None:
    found = examine({"model.py": HEALTHY, "data.py": TABLE + SOUND}, "model:Net", "data.workers", loader="data:loader")
    assert found.outcomes == {"worker seeding": "not tried"}


def test_a_slow_loader_is_told_from_its_share_of_a_step(examine: Examine) -> None:
    slow = TABLE + """
import time


class Slow(Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, index):
        time.sleep(0.01)
        return x[index], int(label[index])


loader = DataLoader(Slow(), batch_size=16, shuffle=True)
"""
    heavy = HEAD + (
        "        self.body = nn.Sequential(*[nn.Linear(32, 32) for _ in range(4)], nn.Linear(32, 5))\n\n"
        "    def forward(self, x):\n        return self.body(x)\n"
    )
    found = examine({"model.py": heavy, "data.py": slow}, "model:Net", "data.throughput", loader="data:loader")
    assert found.severity("loader.slow") == "warn"
    assert found.facts["workers"] == 0
