"""Every folder of registry_patches is an example that is run: registered, compared, executed, and refused a second time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.patching.registered_projects import ENTRY, found_in, joined, siblings_of
from trainergen.errors import Conflict
from trainergen.patching.joining import Entry
from trainergen.patching.registration import find_registries, register, styles
from trainergen.resources import resource_folder

FOLDER = resource_folder("registry_patches")
EXAMPLES = sorted(path.name for path in FOLDER.iterdir() if (path / "before").is_dir())
CONFIGURED = replace(ENTRY, config="trainers.configs:WineNetConfig")


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_every_style_has_an_example() -> None:
    assert set(EXAMPLES) == {*styles(), "none"}


@pytest.mark.parametrize("style", EXAMPLES)
def test_the_example_of_a_style(style: str, tmp_path: Path) -> None:
    before = tree(FOLDER / style / "before")
    entry = CONFIGURED if "trainers/configs.py" in before else ENTRY
    done, after = joined(before, entry)
    assert after == tree(FOLDER / style / "after")
    found_in(before, after, done, tmp_path, entry)
    assert (done.lookup is None) == (style == "none")
    siblings = siblings_of(before)
    registries = find_registries(before.__getitem__, sorted(before), siblings, ("",))
    assert {each.style for each in registries} == ({"mapping", style} if style == "paired" else {style} - {"none"})
    if style != "none":  # a second time it is taken
        again = register_again(after, entry)
        assert again.hint and "--name" in again.hint


def register_again(files: dict[str, bytes], entry: Entry) -> Conflict:
    siblings = siblings_of(files)
    registries = find_registries(files.__getitem__, sorted(files), siblings, ("",))
    with pytest.raises(Conflict) as caught:
        register(registries, entry, files.__getitem__, siblings, width=88, quote='"')
    return caught.value
