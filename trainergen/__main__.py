"""Entry of ``trainergen`` and ``python -m trainergen``: starts the lab first, so that torch loads while we read."""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .lab.client import Lab


def main() -> None:
    """Run the command line and leave by ``os._exit``: nothing of ours needs an interpreter's teardown."""
    gc.disable()  # a command lives for a second; collecting while a hundred modules load costs a tenth of it
    lab = _lab_ahead_of_time(sys.argv[1:])
    try:
        quick = _static_check(sys.argv[1:])
        if quick is None:
            from .cli import run

            quick = run(sys.argv[1:], lab)
        code = quick
    except KeyboardInterrupt:  # before a command had begun
        code = 130
    finally:
        if lab is not None:
            lab.close()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (BrokenPipeError, ValueError):
        pass
    os._exit(code)


def _lab_ahead_of_time(arguments: list[str]) -> Lab | None:
    """The lab for a command that will need one, started before click is imported; None where it won't."""
    if not arguments or arguments[0] not in ("new", "inspect") or "--help" in arguments or "-h" in arguments:
        return None
    named = arguments[0] == "inspect" or any(word.startswith("--model") for word in arguments)
    if "_TRAINERGEN_COMPLETE" in os.environ or not named:
        return None
    if _value(arguments, "--python") is not None or _value(arguments, "--project") is not None:
        return None  # the interpreter depends on what click reads; the lab starts a little later then
    from .lab import early

    return early.start()


def _static_check(arguments: list[str]) -> int | None:
    """The exit code of a ``check`` that needs nothing of click's; None for anything else, its errors included."""
    if arguments[:1] != ["check"] or "_TRAINERGEN_COMPLETE" in os.environ:
        return None
    from .gates.request import parse

    request = parse(arguments[1:])
    if request is None:
        return None
    from .checking import run

    try:
        code, text = run(request)
    except Exception:  # nothing has been printed: click's way comes to the same, and puts it into words
        return None
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return code


def _value(arguments: list[str], option: str) -> str | None:
    for index, word in enumerate(arguments):
        if word == option and index + 1 < len(arguments):
            return arguments[index + 1]
        if word.startswith(option + "="):
            return word.partition("=")[2]
    return None


if __name__ == "__main__":
    main()
