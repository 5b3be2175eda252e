"""The texts that an editor has open, as they stand there; pygls keeps them too, and counts a form feed as a line's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .places import Lines, Place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lsprotocol import types


class Texts:
    """Open documents, cells of notebooks among them.

    Attributes:
        units: what the columns of the protocol count: a key of `places.UNITS`.
    """

    def __init__(self) -> None:
        self.units = "utf-16"
        self._texts: dict[str, str] = {}
        self._versions: dict[str, int | None] = {}

    def __contains__(self, uri: str) -> bool:
        return uri in self._texts

    def opened(self, uri: str, text: str, version: int | None) -> None:
        """Take a document in."""
        self._texts[uri], self._versions[uri] = text, version

    def closed(self, uri: str) -> None:
        """Forget a document."""
        self._texts.pop(uri, None)
        self._versions.pop(uri, None)

    def changed(self, uri: str, changes: Iterable[types.TextDocumentContentChangeEvent], version: int | None) -> None:
        """Apply changes, one after the other: each to a range, or the whole text anew."""
        text = self._texts.get(uri, "")
        for change in changes:
            span = getattr(change, "range", None)
            if span is None:
                text = change.text
                continue
            lines = Lines(text, self.units)
            start, end = (lines.offset(Place(each.line, each.character)) for each in (span.start, span.end))
            text = text[:start] + change.text + text[end:]
        self.opened(uri, text, version)

    def text(self, uri: str) -> str:
        """A document as it stands; empty where it isn't open."""
        return self._texts.get(uri, "")

    def lines(self, uri: str) -> Lines:
        """The same, by lines."""
        return Lines(self.text(uri), self.units)

    def version(self, uri: str) -> int | None:
        """The editor's number for what stands there."""
        return self._versions.get(uri)

    def uris(self) -> list[str]:
        """Every document that is open."""
        return list(self._texts)
