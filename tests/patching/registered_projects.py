"""Small projects with trainers, a trainer registered in them, and the lookup really run in a process of its own."""

from __future__ import annotations

import ast
import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from trainergen.patching.joining import Entry, Registration, Sibling
from trainergen.patching.project_code import module_name
from trainergen.patching.registration import find_registries, register
from trainergen.staging.hunks import take_out

ROOT = Path(__file__).resolve().parents[2]
BASE = "class BaseTrainer:\n    def __init__(self, config=None):\n        self.config = config\n"
ENTRY = Entry(
    snake="wine_net",
    class_name="WineNetTrainer",
    module="trainers.wine_net_trainer",
    file="trainers/wine_net_trainer.py",
    base="BaseTrainer",
)

LOOK = """
import json, sys
sys.path[:0] = {paths!r}
sys.dont_write_bytecode = True
import importlib.util
spec = importlib.util.spec_from_file_location("registered", {registered!r})
registered = importlib.util.module_from_spec(spec)
spec.loader.exec_module(registered)
answers = []
for lookup in json.loads(sys.stdin.read()):
    listed = registered.listed(lookup)
    try:
        found = registered.find(lookup)
    except LookupError as problem:
        answers.append([None, listed])
        continue
    kind = found if isinstance(found, type) else type(found)
    answers.append([kind.__module__ + ":" + kind.__name__, listed])
print(json.dumps(answers))
"""


def trainer(name: str, *, base: str = "from .base import BaseTrainer", above: str = "", body: str = "pass") -> str:
    """The text of a sibling's module."""
    return f"{base}\n\n\n{above}class {name}(BaseTrainer):\n    {body}\n"


def siblings_of(files: Mapping[str, bytes], roots: tuple[str, ...] = ("",)) -> tuple[Sibling, ...]:
    """Every class of the project that inherits from BaseTrainer."""
    found = []
    for path in sorted(files):
        if path.endswith(".py"):
            for node in ast.walk(ast.parse(files[path])):
                if isinstance(node, ast.ClassDef) and any("BaseTrainer" in ast.unparse(base) for base in node.bases):
                    found.append(Sibling(node.name, module_name(path, roots), path))
    return tuple(found)


def as_bytes(project: Mapping[str, str | bytes]) -> dict[str, bytes]:
    return {path: text if isinstance(text, bytes) else text.encode() for path, text in project.items()}


def joined(
    project: Mapping[str, str | bytes], entry: Entry = ENTRY, *, width: int = 88, quote: str = '"'
) -> tuple[Registration, dict[str, bytes]]:
    """The registration of `entry`, and the project with it; every edit is shown to be insertions alone."""
    files = as_bytes(project)
    roots = ("src", "") if any(path.startswith("src/") for path in files) else ("",)
    siblings = siblings_of(files, roots)
    registries = find_registries(files.__getitem__, sorted(files), siblings, roots)
    done = register(registries, entry, files.__getitem__, siblings, width=width, quote=quote)
    after = dict(files)
    for path, edit in done.edits.items():
        assert edit.before == files[path]
        assert edit.after != edit.before
        assert take_out(edit.after, edit.spans) == edit.before
        after[path] = edit.after
    after[entry.file] = written(done, entry, files, roots).encode()
    return done, after


def written(done: Registration, entry: Entry, files: Mapping[str, bytes], roots: tuple[str, ...]) -> str:
    """A new trainer as small as can be, with what the registration asks of its file."""
    home = next(path for path in sorted(files) if path.endswith(".py") and b"class BaseTrainer" in files[path])
    lines = [f"from {module_name(home, roots)} import BaseTrainer"]
    if done.decorator_import:
        lines.append(f"from {done.decorator_import[0]} import {done.decorator_import[1]}")
    keywords = f", {done.class_keywords}" if done.class_keywords else ""
    lines += ["", "", *filter(None, [done.decorator]), f"class {entry.class_name}(BaseTrainer{keywords}):"]
    lines += [f"    {done.class_attribute or 'pass'}"]
    if done.statement:
        lines += ["", "", done.statement]
    return "\n".join(lines) + "\n"


def write(files: Mapping[str, bytes], folder: Path) -> None:
    for path, data in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def look(folder: Path, *lookups: Mapping[str, object]) -> list[list[object]]:
    """What `lab/registered.py` finds in a project on disk: ``module:Class`` and what is listed, for each lookup."""
    program = LOOK.format(
        paths=[str(folder), str(folder / "src")], registered=str(ROOT / "trainergen/lab/registered.py")
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(lookups), capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    answers: list[list[object]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def proven(
    project: Mapping[str, str | bytes], folder: Path, entry: Entry = ENTRY, *, width: int = 88, key: str = ""
) -> tuple[Registration, dict[str, str]]:
    """Register, write, look up in a process of its own: the new trainer is found, and the old ones as before."""
    done, after = joined(project, entry, width=width)
    if key:
        assert done.key == key
    found_in(as_bytes(project), after, done, folder, entry)
    return done, {path: data.decode("utf-8", "replace") for path, data in after.items()}


def found_in(
    before: Mapping[str, bytes], after: Mapping[str, bytes], done: Registration, folder: Path, entry: Entry = ENTRY
) -> None:
    """The lookup run on the project as it was and as it is: what was listed still is, and the new trainer is found."""
    write(before, folder / "before")
    write(after, folder / "after")
    if done.lookup is not None:
        lookup = dataclasses.asdict(done.lookup)
        now = look(folder / "after", lookup)[0]
        assert now[0] == f"{entry.module}:{entry.class_name}", now
        if entry.module not in (done.lookup.module, *done.lookup.needs):
            earlier = look(folder / "before", lookup)[0]
            assert earlier[0] is None or earlier[0] != now[0], earlier
            was, listed = earlier[1], now[1]
            assert isinstance(was, list) and isinstance(listed, list), earlier
            assert [each for each in listed if each in was] == was
    # Importing the new module before anything else works as well
    after_path = folder / "after"
    program = f"import sys; sys.path[:0] = {[str(after_path), str(after_path / 'src')]!r}; import {entry.module}"
    alone = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, cwd=after_path)
    assert alone.returncode == 0, alone.stderr
