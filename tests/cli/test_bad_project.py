"""Projects in the way, end to end: taken names, files that do not parse or are links, odd ini files, a machine that refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.building import read_tree, write_tree
from tests.cli.refusing import BATCH, Run, command, model, refuse

AS_ROOT = os.geteuid() == 0
Tree = dict[str, bytes]


@pytest.fixture(scope="module")
def scaffold(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """The default project with a model beside it, as ``trainergen init`` writes it."""
    from trainergen.cli import run

    folder = tmp_path_factory.mktemp("scaffold")
    assert run(["init", "--quiet", "--project", str(folder)]) == 0
    shutil.rmtree(folder / ".trainergen")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {**files, "model.py": model().encode()}


def replaced(path: str, old: bytes, new: bytes) -> Callable[[Tree], Tree]:
    def change(files: Tree) -> Tree:
        assert old in files[path]
        return {**files, path: files[path].replace(old, new)}

    return change


def added(path: str, more: bytes) -> Callable[[Tree], Tree]:
    return lambda files: {**files, path: files.get(path, b"") + more}


REGISTRY = "train/__init__.py"
# case -> what is done to the default project, what the answer says
CONFLICTS: dict[str, tuple[Callable[[Tree], Tree], tuple[str, ...]]] = {
    "the file is taken": (
        added("train/net_trainer.py", b"MINE = 1\n"),
        ("train/net_trainer.py exists", "--> train/net_trainer.py", "--name NAME"),
    ),
    "the registry's key is taken": (
        replaced(REGISTRY, b"= {}", b'= {"NetTrainer": "mine:Trainer"}'),
        ("NetTrainer is taken in TRAINER_REGISTRY", f"--> {REGISTRY}", "--name NAME"),
    ),
    "the config class is taken": (
        added("config/train.py", b"\n\nclass NetTrainerConfig:\n    pass\n"),
        ("config/train.py defines NetTrainerConfig already", "--> config/train.py:", "--name"),
    ),
    "the section exists": (
        added("config.ini", b"\n[train_net]\nbatch_size = 4\n"),
        ("config.ini has a section [train_net] already", "--> config.ini", "--name NAME"),
    ),
    "the file differs only in case": (
        added("train/Net_trainer.py", b"MINE = 1\n"),
        ("net_trainer.py differs only in case from Net_trainer.py", "--> train", "--name NAME"),
    ),
    "the key differs only in case": (
        replaced(REGISTRY, b"= {}", b'= {"NETTrainer": "mine:Trainer"}'),
        ("NetTrainer differs only in case from NETTrainer", f"--> {REGISTRY}", "--name NAME"),
    ),
    "the section differs only in case": (
        added("config.ini", b"\n[Train_Net]\nbatch_size = 4\n"),
        ("train_net differs only in case from Train_Net", "--> config.ini", "--name NAME"),
    ),
    "a section twice": (
        added("config.ini", b"\n[mine]\na = 1\n[mine]\nb = 2\n"),
        ("config.ini has section [mine] twice", "--> config.ini:5", "merge the two"),
    ),
    "a key twice": (
        added("config.ini", b"\n[mine]\na = 1\na = 2\n"),
        ("config.ini has the key a of [mine] twice", "--> config.ini:5", "keep one of the two"),
    ),
    "an ini file that is no text": (
        added("config.ini", b"\n[mine]\na = \xff\n"),
        ("config.ini is no UTF-8 text", "--> config.ini", "save it as UTF-8"),
    ),
    "a registry that does not parse": (
        added(REGISTRY, b"def broken(:\n"),
        (f"the registry {REGISTRY} does not parse", f"--> {REGISTRY}:", "correct it"),
    ),
    "a registry that is no literal": (
        replaced(REGISTRY, b"= {}", b"= dict()"),
        (f"{REGISTRY} holds no TRAINER_REGISTRY that is one dict literal", "write it as TRAINER_REGISTRY"),
    ),
    "a config module that does not parse": (
        added("config/train.py", b"def broken(:\n"),
        ("config/train.py does not parse", "--> config/train.py:", "correct it first"),
    ),
    "a record that is none": (
        added(".trainergen/net_trainer.json", b"{"),
        ("the record can't be read", "--> .trainergen/net_trainer.json", "version control"),
    ),
    "a file of the project is missing": (
        lambda files: {path: data for path, data in files.items() if path != "config/train.py"},
        ("config/train.py is missing", "--> config/train.py", "trainergen init"),
    ),
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_the_projects_files_stand_in_the_way(project: Path, trainergen: Run, scaffold: Tree, case: str) -> None:
    change, says = CONFLICTS[case]
    refuse(project, trainergen, 3, says, files=change(scaffold))


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        ("train", b"mine", ("train is a file", "--> train", "--package")),
        ("config.ini/mine.txt", b"", ("config.ini is a folder", "--> config.ini", "--package")),
    ],
)
def test_a_file_for_a_folder_and_a_folder_for_a_file(
    project: Path, trainergen: Run, path: str, content: bytes, says: tuple[str, ...]
) -> None:
    refuse(project, trainergen, 3, says, files={"model.py": model(), path: content})


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
@pytest.mark.parametrize("name", ["config.ini", "train", ".trainergen"])
def test_a_link_out_of_the_project(
    project: Path, trainergen: Run, scaffold: Tree, tmp_path: Path, name: str, arguments: tuple[str, ...]
) -> None:
    outside = write_tree(tmp_path / "outside", {**scaffold, ".trainergen/mine.txt": ""})
    before = read_tree(outside)
    write_tree(project, dict(scaffold))
    if (project / name).is_dir():
        shutil.rmtree(project / name)
    (project / name).unlink(missing_ok=True)
    (project / name).symlink_to(outside / name)
    says = (f"--> {name}", "= help: ") if name == ".trainergen" else ("a symbolic link that leads out of the project",)
    refuse(project, trainergen, 3, says, *arguments, files={})
    assert read_tree(outside) == before


def test_a_link_within_the_project_is_followed(project: Path, trainergen: Run, scaffold: Tree) -> None:
    write_tree(project, dict(scaffold))
    for name in ("config.ini", "train"):
        (project / name).rename(project / f"real_{name}")
        (project / name).symlink_to(f"real_{name}")
    before = read_tree(project)
    answer = trainergen(*command())
    assert answer.exit == 0, answer.stdout
    assert (project / "config.ini").is_symlink()
    assert "[train_net]" in (project / "real_config.ini").read_text()
    assert (project / "real_train/net_trainer.py").is_file()
    assert trainergen("undo").exit == 0
    assert read_tree(project) == before


def test_a_trainer_of_ours_that_was_edited_is_replaced_only_by_force(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": model()})
    assert trainergen(*command()).exit == 0
    generated = (project / "train/net_trainer.py").read_text()
    (project / "train/net_trainer.py").write_text(generated + "\n# mine\n")
    edited = read_tree(project)
    refuse(
        project,
        trainergen,
        3,
        ("NetTrainer exists", "--> train/net_trainer.py", "trainergen update NetTrainer merges"),
        files={},
    )

    answer = trainergen(*command("--force"))
    assert answer.exit == 0, answer.stdout
    assert "replace  train/net_trainer.py" in answer.stdout
    assert (project / "train/net_trainer.py").read_text() == generated

    assert trainergen("undo").exit == 0
    assert read_tree(project) == edited


def test_force_replaces_no_registry_and_no_ini_text(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": model()})
    assert trainergen(*command()).exit == 0
    says = ("--force replaces whole files only", "differs: config.ini", "trainergen undo NetTrainer")
    refuse(project, trainergen, 3, says, "--optimizer", "sgd", "--force", files={})


INI = b"; Settings\n\n[mine]\n; about it\nKey : Value\n\n# the end\n"
INIS = {
    "no final newline": INI.removesuffix(b"\n"),
    "CRLF": INI.replace(b"\n", b"\r\n"),
    "BOM": b"\xef\xbb\xbf" + INI,
    "comments": b"# first\n" + INI + b"\n\n; and last\n",
    "all of it": b"\xef\xbb\xbf" + INI.replace(b"\n", b"\r\n").removesuffix(b"\r\n"),
    "empty": b"",
}


@pytest.mark.parametrize("case", INIS)
def test_an_odd_ini_file_keeps_its_bytes(project: Path, trainergen: Run, scaffold: Tree, case: str) -> None:
    write_tree(project, {**scaffold, "config.ini": INIS[case]})
    before = read_tree(project)

    answer = trainergen(*command())

    assert answer.exit == 0, answer.stdout
    after = (project / "config.ini").read_bytes()
    assert after.startswith(INIS[case])
    new = after.removeprefix(INIS[case])
    assert b"[train_net]" in new
    assert new.endswith(b"\n")
    assert b"\r\n" not in new if b"\r\n" not in INIS[case] else b"\n" not in new.replace(b"\r\n", b"")
    assert trainergen("undo").exit == 0
    assert read_tree(project) == before


HOUSE = '[tool.trainergen]\ntemplates = "house"\n'
# case -> files, what the answer says
SETTINGS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "an undefined variable in a template": (
        {"pyproject.toml": HOUSE, "house/torch/blocks/validate.py.j2": "# ours\n{{ nosuch }}\n"},
        ("'nosuch' is undefined", "--> house/torch/blocks/validate.py.j2:2", "remove the file"),
    ),
    "a template that does not parse": (
        {"pyproject.toml": HOUSE, "house/frame.py.j2": "# ours\n{% if %}\n"},
        ("your template can't be rendered", "--> house/frame.py.j2:2", "correct that line"),
    ),
    "no folder of templates": (
        {"pyproject.toml": HOUSE},
        ("the folder of template overrides does not exist", "templates = "),
    ),
    "an unknown key": (
        {"pyproject.toml": '[tool.trainergen]\n\noptimiser = "adam"\n'},
        ("[tool.trainergen] has no key 'optimiser'", "--> pyproject.toml:3", "did you mean optimizer?"),
    ),
    "a value of the wrong type": (
        {"pyproject.toml": '[tool.trainergen]\nvendor = "yes"\n'},
        ("vendor must be true or false", "--> pyproject.toml:2", "write vendor = true"),
    ),
    "a file that does not parse": (
        {"pyproject.toml": "[tool.trainergen\n"},
        ("pyproject.toml does not parse", "--> pyproject.toml:1", "correct it first"),
    ),
    "an unknown word as default": (
        {"pyproject.toml": '[tool.trainergen]\noptimizer = "adamm"\n'},
        ("adamm", "did you mean adam"),
    ),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_and_templates_that_can_not_be_used(project: Path, trainergen: Run, case: str) -> None:
    files, says = SETTINGS[case]
    refuse(project, trainergen, 2, says, files={"model.py": model(), **files})


def ask_machine(folder: Path, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    words = [*prefix, sys.executable, "-m", "trainergen", *command()]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("closed", [".", pytest.param("train", marks=pytest.mark.slow)])
def test_a_folder_that_can_not_be_written_to(project: Path, scaffold: Tree, closed: str) -> None:
    prefix: tuple[str, ...] = ()
    if AS_ROOT:  # root writes wherever it likes, unless these two rights are taken from it
        prefix = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
        if shutil.which("setpriv") is None or subprocess.run([*prefix, "true"], check=False).returncode:
            pytest.skip("root, and no way to be less")
    write_tree(project, dict(scaffold))
    (project / closed).chmod(0o555)
    before = read_tree(project)
    try:
        answer = ask_machine(project, prefix)
        assert answer.returncode == 6, answer.stdout + answer.stderr
        assert "nothing was written: permission denied" in answer.stdout
        assert f"--> {(project / closed).resolve()}" in answer.stdout
        assert "= help: give yourself write permission there" in answer.stdout
        assert "  insert  " not in answer.stdout
        assert read_tree(project) == before
    finally:
        (project / closed).chmod(0o755)


FULL = """
mount -t tmpfs -o size=64k none "$1" && cp "$2/model.py" "$1" && cd "$1" || exit 99
state() { find . -exec ls -ld --time-style=+ {} + ; cksum model.py; }
state > "$2/before"
shift 2
"$@"
code=$?
state > "$OLDPWD/after"
exit $code
"""


def test_a_full_disk(project: Path, tmp_path: Path) -> None:
    prefix = ("unshare", "-m") if AS_ROOT else ("unshare", "-rm")
    probe = [*prefix, "sh", "-c", "mount -t tmpfs none /mnt"]
    if shutil.which("unshare") is None or subprocess.run(probe, check=False).returncode:
        pytest.skip("no mounts of our own here")
    write_tree(tmp_path, {"model.py": model()})
    answer = ask_machine(tmp_path, (*prefix, "sh", "-c", FULL, "sh", str(project), str(tmp_path)))
    assert answer.returncode == 6, answer.stdout + answer.stderr
    assert "nothing was written: no space left on device" in answer.stdout
    assert "= help: free some space on that disk" in answer.stdout
    assert "  create  " not in answer.stdout
    assert (tmp_path / "after").read_text() == (tmp_path / "before").read_text() != ""
    assert BATCH not in answer.stderr
