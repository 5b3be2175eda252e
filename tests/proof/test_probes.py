"""The probes by themselves, on a bare loop: what `prove` does not reach, and the small pure parts of it."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from trainergen.families.torch.control import Control, pick, prepared
from trainergen.lab.batch_shape import differences
from trainergen.lab.front import with_value
from trainergen.lab.protocol import Context
from trainergen.runtime.probes import device, gradients, norms, overfit_one_batch, parameters_moved, refusals, start
from trainergen.runtime.probes.walk import walk


def batch(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(16, 4, generator=generator), "y": torch.randint(0, 3, (16,), generator=generator)}


def session(model: nn.Module, **extra: Any) -> Control:
    def loss(module: nn.Module, given: Any) -> torch.Tensor:
        place = next(module.parameters()).device
        return functional.cross_entropy(module(given["x"].to(place)), given["y"].to(place))

    here = Path.cwd()
    return Control(model, extra.get("loss", loss), batch(), Context(here, here, here, "cpu"), "the model")


def test_a_model_that_can_learn_overfits_one_batch_and_a_constant_one_does_not() -> None:
    torch.manual_seed(0)
    able = session(nn.Sequential(nn.Linear(4, 256), nn.ReLU(), nn.Linear(256, 3)))
    assert not overfit_one_batch.measure(able, batch(), seed=0, steps=400).faults
    blind = nn.Linear(4, 3)
    blind.weight.requires_grad_(False)
    nn.init.zeros_(blind.weight)
    stuck = overfit_one_batch.measure(session(blind), batch(), seed=0, steps=20)
    assert [fault.kind for fault in stuck.faults] == ["stuck"]


def test_a_walk_tells_gradients_and_movement() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    model[0].bias.requires_grad_(False)
    model.register_parameter("spare", nn.Parameter(torch.zeros(2)))
    taken = walk(session(model), [batch(0), batch(1)], seed=0)
    assert taken.optimizer_steps == 2
    assert taken.moved == {"0.weight", "2.weight", "2.bias"}
    assert [(f.kind, f.subject) for f in gradients.measure(taken).faults] == [("no-gradient", "spare")]
    assert [(f.kind, f.subject) for f in parameters_moved.measure(taken).faults] == [("not-moved", "spare")]
    total = sum((norm or 0.0) ** 2 for norm in taken.gradients[1].values()) ** 0.5
    assert norms.measure(taken).numbers["gradient_norm"] == pytest.approx(total)


def test_gradients_are_compared_after_clipping_and_their_scale_counts() -> None:
    right: dict[str, torch.Tensor | None] = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([4.0]), "c": None}
    clipped: dict[str, torch.Tensor | None] = {"a": torch.tensor([0.6, 0.0]), "b": torch.tensor([0.8]), "c": None}
    assert gradients.compare(right, right, clip_norm=None) == []
    assert gradients.compare(right, right, clip_norm=10.0) == []
    assert gradients.compare(clipped, right, clip_norm=1.0) == []
    lost: dict[str, torch.Tensor | None] = {**right, "b": None}
    found: dict[str, torch.Tensor | None] = {**right, "c": torch.ones(1)}
    for wrong, norm in ((clipped, None), (right, 1.0), (lost, None), (found, None)):
        assert [fault.kind for fault in gradients.compare(wrong, right, clip_norm=norm)] == ["not-the-loss"]
    noise: dict[str, torch.Tensor | None] = {**right, "c": torch.tensor([1e-7])}
    assert gradients.compare(noise, right, clip_norm=None) == []


@pytest.mark.parametrize(
    ("expression", "follows"),
    [
        ("model(b['x'].to(p.device))", True),
        ("model(b['x'].double().float().to(p))", True),
        ("model(b['x'].to(device=p.device, dtype=torch.float32) + torch.ones(4, device=p.device))", True),
        ("model(torch.zeros_like(b['x'].to(p.device)))[torch.arange(16)]", True),
        ("model(b['x'].to(p.device) * torch.tensor(2.0))", True),
        ("model(b['x'])", False),
        ("model(b['x'].to(p.device)) + model(b['x'])", False),
        ("model(b['x'].to(p.device).cpu())", False),
        ("model(b['x'].to(p.device) + torch.ones(4))", False),
        ("model(torch.cat([b['x'].to(p.device)[:1], b['x'][1:]]))", False),
    ],
)
def test_the_device_probe_sees_what_a_second_device_would_refuse(expression: str, follows: bool) -> None:
    def loss(model: nn.Module, b: Any) -> torch.Tensor:
        p = next(model.parameters())
        output: torch.Tensor = eval(expression, {"model": model, "b": b, "p": p, "torch": torch})
        return output.sum()

    found = device.measure(session(nn.Linear(4, 3), loss=loss), batch())
    assert found.measured
    assert (found.faults == ()) == follows


def test_an_ini_line_is_replaced_or_added_in_its_section_alone() -> None:
    text = "\ufeff[a]\r\nrate = 1\r\n\n[b]\n# rate = 2\nrate: 3\n  rate = continued\nrates = 4"
    assert with_value(text, "b", "rate", "9") == text.replace("rate: 3", "rate = 9")
    assert with_value(text, "b", "other", "9") == text.replace("[b]\n", "[b]\nother = 9\n")
    assert with_value(text, "a", "rate", "9") == text.replace("rate = 1\r\n", "rate = 9\n")
    assert with_value("[only]", "only", "key", "1") == "[only]\nkey = 1\n"
    with pytest.raises(LookupError, match=r"\[c\]"):
        with_value(text, "c", "rate", "9")


def test_two_batches_have_one_form_whatever_their_sizes() -> None:
    Pair = namedtuple("Pair", "left right")
    small = {"x": torch.zeros(2, 3), "names": ["a"], "pair": Pair(torch.zeros(1), 1)}
    large = {"x": torch.zeros(5, 7), "names": ["a", "b"], "pair": Pair(torch.zeros(4), 2)}
    assert differences(small, large) == []
    assert differences(small, {**large, "x": torch.zeros(2)}) == ["batch['x'] is float32 [2], not float32 [2, 3]"]
    assert differences(small, {**large, "x": torch.zeros(2, 3).long()})[0].startswith("batch['x'] is int64")
    assert differences(small, {"x": large["x"]})[0].startswith("batch has the keys ['x']")
    assert differences(small, {**large, "pair": Pair(torch.zeros(4), "2")}) == ["batch['pair'][1] is a str, not a int"]
    assert differences((torch.zeros(1),), [torch.zeros(1)]) == ["batch is a list, not a tuple"]


def test_paths_and_operations_of_the_control() -> None:
    Pair = namedtuple("Pair", "left right")
    value = {"a": [Pair(torch.arange(6).reshape(2, 3), None)]}
    found = pick(value, ["a", 0, "left"])
    model = nn.Linear(1, 1).double()
    assert prepared(found, ["float"], model).dtype == torch.float64
    assert prepared(found, ["unsqueeze:1", "permute:2,0,1", "squeeze:2"], model).shape == (3, 2)
    assert prepared(found, ["bool", "long", "flatten:0"], model).tolist() == [0, 1, 1, 1, 1, 1]
    with pytest.raises(LookupError, match="rotate"):
        prepared(found, ["rotate:1"], model)


@dataclass(frozen=True)
class Sample:
    image: torch.Tensor
    more: dict[str, Any]


IMAGE = {"path": ["image"], "variable": "batch.image", "kind": "tensor", "dtype": "float32", "dims": ["batch", 3]}
LABEL = {"path": ["more", "label"], "variable": 'batch.more["label"]', "kind": "tensor", "dtype": "int64"}
DEMANDS = [
    IMAGE | {"low": None, "high": None},
    LABEL | {"dims": ["batch"], "low": 0, "high": 4},
    {"path": ["more", "names"], "variable": 'batch.more["names"]', "kind": "strings", "dtype": "str"}
    | {"dims": ["batch"], "low": None, "high": None},
]


class Validating:
    """A session whose loss is a validation, as far as `refuses` goes."""

    def __init__(self, *refuses: str) -> None:
        self.refuses = refuses

    def loss(self, batch: Any) -> object | None:
        def check(what: str, wrong: bool, error: Exception) -> None:
            if wrong and what in self.refuses:
                raise error

        if batch is None:
            check("none", True, TypeError("batch: expected a Sample, got NoneType"))
            return None
        for key in ("label", "names"):
            check("missing", key not in batch.more, ValueError(f"batch.more lacks {key}"))
        names = batch.more.get("names", [])
        check("strings", not isinstance(names, list), TypeError('batch.more["names"]: expected a list, got int'))
        for name, value, dtype, rank in (
            ("batch.image", batch.image, torch.float32, 2),
            ('batch.more["label"]', batch.more.get("label"), torch.int64, 1),
        ):
            check("type", isinstance(value, str), TypeError(f"{name}: expected a tensor, got str"))
            if not isinstance(value, torch.Tensor):
                continue
            message = f"{name}: got {value.dtype} of shape {list(value.shape)}"
            check("empty", value.numel() == 0, ValueError(message))
            check("dtype", value.dtype != dtype, TypeError(message))
            check("rank", value.dim() != rank, ValueError(message))
            check("size", rank == 2 and value.dim() == 2 and value.shape[1] != 3, ValueError(message))
            fewer = value.dim() == rank and value.numel() > 0 and len(value) != 4
            check("fewer", fewer, ValueError(f"{message}; dimension 0 must be 4"))
            if rank == 1 and value.numel() and not value.is_floating_point():
                check("edge", int(value.min()) == 0, ValueError(f"{name}: got 0"))
                outside = int(value.min()) < 0 or int(value.max()) > 3
                check("range", outside, ValueError(f"{name}: got {int(value.min())} to {int(value.max())}"))
        return None


CHECKS = ("none", "missing", "strings", "type", "empty", "dtype", "rank", "size", "fewer", "range")


def sample() -> Sample:
    return Sample(torch.rand(4, 3), {"label": torch.tensor([0, 1, 2, 3]), "names": ["a", "b", "c", "d"]})


def test_each_wrong_batch_must_be_refused_by_name() -> None:
    found = refusals.measure(Validating(*CHECKS), sample(), DEMANDS)  # type: ignore[arg-type]
    assert found.faults == ()
    assert found.numbers["wrong_batches"] == 16
    found = refusals.measure(Validating(*CHECKS, "edge"), sample(), DEMANDS)  # type: ignore[arg-type]
    assert "values that are allowed is refused" in found.title
    another = [DEMANDS[0] | {"variable": "batch.imag"}, *DEMANDS[1:]]  # batch.image is another
    assert refusals.measure(Validating(*CHECKS), sample(), another).faults  # type: ignore[arg-type]
    for left_out in CHECKS:
        kept = [check for check in CHECKS if check != left_out]
        faults = refusals.measure(Validating(*kept), sample(), DEMANDS).faults  # type: ignore[arg-type]
        assert faults, left_out
        assert all("is not refused" in fault.text for fault in faults)


def test_a_refusal_must_name_the_part_with_shape_and_dtype() -> None:
    class Curt(Validating):
        def loss(self, batch: Any) -> object | None:
            raise ValueError("bad batch")

    faults = refusals.measure(Curt(), sample(), DEMANDS).faults  # type: ignore[arg-type]
    texts = [fault.text for fault in faults]
    assert any("does not say batch.image, 4, 4, float32: bad batch" in text for text in texts), texts
    assert not refusals.measure(Curt(), sample(), []).measured  # type: ignore[arg-type]


def test_what_is_said_about_weights_that_are_not_finite_is_held() -> None:
    class Beginning:
        refuses_weights = True

        def __init__(self, looks_at: str) -> None:
            self.model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
            self.looks_at = looks_at

        def begin(self) -> None:
            for name, value in self.model.named_parameters():
                if name.startswith(self.looks_at) and not torch.isfinite(value).all():
                    raise ValueError(f"{name} is not finite")

    sound = Beginning("")
    assert start.measure(sound).faults == ()  # type: ignore[arg-type]
    assert all(bool(torch.isfinite(value).all()) for value in sound.model.parameters())
    assert "begins with a NaN in 1.bias" in start.measure(Beginning("0")).title  # type: ignore[arg-type]
    sound.refuses_weights = False
    assert not start.measure(sound).measured  # type: ignore[arg-type]
