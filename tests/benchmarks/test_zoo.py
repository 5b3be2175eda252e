"""The benchmark of the search: what it hands to ``new``, what it makes of the answer, what it finds left behind."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@dataclass
class Benchmark:
    """Its files as modules, beside one another as when it is run."""

    zoo: ModuleType
    rows: ModuleType
    judge: ModuleType
    trial: ModuleType
    tables: ModuleType


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return Benchmark(*(import_module(name) for name in ("zoo", "zoo_rows", "zoo_judge", "zoo_trial", "zoo_tables")))


def row(bench: Benchmark, **data: Any) -> Any:
    base = {"id": "nets:Net", "package": "nets", "module": "nets", "cls": "Net", "init_kwargs": {}, "half": "open"}
    return bench.rows.Row("zoo", base | {"inputs": {}, "objective": None, "needs": []} | data)


def leaf(dtype: str, *dims: int | str, source: str = "assumed") -> dict[str, Any]:
    return {"dtype": dtype, "dims": list(dims), "sizes": [2] * len(dims), "source": source}


def mapping(**entries: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "mapping", "entries": [[name, node] for name, node in entries.items()], "type_name": None}


def test_literal_arguments_are_typed_as_options_that_read_back_as_they_were(bench: Benchmark, tmp_path: Path) -> None:
    values = {"sizes": {"$tuple": [4, {"$tuple": [8]}]}, "act": "relu", "n": None, "digits": "12", "p": [0.5, True]}
    words = bench.rows.lay_out(row(bench, init_kwargs=values), "arguments", tmp_path)
    assert words[:2] == ["--model", "nets:Net"] and set(words[2::2]) == {"--model-arg"}
    said = dict(word.split("=", 1) for word in words[3::2])
    assert {name: ast.literal_eval(text) for name, text in said.items()} == {
        "sizes": (4, (8,)),
        "act": "relu",
        "n": None,
        "digits": "12",
        "p": [0.5, True],
    }


def test_an_argument_that_is_no_literal_is_made_by_a_factory(bench: Benchmark, tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(
        "class Config:\n    def __init__(self, n, m=1):\n        self.n, self.m = n, m\n\n\n"
        "class Net:\n    def __init__(self, config, space, kind):\n        self.seen = (config.n, config.m, space.a, kind)\n"
    )
    new = {"$new": "nets:Config", "args": [3], "kw": {"m": {"$tuple": [1, 2]}}}
    arguments = {"config": new, "space": {"$ns": {"a": [5]}}, "kind": {"$ref": "nets:Config"}}
    words = bench.rows.lay_out(row(bench, init_kwargs=arguments), "arguments", tmp_path)
    assert words == ["--model", "nets:Net", "--factory", "factory:build"]
    script = "import factory; print(factory.build().seen)"
    output = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert output.stdout == "(3, (1, 2), [5], <class 'nets.Config'>)\n"
    assert bench.rows.lay_out(row(bench, init_kwargs=arguments), "name", tmp_path) == ["--model", "nets:Net"]


INPUTS = {"x": {"shape": [2, 3, 8, 8], "dtype": "float32"}, "t": {"shape": [2], "dtype": "int64", "low": 0, "high": 9}}


@pytest.mark.parametrize(
    ("root", "differs", "confident", "missing"),
    [
        (mapping(x=leaf("float32", "batch", 3, 8, 8), t=leaf("int32", "batch")), [], [], []),
        (mapping(x=leaf("float32", "batch", 3, 8), t=leaf("int64", "batch")), ["x"], [], []),
        (mapping(x=leaf("float32", "batch", 3, 8, 8), t=leaf("float32", "batch", source="given")), ["t"], ["t"], []),
        (mapping(x=leaf("float32", "batch", 3, 8, 8), label=leaf("int64", "batch")), [], [], ["t"]),
    ],
)
def test_an_input_is_judged_by_kind_and_rank(
    bench: Benchmark, root: dict[str, Any], differs: list[str], confident: list[str], missing: list[str]
) -> None:
    compare = bench.judge.compare
    found = compare(row(bench, inputs=INPUTS), {"root": root})
    assert [text.partition(":")[0] for text in found["differs"]] == differs
    assert [text.partition(":")[0] for text in found["confident"]] == confident
    assert found["missing"] == missing


def test_a_bare_tensor_and_a_dict_that_is_the_whole_batch_are_found(bench: Benchmark) -> None:
    compare = bench.judge.compare
    image = {"shape": [2, 3, 8, 8], "dtype": "float32"}
    assert compare(row(bench, inputs={"x": image}), {"root": leaf("float32", "batch", 3, 8, 8)})["compared"] == 1
    whole = row(bench, inputs={"sample": {"image": image, "age": {"shape": [2], "dtype": "float32"}}})
    found = compare(whole, {"root": mapping(age=leaf("float32", "batch"), image=leaf("float32", "batch", 3, 8))})
    assert found["compared"] == 2 and len(found["differs"]) == 1


@pytest.mark.parametrize(
    ("task", "target", "family"),
    [
        ("multi-class", leaf("int64", "batch"), "multi-class"),
        ("multi-class", leaf("int64", "batch", "length"), "token-classification"),
        ("multi-class", leaf("int64", "batch", "height", "width"), "segmentation"),
        ("binary", leaf("float32", "batch", 1), "binary"),
        ("binary", leaf("float32", "batch", 1, "height", "width"), "segmentation"),
        ("noise-prediction", leaf("float32", "batch", 3, 8, 8), "diffusion"),
    ],
)
def test_a_family_is_named_in_the_rows_words(bench: Benchmark, task: str, target: dict[str, Any], family: str) -> None:
    answer = {"batch": {"root": mapping(x=leaf("float32", "batch", 3), target=target)}}
    inputs = {"x": {"shape": [2, 3], "dtype": "float32"}}
    assert bench.judge.family(task, row(bench, inputs=inputs), answer) == family


COMMAND = """#!{python}
import json, os, pathlib, subprocess, sys
pathlib.Path("trainer.py").write_text("told")
pathlib.Path("stray.py").write_text("not told")
pathlib.Path(os.environ["HOME"], ".cache").mkdir()
pathlib.Path(os.environ["TMPDIR"], "x").write_text("")
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(json.dumps({{"result": {{"files": [{{"path": "trainer.py"}}], "proof": {{"proven": True}},
    "search": {{"seconds": 0.25, "tries": 7, "constructions": 2}}, "objective": {{"task": "multi-class"}},
    "batch": {{"root": {{"dtype": "float32", "dims": ["batch", 3], "sizes": [2, 3], "source": "assumed"}}}}}}}}))
"""


def test_what_a_command_leaves_behind_is_found_and_its_processes_are_ended(
    bench: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "command"
    command.write_text(COMMAND.format(python=sys.executable))
    command.chmod(0o755)
    monkeypatch.setattr(bench.trial, "GRACE", 0.1)
    home = tmp_path / "home"
    home.mkdir()
    (home / "notes").write_text("there before")
    each = row(bench, inputs={"x": {"shape": [2, 3], "dtype": "float32"}}, objective=["multi-class"])
    line = bench.trial.tried(each, "name", bench.trial.Setting(str(command), home, limit=60.0))
    assert line["exit"] == 0
    assert line["left"]["tree"] == ["stray.py"]
    assert line["left"]["files"] == ["home/.cache", "temporary/x"]
    assert len(line["left"]["processes"]) == 1 and "sleep" in line["left"]["processes"][0]
    worth = bench.judge.judge(each, line["exit"], line["answer"])
    assert worth["proven"] and worth["family_right"] and worth["search"]["tries"] == 7
    figures = bench.tables.report([line | worth])["zoo open name"]
    assert figures["summary"]["proven"] == 100 and figures["summary"]["left"]["processes"] == ["nets:Net"]
    assert "| nets | 1 | 100 | 100 | 0 |" in bench.tables.text({"zoo open name": figures})


def test_a_command_over_the_limit_is_ended_and_is_no_proof(bench: Benchmark, tmp_path: Path) -> None:
    command = tmp_path / "command"
    command.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
    command.chmod(0o755)
    line = bench.trial.tried(row(bench), "name", bench.trial.Setting(str(command), limit=0.5))
    assert line["exit"] is None and line["left"]["processes"] == []
    worth = bench.judge.judge(row(bench), line["exit"], line["answer"])
    assert worth["cause"] == "over the time limit" and not worth["proven"]


def test_tries_of_an_interrupted_run_are_taken_up(bench: Benchmark, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text(json.dumps({"set": "zoo", "id": "a:B", "mode": "name"}) + '\n{"set": "zoo", "id": "a:C", "mo')
    assert list(bench.zoo.finished(results)) == [("zoo", "a:B", "name")]


def test_rows_set_aside_stand_in_their_files_each_with_its_source(bench: Benchmark) -> None:
    own = bench.rows.rows("own", "both")
    assert {each.source.stem for each in own if each.source} == {
        file.stem for file in (BENCHMARKS / "unseen" / "own").glob("*.py")
    }
    for each in (*own, *bench.rows.rows("registry", "both")):
        assert each.data["output"] and each.data["params"] and each.data["inputs"]
