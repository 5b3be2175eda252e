"""The prover on the real templates: a team's override with one fault in it is refused, the untouched copy is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ..building import read_tree
from ..conftest import Answer
from . import faults_around_it, faults_in_the_step
from .houses import CASES, HOUSE, Case, furnish, template
from .seeding import Fault

Run = Callable[..., Answer]

FAULTS = (*faults_in_the_step.FAULTS, *faults_around_it.FAULTS)


def test_every_pattern_and_every_gate_has_faults() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 22
    assert {fault.case.name for fault in FAULTS} == {case.name for case in CASES}
    gates = {f"TG{number:03}" for number in range(1, 11)} | {f"TG{number:03}" for number in range(50, 60)}
    assert {fault.code for fault in FAULTS} >= gates


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_untouched_twin_passes(project: Path, trainergen: Run, case: Case) -> None:
    names = {fault.template for fault in FAULTS if fault.case is case}
    furnish(project, case, {name: template(name) for name in names})

    answer = trainergen("new", *case.arguments, "--json")

    assert answer.exit == 0, answer.stdout
    probes = answer.data["result"]["proof"]["probes"]
    assert {probe["status"] for probe in probes} == {"passed"}, probes
    pattern = next(each for each in answer.data["result"]["decisions"] if each["topic"] == "pattern")
    assert pattern["choice"] == f"pattern {case.pattern}"
    assert (project / case.trainer).is_file()


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, id=fault.name, marks=[pytest.mark.slow] if fault.slow else []) for fault in FAULTS],
)
def test_a_fault_in_a_template_is_caught(project: Path, trainergen: Run, fault: Fault) -> None:
    furnish(project, fault.case, {fault.template: fault.overridden()})
    before = read_tree(project)

    answer = trainergen("new", *fault.case.arguments)

    assert answer.exit == 1, answer.stdout
    error = re.search(r"^error\[(TG\d+)\]: (.*)$", answer.stdout, re.MULTILINE)
    assert error is not None, answer.stdout
    assert (error[1], fault.says in error[2]) == (fault.code, True), answer.stdout
    if fault.points is not None:
        assert f"(from {HOUSE}/{fault.template}:{fault.line() + fault.points})" in answer.stdout
    assert "Nothing was written" in answer.stdout.splitlines()[-1]
    assert "/tmp" not in error[2] and "/dev/shm" not in error[2]
    assert read_tree(project) == before
