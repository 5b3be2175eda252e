"""Lab part: a checkpoint's model, written in one of the formats, with all that it takes to prove the file afterwards."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import torch

from ..lab.frames import frames_of, is_users, owned, place, printed, shown_path, user_frames
from ..lab.protocol import Context, LabProblem
from .formats import Exportable
from .rebuilding import rebuild
from .sampling import sample

if TYPE_CHECKING:
    from collections.abc import Mapping

_WIDTH = 160


def write(payload: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The request ``write``: the file and the cases that prove it, both in the lab's scratch folder.

    Args:
        payload: as `Trained.question`; ``format``; ``metadata``, what is put into the file beside the form of inputs
            and outputs.
        context: the copied tree.

    Returns:
        ``file``, ``cases`` (paths), ``sha256`` and ``bytes`` of the file, ``inputs``, ``outputs``, ``epoch``, ``step``,
        ``epoch_done``, ``notes``.

    Raises:
        LabProblem: kind ``answer`` where a package is missing, ``user`` where the model can't be captured; else as
            `rebuild` and `sample`.
    """
    name = payload["format"]
    kind = importlib.import_module(f"{__package__}.formats.{name}")
    _demand(kind.PACKAGES, name)
    rebuilt = rebuild(payload, context)
    seen = sample(rebuilt.trainer, context)
    model = rebuilt.trainer.model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    inputs, outputs = [[each.as_plain() for each in group] for group in (seen.inputs, seen.outputs)]
    metadata = json.dumps(
        payload["metadata"]
        | {"model": type(model).__name__, "torch": str(torch.__version__), "inputs": inputs, "outputs": outputs}
        | ({} if rebuilt.step is None else {"epoch": rebuilt.epoch, "step": rebuilt.step}),
        sort_keys=True,
    )
    target = context.scratch / f"exported{kind.SUFFIX}"
    exportable = Exportable(model, seen, lambda file: is_users(file, context), lambda file: shown_path(file, context))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.write(exportable, target, metadata)
    except (LabProblem, OSError):  # no room on the disk is not the model's fault
        raise
    except Exception as error:
        _refuse(error, name, type(model).__name__, context)
    flat = not (kind.NATURAL and seen.is_plain)
    cases = [
        {
            "samples": case.samples,
            "args": case.inputs if flat else case.args,
            "keywords": {} if flat else case.keywords,
            "inputs": case.inputs,
            "expected": case.expected,
        }
        for case in seen.cases
    ]
    kept = context.scratch / "cases.pt"
    torch.save(cases, kept)
    return {
        "file": str(target),
        "cases": str(kept),
        "sha256": _digest(target),
        "bytes": target.stat().st_size,
        "inputs": inputs,
        "outputs": outputs,
        "epoch": rebuilt.epoch,
        "step": rebuilt.step,
        "epoch_done": rebuilt.epoch_done,
        "notes": [*rebuilt.notes, *seen.notes, *kind.NOTES],
    }


def _demand(packages: tuple[str, ...], name: str) -> None:
    missing = [each for each in packages if importlib.util.find_spec(each) is None]
    if missing:
        raise LabProblem(
            "answer",
            f"{' and '.join(missing)} can't be imported by {sys.executable}: --to {name.replace('_', '-')} needs it",
            flags=(f"{sys.executable} -m pip install {' '.join(packages)}",),
            hint='or all of them: pip install "trainergen[export]"',
        )


def _refuse(error: Exception, name: str, model: str, context: Context) -> NoReturn:
    """Say which line of the model can't be captured."""
    frames = user_frames(frames_of(error.__traceback__), context)
    said = [line.strip() for line in owned(str(error), context).splitlines() if line.strip()]
    message = f"{type(error).__name__}: {said[0] if said else ''}"[: 2 * _WIDTH]
    dependent = "data-dependent" in message or "data dependent" in message
    hint = "ship the weights instead: --to safetensors"
    if dependent:
        hint = f"decide by torch.where or torch.cond instead of if, or take the branch out of forward; or {hint}"
    what = "a branch there depends on values" if dependent else message
    raise LabProblem(
        "user",
        f"{model} can't be captured for {name.replace('_', '-')}: {what}",
        place=place(frames[-1], context) if frames else None,
        hint=hint,
        notes=tuple(f"   | {line[:_WIDTH]}" for line in ([message] if dependent else said[1:4])),
        traceback=tuple(printed(error, context)),
    ) from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
