"""What the project passes where it builds a class: calls, constants, options, config files; best place first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.building import write_tree
from trainergen.inspection.config_values import read_yaml
from trainergen.inspection.expressions import call, reference, tuple_of
from trainergen.inspection.model import read_model
from trainergen.inspection.usage import MOST_GROUPS, Usage, find_usages

if TYPE_CHECKING:
    from pathlib import Path

NET = """
import torch.nn as nn

class Net(nn.Module):
    def __init__(self, dim, depth, act=nn.ReLU, sizes=(1, 2), *, dropout=0.0):
        super().__init__()

    def forward(self, x):
        return x
"""


def usages(tmp_path: Path, files: dict[str, str], reference: str = "model.py:Net") -> tuple[Usage, ...]:
    root = write_tree(tmp_path / "project", {"model.py": NET, **files})
    return find_usages(root, read_model(reference, root))


def best(tmp_path: Path, files: dict[str, str]) -> dict[str, object]:
    found = usages(tmp_path, files)
    return {each.argument: each.value for each in found if each.group == found[0].group}


@pytest.mark.parametrize(
    ("files", "values"),
    [
        ({"run.py": "from model import Net\nnet = Net(8, depth=2)\n"}, {"dim": 8, "depth": 2}),
        ({"run.py": "import model\nnet = model.Net(8, 2, dropout=.5)\n"}, {"dim": 8, "depth": 2, "dropout": 0.5}),
        ({"run.py": "import model as m\nDIM = 4\nnet = m.Net(2 * DIM, DIM // 2)\n"}, {"dim": 8, "depth": 2}),
        (
            {"run.py": "from model import Net as N\ndef go(dim=8):\n    depth = 3\n    return N(dim, depth)\n"},
            {"dim": 8, "depth": 3},
        ),
        (
            {"run.py": "from model import *\nNet(dim=1, depth=2, sizes=(3, 4))\n"},
            {"dim": 1, "depth": 2, "sizes": tuple_of([3, 4])},
        ),
        (
            {"run.py": "from torch import nn\nfrom model import Net\nNet(8, 2, act=nn.GELU)\n"},
            {"dim": 8, "depth": 2, "act": reference("torch.nn:GELU")},
        ),
        (
            {"run.py": "import torch\nfrom model import Net\nNet(8, 2, act=torch.nn.GELU())\n"},
            {"dim": 8, "depth": 2, "act": call("torch.nn:GELU")},
        ),
        (
            {"run.py": "from consts import WIDTH\nfrom model import Net\nNet(WIDTH, 2)\n", "consts.py": "WIDTH = 12\n"},
            {"dim": 12, "depth": 2},
        ),
        ({"run.py": "from model import Net\ncfg = dict(dim=8, depth=2)\nNet(**cfg)\n"}, {"dim": 8, "depth": 2}),
        (
            {"run.py": "from model import Net\ncfg = {'model': {'dim': 8, 'depth': 2}}\nNet(**cfg['model'])\n"},
            {"dim": 8, "depth": 2},
        ),
        (
            {
                "run.py": "import argparse\nfrom model import Net\np = argparse.ArgumentParser()\n"
                "p.add_argument('--dim', type=int, default=8)\np.add_argument('-d', '--num-layers', default=3)\n"
                "args = p.parse_args()\nnet = Net(args.dim, args.num_layers)\n"
            },
            {"dim": 8, "depth": 3},
        ),
        (
            {
                "run.py": "import yaml\nfrom model import Net\ncfg = yaml.safe_load(open('configs/base.yaml'))\nNet(**cfg['model'])\n",
                "configs/base.yaml": "seed: 1\nmodel:\n  dim: 16\n  depth: 4   # layers\n  sizes: [1, 2]\n",
            },
            {"dim": 16, "depth": 4, "sizes": [1, 2]},
        ),
        (
            {
                "run.py": "import json\nfrom model import Net\nwith open('c.json') as f:\n    c = json.load(f)\nNet(c['dim'], c.get('depth', 7))\n",
                "c.json": '{"dim": 16}',
            },
            {"dim": 16, "depth": 7},
        ),
        (
            {
                "run.py": "from model import Net\nfrom conf import Config\ncfg = Config(dim=24)\nNet(cfg.dim, cfg.depth)\n",
                "conf.py": "from dataclasses import dataclass\n@dataclass\nclass Config:\n    dim: int = 8\n    depth: int = 2\n",
            },
            {"dim": 24, "depth": 2},
        ),
        (
            {"run.py": "from functools import partial\nfrom model import Net\nmake = partial(Net, 8, depth=2)\n"},
            {"dim": 8, "depth": 2},
        ),
        ({"a/run.py": "def main():\n    from model import Net\n    return Net(8, depth=2)\n"}, {"dim": 8, "depth": 2}),
        ({"run.py": "from model import Net\nimport sys\nNet(len(sys.argv), depth=2)\n"}, {"depth": 2}),
    ],
)
def test_what_a_call_passes_is_read(tmp_path: Path, files: dict[str, str], values: dict[str, object]) -> None:
    assert best(tmp_path, files) == values


@pytest.mark.parametrize(
    "files",
    [
        {"conf/model.yaml": "_target_: model.Net\ndim: 8\n"},
        {"conf/all.yaml": "data:\n  dim: 3\n  depth: 9\nmodel:\n  dim: 8\n"},
        {"conf/all.yaml": "model:\n  class_path: model.Net\n  init_args:\n    dim: 8\n"},
        {"conf/all.json": '{"net": {"dim": 8, "depth": 2}}'},
        {"conf.toml": "[model]\ndim = 8\ndepth = 2\n"},
        {"conf.ini": "[model]\ndim = 8\ndepth = 2\n"},
    ],
)
def test_a_config_file_with_the_arguments_names_is_read(tmp_path: Path, files: dict[str, str]) -> None:
    if "data:" in next(iter(files.values())):
        files = {"conf/all.yaml": "data:\n  dim: 3\n  depth: 9\nmodel:\n  dim: 8\n  depth: 2\n"}
    assert best(tmp_path, files)["dim"] == 8


def test_a_script_comes_before_a_config_that_before_a_test(tmp_path: Path) -> None:
    found = usages(
        tmp_path,
        {
            "tests/test_net.py": "from model import Net\ndef test_it():\n    Net(1, 1)\n",
            "scripts/train.py": "from model import Net\nNet(8, 2)\n",
            "base.yaml": "dim: 4\ndepth: 4\n",
            "lib.py": "from model import Net\ndef build():\n    return Net(5, 5)\n",
        },
    )
    assert [str(each.place) for each in found if each.argument == "dim"] == [
        "scripts/train.py:2",
        "base.yaml:1",
        "lib.py:3",
        "tests/test_net.py:3",
    ]


def test_the_main_block_of_the_models_own_file_is_read(tmp_path: Path) -> None:
    found = usages(tmp_path, {"model.py": NET + "\n\nif __name__ == '__main__':\n    net = Net(6, 2)\n"})
    assert (found[0].argument, found[0].value, str(found[0].place)) == ("dim", 6, "model.py:12")


@pytest.mark.parametrize(
    "files",
    [
        {"run.py": "class Net:\n    pass\nNet(8, 2)\n"},
        {"run.py": "from other import Net\nNet(8, 2)\n"},
        {"run.py": "from model import Net\nx = x + 1\nNet(x, x)\n"},
        {"run.py": "from model import Net\nNet(8, 2\n"},
        {".venv/lib/site-packages/run.py": "from model import Net\nNet(8, 2)\n"},
        {"venvs/pyvenv.cfg": "", "venvs/run.py": "from model import Net\nNet(8, 2)\n"},
        {"data.json": '{"dim": 8, "title": "x"}'},
        {"model.py": NET.replace("return x", "return Net(8, 2)")},
        {"run.py": "from model import Net\ncfg = dict(cfg)\nNet(**cfg)\n"},
    ],
)
def test_what_does_not_build_this_class_says_nothing(tmp_path: Path, files: dict[str, str]) -> None:
    assert usages(tmp_path, files) == ()


def test_no_more_places_are_kept_than_help(tmp_path: Path) -> None:
    calls = "".join(f"Net({number}, 2)\n" for number in range(1, 40))
    found = usages(tmp_path, {"run.py": "from model import Net\n" + calls})
    assert len({each.group for each in found}) == MOST_GROUPS


def test_the_yaml_of_configs_is_read_and_the_rest_left_out() -> None:
    text = """
# a comment
name: "a: b"
model:
  dim: 16      # width
  rate: 1e-3
  flags: {causal: true, bias: no}
  stages:
    - 1
    - 2
  note: |
    several
    lines
  act: relu
  base: &anchor
    x: 1
list:
- a
- b
empty:
"""
    assert read_yaml(text) == {
        "name": "a: b",
        "model": {
            "dim": 16,
            "rate": 0.001,
            "flags": {"causal": True, "bias": False},
            "stages": [1, 2],
            "act": "relu",
        },
        "list": ["a", "b"],
        "empty": None,
    }
