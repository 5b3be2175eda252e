"""Every error ends with its own exit code and says so, as text and as data; whatever is no error of ours is our bug."""

from __future__ import annotations

import errno
import json

import pytest

from trainergen import errors
from trainergen.cli.execution import execute
from trainergen.cli.terminal import Terminal
from trainergen.outcome import Outcome

ENDINGS: dict[str, tuple[BaseException, int]] = {
    "a gate": (errors.ProofFailed("no graph", code="TG002"), 1),
    "unusable": (errors.UnusableInput("no such file", hint="name one"), 2),
    "conflict": (errors.Conflict("taken", place="config.ini", hint="another name"), 3),
    "answer": (errors.AnswerNeeded("no batch", flags=("--batch",)), 4),
    "user code": (errors.UserCodeFailed("it raised", place="model.py:3"), 5),
    "machine": (errors.MachineRefused("disk full", place="/here", hint="free some space"), 6),
    "machine, unforeseen": (OSError(errno.EIO, "Input/output error", "/here"), 6),
    "our bug": (ZeroDivisionError("division by zero"), 70),
    "interrupted": (KeyboardInterrupt(), 130),
}


@pytest.mark.parametrize("case", ENDINGS)
@pytest.mark.parametrize("as_data", [False, True])
def test_each_error_has_its_code(case: str, as_data: bool, capsys: pytest.CaptureFixture[str]) -> None:
    error, code = ENDINGS[case]

    def work(outcome: Outcome) -> None:
        raise error

    assert execute("new", Terminal(), as_data, work) == code
    said = capsys.readouterr().out
    if as_data:
        answer = json.loads(said)
        assert (answer["ok"], answer["exit"]) == (False, code)
        assert answer["result"]["error"]["message"]
    else:
        assert said.splitlines()[-1].startswith("Nothing was written: ")
        assert f"exit {code})" in said.splitlines()[-1]
        if code == 70:
            assert "this is a bug in trainergen" in said
            assert "ZeroDivisionError: division by zero" in said
            assert "test_exit_codes.py" in said


def test_what_was_written_is_not_denied(capsys: pytest.CaptureFixture[str]) -> None:
    def work(outcome: Outcome) -> None:
        outcome.written = True
        raise OSError(errno.ENOSPC, "No space left on device", "handover.md")

    assert execute("new", Terminal(), False, work) == 6
    said = capsys.readouterr().out
    assert "--> handover.md" in said
    assert "Nothing was written" not in said
    assert "The change set was written" in said.splitlines()[-1]
