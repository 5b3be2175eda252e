"""What the command line promises beside `new`: where it prints, in which colours, what it lists, its defaults, its help."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import trainergen as package
from tests.building import read_tree, write_tree
from tests.cli.test_new import BATCH, DATA, DIGITS, NEW, Run, schema
from tests.forking import run_script

LOADER = ("--loader", "data:build_loader")
SECTIONS = ("patterns", "losses", "metrics", "optimizers", "schedulers", "registries", "templates", "trainers")


def terminal(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """``trainergen ARGS`` in a process of its own, its output in pipes."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return subprocess.run(
        [sys.executable, "-m", "trainergen", *arguments], capture_output=True, text=True, env=kept | variables
    )


# ---------------------------------------------------------------------------------------------- streams and colour


@pytest.mark.parametrize(
    ("arguments", "variables", "colored"),
    [
        ((), {}, False),  # a pipe
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "0"}, False),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_is_asked_for_or_left_out(
    project: Path,
    trainergen: Run,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    variables: dict[str, str],
    colored: bool,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    answer = trainergen("init", "--dry-run", *arguments)
    assert answer.exit == 0
    assert ("\033[32mcreate\033[0m" in answer.stdout) is colored
    assert ("\033" in answer.stdout) is colored


@pytest.mark.parametrize(("variables", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_gets_colour_on_the_verb_alone(project: Path, variables: dict[str, str], colored: bool) -> None:
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-m", "trainergen", "init", "--dry-run"]
    process = subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env=kept | {"TERM": "xterm"} | variables)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while chunk := os.read(ours, 4096):
            seen += chunk
    os.close(ours)
    assert process.wait() == 0
    process.communicate()
    lines = seen.decode().splitlines()
    verb = "\033[32mcreate\033[0m" if colored else "create"
    assert lines[0].startswith(f"  {verb}  .gitignore")
    assert lines[0].count("\033") == (2 if colored else 0)


def test_results_go_to_stdout_and_progress_to_stderr(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    loud = trainergen(*NEW, "--batch", BATCH, "--dry-run", "-v")
    assert loud.stderr.splitlines() == [
        f"trainergen: {said}" for said in ("reading the project", "building the model", "rendering", "proving")
    ]
    assert "trainergen: " not in loud.stdout
    plain = trainergen(*NEW, "--batch", BATCH, "--dry-run")
    assert plain.stderr == ""  # no terminal, nothing to watch
    as_data = trainergen(*NEW, "--batch", BATCH, "--dry-run", "--json", "-v")
    assert as_data.stderr == loud.stderr
    assert as_data.data["ok"] is True


def test_quiet_leaves_the_closing_line_and_errors(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    done = trainergen(*NEW, "--batch", BATCH, "-q")
    assert (done.exit, len(done.stdout.splitlines()), done.stderr) == (0, 1, "")
    assert done.stdout.startswith("Done in ")
    failed = trainergen("new", "--model", "model.py:Digits", "--batch", BATCH, "-q")
    assert failed.exit == 2
    assert "error: no class Digits in model.py" in failed.stdout
    assert "did you mean DigitsNet?" in failed.stdout


def test_the_version_is_the_packages(trainergen: Run) -> None:
    assert trainergen("--version").stdout == f"trainergen {package.__version__}\n"


# ---------------------------------------------------------------------------------------------- completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_trainergen_back(trainergen: Run, shell: str) -> None:
    answer = trainergen("completion", shell)
    assert answer.exit == 0
    assert f"_TRAINERGEN_COMPLETE={shell}_complete" in answer.stdout
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=answer.stdout, text=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("trainergen n", ["new"]),
        ("trainergen list tr", ["trainers"]),
        ("trainergen new --op", ["--optimizer", "--optimizer-arg"]),
    ],
)
def test_a_tab_completes(words: str, expected: list[str]) -> None:
    answer = terminal(_TRAINERGEN_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split()) - 1))
    assert [line.removeprefix("plain,") for line in answer.stdout.splitlines()] == expected, answer.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_tab_completes_in_a_real_shell(tmp_path: Path, trainergen: Run) -> None:
    script = trainergen("completion", "bash").stdout
    write_tree(tmp_path, {"bin/trainergen": f'#!/bin/sh\nexec {sys.executable} -m trainergen "$@"\n', "script": script})
    (tmp_path / "bin/trainergen").chmod(0o755)
    asked = (
        f"source {tmp_path}/script; COMP_WORDS=(trainergen n); COMP_CWORD=1;"
        " _trainergen_completion trainergen; echo ${COMPREPLY[@]}"
    )
    answer = subprocess.run(
        ["bash", "--norc", "-c", asked],
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"},
    )
    assert answer.stdout.split() == ["new"], answer.stderr


# ---------------------------------------------------------------------------------------------- did you mean


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nwe",), "no command 'nwe': did you mean new?"),
        (("new", "--modle", "m.py:Net"), "--model"),
        (("list", "patternz"), "no section 'patternz': did you mean patterns?"),
        (("completion", "bsh"), "bash"),
        (("new",), "--model"),
    ],
)
def test_a_misspelt_invocation_is_refused_with_what_was_meant(
    project: Path, trainergen: Run, arguments: tuple[str, ...], says: str
) -> None:
    answer = trainergen(*arguments)
    assert (answer.exit, answer.stdout) == (2, "")
    assert says in answer.stderr
    as_data = trainergen(*arguments, "--json")
    assert as_data.exit == 2
    if arguments[0] in ("new", "list"):
        jsonschema.validate(as_data.data, schema(arguments[0]))
        assert says in as_data.data["result"]["error"]["message"]


def test_a_misspelt_key_of_pyproject_is_named_with_its_line(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "pyproject.toml": "[tool.trainergen]  # ours\n\noptimiser = 'sgd'\n"})
    before = read_tree(project)
    for arguments in ((*NEW, "--batch", BATCH), ("init",), ("list",)):
        answer = trainergen(*arguments)
        assert answer.exit == 2, answer.stdout
        assert "[tool.trainergen] has no key 'optimiser'" in answer.stdout
        assert "--> pyproject.toml:3" in answer.stdout
        assert "did you mean optimizer?" in answer.stdout
    assert read_tree(project) == before


# ---------------------------------------------------------------------------------------------- defaults


def settings(**values: object) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(["[tool.trainergen]", *lines, ""])


def test_each_default_of_pyproject_has_its_effect(project: Path, trainergen: Run) -> None:
    house = "{# Ours. #}\n        self.step_of_ours = True\n        loss: torch.Tensor = {{ loss.expression }}\n"
    write_tree(
        project,
        {
            "model.py": DIGITS,
            "data.py": DATA,
            "house/blocks/loss.py.j2": house,
            "pyproject.toml": settings(
                package="ml", optimizer="sgd", scheduler="cosine", vendor=True, templates="house", limit="time=100"
            ),
        },
    )
    answer = trainergen(*NEW, *LOADER)
    assert answer.exit == 0, answer.stdout
    trainer = (project / "ml/train/digits_net_trainer.py").read_text()
    assert "return SGD(" in trainer
    assert "CosineAnnealingLR(" in trainer
    assert "self.step_of_ours = True" in trainer
    assert (project / "ml/train/_runtime/trainer.py").is_file()

    assert trainergen("undo").exit == 0
    said = trainergen(*NEW, *LOADER, "--package", "other", "--optimizer", "rmsprop", "--scheduler", "step")
    assert said.exit == 0, said.stdout
    trainer = (project / "other/train/digits_net_trainer.py").read_text()
    assert "return RMSprop(" in trainer  # the command line wins
    assert "StepLR(" in trainer


@pytest.mark.parametrize(
    ("key", "value", "option", "says"),
    [
        ("device", "tpu", ("--device", "cpu"), "tpu"),
        ("limit", "thyme=3", ("--limit", "time=100"), "did you mean time"),
        ("python", "no/such/python", ("--python", sys.executable), "[tool.trainergen] python: no/such/python"),
        ("templates", "nowhere", None, "correct templates ="),
        ("optimizer", "adamm", ("--optimizer", "adam"), "did you mean adam"),
        ("vendor", "yes", None, "vendor must be true or false"),
    ],
)
def test_a_default_is_read_and_the_option_wins(
    project: Path, trainergen: Run, key: str, value: str, option: tuple[str, str] | None, says: str
) -> None:
    write_tree(project, {"model.py": DIGITS, "pyproject.toml": settings(**{key: value})})
    refused = trainergen(*NEW, "--batch", BATCH, "--dry-run")
    assert refused.exit == 2, refused.stdout
    assert says in refused.stdout
    if option is not None:
        answer = trainergen(*NEW, "--batch", BATCH, "--dry-run", *option)
        assert answer.exit == 0, answer.stdout


# ---------------------------------------------------------------------------------------------- list


def test_list_shows_every_section_as_text_and_data(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    assert trainergen(*NEW, "--batch", BATCH).exit == 0
    whole = trainergen("list", "--json")
    jsonschema.validate(whole.data, schema("list"))
    assert tuple(whole.data["result"]) == SECTIONS
    known = {
        "patterns": "multi-tensor",
        "losses": "listnet",
        "metrics": "ndcg",
        "optimizers": "adamw",
        "schedulers": "plateau",
        "registries": "default",
        "templates": "torch/blocks/loss.py.j2",
        "trainers": "DigitsNetTrainer",
    }
    for section, entry in known.items():
        assert entry in whole.data["result"][section]
        alone = trainergen("list", section)
        rows = [line.split(maxsplit=2) for line in alone.stdout.splitlines()[:-1]]
        assert {row[0] for row in rows} == {section}
        assert list(dict.fromkeys(row[1] for row in rows)) == whole.data["result"][section]
        assert trainergen("list", section, "--json").data["result"] == {section: whole.data["result"][section]}


@pytest.mark.slow
def test_what_is_listed_can_be_asked_for(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    for optimizer in trainergen("list", "optimizers", "--json").data["result"]["optimizers"]:
        answer = trainergen(*NEW, "--batch", BATCH, "--no-proof", "--dry-run", "--optimizer", optimizer)
        assert answer.exit == 0, answer.stdout


# ---------------------------------------------------------------------------------------------- init and undo


def test_init_creates_the_project_once_and_new_uses_it(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "data.py": DATA})
    mine = read_tree(project)
    dry = trainergen("init", "--dry-run", "--json")
    jsonschema.validate(dry.data, schema("init"))
    assert dry.data["result"]["written"] is False
    assert "+++ b/train/base_trainer.py" in dry.data["result"]["diff"]
    assert read_tree(project) == mine

    made = trainergen("init", "--json")
    jsonschema.validate(made.data, schema("init"))
    paths = {each["path"] for each in made.data["result"]["files"]}
    assert {"config.ini", "config/base.py", "train/__init__.py", "train/cli.py", "train.py", "README.md"} <= paths
    assert all((project / path).is_file() for path in paths)
    scaffold = read_tree(project)
    again = trainergen("init")
    assert again.stdout.startswith("Nothing to do (")
    assert read_tree(project) == scaffold

    answer = trainergen(*NEW, *LOADER)
    assert answer.exit == 0, answer.stdout
    assert "read    train/base_trainer.py" in answer.stdout
    assert "Done in" in answer.stdout and "5 files at once" in answer.stdout
    assert trainergen("undo").exit == 0
    assert read_tree(project) == scaffold
    undone = trainergen("undo", "--json")
    jsonschema.validate(undone.data, schema("undo"))
    assert {each["path"] for each in undone.data["result"]["files"]} == paths
    assert read_tree(project) == mine
    assert trainergen("undo").exit == 2


def test_a_project_below_a_package_is_found_again_and_undone_by_itself(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "data.py": DATA})
    before = read_tree(project)
    assert trainergen("init", "--package", "ml", "--vendor").exit == 0
    assert (project / "ml/train/_runtime/trainer.py").is_file()
    alone = read_tree(project)
    assert trainergen("init", "--package", "other").exit == 0
    assert trainergen("undo").exit == 0
    assert read_tree(project) == alone

    answer = trainergen(*NEW, *LOADER)
    assert answer.exit == 0, answer.stdout
    assert "choose  package ml" in answer.stdout
    assert not (project / "train.py").exists()
    trainer = (project / "ml/train/digits_net_trainer.py").read_text()
    assert "from .base_trainer import" in trainer
    assert "from beautilog" not in trainer
    listed = subprocess.run([sys.executable, "-m", "ml", "--list"], capture_output=True, text=True, check=True)
    assert "DigitsNetTrainer" in listed.stdout
    trained = run_script(project, "ml", "DigitsNet", "--dry-run")
    assert trained.returncode == 0, trained.stderr
    for cache in project.rglob("__pycache__"):
        shutil.rmtree(cache)
    assert trainergen("undo").exit == 0
    assert trainergen("undo").exit == 0
    assert read_tree(project) == before


def test_undo_tells_each_file_once(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    created = trainergen(*NEW, "--batch", BATCH, "--json").data["result"]["files"]
    undone = trainergen("undo")
    rows = [line.split() for line in undone.stdout.splitlines()[:-1]]
    assert sorted(row[1] for row in rows) == sorted(each["path"] for each in created)
    assert {row[0] for row in rows} == {"delete"}
    assert f"DigitsNetTrainer, {len(created)} files at once." in undone.stdout.splitlines()[-1]
    nothing = trainergen("undo", "--json")
    jsonschema.validate(nothing.data, schema("undo"))
    assert nothing.data["exit"] == 2
