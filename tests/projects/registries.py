"""The registry parts of test projects: each lists the trainers in its own style, all answer to `get_trainer` and `names`."""

from __future__ import annotations

from .parts import Member, RegistryPart

Members = tuple[Member, ...]


def _imports(members: Members) -> str:
    return "".join(f"from .{each.module.rpartition('.')[2]} import {each.symbol}\n" for each in members)


def _answer(mapping: str) -> str:
    return (
        f"\n\ndef names():\n    return list({mapping})\n\n\n"
        f"def get_trainer(name):\n    if name not in {mapping}:\n"
        f'        raise KeyError(f"no trainer {{name}}: there are {{list({mapping})}}")\n    return {mapping}[name]\n'
    )


def mapping() -> RegistryPart:
    """TRAINER_REGISTRY, a dict literal."""

    def files(members: Members) -> dict[str, str]:
        entries = "".join(f'    "{each.key}": {each.symbol},\n' for each in members)
        return {
            "train/__init__.py": f'"""Trainers."""\n\n{_imports(members)}\nTRAINER_REGISTRY = {{\n{entries}}}\n'
            + _answer("TRAINER_REGISTRY")
        }

    return RegistryPart("dict", files)


REGISTER = '''\
"""Trainers by name."""

_TRAINERS = {}


def register(name):
    """Class decorator: list a trainer under `name`."""

    def add(found):
        _TRAINERS[name] = found
        return found

    return add
'''


def decorator() -> RegistryPart:
    """@register("key"), and a line of import a trainer."""

    def files(members: Members) -> dict[str, str]:
        lines = "".join(f"from . import {each.module.rpartition('.')[2]}  # noqa: F401\n" for each in members)
        return {
            "train/registry.py": REGISTER,
            "train/__init__.py": f'"""Trainers."""\n\n{lines}from .registry import _TRAINERS\n' + _answer("_TRAINERS"),
        }

    return RegistryPart("decorator", files, '@register("$key")', "from train.registry import register")


def import_all() -> RegistryPart:
    """@register("key"), and a loop that imports every module of the folder."""

    def files(members: Members) -> dict[str, str]:
        suffix = members[0].module.rpartition(members[0].key)[2]
        return {
            "train/registry.py": REGISTER,
            "train/__init__.py": f'''\
"""Trainers."""

import importlib
import pkgutil

from .registry import _TRAINERS

for _each in pkgutil.iter_modules(__path__):
    if _each.name.endswith("{suffix}") and not _each.name.startswith("base"):
        importlib.import_module(f"{{__name__}}.{{_each.name}}")
'''
            + _answer("_TRAINERS"),
        }

    return RegistryPart("import-all", files, '@register("$key")', "from train.registry import register")


def call() -> RegistryPart:
    """register("key", Class), a line a trainer."""

    def files(members: Members) -> dict[str, str]:
        lines = "".join(f'register("{each.key}", {each.symbol})\n' for each in members)
        return {
            "train/registry.py": '"""Trainers by name."""\n\nTRAINERS = {}\n\n\ndef register(name, found):\n'
            '    """List `found` under `name`."""\n    TRAINERS[name] = found\n',
            "train/__init__.py": f'"""Trainers."""\n\n{_imports(members)}from .registry import TRAINERS, register\n\n{lines}'
            + _answer("TRAINERS"),
        }

    return RegistryPart("call", files)


def branches() -> RegistryPart:
    """if/elif, each with an import of its own."""

    def files(members: Members) -> dict[str, str]:
        lines = "".join(
            f'    {"if" if number == 0 else "elif"} name == "{each.key}":\n'
            f"        from .{each.module.rpartition('.')[2]} import {each.symbol}\n\n        return {each.symbol}\n"
            for number, each in enumerate(members)
        )
        keys = ", ".join(f'"{each.key}"' for each in members)
        return {
            "train/__init__.py": f'"""Trainers."""\n\n\ndef names():\n    return [{keys}]\n\n\ndef get_trainer(name):\n{lines}'
            '    raise ValueError(f"unknown trainer {name}")\n'
        }

    return RegistryPart("if-elif", files)


def listing() -> RegistryPart:
    """TRAINERS, a list literal; the key is made of the name."""

    def files(members: Members) -> dict[str, str]:
        symbols = ", ".join(each.symbol for each in members)
        return {
            "train/__init__.py": f'"""Trainers."""\n\n{_imports(members)}\nTRAINERS = [{symbols}]\n\n\n'
            "def _key(found):\n"
            '    return found.__name__.lower().removeprefix("train_").removesuffix("trainer")\n\n\n'
            "def names():\n    return [_key(each) for each in TRAINERS]\n\n\n"
            "def get_trainer(name):\n    return next(each for each in TRAINERS if _key(each) == name)\n"
        }

    return RegistryPart("list", files)


def scan() -> RegistryPart:
    """Every subclass of the base trainer."""

    def files(members: Members) -> dict[str, str]:
        return {
            "train/__init__.py": f'"""Trainers."""\n\nfrom .base_trainer import BaseTrainer\n{_imports(members)}\n\n'
            "def names():\n"
            '    return [each.__name__.removesuffix("Trainer").lower() for each in BaseTrainer.__subclasses__()]\n\n\n'
            "def get_trainer(name):\n"
            "    for each in BaseTrainer.__subclasses__():\n"
            '        if each.__name__.removesuffix("Trainer").lower() == name:\n            return each\n'
            "    raise KeyError(name)\n"
        }

    return RegistryPart("subclass-scan", files)


def reflection() -> RegistryPart:
    """The module and the name are made of the key."""

    def files(members: Members) -> dict[str, str]:
        first = members[0]
        module = first.module.rpartition(".")[2].replace(first.key, "{name}")
        symbol = first.symbol.replace(first.camel, "{name.capitalize()}").replace(first.key, "{name}")
        pattern = first.module.rpartition(".")[2].replace(first.key, "*")
        suffix = pattern.removeprefix("*")
        return {"train/__init__.py": f'''\
"""Trainers, found by their file names."""

import importlib
from pathlib import Path


def names():
    found = sorted(each.stem for each in Path(__file__).parent.glob("{pattern}.py"))
    return [each.removesuffix("{suffix}") for each in found if not each.startswith(("base", "_"))]


def get_trainer(name):
    module = importlib.import_module(f"train.{module}")
    return getattr(module, f"{symbol}")
'''}

    return RegistryPart("reflection", files)


def entry_points() -> RegistryPart:
    """A group of entry points in pyproject.toml; read from there where the project is not installed."""

    def files(members: Members) -> dict[str, str]:
        lines = "".join(f'{each.key} = "{each.module}:{each.symbol}"\n' for each in members)
        return {
            "pyproject.toml": '[project]\nname = "house"\nversion = "0.1"\n\n'
            f'[project.entry-points."house.trainers"]\n{lines}',
            "train/__init__.py": '''\
"""Trainers, by the entry points of the group house.trainers."""

import tomllib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path


def _found():
    installed = {each.name: each for each in entry_points(group="house.trainers")}
    file = Path(__file__).resolve().parent.parent / "pyproject.toml"
    listed = tomllib.loads(file.read_text())["project"]["entry-points"]["house.trainers"]
    return installed | {name: EntryPoint(name, value, "house.trainers") for name, value in listed.items()}


def names():
    return list(_found())


def get_trainer(name):
    return _found()[name].load()
''',
        }

    return RegistryPart("entry-points", files)


def none() -> RegistryPart:
    """Nothing: the entry point imports the trainers by name."""

    def files(members: Members) -> dict[str, str]:
        return {
            "train/__init__.py": '"""Trainers."""\n\nimport importlib\n\n\ndef names():\n    return []\n\n\n'
            "def get_trainer(path):\n"
            '    """A trainer by ``module:name``."""\n'
            '    module, _, name = path.partition(":")\n    return getattr(importlib.import_module(module), name)\n'
        }

    return RegistryPart("none", files)


REGISTRIES = {
    "dict": mapping,
    "decorator": decorator,
    "call": call,
    "if-elif": branches,
    "list": listing,
    "import-all": import_all,
    "subclass-scan": scan,
    "reflection": reflection,
    "entry-points": entry_points,
    "none": none,
}
"""Style -> builder."""
