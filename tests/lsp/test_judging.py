"""Which project a text is judged in, what else counts, and where its letters stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.building import write_tree
from trainergen.lsp.judging import home_of, judge
from trainergen.lsp.places import UNITS, Lines


def fail(gate: str, problem: Exception) -> None:
    raise AssertionError(gate) from problem


def test_a_text_is_judged_where_its_project_says(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "work/pyproject.toml": "",
            "work/apps/one/pyproject.toml": '[project]\nname = "one"\n',
            "work/apps/two/pyproject.toml": "[tool.trainergen.check]\n",
            "else/setup.py": "",
            "else/pkg/x.py": "",
        },
    )
    root = tmp_path.resolve()
    folders = [str(root / "work/apps")]
    homes = {
        name: Path(home_of(str(root / name), folders)).relative_to(root).as_posix()
        for name in ("work/apps/x.py", "work/apps/one/x.py", "work/apps/two/deep/x.py", "else/pkg/x.py")
    }
    assert homes == {
        "work/apps/x.py": "work",
        "work/apps/one/x.py": "work",
        "work/apps/two/deep/x.py": "work/apps/two",
        "else/pkg/x.py": "else",
    }


def test_what_is_open_beside_it_counts_unsaved(tmp_path: Path) -> None:
    write_tree(tmp_path, {"setup.py": "", "base.py": "class Base:\n    pass\n"})
    text = (
        "from base import Base\n\n\nclass NetTrainer(Base):\n"
        "    def compute_loss(self, batch):\n        return self.model(batch).mean()\n"
    )
    home, file = str(tmp_path.resolve()), str(tmp_path.resolve() / "net_trainer.py")
    saved = judge(file, text, home, {}, fail)
    others = {str(tmp_path.resolve() / "base.py"): "from trainergen.runtime import Trainer as Base\n"}
    unsaved = judge(file, text, home, others, fail)
    assert "TG003" not in {each.code for each in saved.findings}
    assert "TG003" in {each.code for each in unsaved.findings}


@pytest.mark.parametrize("units", UNITS)
def test_places_lead_back_to_their_letters(units: str) -> None:
    text = 'é = "\U0001f600\x0c\u2028"\r\nx\rlast\n'
    lines = Lines(text, units)
    inside = [offset for offset in range(len(text) + 1) if text[offset - 1 : offset + 1] != "\r\n"]
    assert [lines.offset(lines.at(offset)) for offset in inside] == inside
    row, column = lines.at(text.index("\u2028"))
    assert (row, column) == (0, {"utf-8": 11, "utf-16": 8, "utf-32": 7}[units])
    assert lines.place(99, 0) == lines.at(len(text)) == (3, 0)
    assert lines.offset(lines.place(1, 500)) == text.index("x") + 1
