"""The terminal: where results and progress go, and whether in colour. The only file that writes to the screen."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

COLOURS = {
    "read": "36",
    "choose": "35",
    "guess": "33",
    "prove": "32",
    "create": "32",
    "insert": "32",
    "replace": "33",
    "update": "32",
    "merge": "32",
    "drift": "33",
    "identical": "2",
    "remove": "33",
    "advise": "33",
    "fail": "31",
    "warn": "33",
    "ok": "32",
    "error": "31",
    "running": "36",
    "finished": "32",
    "failed": "31",
    "diverged": "31",
    "killed": "31",
    "interrupted": "33",
}


class Terminal:
    """Writes results to stdout and progress to stderr.

    Args:
        color: ``auto`` (``NO_COLOR`` and ``FORCE_COLOR`` decide, then whether stdout is a terminal), ``always`` or ``never``.
        quiet: only the closing line and errors.
        verbose: progress stays on stderr, line by line.
        traceback: a failure in the lab is shown with every frame.
    """

    def __init__(
        self, color: str = "auto", quiet: bool = False, verbose: bool = False, traceback: bool = False
    ) -> None:
        self.quiet = quiet
        self.traceback = traceback
        self.verbose = verbose
        self.colored = _wants_color(color, sys.stdout)
        self._progress_width = 0
        self._live_lines = 0

    def paint(self, text: str, verb: str) -> str:
        """`text` in the colour of `verb`, on a terminal that wants colour."""
        code = COLOURS.get(verb)
        return f"\033[{code}m{text}\033[0m" if self.colored and code else text

    def result(self, text: str = "") -> None:
        """A line of the result."""
        self.clear_progress()
        print(text, file=sys.stdout)

    def progress(self, text: str) -> None:
        """Say what is being done; on a terminal the line vanishes with the next one."""
        if self.verbose:
            print(f"trainergen: {text}", file=sys.stderr)
        elif not self.quiet and _is_terminal(sys.stderr):
            self.clear_progress()
            line = f"  {text} ..."
            self._progress_width = len(line)
            print(line, end="", file=sys.stderr, flush=True)

    def live(self, lines: list[str]) -> None:
        """Show `lines` on stdout in place of those that this showed before, each cut where the terminal ends."""
        width, height = shutil.get_terminal_size()
        shown = [line[: width - 1] for line in lines[: height - 1]]
        back = f"\033[{self._live_lines}F" if self._live_lines else ""
        print(f"{back}\033[J" + "\n".join(shown), file=sys.stdout, flush=True)
        self._live_lines = len(shown)

    @property
    def is_live(self) -> bool:
        """Whether stdout is a terminal whose lines can be replaced."""
        return _is_terminal(sys.stdout) and os.environ.get("TERM") != "dumb"

    @property
    def draws_unicode(self) -> bool:
        """Whether stdout takes more than ASCII."""
        return "utf" in (getattr(sys.stdout, "encoding", None) or "").lower()

    def clear_progress(self) -> None:
        """Wipe the progress line."""
        if self._progress_width:
            print("\r" + " " * self._progress_width + "\r", end="", file=sys.stderr, flush=True)
            self._progress_width = 0

    @property
    def can_ask(self) -> bool:
        """Whether somebody sits there: stdin and stderr are terminals."""
        return _is_terminal(sys.stdin) and _is_terminal(sys.stderr)


def _wants_color(color: str, stream: TextIO) -> bool:
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return _is_terminal(stream) and os.environ.get("TERM") != "dumb"


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False
