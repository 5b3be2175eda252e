"""A notebook's code cells as one Python text, and the way back to cell and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .finding import Finding

_MAGIC = ("%", "!", "?")


class Notebook:
    """The code of a notebook.

    Args:
        text: the ``.ipynb`` file.

    Attributes:
        cells: number of a code cell, counted among all from 1 -> its text.
        code: all code cells below each other; lines of IPython's own (``%time``, ``!pip``) are blanked.

    Raises:
        ValueError: it is no notebook.
    """

    def __init__(self, text: str) -> None:
        import json

        document = json.loads(text)
        cells = document.get("cells") if isinstance(document, dict) else None
        if not isinstance(cells, list):
            raise ValueError("it has no cells: not a notebook of format 4")
        lines: list[str] = []
        self._places: list[tuple[int, int]] = []
        self.cells: dict[int, str] = {}
        for number, cell in enumerate(cells, start=1):
            if not isinstance(cell, dict) or cell.get("cell_type") != "code":
                continue
            source = cell.get("source", "")
            body = "".join(source) if isinstance(source, list) else str(source)
            self.cells[number] = body
            foreign = body.lstrip().startswith("%%") and not body.lstrip().startswith(
                ("%%time", "%%capture", "%%timeit")
            )
            for row, line in enumerate(body.split("\n"), start=1):
                lines.append("" if foreign else _plain(line))
                self._places.append((number, row))
        self.code = "\n".join(lines) + "\n"

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
