"""Renders the default project: configuration, registry, command line, tool settings, a smoke test."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from ..inspection.project_facts import ProjectFacts
from ..resources import resource_folder
from .engine import Engine
from .formatting import format_python
from .rendered import Rendered
from .vendoring import vendored_runtime
from .words import filters

RUFF_LESS = (
    "ANN401",  # a batch may be anything
    "ARG003",  # the contract passes config whether it is needed or not
    "COM812",  # the formatter's business
    "CPY001",  # no licence header in your files
    "D203",  # against D211
    "D213",  # against D212
    "FBT",  # settings are booleans
    "INP001",  # train.py is a script
    "ISC001",  # the formatter's business
    "PLC0415",  # --list imports nothing heavy
    "PLR0913",  # the base's constructor
    "S101",  # pytest asserts
    "TC001",  # annotations of settings are read when the program runs
    "TC002",
    "TC003",
    "TID252",  # a package below --package may be renamed
)
"""Rules of ruff ALL that generated files do not follow, and why."""

BELOW_PACKAGE = ("config", "train", "config.ini", "dataloader")
"""What of the project goes below ``--package``."""


def render_scaffold(
    project: ProjectFacts, *, vendored: bool = False, family: str = "torch", overrides: Path | None = None
) -> dict[str, Rendered]:
    """The files of the default project that are not there yet, by path.

    Files that exist are left alone, also where they are not as the scaffold would have them.

    Args:
        project: where, below which package, with which formatter.
        vendored: carry the runtime's source in ``train/_runtime``, and log through `logging`.
        family: whose scaffold.
        overrides: the team's own folder of templates.

    Raises:
        UnusableInput: a template of the team's is broken.
    """
    root = Path(project.root)
    engine = Engine(overrides, root)
    engine.environment.filters.update(filters(project.formatter.line_length))
    variables = _variables(project, vendored)
    files: dict[str, Rendered] = {}
    for template, path in scaffold_paths(project, vendored=vendored, family=family):
        if (root / path).exists():
            continue
        rendered = engine.render(template, variables)
        if path.endswith(".py"):
            rendered = format_python(
                rendered,
                path,
                root=root,
                formatter=project.formatter,
                first_party={project.train_module.partition(".")[0], project.config_module.partition(".")[0]},
                engine=engine,
            )
        files[path] = rendered
    if vendored:
        base = PurePosixPath(project.package) / "train" / "_runtime"
        files |= {path: text for path, text in vendored_runtime(str(base)).items() if not (root / path).exists()}
    return dict(sorted(files.items()))


def scaffold_paths(project: ProjectFacts, *, vendored: bool = False, family: str = "torch") -> list[tuple[str, str]]:
    """Template name and path of every file of the default project, also of those that exist."""
    folder = resource_folder("templates") / family / "project"
    found: list[tuple[str, str]] = []
    for file in sorted(folder.rglob("*.j2")):
        name = file.relative_to(folder).as_posix()
        path = _place(name.removesuffix(".j2"), project, vendored=vendored)
        if path is not None:
            found.append((f"{family}/project/{name}", path))
    return found


def _place(path: str, project: ProjectFacts, *, vendored: bool) -> str | None:
    """Where a file of the scaffold goes in this project, None where it does not belong."""
    head = path.partition("/")[0]
    if head == "dataloader" or (vendored and head in ("beautilog.ini", "logs")):
        return None
    if head == "package":
        return f"{project.package}/{path.partition('/')[2]}" if project.package else None
    if path == "train.py":
        return None if project.package else path
    return f"{project.package}/{path}" if project.package and head in BELOW_PACKAGE else path


def _variables(project: ProjectFacts, vendored: bool) -> dict[str, Any]:
    package = project.package
    inside = "._runtime" if vendored else "trainergen.runtime"
    from_config = ("..train._runtime" if package else "train._runtime") if vendored else "trainergen.runtime"
    return {
        "package": package,
        "prefix": f"{package}/" if package else "",
        "vendored": vendored,
        "command": f"python -m {package}" if package else "python train.py",
        "title": Path(project.root).name or "Training",
        "runtime_from_train": inside,
        "runtime_from_config": from_config,
        "train_module": project.train_module,
        "depth": 2 if package else 1,
        "formatter": project.formatter,
        "has_ruff_file": any(name in project.files for name in ("ruff.toml", ".ruff.toml")),
        "ruff_less": RUFF_LESS,
        "typed": [package] if package else ["config", "train"],
        "checked": f"{package}/|tests/" if package else r"config/|train/|tests/|train\.py$",
    }
