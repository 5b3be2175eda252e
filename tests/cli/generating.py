"""A model and its inputs through the whole of ``new``, and the trainer that comes of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..building import write_tree
from ..conftest import Answer

Run = Callable[..., Answer]
HEAD = "\n    import torch\n    from torch import nn\n\n\n"


@dataclass(frozen=True)
class Case:
    """A model, its inputs, and what stands in the trainer that is generated for it."""

    source: str
    batch: str
    loss: str
    lines: tuple[str, ...]


def generated(project: Path, trainergen: Run, source: str, batch: str) -> tuple[str, dict[str, Any]]:
    """The trainer's text with every run of blanks and comment marks as one blank, and the ``result`` of ``new``."""
    write_tree(project, {"model.py": HEAD + source})
    name = source.partition("class ")[2].partition("(")[0]
    answer = trainergen("new", "--model", f"model.py:{name}", "--batch", batch, "--json")
    assert answer.exit == 0, answer.stdout
    result: dict[str, Any] = answer.data["result"]
    assert {probe["status"] for probe in result["proof"]["probes"]} == {"passed"}, result["proof"]["probes"]
    (trainer,) = (file for file in (project / "train").glob("*_trainer.py") if "base" not in file.name)
    return re.sub(r"\s+(# )?", " ", trainer.read_text()), result
