"""Copies the runtime's source for projects that want no dependency (``--vendor``)."""

from __future__ import annotations

from .. import __version__
from ..resources import runtime_folder
from .rendered import Rendered

NOTICE = f"""\
# Copied from trainergen {__version__}, trainergen/runtime, by `trainergen --vendor`: https://pypi.org/project/trainergen/
# Copyright the trainergen authors. Licensed under the Apache License, Version 2.0:
# http://www.apache.org/licenses/LICENSE-2.0. You may change it; say so here if you do.
# It keeps the style that it was written in:
# ruff: noqa: PGH004
# ruff: noqa
# fmt: off
"""


def vendored_runtime(folder: str) -> dict[str, Rendered]:
    """The runtime's files below `folder`, each as it is with the notice in front of it; the probes are left out."""
    source = runtime_folder()
    files: dict[str, Rendered] = {}
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source)
        if relative.parts[0] != "probes":
            files[f"{folder}/{relative.as_posix()}"] = Rendered(NOTICE + path.read_text(encoding="utf-8"))
    files[f"{folder}/py.typed"] = Rendered("")
    return files
