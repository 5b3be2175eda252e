"""What inspect sees when it treats a model badly: models that can't take it, each beside one that can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.families.test_examine_model import HEALTHY, TABLE, model

if TYPE_CHECKING:
    from tests.families.conftest import Examine

IMAGES = "x: float32[4,3,16,16]; label: int64[4] < 5"
TOKENS = "x: int64[4,12] < 50; label: int64[4] < 5"
POOLED = "self.conv = nn.Conv2d(3, 8, 3, padding=1)\nself.head = nn.Linear(8, 5)"
NORMED = "self.body = nn.Sequential(nn.Linear(32, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 5))"

# name -> (measurement, finding, severity, faulty model, healthy twin, batch)
FAULTS: dict[str, tuple[str, str, str, str, str, str]] = {
    "BatchNorm on one sample": ("trials.single_sample", "batch.one-train", "warn", model(NORMED), HEALTHY, TABLE),
    "a squeeze that takes the batch away": (
        "trials.single_sample",
        "batch.one-eval",
        "warn",
        model("self.body = nn.Linear(32, 5)", "return self.body(x).squeeze()"),
        model("self.body = nn.Linear(32, 5)"),
        TABLE,
    ),
    "even sizes alone": (
        "trials.sizes",
        "sizes.odd",
        "warn",
        model(POOLED, "x = x.unflatten(2, (-1, 4)).mean(3)\nreturn self.head(self.conv(x).mean((2, 3)))"),
        model(POOLED, "return self.head(self.conv(x).mean((2, 3)))"),
        IMAGES,
    ),
    "a table of positions that ends": (
        "trials.sizes",
        "sizes.longer",
        "note",
        model(
            "self.table = nn.Embedding(50, 8)\nself.places = nn.Embedding(16, 8)\nself.head = nn.Linear(8, 5)",
            "places = torch.arange(x.shape[1])\nreturn self.head((self.table(x) + self.places(places)).mean(1))",
        ),
        model(
            "self.table = nn.Embedding(50, 8)\nself.head = nn.Linear(8, 5)", "return self.head(self.table(x).mean(1))"
        ),
        TOKENS,
    ),
    "a norm of zero": (
        "trials.extreme_values",
        "values.zeros",
        "warn",
        model("self.body = nn.Linear(32, 5)", "return self.body(x / x.norm(dim=1, keepdim=True))"),
        model("self.body = nn.Linear(32, 5)", "return self.body(x / (x.norm(dim=1, keepdim=True) + 1e-6))"),
        TABLE,
    ),
    "an exponential of the input": (
        "trials.extreme_values",
        "values.large",
        "warn",
        model("self.body = nn.Linear(32, 5)", "return self.body(torch.exp(x))"),
        model("self.body = nn.Linear(32, 5)", "return self.body(torch.exp(x.clamp(max=3)))"),
        TABLE,
    ),
    "samples that see each other": (
        "trials.missing_values",
        "nan.mixes",
        "warn",
        model("self.body = nn.Linear(32, 5)", "return self.body(x - x.mean(0))"),
        model("self.body = nn.Linear(32, 5)", "return self.body(x - x.mean(1, keepdim=True))"),
        TABLE,
    ),
    "NaN that stays in running statistics": (
        "trials.missing_values",
        "nan.stays",
        "warn",
        model(NORMED),
        model(NORMED.replace("BatchNorm1d", "LayerNorm")),
        TABLE,
    ),
    "an operation that bfloat16 ruins": (
        "trials.precision",
        "precision.bf16",
        "warn",
        model("self.body = nn.Linear(32, 5)", "return ((self.body(x) + 4096.0) - 4096.0) * 1e3"),
        model("self.body = nn.Linear(32, 5)"),
        TABLE,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_found_and_its_healthy_twin_is_left_alone(fault: str, examine: Examine) -> None:
    measurement, finding, severity, faulty, healthy, batch = FAULTS[fault]
    found = examine({"model.py": faulty}, "model:Net", measurement, batch=batch)
    assert found.severity(finding) == severity, found.ids
    twin = examine({"twin.py": healthy}, "twin:Net", measurement, batch=batch)
    assert not [each for each in twin.findings if each["severity"] in ("warn", "fail")], twin.findings


def test_the_multiple_that_a_size_must_be_of_is_found(examine: Examine) -> None:
    faulty = FAULTS["even sizes alone"][3]
    found = examine({"model.py": faulty}, "model:Net", "trials.sizes", batch=IMAGES)
    assert found.finding("sizes.odd")["numbers"]["multiple"] == 4
    assert "multiple of 4" in found.finding("sizes.odd")["advice"]


def test_sizes_that_the_layers_fix_are_told_as_tried(examine: Examine) -> None:
    found = examine({"model.py": HEALTHY}, "model:Net", "trials.sizes", batch=TABLE)
    assert found.severity("sizes.fixed") == "note"
    assert found.outcomes == {"x, dimension 1: 16": "fails"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forward", "finding"),
    [
        ("return self.body(x)", "export.runs"),
        ("return self.body(x) if float(x.sum()) > 0 else -self.body(x)", "export.fails"),
    ],
)
def test_export_is_tried(forward: str, finding: str, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE_DIR", "COMPILE_THREADS", "CPP_CACHE_PRECOMPILE_HEADERS", "VEC_ISA_OK"):
        monkeypatch.setenv(f"TORCHINDUCTOR_{name}", "")  # set by the measurement, which has a process of its own else
    source = model("self.body = nn.Linear(32, 5)", forward)
    found = examine({"model.py": source}, "model:Net", "trials.exported", batch=TABLE)
    assert found.ids == [finding]
