"""Plans for models written as text: read, built and measured in this process, as the lab would, then planned."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.building import write_tree
from trainergen.families.torch.measure import build
from trainergen.families.torch.opinions import read_facts
from trainergen.inspection.batch_grammar import parse
from trainergen.inspection.batch_spec import parse_path
from trainergen.inspection.model import read_model
from trainergen.inspection.project import read_project
from trainergen.lab.protocol import Context
from trainergen.plain import to_plain
from trainergen.planning.plan import TrainerPlan
from trainergen.planning.planner import plan
from trainergen.planning.wishes import Wishes

HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"


def model_text(layers: str, returned: str, takes: str = "x", doc: str = "", body: str = "") -> str:
    """A class ``Net`` that sets `layers` in ``__init__`` and returns an expression; `body` are class attributes."""
    lines = [HEAD, "class Net(nn.Module):"]
    lines += [f'    """{doc}"""'] if doc else []
    lines += [f"    {line}" for line in body.splitlines()]
    lines += [
        "    def __init__(self):",
        "        super().__init__()",
        *(f"        {line}" for line in layers.splitlines()),
    ]
    lines += [f"    def forward(self, {takes}):", f"        return {returned}", ""]
    return "\n".join(lines)


def plans(
    root: Path,
    source: str,
    batch: str | None = None,
    *,
    files: dict[str, str | bytes] | None = None,
    loader: str | None = None,
    reference: str = "model.py:Net",
    synthesised: bool = False,
    **wished: Any,
) -> list[TrainerPlan]:
    """Everything up to the plans, for the model `source` in an otherwise empty project at `root`.

    With `synthesised`, what `batch` describes are the model's inputs as if they had been found by trying.
    """
    project_root = write_tree(root / "project", {"model.py": source, **(files or {})})
    wishes = Wishes(model=reference, batch=batch, loader=loader, **wished)
    model = read_model(reference, project_root)
    project = read_project(project_root, project_root, wishes.package)
    scratch = root / "scratch"
    scratch.mkdir(exist_ok=True)
    payload: dict[str, Any] = {
        "model": {"module": model.module, "name": model.name, "file": model.file, "kind": model.kind},
        "factory": wishes.factory,
        "arguments": dict(wishes.model_arguments),
        "forward": to_plain(model.forward),
        "batch": {"kind": "grammar", "spec": to_plain(parse(batch))} if batch else None,
        "loader": {"target": loader, "validation": wishes.val_loader, "batch_size": 32, "seed": 0} if loader else None,
        "target": list(parse_path(wishes.target)) if wishes.target else None,
        "auxiliaries": [name for name, _ in wishes.auxiliaries],
        "seed": 0,
        "synthesised": synthesised,
        "steps": 2,
    }
    names = {path.partition("/")[0].removesuffix(".py") for path in ("model.py", *(files or {}))}
    for name in names:
        sys.modules.pop(name, None)
    sys.path.insert(0, str(project_root))
    try:
        plain = build(payload, Context(project_root, project_root, scratch, "cpu"))
    finally:
        sys.path.remove(str(project_root))
        for name in names:
            sys.modules.pop(name, None)
    return plan(wishes, model, read_facts(plain), project)


def planned(root: Path, source: str, batch: str | None = None, **rest: Any) -> TrainerPlan:
    """The best of `plans`."""
    return plans(root, source, batch, **rest)[0]
