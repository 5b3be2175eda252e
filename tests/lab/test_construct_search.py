"""How the search for a constructor call behaves: who decides, what is never done, when it gives up and what it says then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from tests.lab.test_construct import constructor, first, values
from trainergen.lab.construct import search, trying

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainergen.lab.construct import Constructor

    Maker = Callable[..., Constructor]

__all__ = ["constructor"]

PLAIN = """
class Net(nn.Module):
    def __init__(self, n_in: int, n_hidden: int, n_out: int = 3):
        super().__init__()
        self.f = nn.Linear(n_in, n_hidden)
        self.g = nn.Linear(n_hidden, n_out)
    def forward(self, x):
        return self.g(self.f(x))
"""


def argument(built: Any, name: str) -> Any:
    return next(each for each in built.construction.arguments if each.name == name)


def test_what_the_user_gave_is_passed_as_it_is(constructor: Maker) -> None:
    built = first(constructor(PLAIN, n_hidden=7))
    assert built.model.f.out_features == 7
    said = argument(built, "n_hidden")
    assert (said.value, said.source, said.assumed) == (7, "given", False)
    assert argument(built, "n_in").assumed


def test_what_the_user_gave_is_never_changed(constructor: Maker) -> None:
    search = constructor(
        """
        class Net(nn.Module):
            def __init__(self, dim, heads):
                super().__init__()
                assert dim % heads == 0
                self.f = nn.Linear(dim, heads)
        """,
        dim=9,
    )
    built = first(search)
    assert built.model.f.in_features == 9
    assert 9 % values(built)["heads"] == 0


def test_a_unanimous_project_is_no_guess_and_a_divided_one_is(constructor: Maker) -> None:
    files = {
        "train.py": "from net import Net\nNet(8, 4)\n",
        "tests/test_net.py": "from net import Net\ndef test_it():\n    Net(8, 5)\n",
    }
    built = first(constructor(PLAIN, files))
    agreed, divided = argument(built, "n_in"), argument(built, "n_hidden")
    assert (agreed.value, agreed.assumed, agreed.source, str(agreed.place)) == (8, False, "project", "train.py:2")
    assert (divided.value, divided.assumed) == (4, True)
    assert divided.reason == "from train.py:2 (tests/test_net.py:3 has 5)"


def test_a_project_whose_values_do_not_build_is_left(constructor: Maker) -> None:
    built = first(constructor(PLAIN, {"train.py": "from net import Net\nNet('eight', 4)\n"}))
    assert isinstance(values(built)["n_in"], int)


def test_other_candidates_are_really_other(constructor: Maker) -> None:
    found = list(constructor("""
            class Net(nn.Module):
                def __init__(self, spatial_dims, in_channels, image_size):
                    super().__init__()
                    conv = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[spatial_dims]
                    self.c = conv(in_channels, 4, 3)
                    self.f = nn.Linear(image_size, 4)
            """).candidates())
    assert len(found) <= search.MOST_CANDIDATES
    assert len({str(values(each)) for each in found}) == len(found)
    assert [values(each)["spatial_dims"] for each in found[:3]] == [2, 3, 1]
    assert len({values(each)["image_size"] for each in found}) > 2


def test_an_optional_module_that_forward_calls_is_filled_in_a_later_candidate(constructor: Maker) -> None:
    found = list(constructor("""
            class Net(nn.Module):
                def __init__(self, core=None):
                    super().__init__()
                    self.core = core
                    self.g = nn.Linear(32, 2)
                def forward(self, x):
                    return self.g(self.core(x))
            """).candidates())
    assert values(found[0]) == {}
    assert found[1].model(torch.randn(2, 12)).shape == (2, 2)


def test_a_size_that_is_none_is_given_in_a_later_candidate(constructor: Maker) -> None:
    found = list(constructor("""
            class Net(nn.Module):
                def __init__(self, levels: int, dim: int | None = None, num_tokens=None):
                    super().__init__()
                    self.p = nn.Linear(dim, levels) if dim is not None else nn.Identity()
                    self.e = nn.Embedding(num_tokens, dim) if num_tokens else nn.Identity()
            """).candidates())
    assert set(values(found[0])) == {"levels"}
    assert values(found[1])["dim"] == found[1].model.p.in_features
    assert values(found[1])["num_tokens"] == found[1].model.e.num_embeddings


LARGE = """
from dataclasses import dataclass

@dataclass
class NetConfig:
    vocab_size: int = 50257
    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768

class Net(nn.Module):
    def __init__(self, config: NetConfig = NetConfig(), width: int = 3072):
        super().__init__()
        assert config.n_embd % config.n_head == 0
        self.e = nn.Embedding(config.vocab_size, config.n_embd)
        self.fs = nn.ModuleList(nn.Linear(config.n_embd, width) for _ in range(config.n_layer))
        self.gs = nn.ModuleList(nn.Linear(width, config.n_embd) for _ in range(config.n_layer))
"""


def test_a_large_default_is_made_small_for_the_proof_and_divides_as_before(constructor: Maker) -> None:
    built = first(constructor(LARGE))
    config = argument(built, "config")
    assert config.for_proof
    small = config.value["kwargs"]
    assert small["n_layer"] == 2
    assert small["n_embd"] % 12 == 0
    assert small["n_embd"] < 768
    assert sum(each.numel() for each in built.model.parameters()) < search.PREFERRED


def test_what_cannot_be_made_smaller_is_built_as_it_is(constructor: Maker) -> None:
    built = first(constructor("""
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.f = nn.Linear(4000, 4000)
            """))
    assert sum(each.numel() for each in built.model.parameters()) > search.PREFERRED


DOWNLOADS = {
    "torch.hub": "torch.hub.load_state_dict_from_url('https://example.org/w.pt')",
    "urllib": "__import__('urllib.request').request.urlopen('https://example.org/w.pt')",
    "a socket": "__import__('socket').create_connection(('example.org', 443))",
}


@pytest.mark.parametrize("call", DOWNLOADS.values(), ids=DOWNLOADS)
def test_a_download_is_cut_off_and_named(constructor: Maker, call: str) -> None:
    search = constructor(
        f"\nclass Net(nn.Module):\n    def __init__(self, dim):\n        super().__init__()\n        {call}\n"
    )
    assert next(search.candidates(), None) is None
    refusal = search.refusal()
    assert any("example.org" in each for each in refusal.downloads)
    assert "example.org" in refusal.problem().message
    assert refusal.problem().kind == "answer"


def test_no_cache_is_begun_by_a_loader_that_the_module_imported_by_name(
    constructor: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache" / "torch"))
    search = constructor("""
            from torch.hub import load_state_dict_from_url
            class Net(nn.Module):
                def __init__(self, dim):
                    super().__init__()
                    load_state_dict_from_url("https://example.org/w.pt")
            """)
    assert next(search.candidates(), None) is None
    assert any("example.org" in each for each in search.refusal().downloads)
    assert not (tmp_path / "cache").exists()


def test_nothing_of_the_cut_stays(constructor: Maker) -> None:
    import socket
    import urllib.request

    before = (socket.getaddrinfo, urllib.request.urlopen, torch.hub.load, "connect" in vars(socket.socket))
    first(constructor(PLAIN))
    assert (socket.getaddrinfo, urllib.request.urlopen, torch.hub.load, "connect" in vars(socket.socket)) == before


@pytest.mark.parametrize("default", ["True", "'imagenet'"])
def test_weights_that_would_be_fetched_are_turned_off(constructor: Maker, default: str) -> None:
    built = first(constructor(f"""
            class Net(nn.Module):
                def __init__(self, pretrained={default}):
                    super().__init__()
                    if pretrained:
                        torch.hub.load_state_dict_from_url("https://example.org/w.pt")
                    self.f = nn.Linear(3, 3)
            """))
    assert argument(built, "pretrained").for_proof
    assert not argument(built, "pretrained").value


@pytest.mark.parametrize(
    "statement",
    ["sys.exit(3)", "raise KeyboardInterrupt", "while True: pass", "os.kill(os.getpid(), 0); raise SystemError('x')"],
)
def test_whatever_a_constructor_does_the_search_ends(
    constructor: Maker, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "SECONDS", 0.1)
    monkeypatch.setattr(trying.attempt, "__kwdefaults__", {**trying.attempt.__kwdefaults__, "seconds": 0.1})
    search = constructor(
        f"\nimport os, sys\nclass Net(nn.Module):\n    def __init__(self, dim):\n        super().__init__()\n        {statement}\n"
    )
    assert next(search.candidates(), None) is None
    assert search.refusal().place == "net.py:9 in Net.__init__"


def test_a_constructor_that_changes_torch_changes_it_for_itself_only(constructor: Maker) -> None:
    first(constructor("""
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    torch.set_default_dtype(torch.float64)
                    torch.set_grad_enabled(False)
                    self.f = nn.Linear(2, 2)
            """))
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()


SECRET = """
class Net(nn.Module):
    def __init__(self, dim: int, code):
        super().__init__()
        if hash(str(code)) != 123456789:
            raise ValueError("unknown code")
        self.f = nn.Linear(dim, 2)
"""


def test_a_refusal_names_the_argument_the_line_and_the_flag(constructor: Maker) -> None:
    search = constructor(SECRET)
    assert list(search.candidates()) == []
    refusal = search.refusal()
    assert refusal.blamed == "code"
    assert refusal.error == "ValueError: unknown code"
    assert refusal.place == "net.py:9 in Net.__init__"
    assert refusal.flag == "--model-arg code=..."
    problem = refusal.problem()
    assert problem.message == "Net can't be built by guessing what code is: ValueError: unknown code"
    assert problem.flags == ("--model-arg code=...", "--factory module:name")
    assert any("unknown code" in line for line in problem.notes)
    assert 1 < refusal.tries < search.tries + 1


def test_what_is_no_literal_is_asked_for_by_a_factory(constructor: Maker) -> None:
    search = constructor("""
        class Net(nn.Module):
            def __init__(self, helper):
                super().__init__()
                self.f = nn.Linear(helper.width(), 2)
                helper.check_everything()[0].really()
        """)
    assert list(search.candidates()) == []
    refusal = search.refusal()
    assert refusal.blamed is not None
    assert refusal.blamed.startswith("helper")
    assert refusal.flag == "--factory module:name"


def test_the_tries_are_counted(constructor: Maker) -> None:
    found = constructor(SECRET.replace("code):", "code, a, b, c, d, e, f, g=None):"))
    assert list(found.candidates()) == []
    assert found.tries <= search.MOST_TRIES


def test_every_try_starts_from_the_seed(constructor: Maker) -> None:
    make = constructor(PLAIN)
    one = first(make).model.f.weight
    torch.rand(5)
    other = first(search.Constructor(make.make, {}, (), make.context, 0)).model.f.weight
    assert torch.equal(one, other)
    assert isinstance(one, nn.Parameter)


@pytest.mark.slow
def test_the_same_is_found_under_any_hash_seed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "import net\n"
        "from trainergen.lab.construct import Constructor\n"
        "from trainergen.lab.protocol import Context\n"
        "here = Path(sys.argv[2])\n"
        "search = Constructor(net.Net, {}, (), Context(here, here, here, 'cpu'), 0)\n"
        "print([each.construction for each in search.candidates()], search.tries)\n"
    )
    (tmp_path / "net.py").write_text(
        "import torch.nn as nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, cfg, sizes, kind, dim, heads):\n"
        "        super().__init__()\n"
        "        assert kind in {'a', 'b', 'c'} and dim % heads == 0 and dim // heads > 20 and len(sizes) == 4\n"
        "        self.f = nn.Linear(cfg.width, dim)\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    answers = {
        subprocess.run(
            [sys.executable, "-c", program, root, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1
    assert "kind" in answers.pop()
