"""``trainergen lsp`` as an editor meets it: what it shows, offers and leaves alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.building import read_tree, write_tree
from tests.gates.pairs.catalogue import PAIRS
from tests.lsp.editor import PATIENCE, Editor, applied

pytest.importorskip("pygls", reason="the extra lsp is not installed")

BAD = PAIRS["sum of losses"].bad
"""One finding, TG103, with a safe fix."""
GOOD = PAIRS["sum of losses"].twin
NO_ZERO = PAIRS["no zero_grad in a function"].bad
"""One finding, TG101, with an unsafe fix."""
PROJECT: dict[str, str | bytes] = {
    "pyproject.toml": '[project]\nname = "x"\ndependencies = ["torch>=2.6"]\n',
    "bad.py": GOOD,
    "strict/pyproject.toml": """\
        [tool.trainergen.check]
        ignore = ["TG101"]
        exclude = ["third_party"]
        per-file-ignores = { "tests/**" = ["TG1"] }
        baseline = "known.json"
        """,
    "strict/known.json": json.dumps({"schema": 1, "findings": {"TG103 known.py: running += loss": 1}}),
    "broken/pyproject.toml": "[tool.trainergen.check]\nselekt = []\n",
}


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    folder = write_tree(tmp_path_factory.mktemp("lsp") / "work", PROJECT)
    editor = Editor(folder)
    yield editor
    editor.kill()


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines()) if part in line)


def said_by_check(folder: Path, name: str, text: str) -> list[tuple[str, int, int, int]]:
    """What `check` finds in a text under that name: code, line, first column and one past the last, as the protocol counts."""
    done = subprocess.run(
        [sys.executable, "-m", "trainergen", "check", "--output-format", "json", "--stdin-filename", name, "-"],
        cwd=folder, input=text.encode(), capture_output=True, timeout=PATIENCE,
    )  # fmt: skip
    lines = text.split("\n")

    def units(each: dict[str, Any], column: str) -> int:
        return len(lines[each["line"] - 1][: each[column] - 1].encode("utf-16-le")) // 2

    return [
        (each["code"], each["line"] - 1, units(each, "column"), units(each, "end_column"))
        for each in json.loads(done.stdout)["findings"]
    ]


def places(diagnostics: list[dict[str, Any]]) -> list[tuple[str, int, int, int]]:
    return [
        (
            each["code"],
            each["range"]["start"]["line"],
            each["range"]["start"]["character"],
            each["range"]["end"]["character"],
        )
        for each in diagnostics
    ]


def test_the_text_that_stands_there_is_checked_as_check_would_and_nothing_is_written(editor: Editor) -> None:
    before = read_tree(editor.folder)
    text = BAD.replace("        running += loss", '        note = "\U0001f600é"; running += loss')
    found = editor.open("bad.py", text)
    assert places(found) == said_by_check(editor.folder, "bad.py", text) != []
    assert (found[0]["severity"], found[0]["source"]) == (1, "trainergen")
    assert "detach" in found[0]["message"]
    start = found[0]["range"]["start"]["character"]
    assert (
        text.splitlines()[found[0]["range"]["start"]["line"]].encode("utf-16-le")[2 * start :].decode("utf-16-le")
        == "loss"
    )
    editor.tell("textDocument/didClose", textDocument={"uri": editor.uri("bad.py")})
    assert editor.diagnostics("bad.py") == []
    assert read_tree(editor.folder) == before


def test_the_last_of_many_changes_is_what_is_checked(editor: Editor) -> None:
    head = '"""\x0cOne\u2028line."""\n'  # neither a form feed nor a Unicode separator ends a line
    assert editor.open("typed.py", head + GOOD) == []
    editor.change("typed.py", 2, {"text": "import torch\nfor x in:\n"})
    editor.change("typed.py", 3, {"text": "import"}, {"text": head + BAD})
    assert places(editor.diagnostics("typed.py", 3)) == said_by_check(editor.folder, "typed.py", head + BAD) != []
    editor.change("typed.py", 4, {"text": "import torch\nfor x in:\n"})
    assert [each["code"] for each in editor.diagnostics("typed.py", 4)] == ["TG000"]
    editor.change("typed.py", 5, {"text": GOOD})
    assert editor.diagnostics("typed.py", 5) == []


@pytest.mark.parametrize(
    ("name", "text", "codes"),
    [
        ("old.py", 'import torch\n\nstate = torch.load("x.pt", map_location="cpu")\n', []),
        ("said.py", BAD.replace("running += loss\n", "running += loss  # tg: ignore[TG103] on purpose\n"), []),
        ("idle.py", GOOD + "x = 1  # tg: ignore[TG103] no more\n", ["TG090"]),
        ("zero.py", NO_ZERO, ["TG101"]),
        ("strict/zero.py", NO_ZERO, []),
        ("strict/bad.py", BAD, ["TG103"]),
        ("strict/tests/bad.py", BAD, []),
        ("strict/third_party/bad.py", BAD, []),
        ("strict/known.py", BAD, []),
    ],
)  # fmt: skip
def test_the_projects_own_words_count(editor: Editor, name: str, text: str, codes: list[str]) -> None:
    assert [each["code"] for each in editor.open(name, text)] == codes


def test_fixes_are_offered_with_their_safety_and_a_comment_beside(editor: Editor) -> None:
    editor.open("fix.py", BAD)
    row = line_of(BAD, "running += loss")
    fix, ignore, every = editor.actions("fix.py", row)
    assert (fix["kind"], fix["isPreferred"]) == ("quickfix", True)
    assert fix["diagnostics"][0]["code"] == "TG103"
    assert applied(BAD, fix["edit"]["changes"][editor.uri("fix.py")]) == GOOD
    assert (ignore["title"], ignore.get("isPreferred")) == ("TG103: ignore on this line", None)
    ignored = applied(BAD, ignore["edit"]["changes"][editor.uri("fix.py")])
    assert ignored == BAD.replace("running += loss\n", "running += loss  # tg: ignore[TG103]\n")
    assert every["kind"] == "source.fixAll.trainergen"
    assert applied(BAD, every["edit"]["changes"][editor.uri("fix.py")]) == GOOD
    assert editor.actions("fix.py", 0) == []
    assert [each["kind"] for each in editor.actions("fix.py", 0, ["source.fixAll"])] == ["source.fixAll.trainergen"]
    assert editor.actions("fix.py", row, ["refactor"]) == []

    editor.open("unsafe.py", NO_ZERO)
    row = next(start for _, start, *_ in said_by_check(editor.folder, "unsafe.py", NO_ZERO))
    unsafe, _ = editor.actions("unsafe.py", row)
    assert unsafe["title"].endswith(" (unsafe)")
    assert unsafe.get("isPreferred") is None
    fixed = applied(NO_ZERO, unsafe["edit"]["changes"][editor.uri("unsafe.py")])
    assert said_by_check(editor.folder, "unsafe.py", fixed) == []


def test_hover_tells_the_gates_text(editor: Editor) -> None:
    editor.open("told.py", BAD)
    row = line_of(BAD, "running += loss")

    def at(column: int) -> Any:
        return editor.ask(
            "textDocument/hover",
            textDocument={"uri": editor.uri("told.py")}, position={"line": row, "character": column},
        )  # fmt: skip

    told = at(len("        running += l"))
    assert told["contents"]["kind"] == "markdown"
    for part in ("TG103", "## Why is this bad?", "Use instead:"):
        assert part in told["contents"]["value"]
    assert at(2) is None


def test_a_configuration_that_cant_be_meant_is_said_and_its_repair_is_noticed(editor: Editor) -> None:
    assert editor.open("broken/bad.py", BAD) == []
    shown = next(each for each in editor.seen if each.get("method") == "window/showMessage")
    assert "selekt" in shown["params"]["message"]
    assert "did you mean select?" in shown["params"]["message"]
    (editor.folder / "broken/pyproject.toml").write_text("[tool.trainergen.check]\nselect = ['TG1']\n")
    editor.tell("textDocument/didSave", textDocument={"uri": editor.uri("broken/pyproject.toml")})
    assert [each["code"] for each in editor.diagnostics("broken/bad.py")] == ["TG103"]


def test_notebooks_are_read_cell_by_cell(editor: Editor) -> None:
    # A form feed and a Unicode separator end no line, and the emoji counts twice.
    loop = BAD.replace("        running += loss", '        "\U0001f600"; running += loss')
    cut = loop.index("def train_one_epoch")
    bodies = ["# Title", loop[:cut], '"""\x0cOne\u2028line."""\n' + loop[cut:]]
    names = [f"{editor.uri('n.ipynb').replace('file:', 'vscode-notebook-cell:')}#{number}" for number in range(3)]
    kinds = ["markdown", "python", "python"]
    editor.tell(
        "notebookDocument/didOpen",
        notebookDocument={
            "uri": editor.uri("n.ipynb"), "notebookType": "jupyter-notebook", "version": 1,
            "cells": [{"kind": 2 if number else 1, "document": name} for number, name in enumerate(names)],
        },
        cellTextDocuments=[
            {"uri": name, "languageId": kind, "version": 1, "text": body}
            for name, kind, body in zip(names, kinds, bodies, strict=True)
        ],
    )  # fmt: skip
    assert editor.diagnostics_of(names[1]) == []
    found = editor.diagnostics_of(names[2])
    row = next(number for number, line in enumerate(bodies[2].split("\n")) if "running += loss" in line)
    column = len('        "12"; running += ')
    assert places(found) == [("TG103", row, column, column + len("loss"))]
    end = found[0]["range"]["end"]
    change = {
        "document": {"uri": names[2], "version": 2},
        "changes": [{"range": {"start": end, "end": end}, "text": ".detach()"}],
    }
    notebook = {"uri": editor.uri("n.ipynb"), "version": 2}
    editor.tell("notebookDocument/didChange", notebookDocument=notebook, change={"cells": {"textContent": [change]}})
    assert editor.diagnostics_of(names[2], 2) == []
    closed = [{"uri": name} for name in names]
    editor.tell("notebookDocument/didClose", notebookDocument={"uri": editor.uri("n.ipynb")}, cellTextDocuments=closed)
    assert editor.diagnostics_of(names[2]) == []


def test_an_editor_that_counts_otherwise_and_one_that_leaves(tmp_path: Path) -> None:
    write_tree(tmp_path / "work", {"setup.py": ""})
    able = {
        "general": {"positionEncodings": ["utf-8"]},
        "workspace": {
            "workspaceEdit": {"documentChanges": True},
            "didChangeWatchedFiles": {"dynamicRegistration": True},
        },
    }
    editor = Editor(tmp_path / "work", able)
    try:
        assert editor.server["positionEncoding"] == "utf-8"
        watched = editor.wait(lambda message: message.get("method") == "client/registerCapability")
        assert "**/pyproject.toml" in json.dumps(watched["params"])
        text = BAD.replace("        running += loss", '        "\U0001f600"; running += loss')
        found = editor.open("bad.py", text, version=7)
        start = found[0]["range"]["start"]
        assert text.splitlines()[start["line"]].encode()[start["character"] :] == b"loss"
        edit = editor.actions("bad.py", start["line"])[0]["edit"]["documentChanges"][0]
        assert edit["textDocument"] == {"uri": editor.uri("bad.py"), "version": 7}
        assert editor.leave() == 0
    finally:
        editor.kill()


def test_a_gate_that_fails_and_one_that_prints_take_nobody_along(tmp_path: Path) -> None:
    house = '''\
        """A gate of a house."""
        CODE = "{code}"
        NAME = "n"
        WHAT = "w"
        WHY = "y"
        PASSING = "x = 1"
        FAILING = "x = 2"
        FIX = "none"
        TORCH = ">=1.0"
        SOURCE = "here"


        def check(training):
            print("Content-Length: 7")
            {does}
        '''
    write_tree(
        tmp_path,
        {
            "work/pyproject.toml": '[tool.trainergen.check]\nselect = ["TG1", "H0"]\n',
            "lib/h001_fails.py": house.format(code="H001", does="return iter([1 / 0])"),
            "lib/h002_prints.py": house.format(code="H002", does="return iter(())"),
            "lib/house-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: house\nVersion: 1.0\n",
            "lib/house-1.0.dist-info/entry_points.txt": "[trainergen.gates]\na = h001_fails\nb = h002_prints\n",
        },
    )
    editor = Editor(tmp_path / "work", PYTHONPATH=str(tmp_path / "lib"))
    try:
        assert [each["code"] for each in editor.open("bad.py", BAD)] == ["TG103"]
        logged = next(each for each in editor.seen if each.get("method") == "window/logMessage")
        assert "h001_fails failed" in logged["params"]["message"]
        assert "ZeroDivisionError" in logged["params"]["message"]
        editor.change("bad.py", 2, {"text": GOOD})
        assert editor.diagnostics("bad.py", 2) == []
        assert editor.process.stdin is not None
        editor.process.stdin.close()  # the editor is gone without a word
        assert editor.process.wait(PATIENCE) == 1
    finally:
        editor.kill()
