"""The last part of the proof in a project with trainers of its own: its own program lists the new one and trains it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .inspection.training_facts import EntryPoint
    from .lab.opening import Laboratory

CODE = "TG050"
SECONDS = 20.0
"""For one run of the program: a training that still runs then has begun well."""

PROBE = "entry_point"


@dataclass(frozen=True)
class Call:
    """How the project's program is to be called for the new trainer.

    Attributes:
        key: what a user types, as far as the registry says; "" where nothing registers trainers.
        snake: the model in snake case, by which the name is known in a list.
        sibling: the key of a trainer that exists; "" where there is none to compare with.
        others: classes or functions of all that exist.
        own_data: the trainer has data to train on.
        settings: those that are other than staged while it trains, in words; "" for none.
        stands: the project has the trainer already, in an earlier form.
    """

    key: str
    snake: str
    sibling: str
    own_data: bool
    others: tuple[str, ...] = ()
    settings: str = ""
    stands: bool = False


def entry_verdicts(
    lab: Laboratory, entry: EntryPoint, files: Mapping[str, str], short: Mapping[str, str], root: Path, call: Call
) -> tuple[str, tuple[dict[str, Any], ...]]:
    """What the project's own program does with the staged trainer, as probes.

    What it does with a sibling too, or without the new trainer, is the project's own affair, and no fault of the new one.

    Args:
        lab: where it runs.
        entry: the program.
        files: what is staged.
        short: the same with settings that end a training early.
        root: the project's folder.
        call: see there.

    Returns:
        The name that the program knows the trainer by, and the probes.
    """
    program = program_of(entry, root)
    if program is None:
        return call.key, (
            _probe("unmeasured", f"{entry.command} was not run: no function at {entry.file}:{entry.line}"),
        )
    key, found = call.key, []
    if entry.lists:
        (before,) = _visits(lab, program, {}, [(entry.lists,)])
        (after,) = _visits(lab, program, files, [(entry.lists,)])
        key, verdict = _listed(entry, before, after, call)
        found.append(verdict)
    if not key:
        return key, tuple(found)
    training = chosen(entry, key)
    if training is None or not call.own_data:
        why = "it has no data yet" if training is not None else f"how {entry.command} chooses one was not found"
        return key, (*found, _probe("unmeasured", f"no training by {entry.command}: {why}"))
    (visit,) = _visits(lab, program, short, [training])
    for spelling in dict.fromkeys((key.lower(), call.snake)):
        if visit["error"] != "SystemExit" or visit["ours"] is not None or spelling == key:
            continue  # only a program that did not take the name may know it in another spelling
        (again,) = _visits(lab, program, short, [chosen(entry, spelling) or ()])
        if again["ending"] != "failed":
            key, visit = spelling, again
    other = None
    if visit["ending"] == "failed" and visit["ours"] is None and call.sibling:
        (other,) = _visits(lab, program, files, [chosen(entry, call.sibling) or ()])
    return key, (*found, _trained(entry, visit, other, call))


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


def _listed(
    entry: EntryPoint, before: Mapping[str, Any], after: Mapping[str, Any], call: Call
) -> tuple[str, dict[str, Any]]:
    """The name under which the list shows the new trainer, and what to say of it."""
    command = f"{entry.command} {entry.lists}"
    if after["ending"] != "ended":
        if after["missing"]:
            return call.key, _probe("unmeasured", f"{command} needs {after['missing']}, which is not installed")
        own = before["ending"] != "ended"
        return call.key, _probe("advice" if own else "failed", f"{command}: {_said(after)}", after)
    known = [] if call.stands else _words(before)
    new = [word for word in _words(after) if word not in known]
    wanted = [_plain(each) for each in (call.key, call.snake) if each]
    shown = next((word for word in new if _plain(word) in wanted), None)
    if shown is None and not call.stands:
        shown = next(
            (word for word in new if any(_plain(word) in each or each in _plain(word) for each in wanted)), None
        )
    if shown is not None:
        return shown, _probe("passed", f"{command}  shows {shown}")
    if not call.key or not _words(before):
        return call.key, _probe("unmeasured", f"{command} lists no trainers by name")
    return call.key, _probe("failed", f"{command} does not show {call.key or call.snake}", after)


def _words(visit: Mapping[str, Any]) -> list[str]:
    return re.findall(r"[\w./:-]+", "\n".join(visit["output"]))


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _trained(
    entry: EntryPoint, visit: Mapping[str, Any], other: Mapping[str, Any] | None, call: Call
) -> dict[str, Any]:
    command = " ".join((entry.command, *visit["arguments"]))
    bounded = f" with {call.settings}" if call.settings else ""
    if visit["ending"] == "ended":
        return _probe("passed", f"{command}  trains and ends{bounded}")
    if visit["ending"] == "running":
        return _probe("passed", f"{command}  trains{bounded}; stopped after {SECONDS:g} s")
    if visit["missing"] and visit["ours"] is None:
        return _probe("unmeasured", f"{command} needs {visit['missing']}, which is not installed")
    if visit["ours"] is None and other is not None and other["error"] == visit["error"]:
        return _probe("advice", f"{command}: {_said(visit)}; with {call.sibling} too: it is the program's own", visit)
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
