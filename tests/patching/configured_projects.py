"""Small projects as dict literals, given a new trainer's settings, loaded by their own loaders in a process of their own."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trainergen.patching.configuration import ConfigPlace, Configuration, Field, configure, find_config, rewrite
from trainergen.patching.joining import Entry, Sibling
from trainergen.staging.hunks import take_out

ENTRY = Entry("digits_net", "DigitsNetTrainer", "train.digits_net_trainer", "train/digits_net_trainer.py")
FIELDS = (
    Field("learning_rate", "1e-05", "float", "Step size of the optimizer"),
    Field("num_epochs", "7", "int", "Passes over the data"),
    Field("batch_size", "16", "int", "Samples a step"),
    Field("shuffle", "True", "bool", "Draw the samples in a new order each epoch"),
    Field("model_hidden_size", "64", "int", "Width of the hidden layer"),
    Field("model_save_directory", "'runs/digits'", "str", "Where weights are saved"),
)
OTHER = {
    "float": 0.123,
    "int": 12345,
    "bool": False,
    "str": "elsewhere/it",
    "tuple[int, ...]": [9, 9],
    "float | None": 0.5,
    "int | None": 3,
}

PROGRAM = """
import json, sys
sys.path[:0] = json.loads(sys.argv[2])
from trainergen.lab.configured import Loading, agrees, load, reach, settings
task = json.loads(sys.argv[1])
config = load(Loading(**task["load"]))
found = settings(config, task["access"], task["roots"])
print(json.dumps({
    name: [each.text, each.kind, agrees(reach(config, task["access"][name], task["roots"]), task["expected"][name])]
    for name, each in found.items()
}))
"""


@dataclass(frozen=True)
class Moved:
    """A project with the new trainer's settings in it."""

    place: ConfigPlace
    configuration: Configuration
    files: dict[str, bytes]
    values: dict[str, str]


def sibling(name: str, file: str) -> Sibling:
    return Sibling(name, file.removesuffix(".py").replace("/", "."), file)


def as_bytes(files: Mapping[str, str | bytes]) -> dict[str, bytes]:
    return {path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()}


def move_in(
    files: Mapping[str, str | bytes],
    siblings: Sequence[Sibling],
    *,
    base: str = "train/base.py",
    entry: Entry = ENTRY,
    fields: Sequence[Field] = FIELDS,
    style: str = "",
) -> Moved:
    """Find the place, add the settings; every edit must be an insertion."""
    before = as_bytes(files)

    def read(path: str) -> bytes:
        if path not in before:
            raise FileNotFoundError(path)
        return before[path]

    place = find_config(read, sorted(before), siblings, base, style=style)
    result = configure(place, fields, entry, read, width=100, quote='"', files=sorted(before))
    after = dict(before)
    for path, edit in result.edits.items():
        assert edit.before == before[path]
        assert take_out(edit.after, edit.spans) == before[path]
        after[path] = edit.after
    for path, text in result.created.items():
        assert path not in before
        after[path] = text.encode()
    return Moved(place, result, after, {each.name: each.value for each in fields})


def read_back(
    moved: Moved, folder: Path, files: Mapping[str, bytes], expected: Mapping[str, str]
) -> dict[str, list[object]]:
    """What the project's own loader gives: setting -> text, type, whether it is the expected one."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    assert moved.configuration.load is not None
    task = {
        "load": asdict(moved.configuration.load),
        "access": {name: text for name, text in moved.configuration.access.items() if name in expected},
        "roots": moved.configuration.roots,
        "expected": expected,
    }
    roots = [str(folder), str(folder / "src")]
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM, json.dumps(task), json.dumps(roots)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[object]] = json.loads(done.stdout.splitlines()[-1])
    return found


def holds(moved: Moved, folder: Path) -> None:
    """The defaults are what the plan says, and other values written to the slots are what the project reads then."""
    expected = {**moved.values, **moved.configuration.shared}
    annotations = {each.name: each.annotation for each in FIELDS}
    found = read_back(moved, folder / "one", moved.files, expected)
    assert {name for name, each in found.items() if not each[2]} == set(), found
    files = dict(moved.files)
    changed = {}
    for name, slot in moved.configuration.slots.items():
        value = OTHER[annotations.get(name, type(ast.literal_eval(expected[name])).__name__)]
        files[slot.path] = rewrite(moved.configuration, name, value, files[slot.path])
        changed[name] = repr(value)
    again = read_back(moved, folder / "two", files, {**expected, **changed})
    assert {name for name, each in again.items() if not each[2]} == set(), again
    assert any(found[name][0] != again[name][0] for name in changed) or not changed
