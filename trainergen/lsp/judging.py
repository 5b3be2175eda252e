"""What ``trainergen check`` says of a text that an editor holds: the project's configuration, comments and baseline count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..checking import Check
from ..gates.baseline import read_baseline, without_known
from ..gates.files import passed_over, relative, root_above
from ..gates.notebook import Notebook
from ..gates.request import Request
from ..gates.source import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..gates.engine import Crashed
    from ..gates.finding import Finding


class Judged(NamedTuple):
    """A text after a check.

    Attributes:
        path: of its file, from the project's folder.
        text: what was checked.
        findings: in order of place.
        check: the gates and the configuration that it was checked with; None for a file that checks leave out.
    """

    path: str
    text: str
    findings: list[Finding]
    check: Check | None

    def again(self, text: str) -> list[Finding]:
        """What is found in another text in this one's place."""
        return [] if self.check is None else self.check.examine(self.path, text)


def home_of(file: str, folders: Iterable[str]) -> str:
    """The project that a file is judged in.

    The nearest folder from the file upwards whose pyproject.toml speaks of trainergen, else what a check run in the
    editor's folder would take, else (the file lies in none) what a check run beside the file would.

    Args:
        file: absolute, links resolved.
        folders: the editor's, absolute.
    """
    path = Path(file)
    around = [real for folder in folders if path.is_relative_to(real := Path(folder).resolve())]
    start = max(around, key=lambda folder: len(folder.parts), default=path.parent)
    for folder in path.parents:
        if not folder.is_relative_to(start):
            break
        if _speaks(folder):
            return str(folder)
    return root_above(str(start))


def judge(file: str, text: str, home: str, others: Mapping[str, str], crashed: Crashed) -> Judged:
    """Check a text.

    Args:
        file: where it belongs, absolute; it needn't be there.
        text: what the editor holds.
        home: of the project.
        others: absolute path -> text of the files that are open beside it.
        crashed: told of a gate that failed.

    Raises:
        UnusableInput: the project's configuration can't be meant.
    """
    check = _check(home, {relative(path, home): held for path, held in others.items()}, crashed)
    path = relative(file, home)
    if passed_over(file, home, check.choice.exclude):
        return Judged(path, text, [], None)
    return Judged(path, text, _new(check, path, check.examine(path, text), text), check)


def judge_cells(file: str, cells: list[tuple[int, str]], home: str, crashed: Crashed) -> Judged:
    """Check a notebook: its code cells by number, counted among all from 1.

    Raises:
        UnusableInput: see `judge`.
    """
    check = _check(home, {}, crashed)
    path, notebook = relative(file, home), Notebook(cells)
    if passed_over(file, home, check.choice.exclude):
        return Judged(path, notebook.code, [], None)
    return Judged(path, notebook.code, check.examine_notebook(path, notebook), check)


def _check(home: str, texts: Mapping[str, str], crashed: Crashed) -> Check:
    """Made anew each time: it costs less than to find out whether the configuration has changed."""
    return Check(Request(project=home, no_cache=True), texts, crashed)


def _new(check: Check, path: str, findings: list[Finding], text: str) -> list[Finding]:
    """The findings that the project's baseline doesn't have."""
    if check.choice.baseline is None or not findings:
        return findings
    known = read_baseline(str(Path(check.root) / check.choice.baseline))
    return without_known(findings, known, {path: split_lines(text)})


def _speaks(folder: Path) -> bool:
    try:
        return "[tool.trainergen" in (folder / "pyproject.toml").read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return False
