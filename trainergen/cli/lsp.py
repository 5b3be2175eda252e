"""``trainergen lsp``: the language server over standard input and output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .execution import execute
from .options import terminal_of

if TYPE_CHECKING:
    from ..outcome import Outcome


@click.command("lsp", short_help="Serve an editor: the findings of `check` while you type.")
@click.option(
    "--stdio", is_flag=True, help="Speak over standard input and output; that is the only way, and the default."
)
def command(stdio: bool) -> int:  # noqa: ARG001 - what many editors say by themselves
    """Serve an editor over standard input and output: what `check` finds in the text that stands there, while you type.

    Needs the extra: pip install "trainergen[lsp]". How editors start it: docs/editor.md.
    """
    try:
        from ..lsp import server
    except ImportError as problem:
        missing = problem

        def refuse(_outcome: Outcome) -> None:
            import sys

            from ..errors import MachineRefused

            raise MachineRefused(
                f"the language server needs pygls, 2.0 or later ({missing})",
                place=sys.executable,
                hint=f'{sys.executable} -m pip install "trainergen[lsp]"',
            )

        return execute("lsp", terminal_of("auto", quiet=False, verbose=False), False, refuse)
    return server.serve()
