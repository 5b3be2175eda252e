"""Trainers registered in projects of every shape seen: what is edited, how the key is spelled, and the lookup executed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.patching.registered_projects import BASE, ENTRY, as_bytes, joined, proven, siblings_of, trainer
from trainergen.errors import Conflict
from trainergen.patching.joining import Sibling
from trainergen.patching.registration import find_registries

INIT = "trainers/__init__.py"
IMPORTS = "from .conv_net_trainer import ConvNetTrainer\nfrom .linear_trainer import LinearTrainer\n"
ABSOLUTE = "from trainers.conv_net_trainer import ConvNetTrainer\nfrom trainers.linear_trainer import LinearTrainer\n"
PROJECT = {
    INIT: "",
    "trainers/base.py": BASE,
    "trainers/linear_trainer.py": trainer("LinearTrainer"),
    "trainers/conv_net_trainer.py": trainer("ConvNetTrainer"),
}
CONFIGS = "class LinearConfig:\n    pass\n\n\nclass ConvNetConfig:\n    pass\n\n\nclass WineNetConfig:\n    pass\n"


def both(pattern: str) -> str:
    return f"{IMPORTS}\nT = {{{pattern}}}\n"


@pytest.mark.parametrize(
    ("linear", "conv", "expected"),
    [
        ("linear", "conv_net", "wine_net"),
        ("linear", "conv-net", "wine-net"),
        ("linear", "convnet", "winenet"),
        ("Linear", "ConvNet", "WineNet"),
        ("LinearTrainer", "ConvNetTrainer", "WineNetTrainer"),
        ("LINEAR", "CONV_NET", "WINE_NET"),
        ("linear_trainer", "conv_net_trainer", "wine_net_trainer"),
        ("linear-trainer", "conv-net-trainer", "wine-net-trainer"),
        ("lineartrainer", "convnettrainer", "winenettrainer"),
        ("my/linear", "my/conv_net", "my/wine_net"),
        ("linear_v1", "conv_net_v1", "wine_net_v1"),
        ("a", "b", "wine_net"),
        ("A1", "B2", "WINE_NET"),
        ("x-1", "y-2", "wine-net"),
    ],
)
def test_a_key_is_spelled_as_the_siblings_are(linear: str, conv: str, expected: str) -> None:
    done, _ = joined({**PROJECT, INIT: both(f"{linear!r}: LinearTrainer, {conv!r}: ConvNetTrainer")})
    assert done.key == expected


SHAPES: dict[str, tuple[dict[str, str], str, list[str]]] = {
    "text": (
        {INIT: "T = {'Linear': 'trainers.linear_trainer:LinearTrainer',\n}\n"},
        "WineNet",
        ["'WineNet': 'trainers.wine_net_trainer:WineNetTrainer'"],
    ),
    "relative text": (
        {INIT: "T = {'Linear': '.linear_trainer.LinearTrainer', 'ConvNet': '.conv_net_trainer.ConvNetTrainer'}\n"},
        "WineNet",
        ["'WineNet': '.wine_net_trainer.WineNetTrainer'"],
    ),
    "modules by key": (
        {INIT: "M = {'linear': 'trainers.linear_trainer', 'conv': 'trainers.conv_net_trainer'}\n"},
        "wine_net",
        ["'wine_net': 'trainers.wine_net_trainer'"],
    ),
    "lazy exports": (
        {
            INIT: "import importlib\n\n_LAZY = {\n    'LinearTrainer': '.linear_trainer',\n    'ConvNetTrainer': "
            "'.conv_net_trainer',\n}\n\n\ndef __getattr__(name):\n    if name not in _LAZY:\n        raise "
            "AttributeError(name)\n    return getattr(importlib.import_module(_LAZY[name], __name__), name)\n"
        },
        "WineNetTrainer",
        ["    'WineNetTrainer': '.wine_net_trainer',\n}"],
    ),
    "import structure": (
        {
            INIT: "import importlib\n\n_S = {'linear_trainer': ['LinearTrainer'], 'conv_net_trainer': ['ConvNetTrainer']}"
            "\n\n\ndef __getattr__(name):\n    for module, names in _S.items():\n        if name in names:\n            "
            "return getattr(importlib.import_module(f'{__name__}.{module}'), name)\n    raise AttributeError(name)\n"
        },
        "wine_net_trainer",
        ["'wine_net_trainer': ['WineNetTrainer']"],
    ),
    "lambdas": (
        {INIT: both("'linear': lambda c=None: LinearTrainer(c), 'conv-net': lambda c=None: ConvNetTrainer(c)")},
        "wine-net",
        ["'wine-net': lambda c=None: WineNetTrainer(c)"],
    ),
    "partials": (
        {INIT: "from functools import partial\n\n" + both("'linear': partial(LinearTrainer, None)")},
        "wine_net",
        ["'wine_net': partial(WineNetTrainer, None)"],
    ),
    "instances": (
        {INIT: both("'linear': LinearTrainer(), 'conv_net': ConvNetTrainer()")},
        "wine_net",
        ["'wine_net': WineNetTrainer()"],
    ),
    "names of classes": (
        {INIT: both("LinearTrainer.__name__: LinearTrainer, ConvNetTrainer.__name__: ConvNetTrainer")},
        "WineNetTrainer",
        ["WineNetTrainer.__name__: WineNetTrainer"],
    ),
    "call of dict": (
        {INIT: f"{IMPORTS}T = dict(linear=LinearTrainer, conv_net=ConvNetTrainer)"},
        "wine_net",
        [", wine_net=WineNetTrainer)"],
    ),
    "assignments": (
        {
            INIT: f"{IMPORTS}T = {{}}\nT['linear'] = LinearTrainer\n# next\nT['conv_net'] = ConvNetTrainer  # x\nprint()\n"
        },
        "wine_net",
        ["# x\nT['wine_net'] = WineNetTrainer\nprint()"],
    ),
    "update": (
        {INIT: f"{IMPORTS}T = {{}}\nT.update({{'linear': LinearTrainer, 'conv_net': ConvNetTrainer}})\n"},
        "wine_net",
        [
            "T.update({\n    'linear': LinearTrainer,\n    'conv_net': ConvNetTrainer,\n    'wine_net': WineNetTrainer,\n})"
        ],
    ),
    "unpacked and twice": (
        {
            INIT: f"{IMPORTS}O = {{}}\nT = {{**O, 'linear': LinearTrainer, 'linear': LinearTrainer, 'conv': ConvNetTrainer}}\n"
        },
        "wine_net",
        ["    'linear': LinearTrainer,\n    'linear': LinearTrainer,\n", "    'wine_net': WineNetTrainer,\n}"],
    ),
    "nested": (
        {
            INIT: f"{IMPORTS}T = {{\n    'linear': {{\n        'trainer': LinearTrainer,\n    }},\n    'conv_net': {{\n"
            "        'trainer': ConvNetTrainer,\n    },\n}\n"
        },
        "wine_net",
        ["    'wine_net': {\n        'trainer': WineNetTrainer,\n    },\n}"],
    ),
    "in a class": (
        {
            INIT: "",
            "f.py": f"{ABSOLUTE}\n\nclass Factory:\n    KNOWN = {{\n        'linear': LinearTrainer,\n        "
            "'conv_net': ConvNetTrainer,\n    }\n",
        },
        "wine_net",
        ["        'wine_net': WineNetTrainer,\n    }\n"],
    ),
    "on self": (
        {
            INIT: "",
            "f.py": f"{ABSOLUTE}\n\nclass Factory:\n    def __init__(self):\n        self._known = {{'linear': LinearTrainer}}\n"
            "\n    def create(self, name, config):\n        return self._known[name](config)\n",
        },
        "wine_net",
        ["self._known = {'linear': LinearTrainer, 'wine_net': WineNetTrainer}"],
    ),
    "in a function": (
        {
            "f.py": "def create(name, config):\n    from trainers.conv_net_trainer import ConvNetTrainer as C\n"
            "    from trainers.linear_trainer import LinearTrainer as L\n\n    return {'linear': L, 'conv_net': C}[name](config)\n"
        },
        "wine_net",
        [
            "as L\n    from trainers.wine_net_trainer import WineNetTrainer\n\n",
            "{'linear': L, 'conv_net': C, 'wine_net': WineNetTrainer}",
        ],
    ),
    "enumeration of classes": (
        {
            INIT: f"from enum import Enum\n\n{IMPORTS}\n\nclass T(Enum):\n    LINEAR = LinearTrainer\n    CONV_NET = ConvNetTrainer\n"
        },
        "WINE_NET",
        ["    CONV_NET = ConvNetTrainer\n    WINE_NET = WineNetTrainer\n"],
    ),
    "optional import": (
        {
            INIT: "try:\n    from .conv_net_trainer import ConvNetTrainer\nexcept ImportError:\n    ConvNetTrainer = None\n"
            "from .linear_trainer import LinearTrainer\n\nT = {'linear': LinearTrainer, 'conv_net': ConvNetTrainer}\n"
        },
        "wine_net",
        ["from .linear_trainer import LinearTrainer\nfrom .wine_net_trainer import WineNetTrainer\n"],
    ),
    "re-exported": (
        {
            INIT: IMPORTS,
            "zoo.py": "from trainers import LinearTrainer, ConvNetTrainer\n\nT = {'linear': LinearTrainer}\n",
        },
        "wine_net",
        [
            "from trainers import LinearTrainer, ConvNetTrainer, WineNetTrainer\n",
            "from .wine_net_trainer import WineNetTrainer",
        ],
    ),
    "modules": (
        {
            "zoo.py": "import trainers.conv_net_trainer\nimport trainers.linear_trainer\n\nT = {\n    "
            "'linear': trainers.linear_trainer.LinearTrainer,\n    'conv': trainers.conv_net_trainer.ConvNetTrainer,\n}\n"
        },
        "wine_net",
        ["import trainers.wine_net_trainer\n", "'wine_net': trainers.wine_net_trainer.WineNetTrainer,\n}"],
    ),
    "lower-cased on lookup": (
        {INIT: both("'linear': LinearTrainer") + "\n\ndef get(name):\n    return T[name.lower()]\n"},
        "wine_net",
        [],
    ),
    "choices besides": (
        {
            "train.py": f"from typing import Literal\n\n{ABSOLUTE}\nKind = Literal['linear', 'conv_net']\nCHOICES = ('linear', "
            "'conv_net', 'all')\n\n\ndef make(kind):\n    if kind == 'linear':\n        return LinearTrainer()\n"
            "    elif kind == 'conv_net':\n        return ConvNetTrainer()\n    raise SystemExit(kind)\n"
        },
        "wine_net",
        [
            "Literal['linear', 'conv_net', 'wine_net']",
            "('linear', 'conv_net', 'all', 'wine_net')",
            "    elif kind == 'wine_net':\n        return WineNetTrainer()\n    raise",
        ],
    ),
    "row of ifs": (
        {
            "f.py": "def make(cfg):\n\tif cfg.kind.lower() == 'linear':\n\t\tfrom trainers.linear_trainer import LinearTrainer as T\n"
            "\t\treturn T(\n\t\t\tcfg,\n\t\t)\n\n\tif cfg.kind == 'convnet':\n\t\tfrom trainers.conv_net_trainer import ConvNetTrainer\n"
            "\t\treturn ConvNetTrainer(\n\t\t\tcfg,\n\t\t)\n\n\traise ValueError(cfg)"
        },
        "winenet",
        ["\t\treturn T(\n\t\t\tcfg,\n\t\t)\n\n\traise ValueError(cfg)", "\n\n\tif cfg.kind.lower() == 'winenet':\n"],
    ),
    "match": (
        {
            "f.py": "from trainers import conv_net_trainer, linear_trainer\n\n\ndef make(cfg):\n    match cfg['name']:\n        "
            "case 'Linear' | 'L':\n            found = linear_trainer.LinearTrainer(cfg)\n        case 'ConvNet':\n            "
            "found = conv_net_trainer.ConvNetTrainer(cfg)\n        case _:\n            raise ValueError(cfg)\n    return found\n"
        },
        "WineNet",
        [
            "from trainers import conv_net_trainer, linear_trainer, wine_net_trainer\n",
            "        case 'WineNet':\n            found = wine_net_trainer.WineNetTrainer(cfg)\n        case _:",
        ],
    ),
    "factory method": (
        {
            "f.py": f"{ABSOLUTE}\n\nclass Factory:\n    @classmethod\n    def create(cls, *, kind='linear', config):\n        if "
            "kind in ('linear', 'lin'):\n            cls = LinearTrainer\n        elif kind == 'conv-net':\n            cls = "
            "ConvNetTrainer\n        return cls(config)\n"
        },
        "wine-net",
        ["        elif kind == 'wine-net':\n            cls = WineNetTrainer\n        return cls(config)"],
    ),
    "everything in one file": (
        {
            "trainers/base.py": BASE
            + "\n\nclass LinearTrainer(BaseTrainer):\n    pass\n\n\nT = {'linear': LinearTrainer}\n",
            "trainers/linear_trainer.py": "",
            "trainers/conv_net_trainer.py": "",
        },
        "wine_net",
        ["\n\nimport trainers.wine_net_trainer  # noqa: E402, F401\n", '\n\n\nT["wine_net"] = WineNetTrainer\n'],
    ),
    "own registry object": (
        {
            INIT: "import trainers.conv_net_trainer  # noqa: F401\nimport trainers.linear_trainer  # noqa: F401\n",
            "trainers/registry.py": "class Registry:\n    def __init__(self):\n        self._items = {}\n\n    def register(self, cls=None, "
            "*, name=None):\n        def wrap(c):\n            key = name or c.__name__.lower()\n            self._items[key] = c\n"
            "            return c\n\n        return wrap(cls) if cls is not None else wrap\n\n\nTRAINERS = Registry()\n",
            "trainers/linear_trainer.py": "from .registry import TRAINERS\n"
            + trainer("LinearTrainer", above="@TRAINERS.register\n"),
            "trainers/conv_net_trainer.py": "from .registry import TRAINERS\n"
            + trainer("ConvNetTrainer", above="@TRAINERS.register\n"),
        },
        "winenettrainer",
        ["import trainers.wine_net_trainer  # noqa: F401\n", "@TRAINERS.register\nclass WineNetTrainer"],
    ),
    "decorator of the base": (
        {
            INIT: IMPORTS,
            "trainers/base.py": BASE
            + "    known = {}\n\n    @classmethod\n    def register(cls, name):\n        def wrap(sub):\n"
            "            cls.known[name] = sub\n            return sub\n\n        return wrap\n",
            "trainers/linear_trainer.py": trainer("LinearTrainer", above="@BaseTrainer.register('linear')\n"),
            "trainers/conv_net_trainer.py": trainer("ConvNetTrainer", above="@BaseTrainer.register('conv-net')\n"),
        },
        "wine-net",
        ["@BaseTrainer.register('wine-net')\nclass"],
    ),
    "decorator and loop": (
        {
            INIT: "import importlib\nimport pkgutil\n\nfor info in pkgutil.iter_modules(__path__):\n    if info.name.endswith('_trainer'):\n"
            "        importlib.import_module(f'{__name__}.{info.name}')\n",
            "trainers/registry.py": "T = {}\n\n\ndef register(name):\n    def wrap(cls):\n        T[name] = cls\n        return cls\n\n"
            "    return wrap\n",
            "trainers/linear_trainer.py": "from .registry import register\n"
            + trainer("LinearTrainer", above="@register('linear')\n"),
            "trainers/conv_net_trainer.py": "from .registry import register\n"
            + trainer("ConvNetTrainer", above="@register('conv_net')\n"),
        },
        "wine_net",
        ["@register('wine_net')\n"],
    ),
    "call below the class": (
        {
            INIT: "from .conv_net_trainer import *\nfrom .linear_trainer import *\n",
            "trainers/registry.py": "T = {}\n\n\ndef register(cls):\n    T[cls.kind] = cls\n",
            "trainers/linear_trainer.py": "from .registry import register\n"
            + trainer("LinearTrainer", body="kind = 'linear'")
            + "\n\nregister(LinearTrainer)\n",
            "trainers/conv_net_trainer.py": "from .registry import register\n"
            + trainer("ConvNetTrainer", body="kind = 'conv-net'")
            + "\n\nregister(ConvNetTrainer)\n",
        },
        "wine-net",
        ["from .wine_net_trainer import *\n", "    kind = 'wine-net'\n\n\nregister(WineNetTrainer)\n"],
    ),
    "loop over classes": (
        {
            INIT: f"{IMPORTS}\nT = {{}}\nfor cls in (\n    LinearTrainer,\n    ConvNetTrainer\n):\n    T[cls.key] = cls\n",
            "trainers/linear_trainer.py": trainer("LinearTrainer", body="key: str = 'linear'"),
            "trainers/conv_net_trainer.py": trainer("ConvNetTrainer", body="key: str = 'conv-net'"),
        },
        "wine-net",
        ["    ConvNetTrainer,\n    WineNetTrainer,\n):", "    key: str = 'wine-net'\n"],
    ),
    "told of subclasses": (
        {
            INIT: "from . import conv_net_trainer, linear_trainer\n",
            "trainers/base.py": "class BaseTrainer:\n    known = {}\n\n    def __init_subclass__(cls, key=None, **kwargs):\n        "
            "super().__init_subclass__(**kwargs)\n        BaseTrainer.known[key] = cls\n",
            "trainers/linear_trainer.py": "from .base import BaseTrainer\n\n\nclass LinearTrainer(BaseTrainer, key='linear'):\n    pass\n",
            "trainers/conv_net_trainer.py": "from .base import BaseTrainer\n\n\nclass ConvNetTrainer(BaseTrainer, key='conv_net'):\n    pass\n",
        },
        "wine_net",
        ["class WineNetTrainer(BaseTrainer, key='wine_net'):", "linear_trainer, wine_net_trainer\n"],
    ),
    "getattr": (
        {
            INIT: IMPORTS,
            "train.py": "import trainers\n\n\ndef build(cfg):\n    return getattr(trainers, cfg.name + 'Trainer')(cfg)\n",
        },
        "WineNet",
        ["from .wine_net_trainer import WineNetTrainer\n"],
    ),
    "configuration": (
        {"conf/linear.yaml": "trainer:\n  _target_: trainers.linear_trainer.LinearTrainer\n"},
        "trainers.wine_net_trainer.WineNetTrainer",
        [],
    ),
    "setup.cfg": (
        {
            "setup.cfg": "[options.entry_points]\nx.trainers =\n    linear = trainers.linear_trainer:LinearTrainer\n"
            "    conv_net = trainers.conv_net_trainer:ConvNetTrainer"
        },
        "wine_net",
        ["ConvNetTrainer\n    wine_net = trainers.wine_net_trainer:WineNetTrainer"],
    ),
    "poetry": (
        {
            "pyproject.toml": '[tool.poetry.plugins."x"]\n"linear" = "trainers.linear_trainer:LinearTrainer"\n\n[a]\nb = 1\n'
        },
        "wine_net",
        ['"wine_net" = "trainers.wine_net_trainer:WineNetTrainer"\n\n[a]'],
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_trainer_joins_a_project_of_any_shape(shape: str, ends: str, tmp_path: Path) -> None:
    files, key, lines = SHAPES[shape]
    project = {path: text.replace("\n", ends) for path, text in {**PROJECT, **files}.items()}
    done, after = proven(project, tmp_path, key=key)
    for path, edit in done.edits.items():
        assert b"\r\n" not in edit.after or edit.after.count(b"\n") == edit.after.count(b"\r\n"), path
    text = "\n".join(after.values()).replace("\r\n", "\n")
    for line in lines:
        assert line in text, text


def test_what_belongs_to_a_trainer_besides_goes_with_it(tmp_path: Path) -> None:
    project = {
        **PROJECT,
        "trainers/configs.py": CONFIGS,
        INIT: f"from .configs import ConvNetConfig, LinearConfig\n{IMPORTS}"
        "T = {'linear': (LinearTrainer, LinearConfig), 'conv_net': (ConvNetTrainer, ConvNetConfig)}\n"
        "HELP = {\n    'linear': 'A line, no more.',\n    'conv_net': \"It's deep.\",\n}\n",
    }
    entry = replace(ENTRY, config="trainers.configs:WineNetConfig", summary="Wines.")
    _, after = proven(project, tmp_path, entry, key="wine_net")
    assert "'wine_net': (WineNetTrainer, WineNetConfig)" in after[INIT]
    assert "    'wine_net': 'Wines.',\n}" in after[INIT]
    assert "import ConvNetConfig, LinearConfig, WineNetConfig\n" in after[INIT]
    with pytest.raises(
        Conflict, match="a configuration of its own, which the new trainer does not have: ConvNetConfig"
    ):
        joined(project)


def test_a_branch_that_imports_its_configuration_goes_on_doing_so(tmp_path: Path) -> None:
    def branch(key: str, name: str) -> str:
        return (
            f"    if kind == '{key}':\n        from trainers.{key}_config import {name}Config\n"
            f"        from trainers.{key}_trainer import {name}Trainer\n\n        return {name}Trainer({name}Config())\n"
        )

    text = (
        "def make(kind):\n"
        + branch("linear", "Linear")
        + branch("conv_net", "ConvNet")
        + "    raise ValueError(kind)\n"
    )
    project = {**PROJECT, "f.py": text, "trainers/wine_config.py": "class WineNetConfig:\n    pass\n"}
    project |= {
        f"trainers/{key}_config.py": f"class {name}Config:\n    pass\n"
        for key, name in (("linear", "Linear"), ("conv_net", "ConvNet"))
    }
    _, after = proven(project, tmp_path, replace(ENTRY, config="trainers.wine_config:WineNetConfig"), key="wine_net")
    new = branch("wine_net", "WineNet").replace("wine_net_config", "wine_config")
    assert after["f.py"] == text.replace("    raise", new + "    raise")


PREFIXES = "\n\ndef get(name):\n    for key in T:\n        if key.startswith(name):\n            return T[key]\n"
REFUSED: dict[str, tuple[dict[str, str | bytes], str, str]] = {
    "taken": (
        {INIT: both("'linear': LinearTrainer, 'wine_net': ConvNetTrainer, 'conv_net': ConvNetTrainer")},
        "wine_net already",
        "--name",
    ),
    "another case": (
        {INIT: both("'linear': LinearTrainer, 'Wine_Net': ConvNetTrainer, 'conv_net': 3, 'x': LinearTrainer")},
        "only in case",
        "--name",
    ),
    "prefix": ({INIT: both("'linear': LinearTrainer, 'wine': ConvNetTrainer") + PREFIXES}, "by prefix", "--name"),
    "hijacked": (
        {INIT: both("'linear': LinearTrainer, 'wine_net_2': ConvNetTrainer") + PREFIXES},
        "wine_net_2",
        "--name",
    ),
    "prefix of a chain": (
        {
            "f.py": ABSOLUTE
            + "\n\ndef make(name):\n    if name.startswith('linear'):\n        return LinearTrainer()\n"
            "    if name.startswith('wine'):\n        return ConvNetTrainer()\n"
        },
        "by prefix",
        "--name",
    ),
    "enumeration": (
        {
            INIT: "from enum import Enum\n\n\nclass Kind(Enum):\n    LINEAR = 1\n    CONV_NET = 2\n\n\n"
            + both("Kind.LINEAR: LinearTrainer, Kind.CONV_NET: ConvNetTrainer")
        },
        "members of Kind",
        "a member WINE_NET to Kind, and Kind.WINE_NET: WineNetTrainer to T",
    ),
    "keys that are calls": ({INIT: both("hash('a'): LinearTrainer, hash('b'): ConvNetTrainer")}, "no texts", "by hand"),
    "expression": (
        {"f.py": ABSOLUTE + "\n\ndef make(n):\n    return LinearTrainer() if n == 'linear' else ConvNetTrainer()\n"},
        "in one expression",
        "by hand",
    ),
    "setup.py": (
        {
            "setup.py": "E = {'x': ['l = trainers.linear_trainer:LinearTrainer', 'c = trainers.conv_net_trainer:ConvNetTrainer']}\n"
        },
        "in Python",
        "by hand",
    ),
    "latin-1": (
        {INIT: b"# coding: latin-1\n# caf\xe9\n" + both("'linear': LinearTrainer, 'conv': ConvNetTrainer").encode()},
        "UTF-8",
        "save it as UTF-8",
    ),
    "latin-1 that reads as UTF-8": (
        {INIT: ("# coding: latin-1\n# café\n" + both("'linear': LinearTrainer, 'conv': ConvNetTrainer")).encode()},
        "iso-8859-1",
        "save it as UTF-8",
    ),
    "another file name": (
        {
            "train.py": "import importlib\n\n\ndef load(name):\n    return importlib.import_module(f'trainers.{name}_trainer').Trainer\n",
            "trainers/wine_net.py": "",
        },
        "trainers/*_trainer.py",
        "--name",
    ),
    "a circle in a program": (
        {
            "trainers/base.py": BASE
            + "\n\nclass LinearTrainer(BaseTrainer):\n    pass\n\n\nT = {'linear': LinearTrainer}\n\nif __name__ == "
            "'__main__':\n    print(T)\n",
            "trainers/linear_trainer.py": "",
            "trainers/conv_net_trainer.py": "",
        },
        "is run as a program",
        "move the base trainer",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_can_t_be_edited_says_what_to_write(why: str) -> None:
    files, said, hint = REFUSED[why]
    entry = (
        replace(ENTRY, module="trainers.wine_net", file="trainers/wine_net.py") if why == "another file name" else ENTRY
    )
    with pytest.raises(Conflict) as caught:
        joined({**PROJECT, **files}, entry)
    assert said in caught.value.message
    assert caught.value.place and hint in (caught.value.hint or "")


def test_a_prefix_lookup_that_tries_the_whole_name_first_is_no_danger(tmp_path: Path) -> None:
    lookup = "\n\ndef get(name):\n    if name in T:\n        return T[name]\n" + PREFIXES.partition("name):\n")[2]
    text = both("'linear': LinearTrainer, 'wine': ConvNetTrainer")
    _, after = proven({**PROJECT, INIT: text + lookup}, tmp_path, key="wine_net")
    assert "'wine': ConvNetTrainer, 'wine_net': WineNetTrainer}" in after[INIT]


@pytest.mark.parametrize(
    "files",
    [
        {"run.py": ABSOLUTE + "\nfor each in [LinearTrainer(1), ConvNetTrainer(2)]:\n    print(each)\n"},
        {
            "run.py": ABSOLUTE
            + "\nprint(isinstance(3, (LinearTrainer, ConvNetTrainer)))\nsettings = {'lr': 0.1, 'cls': LinearTrainer, 'x': 2}\n"
        },
        {"tests/test_it.py": ABSOLUTE + "\nT = {'linear': LinearTrainer, 'conv': ConvNetTrainer}\n"},
        {"run.py": ABSOLUTE + "\nLinearTrainer().run()\nConvNetTrainer().run()\n"},
        {"run.py": "import mine\n\nT = {'linear': mine.LinearTrainer, 'conv': mine.ConvNetTrainer}\n"},
    ],
)
def test_what_only_uses_trainers_is_no_registry(files: dict[str, str]) -> None:
    done, _ = joined({**PROJECT, **files})
    assert done.edits == {} and done.lookup is None
    assert done.said == "nothing registers trainers here"


def test_a_project_without_trainers_has_no_registry() -> None:
    assert find_registries({INIT: b"T = {}\n"}.__getitem__, [INIT], (), ("",)) == ()


def test_a_src_layout_is_known_by_its_siblings(tmp_path: Path) -> None:
    project = {
        "src/zoo/__init__.py": "",
        "src/zoo/base.py": BASE,
        "src/zoo/linear.py": trainer("LinearTrainer"),
        "src/zoo/conv.py": trainer("ConvNetTrainer"),
        "src/zoo/factory.py": "from .conv import ConvNetTrainer\nfrom .linear import LinearTrainer\n\nT = {'linear': LinearTrainer}\n",
    }
    entry = replace(ENTRY, module="zoo.wine_net", file="src/zoo/wine_net.py")
    _, after = proven(project, tmp_path, entry, key="wine_net")
    assert "from .wine_net import WineNetTrainer\n" in after["src/zoo/factory.py"]
    assert siblings_of(as_bytes(project), ("src", ""))[0] == Sibling("ConvNetTrainer", "zoo.conv", "src/zoo/conv.py")


PACKAGES = {
    "models/__init__.py": "",
    "models/base.py": BASE,
    "models/linear/__init__.py": "from .trainer import LinearTrainer\n",
    "models/linear/trainer.py": trainer("LinearTrainer", base="from models.base import BaseTrainer"),
    "models/conv_net/__init__.py": "from .trainer import ConvNetTrainer\n",
    "models/conv_net/trainer.py": trainer("ConvNetTrainer", base="from models.base import BaseTrainer"),
    "models/wine_net/__init__.py": "",
}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "from models.conv_net import ConvNetTrainer\nfrom models.linear import LinearTrainer\n\n"
            "T = {'linear': LinearTrainer, 'conv-net': ConvNetTrainer}\n",
            "from models.linear import LinearTrainer\nfrom models.wine_net.trainer import WineNetTrainer\n",
        ),
        (
            "from models.conv_net import trainer as conv\nfrom models.linear import trainer as linear\n\n"
            "T = {'linear': linear.LinearTrainer, 'conv-net': conv.ConvNetTrainer}\n",
            "from models.wine_net.trainer import WineNetTrainer\n",
        ),
        (
            "import models.conv_net.trainer\nimport models.linear.trainer\n\nT = {\n    'linear': "
            "models.linear.trainer.LinearTrainer,\n    'conv-net': models.conv_net.trainer.ConvNetTrainer,\n}\n",
            "    'wine-net': models.wine_net.trainer.WineNetTrainer,\n}",
        ),
        (
            "T = {'linear': 'models.linear.trainer:LinearTrainer', 'conv-net': 'models.conv_net.trainer:ConvNetTrainer'}\n",
            "'wine-net': 'models.wine_net.trainer:WineNetTrainer'",
        ),
        (
            "def make(kind):\n    if kind == 'linear':\n        from models.linear.trainer import LinearTrainer\n\n        return "
            "LinearTrainer()\n    if kind == 'conv-net':\n        from models.conv_net.trainer import ConvNetTrainer\n\n"
            "        return ConvNetTrainer()\n    raise ValueError(kind)\n",
            "        from models.wine_net.trainer import WineNetTrainer\n\n        return WineNetTrainer()\n    raise",
        ),
    ],
)
def test_a_package_a_model_where_every_file_is_called_trainer(text: str, line: str, tmp_path: Path) -> None:
    entry = replace(ENTRY, module="models.wine_net.trainer", file="models/wine_net/trainer.py")
    done, after = proven({**PACKAGES, "zoo.py": text}, tmp_path, entry, key="wine-net")
    assert line in after["zoo.py"]
    assert set(done.edits) == {"zoo.py"}
