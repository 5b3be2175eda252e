"""What the user said, as a record keeps it: JSON that gives the same wishes back, files named from the project's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .plain import from_plain, tagged, to_plain
from .planning.wishes import Wishes


def answers_of(wishes: Wishes) -> dict[str, Any]:
    """What was said, as JSON-able data; a tuple among the values is marked, since JSON knows lists only."""
    said = {key: value for key, value in to_plain(wishes).items() if value not in (None, [], False)}
    for name in ("model_arguments", "optimizer_arguments"):
        if name in said:
            said[name] = [[key, tagged(value)] for key, value in getattr(wishes, name)]
    return said


def wishes_of(answers: Mapping[str, Any]) -> Wishes:
    """The wishes that `answers_of` was given.

    Raises:
        TypeError: the data has another form; the message names the field.
    """
    wishes = from_plain(Wishes, dict(answers))
    return replace(
        wishes,
        model_arguments=tuple((key, _untagged(value)) for key, value in wishes.model_arguments),
        optimizer_arguments=tuple((key, _untagged(value)) for key, value in wishes.optimizer_arguments),
    )


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if isinstance(value, dict):
        if set(value) == {"$tuple"}:
            return tuple(_untagged(item) for item in value["$tuple"])
        return {key: _untagged(item) for key, item in value.items()}
    return value


def portable(wishes: Wishes, root: Path, cwd: Path) -> Wishes:
    """The wishes with files named from the project's folder, as the next command finds them wherever it is run."""
    file, colon, name = wishes.model.rpartition(":")
    model = f"{_from_root(file, root, cwd)}:{name}" if colon and file.endswith(".py") else wishes.model
    return replace(wishes, model=model, batch=wishes.batch and _from_root(wishes.batch, root, cwd))


def _from_root(said: str, root: Path, cwd: Path) -> str:
    """`said` relative to the root where it is a file below it, else as it is."""
    try:
        place = (cwd / Path(said).expanduser()).resolve()
        found = place.is_file()
    except (OSError, RuntimeError, ValueError):  # a text too long for a path, a ~ of nobody
        return said
    return place.relative_to(root).as_posix() if found and place.is_relative_to(root) else said
