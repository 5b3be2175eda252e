"""What main and lab say to each other: one JSON object a frame, and the kinds of failure that map to exit codes.

A request is ``{"op": "package.module:function", "payload": {...}, "limits": {...}, "device": "cpu", "seed": 0}``; `op`
names a function below our own package by its relative name (``families.torch.measure:build``, ``lab.prove:prove``,
``lab.server:ping``). In the child the function is called as ``function(payload, context)`` and returns JSON-able data.
The answer is ``{"ok": true, "result": ...}`` or ``{"ok": false, "problem": {...}}`` (see `LabProblem`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

ProblemKind = Literal["input", "conflict", "answer", "user", "machine", "internal"]


class LabProblem(Exception):
    """Raised in the lab for what the main process turns into the error with the matching exit code.

    Args:
        kind: ``input`` (exit 2), ``conflict`` (3), ``answer`` (4), ``user`` (5), ``machine`` (6), ``internal`` (70).
        message: one line: what went wrong.
        place: ``file:line`` where known (relative to the project root).
        hint: how to fix it.
        notes: further lines (the traceback's user frames, the batch's shapes).
        flags: for ``answer``.
        traceback: every frame as Python prints it, paths of the copy mapped back; for ``--traceback``.
        ended: for ``user``: the code crashed, was killed, or ended its process.
    """

    def __init__(
        self,
        kind: ProblemKind,
        message: str,
        *,
        place: str | None = None,
        hint: str | None = None,
        notes: tuple[str, ...] = (),
        flags: tuple[str, ...] = (),
        traceback: tuple[str, ...] = (),
        ended: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.place = place
        self.hint = hint
        self.notes = notes
        self.flags = flags
        self.traceback = traceback
        self.ended = ended

    def as_plain(self) -> dict[str, Any]:
        """The problem as it travels."""
        return {
            "kind": self.kind,
            "message": self.message,
            "place": self.place,
            "hint": self.hint,
            "notes": list(self.notes),
            "flags": list(self.flags),
            "traceback": list(self.traceback),
            "ended": self.ended,
        }


@dataclass(frozen=True)
class Context:
    """What a lab function knows of its surroundings.

    Attributes:
        root: the copied code tree; cwd, and first on ``sys.path``.
        original: the project's real root, for reading data in place and for mapping paths in messages.
        scratch: a folder that outlives the request (batches saved by build, read by prove).
        device: where tensors go.
    """

    root: Path
    original: Path
    scratch: Path
    device: str
