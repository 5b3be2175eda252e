"""What a project's train/cli.py calls."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.building import write_tree
from tests.runtime.toys import ToyTrainer
from trainergen.runtime import ConfigError
from trainergen.runtime.entry import find_trainer, list_trainers, load_trainer, parse_overrides, run_trainer

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
