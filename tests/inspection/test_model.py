"""Reading a model from source: what is found, where from, and each way to name one wrongly."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from tests.building import read_tree, write_tree
from trainergen.errors import TrainergenError, UnusableInput, UserCodeFailed
from trainergen.inspection.model import read_model, unresolved_bases

SITE = (Path(sysconfig.get_paths()["purelib"]),)

NET = '''
"""Models."""
import torch
from torch import nn

class Net(nn.Module):
    """Classify digits.

    Train with SGD.
    """

    optimizer = "sgd"

    def __init__(self, hidden: int, *, dropout: float = 0.1, **rest):
        super().__init__()
        self.layer = nn.Linear(64, hidden)

    def forward(self, x: torch.Tensor, mask=None) -> torch.Tensor:
        """Logits."""
        return self.layer(x)
'''


def test_reads_signature_text_and_places(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"model.py": NET})
    facts = read_model("model.py:Net", root)
    assert (facts.module, facts.name, facts.kind, facts.file) == ("model", "Net", "class", "model.py")
    assert facts.is_module is True
    assert str(facts.place) == "model.py:5"
    assert [(a.name, a.kind, a.annotation, a.default) for a in facts.init] == [
        ("hidden", "positional", "int", None),
        ("dropout", "keyword", "float", "0.1"),
        ("rest", "var_keyword", None, None),
    ]
    assert [a.name for a in facts.init if a.required] == ["hidden"]
    assert [(a.name, a.default) for a in facts.forward] == [("x", None), ("mask", "None")]
    assert facts.forward_returns == "torch.Tensor"
    assert facts.docstring is not None and facts.docstring.startswith("Classify digits.")
    assert facts.forward_docstring == "Logits."
    assert [(a.name, a.value, a.on_class) for a in facts.attributes] == [
        ("optimizer", "'sgd'", True),
        ("layer", "nn.Linear(64, hidden)", False),
    ]
    assert facts.imports == ("torch",)
    assert facts.source.startswith("class Net(nn.Module):") and facts.source.endswith("return self.layer(x)")


def test_follows_bases_and_reexports_to_the_inherited_constructor(tmp_path: Path) -> None:
    root = write_tree(
        tmp_path,
        {
            "src/zoo/__init__.py": "from .nets import *\nfrom .nets import Small as Tiny\n",
            "src/zoo/nets.py": "from ._base import Encoder\nclass Small(Encoder[int]):\n    scale = 2\n",
            "src/zoo/_base.py": (
                "import torch.nn as nn\nfrom typing import Generic, TypeVar\nT = TypeVar('T')\n"
                "class Encoder(nn.Module, Generic[T]):\n"
                "    def __init__(self, width=3):\n        pass\n"
                "    def forward(self, image):\n        return image\n"
            ),
        },
    )
    facts = read_model("zoo:Tiny", root)
    assert (facts.module, facts.name, facts.file) == ("zoo", "Tiny", "src/zoo/nets.py")
    assert facts.is_module is True
    assert [(base.name, base.resolved) for base in facts.bases] == [("Encoder[int]", "src/zoo/_base.py:4")]
    assert [a.name for a in facts.init] == ["width"]
    assert str(facts.forward_place) == "src/zoo/_base.py:7"
    assert read_model("src/zoo/nets.py:Small", root).module == "zoo.nets"


def test_reads_bases_of_installed_packages(tmp_path: Path) -> None:
    root = write_tree(
        tmp_path,
        {"m.py": "from torch import nn\nclass Stack(nn.Sequential):\n    pass\nclass Odd(gone.Base):\n    pass\n"},
    )
    stack = read_model("m.py:Stack", root, search_path=SITE)
    assert stack.is_module is True
    assert stack.bases[0].resolved is not None and "torch/nn/modules/container.py" in stack.bases[0].resolved
    assert [a.name for a in stack.forward] == ["input"]
    odd = read_model("m.py:Odd", root, search_path=SITE)
    assert odd.is_module is None
    assert unresolved_bases(odd) == ("gone.Base",)
    installed = read_model("torch.nn:TransformerEncoderLayer", root, search_path=SITE)
    assert not installed.inside_project and Path(installed.file).is_absolute()
    assert [a.name for a in installed.init if a.required] == ["d_model", "nhead"]


def test_reads_a_function_and_a_dataclass_model(tmp_path: Path) -> None:
    root = write_tree(
        tmp_path,
        {"m.py": """
            from dataclasses import dataclass
            from torch import nn
            def build(depth: int = 2): ...
            @dataclass(eq=False)
            class Data(nn.Module):
                width: int
                depth: int = 3
            """},
    )
    function = read_model("m.py:build", root)
    assert (function.kind, function.is_module, function.init[0].default) == ("function", None, "2")
    assert [(a.name, a.required) for a in read_model("m.py:Data", root).init] == [("width", True), ("depth", False)]


BROKEN = "import torch\nclass Net(torch.nn.Module)\n    pass\n"


@pytest.mark.parametrize(
    ("reference", "kind", "message", "hint"),
    [
        ("modle.py:Net", UnusableInput, "no file modle.py", "did you mean model.py:Net?"),
        ("net.py:Net", UnusableInput, "no file net.py", "did you mean nets/net.py:Net?"),
        ("model.py:Nett", UnusableInput, "no class Nett in model.py", "did you mean Net?"),
        ("model.py:Hidden", UnusableInput, "no class Hidden", None),
        ("model.py:Plain", UnusableInput, "Plain is not an nn.Module: it derives from object", "torch.nn.Module"),
        ("model.py:VALUE", UnusableInput, "VALUE in model.py is an assigned value", "--factory"),
        ("model.py:nn", UnusableInput, "nn is imported", "searched"),
        ("model.py", UnusableInput, "no class named", "--model model.py:Class"),
        ("nets.net.Net", UnusableInput, "no class named", "did you mean nets.net:Net?"),
        ("nets/net:Net", UnusableInput, "has no .py suffix", "did you mean nets/net.py:Net?"),
        ("nets.nett:Net", UnusableInput, "no module nets.nett", "did you mean nets.net:Net?"),
        ("nb.ipynb:Net", UnusableInput, "a notebook cannot be imported", "model.py:Net"),
        ("__main__:Net", UnusableInput, "__main__ is whatever script runs", "model.py:Net"),
        ("model.py:class", UnusableInput, "'class' is a Python keyword", None),
        ("model.py:Outer.Inner", UnusableInput, "class inside a class", "--factory"),
        ("nets:", UnusableInput, "no class named", None),
        ("nets/my-net.py:Net", UnusableInput, "'my-net' is no module name", "rename it to my_net"),
        ("types.py:Net", UnusableInput, "standard module types", "types_model"),
        ("nets:Net", UnusableInput, "no class Net in nets/__init__.py", "defines no class"),
        ("../outside.py:Net", UnusableInput, "lies outside the project", "--project"),
        ("link.py:Net", UnusableInput, "lies outside the project", "--project"),
        ("broken.py:Net", UserCodeFailed, "syntax error: expected ':'", "correct the file"),
    ],
)
def test_wrong_references_say_what_and_how_to_fix(
    tmp_path: Path, reference: str, kind: type[TrainergenError], message: str, hint: str | None
) -> None:
    write_tree(tmp_path, {"outside.py": NET})
    root = write_tree(
        tmp_path / "project",
        {
            "model.py": NET
            + "\nVALUE = 3\nclass Plain:\n    pass\ndef make():\n    class Hidden(nn.Module):\n        pass\n",
            "nets/net.py": NET,
            "nets/__init__.py": "",
            "nets/my-net.py": NET,
            "types.py": NET,
            "broken.py": BROKEN,
            "nb.ipynb": "{}",
        },
    )
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    before = read_tree(tmp_path)
    with pytest.raises(kind) as caught:
        read_model(reference, root)
    assert message in caught.value.message
    if hint is not None:
        assert hint in (caught.value.hint or "")
    assert read_tree(tmp_path) == before


def test_a_syntax_error_shows_the_line(tmp_path: Path) -> None:
    with pytest.raises(UserCodeFailed) as caught:
        read_model("m.py:Net", write_tree(tmp_path, {"m.py": BROKEN}))
    assert caught.value.place == "m.py:2"
    assert caught.value.notes[0] == "2 | class Net(torch.nn.Module)"
    assert caught.value.exit_code == 5


def test_relative_paths_start_at_the_current_folder_and_then_at_the_root(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"nets/net.py": NET, "model.py": NET})
    assert read_model("net.py:Net", root, cwd=root / "nets").module == "nets.net"
    assert read_model("model.py:Net", root, cwd=root / "nets").module == "model"
