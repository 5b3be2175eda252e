"""No decision compares against a package or class of the development zoo: none of their names is a text in the source."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROWS = ROOT.parent / "shared" / "zoo" / "models.jsonl"

EXCEPTED = {"torch_geometric", "torch-geometric"}
"""A library with data structures of its own, which `new` has to know like torch."""

QUOTED = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'")


def names_of_the_zoo() -> set[str]:
    """Distributions, their import names, and classes."""
    rows = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]
    packages = {row["package"] for row in rows} | {row["module"].partition(".")[0] for row in rows}
    return (packages | {row["cls"] for row in rows}) - EXCEPTED


def literals(file: Path) -> list[tuple[int, str]]:
    """The texts of a file with their lines: constants of Python, anything in quotes in a template."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        constants = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
        return [(node.lineno, node.value) for node in constants if isinstance(node.value, str)]
    return [(text.count("\n", 0, match.start()) + 1, match[1] or match[2] or "") for match in QUOTED.finditer(text)]


def hits(files: list[Path], names: set[str]) -> list[str]:
    """``file:line: name`` of each text that is exactly one of the names."""
    return [f"{file}:{line}: {value}" for file in files for line, value in literals(file) if value in names]


def test_a_name_in_python_or_in_a_template_is_found(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text('"""UNet is a word here."""\nif name in ("UNet", "other"):\n    pass\n')
    template = tmp_path / "b.j2"
    template.write_text("{% if model == 'UNet' %}UNet{% endif %}\n")
    assert hits([source, template], {"UNet"}) == [f"{source}:2: UNet", f"{template}:1: UNet"]


@pytest.mark.slow
@pytest.mark.skipif(not ROWS.is_file(), reason="the zoo lies beside the checkout, in shared/zoo, and is not here")
def test_no_text_in_the_source_is_the_name_of_a_package_or_class_of_the_zoo() -> None:
    files = sorted((ROOT / "trainergen").rglob("*.py"))
    files += sorted(path for path in (ROOT / "templates").rglob("*") if path.suffix in (".py", ".j2"))
    found = hits(files, names_of_the_zoo())
    assert found == []
