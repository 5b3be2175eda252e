"""Each rule on real histories (trained by histories/record.py) and on constructed ones, where it should speak and should not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.report.building import FALLING, seen
from trainergen.report.evidence import Evidence, gather
from trainergen.report.rules import observe, rules
from trainergen.runs import read_run
from trainergen.runtime import BaseTrainerConfig

HISTORIES = Path(__file__).parent / "histories"
ROOT = Path(__file__).resolve().parents[2]

REAL = {
    "healthy": {"still_improving"},
    "overfitting": {"overfitting", "monitor_disagrees", "wasted_epochs"},
    "stopped_early": {"large_gap", "stopped_early"},
    "underfitting": {"underfitting", "monitor_disagrees", "stopped_early"},
    "stuck": {"stuck"},
    "dead_units": {"stuck", "wasted_epochs"},
    "no_gradient": {"no_gradient"},
    "unstable": {"unstable"},
    "diverged": {"diverged"},
    "not_finite": {"diverged"},
    "no_validation": {"never_validated", "still_improving"},
    "too_few_epochs": {"still_improving"},
    "one_epoch": {"too_short"},
    "clipped": {"clipped_always"},
}


def fired(evidence: Evidence) -> set[str]:
    return {each.rule for each in observe(evidence)}


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_runs_get_the_observations_that_fit_them(name: str) -> None:
    assert fired(gather(read_run(HISTORIES / name))) == REAL[name]


def test_every_recorded_run_is_judged() -> None:
    assert {path.parent.name for path in HISTORIES.glob("*/manifest.json")} == set(REAL)


RISING = [2.0, 1.0, 0.6, 0.5, 0.55, 0.6, 0.7, 0.8]
BEST_AT_THREE = [2.0, 1.0, 0.5] + [0.52] * 17
SHAKING = [2.0, 1.5, 1.2, 1.0, 0.6, 0.9, 0.6, 0.9, 0.6, 0.9, 0.6, 0.9]
JUMPING = [2.0, 1.0, 0.5, 1.5, 0.4, 0.3, 1.2, 0.3, 0.2, 0.2]
LEVEL = [2.0, 1.6, 1.5, 1.45, 1.42, 1.4, 1.39, 1.385, 1.38, 1.38, 1.38, 1.38]

CASES: dict[str, tuple[Evidence, Evidence]] = {
    "no_gradient": (
        seen([2.3] * 4, [2.3] * 4, with_train__gradient_norm=[1.0, 0.0, 0.0, 0.0]),
        seen([2.3] * 4, [2.3] * 4, with_train__gradient_norm=[0.0, 0.0, 0.0, 1e-9]),
    ),
    "stuck": (seen([2.3, 2.3001, 2.2999, 2.3]), seen([2.3, 2.2, 2.1, 2.0])),
    "diverged": (
        seen([2.0, 1.0, 1.5, 2.0, 4.0], [2.0, 1.0, 1.6, 2.1, 5.0], state="killed"),
        seen([2.0, 1.0, 0.8, 0.6, 0.5], [2.0, 1.0, 1.6, 2.1, 5.0]),
    ),
    "not_finite": (
        seen([2.0, None, 1.0]),
        seen([2.0, 1.5, 1.0], with_memory__device_bytes=[None] * 3),  # of a CPU there is nothing to tell
    ),
    "failed": (
        seen(FALLING, FALLING, state="failed", error="ValueError: bad"),
        seen(FALLING, FALLING, state="diverged", failure={"error": "NonFiniteLoss", "what": "the loss is nan"}),
    ),
    "broken_off": (
        seen(FALLING, FALLING, state="killed", latest="checkpoints/step-00000120.pt"),
        seen(FALLING, FALLING, state="running"),
    ),
    "overfitting": (
        seen([2.0, 1.0, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05], RISING),
        seen([2.0, 1.0, 0.6, 0.4, 0.5, 0.6, 0.7, 0.8], RISING),  # the training loss climbs too: that is divergence
    ),
    "large_gap": (
        seen([2.0 * 0.6**epoch for epoch in range(12)], [2.0, 1.2, 0.9, 0.7, 0.6] + [0.55] * 7),
        seen([2.0 * 0.6**epoch for epoch in range(12)], [2.2 * 0.65**epoch for epoch in range(12)]),
    ),
    "underfitting": (
        seen(LEVEL, LEVEL),
        seen(LEVEL, LEVEL, with_validation__accuracy=[0.95] * 12),  # right all the same: the rest is noise
    ),
    "unstable": (
        seen(JUMPING, JUMPING),
        # noise of small batches near the bottom, as a toy's history of 60 epochs had it
        seen(
            [2.0 * 0.8**epoch + 0.06 + 0.01 * (-1) ** epoch for epoch in range(40)],
            with_train__gradient_norm=[1, 2] * 20,
        ),
    ),
    "noisy_validation": (seen(FALLING, SHAKING), seen(FALLING, FALLING)),
    "never_validated": (seen(FALLING), seen(FALLING, [None] * 11 + [0.5])),
    "stopped_early": (
        seen(FALLING, FALLING, stop_reason="stopped early: no better validation.loss for 8 validations"),
        seen(FALLING, FALLING, stop_reason="stopped by on_epoch_end"),
    ),
    "still_improving": (
        seen(FALLING, FALLING, stop_reason="12 epochs done"),
        seen(FALLING, FALLING, state="running"),
    ),
    "wasted_epochs": (
        seen(BEST_AT_THREE, BEST_AT_THREE, settings={"early_stopping_patience": None}),
        seen(BEST_AT_THREE, BEST_AT_THREE),
    ),
    "monitor_disagrees": (
        seen(FALLING, FALLING, with_validation__accuracy=[0.5, 0.9] + [0.8] * 10),
        seen(FALLING, FALLING, with_validation__accuracy=[0.5] * 11 + [0.9]),
    ),
    "validation_easier": (
        seen(FALLING, [0.7 * value for value in FALLING]),
        seen(FALLING, [0.95 * value for value in FALLING]),
    ),
    "clipped_always": (
        seen(FALLING, FALLING, with_train__gradient_norm=[5.0] * 12),
        seen(FALLING, FALLING, with_train__gradient_norm=[1.5] * 12),
    ),
    "rate_vanished": (
        seen(FALLING, FALLING, with_learning_rate=[0.1, 0.1, 0.1] + [1e-5] * 9),
        seen(FALLING, FALLING, with_learning_rate=[1e-5, 1e-3, 0.1] + [0.1] * 8 + [1e-5]),  # a warm-up, a cosine's end
    ),
    "loader_bound": (
        seen(FALLING, FALLING, with_loader_wait_share=[0.9] + [0.4] * 11),
        seen(FALLING, FALLING, with_loader_wait_share=[0.9] + [0.05] * 11),
    ),
    "slowing_down": (
        seen(FALLING, FALLING, with_seconds=[9.0, *(1.0 + epoch / 5 for epoch in range(11))]),
        seen(FALLING, FALLING, with_seconds=[9.0] + [1.0, 1.3] * 5 + [1.0]),
    ),
    "memory_growth": (
        seen(FALLING, FALLING, with_memory__process_bytes=[1e9 * (1 + epoch / 10) for epoch in range(12)]),
        seen(FALLING, FALLING, with_memory__process_bytes=[1e9] + [2e9] * 11),
    ),
    "too_short": (seen([2.0, 1.0], [2.0, 1.0]), seen([2.0, 1.0, 0.9], [2.0, 1.0, 0.9])),
}


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(rules())


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_rule_speaks_where_it_should_and_is_silent_where_not(name: str) -> None:
    should, should_not = CASES[name]
    assert name in fired(should)
    assert name not in fired(should_not)


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_observation_has_numbers_a_cause_and_a_remedy_by_name(name: str) -> None:
    said = next(each for each in observe(CASES[name][0]) if each.rule == name)
    assert re.search(r"\d", said.symptom) or name == "failed", said.symptom
    assert said.title and said.cause and said.remedy
    for setting in said.settings:
        assert setting in BaseTrainerConfig.__dataclass_fields__
        assert f"`{setting}`" in said.remedy


@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize("state", ["running", "finished", "failed", "killed", "unreadable"])
def test_a_run_with_hardly_any_history_breaks_no_rule(count: int, state: str) -> None:
    for values in ([1.0] * count, [0.0] * count, [None] * count, [-1e308, 1e308, 0.0][:count]):
        assert fired(seen(values, values, state=state)) <= set(rules())


def test_a_good_run_is_left_in_peace() -> None:
    flat = [2.0 * 0.5**epoch + 0.3 for epoch in range(30)]
    held = [value * 1.03 for value in flat]
    rate = [0.001 * (1 - epoch / 31) for epoch in range(30)]
    norms = [0.5 + 0.1 * (epoch % 3) for epoch in range(30)]
    good = seen(flat, held, with_learning_rate=rate, with_train__gradient_norm=norms, stop_reason="30 epochs done")
    assert observe(good) == ()


def test_the_documentation_says_when_each_rule_speaks() -> None:
    page = (ROOT / "docs/report.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    for name, rule in rules().items():
        assert listed[name] == __import__(rule.__module__, fromlist=["x"]).__doc__
