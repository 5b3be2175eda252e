"""Trainers of the same name below another base: what lists them is no registry of ours."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from .inspection.module_names import module_name
from .inspection.training_facts import TrainingFacts


def without_rivals(files: tuple[str, ...], training: TrainingFacts, read: Callable[[str], bytes]) -> tuple[str, ...]:
    """`files` but for those that import namesakes of our trainers, which inherit from another base.

    Args:
        files: that mention one of the names.
        training: how the project trains; `chosen` is there.
        read: the bytes of a file.
    """
    chosen = training.chosen
    ours = {each.name: each.module for each in chosen.siblings} if chosen is not None else {}
    rivals: dict[str, set[str]] = {}
    for base in training.bases:
        for each in base.siblings if chosen is None or base.facts != chosen.facts else ():
            if each.name in ours and each.module != ours[each.name]:
                rivals.setdefault(each.name, set()).add(each.module)
    return tuple(file for file in files if not (rivals and _is_rivals(file, training.roots, ours, rivals, read)))


def _is_rivals(
    file: str,
    roots: tuple[str, ...],
    ours: Mapping[str, str],
    rivals: Mapping[str, set[str]],
    read: Callable[[str], bytes],
) -> bool:
    """Whether a file is one of a rival's modules, or imports rivals and none of ours."""
    module = module_name(file, roots)
    if any(module in each for each in rivals.values()):
        return True
    try:
        tree = ast.parse(read(file)) if file.endswith(".py") else ast.Module([], [])
    except (SyntaxError, ValueError):
        return False
    parts = module.split(".") if file.endswith("/__init__.py") else module.split(".")[:-1]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            above = parts[: len(parts) - node.level + 1] if node.level else []
            source = ".".join(filter(None, (*above, node.module or "")))
            for alias in node.names:
                if alias.name in rivals:
                    found |= {"ours"} if _within(ours[alias.name], source) else set()
                    found |= {"rivals"} if any(_within(each, source) for each in rivals[alias.name]) else set()
    return found == {"rivals"}


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
