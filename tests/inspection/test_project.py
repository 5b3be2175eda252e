"""Reading a project: its root, our layout in it, the user's files in the way, its formatter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.building import write_tree
from trainergen.errors import Conflict, TrainergenError, UnusableInput
from trainergen.inspection.project import find_root, read_project
from trainergen.inspection.project_facts import Formatter

SCAFFOLD: dict[str, str | bytes] = {
    "train/base_trainer.py": "from trainergen.runtime import Trainer\n",
    "train/__init__.py": 'TRAINER_REGISTRY: dict[str, str] = {"NetTrainer": "train.net_trainer:NetTrainer"}\n',
    "train/net_trainer.py": "",
    "train.py": "",
    "config/base.py": "",
    "config.ini": "# ours\n[train_net]\nseed = 1\n",
    ".trainergen/net_trainer.json": "{}",
}


@pytest.mark.parametrize("marker", ["pyproject.toml", "setup.py", "config.ini", ".git/HEAD"])
def test_the_root_is_the_nearest_ancestor_with_a_marker(tmp_path: Path, marker: str) -> None:
    root = write_tree(tmp_path / "a", {marker: "", "b/c/m.py": ""})
    assert find_root(None, root / "b" / "c") == (root.resolve(), f"{marker.partition('/')[0]} found")
    assert find_root(root / "b", tmp_path) == ((root / "b").resolve(), "--project")
    assert find_root(Path("a/b"), tmp_path)[0] == (root / "b").resolve()


def test_a_missing_project_folder_is_named(tmp_path: Path) -> None:
    write_tree(tmp_path, {"project/m.py": ""})
    with pytest.raises(UnusableInput) as caught:
        find_root(Path("projet"), tmp_path)
    assert caught.value.hint == "did you mean project?"


def test_loose_modules_get_the_layout_at_the_root(tmp_path: Path) -> None:
    facts = read_project(
        tmp_path, write_tree(tmp_path, {"model.py": "", "README.md": "", "train/__pycache__/x.pyc": b""})
    )
    assert (facts.package, facts.scaffold, facts.owned, facts.train_module) == ("", False, (), "train")
    assert "model.py" in facts.files
    assert facts.formatter == Formatter("black", 88)


def test_our_own_project_is_recognised_and_read(tmp_path: Path) -> None:
    facts = read_project(tmp_path, write_tree(tmp_path, SCAFFOLD))
    assert (facts.scaffold, facts.owned, facts.package) == (True, (), "")
    assert facts.sections == ("train_net",)
    assert facts.registry == ("NetTrainer",)
    assert facts.records == ("net_trainer.json",)
    assert "net_trainer.py" in facts.train_files


@pytest.mark.parametrize("name", ["train.py", "config.py", "dataloader.py", "train/loop.py", "config/default.yaml"])
def test_what_the_user_owns_sends_everything_below_a_package(tmp_path: Path, name: str) -> None:
    facts = read_project(tmp_path, write_tree(tmp_path, {name: ""}))
    assert facts.owned == (name if name.endswith(".py") and "/" not in name else name.partition("/")[0] + "/",)
    assert (facts.package, facts.config_file) == ("training", "training/config.ini")
    assert (facts.train_module, facts.config_module) == ("training.train", "training.config")


def test_the_package_is_found_again_and_chosen_freely(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"train.py": "", **{f"training/{name}": text for name, text in SCAFFOLD.items()}})
    again = read_project(root, root)
    assert (again.package, again.scaffold, again.registry) == ("training", True, ("NetTrainer",))
    assert read_project(root, root, "jobs").train_module == "jobs.train"


@pytest.mark.parametrize(
    ("tree", "package", "kind", "message"),
    [
        ({}, "my-jobs", UnusableInput, "--package my-jobs"),
        ({}, "class", UnusableInput, "--package class"),
        ({"jobs.py": ""}, "jobs", Conflict, "would hide it"),
        ({"jobs/train/loop.py": ""}, "jobs", Conflict, "jobs/train/"),
        ({"train.py": "", "training/config.py": ""}, None, Conflict, "training/config.py"),
        ({"train.py": "", "training.py": ""}, None, Conflict, "training.py"),
        (
            {**SCAFFOLD, "train/__init__.py": "TRAINER_REGISTRY = {\n"},
            None,
            Conflict,
            "train/__init__.py does not parse",
        ),
        ({"config.ini": "[a]\nx=1\n[b]\n[a]\n"}, None, Conflict, "[a] twice, on lines 1 and 4"),
        ({"config.ini": b"\xff\xfe[a]"}, None, Conflict, "no UTF-8"),
        ({"pyproject.toml": "[tool.black\n"}, None, Conflict, "pyproject.toml is no TOML"),
    ],
)
def test_conflicts_are_named(
    tmp_path: Path, tree: dict[str, str | bytes], package: str | None, kind: type[TrainergenError], message: str
) -> None:
    root = write_tree(tmp_path, tree)
    with pytest.raises(kind) as caught:
        read_project(root, root, package)
    assert message in caught.value.message
    assert caught.value.hint


def test_sections_are_read_through_bom_crlf_and_comments(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf[first]\r\n; [no]\r\nkey = [neither]\r\n  [nor this]\r\n[Second part] ; note\r\n[last]"
    assert read_project(tmp_path, write_tree(tmp_path, {"config.ini": text})).sections == (
        "first",
        "Second part",
        "last",
    )


def test_registry_keys_come_from_literals_and_subscripts(tmp_path: Path) -> None:
    text = 'TRAINER_REGISTRY = {\n    "A": "m:A",  # "B"\n    NAME: "m:C",\n}\nTRAINER_REGISTRY["D"] = "m:D"\n'
    assert read_project(tmp_path, write_tree(tmp_path, SCAFFOLD | {"train/__init__.py": text})).registry == ("A", "D")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {
                "pyproject.toml": "[tool.black]\nline-length = 100\nskip-string-normalization = true\n"
                "target-version = ['py312', 'py311']\n"
            },
            Formatter("black", 100, "pyproject.toml [tool.black]", "preserve", "py311"),
        ),
        ({"pyproject.toml": "[tool.ruff]\nline-length = 99\n"}, Formatter("ruff", 99, "pyproject.toml [tool.ruff]")),
        (
            {"pyproject.toml": "[tool.ruff]\nline-length = 99\n[tool.black]\n"},
            Formatter("black", 88, "pyproject.toml [tool.black]"),
        ),
        (
            {"ruff.toml": "line-length = 79\n[format]\nquote-style = 'single'\n"},
            Formatter("ruff", 79, "ruff.toml", "single"),
        ),
        ({".pre-commit-config.yaml": "  - id: ruff-format\n"}, Formatter("ruff", 88, ".pre-commit-config.yaml")),
    ],
)
def test_the_formatter_is_the_projects_own(tmp_path: Path, files: dict[str, str | bytes], expected: Formatter) -> None:
    assert read_project(tmp_path, write_tree(tmp_path, files)).formatter == expected
