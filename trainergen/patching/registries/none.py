"""No registry: the trainer is imported directly, and exported where its siblings are; nothing is invented."""

from __future__ import annotations

from pathlib import PurePosixPath

from .. import exports
from ..binding import bindings, bring, defines_base
from ..joining import Entry, Registration
from ..project_code import CodeFile, ProjectCode


def registration(entry: Entry, shown: list[str]) -> Registration:
    """What is said of a trainer that nothing registers: its name, and the packages that export it."""
    said = "nothing registers trainers here" + (f"; exported from {', '.join(shown)}" if shown else "")
    return Registration(entry.class_name, said=said)


def export(code: ProjectCode, entry: Entry, width: int) -> list[str]:
    """Bring the entry into every package that exports its siblings; the modules that do.

    Raises:
        Conflict: such a package binds the name to something else, or computes ``__all__``.
    """
    found = [file for file in packages(code) if exports_siblings(code, file)]
    found = [file for file in found if entry.module.startswith(file.module + ".")]
    found = [file for file in found if bindings(code, file) or not defines_base(file, entry)]
    for file in found:
        bring(code, file.path, entry, width=width)
    return [file.module for file in found]


def packages(code: ProjectCode) -> list[CodeFile]:
    """The ``__init__.py`` of every package above a sibling, the nearest first."""
    modules: set[str] = set()
    for sibling in code.siblings:
        module = sibling.module
        while "." in module:
            module = module.rpartition(".")[0]
            modules.add(module)
    found = [code.of_module(module) for module in sorted(modules, key=lambda each: (-each.count("."), each))]
    return [file for file in found if file is not None and PurePosixPath(file.path).name == "__init__.py"]


def exports_siblings(code: ProjectCode, file: CodeFile) -> bool:
    """Whether a package binds most of its siblings' classes, or names them in ``__all__``."""
    bound = {each.sibling.name for each in bindings(code, file) if not each.whole_module}
    named = {each.name for each in code.siblings} & set(exports.listed(file.source.data, file.path))
    return 2 * len(bound | named) > len(code.siblings)
