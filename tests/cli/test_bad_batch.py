"""Bad batches, end to end: files that can't be read or hold code, keys and sizes that do not fit, values out of range."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.building import read_tree, write_tree
from tests.cli.refusing import Run, command, model, refuse


class Code:
    """Runs when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def saved(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def archived(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


GOOD = saved((torch.ones(8, 4), torch.zeros(8, dtype=torch.long)))
EMPTY = saved((torch.ones(0, 4), torch.zeros(0, dtype=torch.long)))
AGAIN = "save it again"
# file -> its bytes, what the answer says
FILES: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "cut.pt": (GOOD[: len(GOOD) // 2], ("cut.pt can't be read", "--> cut.pt", AGAIN)),
    "noise.pt": (b"nonsense", ("noise.pt can't be read: it is nothing that torch.save wrote", "--> noise.pt", AGAIN)),
    "nothing.pt": (b"", ("nothing.pt can't be read", "--> nothing.pt", AGAIN)),
    "noise.npz": (b"nonsense", ("noise.npz can't be read: it is no .npz archive", "--> noise.npz", "np.savez")),
    "cut.npz": (archived(x=np.ones((8, 4)))[:-20], ("cut.npz can't be read", "--> cut.npz", "= help: ")),
    "noise.safetensors": (b"nonsense", ("noise.safetensors can't be read", "--> noise.safetensors", AGAIN)),
    "empty.pt": (EMPTY, ("the batch has no samples", "--> file empty.pt", "at least two samples")),
    "batch.csv": (b"1,2\n", ("batch.csv: not a kind of batch file", ".safetensors")),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_can_not_be_read(project: Path, trainergen: Run, name: str) -> None:
    content, says = FILES[name]
    refuse(project, trainergen, 2, says, "--batch", name, files={"model.py": model(), name: content})


@pytest.mark.parametrize("form", ["bare pickle", "torch.save", "objects in .npz"])
def test_pickled_code_never_runs(project: Path, trainergen: Run, tmp_path: Path, form: str) -> None:
    made = tmp_path / "made"
    code = Code(made)
    name = "batch.npz" if form == "objects in .npz" else "batch.pt"
    content = {
        "bare pickle": lambda: pickle.dumps({"x": code}),
        "torch.save": lambda: saved({"x": torch.ones(8, 4), "y": code}),
        "objects in .npz": lambda: archived(x=np.array([code, code], dtype=object)),
    }[form]()
    says = (f"{name} holds pickled", f"--> {name}", "trainergen never runs a pickle", "--batch module:name")
    refuse(project, trainergen, 2, says, "--batch", name, files={"model.py": model(), name: content})
    assert not made.exists()
    pickle.loads(pickle.dumps(code))
    assert made.exists()  # it would have shown


TWO = model().replace("x: torch.Tensor)", "x: torch.Tensor, mask: torch.Tensor)")
NORM = model().replace("nn.Linear(4, 3)", "nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3))")
# case -> model, arguments, exit code, what the answer says
FORMS: dict[str, tuple[str, tuple[str, ...], int, tuple[str, ...]]] = {
    "no such file": (model(), ("--batch", "nosuch.pt"), 2, ("no such batch file: nosuch.pt", "looked for")),
    "no such object": (model(), ("--batch", "model:nett"), 2, ("model has no nett", "did you mean Net?")),
    "no batch at all": (model(), ("--batch", ""), 2, ("--batch", "= help: ")),
    "a grammar that is none": (
        model(),
        ("--batch", "x: flaot32[8,4]; y: int64[8]"),
        2,
        ("can't be read", "column 4", "did you mean float32?"),
    ),
    "wrong keys": (
        TWO,
        ("--batch", "x: float32[8,4]; label: int64[8] < 3"),
        2,
        ("the batch has keys x, label; forward needs mask", "--> --batch", "known: x, label"),
    ),
    "a misspelt target": (
        model(),
        ("--batch", "x: float32[8,4]; label: int64[8] < 3", "--target", "lable"),
        2,
        ("the batch has no lable", "did you mean label?"),
    ),
    "a wrong size": (
        model(),
        ("--batch", "(float32[8,7], int64[8] < 3)"),
        5,
        ("shapes cannot be multiplied", "--> model.py:20 in Net.forward", "has the batch the sizes"),
    ),
    "one sample and BatchNorm": (
        NORM,
        ("--batch", "(float32[1,4], int64[1] < 3)"),
        5,
        ("Expected more than 1 value per channel", "--> model.py:20", "BatchNorm needs at least two samples"),
    ),
    "zero samples": (
        model(),
        ("--batch", "(float32[0,4], int64[0] < 3)"),
        2,
        ("without samples", "--> --batch, column 10", "at least one sample"),
    ),
    "a target out of range": (
        model(),
        ("--batch", "(float32[8,4], int64[8] in [3,9))"),
        5,
        ("the target holds", "the output has 3 classes (0 to 2)", "--> --batch", "--target"),
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_a_batch_that_does_not_fit(project: Path, trainergen: Run, case: str) -> None:
    text, arguments, code, says = FORMS[case]
    refuse(project, trainergen, code, says, *arguments, files={"model.py": text})


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("raise RuntimeError('no data here')", 5, ("RuntimeError: no data here", "--> data.py:5 in build")),
        ("return []", 2, ("data:build() gives no batch", "check the path and the split")),
        ("return 3", 2, ("data:build() is int", "return a DataLoader")),
    ],
)
def test_a_loader_that_gives_nothing(
    project: Path, trainergen: Run, body: str, code: int, says: tuple[str, ...]
) -> None:
    files = {"model.py": model(), "data.py": f"import torch\n\n\ndef build():\n    {body}\n"}
    refuse(project, trainergen, code, says, "--loader", "data:build", files=files)


def test_a_good_file_is_read(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": model(), "batch.pt": GOOD})
    before = read_tree(project)
    answer = trainergen(*command("--batch", "batch.pt", "--dry-run"))
    assert answer.exit == 0, answer.stdout
    assert "file batch.pt" in answer.stdout
    assert read_tree(project) == before
