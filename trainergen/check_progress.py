"""How far a check is, on stderr, where somebody watches."""

from __future__ import annotations

import sys


class Progress:
    """One line that the next one overwrites; silent where stderr is no terminal.

    Args:
        quiet: silent in any case.
    """

    __slots__ = ("_shows", "_width")

    def __init__(self, quiet: bool) -> None:
        self._shows = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._width = 0

    def say(self, text: str) -> None:
        """Show `text` in the line's place."""
        if self._shows:
            line = f"  {text} ..."
            sys.stderr.write("\r" + line.ljust(self._width))
            sys.stderr.flush()
            self._width = len(line)

    def clear(self) -> None:
        """Wipe the line."""
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0
