"""A new trainer's settings join the project's, and its own loader reads them back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.patching.configured_projects import holds, move_in, sibling
from trainergen.errors import Conflict

WINE, BEER = sibling("WineTrainer", "train/wine_trainer.py"), sibling("BeerTrainer", "train/beer_trainer.py")
BASE = """
class BaseTrainer:
    def __init__(self, config):
        self.config = config
        self.epochs = config["epochs"]
        self.clip = config.get("clip", 1.0)
        self.out = config["out_dir"]
"""
TRAINER = """
from train.base import BaseTrainer


class {name}Trainer(BaseTrainer):
    def build(self):
        return self.config["optim"]["lr"], self.config["model"]["hidden"]
"""
TRAINERS = {
    "train/__init__.py": "",
    "train/base.py": BASE,
    "train/wine_trainer.py": TRAINER.format(name="Wine"),
    "train/beer_trainer.py": TRAINER.format(name="Beer"),
}
YAML_MAIN = """
import sys
import yaml


def load_config(path="config.yaml"):
    with open(path, encoding="utf-8-sig") as file:
        return yaml.safe_load(file)


def main():
    config = load_config()
    name = sys.argv[1]
    build(name, config["trainers"][name])
"""
YAML = """\
# settings
seed: 1

trainers:
  wine:
    name: wine
    epochs: 10  # short
    out_dir: runs/wine
    optim: {lr: 1.0e-3}
    data:
      batch_size: 8
    model:
      hidden: 0x10

  beer:
    name: beer
    epochs: 20
    out_dir: runs/beer
    optim:
      lr: 0.1
    data:
      batch_size: 8
    model:
      hidden: 32
# end
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_section_of_a_yaml_file(tmp_path: Path, ends: str, bom: bytes) -> None:
    files = {**TRAINERS, "main.py": YAML_MAIN, "config.yaml": bom + YAML.replace("\n", ends).encode()}
    moved = move_in(files, [WINE, BEER])
    assert moved.place.style == "yaml_file"
    assert moved.configuration.access["learning_rate"] == '{config}["optim"]["lr"]'
    assert moved.configuration.access["model_hidden_size"] == '{config}["model"]["hidden_size"]'
    assert ("epochs",) in moved.place.required
    assert ("clip",) not in moved.place.required
    text = moved.files["config.yaml"].decode("utf-8-sig").replace(ends, "\n")
    assert (
        "\n  digits_net:\n    name: digits_net\n    epochs: 7\n    out_dir: runs/digits\n    optim:\n      lr: 1.0e-5\n"
        in text
    )
    holds(moved, tmp_path)


def test_a_yaml_file_a_trainer(tmp_path: Path) -> None:
    one = "epochs: 10\nout_dir: runs/wine\nlr: 0.1\nbatch_size: 8\n"
    main = YAML_MAIN.replace('path="config.yaml"', "path").replace(
        "load_config()", 'load_config("configs/" + name + ".yaml")'
    )
    files = {
        **TRAINERS,
        "main.py": main.replace('config["trainers"][name]', "config"),
        "configs/train_wine.yaml": one,
        "configs/train_beer.yaml": one,
    }
    moved = move_in(files, [WINE, BEER])
    assert list(moved.configuration.created) == ["configs/train_digits_net.yaml"]
    assert moved.configuration.access["learning_rate"] == '{config}["lr"]'
    holds(moved, tmp_path)


def test_one_yaml_file_for_all_keeps_what_is_there(tmp_path: Path) -> None:
    files = {
        **TRAINERS,
        "main.py": YAML_MAIN.replace('config["trainers"][name]', "config"),
        "config.yaml": "epochs: 10\nout_dir: runs  # here\noptim:\n  lr: 0.1\nmodel:\n  hidden: 8\n  depth: 2\n\nbatch_size: 4",
    }
    moved = move_in(files, [WINE, BEER])
    assert moved.configuration.shared["learning_rate"] == "0.1"
    assert moved.files["config.yaml"].decode() == (
        "epochs: 10\nout_dir: runs  # here\noptim:\n  lr: 0.1\nmodel:\n  hidden: 8\n  depth: 2\n  hidden_size: 64\n\n"
        "batch_size: 4\nshuffle: true\n"
    )
    holds(moved, tmp_path)


JSON_MAIN = (
    YAML_MAIN.replace("yaml.safe_load", "json.load").replace("import yaml", "import json").replace(".yaml", ".json")
)


def test_a_section_of_a_json_file(tmp_path: Path) -> None:
    text = '{\n    "trainers": {\n        "wine": {"epochs": 1, "out_dir": "a", "optim": {"lr": 1e-3}, "batch_size": 2}\n    }\n}'
    files = {**TRAINERS, "main.py": JSON_MAIN, "config.json": text}
    moved = move_in(files, [WINE, BEER])
    assert moved.place.style == "json_file"
    holds(moved, tmp_path)


def test_a_table_of_a_toml_file(tmp_path: Path) -> None:
    main = YAML_MAIN.replace("yaml.safe_load", "tomllib.load").replace("import yaml", "import tomllib")
    main = main.replace(".yaml", ".toml").replace('open(path, encoding="utf-8-sig")', 'open(path, "rb")')
    text = "[trainers.wine]\nepochs = 1 # one\nout_dir = 'a'\noptim.lr = 1_0e-3\n\n[trainers.beer]\nepochs = 0x10\nout_dir = 'a'\n"
    files = {**TRAINERS, "main.py": main, "config.toml": text}
    moved = move_in(files, [WINE, BEER])
    assert moved.place.style == "toml_file"
    holds(moved, tmp_path)


@pytest.mark.parametrize("taken", ["digits_net", "Digits_Net"])
def test_a_taken_section_is_refused(taken: str) -> None:
    files = {**TRAINERS, "main.py": YAML_MAIN, "config.yaml": YAML.replace("# end", f"  {taken}: {{epochs: 1}}\n# end")}
    with pytest.raises(Conflict, match="already"):
        move_in(files, [WINE, BEER])


INI_BASE = """
class BaseTrainer:
    def __init__(self, config):
        self.config = config
        self.epochs = config.getint("epochs")
        self.out = config["out_dir"]
"""
INI_MAIN = """
import configparser


def read_settings(path="settings.ini"):
    parser = configparser.ConfigParser()
    parser.read(path, encoding="utf-8-sig")
    return parser


def main(name):
    build(name, read_settings()[name])
"""
INI = "[DEFAULT]\nroot = .\n[wine]\n; how long\nEpochs : 10\nout_dir = %(root)s/wine\nlr = 1e-3\nshuffle = yes\n[beer]\nepochs = 3\nout_dir = x\nlr = 1"


@pytest.mark.parametrize("getters", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_a_section_of_an_ini_file(tmp_path: Path, getters: bool, whole: bool) -> None:
    section = 'self.config["{low}"]' if whole else "self.config"
    read = f'{section}.getfloat("lr")' if getters else f'float({section}["lr"])'
    trainer = f"from train.base import BaseTrainer\n\n\nclass {{name}}Trainer(BaseTrainer):\n    def build(self):\n        return {read}\n"
    files = {
        "train/base.py": INI_BASE,
        "main.py": INI_MAIN.replace("()[name]", "()") if whole else INI_MAIN,
        "settings.ini": INI,
        "train/wine_trainer.py": trainer.format(name="Wine", low="wine"),
        "train/beer_trainer.py": trainer.format(name="Beer", low="beer"),
    }
    moved = move_in(files, [WINE, BEER])
    assert moved.place.style == "ini_file"
    inside = '["digits_net"]' if whole else ""
    expected = '.getfloat("lr")' if getters else '["lr"]'
    assert f"{{config}}{inside}{expected}" in moved.configuration.access["learning_rate"]
    holds(moved, tmp_path)


def test_a_broken_file_that_names_the_siblings_is_refused() -> None:
    files = {**TRAINERS, "main.py": YAML_MAIN, "config.yaml": YAML + "other: [\n"}
    with pytest.raises(Conflict, match="YAML"):
        move_in(files, [WINE, BEER])
    twice = YAML.replace("# end", "  beer: {epochs: 2}\n# end")
    with pytest.raises(Conflict, match="beer twice"):
        move_in({**files, "config.yaml": twice}, [WINE, BEER])


def test_dicts_of_several_sections_go_by_their_parameters(tmp_path: Path) -> None:
    base = """
class BaseTrainer:
    def __init__(self, model_config: dict, training_config: dict, output_dir="models"):
        self.lr = training_config["learning_rate"]
        self.hidden = model_config.get("hidden_dim", 3)
"""
    main = "import yaml\n\n\ndef main():\n    config = yaml.safe_load(open('config.yaml'))\n    create('wine', config['model'], config['training'])\n"
    trainer = "from train.base import BaseTrainer\n\n\nclass {name}Trainer(BaseTrainer):\n    pass\n"
    files = {
        "train/base.py": base,
        "train/wine_trainer.py": trainer.format(name="Wine"),
        "main.py": main,
        "config.yaml": "model:\n  hidden_dim: 3\ntraining:\n  learning_rate: 0.1\n  epochs: 3\n",
    }
    moved = move_in(files, [WINE])
    assert moved.configuration.access["learning_rate"] == 'training_config["learning_rate"]'
    assert moved.configuration.access["model_hidden_size"] == 'model_config["hidden_size"]'
    holds(moved, tmp_path)


def test_a_section_merges_what_its_siblings_merge(tmp_path: Path) -> None:
    main = (
        "import pathlib\n\nimport yaml\n\n\ndef main(name):\n"
        "    settings = yaml.safe_load(pathlib.Path('settings.yaml').read_text())\n    run(settings['experiments'][name])\n"
    )
    text = (
        "defaults: &d\n  epochs: 2\n  out_dir: x\n  device: cpu\n\nexperiments:\n\n  wine_trainer:\n    <<: *d\n    lr: 5.0e-4   # tuned\n"
        "\n  beer_trainer:\n    <<: *d\n    lr: 1.0\n"
    )
    moved = move_in({**TRAINERS, "main.py": main, "settings.yaml": text}, [WINE, BEER])
    added = moved.files["settings.yaml"].decode().removeprefix(text)
    assert added.startswith(
        "\n  digits_net_trainer:\n    <<: *d\n    epochs: 7\n    out_dir: runs/digits\n    lr: 1.0e-5\n"
    )
    assert "device" not in added
    holds(moved, tmp_path)


def test_a_service_called_after_a_trainer_is_no_section(tmp_path: Path) -> None:
    files = {
        **TRAINERS,
        "main.py": YAML_MAIN.replace('config["trainers"][name]', "config"),
        "docker-compose.yml": "services:\n  wine:\n    image: x\n",
        "config.yaml": "epochs: 10\nout_dir: runs\noptim:\n  lr: 0.1\nmodel:\n  hidden: 8\n",
    }
    moved = move_in(files, [WINE, BEER])
    assert list(moved.configuration.edits) == ["config.yaml"]
    holds(moved, tmp_path)


def test_a_loader_that_takes_a_name_gets_the_section_s(tmp_path: Path) -> None:
    base = "class BaseTrainer:\n    def __init__(self):\n        self.config = load(type(self).__name__)\n        self.epochs = self.config['epochs']\n"
    loader = "import configparser\n\n\ndef load(name):\n    parser = configparser.ConfigParser()\n    parser.read('config.ini')\n    return parser[name]\n"
    trainer = "from train.base import BaseTrainer\n\n\nclass {name}Trainer(BaseTrainer):\n    pass\n"
    files = {
        "train/base.py": base,
        "loading.py": loader,
        "config.ini": "[WineTrainer]\nepochs = 3\nlr = 1e-3\n[BeerTrainer]\nepochs = 3",
        "train/wine_trainer.py": trainer.format(name="Wine"),
        "train/beer_trainer.py": trainer.format(name="Beer"),
    }
    moved = move_in(files, [WINE, BEER])
    assert moved.configuration.said == "[DigitsNetTrainer] of config.ini"
    holds(moved, tmp_path)
