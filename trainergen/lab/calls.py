"""The two smallest requests: is the lab there, and what does this function of the project return."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .frames import user_code
from .imports import import_object

if TYPE_CHECKING:
    from .protocol import Context


def ping(payload: Any, context: Context) -> dict[str, Any]:
    """Answers with its payload and what a child sees of its surroundings."""
    return {
        "payload": payload,
        "pid": os.getpid(),
        "cwd": str(Path.cwd()),
        "root": str(context.root),
        "original": str(context.original),
        "scratch": str(context.scratch),
        "device": context.device,
        "path": list(sys.path),
        "dynamo": type(sys.modules.get("torch._dynamo")).__name__,
    }


def call(payload: dict[str, Any], context: Context) -> Any:
    """Imports ``payload["target"]`` (``module:name``) from the copied tree and calls it with ``payload["arguments"]``.

    Raises:
        LabProblem: as `import_object`; kind ``user`` where the call raised.
    """
    function = import_object(payload["target"], context)
    with user_code(context, payload["target"]):
        return function(*payload.get("arguments", ()))
