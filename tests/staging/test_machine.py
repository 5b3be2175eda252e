"""The machine refuses: permissions, read-only mounts, full disks, locks. Exit code 6, and the tree as it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.building import read_tree, write_tree
from tests.staging import crashing
from trainergen.errors import MachineRefused
from trainergen.staging.lock import project_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0

ATTEMPT = """
import json, sys
from pathlib import Path
from trainergen.errors import TrainergenError
from tests.staging.crashing import ACTIONS
try:
    ACTIONS[sys.argv[1]](Path(sys.argv[2]))
except TrainergenError as problem:
    print(json.dumps({"kind": type(problem).__name__, "code": problem.exit_code, "hint": problem.hint,
                      "message": problem.message, "place": problem.place}))
else:
    print("{}")
"""

# On a small disk: fill it, leave more and more free, and commit and undo each time.
FULL_DISK = """
import json, os, shutil, sys
from pathlib import Path
from tests.building import read_tree
from tests.staging import crashing
from trainergen.errors import MachineRefused
folder = Path(sys.argv[1])
refusals, places = {"commit": 0, "undo": 0}, set()
for action in refusals:
    for pages in range(100):
        root = folder / "project"
        root.mkdir()
        crashing.build(root)
        if action == "undo":
            crashing.do_commit(root)
        before = read_tree(root)
        with open(folder / "ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                ballast.truncate(max(0, ballast.tell() - 4096 * pages))
        try:
            crashing.ACTIONS[action](root)
        except MachineRefused as problem:
            assert read_tree(root) == before, pages
            assert "space" in problem.message and problem.hint and problem.place
            places.add(problem.place.rpartition(".")[2])
            refusals[action] += 1
        else:
            assert read_tree(root) != before
            break
        finally:
            os.unlink(folder / "ballast")
            shutil.rmtree(root)
    else:
        raise AssertionError("never enough space")
print(json.dumps({"refusals": refusals}))
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user can reach (pytest's own are private)."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(os.path.realpath(folder))


def run(arguments: list[str], before: tuple[str, ...] = ()) -> dict[str, Any]:
    command = [*before, sys.executable, "-B", "-c", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def as_nobody() -> tuple[str, ...]:
    """The prefix of a command that takes root's rights away, where we have them."""
    if not AS_ROOT:
        return ()
    prefix = ("setpriv", "--reuid", "65534", "--clear-groups")
    if shutil.which("setpriv") is None or subprocess.run([*prefix, sys.executable, "-c", ""], check=False).returncode:
        pytest.skip("root, and no way to be someone else")
    return prefix


def in_own_mounts() -> tuple[str, ...]:
    prefix = ("unshare", "-m") if AS_ROOT else ("unshare", "-rm")
    probe = "mount -t tmpfs none /mnt"
    if shutil.which("unshare") is None or subprocess.run([*prefix, "sh", "-c", probe], check=False).returncode:
        pytest.skip("no mounts of our own here")
    return prefix


@pytest.mark.parametrize("closed", [".", "train", "settings"])
def test_an_unwritable_folder(open_folder: Path, closed: str) -> None:
    root = open_folder / "project"
    root.mkdir()
    crashing.build(root)
    if AS_ROOT:
        for path in (root, *root.rglob("*")):
            os.chown(path, 65534, -1, follow_symlinks=False)
    (root / closed).chmod(0o555)
    tree = read_tree(root)
    answer = run([ATTEMPT, "commit", str(root)], as_nobody())
    assert (answer["kind"], answer["code"]) == ("MachineRefused", 6)
    assert "permission denied" in answer["message"]
    assert answer["place"].startswith(str(root / closed))
    assert answer["hint"]
    assert read_tree(root) == tree
    (root / closed).chmod(0o755)


def test_a_read_only_file_is_not_replaced(open_folder: Path) -> None:
    root = open_folder / "project"
    root.mkdir()
    crashing.build(root)
    if AS_ROOT:
        for path in (root, *root.rglob("*")):
            os.chown(path, 65534, -1, follow_symlinks=False)
    (root / "train/__init__.py").chmod(0o444)
    tree = read_tree(root)
    answer = run([ATTEMPT, "commit", str(root)], as_nobody())
    assert (answer["code"], answer["place"]) == (6, str(root / "train/__init__.py"))
    assert read_tree(root) == tree


@pytest.mark.skipif(not AS_ROOT, reason="only root gives files away")
def test_root_leaves_a_file_to_its_owner(tmp_path: Path) -> None:
    crashing.build(tmp_path)
    os.chown(tmp_path / "settings/config.ini", 1234, 1235)
    crashing.do_commit(tmp_path)
    about = (tmp_path / "settings/config.ini").stat()
    assert (about.st_uid, about.st_gid) == (1234, 1235)


@pytest.mark.parametrize("mounted", [".", "train"])
def test_a_read_only_mount(open_folder: Path, mounted: str) -> None:
    prefix = in_own_mounts()
    root = open_folder / "project"
    root.mkdir()
    crashing.build(root)
    tree = read_tree(root)
    place = root / mounted
    mount = f'mount --bind "{place}" "{place}" && mount -o remount,bind,ro "{place}" && exec "$@"'
    answer = run([ATTEMPT, "commit", str(root)], (*prefix, "sh", "-c", mount, "sh"))
    assert answer["code"] == 6
    assert "read-only file system" in answer["message"]
    assert read_tree(root) == tree


def test_a_file_that_cannot_be_renamed_is_noticed_late_and_all_goes_back(open_folder: Path) -> None:
    """A bind mount on a file: its folder takes the temporary file, and the rename over it fails."""
    prefix = in_own_mounts()
    root = open_folder / "project"
    root.mkdir()
    crashing.build(root)
    tree = read_tree(root)
    place = root / "train/old.py"
    mount = f'mount --bind "{place}" "{place}" && exec "$@"'
    answer = run([ATTEMPT, "commit", str(root)], (*prefix, "sh", "-c", mount, "sh"))
    assert answer["code"] == 6
    assert "busy" in answer["message"]
    assert read_tree(root) == tree


def test_a_full_disk(open_folder: Path) -> None:
    mount = f'mount -t tmpfs -o size=256k none "{open_folder}" && exec "$@"'
    answer = run([FULL_DISK, str(open_folder)], (*in_own_mounts(), "sh", "-c", mount, "sh"))
    assert answer["refusals"]["commit"] >= 5
    assert answer["refusals"]["undo"] >= 1


HOLD = """
import sys
from pathlib import Path
from trainergen.staging.lock import project_lock
with project_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another command at work in `tmp_path`; it ends when its input is closed."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_the_second_command_says_who_is_first(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(MachineRefused) as caught, project_lock(tmp_path, wait_seconds=0):
        pass
    if sys.platform == "linux":
        assert f"process {holder.pid}" in caught.value.message
    assert caught.value.exit_code == 6
    assert not list(tmp_path.iterdir())


def test_the_second_command_waits(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    told: list[str] = []

    def let_go(sentence: str) -> None:
        told.append(sentence)
        assert holder.stdin is not None
        holder.stdin.close()

    with project_lock(tmp_path, wait_seconds=600, waiting=let_go):
        with project_lock(tmp_path, wait_seconds=0):  # a command's own parts don't wait for each other
            pass
        assert told
        assert holder.wait() == 0


def test_a_killed_command_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    with project_lock(tmp_path, wait_seconds=0):
        pass


# Network file systems: a lock needs a handle open for writing, which a folder can't be (flock(2), "NFS details").
NO_FOLDER_LOCKS = """
import errno, fcntl, os, stat
flock = fcntl.flock
def on_nfs(handle, operation):
    if stat.S_ISDIR(os.fstat(handle).st_mode):
        raise OSError(errno.EBADF, "Bad file descriptor")
    flock(handle, operation)
fcntl.flock = on_nfs
"""


def test_where_folders_cannot_be_locked(tmp_path: Path) -> None:
    project, temporary = tmp_path / "project", tmp_path / "tmp"
    project.mkdir()
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary)}
    second = HOLD.replace("(Path(sys.argv[1]))", "(Path(sys.argv[1]), wait_seconds=0)")
    first = [sys.executable, "-c", NO_FOLDER_LOCKS + HOLD, str(project)]
    other = [sys.executable, "-c", NO_FOLDER_LOCKS + second, str(project)]
    pipe = subprocess.PIPE
    with subprocess.Popen(first, stdin=pipe, stdout=pipe, text=True, cwd=REPOSITORY, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        refused = subprocess.run(
            other, input="", capture_output=True, text=True, cwd=REPOSITORY, env=environment, check=False
        )
        assert "MachineRefused" in refused.stderr
    held = subprocess.run(other, input="", capture_output=True, text=True, cwd=REPOSITORY, env=environment, check=False)
    assert held.stdout == "held\n", held.stderr
    assert not list(project.iterdir())


REGISTER = """
import sys
from pathlib import Path
from tests.staging.crashing import inserted
from trainergen.errors import Conflict
from trainergen.staging.change_set import ChangeSet
from trainergen.staging.commit import commit
root, name = Path(sys.argv[1]), sys.argv[2]
before = (root / "r.py").read_bytes()
print("read", flush=True)
sys.stdin.read()
try:
    commit(root, ChangeSet(name, (inserted("r.py", before, len(before), name.encode() + b"\\n"),)))
except Conflict as conflict:
    print(conflict.message)
else:
    print("done")
"""


def test_two_commands_at_once(tmp_path: Path) -> None:
    write_tree(tmp_path, {"r.py": "start\n"})
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", REGISTER, str(tmp_path), name], stdin=pipe, stdout=pipe, text=True, cwd=REPOSITORY
        )
        for name in ("first", "second")
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "read\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    said = []
    for process in processes:
        assert process.stdout is not None
        said.append(process.stdout.read().strip())
        process.stdout.close()
        assert process.wait() == 0
    assert sorted(said) == ["done", "r.py changed since it was read"]
    winner = ("first", "second")[said.index("done")]
    assert (tmp_path / "r.py").read_text() == f"start\n{winner}\n"
