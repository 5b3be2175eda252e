"""Which interpreter the lab runs in: the user's, found in a fixed order, with the reason for the choice."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Called before anything else is imported.
# ruff: noqa: PTH100, PTH109, PTH111, PTH112, PTH113, PTH118, PTH119


def choose(
    option: str | None,
    setting: str | None,
    project_root: str | os.PathLike[str],
    environment: Mapping[str, str] | None = None,
) -> tuple[str, str]:
    """The interpreter's path and why it was chosen.

    In this order: ``--python``; ``[tool.trainergen] python``; ``$VIRTUAL_ENV``, ``$CONDA_PREFIX`` (neither when it is
    the environment that trainergen itself runs in: a pre-commit hook sets it so); the project's ``.venv``; our own.

    Args:
        option: of the command line: a path, relative to the cwd, of an interpreter or of an environment's folder; or a
            command on PATH.
        setting: of pyproject.toml: the same, relative to `project_root`.
        project_root: the project's root.
        environment: in place of ``os.environ``.

    Raises:
        UnusableInput: what `option` or `setting` names is no interpreter.
    """
    variables = os.environ if environment is None else environment
    root = os.fspath(project_root)
    if option:
        return _named(option, os.getcwd(), "--python", variables), "--python"
    if setting:
        return (
            _named(setting, root, "[tool.trainergen] python", variables),
            "[tool.trainergen] python in pyproject.toml",
        )
    own = os.path.realpath(sys.prefix)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        prefix = variables.get(name)
        if prefix and os.path.realpath(prefix) != own and (found := in_environment(prefix)):
            return found, f"${name}"
    found = in_environment(os.path.join(root, ".venv"))
    if found:
        return found, "the project's .venv"
    return sys.executable, "the interpreter that trainergen runs in"


def in_environment(prefix: str) -> str | None:
    """The interpreter of the environment at `prefix`; its path is not resolved, or it would be the base's."""
    for parts in (("bin", "python"), ("bin", "python3"), ("Scripts", "python.exe"), ("python.exe",)):
        path = os.path.join(os.path.abspath(prefix), *parts)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def _named(text: str, base: str, where: str, variables: Mapping[str, str]) -> str:
    path = os.path.normpath(os.path.join(base, os.path.expanduser(text)))
    if os.path.isdir(path) and (found := in_environment(path)):
        return found
    if os.path.isfile(path) and os.access(path, os.X_OK):
        return path
    if os.path.basename(text) == text:  # python3.12: as a shell would find it
        for folder in variables.get("PATH", "").split(os.pathsep):
            found = os.path.join(folder, text)
            if folder and os.path.isfile(found) and os.access(found, os.X_OK):
                return found
    from ..errors import UnusableInput

    raise UnusableInput(
        f"{where}: {text} is no Python interpreter",
        hint="give the path of an interpreter (.venv/bin/python) or of an environment's folder",
    )
