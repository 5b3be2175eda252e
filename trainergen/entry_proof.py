"""The last part of the proof in a project with trainers of its own: its own program lists the new one and trains it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .inspection.training_facts import EntryPoint
    from .lab.opening import Laboratory

CODE = "TG050"
SECONDS = 20.0
"""For one run of the program: a training that still runs then has begun well."""

PROBE = "entry_point"


def entry_verdicts(
    lab: Laboratory,
    entry: EntryPoint,
    files: Mapping[str, str],
    root: Path,
    *,
    key: str,
    sibling: str | None,
    own_data: bool,
) -> tuple[dict[str, Any], ...]:
    """What the project's own program does with the staged trainer, as probes.

    What a sibling does too is the project's own affair, and no fault of the new trainer.

    Args:
        lab: where it runs.
        entry: the program.
        files: what is staged.
        root: the project's folder.
        key: what a user types for the new trainer.
        sibling: the same for one that exists; None where there is none to compare with.
        own_data: the trainer has data to train on.
    """
    program = program_of(entry, root)
    if program is None:
        return (_probe("unmeasured", f"{entry.command} was not run: no function at {entry.file}:{entry.line}"),)
    runs: list[tuple[str, ...]] = []
    if entry.lists:
        runs.append((entry.lists,))
    training = chosen(entry, key)
    if own_data and training is not None:
        runs.append(training)
    if not runs:
        why = "the new trainer has no data yet" if training is not None else "how it chooses a trainer was not found"
        return (_probe("unmeasured", f"{entry.command} was not run: {why}"),)
    visits = _visits(lab, program, files, runs)
    found = []
    for arguments, visit in zip(runs, visits, strict=True):
        if entry.lists and arguments == (entry.lists,):
            found.append(_listed(entry, visit, key))
            continue
        other = None
        if visit["ending"] == "failed" and visit["ours"] is None and sibling is not None:
            (other,) = _visits(lab, program, files, [chosen(entry, sibling) or ()])
        found.append(_trained(entry, visit, other, sibling))
    return tuple(found)


def program_of(entry: EntryPoint, root: Path) -> dict[str, str] | None:
    """The program as the lab's ``visit`` takes it; None for a console script whose function can't be found."""
    if entry.kind == "script":
        return {"kind": "script", "target": entry.file}
    if entry.kind == "module":
        words = entry.command.split()
        return {"kind": "module", "target": words[words.index("-m") + 1]}
    try:
        tree = ast.parse((root / entry.file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.lineno == entry.line]
    module = entry.file.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return {"kind": "console-script", "target": f"{module}:{names[0]}"} if names else None


def chosen(entry: EntryPoint, key: str) -> tuple[str, ...] | None:
    """The arguments that choose a trainer and end its training early; None where nothing chooses one."""
    selection = entry.selection(key)
    if not selection:
        return None
    bounds = ((f"{name}{value}",) if name.endswith("=") else (name, value) for name, value in entry.bounds)
    return (*selection, *(word for words in bounds for word in words if word))


def _visits(
    lab: Laboratory, program: Mapping[str, str], files: Mapping[str, str], runs: Sequence[tuple[str, ...]]
) -> list[dict[str, Any]]:
    payload = {
        "files": dict(files),
        "program": dict(program),
        "runs": [list(each) for each in runs],
        "seconds": SECONDS,
    }
    answer: list[dict[str, Any]] = lab.request("lab.front_door:visit", payload)
    return answer


def _listed(entry: EntryPoint, visit: Mapping[str, Any], key: str) -> dict[str, Any]:
    command = f"{entry.command} {entry.lists}"
    if visit["ending"] == "ended" and key.lower() in " ".join(visit["output"]).lower():
        return _probe("passed", f"{command}  shows {key}")
    if visit["missing"]:
        return _probe("unmeasured", f"{command} needs {visit['missing']}, which is not installed")
    if visit["ending"] == "ended":
        return _probe("failed", f"{command} does not show {key}", visit)
    return _probe("failed" if visit["ours"] else "advice", f"{command}: {_said(visit)}", visit)


def _trained(
    entry: EntryPoint, visit: Mapping[str, Any], other: Mapping[str, Any] | None, sibling: str | None
) -> dict[str, Any]:
    command = " ".join((entry.command, *visit["arguments"]))
    if visit["ending"] == "ended":
        return _probe("passed", f"{command}  trains and ends")
    if visit["ending"] == "running":
        return _probe("passed", f"{command}  trains; stopped after {SECONDS:g} s")
    if visit["missing"] and visit["ours"] is None:
        return _probe("unmeasured", f"{command} needs {visit['missing']}, which is not installed")
    if visit["ours"] is None and other is not None and other["error"] == visit["error"]:
        return _probe("advice", f"{command}: {_said(visit)}; with {sibling} too: it is the program's own", visit)
    return _probe("failed", f"{command}: {_said(visit)}", visit)


def _said(visit: Mapping[str, Any]) -> str:
    return f"{visit['error'] or 'exit ' + str(visit['status'])}{': ' if visit['message'] else ''}{visit['message']}"


def _probe(status: str, title: str, visit: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "probe": PROBE,
        "status": status,
        "code": CODE if status == "failed" else None,
        "title": title,
        "detail": "" if visit is None else "\n".join(visit["output"]),
        "hint": None,
        "place": None if visit is None else visit["ours"],
        "numbers": {},
    }
