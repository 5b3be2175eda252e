"""What the search must survive, and what it must refuse: hostile models, readings that merely run, questions."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from trainergen.inspection.batch_grammar import parse
from trainergen.inspection.batch_spec import leaves
from trainergen.lab.synthesise import Hints, NotFound, untouched
from trainergen.lab.synthesise.trace import Trace
from trainergen.lab.synthesise.values import TooLarge

from .test_synthesise import find


class Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(6, 3)
        self.register_buffer("seen", torch.zeros(1))


class Exits(Base):
    def forward(self, x):
        sys.exit(3)


class Leaves(Base):
    def forward(self, x):
        os._exit(0)


class LeavesOnWrongShape(Base):
    """A native check that aborts."""

    def forward(self, x):
        if x.shape[-1] != 6:
            os.abort()
        return self.lin(x)


class Loops(Base):
    def forward(self, x):
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                continue


class Prints(Base):
    def forward(self, x):
        print("x" * 10**6)
        sys.stderr.write("y" * 10**6)
        return self.lin(x)


class Writes(Base):
    """Moves buffers, weights, attributes and random states."""

    def forward(self, x):
        self.seen += 1
        with torch.no_grad():
            self.lin.weight.mul_(0.5)
        self.cache = x
        torch.manual_seed(1)
        return self.lin(x)


class Remembers(Base):
    """Says in what state each run found it, and changes all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []

    def forward(self, x):
        state = (float(self.seen), len(self.calls), hasattr(self, "cache"), self.lin.bias is None, torch.rand(1).item())
        REPORTS.append((self.training, state))
        self.seen = torch.ones(1)
        self.calls.append(1)
        self.cache = x
        self.lin.register_parameter("bias", None)
        return self.lin(x)


REPORTS: list[tuple[bool, tuple[object, ...]]] = []


class RefusesToTrain(Base):
    """Its own ``train`` raises."""

    def train(self, mode=True):
        raise RuntimeError("this model is for inference")

    def forward(self, x):
        return self.lin(x)


class FrozenInTrain(Base):
    """Built in eval mode, and with a ``train`` that keeps a part of it there: forward says if it was not called."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.eval()

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x):
        assert not self.norm.training
        MODES.append(self.training)
        return self.lin(self.norm(x))


MODES: list[bool] = []


class Allocates(Base):
    def forward(self, x):
        return self.lin(x) + torch.zeros(10**12, 10**3)[0, 0]


class NoGradient(Base):
    def forward(self, x):
        return self.lin(x).detach()


class NoOutput(Base):
    def forward(self, x):
        self.lin(x)


class WithoutParameters(nn.Module):
    def forward(self, x):
        return x * 2


class BatchOfOne(Base):
    """Only one sample: no batch dimension can be told."""

    def forward(self, x):
        assert x.shape[0] == 1, "one at a time"
        return self.lin(x)


class Impossible(Base):
    def forward(self, blob):
        raise NotImplementedError("the forward of this class wants a server")


class Padded(nn.Module):
    """The first layer is not the first that the input meets, and what it meets is written into a larger tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(32, 32)
        self.inward = nn.Linear(12, 32)

    def forward(self, x):
        rows = torch.zeros(x.shape[0], 2, x.shape[1])
        rows[:, 0] = x
        return self.mix(self.inward(rows))


def test_an_index_that_multiplies_sizes_is_no_hang() -> None:
    traced = Trace(lambda axis: False)
    places = torch.zeros(100, 60, 50, dtype=torch.long)
    with traced, pytest.raises(TooLarge, match=r"\[100, 60, 50\] indexed by \[100, 60, 50\]"):
        torch.zeros(100, 60, 50)[places] = 1.0
    with traced:
        assert torch.zeros(50_000, 8)[torch.zeros(4, 7, dtype=torch.long)].shape == (4, 7, 8)


def test_a_tensor_that_the_input_is_written_into_comes_from_it() -> None:
    (leaf,) = (leaf for _, leaf in leaves(find(Padded()).synthesis.batch.root))
    assert (leaf.dims, leaf.place) == (("batch", 12), "12 fits")


def test_a_model_that_calls_exit_is_asked_about() -> None:
    with pytest.raises(NotFound) as caught:
        find(Exits())
    assert caught.value.furthest is not None
    assert "SystemExit" in (caught.value.furthest.error or "")


def test_a_model_that_ends_its_process_is_tried_in_children() -> None:
    with pytest.raises(NotFound) as caught:
        find(Leaves(), isolated=True)
    assert all("the process ended" in (each.error or "") for each in caught.value.tries)


def test_in_children_the_search_finds_what_it_finds_without() -> None:
    torch.manual_seed(0)
    found = find(LeavesOnWrongShape(), isolated=True)
    assert found.synthesis.batch == find(Prints()).synthesis.batch
    assert any("the process ended" in (each.error or "") for each in found.synthesis.tries)


def test_a_forward_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untouched, "_SECONDS", 0.2)
    with pytest.raises(NotFound) as caught:
        find(Loops())
    assert [each.error for each in caught.value.tries if "TooLong" in (each.error or "")]
    assert len(caught.value.tries) <= 3


def test_without_a_parameter_no_other_batch_is_looked_for() -> None:
    with pytest.raises(NotFound) as caught:
        find(WithoutParameters())
    assert len(caught.value.tries) == 1


def test_prints_go_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    find(Prints())
    assert capfd.readouterr() == ("", "")


def test_every_run_finds_the_model_as_the_first_one_did() -> None:
    REPORTS.clear()
    find(Remembers())
    assert len(REPORTS) > 4
    seeded = {state[:-1] for _, state in REPORTS}
    assert seeded == {(0.0, 0, False, False)}
    assert [training for training, _ in REPORTS].count(False) == 2  # the two that ask whether samples mix


def test_a_model_that_refuses_to_train_is_asked_about() -> None:
    with pytest.raises(NotFound) as caught:
        find(RefusesToTrain())
    assert any("this model is for inference" in (each.error or "") for each in caught.value.tries)


def test_runs_are_in_the_train_mode_that_the_model_makes_itself() -> None:
    MODES.clear()
    model = FrozenInTrain()
    find(model)
    assert MODES.count(False) == 2  # the two that ask whether samples mix
    assert MODES.count(True) > 2
    assert not model.training


def test_a_search_leaves_the_model_and_the_random_states_as_they_were() -> None:
    model = Writes().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    torch.manual_seed(0)
    expected = torch.get_rng_state()
    torch.set_rng_state(state)
    find(model)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), expected)
    assert not hasattr(model, "cache")
    assert not model.training
    assert all(each.grad is None for each in model.parameters())


@pytest.mark.parametrize("kind", [Allocates, NoGradient, NoOutput, WithoutParameters, BatchOfOne, Impossible])
def test_what_cannot_train_is_asked_about(kind: type[nn.Module]) -> None:
    with pytest.raises(NotFound) as caught:
        find(kind(), budget=80)
    question = caught.value.question
    assert question.argument in ("x", "blob")
    assert question.sentence.endswith("?") or ":" in question.sentence
    assert [*leaves(parse(question.example).root)]


def test_the_question_names_the_furthest_point() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(4, 4)

        def forward(self, x):
            y = self.lin(x)
            return y @ torch.zeros(5, 2)

    with pytest.raises(NotFound) as caught:
        find(Net(), hints=Hints())
    furthest = caught.value.furthest
    assert furthest is not None
    assert furthest.operation == "__matmul__([3, 4], [5, 2])" or furthest.operation == "matmul([3, 4], [5, 2])"
    assert furthest.place is not None and furthest.place.startswith(Path(__file__).name)
    assert furthest.reached == 1 or furthest.reached == 2


def test_the_same_search_finds_the_same() -> None:
    torch.manual_seed(0)
    model = Prints()
    one, two = find(model), find(model)
    assert one.synthesis == two.synthesis
    assert torch.equal(one.value, two.value)


def test_what_the_user_says_of_an_argument_is_kept() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(4, 4)

        def forward(self, x, extra):
            return self.lin(x) + extra.mean()

    found = find(Net(), hints=Hints(fragments={"extra": "float32[batch=8, 9] in [2, 3]"}))
    leaf = dict(leaves(found.synthesis.batch.root))["extra",]
    assert (leaf.sizes, leaf.low, leaf.high, leaf.source) == ((4, 9), 2, 3, "given")
    assert found.value["extra"].min() >= 2


class Heavy(nn.Module):
    """Thousands of billions of operations, on maps of one size only."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = nn.Conv2d(3, 64, 3, padding=1)
        self.body = nn.ModuleList([nn.Conv2d(64, 64, 5, padding=2) for _ in range(60)])
        self.out = nn.Linear(64, 4)

    def forward(self, x):
        if x.shape[-2] != 128 or x.shape[-1] != 128:
            raise ValueError("sides of 128")
        x = self.begin(x)
        for _ in range(2):
            for each in self.body:
                x = torch.relu(each(x))
        return self.out(x.mean((2, 3)))


@pytest.mark.slow
def test_what_is_too_large_to_run_is_understood_by_its_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untouched, "_SECONDS", 0.5)
    with pytest.raises(NotFound) as caught:
        find(Heavy(), budget=60)
    assert "x: float32[2, 3, 128, 128]" in re.sub(r"\w+=", "", caught.value.question.example)
    assert "nothing was run" in caught.value.question.sentence
