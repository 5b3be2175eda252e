"""`trainergen export`: files that give what the model gives, or none at all."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import resource
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.building import read_tree
from tests.cli.test_new import Run, schema
from trainergen.errors import Conflict, MachineRefused
from trainergen.export.exporting import format_names
from trainergen.export.placing import place

has_onnx = importlib.util.find_spec("onnx") is not None and importlib.util.find_spec("onnxscript") is not None


def exported(trainergen: Run, run: str, to: str, *arguments: str) -> dict[str, Any]:
    answer = trainergen("export", run, "--to", to, *arguments, "--json")
    assert answer.exit == 0, answer.stdout
    jsonschema.validate(answer.data, schema("export"))
    result: dict[str, Any] = answer.data["result"]
    assert all(case["within"] for case in result["parity"]) and len(result["parity"]) >= 2
    assert hashlib.sha256(Path(result["file"]).read_bytes()).hexdigest() == result["sha256"]
    return result


def safetensors_metadata(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    loaded: dict[str, Any] = json.loads(header["__metadata__"]["trainergen"])
    return loaded


def test_weights_are_written_with_where_they_come_from(trained: Path, trainergen: Run) -> None:
    result = exported(trainergen, "points", "safetensors")
    assert Path(result["file"]) == trained / "saved_models/runs/points/exports/points-best.safetensors"
    assert all(case["equal_bits"] for case in result["parity"])
    assert [case["samples"] for case in result["parity"]] == [16, 9, 1]
    assert result["inputs"] == [{"name": "points", "dtype": "float32", "shape": ["batch", 2]}]
    manifest = json.loads(Path("saved_models/runs/points/manifest.json").read_text())
    inside = safetensors_metadata(Path(result["file"]))
    assert inside["trainer"] == "trainers:PointsTrainer" and inside["model"] == "Points"
    assert inside["run_id"] == manifest["run_id"] and inside["config"] == manifest["config"]
    assert inside["inputs"] == result["inputs"]
    record = json.loads(Path("saved_models/runs/points/history.jsonl").read_text().splitlines()[inside["epoch"] - 1])
    assert inside["metrics"] == {"train": record["train"], "validation": record["validation"]}
    kept = Path(result["file"]).read_bytes()
    again = trainergen("export", "points", "--to", "safetensors")
    assert again.exit == 3 and "is there already" in again.stdout
    assert Path(result["file"]).read_bytes() == kept


def test_what_gives_something_else_is_not_written(trained: Path, trainergen: Run) -> None:
    before = read_tree(Path("saved_models"))
    answer = trainergen("export", "unsteady", "--to", "safetensors", "--output", "out/model.safetensors", "--json")
    assert answer.exit == 1
    jsonschema.validate(answer.data, schema("export"))
    assert answer.data["result"]["file"] is None
    assert all(case["max_abs"] > 1e-5 and not case["within"] for case in answer.data["result"]["parity"])
    assert not Path("out").exists() and read_tree(Path("saved_models")) == before
    lenient = exported(trainergen, "unsteady", "safetensors", "--output", "out/model.safetensors", "--tolerance", "10")
    assert lenient["tolerance"] == 10 and Path("out/model.safetensors").is_file()


@pytest.mark.skipif(has_onnx, reason="they are installed")
def test_a_missing_package_is_named_with_the_line_that_installs_it(trained: Path, trainergen: Run) -> None:
    answer = trainergen("export", "points", "--to", "onnx")
    assert answer.exit == 4
    assert "-m pip install onnx onnxscript" in answer.stdout and 'pip install "trainergen[export]"' in answer.stdout


def test_a_file_is_put_in_place_whole_or_not_at_all(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"0123456789")
    digest = hashlib.sha256(b"0123456789").hexdigest()
    folder = tmp_path / "out"
    with pytest.raises(MachineRefused, match="other bytes"):
        place(source, folder / "a", "0" * 64)
    assert list(folder.iterdir()) == []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, hard))
    try:
        with pytest.raises(MachineRefused, match="too large"):
            place(source, folder / "a", digest)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert list(folder.iterdir()) == []
    place(source, folder / "a", digest)
    with pytest.raises(Conflict):
        place(source, folder / "a", digest)
    assert [path.name for path in folder.iterdir()] == ["a"]


# ------------------------------------------------------------------------------------------ every format, every model

GRAPHS = [
    "torch-export",
    "torchscript",
    pytest.param("onnx", marks=pytest.mark.skipif(not has_onnx, reason="onnx and onnxscript are not installed")),
]


def test_the_main_process_loads_neither_torch_nor_a_format() -> None:
    program = (
        "import sys, trainergen.cli.export, trainergen.cli.evaluate, trainergen.evaluating, trainergen.export.exporting; "
        "heavy = {'torch', 'numpy', 'onnx', 'safetensors', 'trainergen.export.formats.onnx'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_formats_are_those_of_the_folder() -> None:
    assert format_names() == ("onnx", "safetensors", "torch-export", "torchscript")


@pytest.mark.slow
@pytest.mark.parametrize("to", GRAPHS)
def test_graphs_take_any_batch_size_of_any_kind_of_input(many: Path, trainergen: Run, to: str) -> None:
    """Integers with a mask and a number; an output of a class of the project's own; and where it is quick, a dict."""
    tokens = exported(trainergen, "tokens", to)
    assert [case["samples"] for case in tokens["parity"]] == [8, 5, 1]
    assert [(each["name"], each["dtype"], each["shape"]) for each in tokens["inputs"]] == [
        ("ids", "int64", ["batch", 6]),
        ("mask", "float32", ["batch", 6]),
    ]
    assert [(each["name"], each["shape"]) for each in tokens["outputs"]] == [
        ("logits", ["batch", 6, 20]),
        ("length", ["batch"]),
    ]
    answering = exported(trainergen, "answering", to)
    assert [each["name"] for each in answering["outputs"]] == ["logits", "spread"]
    others = [] if to == "torch-export" else [exported(trainergen, run, to) for run in ("points", "whole")]
    assert not others or [each["name"] for each in others[1]["inputs"]] == ["batch_left", "batch_right"]
    for result in (tokens, answering, *others):
        assert to == "onnx" or all(case["equal_bits"] for case in result["parity"])


@pytest.mark.slow
@pytest.mark.parametrize("to", GRAPHS)
def test_a_branch_on_values_is_named_by_its_line_and_nothing_is_written(many: Path, trainergen: Run, to: str) -> None:
    line = next(
        number
        for number, text in enumerate(Path("models.py").read_text().splitlines(), 1)
        if "points.sum() > 0" in text
    )
    answer = trainergen("export", "branching", "--to", to)
    assert answer.exit == 5, answer.stdout
    assert f"models.py:{line}" in answer.stdout and "torch.where" in answer.stdout
    assert not Path("saved_models/runs/branching/exports").exists()
    assert exported(trainergen, "branching", "safetensors")["file"]


@pytest.mark.slow
def test_the_files_are_read_by_torch_without_the_project(many: Path, trainergen: Run, tmp_path: Path) -> None:
    exported(trainergen, "tokens", "torch-export", "--output", str(tmp_path / "a.pt2"))
    exported(trainergen, "tokens", "torchscript", "--output", str(tmp_path / "a.ts"))
    program = """
import json, torch
extra = {"trainergen.json": ""}
program = torch.export.load("a.pt2", extra_files=extra)
ids, mask = torch.randint(0, 20, (7, 6)), torch.ones(7, 6)
first = program.module()(ids, mask=mask, scale=2.0)
told = json.loads(extra["trainergen.json"])
extra = {"trainergen.json": ""}
second = torch.jit.load("a.ts", _extra_files=extra)(ids, mask)
assert torch.equal(first["logits"], second["logits"]) and first["logits"].shape == (7, 6, 20)
for each in (told, json.loads(extra["trainergen.json"])):
    assert each["run_name"] == "tokens" and each["trainer"] == "trainers:TokensTrainer"
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=tmp_path, check=True)


@pytest.mark.slow
@pytest.mark.skipif(not has_onnx, reason="onnx and onnxscript are not installed")
def test_onnx_has_the_metadata_and_refuses_what_is_random(many: Path, trainergen: Run) -> None:
    import onnx

    model = onnx.load(exported(trainergen, "tokens", "onnx")["file"])
    told = {each.key: each.value for each in model.metadata_props}
    assert json.loads(told["trainergen"])["run_name"] == "tokens"
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    answer = trainergen("export", "noisy", "--to", "onnx")
    assert answer.exit == 1 and "random numbers in eval mode" in answer.stdout
    assert not Path("saved_models/runs/noisy/exports").exists()
