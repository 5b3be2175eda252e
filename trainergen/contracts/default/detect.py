"""Whether a project's base trainer is trainergen's own, read without running it, and which contract gates apply to it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

GATES: Mapping[str, str] = {
    "TG001": "inherits from Trainer and calls super().__init__()",
    "TG002": "compute_loss returns a scalar tensor",
    "TG003": "public methods have type hints",
    "TG004": "on_train_end calls save_weights",
    "TG005": "logs through a logger, with placeholders",
    "TG006": "pathlib, mkdir with parents and exist_ok",
    "TG007": "compute_loss refuses batches that it can't use",
    "TG008": "a dataclass with SECTION below BaseTrainerConfig",
    "TG009": "docstrings",
    "TG010": "the project's formatter",
}
"""The contract gates (TG0nn) that apply, all of them here, and what fulfils each."""


def base_trainer(texts: Mapping[str, str]) -> str | None:
    """The file among `texts` (path -> source) that re-exports ``Trainer`` of the runtime or of its vendored copy.

    A file that does not parse is passed over: whether it matters is a gate's affair.
    """
    for path, text in sorted(texts.items()):
        if not path.endswith("base_trainer.py"):
            continue
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and _is_runtime(node):
                names = {alias.asname or alias.name for alias in node.names if alias.name == "Trainer"}
                if "Trainer" in names:
                    return path
    return None


def _is_runtime(node: ast.ImportFrom) -> bool:
    return node.module == ("_runtime" if node.level else "trainergen.runtime")
