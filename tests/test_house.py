"""The house keeps its shape: who may import whom, what starts without what."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "trainergen"

# Files that run in the lab only: there torch is theirs to import.
LAB_PARTS = (
    "lab/",
    "runtime/",
    "families/torch/measure",
    "families/torch/proof",
    "families/torch/control",
    "families/torch/examine/",
    "contracts/default/drive",
    *(
        f"contracts/{kind}/drive"
        for kind in ("loss_returning", "full_loop", "epoch_level", "step_level", "component_hooks", "functions")
    ),
    "contracts/driving",
)

# room -> heads of modules that it never imports, at module level or inside a function.
NEVER = {
    "cli/": {"torch"},
    "inspection/": {
        "torch",
        "trainergen.planning",
        "trainergen.rendering",
        "trainergen.patching",
        "trainergen.cli",
        "trainergen.pipeline",
    },
    "planning/": {
        "torch",
        "jinja2",
        "libcst",
        "trainergen.rendering",
        "trainergen.patching",
        "trainergen.staging",
        "trainergen.cli",
        "trainergen.pipeline",
        "trainergen.lab",
    },
    "families/": {"jinja2", "trainergen.rendering", "trainergen.patching", "trainergen.cli", "trainergen.pipeline"},
    "rendering/": {"torch", "trainergen.cli", "trainergen.pipeline", "trainergen.lab"},
    "patching/": {"torch", "trainergen.cli", "trainergen.pipeline", "trainergen.lab"},
    "staging/": {
        "torch",
        "jinja2",
        "libcst",
        "click",
        "trainergen.planning",
        "trainergen.rendering",
        "trainergen.cli",
        "trainergen.pipeline",
        "trainergen.lab",
    },
    "lab/": {
        "jinja2",
        "click",
        "libcst",
        "black",
        "trainergen.cli",
        "trainergen.rendering",
        "trainergen.patching",
        "trainergen.staging",
        "trainergen.pipeline",
    },
    "report/": {"torch", "libcst", "click", "trainergen.cli", "trainergen.pipeline", "trainergen.lab"},
    "lsp/": {
        "torch",
        "jinja2",
        "click",
        "trainergen.cli",
        "trainergen.pipeline",
        "trainergen.lab",
        "trainergen.staging",
        "trainergen.rendering",
    },
    "export/": {
        "jinja2",
        "click",
        "libcst",
        "trainergen.cli",
        "trainergen.pipeline",
        "trainergen.planning",
        "trainergen.rendering",
        "trainergen.patching",
    },
    "gates/": {
        "torch",
        "jinja2",
        "click",
        "trainergen.cli",
        "trainergen.pipeline",
        "trainergen.lab",
        "trainergen.rendering",
    },
}
OUTSIDE_OF_RUNTIME = ("trainergen.",)


def imports_of(path: Path) -> set[str]:
    """Absolute names of all modules that a file imports, wherever in the file, except under TYPE_CHECKING."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ("trainergen", *path.relative_to(PACKAGE).parent.parts)
    names: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - node.level + 1]
                head = ".".join((*base, *(node.module or "").split("."))).rstrip(".")
            else:
                head = node.module or ""
            names.add(head)
            names.update(f"{head}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return names


def room_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("room", sorted(NEVER))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    files = [path for path in room_files() if path.relative_to(PACKAGE).as_posix().startswith(room)]
    assert files, f"no files in {room}"
    for path in files:
        relative = path.relative_to(PACKAGE).as_posix()
        refused = NEVER[room] - ({"torch"} if relative.startswith(LAB_PARTS) else set())
        found = {
            name for name in imports_of(path) if any(name == head or name.startswith(head + ".") for head in refused)
        }
        assert not found, f"{relative} imports {sorted(found)}"


def test_families_import_torch_only_in_their_lab_parts() -> None:
    for path in room_files():
        relative = path.relative_to(PACKAGE).as_posix()
        if relative.startswith(("families/", "contracts/")) and not relative.startswith(LAB_PARTS):
            assert not {name for name in imports_of(path) if name.split(".")[0] == "torch"}, relative


def test_the_runtime_knows_no_other_room_and_needs_torch_alone() -> None:
    allowed = set(sys.stdlib_module_names) | {"torch", "matplotlib", "tqdm", "numpy"}
    for path in (PACKAGE / "runtime").rglob("*.py"):
        for name in imports_of(path):
            if name.startswith("trainergen"):
                assert name == "trainergen.runtime" or name.startswith("trainergen.runtime."), f"{path.name}: {name}"
            else:
                assert name.split(".")[0] in allowed, f"{path.name}: {name}"


def test_help_starts_without_the_heavy_packages() -> None:
    program = (
        "import sys, trainergen.cli as c; code = c.run(['--help']); "
        "heavy = {'torch', 'libcst', 'jinja2', 'black', 'numpy', 'dataclasses', 'importlib.metadata'} & set(sys.modules); "
        "print(sorted(heavy), file=sys.stderr); raise SystemExit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_every_file_says_why_it_exists_and_most_are_short() -> None:
    for path in room_files():
        text = path.read_text(encoding="utf-8")
        if text.strip():
            assert ast.get_docstring(ast.parse(text)), f"{path} has no first line"
        assert text.count("\n") <= 500, f"{path} is two rooms: {text.count(chr(10))} lines"
