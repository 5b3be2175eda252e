"""What to do next: what the gravest observations ask for, then what every run that ended well is followed by."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from .evidence import Evidence
from .observation import Observation


@dataclass(frozen=True)
class Step:
    """One thing to do, and the command that does it, where there is one."""

    what: str
    command: str = ""


def next_steps(
    seen: Evidence, observed: Sequence[Observation], run_folder: str, command: str, compared: bool
) -> tuple[Step, ...]:
    """In the order in which they make sense.

    Args:
        seen: the run.
        observed: what the rules said.
        run_folder: as a command takes it.
        command: how the run was started, or empty.
        compared: whether the report has a baseline.
    """
    folder = shlex.quote(run_folder)
    steps = []
    if seen.state == "running":
        steps.append(Step("Watch it until it ends, then make this report again.", f"trainergen watch {folder}"))
    if seen.state in ("interrupted", "killed", "failed") and seen.latest:
        resumed = f"{command} --resume auto" if command and "--resume" not in command else command
        steps.append(Step("Go on from the last checkpoint.", resumed))
    steps += [
        Step(f"{each.title}: {each.remedy}")
        for each in observed
        if each.severity in ("fail", "warn") and each.rule != "broken_off"
    ]
    if seen.state == "finished" and not any(each.severity == "fail" for each in observed):
        if seen.curve("validation.loss") is not None:
            steps.append(
                Step(
                    "Measure the best weights on data that no choice was made on: epoch and settings were chosen by the validation.",
                    f"trainergen evaluate {folder} --checkpoint best --split test",
                )
            )
        steps.append(Step("Train with two or three other values of `seed`: a difference within their spread is none."))
        if not compared:
            steps.append(Step("Say what it has to beat.", f"trainergen report {folder} --baseline RUN"))
        steps.append(Step("Hand the weights on.", f"trainergen export {folder} --to safetensors"))
    return tuple(steps)
