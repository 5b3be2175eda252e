"""Config classes: a section each in an ini file, plain dataclasses, pydantic models, classes of constants."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.patching.configured_projects import FIELDS, holds, move_in, sibling
from trainergen.errors import Conflict
from trainergen.patching.configuration import Field
from trainergen.patching.joining import Entry, Sibling

WINE, BEER = sibling("WineTrainer", "train/wine_trainer.py"), sibling("BeerTrainer", "train/beer_trainer.py")
PARSER = '''
"""Reads sections."""
import ast
import configparser
from dataclasses import fields
from pathlib import Path


class SubSectionParser:
    SECTION = ""

    def __post_init__(self):
        parser = configparser.ConfigParser()
        parser.read(Path(__file__).parents[1] / "config.ini", encoding="utf-8-sig")
        if parser.has_section(self.SECTION):
            for each in fields(self):
                if parser.has_option(self.SECTION, each.name):
                    text = parser.get(self.SECTION, each.name)
                    value = text if isinstance(each.default, str) else ast.literal_eval(text)
                    setattr(self, each.name, value)
'''
CONFIGS = '''
"""Settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from config.parser import SubSectionParser


@dataclass
class WineTrainerConfig(SubSectionParser):
    """Wine."""

    SECTION: ClassVar[str] = "train_wine"

    lr: float = 1e-3  # rate
    epochs: int = 3
    log_dir: str = "logs"
    device: str = "cpu"


@dataclass
class BeerTrainerConfig(SubSectionParser):
    """Beer."""

    SECTION: ClassVar[str] = "train_beer"

    lr: float = 1e-2
    epochs: int = 3
    device: str = "cpu"
'''
INI = "[train_wine]\nlr = 0.5\nepochs = 9\n\n[train_beer]\n; rate\nlr = 0.1\nbounds = {\n    'a': 1,\n    }"
TRAINER = """
from config import {name}TrainerConfig
from train.base import BaseTrainer


class {name}Trainer(BaseTrainer):
    def __init__(self):
        self.config = {name}TrainerConfig()
        super().__init__()
"""
BASE = """
class BaseTrainer:
    def __init__(self):
        self.device = self.config.device
        for _ in range(self.config.epochs):
            pass
"""
PROJECT = {
    "train/__init__.py": "",
    "train/base.py": BASE,
    "train/wine_trainer.py": TRAINER.format(name="Wine"),
    "train/beer_trainer.py": TRAINER.format(name="Beer"),
    "config/__init__.py": "from config.train import BeerTrainerConfig, WineTrainerConfig\n",
    "config/train.py": CONFIGS,
    "config/parser.py": PARSER,
    "config.ini": INI,
}


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_dataclass_with_a_section_of_an_ini_file(tmp_path: Path, ends: str, bom: bytes) -> None:
    files = {path: text.replace("\n", ends) for path, text in PROJECT.items()}
    moved = move_in({**files, "config.ini": bom + INI.replace("\n", ends).encode()}, [WINE, BEER])
    assert moved.place.style == "section_class"
    result = moved.configuration
    assert set(result.edits) == {"config/train.py", "config/__init__.py", "config.ini"}
    assert result.imports == (("config", "DigitsNetTrainerConfig"),)
    assert result.construct == "DigitsNetTrainerConfig()"
    text = moved.files["config/train.py"].decode().replace(ends, "\n").removeprefix(CONFIGS)
    assert text == (
        '\n\n@dataclass\nclass DigitsNetTrainerConfig(SubSectionParser):\n    """Settings of DigitsNetTrainer."""\n\n'
        '    SECTION: ClassVar[str] = "train_digits_net"\n\n    lr: float = 1e-05\n    epochs: int = 7\n    device: str = "cpu"\n'
        "    batch_size: int = 16\n    shuffle: bool = True\n    model_hidden_size: int = 64\n"
        '    model_save_directory: str = "runs/digits"\n'
    )
    assert (
        moved.files["config.ini"]
        .decode("utf-8-sig")
        .replace(ends, "\n")
        .startswith(INI + "\n\n[train_digits_net]\nlr = 1e-05\n")
    )
    holds(moved, tmp_path)


def test_a_section_named_in_the_constructor(tmp_path: Path) -> None:
    parser = PARSER.replace(
        '    SECTION = ""\n\n    def __post_init__(self):',
        "    def __init__(self, section):\n        self.SECTION = section",
    )
    parser = parser.replace(
        "for each in fields(self):",
        "for each in [type('F', (), {'name': n, 'default': getattr(self, n)}) for n in self.__annotations__]:",
    )
    configs = CONFIGS.replace("@dataclass\n", "")
    for name in ("wine", "beer"):
        configs = configs.replace(
            f'    SECTION: ClassVar[str] = "train_{name}"\n',
            f'    def __init__(self):\n        super().__init__("train_{name}")\n',
        )
    moved = move_in({**PROJECT, "config/train.py": configs, "config/parser.py": parser}, [WINE, BEER])
    assert 'super().__init__("train_digits_net")' in moved.files["config/train.py"].decode()
    holds(moved, tmp_path)


@pytest.mark.parametrize(
    ("ini", "says"),
    [
        (INI + "\n[train_Digits_Net]\n", "already"),
        (INI + "\n[train_wine]\n", "twice"),
    ],
)
def test_a_taken_or_doubled_section_is_refused(ini: str, says: str) -> None:
    with pytest.raises(Conflict, match=says):
        move_in({**PROJECT, "config.ini": ini}, [WINE, BEER])


def test_a_taken_class_is_refused() -> None:
    configs = CONFIGS + "\n\nclass DigitsNetTrainerCONFIG:\n    pass\n"
    with pytest.raises(Conflict, match="already"):
        move_in({**PROJECT, "config/train.py": configs}, [WINE, BEER])


PLAIN = {
    **PROJECT,
    "config/train.py": CONFIGS.replace("(SubSectionParser)", "").replace(
        "from config.parser import SubSectionParser\n", ""
    ),
    "config.ini": "",
}


def test_plain_dataclasses(tmp_path: Path) -> None:
    moved = move_in(PLAIN, [WINE, BEER])
    assert moved.place.style == "plain_dataclass"
    assert set(moved.configuration.edits) == {"config/train.py", "config/__init__.py"}
    holds(moved, tmp_path)


def test_a_dataclass_beside_the_trainer_goes_into_the_new_trainer_s_file(tmp_path: Path) -> None:
    trainer = """
from dataclasses import dataclass, field

from train.base import BaseTrainer


@dataclass(kw_only=True)
class {name}Config:
    lr: float = field(default=0.1, metadata={{"help": "rate"}})
    device: str = field(default="cpu", metadata={{"help": "where"}})


class {name}Trainer(BaseTrainer):
    def __init__(self, config: {name}Config):
        self.config = config
"""
    files = {
        "train/base.py": BASE,
        "train/wine_trainer.py": trainer.format(name="Wine"),
        "train/beer_trainer.py": trainer.format(name="Beer"),
    }
    moved = move_in(files, [WINE, BEER])
    result = moved.configuration
    assert not result.edits
    assert result.definition.startswith("@dataclass(kw_only=True)\nclass DigitsNetConfig:\n")
    assert (
        '    lr: float = field(default=1e-05, metadata={"help": "Step size of the optimizer"})\n' in result.definition
    )
    assert '    device: str = field(default="cpu", metadata={"help": "where"})\n' in result.definition
    lines = [f"from {module} import {name}" for module, name in result.definition_imports]
    moved.files["train/digits_net_trainer.py"] = ("\n".join(lines) + "\n\n\n" + result.definition).encode()
    holds(moved, tmp_path)


def test_a_config_file_a_trainer(tmp_path: Path) -> None:
    config = "from __future__ import annotations\n\nfrom dataclasses import dataclass\n\n\n@dataclass\nclass {name}Config:\n    lr: float = 0.1\n    model_dir: str = '{low}'\n"
    trainer = TRAINER.replace(
        "from config import {name}TrainerConfig", "from configs.{low} import {name}Config"
    ).replace("TrainerConfig", "Config")
    files = {"train/base.py": BASE}
    for name, low in (("Wine", "wine"), ("Beer", "beer")):
        files[f"configs/{low}.py"] = config.format(name=name, low=low)
        files[f"train/{low}_trainer.py"] = trainer.format(name=name, low=low)
    moved = move_in(files, [WINE, BEER])
    assert list(moved.configuration.created) == ["configs/digits_net.py"]
    assert moved.configuration.imports == (("configs.digits_net", "DigitsNetConfig"),)
    holds(moved, tmp_path)


SHARED = '''
from dataclasses import dataclass


@dataclass
class TrainConfig:
    """For all."""

    lr: float = 0.1
    epochs: int = 5
    # where
    device: str = "cpu"

    def steps(self):
        return self.epochs * 2
'''


def test_one_dataclass_for_all_gets_what_it_lacks(tmp_path: Path) -> None:
    trainer = "from config import TrainConfig\nfrom train.base import BaseTrainer\n\n\nclass {name}Trainer(BaseTrainer):\n    def __init__(self, config: TrainConfig):\n        self.config = config\n"
    files = {
        "train/base.py": BASE,
        "config.py": SHARED,
        "train/wine_trainer.py": trainer.format(name="Wine"),
        "train/beer_trainer.py": trainer.format(name="Beer"),
    }
    moved = move_in(files, [WINE, BEER])
    assert moved.configuration.shared == {"learning_rate": "0.1", "num_epochs": "5"}
    assert b'    device: str = "cpu"\n    batch_size: int = 16\n    shuffle: bool = True\n' in moved.files["config.py"]
    holds(moved, tmp_path)


def test_groups_that_are_classes_are_filled() -> None:
    configs = """
from dataclasses import dataclass, field


@dataclass
class OptimConfig:
    lr: float = 0.1
    weight_decay: float = 0.0


@dataclass
class WineConfig:
    optim: OptimConfig = field(default_factory=OptimConfig)
    epochs: int = 3
"""
    files = {
        "train/base.py": BASE,
        "config.py": configs,
        "train/wine_trainer.py": TRAINER.format(name="Wine").replace("TrainerConfig", "Config"),
    }
    moved = move_in(files, [WINE], fields=(*FIELDS, Field("weight_decay", "0.01", "float", "Decay")))
    assert moved.configuration.access["learning_rate"] == "{config}.optim.lr"
    text = moved.files["config.py"].decode()
    assert "    optim: OptimConfig = field(default_factory=lambda: OptimConfig(lr=1e-05, weight_decay=0.01))\n" in text


def test_classes_of_constants(tmp_path: Path) -> None:
    configs = "class WineConfig:\n    LR = 0.1  # rate\n    EPOCHS = 3  # passes\n\n\nclass BeerConfig:\n    LR = 0.1  # rate\n    EPOCHS = 3  # passes\n"
    trainer = TRAINER.replace("TrainerConfig", "Config")
    files = {"train/base.py": BASE, "config.py": configs}
    files |= {f"train/{name.lower()}_trainer.py": trainer.format(name=name) for name in ("Wine", "Beer")}
    moved = move_in(files, [WINE, BEER])
    assert moved.place.style == "constants_class"
    assert moved.configuration.access["model_hidden_size"] == "{config}.MODEL_HIDDEN_SIZE"
    assert b"    LR = 1e-05  # Step size of the optimizer\n" in moved.files["config.py"]
    holds(moved, tmp_path)


def test_pydantic_models(tmp_path: Path) -> None:
    configs = """
from pydantic import BaseModel, ConfigDict, Field


class WineConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = "wine"
    lr: float = Field(0.1, gt=0, description="rate")
    epochs: int = Field(3, description="passes")
"""
    files = {
        "train/base.py": BASE,
        "config.py": configs,
        "train/wine_trainer.py": TRAINER.format(name="Wine").replace("TrainerConfig", "Config"),
    }
    moved = move_in(files, [WINE])
    assert moved.place.style == "pydantic_model"
    text = moved.files["config.py"].decode().removeprefix(configs)
    assert text.startswith(
        '\n\nclass DigitsNetConfig(BaseModel):\n    model_config = ConfigDict(extra="forbid")\n\n    name: str = "digits_net"\n'
        '    lr: float = Field(default=1e-05, description="Step size of the optimizer")\n'
    )
    pytest.importorskip("pydantic")
    holds(moved, tmp_path)


def test_a_section_missing_in_the_file_means_that_values_come_from_the_class() -> None:
    moved = move_in({**PROJECT, "config.ini": INI.replace("[train_wine]", "[other]")}, [WINE, BEER])
    assert "config.ini" in moved.configuration.edits


def test_a_section_that_is_spread_over_a_dataclass(tmp_path: Path) -> None:
    config = """
from dataclasses import dataclass
import yaml


@dataclass
class WineConfig:
    lr: float
    epochs: int = 3
    hidden: int = 5


def load_section(name):
    with open("config.yml") as file:
        return yaml.safe_load(file)[name]
"""
    trainer = """
from train.base import BaseTrainer
from train.config import WineConfig, load_section


class WineTrainer(BaseTrainer):
    def __init__(self):
        self.config = WineConfig(**load_section("wine"))
        self.hidden = self.config.hidden
"""
    files = {
        "train/base.py": "class BaseTrainer:\n    def go(self):\n        return self.config.lr\n",
        "train/config.py": config,
        "train/wine_trainer.py": trainer,
        "config.yml": "wine:\n  lr: 0.1  # rate\n  epochs: 3\n",
    }
    moved = move_in(files, [WINE])
    result = moved.configuration
    assert set(result.edits) == {"train/config.py", "config.yml"}
    assert result.construct == "DigitsNetConfig(**load_section('digits_net'))"
    assert set(result.imports) == {("train.config", "DigitsNetConfig"), ("train.config", "load_section")}
    assert b"hidden: int" not in moved.files["train/config.py"].split(b"class DigitsNetConfig")[1].replace(
        b"model_hidden_size", b""
    )
    holds(moved, tmp_path)


def test_paths_stay_paths(tmp_path: Path) -> None:
    configs = CONFIGS.replace('log_dir: str = "logs"', 'save_dir: Path = Path("runs")')
    configs = configs.replace("from typing", "from pathlib import Path\nfrom typing").replace(
        "    lr: float = 1e-2\n", '    lr: float = 1e-2\n    save_dir: Path = Path("b")\n'
    )
    parser = PARSER.replace("isinstance(each.default, str)", "isinstance(each.default, (str, Path))")
    moved = move_in({**PROJECT, "config/train.py": configs, "config/parser.py": parser}, [WINE, BEER])
    assert b'    save_dir: Path = Path("runs/digits")\n' in moved.files["config/train.py"]
    holds(moved, tmp_path)


def test_a_file_of_its_own_is_exported_where_the_siblings_are(tmp_path: Path) -> None:
    trainer = TRAINER.replace("from config import {name}TrainerConfig", "from ..configs import {name}Config").replace(
        "from train.base", "from ..base"
    )
    files = {
        "src/pkg/__init__.py": "",
        "src/pkg/base.py": BASE,
        "src/pkg/trainers/__init__.py": "",
        "src/pkg/configs/__init__.py": "from .beer import BeerConfig\nfrom .wine import WineConfig\n\n__all__ = ['BeerConfig', 'WineConfig']\n",
        "src/pkg/configs/base.py": "from dataclasses import dataclass\n\n\n@dataclass\nclass BaseConfig:\n    epochs: int = 2\n    device: str = 'cpu'\n",
    }
    siblings = []
    for name, low in (("Wine", "wine"), ("Beer", "beer")):
        files[f"src/pkg/trainers/{low}.py"] = trainer.format(name=name).replace("TrainerConfig", "Config")
        files[f"src/pkg/configs/{low}.py"] = (
            f"from dataclasses import dataclass\n\nfrom .base import BaseConfig\n\n\n@dataclass\nclass {name}Config(BaseConfig):\n    lr: float = 0.1\n"
        )
        siblings.append(Sibling(f"{name}Trainer", f"pkg.trainers.{low}", f"src/pkg/trainers/{low}.py"))
    entry = Entry("digits_net", "DigitsNetTrainer", "pkg.trainers.digits_net", "src/pkg/trainers/digits_net.py")
    moved = move_in(files, siblings, base="src/pkg/base.py", entry=entry)
    assert moved.configuration.imports == (("..configs", "DigitsNetConfig"),)
    text = moved.files["src/pkg/configs/__init__.py"].decode()
    assert "from .digits_net import DigitsNetConfig\n" in text
    assert "__all__ = ['BeerConfig', 'DigitsNetConfig', 'WineConfig']\n" in text
    holds(moved, tmp_path)


@pytest.mark.parametrize("apart", [False, True])
def test_a_table_of_config_classes_gets_the_new_one(tmp_path: Path, apart: bool) -> None:
    table = "\nCONFIGS = {\n    'wine': WineTrainerConfig,\n    'beer': BeerTrainerConfig,  # last\n}\n"
    files = dict(PLAIN)
    if apart:
        files["main.py"] = "from config.train import BeerTrainerConfig, WineTrainerConfig\n" + table
    else:
        files["config/train.py"] += table
    moved = move_in(files, [WINE, BEER])
    text = moved.files["main.py" if apart else "config/train.py"].decode()
    assert "    'beer': BeerTrainerConfig,  # last\n    'digits_net': DigitsNetTrainerConfig,\n}\n" in text
    assert ("DigitsNetTrainerConfig, WineTrainerConfig\n" in text) == apart
    holds(moved, tmp_path)
