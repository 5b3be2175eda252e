"""A rendered file: its text, and for each line the template line that wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True)
class Rendered:
    """Text of a file to be, with provenance.

    Attributes:
        text: the whole file, with line feeds.
        origins: one entry a line of `text`: ``house/templates/loss.py.j2:9``, or None where nothing is known.
        executable: whether the file gets its x bits.
    """

    text: str
    origins: tuple[str | None, ...] = ()
    executable: bool = False

    def origin(self, line: int) -> str | None:
        """Which template line wrote line `line` (from 1), or None."""
        return self.origins[line - 1] if 0 < line <= len(self.origins) else None

    def reformatted(self, text: str) -> Rendered:
        """The same file after a formatter: lines keep their origin by content, rewrapped ones their neighbours'."""
        if text == self.text:
            return self
        old = [line.strip() for line in self.text.splitlines()]
        new = [line.strip() for line in text.splitlines()]
        origins: list[str | None] = [None] * len(new)
        for _, old_start, old_end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            for index in range(new_start, new_end):
                source = min(old_start + index - new_start, max(old_end - 1, old_start))
                if source < len(self.origins):
                    origins[index] = self.origins[source]
        return Rendered(text, tuple(origins), self.executable)

    def inside(self, text: str, around: Rendered | None = None) -> Rendered:
        """The file `text` that this piece was put into: the piece's lines and those of `around` keep their origin."""
        lines = [line.strip() for line in text.splitlines()]
        origins: list[str | None] = [None] * len(lines)
        if around is not None:
            old = [line.strip() for line in around.text.splitlines()]
            for tag, start, end, at, _ in SequenceMatcher(None, old, lines, autojunk=False).get_opcodes():
                if tag == "equal":
                    origins[at : at + end - start] = around.origins[start:end]
        body = self.text.lstrip("\n")
        skipped = self.text[: len(self.text) - len(body)].count("\n")
        piece = [line.strip() for line in body.splitlines()]
        for at in range(len(lines) - len(piece) + 1):
            if piece and lines[at : at + len(piece)] == piece:
                origins[at : at + len(piece)] = self.origins[skipped : skipped + len(piece)]
                break
        return Rendered(text, tuple(origins))
