"""Edits of existing files are pure insertions in the file's own manner, and conflicts are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainergen.errors import Conflict
from trainergen.patching import exports
from trainergen.patching.configs import dataclass_module, ini
from trainergen.patching.draft import Draft, Edit, Insertion, as_one
from trainergen.patching.registries import default
from trainergen.resources import resource_folder
from trainergen.staging.hunks import take_out

KEY, TARGET = "DigitsNetTrainer", "train.digits_net_trainer:DigitsNetTrainer"
CLASS = '''
@dataclass(kw_only=True)
class DigitsNetTrainerConfig(BaseTrainerConfig):
    """Settings."""

    SECTION: ClassVar[str] = "train_digits_net"
'''
IMPORTS = (("dataclasses", "dataclass"), ("typing", "ClassVar"), (".base", "BaseTrainerConfig"))


def holds(edit: Edit, before: bytes) -> bytes:
    assert edit.before == before
    assert take_out(edit.after, edit.spans) == before
    assert all(left[1] < right[0] for left, right in zip(edit.spans, edit.spans[1:], strict=False))
    return edit.after


def register(text: str | bytes, width: int = 120) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    edit = default.edit(data, "train/__init__.py", key=KEY, target=TARGET, width=width)
    assert list(default.read_back(edit.after, "x").items())[-1] == (KEY, TARGET)
    return holds(edit, data).decode()


ENTRY = f'"{KEY}": "{TARGET}"'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("TRAINER_REGISTRY = {}\n", "TRAINER_REGISTRY = {\n    ENTRY,\n}\n"),
        ("TRAINER_REGISTRY = {\n    # none yet\n}\n", "TRAINER_REGISTRY = {\n    # none yet\n    ENTRY,\n}\n"),
        ('TRAINER_REGISTRY = {"A": "a:A"}', 'TRAINER_REGISTRY = {"A": "a:A", ENTRY}'),
        ('TRAINER_REGISTRY = {"A": "a:A",}', 'TRAINER_REGISTRY = {"A": "a:A", ENTRY}'),
        ('TRAINER_REGISTRY = {\n    "A": "a:A"\n}\n', 'TRAINER_REGISTRY = {\n    "A": "a:A",\n    ENTRY,\n}\n'),
        (
            'TRAINER_REGISTRY = {\n\t"A": "a:A",  # one, two }\n\t# end\n}\n',
            'TRAINER_REGISTRY = {\n\t"A": "a:A",  # one, two }\n\t# end\n\tENTRY,\n}\n',
        ),
        (
            'TRAINER_REGISTRY = {"A": "a:A",\n                    "B": ("b:"\n                          "B")}\n',
            'TRAINER_REGISTRY = {"A": "a:A",\n                    "B": ("b:"\n                          "B"),\n'
            "                    ENTRY}\n",
        ),
        ("TRAINER_REGISTRY = {'A': 'a:A'}\n", f"TRAINER_REGISTRY = {{'A': 'a:A', '{KEY}': '{TARGET}'}}\n"),
        ('x = "ä€"; TRAINER_REGISTRY = {"A": "a:A"}\n', 'x = "ä€"; TRAINER_REGISTRY = {"A": "a:A", ENTRY}\n'),
    ],
)
def test_registry_entries_follow_the_literal_s_manner(before: str, after: str) -> None:
    after = after.replace("ENTRY", ENTRY)
    assert register(before) == after
    assert register(before.replace("\n", "\r\n")) == after.replace("\n", "\r\n")
    assert register(b"\xef\xbb\xbf" + before.encode()) == "\ufeff" + after


def test_a_one_line_registry_that_grows_too_wide_is_laid_out_one_a_line() -> None:
    before = 'TRAINER_REGISTRY = {"A": "a:A", "B": "b:B"}\n'
    assert register(before, width=79) == f'TRAINER_REGISTRY = {{\n    "A": "a:A",\n    "B": "b:B",\n    {ENTRY},\n}}\n'


@pytest.mark.parametrize(
    "text",
    [
        "TRAINER_REGISTRY = dict()\n",
        "TRAINER_REGISTRY = {}\nTRAINER_REGISTRY = {}\n",
        "REGISTRY = {}\n",
        "TRAINER_REGISTRY = {\n",
        f'TRAINER_REGISTRY = {{"{KEY}": "x:Y"}}\n',
        f'TRAINER_REGISTRY = {{"{KEY.lower()}": "x:Y"}}\n',
    ],
)
def test_a_registry_that_can_t_take_the_entry_is_a_conflict(text: str) -> None:
    with pytest.raises(Conflict) as caught:
        default.edit(text.encode(), "train/__init__.py", key=KEY, target=TARGET, width=88)
    assert "train/__init__.py" in (caught.value.place or "") and caught.value.hint


def test_the_example_of_the_default_registry() -> None:
    folder = resource_folder("registry_patches") / "default"
    before = (folder / "before.py").read_bytes()
    edit = default.edit(before, "before.py", key=KEY, target=TARGET, width=88)
    assert holds(edit, before) == (folder / "after.py").read_bytes()
    assert set(default.read_back(before, "before.py")) | {KEY} == set(default.read_back(edit.after, "after.py"))


SECTION = "[train_digits_net]\n# the rate\nlearning_rate = 0.001\n"


@pytest.mark.parametrize(
    ("before", "lead"),
    [
        (b"", b""),
        (b"[a]\nx = 1\n", b"\n"),
        (b"[a]\nx = 1", b"\n\n"),
        (b"[a]\nx = 1\n\n", b""),
        (b"\xef\xbb\xbf; note\n[a]\nKey = %(x)s\n  more\n# end\n", b"\n"),
        (b"[a]\r\nx = 1\r\n", b"\r\n"),
    ],
)
def test_a_section_is_appended_in_the_file_s_own_line_ends(before: bytes, lead: bytes) -> None:
    after = holds(ini.edit(before, "config.ini", section="train_digits_net", text=SECTION), before)
    newline = b"\r\n" if b"\r\n" in before else b"\n"
    assert after == before + lead + SECTION.encode().replace(b"\n", newline)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[train_digits_net]\n", "config.ini:1"),
        ("[x]\n\n[Train_Digits_Net]\n", "config.ini:3"),
        ("[x]\n[x]\n", "config.ini:2"),
        ("[x]\na = 1\na = 2\n", "config.ini:3"),
        ("no section\n", "config.ini"),
    ],
)
def test_an_ini_file_that_can_t_take_the_section_is_a_conflict(text: str, said: str) -> None:
    with pytest.raises(Conflict) as caught:
        ini.edit(text.encode(), "config.ini", section="train_digits_net", text=SECTION)
    assert caught.value.place == said


def lint(data: bytes, path: str, tmp_path: Path) -> None:
    """Imports in order, nothing undefined, black leaves it alone."""
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    binary = Path(sys.executable).parent
    ruff = [binary / "ruff", "check", "--isolated", "--no-cache", "--select", "I,F,RUF022,E3,W"]
    done = subprocess.run([*ruff, "--preview", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + data.decode()
    done = subprocess.run([binary / "black", "--check", "--diff", "-q", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "before",
    [
        '"""Settings."""\n\nfrom __future__ import annotations\n',
        '"""Settings."""\n',
        "",
        "# a comment\n",
        "from __future__ import annotations\n\nimport os\nfrom pathlib import Path\n\nprint(os.name, Path())\n",
        '"""S."""\n\nfrom typing import (\n    Any,\n    Literal,  # why\n)\n\nimport torch\n\nx: Any = torch\ny: Literal[1] = 1\n',
        "from dataclasses import dataclass, field\nfrom typing import Any\n\nfrom .base import BaseTrainerConfig\n\n\n"
        "@dataclass(kw_only=True)\nclass A(BaseTrainerConfig):\n    x: Any = field()\n",
        "from config.base import BaseTrainerConfig\n\n\nclass A(BaseTrainerConfig):\n    pass\n",
        "import sys\n\nif sys.platform:\n    from typing import ClassVar as Thing\n\n    print(Thing)\n",
    ],
)
def test_a_config_dataclass_is_appended_with_its_imports(before: str, tmp_path: Path) -> None:
    for variant in (before, before.replace("\n", "\r\n")):
        data = variant.encode()
        after = holds(
            dataclass_module.edit(
                data, "config/train.py", name="DigitsNetTrainerConfig", text=CLASS, imports=IMPORTS, width=88
            ),
            data,
        )
        assert (b"\r\n" in data) == (b"\r\n" in after)
        assert b"\r\n" not in after or after.count(b"\n") == after.count(b"\r\n")
        lint(after, "config/train.py", tmp_path)


def test_a_long_import_gets_brackets_and_a_bracketed_one_its_line(tmp_path: Path) -> None:
    before = b"from typing import Annotated, Any, Protocol, TypeVar  # noqa: F401\n"
    for text in (before, b"from typing import (\n    Annotated,  # noqa: F401\n    Any,  # noqa: F401\n)\n"):
        for width in (88, 60):
            draft = Draft(text, "config/train.py")
            from trainergen.patching.imports import need_name

            need_name(draft, "typing", "ClassVar", width=width)
            need_name(draft, "typing", "overload", width=width)
            assert take_out(draft.data, draft.spans) == text
            compile(draft.data, "x", "exec")
            namespace: dict[str, object] = {}
            exec(draft.data, namespace)
            assert {"ClassVar", "overload"} <= set(namespace)
            assert all(len(line) <= width for line in draft.data.decode().split("  #")[0].splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "class DigitsNetTrainerConfig:\n    pass\n",
        "class digitsnettrainerconfig:\n    pass\n",
        "from attr import dataclass\n",
        "def dataclass():\n    pass\n",
        "class Broken(\n",
    ],
)
def test_a_config_module_that_can_t_take_the_class_is_a_conflict(text: str) -> None:
    with pytest.raises(Conflict, match=r"config/train\.py"):
        dataclass_module.edit(
            text.encode(), "config/train.py", name="DigitsNetTrainerConfig", text=CLASS, imports=IMPORTS, width=88
        )


NAME = "DigitsNetTrainerConfig"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (
            'from .base import BaseTrainerConfig\n\n__all__ = ["BaseTrainerConfig"]\n',
            'from .base import BaseTrainerConfig\nfrom .train import NAME\n\n__all__ = ["BaseTrainerConfig", "NAME"]\n',
        ),
        (
            'from .base import A\nfrom .train import Early, Zed\n\n__all__ = (\n    "A",\n    "Early",\n    "Zed",\n)\n',
            "from .base import A\nfrom .train import NAME, Early, Zed\n\n"
            '__all__ = (\n    "A",\n    "NAME",\n    "Early",\n    "Zed",\n)\n',
        ),
        ("from .train import A as A\n__all__ = {'A'}\n", "from .train import A as A, NAME\n__all__ = {'A', 'NAME'}\n"),
        ("__all__ = ()\n", 'from .train import NAME\n\n__all__ = ("NAME",)\n'),
        ("from config.train import A\n", "from config.train import A, NAME\n"),
        (
            "from .train import A\n__all__ = ['A']\n__all__ += ['b']\n",
            "from .train import A, NAME\n__all__ = ['A']\n__all__ += ['b', 'NAME']\n",
        ),
        (
            "from . import a\n__all__ = a.__all__ + [\n    'A',  # why\n]\n",
            "from . import a\nfrom .train import NAME\n__all__ = a.__all__ + [\n    'A',  # why\n    'NAME',\n]\n",
        ),
        (
            "from . import a\n__all__ = {*a.__all__}\n",
            'from . import a\nfrom .train import NAME\n__all__ = {*a.__all__, "NAME"}\n',
        ),
    ],
)
def test_an_export_joins_the_import_and_all(before: str, expected: str) -> None:
    expected = expected.replace("NAME", NAME)
    edit = exports.edit(before.encode(), "config/__init__.py", module=".train", name=NAME, width=100)
    assert holds(edit, before.encode()).decode() == expected
    assert NAME in exports.read_back(edit.after, "config/__init__.py")


@pytest.mark.parametrize("text", ["__all__ = sorted(globals())\n", "__all__ = [str(1)]\n", "__all__ = 'a', 'b'\n"])
def test_a_computed_all_is_a_conflict(text: str) -> None:
    with pytest.raises(Conflict, match="__all__"):
        exports.edit(text.encode(), "config/__init__.py", module=".train", name=NAME, width=100)


def test_spans_stay_true_through_several_rounds_of_insertions() -> None:
    draft = Draft(b"abcdef", "x")
    draft.insert([Insertion(2, b"12"), Insertion(4, b"34"), Insertion(2, b"x")])
    assert draft.data == b"ab12xcd34ef"
    draft.insert([Insertion(3, b"NEW"), Insertion(0, b"<"), Insertion(11, b">")])
    assert draft.data == b"<ab1NEW2xcd34ef>"
    assert take_out(draft.data, draft.spans) == b"abcdef"
    assert draft.spans == [(0, 1), (3, 9), (11, 13), (15, 16)]


@given(
    st.text("ab\n", max_size=12),
    st.lists(st.tuples(st.floats(0, 1), st.text("XYZ", min_size=1, max_size=3)), max_size=3),
    st.lists(st.tuples(st.floats(0, 1), st.text("XYZ", min_size=1, max_size=3)), max_size=3),
)
def test_two_edits_of_one_file_are_one(
    text: str, first: list[tuple[float, str]], second: list[tuple[float, str]]
) -> None:
    def edited(data: bytes, pieces: list[tuple[float, str]]) -> Edit:
        draft = Draft(data, "x.py")
        draft.insert([Insertion(round(where * len(data)), piece.encode()) for where, piece in pieces])
        return draft.finish("label")

    one = edited(text.encode(), first)
    both = as_one((one, edited(one.after, second)), "x.py", "label")
    assert holds(both, text.encode()) == edited(one.after, second).after
