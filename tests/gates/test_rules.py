"""Each rule by its own file, and all of them over pairs of a fault and its twin in whole files."""

from __future__ import annotations

import json

import pytest

from tests.gates.pairs import classes, healthy, idioms, more, scripts, short, tutorials, vit
from tests.gates.pairs.catalogue import PAIRS, Pair
from trainergen.gates.engine import Gate, check_source, example_files, load_gates
from trainergen.gates.facts import Facts
from trainergen.gates.finding import Finding
from trainergen.gates.fixing import fix_text
from trainergen.gates.notebook import Notebook
from trainergen.gates.versions import Range

ALL = load_gates()
RULES = {code: gate for code, gate in ALL.items() if not gate.watches}
DEFAULT = [gate for gate in ALL.values() if gate.on_by_default]
TWINS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": text
    for module in (scripts, classes, tutorials, idioms, vit)
    for name, text in vars(module).items()
    if name.isupper() and isinstance(text, str) and name != "HEAD"
}
TWINS |= {f"healthy: {name}": healthy.HEAD + text for name, text in healthy.HEALTHY.items()}
ALL_PAIRS = PAIRS | {f"idiom: {name}": Pair(*values) for name, values in idioms.IDIOMS.items()}
PATH = "train/example_trainer.py"


def found(text: str, gates: list[Gate] = DEFAULT, facts: Facts | None = None) -> list[Finding]:
    return check_source(text, PATH, facts, gates)


@pytest.mark.parametrize("code", RULES)
def test_a_rule_stops_its_failing_example_and_every_rule_lets_the_passing_one_through(code: str) -> None:
    gate = RULES[code]
    failing, passing = example_files(gate.failing), example_files(gate.passing)
    chosen = [each for each in RULES.values() if each.on_by_default or each is gate]
    stopped = [
        each for path, text in failing.items() for each in check_source(text, path, Facts(files=failing), chosen)
    ]
    assert {each.code for each in stopped} == {code}
    for each in stopped:
        line = failing[each.path].splitlines()[each.line - 1]
        assert line[each.column - 1 : each.end_column - 1].strip()
        assert each.message and each.hint
    assert not [
        each for path, text in passing.items() for each in check_source(text, path, Facts(files=passing), chosen)
    ]


@pytest.mark.parametrize("code", [code for code, gate in RULES.items() if gate.fix.startswith(("safe", "unsafe"))])
def test_a_rules_fix_mends_its_failing_example_and_is_as_safe_as_it_says(code: str) -> None:
    gate = RULES[code]
    for path, text in example_files(gate.failing).items():
        fixes = [each.fix for each in check_source(text, path, Facts(), [gate]) if each.fix is not None]
        safe = gate.fix.startswith("safe")
        if not fixes:  # a name for what the fix would write isn't at hand in the example
            assert code in ("TG113", "TG106")
            continue
        assert {fix.safe for fix in fixes} == {safe}
        fixed = fix_text(
            text, lambda now, path=path: check_source(now, path, Facts(), list(RULES.values())), unsafe=True
        )
        assert not fixed.refused
        assert code not in {each.code for each in fixed.left}
        assert fixed.applied >= 1
        if not safe:
            assert (
                fix_text(text, lambda now, path=path: check_source(now, path, Facts(), [gate]), unsafe=False).text
                == text
            )


@pytest.mark.parametrize("name", TWINS)
def test_right_code_has_no_finding(name: str) -> None:
    assert found(TWINS[name]) == []


@pytest.mark.parametrize("name", ALL_PAIRS)
def test_a_fault_is_told_from_its_twin(name: str) -> None:
    pair = ALL_PAIRS[name]
    assert pair.code in {each.code for each in found(pair.bad)}


SHORT = [*short.SHORT, *more.MORE]


@pytest.mark.parametrize("number", range(len(SHORT)), ids=[f"{code}-{n}" for n, (code, *_) in enumerate(SHORT)])
def test_short_pairs_are_told_apart(number: int) -> None:
    code, bad, good = SHORT[number]
    rules = list(RULES.values())
    on = [gate for gate in rules if gate.on_by_default]
    assert code in {each.code for each in found(bad, on)}
    assert found(good, on) == []


@pytest.mark.parametrize(
    "number", range(len(vit.FAULTS)), ids=[f"{code}-{n}" for n, (code, _) in enumerate(vit.FAULTS)]
)
def test_faults_of_one_script_are_told_apart(number: int) -> None:
    code, changes = vit.FAULTS[number]
    bad = vit.SCRIPT
    for right, wrong in changes:
        assert right in bad
        bad = bad.replace(right, wrong)
    assert code in {each.code for each in found(bad)}


def test_there_are_pairs_for_every_fault_of_the_catalogue() -> None:
    assert {pair.code for pair in PAIRS.values()} >= {f"TG1{number:02d}" for number in range(1, 31)}


@pytest.mark.parametrize("name", PAIRS)
def test_a_fault_in_a_notebook_is_placed_by_cell_and_line(name: str) -> None:
    bad = PAIRS[name].bad
    rules = list(RULES.values())
    direct = found(bad, rules)
    lines = bad.split("\n")
    half = next(
        (index for index in range(len(lines) // 2, len(lines)) if lines[index] and not lines[index][0].isspace()), 0
    )
    cells = [
        {"cell_type": "markdown", "source": "# Title"},
        {"cell_type": "code", "source": "%matplotlib inline\n!pip install torch"},
        {"cell_type": "code", "source": [line + "\n" for line in lines[:half]]},
        {"cell_type": "code", "source": "\n".join(lines[half:])},
    ]
    notebook = Notebook.read(json.dumps({"cells": cells, "nbformat": 4}))
    placed = [notebook.place(each) for each in check_source(notebook.code, PATH, None, rules)]
    offset = {3: 0, 4: half}
    assert sorted((each.code, each.line + offset[each.cell]) for each in placed) == sorted(
        (each.code, each.line) for each in direct
    )


def test_a_metric_of_detached_values_keeps_no_graph() -> None:
    text = classes.TRAINERGEN.replace(
        '"sparsity": sparsity.detach()}', '"sparsity": sparsity.detach(), "mse": metrics.mse(rebuilt.detach(), clean)}'
    )
    assert found(text) == []
    kept = text.replace("metrics.mse(rebuilt.detach(), clean)", "metrics.mse(rebuilt, clean)")
    assert [each.code for each in found(kept)] == ["TG103"]


def test_frameworks_that_step_themselves_are_left_alone() -> None:
    text = """\
import lightning as L
import torch


class Net(L.LightningModule):
    def training_step(self, batch, batch_idx):
        inputs, targets = batch
        return torch.nn.functional.cross_entropy(self(inputs), targets)

    def validation_step(self, batch, batch_idx):
        for inputs, targets in batch["val_batches"]:
            self.log("loss", torch.nn.functional.cross_entropy(self(inputs), targets))
"""
    assert found(text) == []


@pytest.mark.parametrize(
    ("requirement", "codes"),
    [
        (None, ["TG110"]),
        ('dependencies = ["torch>=2.6"]', []),
        ('torch = "^2.1"', ["TG110"]),
        ("torch==2.5.1", ["TG110"]),
    ],
)
def test_a_rule_minds_the_torch_that_the_project_asks_for(tmp_path, requirement: str | None, codes: list[str]) -> None:
    if requirement is not None:
        (tmp_path / "pyproject.toml").write_text(requirement + "\n")
    text = "import torch\nstate = torch.load('x.pt', map_location='cpu')\n"
    assert [each.code for each in found(text, facts=Facts(str(tmp_path)))] == codes
    unsafe = text.replace("'cpu'", "'cpu', weights_only=False")
    assert [each.code for each in found(unsafe, facts=Facts(str(tmp_path)))] == ["TG110"]


def test_ranges_of_releases() -> None:
    assert Range.of(">=2.4,<2.6") == Range((2, 4), (2, 6))
    assert Range.of("==2.5.1") == Range((2, 5, 1), (2, 5, 2))
    assert Range.of(">=2.4").meets(Range.of("<=2.4"))
    assert not Range.of("<2.6").meets(Range.of(">=2.6"))
    for wrong in ("2.4", ">=x", ""):
        with pytest.raises(ValueError, match="no range of releases"):
            Range.of(wrong)
