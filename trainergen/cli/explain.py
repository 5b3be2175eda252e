"""``trainergen explain TG101``: a gate's page, made from the one file that is the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import UnusableInput, did_you_mean
from .execution import execute
from .options import terminal_of, with_terminal

if TYPE_CHECKING:
    from ..outcome import Outcome


@click.command("explain", short_help="Tell what a gate demands, why, and how to meet it.")
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@with_terminal
def command(codes: tuple[str, ...], as_data: bool, color: str, quiet: bool, verbose: bool) -> int:
    """Tell what gates demand and why, with an example on either side; without CODE: list them all.

    \b
    trainergen explain TG101
    trainergen explain
    """  # noqa: D301 - click's mark for lines that are not to be joined

    def work(outcome: Outcome) -> None:
        from ..gates.engine import load_gates, load_plugins
        from ..gates.report import explain

        gates = load_gates()
        if any(not code.upper().startswith("TG") for code in codes):
            gates |= load_plugins()
        for code in codes:
            if code.upper() not in gates:
                raise UnusableInput(f"no gate has the code {code}", hint=did_you_mean(code, tuple(gates)))
        chosen = [gates[code.upper()] for code in codes]
        shown = chosen or list(gates.values())
        outcome.result = {
            "gates": [
                {
                    "code": gate.code, "name": gate.name, "what": gate.what, "why": gate.why, "fix": gate.fix,
                    "torch": gate.torch, "source": gate.source, "default": gate.on_by_default,
                }
                for gate in shown
            ]
        }  # fmt: skip
        if chosen:
            outcome.explanation = ["\n\n".join(explain(gate).rstrip("\n") for gate in chosen)]
            outcome.closing = f"More: trainergen check --select {','.join(gate.code for gate in chosen)} PATH"
            return
        for gate in shown:
            outcome.say(gate.code, gate.name, "" if gate.on_by_default else "advice: ask for it with --select")
        outcome.closing = f"{len(shown)} gates.  trainergen explain CODE tells about one."

    return execute("explain", terminal_of(color, quiet, verbose), as_data, work)
