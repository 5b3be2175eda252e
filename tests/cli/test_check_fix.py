"""`check --fix` of a generated trainer: what is written still trains, and the check's own process never loads torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.building import read_tree
from tests.cli.test_check_run import TRAINER, edit, made, made_once  # noqa: F401 - the fixtures
from tests.cli.test_new import Run

pytestmark = pytest.mark.slow

CALL = ("self.model(", "self.model.forward(")
FROZEN = (
    "        super().on_train_begin()\n",
    "        super().on_train_begin()\n"
    "        for parameter in self.model.parameters():\n            parameter.require_grad = False\n",
)
"""A misspelt name that does nothing: corrected, it freezes all there is to train."""


def test_fixes_that_train_are_written_and_others_left_with_the_reason(
    made: Path, trainergen: Run  # noqa: F811
) -> None:
    edit(made / TRAINER, *CALL)
    script = made / "script.py"
    script.write_text("import torch\n\nlayer = torch.nn.Linear(2, 2)\nlayer.forward(torch.ones(2))\n")
    answer = trainergen("check", "--fix")
    assert answer.exit == 0, answer.stdout
    assert "Applied 2 fixes in 2 files." in answer.stdout
    assert CALL[0] in (made / TRAINER).read_text() and "forward" not in script.read_text()

    edit(made / TRAINER, *FROZEN)
    before = read_tree(made)
    answer = trainergen("check", "--fix", TRAINER)
    assert answer.exit == 1, answer.stdout
    assert f"{TRAINER}: left as it is: trained with the fixes, SmallTrainer fails a probe" in answer.stdout
    assert "TG136" in answer.stdout and read_tree(made) == before
    answer = trainergen("check", "--fix", "--no-proof", TRAINER)
    assert answer.exit == 0, answer.stdout
    assert "parameter.requires_grad = False" in (made / TRAINER).read_text()


def test_a_fault_that_was_there_before_is_not_the_fixs(made: Path, trainergen: Run) -> None:  # noqa: F811
    edit(made / TRAINER, "        return loss\n", "        return loss.detach()\n")
    edit(made / TRAINER, *CALL)
    answer = trainergen("check", "--fix", TRAINER)
    assert "Applied 1 fix in 1 file." in answer.stdout, answer.stdout
    assert CALL[0] in (made / TRAINER).read_text()


def test_where_it_cant_be_trained_it_is_left_and_the_process_has_no_torch(made: Path) -> None:  # noqa: F811
    edit(made / TRAINER, *CALL)
    before = read_tree(made)
    program = (
        "import sys; from trainergen.checking import run; from trainergen.gates.request import Request; "
        f"code, text = run(Request(paths=({TRAINER!r},), fix=True, no_cache=True, limit=sys.argv[1] or None)); "
        "print(text); print('torch' in sys.modules); sys.exit(code)"
    )
    for limit, said in (("time=many", "it can't be trained with the fixes"), ("", "Applied 1 fix in 1 file.")):
        done = subprocess.run([sys.executable, "-c", program, limit], cwd=made, capture_output=True, text=True)
        assert said in done.stdout, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1] == "False"
        assert done.returncode == (1 if limit else 0)
        if limit:
            assert "--no-proof writes them untrained" in done.stdout and read_tree(made) == before
