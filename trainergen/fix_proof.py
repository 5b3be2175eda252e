"""Fixes of trainers that trainergen generated are trained before they are written: what ``check --run`` does, on the new text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import Interrupted, TrainergenError
from .lab import opening
from .running import question
from .settings import read_settings

if TYPE_CHECKING:
    from .gates.request import Request
    from .lab.opening import Laboratory
    from .record import Record
    from .settings import Settings


def refused(
    records: tuple[Record, ...], texts: Mapping[str, str], root: Path, request: Request, progress: Callable[[str], None]
) -> dict[str, str]:
    """Of fixed files those that may not be written, each with the reason.

    A trainer with its fixes must fail no probe that it doesn't fail without them.

    Args:
        records: of the trainers that the files belong to.
        texts: path -> the fixed text.
        root: the project.
        request: whose interpreter, device and limit hold.
        progress: told which trainer is trained.
    """
    settings = read_settings(root)
    reasons: dict[str, str] = {}
    try:
        with opening.opened(
            None, root, python=request.python, setting=settings.python, device=request.device, limit=request.limit
        ) as laboratory:
            for record in records:
                mine = {path: texts[path] for path in record.paths if path in texts and path not in reasons}
                progress(f"training {record.trainer} with its fixes")
                reason = _reason(record, mine, root, settings, request.limit, laboratory) if mine else ""
                if reason:
                    reasons |= dict.fromkeys(mine, reason)
    except Interrupted:
        raise
    except TrainergenError as problem:  # no lab: no torch there, a limit that can't be meant
        reasons |= {path: _untried(problem) for path in texts if path not in reasons}
    return reasons


def _reason(
    record: Record, texts: Mapping[str, str], root: Path, settings: Settings, limit: str | None, laboratory: Laboratory
) -> str:
    """Why the fixes of a trainer may not be written; "" where they may."""

    def failing(with_texts: Mapping[str, str]) -> dict[tuple[str, str], str]:
        _, payload = question(record, root, settings, limit, laboratory, with_texts)
        probes: list[dict[str, Any]] = laboratory.request("lab.prove:prove", payload)["probes"]
        return {(each["code"], each["probe"]): each["title"] for each in probes if each["status"] == "failed"}

    try:
        after = failing(texts)
        before = failing({}) if after else {}
    except Interrupted:
        raise
    except TrainergenError as problem:
        return _untried(problem)
    new = [f"{key[0]} {title}" for key, title in after.items() if key not in before]
    if not new:
        return ""
    return f"trained with the fixes, {record.trainer} fails a probe that it passes without them: {'; '.join(new)}"


def _untried(problem: TrainergenError) -> str:
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"it can't be trained with the fixes: {problem.message}{hint}; --no-proof writes them untrained"
