"""``trainergen explain TG101``: a code's page, made from the one file that says what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import UnusableInput, did_you_mean
from .execution import execute
from .options import terminal_of, with_terminal

if TYPE_CHECKING:
    from ..gates.engine import Gate
    from ..gates.measured import Measured
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
        from ..gates.measured import MEASURED, told
        from ..gates.report import explain

        gates = load_gates()
        if any(not code.upper().startswith("TG") for code in codes):
            gates |= load_plugins()
        known = sorted({*gates, *MEASURED})
        for code in codes:
            if code.upper() not in known:
                raise UnusableInput(f"nothing has the code {code}", hint=did_you_mean(code, tuple(known)))
        chosen = list(dict.fromkeys(code.upper() for code in codes))
        shown = chosen or known
        outcome.result = {"gates": [_data(gates[code] if code in gates else MEASURED[code]) for code in shown]}
        if chosen:
            pages = (explain(gates[code]) if code in gates else told(MEASURED[code]) for code in chosen)
            outcome.explanation = ["\n\n".join(page.rstrip("\n") for page in pages)]
            asked = [code for code in chosen if code in gates]
            option = f"--select {','.join(asked)}" if asked else "--run"
            outcome.closing = f"More: trainergen check {option} PATH"
            return
        for code in shown:
            gate = gates.get(code)
            advice = gate is not None and not gate.on_by_default
            name = gate.name if gate is not None else MEASURED[code].name
            outcome.say(code, name, "advice: ask for it with --select" if advice else "")
        outcome.closing = f"{len(shown)} codes.  trainergen explain CODE tells about one."

    return execute("explain", terminal_of(color, quiet, verbose), as_data, work)


def _data(gate: Gate | Measured) -> dict[str, str | bool]:
    """What ``--json`` says of a code."""
    from ..gates.measured import Measured

    if isinstance(gate, Measured):
        said = {"code": gate.code, "name": gate.name, "what": gate.what, "why": gate.why}
        return {**said, "fix": f"none: {gate.remedy}", "torch": ">=1.0", "source": "measured", "default": True}
    said = {"code": gate.code, "name": gate.name, "what": gate.what, "why": gate.why}
    return {**said, "fix": gate.fix, "torch": gate.torch, "source": gate.source, "default": gate.on_by_default}
