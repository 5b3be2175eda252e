"""Where the code of a project is looked for by its import names."""

from __future__ import annotations

from trainergen.patching.joining import Sibling
from trainergen.patching.project_code import ProjectCode


def test_a_package_hides_the_module_of_its_name() -> None:
    files = {
        "train.py": b"import train\n",
        "train/__init__.py": b"from . import wine\n",
        "train/wine.py": b"class W: ...\n",
    }
    code = ProjectCode(files.__getitem__, tuple(files), (Sibling("W", "train.wine", "train/wine.py"),), ("",))
    found = code.of_module("train")
    assert found is not None and found.path == "train/__init__.py"
