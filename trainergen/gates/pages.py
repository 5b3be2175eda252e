"""The gates' pages of the documentation, each made from the file that is the gate: ``python -m trainergen.gates.pages docs``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from . import measured
from .engine import example_files, load_gates
from .measured import MEASURED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .engine import Example, Gate

GROUPS = {
    "TG0": "The contract of trainergen's own trainers",
    "TG1": "Faults of training code",
    "TG2": "Advice, asked for with --select",
}


def page(gate: Gate) -> str:
    """The page of one gate, as Markdown."""
    fix = "none: what is right depends on what was meant" if gate.fix == "none" else gate.fix
    parts = [
        f"# {gate.code}: {gate.name}",
        f"## What it does\n\n{gate.what}",
        f"## Why is this bad?\n\n{gate.why}",
        f"## Example\n\n{_shown(gate.failing)}",
        f"Use instead:\n\n{_shown(gate.passing)}",
        f"## Fix\n\n{fix[:1].upper()}{fix[1:]}.",
        f"## Holds for\n\ntorch `{gate.torch}`",
        f"## Source\n\n{gate.source}",
    ]
    return "\n\n".join(parts) + "\n"


def index(gates: Mapping[str, Gate]) -> str:
    """The list of all gates, as Markdown."""
    lines = [
        "# Gates",
        "",
        "What `trainergen check` looks for. `trainergen explain CODE` prints a page; [check.md](check.md) tells how to choose,",
        "ignore and fix. The pages are made from the gates' own files by `python -m trainergen.gates.pages docs`.",
    ]
    lines += ["", "## Measured, or said of a file itself", "", "| code | demand |", "| --- | --- |"]
    lines += [f"| [{code}](rules/{code}.md) | {each.name} |" for code, each in MEASURED.items()]
    for prefix, title in GROUPS.items():
        lines += ["", f"## {prefix}: {title}", "", "| code | demand | fix |", "| --- | --- | --- |"]
        lines += [
            f"| [{code}](rules/{code}.md) | {gate.name} | {gate.fix.partition(':')[0]} |"
            for code, gate in gates.items()
            if code.startswith(prefix)
        ]
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Path below the documentation's folder -> text, of every page."""
    gates = load_gates()
    return (
        {"rules.md": index(gates)}
        | {f"rules/{code}.md": measured.page(each) for code, each in MEASURED.items()}
        | {f"rules/{code}.md": page(gate) for code, gate in gates.items()}
    )


def _shown(example: Example) -> str:
    files = example_files(example)
    return "\n\n".join(
        f"```python\n{f'# {path}' + chr(10) if not isinstance(example, str) else ''}{text.strip(chr(10))}\n```"
        for path, text in files.items()
    )


def main(folder: str) -> None:
    """Write every page below `folder`."""
    from pathlib import Path

    for path, text in pages().items():
        target = Path(folder) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
