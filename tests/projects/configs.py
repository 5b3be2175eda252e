"""The configuration parts of test projects: each keeps the settings of wine and diabetes in its own style."""

from __future__ import annotations

from .parts import ConfigPart

VALUES = {"num_epochs": "2", "batch_size": "16", "learning_rate": "0.01", "hidden": "16"}
KEYS = ("wine", "diabetes")


def ini() -> ConfigPart:
    """config.ini, read into dataclasses by section; no final newline."""
    classes = "\n\n".join(
        f'@dataclass\nclass {key.capitalize()}TrainerConfig(SubSectionParser):\n    """Settings of the {key} trainer."""\n\n'
        f'    SECTION: ClassVar[str] = "train_{key}"\n    num_epochs: int = 1\n    batch_size: int = 16\n'
        "    learning_rate: float = 0.01\n    hidden: int = 16\n"
        for key in KEYS
    )
    sections = "\n\n".join(
        f"[train_{key}]\n# how long\nnum_epochs = 2\nbatch_size = 16\nlearning_rate = 0.01\nhidden = 16" for key in KEYS
    )
    return ConfigPart(
        "ini",
        {
            "config.ini": "[paths]\nRoot = .\n\n" + sections,
            "config/base.py": '''\
"""Reads a section of config.ini into a dataclass."""

from __future__ import annotations

import configparser
from dataclasses import fields
from pathlib import Path
from typing import ClassVar, get_type_hints

CONFIG_FILE = Path(__file__).resolve().parent.parent / "config.ini"


class SubSectionParser:
    """A dataclass that knows its section."""

    SECTION: ClassVar[str]

    @classmethod
    def load(cls):
        parser = configparser.ConfigParser(interpolation=None)
        parser.optionxform = str
        parser.read(CONFIG_FILE)
        values = dict(parser[cls.SECTION]) if parser.has_section(cls.SECTION) else {}
        hints = get_type_hints(cls)
        return cls(**{each.name: hints[each.name](values[each.name]) for each in fields(cls) if each.name in values})
''',
            "config/train.py": '"""Settings of the trainers."""\n\nfrom __future__ import annotations\n\n'
            "from dataclasses import dataclass\nfrom typing import ClassVar\n\nfrom .base import SubSectionParser\n\n\n"
            + classes,
            "config/__init__.py": '"""Settings."""\n\nfrom .train import DiabetesTrainerConfig, WineTrainerConfig\n\n'
            '__all__ = ["DiabetesTrainerConfig", "WineTrainerConfig"]\n',
        },
        "from config import ${Camel}TrainerConfig",
        "${Camel}TrainerConfig.load()",
        annotation="${Camel}TrainerConfig",
    )


def yaml() -> ConfigPart:
    """One YAML file a trainer, read into a dict."""
    text = "# settings of the trainer\n" + "".join(f"{name}: {value}\n" for name, value in VALUES.items())
    reader = '''\
"""Reads a trainer's YAML file."""

from __future__ import annotations

from pathlib import Path

import yaml


def load_config(name: str) -> dict:
    """The settings of the trainer `name`."""
    return yaml.safe_load((Path(__file__).parent / f"{name}.yaml").read_text())
'''
    files = {"config/__init__.py": reader} | {f"config/{key}.yaml": text for key in KEYS}
    return ConfigPart("yaml", files, "from config import load_config", 'load_config("$key")', '$config["$setting"]')


def _one_file(style: str, name: str, text: str, imports: str, read: str) -> ConfigPart:
    reader = f'''\
"""Reads {name}."""

from __future__ import annotations

{imports}
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "{name}"


def load_config(name: str) -> dict:
    """The settings of the trainer `name`."""
    return {read}[name]
'''
    files = {name: text, "config/__init__.py": reader}
    return ConfigPart(style, files, "from config import load_config", 'load_config("$key")', '$config["$setting"]')


def json() -> ConfigPart:
    """config.json, one object a trainer."""
    inner = ",\n".join(f'    "{name}": {value}' for name, value in VALUES.items())
    text = "{\n" + ",\n".join(f'  "{key}": {{\n{inner}\n  }}' for key in KEYS) + "\n}\n"
    return _one_file("json", "config.json", text, "import json", "json.loads(FILE.read_text())")


def toml() -> ConfigPart:
    """config.toml, one table a trainer."""
    inner = "".join(f"{name} = {value}\n" for name, value in VALUES.items())
    text = "\n".join(f"[{key}]\n{inner}" for key in KEYS)
    return _one_file("toml", "config.toml", text, "import tomllib", "tomllib.loads(FILE.read_text())")


def argparse() -> ConfigPart:
    """A subcommand a trainer, whose defaults are the settings."""
    options = "\n\n".join(
        f'    {key} = commands.add_parser("{key}", help="the {key} trainer")\n'
        + "\n".join(
            f'    {key}.add_argument("--{name.replace("_", "-")}", type={"float" if "." in value else "int"}, '
            f'default={value}, help="{name.replace("_", " ")}")'
            for name, value in VALUES.items()
        )
        for key in KEYS
    )
    text = f'''\
"""Settings by command line; the defaults are what a training uses."""

from __future__ import annotations

import argparse


def build_parser() -> argparse.ArgumentParser:
    """All options, one subcommand a trainer."""
    parser = argparse.ArgumentParser(description="settings")
    commands = parser.add_subparsers(dest="trainer")
{options}
    return parser


def options_for(name: str) -> argparse.Namespace:
    """The defaults of a trainer."""
    return build_parser().parse_args([name])
'''
    files = {"options.py": text}
    return ConfigPart(
        "argparse", files, "import argparse\n\nfrom options import options_for", 'options_for("$key")',
        annotation="argparse.Namespace",
    )  # fmt: skip


def dataclass() -> ConfigPart:
    """A dataclass a trainer; its defaults are the settings."""
    fields = "".join(f"    {name}: {'float' if '.' in value else 'int'} = {value}\n" for name, value in VALUES.items())
    classes = "\n\n".join(
        f'@dataclass\nclass {key.capitalize()}Config:\n    """Of the {key} trainer."""\n\n{fields}' for key in KEYS
    )
    text = f'"""Settings of the trainers."""\n\nfrom dataclasses import dataclass\n\n\n{classes}'
    return ConfigPart(
        "dataclass", {"settings.py": text}, "from settings import ${Camel}Config", "${Camel}Config()",
        annotation="${Camel}Config",
    )  # fmt: skip


def module() -> ConfigPart:
    """A Python module with one dict a trainer."""
    inner = "".join(f'    "{name}": {value},\n' for name, value in VALUES.items())
    text = '"""Settings of the trainers."""\n\n' + "\n".join(f"{key.upper()} = {{\n{inner}}}\n" for key in KEYS)
    return ConfigPart(
        "module", {"settings.py": text}, "import settings", "settings.$KEY", '$config["$setting"]'
    )  # fmt: skip


def yacs() -> ConfigPart:
    """A tree of nodes with upper-case names."""
    lines = "\n".join(
        f"_C.{key.upper()} = Node()\n"
        + "".join(f"_C.{key.upper()}.{name.upper()} = {value}\n" for name, value in VALUES.items())
        for key in KEYS
    )
    text = f'''\
"""Defaults of everything."""

import copy


class Node(dict):
    """A dict whose entries are attributes."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        self[name] = value


_C = Node()
{lines}

def get_cfg() -> Node:
    """A copy of the defaults."""
    return copy.deepcopy(_C)
'''
    return ConfigPart(
        "yacs", {"defaults.py": text}, "from defaults import Node, get_cfg", "get_cfg().$KEY", "$config.$SETTING",
        annotation="Node",
    )  # fmt: skip


CONFIGS = {each.__name__: each for each in (ini, yaml, json, toml, argparse, dataclass, module, yacs)}
"""Style -> builder."""
