"""Subcommands of argparse that are called after the trainers: a new one, as its siblings have theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.patching.configured_projects import holds, move_in, sibling
from trainergen.errors import Conflict
from trainergen.patching.joining import Entry

WINE, BEER = sibling("WineTrainer", "train/wine_trainer.py"), sibling("BeerTrainer", "train/beer_trainer.py")
TRAINER = """
from train.base import BaseTrainer


class {name}Trainer(BaseTrainer):
    def rate(self):
        return self.args.lr
"""
TRAINERS = {
    "train/base.py": "class BaseTrainer:\n    def __init__(self, args):\n        self.args = args\n        self.epochs = args.epochs\n",
    "train/wine_trainer.py": TRAINER.format(name="Wine"),
    "train/beer_trainer.py": TRAINER.format(name="Beer"),
}
PARENTS = """\
import argparse

from train.beer_trainer import BeerTrainer
from train.wine_trainer import WineTrainer


def parse_args(argv=None):
    parser = argparse.ArgumentParser()
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument('--batch-size', type=int, default=8)
    common.add_argument('--epochs', type=int, default=3)
    commands = parser.add_subparsers(dest='trainer', required=True)

    p = commands.add_parser('train-wine', parents=[common], help='a WineTrainer')
    p.add_argument('--lr', type=float, default=1e-3,
                   help='rate for wine')  # the rate
    p.add_argument('--shuffle', action='store_true')
    p.add_argument('--grapes', type=int, default=3)
    p.set_defaults(trainer_class=WineTrainer, epochs=5)

    p = commands.add_parser('train-beer', parents=[common], help='a BeerTrainer')
    p.add_argument('--lr', type=float, default=1e-3,
                   help='rate for beer')  # the rate
    p.add_argument('--shuffle', action='store_true')
    p.add_argument('--hops', type=int, default=3)
    p.set_defaults(trainer_class=BeerTrainer, epochs=9)
    return parser.parse_args(argv)
"""
MODULE = """\
import argparse

parser = argparse.ArgumentParser()
commands = parser.add_subparsers()
wine_parser = commands.add_parser("wine")
wine_parser.add_argument("--lr", type=float, default=0.1)
wine_parser.add_argument("--epochs", type=int, required=True)
beer_parser = commands.add_parser("beer")
beer_parser.add_argument("--lr", type=float, default=0.1)
beer_parser.add_argument("--epochs", type=int, required=True)
beer_parser.add_argument("--data", required=True)
wine_parser.add_argument("--data", required=True)
if __name__ == "__main__":
    args = parser.parse_args()"""
GIVEN = """\
from argparse import ArgumentParser


def common(parser):
    parser.add_argument("--lr", type=float, default=0.1)


def add_commands(subparsers):
    wine = subparsers.add_parser("wine")
    common(wine)
    wine.add_argument("--epochs", type=int, default=1)
    beer = subparsers.add_parser("beer")
    common(beer)
    beer.add_argument("--epochs", type=int, default=1)


def get_parser():
    parser = ArgumentParser()
    add_commands(parser.add_subparsers())
    return parser
"""
LOOP = """\
import argparse


def get_parser():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for name in ("wine", "beer"):
        command = commands.add_parser(name)
        command.add_argument("--lr", type=float, default=0.1)
        command.add_argument("--epochs", type=int, default=1)
    return parser
"""
FLAT = """\
import argparse


def get_parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=["wine", "beer"])
    parser.add_argument("--data", required=True)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=1)
    return parser
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_command_s_lines_are_its_sibling_s(tmp_path: Path, ends: str) -> None:
    moved = move_in({**TRAINERS, "options.py": PARENTS.replace("\n", ends)}, [BEER, WINE])
    moved.files["train/digits_net_trainer.py"] = b"class DigitsNetTrainer:\n    pass\n"
    assert moved.place.symbol == "train-{snake}"
    assert moved.configuration.shared == {"batch_size": "8"}
    text = moved.files["options.py"].decode().replace(ends, "\n")
    assert text.index("train-beer") < text.index("train-digits_net")
    assert (
        "\n\n    p = commands.add_parser('train-digits_net', parents=[common], help='a DigitsNetTrainer')\n"
        "    p.add_argument('--lr', type=float, default=1e-05,\n"
        "                   help='rate for digits_net')\n"
        "    p.add_argument(\n        '--shuffle',\n        action=argparse.BooleanOptionalAction,\n        default=True,\n"
        in text
    )
    assert "    p.set_defaults(trainer_class=DigitsNetTrainer, epochs=7)\n    return" in text
    assert "from train.digits_net_trainer import DigitsNetTrainer\n" in text
    assert text.count("--hops") == 1
    holds(moved, tmp_path)


def test_commands_of_a_module(tmp_path: Path) -> None:
    moved = move_in({**TRAINERS, "options.py": MODULE}, [WINE, BEER])
    text = moved.files["options.py"].decode()
    assert 'digits_net_parser = commands.add_parser("digits_net")\n' in text
    assert 'digits_net_parser.add_argument("--epochs", type=int, default=7)\n' in text
    assert 'digits_net_parser.add_argument("--data", required=True)\n' in text
    holds(moved, tmp_path)


def test_commands_that_are_given_options_by_a_function(tmp_path: Path) -> None:
    moved = move_in({**TRAINERS, "options.py": GIVEN}, [WINE, BEER])
    assert moved.configuration.shared == {"learning_rate": "0.1"}
    text = moved.files["options.py"].decode()
    assert '    digits_net = subparsers.add_parser("digits_net")\n    common(digits_net)\n' in text
    holds(moved, tmp_path)


@pytest.mark.parametrize(
    ("before", "after"),
    [('("wine", "beer")', '("wine", "beer", "digits_net")'), ("'wine', 'beer'", "'wine', 'beer', 'digits_net'")],
)
def test_commands_of_a_list_of_names(tmp_path: Path, before: str, after: str) -> None:
    moved = move_in({**TRAINERS, "options.py": LOOP.replace('("wine", "beer")', before)}, [WINE, BEER])
    assert f"    for name in {after}:\n" in moved.files["options.py"].decode()
    assert moved.configuration.shared == {"learning_rate": "0.1", "num_epochs": "1"}
    holds(moved, tmp_path)


def test_what_has_to_be_typed_is_typed(tmp_path: Path) -> None:
    moved = move_in({**TRAINERS, "options.py": FLAT}, [WINE, BEER])
    holds(moved, tmp_path)


@pytest.mark.parametrize(
    "text", [PARENTS.replace("train-wine", "train-digits_net"), LOOP.replace('"wine"', '"Digits_Net"')]
)
def test_a_taken_command_is_refused(text: str) -> None:
    with pytest.raises(Conflict, match="already"):
        move_in({**TRAINERS, "options.py": text}, [WINE, BEER])


@pytest.mark.parametrize(
    ("name", "file", "class_name"),
    [
        ("train_wine", "train/wine_training.py", "train_digits_net"),
        ("wine_fit", "train/wine_training.py", "digits_net_fit"),
    ],
)
def test_functions_have_settings_as_classes_do(tmp_path: Path, name: str, file: str, class_name: str) -> None:
    settings = "WINE = {\n    'lr': 0.1,\n    'epochs': 3,\n}\n"
    function = f"import settings\n\n\ndef {name}(config=None):\n    config = config or settings.WINE\n    return config['lr']\n"
    entry = Entry("digits_net", class_name, "train.digits_net_training", "train/digits_net_training.py")
    moved = move_in({file: function, "settings.py": settings}, [sibling(name, file)], base=file, entry=entry)
    assert moved.place.style == "python_module"
    assert moved.place.symbol == "{UPPER}"
    assert moved.files["settings.py"].decode().startswith(settings + "\nDIGITS_NET = {\n    'lr': 1e-05,\n")
    holds(moved, tmp_path)


def test_a_function_s_config_class_is_called_after_it(tmp_path: Path) -> None:
    text = "from dataclasses import dataclass\n\n\n@dataclass\nclass WineConfig:\n    lr: float = 0.1\n    epochs: int = 3\n"
    function = (
        "from settings import WineConfig\n\n\ndef train_wine(config: WineConfig | None = None):\n"
        "    config = config or WineConfig()\n    return config.lr\n"
    )
    entry = Entry("digits_net", "train_digits_net", "train.digits_net", "train/digits_net.py")
    moved = move_in(
        {"train/wine.py": function, "settings.py": text},
        [sibling("train_wine", "train/wine.py")],
        base="train/wine.py",
        entry=entry,
    )
    assert moved.configuration.annotation == "DigitsNetConfig"
    assert moved.configuration.construct == "DigitsNetConfig()"
    assert moved.configuration.imports == (("settings", "DigitsNetConfig"),)
    holds(moved, tmp_path)
