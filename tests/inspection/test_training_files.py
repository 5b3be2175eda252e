"""What discovery reads of one file: its bytes, its outline, the outline of its data alone; any bytes are survived."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.building import write_tree
from trainergen.inspection.training import ProjectIndex, read_training
from trainergen.inspection.training.data import find_data, find_losses, find_metrics
from trainergen.inspection.training.outline import outline
from trainergen.inspection.training.scan import scan
from trainergen.inspection.training.thinning import thin

BLOCKS = (
    "import os\n",
    "from torch.utils.data import DataLoader, Dataset\n",
    "TEXT = '''\ndef not_code():\nclass Neither:\n'''\n",
    "class Rows(Dataset):\n    @property\n    def size(self):\n        return 1\n\n    def __len__(self):\n        return 2\n",
    "class PlainDataset:\n    def helper(\n        self,\n        x,\n    ):\n        pass\n    def __getitem__(self, i): return i\n",
    "@decorated\n@twice(1)\ndef quiet(a, b):\n    # said\n# and at the left\n    return a\n",
    "@broken(\n    1,\n)\ndef wrapped():\n    return 1\n",
    "def make_loader(rows, size=3):\n    loader = DataLoader(rows, size)\n    return loader\n",
    "def pair(x):\n    def inner():\n        return 1\n    return DataLoader(x), DataLoader(x)\n",
    "async def tide_loss(output, target, *, beta: float = 1.0):\n    '''\n    def example():\n        pass\n    '''\n    return 0\n",
    "class TideLoss:\n    def forward(self, x):\n        return x\n\n    def other(self): return '''\n  def x():\n'''\n",
    "if True:\n    class Late(Rows): ...\n",
    "loader = DataLoader([1])\n",
    "def empty(): ...\n",
    "def mean_iou(output, target):\n    return 0\n\n\ndef accuracy_log(a, b): ...\n\n\ndef dice(output): ...\n",
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=st.lists(st.sampled_from(BLOCKS), max_size=8), crlf=st.booleans())
def test_data_read_from_a_thinned_file_is_that_of_the_whole(tmp_path: Path, blocks: list[str], crlf: bool) -> None:
    text = "\n".join(blocks)
    write_tree(tmp_path, {"rows.py": (text.replace("\n", "\r\n") if crlf else text).encode()})
    part, whole = ProjectIndex(tmp_path), ProjectIndex(tmp_path)
    whole.outline("rows.py")  # what is read whole is not thinned
    assert find_data(part) == find_data(whole)
    assert find_losses(part) == find_losses(whole)
    assert find_metrics(part) == find_metrics(whole)


def test_a_thinned_file_keeps_its_lines_and_loses_what_says_nothing() -> None:
    text = "".join(BLOCKS).encode()
    thinned = thin(text)
    assert thinned.count(b"\n") == text.count(b"\n")
    assert b"def size" not in thinned and b"def __len__" in thinned and b"def pair" in thinned
    assert thin(b"@x\ndef quiet():\n    return 1\n\n\ndef wine_loss(a, b): ...\n") == (
        b"\npass\n\n\n\ndef wine_loss(a, b): ...\n"
    )


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
)
def test_the_bytes_of_any_file_are_survived(data: bytes) -> None:
    scan(data, "__init__.py")
    thin(data)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tail=st.binary(max_size=60),
    ending=st.sampled_from([b"\n", b"\r\n", b"\r", b"\f\n", b""]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf", b"# coding: latin-1\n", b"# coding: none-such\n", b"\xff\xfe"]),
)
def test_a_project_with_any_file_is_read(tmp_path: Path, tail: bytes, ending: bytes, mark: bytes) -> None:
    text = b"class FogTrainer(BaseTrainer):" + ending + b"    def train(self): return 1" + ending
    base = "class BaseTrainer:\n    def train(self):\n        raise NotImplementedError\n"
    root = write_tree(tmp_path, {"base.py": base, "fog.py": mark + text + tail})
    facts = read_training(root, settings=None)
    assert facts.chosen is not None
    assert len(facts.damaged) <= 1


@pytest.mark.parametrize(
    ("source", "name", "bases"),
    [
        ("class A(B): ...", "A", ("B",)),
        ("class A(x.y.B[T], metaclass=M): ...", "A", ("B",)),
        ("class A(Generic[K, V], B): ...", "A", ("Generic", "B")),
        ("class A(\n    B,  # why\n    C,\n): ...", "A", ("B", "C")),
        ("from b import B as C\nclass A(C): ...", "A", ("B",)),
        ("\nC = b.B\n\nclass A(C): ...", "A", ("B",)),
        ("class A: ...", "A", ()),
        ("class A(make(B)): ...", "A", ("make",)),
    ],
)
def test_heads_of_classes_are_read_from_bytes(source: str, name: str, bases: tuple[str, ...]) -> None:
    assert scan(source.encode(), "a.py").heads == ((name, bases),)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("@abstractmethod\n    def go(self): return 1", "abstract"),
        ("@abc.abstractproperty\n    def go(self): ...", "abstract"),
        ("def go(self):\n        '''Why.'''\n        raise NotImplementedError('say')", "raises"),
        ("def go(self):\n        raise NotImplementedError", "raises"),
        ("def go(self):\n        x = 1\n        raise NotImplementedError", "given"),
        ("def go(self): ...", "empty"),
        ("def go(self):\n        '''Why.'''\n        pass", "empty"),
        ("async def go(self): return 1", "given"),
    ],
)
def test_what_a_method_leaves_to_be_written(body: str, kind: str) -> None:
    (found,) = outline(f"class A:\n    {body}\n".encode()).classes
    assert (found.methods[0].name, found.methods[0].body) == ("go", kind)


def test_source_text_is_that_of_the_file() -> None:
    source = "# coding: latin-1\nclass A:\n    def go(self, é: dict[str,\n        int] = {'ß': 1}, /, *rest, key: 'Ü' = None, **more) -> 'é': return 1\n"
    (found,) = outline(source.encode("latin-1")).classes
    (method,) = found.methods
    assert [(each.name, each.kind, each.annotation, each.default) for each in method.parameters] == [
        ("é", "positional", "dict[str, int]", "{'ß': 1}"),
        ("rest", "args", None, None),
        ("key", "keyword", "'Ü'", "None"),
        ("more", "kwargs", None, None),
    ]
    assert method.returns == "'é'"
    ast.parse(source.encode("latin-1"))
