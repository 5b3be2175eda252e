"""What user code leaves in the home folder goes with the lab; what is there already is read and written as ever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.building import read_tree, write_tree
from trainergen.errors import TrainergenError
from trainergen.lab import client
from trainergen.lab.home import stand_in

from .conftest import Project

MODULE = """
from pathlib import Path


def leave():
    home = Path("~").expanduser()
    for name in (".tables/1.bin", ".cache/library/2.bin", ".config/tool.ini", "3.bin"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("left")
    (home / ".cache/known/4.bin").write_text("kept")
    return (Path.home() / ".config" / "known" / "settings").read_text()


def left():
    return (Path.home() / ".tables" / "1.bin").read_text()


def missing():
    return (Path.home() / ".tables" / "none.bin").read_text()
"""


def test_what_is_new_in_the_home_folder_goes_with_the_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {".cache/known/0.bin": "", ".config/known/settings": "mine", ".profile": "", ".local/share/app/data": ""}
    home = write_tree(tmp_path / "home", own)
    before = read_tree(home)
    monkeypatch.setenv("HOME", str(home))
    (tmp_path / "project").mkdir()
    with client.start(root=tmp_path, preload=()) as lab:
        made = Project(lab, tmp_path / "project", {"look.py": MODULE})
        assert made.call("look:leave") == "mine"
        assert made.call("look:left") == "left"  # for the requests that follow it is there
        with pytest.raises(TrainergenError) as caught:
            made.call("look:missing")
    assert "'~/.tables/none.bin'" in str(caught.value)
    after = read_tree(home)
    assert after.pop(".cache/known/4.bin")[1] == b"kept"
    assert after == before


def test_a_home_folder_that_cannot_be_linked_is_left_to_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for home in ("", "relative", str(tmp_path / "none")):
        monkeypatch.setenv("HOME", home)
        stand_in(scratch)
        assert os.environ["HOME"] == home
    monkeypatch.setattr("trainergen.lab.home._MOST", 0)
    write_tree(tmp_path / "full", {"one": ""})
    monkeypatch.setenv("HOME", str(tmp_path / "full"))
    stand_in(scratch)
    assert os.environ["HOME"] == str(tmp_path / "full")
    assert list(scratch.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="no way to be less than root here")
def test_removing_a_folder_of_links_changes_nothing_that_they_lead_to(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("mine")
    kept.chmod(0o640)
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "link").symlink_to(kept)
    closed.chmod(0o500)
    less = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    if less and subprocess.run([*less, "true"], check=False).returncode:
        pytest.skip("root, and no way to be less")
    code = "import sys; from pathlib import Path; from trainergen.lab.tree import remove_tree; remove_tree(Path(sys.argv[1]))"
    subprocess.run([*less, sys.executable, "-c", code, str(closed)], check=True)
    assert not closed.exists()
    assert kept.read_text() == "mine" and kept.stat().st_mode & 0o777 == 0o640
