"""What a project's train/cli.py calls."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.building import write_tree
from tests.runtime.toys import ToyTrainer
from trainergen.runtime import ConfigError
from trainergen.runtime.before import flag_names
from trainergen.runtime.entry import (
    find_trainer,
    list_trainers,
    load_trainer,
    parse_overrides,
    run_command_line,
    run_trainer,
)

ROOT = Path(__file__).resolve().parents[2]

REGISTRY = {
    "DigitsTrainer": "train.digits_trainer:DigitsTrainer",
    "BrokenTrainer": "train.broken_trainer:BrokenTrainer",
    "GoneTrainer": "train.gone_trainer:GoneTrainer",
    "BareTrainer": "train.digits_trainer:BareTrainer",
    "LostTrainer": "train.digits_trainer:LostTrainer",
}


def test_trainers_are_listed_without_being_imported(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "train/digits_trainer.py": '''
                raise SystemExit("imported")
                class DigitsTrainer:
                    """Tells digits apart.

                    More."""
                class BareTrainer: ...
            ''',
            "train/broken_trainer.py": "class BrokenTrainer(:\n",
        },
    )
    assert list_trainers(REGISTRY, tmp_path) == [
        ("DigitsTrainer", "Tells digits apart."),
        ("BrokenTrainer", "(syntax error in broken_trainer.py, line 1)"),
        ("GoneTrainer", f"(no module train.gone_trainer below {tmp_path})"),
        ("BareTrainer", "(no docstring)"),
        ("LostTrainer", "(no class LostTrainer in digits_trainer.py)"),
    ]


def test_trainers_are_found_by_what_one_types() -> None:
    for name in ("DigitsTrainer", "digitstrainer", "digits", "DIGITS"):
        assert find_trainer(name, REGISTRY) == "DigitsTrainer"
    with pytest.raises(LookupError, match=r"no trainer 'digit'; did you mean Digits\?"):
        find_trainer("digit", REGISTRY)


def test_trainers_are_loaded_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path, {"loaded_trainers.py": "from tests.runtime.toys import ToyTrainer\n"})
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert load_trainer("loaded_trainers:ToyTrainer") is ToyTrainer
    with pytest.raises(LookupError, match="loaded_trainers has no class 'Toy'"):
        load_trainer("loaded_trainers:Toy")


def test_a_run_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.ini"
    path.write_text(f"[train_toy]\nmodel_save_directory = {tmp_path / 'out'}\nnum_epochs = 2\ndevice = cpu\n")
    monkeypatch.setenv("TRAINERGEN_CONFIG", str(path))
    assert run_trainer(ToyTrainer, dry_run=True)[-1]["step"] == 6  # 3 batches an epoch, 2 epochs: fewer than ten
    assert run_trainer(ToyTrainer, dry_run=True, max_steps=4)[-1]["step"] == 4
    assert not (tmp_path / "out").exists()
    history = run_trainer(ToyTrainer, ["train_toy.num_epochs=9", "train_toy.batch_size=10"], max_steps=11)
    assert history[-1]["step"] == 11 and len(history) == 2
    assert len(run_trainer(ToyTrainer, resume="auto")) == 2
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("learning_rate=1", "not of the form section.key=value, such as train_toy.learning_rate"),
        ("train_toy.learning_rate", "not of the form"),
        ("train_toi.learning_rate=1", r"\[train_toi\], this trainer reads \[train_toy\]; did you mean train_toy"),
    ],
)
def test_overrides_that_are_none(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_overrides([override], "train_toy")
    assert parse_overrides(["train_toy.a=b=c"], "train_toy") == {"a": "b=c"}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``python train.py`` of a project with one trainer."""
    config = tmp_path / "config.ini"
    settings = f"model_save_directory = {tmp_path / 'out'}\nnum_epochs = 2\ndevice = cpu\nlearning_rate = 0.01\n"
    config.write_text(f"[train_toy]\n{settings}")
    monkeypatch.setenv("TRAINERGEN_CONFIG", str(config))
    registry = {"ToyTrainer": "tests.runtime.toys:ToyTrainer"}
    return lambda *words: run_command_line(registry, words, prog="python train.py", root=ROOT)


def test_the_help_names_every_flag(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command("--help")
    assert ended.value.code == 0
    said = capsys.readouterr().out
    words = ("--list", "--max-steps N", "--resume auto|PATH", "--preflight", "--dry-run", "--fast-dev-run", "--profile",
             "--overfit-batches N", "--find-lr", "--find-batch-size", "--summary")  # fmt: skip
    assert [word for word in words if word not in said] == []
    assert set(flag_names()) == {word.split()[0][2:].replace("-", "_") for word in words[3:]}


@pytest.mark.parametrize(
    ("words", "said", "left"),
    [
        (("--summary",), "148 trainable values", []),
        (("--dry-run", "--max-steps", "2"), "2 steps, train loss", []),
        (("--overfit-batches", "1", "--max-steps", "3"), "1 batches, 3 steps", []),
        pytest.param(("--preflight",), "preflight passed", [], marks=pytest.mark.slow),
        pytest.param(("--fast-dev-run",), "a whole run works", [], marks=pytest.mark.slow),
        pytest.param(("--find-lr", "--max-steps", "30"), "learning_rate", [], marks=pytest.mark.slow),
        pytest.param(("--find-batch-size",), "batch size 90 fits", [], marks=pytest.mark.slow),
        pytest.param(("--profile", "--max-steps", "1"), "1 steps on cpu", ["profiles"], marks=pytest.mark.slow),
    ],
)
def test_each_flag_answers_and_leaves_no_run(
    command: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
    left: list[str],
) -> None:
    assert command("toy", *words, "train_toy.dropout=0") == 0
    told = capsys.readouterr().out
    assert told.startswith("ToyTrainer: ") and said in told.partition("\n")[0]
    folder = tmp_path / "out"
    assert [path.name for path in folder.iterdir()] == left if left else not folder.exists()


def test_a_training_and_the_list_through_the_command_line(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("toy", "--max-steps", "1") == 0 and (tmp_path / "out" / "runs").is_dir()
    assert command("--list") == 0 and capsys.readouterr().out.split(maxsplit=1)[0] == "ToyTrainer"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give the NAME"),
        (("toi",), "did you mean Toy?"),
        (("toy", "--summary", "--profile"), "--profile and --summary: give one of them"),
        (("toy", "--summary", "--resume", "auto"), "--resume goes with a training, not with --summary"),
        (("toy", "--summary", "--max-steps", "3"), "--max-steps says nothing to --summary"),
        (("toy", "--overfit-batches", "0"), "must be a number above 0"),
        (("toy", "--preflight", "train_toy.dropout=x"), "[train_toy] dropout"),
    ],
)
def test_what_does_not_go_together(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    try:
        code = command(*words)
    except SystemExit as ended:
        code = ended.code  # type: ignore[assignment]
    assert code == 2 and said in capsys.readouterr().err


def test_flags_run_on_one_process(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        command("toy", "--preflight")
    assert "--preflight runs on one process, and here are 2" in capsys.readouterr().err


def test_a_flag_that_finds_a_fault_ends_with_one(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyTrainer, "compute_loss", lambda self, batch: self.model(batch[0]).mean() * 0.0)
    assert command("toy", "--preflight") == 1
    said = capsys.readouterr().out
    assert "ToyTrainer: preflight failed" in said and "fault: the gradient of 0.weight is zero" in said
    assert "where: 0.weight (Linear, [16, 2])" in said and "how:   " in said


@pytest.mark.slow
def test_what_no_flag_needs_is_not_imported() -> None:
    program = "import sys, trainergen.runtime; print([name for name in sys.modules if '.before' in name])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
