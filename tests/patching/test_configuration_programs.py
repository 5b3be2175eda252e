"""Settings that programs keep: options of argparse, hydra's groups, yacs trees, Python modules, constructors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.patching.configured_projects import FIELDS, holds, move_in, sibling
from trainergen.patching.configuration import Field

WINE, BEER = sibling("WineTrainer", "train/wine_trainer.py"), sibling("BeerTrainer", "train/beer_trainer.py")
BASE = """
class BaseTrainer:
    def __init__(self, args):
        self.args = args
        self.epochs = args.epochs
        self.optimizer = (args.lr, getattr(args, "wd", 0.0))
"""
TRAINER = "from train.base import BaseTrainer\n\n\nclass {name}Trainer(BaseTrainer):\n    pass\n"
TRAINERS = {
    "train/base.py": BASE,
    "train/wine_trainer.py": TRAINER.format(name="Wine"),
    "train/beer_trainer.py": TRAINER.format(name="Beer"),
}
OPTIONS = """\
import argparse


def get_parser():
    parser = argparse.ArgumentParser()
    parser.add_argument('--epochs', '-e', type=int, default=3, help='how often')
    parser.add_argument('--lr', type=float, default=1e-3,
                        help='rate')  # the rate
    parser.add_argument('--save-dir', default='out')
    # parser.add_argument('--old')
    return parser


def main():
    args = get_parser().parse_args()


if __name__ == '__main__':
    main()
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_options_that_exist_are_used_and_others_added(tmp_path: Path, ends: str) -> None:
    moved = move_in({**TRAINERS, "main.py": OPTIONS.replace("\n", ends)}, [WINE, BEER])
    assert moved.place.style == "argument_parser"
    result = moved.configuration
    assert result.shared == {"learning_rate": "0.001", "num_epochs": "3", "model_save_directory": "'out'"}
    assert result.access["model_save_directory"] == "{config}.save_dir"
    text = moved.files["main.py"].decode().replace(ends, "\n")
    assert (
        "    parser.add_argument('--save-dir', default='out')\n"
        "    parser.add_argument('--batch-size', type=int, default=16, help='Samples a step')\n"
        "    parser.add_argument(\n"
        "        '--shuffle',\n"
        "        action=argparse.BooleanOptionalAction,\n"
        "        default=True,\n"
        "        help='Draw the samples in a new order each epoch',\n"
        "    )\n" in text
    )
    holds(moved, tmp_path)


def test_no_option_is_added_where_all_exist(tmp_path: Path) -> None:
    moved = move_in({**TRAINERS, "main.py": OPTIONS}, [WINE, BEER], fields=FIELDS[:2])
    assert not moved.configuration.edits
    assert not moved.configuration.slots
    holds(moved, tmp_path)


def test_options_that_a_function_parses_by_itself(tmp_path: Path) -> None:
    text = OPTIONS.replace("def get_parser", "def parse_args").replace("return parser", "return parser.parse_args()")
    moved = move_in({**TRAINERS, "main.py": text}, [WINE, BEER])
    holds(moved, tmp_path)


def test_trainers_that_add_their_own_options(tmp_path: Path) -> None:
    trainer = TRAINER.replace("    pass\n", "") + """
    @staticmethod
    def add_args(parser):
        parser.add_argument("--{low}_size", type=int, default=3)
        parser.add_argument("--lr", type=float, default=1e-3)
        parser.add_argument("--epochs", type=int, default=1)
"""
    files = {
        "train/base.py": BASE,
        "train/wine_trainer.py": trainer.format(name="Wine", low="wine"),
        "train/beer_trainer.py": trainer.format(name="Beer", low="beer"),
    }
    moved = move_in(files, [WINE, BEER])
    result = moved.configuration
    assert not result.edits
    assert result.member.startswith("@staticmethod\ndef add_args(parser):\n    parser.add_argument(")
    body = "".join(f"    {line}\n" for line in result.member.splitlines())
    moved.files["train/digits_net_trainer.py"] = f"import argparse\n\n\nclass DigitsNetTrainer:\n{body}".encode()
    holds(moved, tmp_path)


HYDRA_MAIN = """
import hydra


@hydra.main(version_base=None, config_path="{folder}", config_name="config")
def main(cfg):
    train(cfg)


if __name__ == "__main__":
    main()
"""
HYDRA_BASE = """
class BaseTrainer:
    def __init__(self, cfg):
        self.cfg = cfg
        self.epochs = cfg.trainer.epochs
        self.lr = self.cfg.trainer.optim.lr
"""
HYDRA = {
    "train/base.py": HYDRA_BASE,
    "train/wine_trainer.py": TRAINER.format(name="Wine"),
    "train/beer_trainer.py": TRAINER.format(name="Beer"),
    "main.py": HYDRA_MAIN.format(folder="conf"),
    "conf/config.yaml": "defaults:\n  - trainer: wine\n  - _self_\n\nseed: 1\nroot: out\n",
    "conf/trainer/wine.yaml": "_target_: train.wine_trainer.WineTrainer\nepochs: 3\nsave_dir: ${root}/wine\noptim:\n    lr: 1e-3\n",
    "conf/trainer/beer.yaml": "_target_: train.beer_trainer.BeerTrainer\nepochs: 3\nsave_dir: ${root}/beer\noptim:\n    lr: 1e-3\n",
}


def test_a_group_of_hydra(tmp_path: Path) -> None:
    pytest.importorskip("hydra")
    trainer = TRAINER.replace("    pass", "    def go(self):\n        return self.cfg.trainer.optim.lr")
    files = {**HYDRA, "train/wine_trainer.py": trainer.format(name="Wine")}
    moved = move_in(files, [WINE, BEER])
    assert moved.place.style == "hydra_group"
    assert not moved.configuration.edits
    assert moved.configuration.access["learning_rate"] == "{config}.trainer.optim.lr"
    assert moved.configuration.created["conf/trainer/digits_net.yaml"] == (
        "_target_: train.digits_net_trainer.DigitsNetTrainer\nepochs: 7\nsave_dir: runs/digits\noptim:\n    lr: 1.0e-5\n"
        "batch_size: 16\nshuffle: true\nmodel_hidden_size: 64\n"
    )
    holds(moved, tmp_path)


def test_a_group_that_hydra_instantiates_gives_arguments(tmp_path: Path) -> None:
    trainer = TRAINER.replace("    pass", "    def __init__(self, epochs, lr, model=None):\n        self.lr = lr")
    files = {
        **HYDRA,
        "train/wine_trainer.py": trainer.format(name="Wine"),
        "train/beer_trainer.py": trainer.format(name="Beer"),
        "conf/trainer/wine.yaml": "_target_: train.wine_trainer.WineTrainer\nepochs: 3\nlr: 0.1\n",
        "conf/trainer/beer.yaml": "_target_: train.beer_trainer.BeerTrainer\nepochs: 3\nlr: 0.1\n",
    }
    moved = move_in(files, [WINE, BEER])
    assert {each: field.name for each, field in moved.configuration.arguments.items()}["learning_rate"] == "lr"
    pytest.importorskip("hydra")
    holds(moved, tmp_path)


def test_experiments_of_hydra_keep_their_package(tmp_path: Path) -> None:
    pytest.importorskip("hydra")
    files = {path: text for path, text in HYDRA.items() if not path.startswith("conf/trainer")}
    one = "# @package _global_\ntrainer:\n  epochs: 3\n  optim:\n    lr: 0.1\n"
    files |= {
        "conf/config.yaml": "trainer: {epochs: 1}\n",
        "conf/experiment/wine.yaml": one,
        "conf/experiment/beer.yaml": one,
    }
    moved = move_in(files, [WINE, BEER])
    text = moved.configuration.created["conf/experiment/digits_net.yaml"]
    assert text.startswith("# @package _global_\ntrainer:\n  epochs: 7\n  optim:\n    lr: 1.0e-5\n  batch_size: 16\n")
    holds(moved, tmp_path)


YACS = """\
from yacs.config import CfgNode as CN

_C = CN()
_C.SEED = 1

# how it learns
_C.TRAIN = CN()
_C.TRAIN.LR = 1e-3  # rate
_C.TRAIN.EPOCHS = 10

_C.DATA = CN()
_C.DATA.BATCH_SIZE = 8


def get_cfg_defaults():
    return _C.clone()
"""
YACS_BASE = """
class BaseTrainer:
    def __init__(self, cfg):
        self.cfg = cfg
        self.lr = cfg.TRAIN.LR
"""
YACS_FILES = {"train/base.py": YACS_BASE, "train/wine_trainer.py": TRAINER.format(name="Wine"), "config.py": YACS}


def test_a_tree_of_yacs_gets_what_it_lacks(tmp_path: Path) -> None:
    moved = move_in(YACS_FILES, [WINE])
    assert moved.place.style == "yacs_tree"
    assert moved.configuration.shared == {"learning_rate": "0.001", "num_epochs": "10", "batch_size": "8"}
    text = moved.files["config.py"].decode()
    assert "_C.DATA.BATCH_SIZE = 8\n_C.DATA.SHUFFLE = True\n" in text
    pytest.importorskip("yacs")
    holds(moved, tmp_path)


def test_a_node_of_a_tree_of_yacs(tmp_path: Path) -> None:
    tree = YACS.replace("_C.DATA", "_C.WINE").replace("\n\ndef", "_C.BEER = CN()\n_C.BEER.LR = 1.0\n\n\ndef")
    base = YACS_BASE.replace("cfg.TRAIN.LR", "cfg.LR")
    moved = move_in({**YACS_FILES, "train/base.py": base, "config.py": tree}, [WINE, BEER])
    text = moved.files["config.py"].decode()
    assert "_C.BEER.LR = 1.0\n\n_C.DIGITS_NET = CN()\n_C.DIGITS_NET.LR = 1e-05\n" in text
    pytest.importorskip("yacs")
    holds(moved, tmp_path)


def test_files_that_are_merged_into_a_tree_of_yacs(tmp_path: Path) -> None:
    one = "TRAIN:\n  LR: 0.1\n  EPOCHS: 2\n"
    moved = move_in({**YACS_FILES, "configs/wine.yaml": one, "configs/beer.yaml": one}, [WINE, BEER])
    assert list(moved.configuration.created) == ["configs/digits_net.yaml"]
    assert moved.configuration.load is not None
    assert moved.configuration.load.merge == "configs/digits_net.yaml"
    pytest.importorskip("yacs")
    holds(moved, tmp_path)


DICT_BASE = """
class BaseTrainer:
    def __init__(self, config):
        self.config = config
        self.lr = config["optim"]["lr"]
"""


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            'WINE_CONFIG = {\n    "optim": {"lr": 0.1},  # rate\n    "epochs": 3,\n}\n\nBEER_CONFIG = {\n    "optim": {"lr": 0.1},\n}\n',
            '\nDIGITS_NET_CONFIG = {\n    "optim": {\n        "lr": 1e-05,\n    },\n    "num_epochs": 7,\n',
        ),
        (
            "wine = dict(optim=dict(lr=0.1), epochs=3)\nbeer = dict(optim=dict(lr=0.1), epochs=3)",
            "\n\ndigits_net = dict(\n    optim=dict(\n        lr=1e-05,\n    ),\n    epochs=7,\n",
        ),
        (
            'CONFIGS = {\n    "wine": {"optim": {"lr": 0.1}},\n    "beer": {"optim": {"lr": 0.1}},\n}\n',
            '    "digits_net": {\n        "optim": {\n            "lr": 1e-05,\n        },\n',
        ),
        (
            'CONFIGS = {"wine": {"optim": {"lr": 0.1}}, "beer": {"optim": {"lr": 0.1}}}\n',
            ', "digits_net": {"optim": {"lr": 1e-05}, "num_epochs": 7,',
        ),
    ],
)
def test_dicts_in_a_python_module(tmp_path: Path, settings: str, expected: str) -> None:
    moved = move_in({**TRAINERS, "train/base.py": DICT_BASE, "settings.py": settings}, [WINE, BEER])
    assert moved.place.style == "python_module"
    assert expected in moved.files["settings.py"].decode()
    holds(moved, tmp_path)


def test_a_module_of_constants_a_trainer(tmp_path: Path) -> None:
    one = "# constants\nlr = 0.1\nepochs = 3\n"
    trainer = "from configs import {low} as config\n" + TRAINER
    files = {
        "train/base.py": BASE,
        "configs/__init__.py": "",
        "configs/wine.py": one,
        "configs/beer.py": one,
        "train/wine_trainer.py": trainer.format(name="Wine", low="wine"),
        "train/beer_trainer.py": trainer.format(name="Beer", low="beer"),
    }
    moved = move_in(files, [WINE, BEER])
    assert list(moved.configuration.created) == ["configs/digits_net.py"]
    assert moved.configuration.imports == (("configs", "digits_net"),)
    holds(moved, tmp_path)


def test_one_module_of_constants_for_all(tmp_path: Path) -> None:
    trainer = "import config\n" + TRAINER.replace("    pass", "    lr = config.LR")
    files = {
        "train/base.py": "class BaseTrainer:\n    pass\n",
        "config.py": "LR = 0.1  # rate\nEPOCHS = 3",
        "train/wine_trainer.py": trainer.format(name="Wine"),
        "train/beer_trainer.py": trainer.format(name="Beer"),
    }
    moved = move_in(files, [WINE, BEER])
    assert moved.configuration.access["batch_size"] == "{config}.BATCH_SIZE"
    assert moved.files["config.py"].decode().startswith("LR = 0.1  # rate\nEPOCHS = 3\nBATCH_SIZE = 16\n")
    holds(moved, tmp_path)


def test_a_constructor_s_arguments() -> None:
    trainer = TRAINER.replace("    pass", "    def __init__(self, model, lr=0.1, n_epochs=3):\n        self.lr = lr")
    files = {"train/base.py": "class BaseTrainer:\n    pass\n", "train/wine_trainer.py": trainer.format(name="Wine")}
    moved = move_in(files, [WINE])
    assert moved.place.style == "constructor"
    assert moved.configuration.access["learning_rate"] == "lr"
    assert moved.configuration.arguments["num_epochs"] == Field("n_epochs", "7", "int", FIELDS[1].doc)
    assert moved.configuration.load is None
    assert not moved.configuration.edits


def test_dicts_that_a_constructor_is_handed() -> None:
    base = """
class BaseTrainer:
    def __init__(self, model_config: dict, training_config: dict, output_dir="models"):
        self.model = make(model_config["hidden_size"], model_config["layers"])
        self.lr = training_config["learning_rate"]
        self.decay = training_config.get("weight_decay", 0.0)
"""
    files = {**TRAINERS, "train/base.py": base}
    moved = move_in(files, [WINE, BEER])
    assert moved.configuration.access["learning_rate"] == 'training_config["learning_rate"]'
    assert moved.configuration.access["model_hidden_size"] == 'model_config["hidden_size"]'
    assert moved.configuration.access["batch_size"] == 'training_config.get("batch_size", 16)'


def test_options_of_a_script_without_a_function(tmp_path: Path) -> None:
    text = (
        "from argparse import ArgumentParser\n\nparser = ArgumentParser()\nparser.add_argument('--lr', type=float, default=.1)\n"
        "parser.add_argument('--epochs', type=int, default=3)\n\nif __name__ == '__main__':\n    args = parser.parse_args()\n"
    )
    moved = move_in({**TRAINERS, "options.py": text}, [WINE, BEER])
    after = moved.files["options.py"].decode()
    assert "from argparse import ArgumentParser, BooleanOptionalAction\n" in after
    assert "default=3)\nparser.add_argument('--batch_size', type=int, default=16)\n" in after
    holds(moved, tmp_path)
