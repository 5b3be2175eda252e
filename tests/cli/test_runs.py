"""`trainergen runs` and `trainergen watch`: on files written by hand, on torn ones, and on a run that goes on meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.building import write_tree
from tests.cli.test_new import Run, schema
from tests.forking import Forked
from trainergen import runs
from trainergen.runs import find_runs, read_run


def train(how: str) -> None:
    """A training below the current folder that takes its time; at its 20th step it may fail, or stay for long."""
    from tests.runtime.toys import ToyTrainer, settings
    from trainergen.runtime import Callback

    class Slow(Callback):
        def on_step_end(self, trainer: Any, loss: Any) -> None:
            time.sleep(0.01)
            if how == "fail" and trainer.step == 20:
                raise ArithmeticError("on purpose")
            if how == "forever" and trainer.step == 20:
                Path("stepped").touch()
                time.sleep(600)

    ToyTrainer.from_config(settings(Path("saved_models"), num_epochs=5), callbacks=[Slow()]).train()


def record(epoch: int, loss: float, accuracy: float | None = None) -> dict[str, Any]:
    validation = None if accuracy is None else {"loss": loss * 1.1, "accuracy": accuracy}
    return {"epoch": epoch, "step": epoch * 10, "train": {"loss": loss}, "validation": validation, "learning_rate": 0.1}


def write_run(name: str, records: list[dict[str, Any]], told: dict[str, Any] | None = None, **changes: Any) -> Path:
    folder = Path("saved_models/runs") / name
    manifest = {
        "run_id": f"{abs(hash(name)):032x}"[:32],
        "trainer": "DigitsTrainer",
        "status": "finished",
        "started_at": "2026-01-01T00:00:00",
        "monitor": "validation.loss",
        "config": {"learning_rate": 0.1, "num_epochs": 3, "scheduler_mode": "min"},
    } | changes
    write_tree(
        folder,
        {
            "manifest.json": json.dumps(manifest),
            "history.jsonl": "".join(json.dumps(each) + "\n" for each in records),
            **({} if told is None else {"status.json": json.dumps(told)}),
        },
    )
    return folder


@pytest.fixture
def three(project: Path) -> Path:
    write_tree(project, {"pyproject.toml": ""})
    write_run("digits_1", [record(1, 0.9, 0.5), record(2, 0.4, 0.8), record(3, 0.6, 0.9)], seconds=12.5)
    write_run(
        "digits_2",
        [record(1, 0.8, 0.6), record(2, 0.7, None), record(3, 0.3, 0.7)],
        started_at="2026-01-02T00:00:00",
        config={"learning_rate": 0.01, "num_epochs": 3, "scheduler_mode": "min", "dropout": 0.5},
        git={"commit": "abc"},
    )
    write_run(
        "other_1",
        [record(1, 0.2, 0.4)],
        trainer="OtherTrainer",
        status="failed",
        error="ValueError: bad\nmore",
        started_at="2025-01-01T00:00:00",
    )
    return project


def names(answer: Any) -> list[str]:
    return [each["name"] for each in answer.data["result"]["runs"]]


def test_the_names_are_the_runtimes() -> None:
    from trainergen.runtime import history, run_folder, status

    assert (runs.MANIFEST, runs.STATUS, runs.HISTORY) == (run_folder.MANIFEST, status.STATUS, history.FILE)


def test_runs_are_listed_newest_first_and_filtered(three: Path, trainergen: Run) -> None:
    told = trainergen("runs")
    assert told.exit == 0, told.stdout
    lines = told.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["finished", "digits_2"],
        ["finished", "digits_1"],
        ["failed", "other_1"],
    ]
    assert "epoch 3/3, best validation.loss 0.44 in epoch 2, 12.5 s" in lines[1]
    assert "ValueError: bad" in lines[2] and "more" not in lines[2]
    assert lines[-1] == "3 runs: 2 finished, 1 failed."
    as_data = trainergen("runs", "--json")
    jsonschema.validate(as_data.data, schema("runs"))
    assert as_data.data["result"]["runs"][1]["best"] == pytest.approx(0.44)
    for arguments, expected in (
        (("--trainer", "digits"), ["digits_2", "digits_1"]),
        (("--trainer", "OtherTrainer"), ["other_1"]),
        (("--status", "failed"), ["other_1"]),
        (("--name", "*_1"), ["digits_1", "other_1"]),
        (("--name", "*_1", "--status", "finished"), ["digits_1"]),
        (("saved_models/runs/digits_1",), ["digits_1"]),
        (("saved_models", "."), ["digits_2", "digits_1", "other_1"]),
        (("--trainer", "nobody"), []),
    ):
        assert names(trainergen("runs", *arguments, "--json")) == expected, arguments
    assert trainergen("runs", "--trainer", "nobody").stdout == "0 runs.\n"


def test_the_best_by_a_metric(three: Path, trainergen: Run) -> None:
    told = trainergen("runs", "--best", "validation.loss", "--trainer", "digits")
    assert [line.split()[:2] for line in told.stdout.splitlines()[:-1]] == [["0.33", "digits_2"], ["0.44", "digits_1"]]
    assert told.stdout.splitlines()[-1] == "2 runs by validation.loss, the lowest first: digits_2."
    highest = trainergen("runs", "--best", "validation.accuracy", "--json")
    jsonschema.validate(highest.data, schema("runs"))
    result = highest.data["result"]
    assert (result["mode"], names(highest)) == ("max", ["digits_1", "digits_2", "other_1"])
    assert [(each["value"], each["value_epoch"]) for each in result["runs"]] == [(0.9, 3), (0.7, 3), (0.4, 1)]
    lowest = trainergen("runs", "--best", "validation.accuracy", "--mode", "min", "--json")
    assert names(lowest)[0] == "other_1"
    unknown = trainergen("runs", "--best", "validation.acuracy")
    assert unknown.exit == 2 and "did you mean validation.accuracy?" in unknown.stdout


def test_two_runs_are_compared_at_their_best_epochs(three: Path, trainergen: Run) -> None:
    answer = trainergen("runs", "--compare", "digits_1", "saved_models/runs/digits_2", "--json")
    jsonschema.validate(answer.data, schema("runs"))
    result = answer.data["result"]
    assert result["settings"] == [
        {"name": "learning_rate", "a": 0.1, "b": 0.01},
        {"name": "dropout", "a": None, "b": 0.5},
    ]
    assert {"name": "commit", "a": None, "b": "abc"} in result["circumstances"]
    metrics = {each["name"]: (each["a"], each["b"], each["difference"]) for each in result["metrics"]}
    assert metrics["train.loss"] == (0.4, 0.3, pytest.approx(-0.1))  # epoch 2 of the one, epoch 3 of the other
    assert metrics["validation.accuracy"] == (0.8, 0.7, pytest.approx(-0.1))
    assert result["better"] == "b"
    told = trainergen("runs", "--compare", "digits_1", "digits_2").stdout.splitlines()
    assert told[0].split() == ["setting", "learning_rate", "0.1", "->", "0.01"]
    assert told[-1].endswith("digits_2 is better.")
    assert trainergen("runs", "--compare", "digits_1", "digits_1").stdout.endswith("neither is known to be better.\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--compare", "digits_1", "digits_3"), "did you mean digits_"),
        (("--compare", "digits_", "other_1"), "'digits_' means 2 runs"),
        (("nowhere",), "no folder nowhere"),
        (("--status", "done"), "done"),
    ],
)
def test_what_there_is_not_is_refused(three: Path, trainergen: Run, arguments: tuple[str, ...], says: str) -> None:
    answer = trainergen("runs", *arguments)
    assert answer.exit == 2
    assert says in answer.stdout + answer.stderr


def test_a_run_is_meant_by_the_beginning_of_its_name_or_id(three: Path, trainergen: Run) -> None:
    run_id = json.loads((three / "saved_models/runs/other_1/manifest.json").read_text())["run_id"]
    for wanted in ("other", run_id, run_id[:20], "saved_models/runs/other_1/manifest.json"):
        answer = trainergen("watch", wanted, "--json")
        assert answer.data["result"]["run"]["name"] == "other_1", wanted


def test_torn_files_are_read_as_far_as_they_go(three: Path, trainergen: Run) -> None:
    folder = three / "saved_models/runs/digits_2"
    whole = {name: (folder / name).read_bytes() for name in ("manifest.json", "history.jsonl")}
    for name, data in whole.items():
        for cut in range(0, len(data), 7):
            (folder / name).write_bytes(data[:cut])
            assert len(find_runs([three])) == 3
        (folder / name).write_bytes(b"\xff\x00[[[" + data[5:])
        assert trainergen("runs").exit == 0
        (folder / name).write_bytes(data)
    (folder / "manifest.json").write_bytes(b"")
    answer = trainergen("runs", "--json")
    jsonschema.validate(answer.data, schema("runs"))
    (torn,) = [each for each in answer.data["result"]["runs"] if each["name"] == "digits_2"]
    assert torn["status"] == "unreadable" and torn["epoch"] == 3
    (folder / "history.jsonl").write_bytes(whole["history.jsonl"][:-20])
    assert len(read_run(folder).records) == 2


def test_a_run_whose_process_is_gone_was_killed(project: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here, there = {"host": platform.node()}, {"host": "another-machine"}
    for name, status, state in (
        ("alive", here | {"process": os.getpid()}, "running"),
        ("dead", here | {"process": gone.pid}, "killed"),
        ("far", there | {"process": gone.pid}, "running"),
        ("silent", None, "running"),
    ):
        assert read_run(write_run(name, [], status, status="running")).state == state, name


def test_neither_loads_torch(three: Path) -> None:
    program = (
        "import sys; from trainergen.cli import run; code = run(sys.argv[1:]); "
        "assert not {'torch', 'numpy', 'libcst', 'jinja2'} & set(sys.modules), sorted(sys.modules); sys.exit(code)"
    )
    for arguments in (("runs",), ("runs", "--compare", "digits_1", "digits_2"), ("watch", "digits_1")):
        subprocess.run([sys.executable, "-c", program, *arguments], check=True, stdout=subprocess.DEVNULL)


# ---------------------------------------------------------------------------------------------- watch


@contextlib.contextmanager
def start(project: Path, how: str = "") -> Iterator[Forked]:
    """A real training, begun: its status is there."""
    write_tree(project, {"pyproject.toml": ""})
    process = Forked(train, how)
    while process.wait(0.02) is None and not list(project.glob("saved_models/runs/*/status.json")):
        pass
    try:
        yield process
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("how", "state", "code"), [("", "finished", 0), pytest.param("fail", "failed", 1, marks=pytest.mark.slow)]
)
def test_a_run_is_watched_to_its_end_line_by_line(
    project: Path, trainergen: Run, how: str, state: str, code: int
) -> None:
    with start(project, how) as training:
        watched = trainergen("watch", "--interval", "0.1")
        assert training.wait() == (1 if how else 0)
    assert watched.exit == code, watched.stdout
    lines = watched.stdout.splitlines()
    assert "\x1b" not in watched.stdout and len(lines) == len(set(lines)) >= 2
    (folder,) = project.glob("saved_models/runs/*")
    assert all(line.startswith(f"{folder.name}  running  epoch ") for line in lines[:-2])
    assert f"{folder.name}  {state}  epoch " in lines[-2]
    assert lines[-1].startswith(f"{folder.name} is {state} in ")
    if how:
        assert "ArithmeticError: on purpose" in lines[-2]
    as_data = trainergen("watch", "--json")
    jsonschema.validate(as_data.data, schema("watch"))
    assert (as_data.exit, as_data.data["result"]["run"]["status"]) == (code, state)


@pytest.mark.slow
def test_a_killed_run_ends_the_watching(project: Path, trainergen: Run) -> None:
    with start(project, "forever") as training:
        while not (project / "stepped").exists():
            assert training.wait(0.02) is None
        once = trainergen("watch", "--once")
        assert once.exit == 0 and re.search(r"  running  epoch 3/5  step (18|19|20)/30", once.stdout), once.stdout
        training.kill()
        told = trainergen("watch", "--interval", "0.1")
    assert told.exit == 1 and "  killed  epoch 3/5" in told.stdout
    assert "killed" in trainergen("runs").stdout


def test_torn_files_are_waited_out(project: Path) -> None:
    from trainergen.watching import refreshed

    status = {"step": 20, "steps": 30, "host": platform.node(), "process": os.getpid()}
    folder = write_run("digits", [record(1, 0.9, 0.5), record(2, 0.4, 0.8)], status, status="running")
    seen = read_run(folder)
    for name in ("status.json", "history.jsonl", "manifest.json"):
        whole = (folder / name).read_bytes()
        for torn in (b"", whole[: len(whole) // 2], None):
            if torn is None:
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(torn)
            assert refreshed(seen) == seen, (name, torn)
        (folder / name).write_bytes(whole)
    # A session that goes on from an earlier checkpoint has fewer records, and says so.
    write_run("digits", [record(1, 0.9, 0.5)], status, status="running", sessions=[{}, {}])
    assert len(refreshed(seen).records) == 1


@pytest.mark.slow
def test_on_a_terminal_the_view_is_renewed_in_place(project: Path) -> None:
    with start(project) as training:
        ours, theirs = pty.openpty()
        watching = subprocess.Popen(
            [sys.executable, "-m", "trainergen", "watch", "--interval", "0.1"],
            stdout=theirs,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "90", "LINES": "20", "PYTHONIOENCODING": "utf-8"},
        )
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while chunk := os.read(ours, 4096):
                seen += chunk
        os.close(ours)
        assert watching.wait() == 0
        training.wait()
    text = seen.decode()
    frames = text.split("\x1b[J")[1:]
    assert "ToyTrainer  toy_" in frames[0]
    last = frames[-1].splitlines()
    assert "finished" in last[0] and last[1].startswith(f"[{'#' * 24}] 100%  epoch 5/5  step 30/30")
    assert any(line.startswith("train loss") and "█" in line for line in last)
    assert any(line.startswith("checkpoint       checkpoints/step-00000030.pt") for line in last)
    assert all(len(line) < 90 for line in last[:-1])
    for before, after in zip(text.split("\x1b[J")[1:], re.findall(r"\x1b\[(\d+)F", text), strict=False):
        shown = [line for line in before.split("\x1b")[0].splitlines() if line]
        assert int(after) == len(shown)  # as many lines up as the frame had


def test_nothing_to_watch(project: Path, trainergen: Run) -> None:
    write_tree(project, {"pyproject.toml": ""})
    answer = trainergen("watch")
    assert answer.exit == 2 and "there is no run here" in answer.stdout
    assert trainergen("runs").stdout == "0 runs.\n"
