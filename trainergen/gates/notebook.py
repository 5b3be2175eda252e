"""A notebook's code cells as one Python text, and the way back to cell and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .finding import Finding

_MAGIC = ("%", "!", "?")


class Notebook:
    """The code of a notebook.

    Args:
        cells: (number, text) of each code cell, counted among all from 1.

    Attributes:
        cells: number of a code cell -> its text.
        code: all code cells below each other; lines of IPython's own (``%time``, ``!pip``) are blanked.
    """

    def __init__(self, cells: Iterable[tuple[int, str]]) -> None:
        self.cells = dict(cells)
        lines: list[str] = []
        self._places: list[tuple[int, int]] = []
        for number, body in self.cells.items():
            foreign = body.lstrip().startswith("%%") and not body.lstrip().startswith(
                ("%%time", "%%capture", "%%timeit")
            )
            for row, line in enumerate(body.split("\n"), start=1):
                lines.append("" if foreign else _plain(line))
                self._places.append((number, row))
        self.code = "\n".join(lines) + "\n"

    @classmethod
    def read(cls, text: str) -> Notebook:
        """The notebook that an ``.ipynb`` file holds.

        Raises:
            ValueError: it holds none.
        """
        import json

        document = json.loads(text)
        cells = document.get("cells") if isinstance(document, dict) else None
        if not isinstance(cells, list):
            raise ValueError("it has no cells: not a notebook of format 4")
        found = []
        for number, cell in enumerate(cells, start=1):
            if isinstance(cell, dict) and cell.get("cell_type") == "code":
                source = cell.get("source", "")
                found.append((number, "".join(source) if isinstance(source, list) else str(source)))
        return cls(found)

    def place(self, finding: Finding) -> Finding:
        """The finding with the cell and the line in it; its fix is dropped: the file is not that text."""
        index = min(max(finding.line - 1, 0), len(self._places) - 1)
        cell, row = self._places[index] if self._places else (1, 1)
        return finding._replace(line=row, cell=cell, fix=None)


def _plain(line: str) -> str:
    stripped = line.lstrip()
    if stripped.startswith(_MAGIC) or stripped.rstrip().endswith("?"):
        return line[: len(line) - len(stripped)] + "pass"
    return line
