"""The copy: code runs in it as in the original, links stand for what is left out, and it can be put back in order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.building import read_tree, write_tree
from trainergen.lab import tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def original(tmp_path: Path) -> Path:
    root = write_tree(
        tmp_path / "original",
        {
            "model.py": "x = 1\n",
            "package/__init__.py": "",
            "package/deep/code.py": "y = 2\n",
            "package/__pycache__/old.pyc": b"x",
            "config.ini": "[a]\n",
            "script.sh": "true\n",
            ".git/HEAD": "ref\n",
            "env/pyvenv.cfg": "home = /\n",
            "env/lib/site.py": "",
            "runs/first/final.pt": b"weights",
            "outputs/code.py": "z = 3\n",
            "native.so": b"\x7fELF",
            "large.bin": b"0" * tree.LARGE,
            "large.py": b"#" * tree.LARGE,
        },
    )
    (root / "script.sh").chmod(0o755)
    (root / "inside").symlink_to("package/deep")
    (root / "absolute.py").symlink_to(root / "model.py")
    (root / "outside").symlink_to("../elsewhere")
    (root / "broken").symlink_to("nowhere")
    (root / "runs-link").symlink_to(root / "runs")
    data = root / "data"
    data.mkdir()
    for number in range(tree.CROWDED + 1):
        (data / f"{number}.txt").touch()
    return root


def test_code_is_copied_and_the_rest_is_linked(original: Path, tmp_path: Path):
    copy = tmp_path / "copy" / "original"
    os.mkfifo(original / "pipe")
    tree.copy_tree(original, copy)
    for name in ("model.py", "package/deep/code.py", "config.ini", "outputs/code.py", "large.py", "script.sh"):
        assert not (copy / name).is_symlink()
        assert (copy / name).read_bytes() == (original / name).read_bytes()
        assert (copy / name).resolve().is_relative_to(copy)
    assert os.access(copy / "script.sh", os.X_OK)
    for name in (".git", "env", "native.so", "large.bin", "data"):
        assert (copy / name).is_symlink()
        assert (copy / name).resolve() == original / name
    assert (copy / "inside").resolve() == copy / "package" / "deep"
    assert (copy / "absolute.py").resolve() == copy / "model.py"
    assert (copy / "outside").readlink() == tmp_path / "elsewhere"
    assert not (copy / "package" / "__pycache__").exists()
    assert not (copy / "pipe").exists()
    assert not (copy / "runs").is_symlink()
    (copy / "runs" / "second").mkdir()
    assert (copy / "runs" / "first" / "final.pt").read_bytes() == b"weights"
    assert not (original / "runs" / "second").exists()


def test_a_log_of_an_earlier_training_can_be_written_to(tmp_path: Path):
    root = write_tree(
        tmp_path / "original",
        {"logs/train.log": "before\n", "logs/curve.png": b"x", "large.log": b"0" * tree.LARGE, "small.log": "before\n"},
    )
    copy = tmp_path / "copy"
    tree.copy_tree(root, copy)
    assert (copy / "logs" / "curve.png").is_symlink()
    for name in ("logs/train.log", "large.log", "small.log"):
        with (copy / name).open("a") as log:
            log.write("now\n")
        assert "now" not in (root / name).read_text()


def test_caps_link_what_lies_deepest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = write_tree(
        tmp_path / "original", {f"{'sub/' * depth}{name}.txt": "x" * 100 for depth in range(4) for name in "abc"}
    )
    monkeypatch.setattr(tree, "MOST_ENTRIES", 7)
    tree.copy_tree(root, tmp_path / "copy")
    assert not (tmp_path / "copy" / "sub").is_symlink()
    assert (tmp_path / "copy" / "sub" / "sub").is_symlink()
    monkeypatch.setattr(tree, "MOST_ENTRIES", 1000)
    monkeypatch.setattr(tree, "MOST_BYTES", 250)
    tree.copy_tree(root, tmp_path / "second")
    assert [(tmp_path / "second" / f"{name}.txt").is_symlink() for name in "abc"] == [False, False, True]


def test_restore_puts_everything_back(original: Path, tmp_path: Path):
    copy = tmp_path / "copy"
    before = tree.copy_tree(original, copy)
    expected = read_tree(copy)
    assert tree.restore(original, copy, before) == before
    (copy / "model.py").write_text("other\n")
    (copy / "script.sh").chmod(0o600)
    (copy / "config.ini").unlink()
    (copy / "package" / "deep" / "code.py").rename(copy / "moved.py")
    (copy / "package" / "deep").rmdir()
    (copy / "native.so").unlink()
    (copy / "native.so").write_bytes(b"mine")
    (copy / "inside").unlink()
    (copy / "new" / "deeper").mkdir(parents=True)
    (copy / "new" / "deeper" / "file").touch()
    after = tree.restore(original, copy, before)
    assert read_tree(copy) == expected
    assert after.keys() == before.keys()


def test_removal_copes_with_locked_folders_and_leaves_link_targets(original: Path, tmp_path: Path):
    copy = tmp_path / "copy"
    tree.copy_tree(original, copy)
    (copy / "package" / "deep").chmod(0o000)
    kept = read_tree(original)
    tree.remove_tree(copy)
    assert not copy.exists()
    assert read_tree(original) == kept


def test_source_roots(tmp_path: Path):
    write_tree(tmp_path, {"flat/a.py": "", "layout/src/package/__init__.py": "", "package/src/__init__.py": ""})
    assert tree.source_roots(tmp_path / "flat") == [tmp_path / "flat"]
    assert tree.source_roots(tmp_path / "layout") == [tmp_path / "layout" / "src", tmp_path / "layout"]
    assert tree.source_roots(tmp_path / "package") == [tmp_path / "package"]
