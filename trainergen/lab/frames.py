"""Turns an exception of the user's code into a problem that shows their frames, their line, and a way out."""

from __future__ import annotations

import contextlib
import linecache
import os
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .home import own_paths
from .limits import memory_in_force, shown_size
from .protocol import Context, LabProblem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_WIDTH = 160  # a message's line is cut here: a tensor's repr may be a page

# What a known message means to somebody who runs trainergen. Matched in this order against "Type: message".
_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"No CUDA GPUs are available|not compiled with CUDA|Found no NVIDIA driver|CUDA driver initialization failed",
        "the lab runs on the CPU: write .to(x.device) instead of .cuda(), or give --device cuda",
    ),
    (
        r"Expected more than 1 value per channel when training",
        "BatchNorm needs at least two samples: give a larger batch",
    ),
    (
        r"Target -?\d+ is out of bounds",
        "labels must lie in [0, number of classes): say so in --batch, label: int64[8] < 10",
    ),
    (r"Errno 27\]", "the lab stops a file at 1 GiB"),
    (
        "ProjectIsReadOnly",
        "write to a relative path or to tempfile: in the lab both are a copy that is thrown away afterwards",
    ),
    (
        r"shapes cannot be multiplied|must match the size of tensor|Dimension out of range|Expected \d+D|weight of size"
        r"|normalized_shape|is invalid for input of size",
        "has the batch the sizes that this line expects? --batch and --loader give another, --model-arg another model",
    ),
    (
        r"URLError|gaierror|ConnectionError|Network is unreachable|Temporary failure in name resolution|OfflineMode"
        r"|LocalEntryNotFoundError",
        "the lab has no network: fetch the data or the weights once before, so that they are found on this machine",
    ),
)


@dataclass(frozen=True)
class Frame:
    """One frame of a traceback.

    Attributes:
        file: as the code object has it. name: qualified (``Model.forward``).
        line: 1-based. column, end_column: of the expression in that line, None where unknown.
    """

    file: str
    name: str
    line: int
    column: int | None = None
    end_column: int | None = None


@contextlib.contextmanager
def user_code(context: Context, doing: str) -> Iterator[None]:
    """Whatever is raised inside is the user's code failing: it leaves as a `LabProblem` of kind ``user``.

    Args:
        context: where the copied tree is.
        doing: what was going on, for where no frame is the user's (``"DigitsNet.forward"``, ``"the loss mse"``).
    """
    try:
        yield
    except LabProblem:
        raise
    except BaseException as error:  # sys.exit and KeyboardInterrupt in user code must not end the lab
        raise problem_from(error, context, doing) from error


def problem_from(error: BaseException, context: Context, doing: str) -> LabProblem:
    """The problem, kind ``user``, that says what `error` was, where in the user's code, and how to fix it.

    Args:
        error: as caught, with its traceback.
        context: where the copied tree is.
        doing: what was going on, named where no frame is the user's.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return _syntax_problem(error, context)
    frames = frames_of(error.__traceback__)
    users = user_frames(frames, context)
    deepest = users[-1] if users else None
    subject = _subject(deepest, context) if deepest else doing
    message, hint = _describe(error, subject)
    said = _said(error)
    return LabProblem(
        "user",
        owned(message, context),
        place=place(deepest, context) if deepest else None,
        hint=hint,
        notes=excerpt(deepest, owned(said, context)) if deepest else (),
        traceback=tuple(printed(error, context)),
    )


def frames_of(trace: TracebackType | None) -> list[Frame]:
    """The frames of a traceback, outermost first, with the columns that Python 3.11 keeps."""
    frames = []
    while trace is not None:
        code = trace.tb_frame.f_code
        positions = list(code.co_positions())
        index = trace.tb_lasti // 2
        line, end_line, column, end_column = positions[index] if 0 <= index < len(positions) else (None,) * 4
        if end_line != line:
            end_column = None
        frames.append(Frame(code.co_filename, code.co_qualname, trace.tb_lineno, column, end_column))
        trace = trace.tb_next
    return frames


def user_frames(frames: list[Frame], context: Context) -> list[Frame]:
    """The frames in the copied tree; where there are none, those that are neither torch's nor Python's nor ours."""
    inside = [frame for frame in frames if is_users(frame.file, context)]
    if inside:
        return inside
    return [frame for frame in frames if not _is_machinery(frame.file)]


def is_users(file: str, context: Context) -> bool:
    """Whether `file` is the project's own: below the copy (or the original) and not in an environment inside it."""
    below = _below(file, context)
    return below is not None and not {"site-packages", "dist-packages"} & set(below.parts)


def shown_path(file: str, context: Context) -> str:
    """`file` as the user knows it: relative to the project where it lies in it or in the copy, else as it is."""
    below = _below(file, context)
    return below.as_posix() if below is not None else file


def place(frame: Frame, context: Context) -> str:
    """``model/similarity.py:63 in SimilarityModel.forward``."""
    where = f"{shown_path(frame.file, context)}:{frame.line}"
    return where if frame.name == "<module>" else f"{where} in {_plain_name(frame.name)}"


def excerpt(frame: Frame, message: str, *, before: int = 2) -> tuple[str, ...]:
    """The line of `frame` with the two before it, carets under the expression, and `message` behind them."""
    text = linecache.getline(frame.file, frame.line).rstrip("\n")
    if not text.strip():
        return ()
    numbers = range(max(1, frame.line - before), frame.line + 1)
    gutter = len(str(frame.line))
    lines = [" " * gutter + " |"]
    for number in numbers:
        lines.append(f"{number:>{gutter}} | {linecache.getline(frame.file, number).rstrip()}".rstrip())
    start, end = _columns(text, frame)
    margin = " " * gutter + " | " + " " * start
    for index, part in enumerate(_cut(message)):
        lines.append(margin + ("^" * (end - start) if index == 0 else " " * (end - start)) + " " + part)
    return tuple(lines)


def printed(error: BaseException, context: Context) -> list[str]:
    """The whole traceback as Python prints it, with the copy's paths mapped back to the project's."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return owned("".join(lines), context).rstrip("\n").split("\n")


def owned(text: str, context: Context) -> str:
    """`text` with the copy's paths as the project's own, and those of the lab's home folder as the user's."""
    return own_paths(text.replace(str(context.root), str(context.original)), context.scratch)


def _below(file: str, context: Context) -> Path | None:
    path = Path(file)
    for root in (context.root, context.original):
        if path.is_relative_to(root):
            return path.relative_to(root)
    return None


def _is_machinery(file: str) -> bool:
    if file.startswith("<"):
        return True
    torch = sys.modules.get("torch")
    parts = [str(Path(__file__).resolve().parent.parent), str(Path(os.__file__).parent)]
    parts += [str(Path(torch.__file__ or "").parent)] if torch else []
    in_environment = f"{os.sep}site-packages{os.sep}" in file or f"{os.sep}dist-packages{os.sep}" in file
    return any(file.startswith(part + os.sep) and not (part == parts[1] and in_environment) for part in parts)


def _subject(frame: Frame, context: Context) -> str:
    if frame.name == "<module>":
        return f"importing {shown_path(frame.file, context)}"
    return _plain_name(frame.name)


def _plain_name(qualified: str) -> str:
    return qualified.replace("<locals>.", "")


def _describe(error: BaseException, subject: str) -> tuple[str, str | None]:
    """One line that says what happened, and the hint."""
    said = _said(error)
    first = _cut(said)[0]
    if isinstance(error, SystemExit):
        return (
            f"{subject} called sys.exit({'' if error.code is None else repr(error.code)})",
            "move what runs the program under: if __name__ == '__main__':",
        )
    if isinstance(error, KeyboardInterrupt):
        return f"{subject} raised KeyboardInterrupt", "nobody pressed Ctrl-C: the code raises it by itself"
    if is_out_of_memory(error):
        asked = re.search(r"tried to allocate (\d+) bytes", said)
        what = f"it asked for {shown_size(int(asked[1]))} more" if asked else first
        return (
            f"{subject} went past the memory limit of {shown_size(memory_in_force())}: {what}",
            f"give a smaller batch or model, or raise the limit: --limit memory={shown_size(2 * memory_in_force())}",
        )
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        return (
            f"{subject} raised {first}",
            f"install it there: {sys.executable} -m pip install {top}; or choose another interpreter with --python",
        )
    hint = next((text for pattern, text in _HINTS if re.search(pattern, said)), None)
    return f"{subject} raised {first}", hint


def _said(error: BaseException) -> str:
    """``Type: message``; the message is the user's code too, and may itself raise."""
    try:
        text = str(error).strip()
    except Exception:
        text = "(its message can't be printed)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` is memory refused: Python's own, the C++ allocator's, or torch's on the CPU or a GPU."""
    return isinstance(error, MemoryError) or bool(
        re.search(
            r"can't allocate memory|bad_alloc|not enough memory|Cannot allocate memory|out of memory", _said(error)
        )
    )


def _syntax_problem(error: SyntaxError, context: Context) -> LabProblem:
    file = error.filename or "?"
    line = error.lineno or 1
    start = (error.offset or 1) - 1
    end = error.end_offset - 1 if error.end_offset and error.end_lineno == line and error.end_offset > 0 else None
    text = (error.text or "").rstrip("\n")
    frame = Frame(file, "<module>", line, len(text[:start].encode()), len(text[:end].encode()) if end else None)
    what = f"{type(error).__name__}: {error.msg}"
    return LabProblem(
        "user",
        f"{shown_path(file, context)} does not parse: {what}",
        place=place(frame, context),
        hint="correct the line; python -m py_compile shows the same message",
        notes=excerpt(frame, what),
        traceback=tuple(printed(error, context)),
    )


def _columns(text: str, frame: Frame) -> tuple[int, int]:
    """Character columns of the expression (Python keeps byte offsets): the stripped line where they are unknown."""
    indent = len(text) - len(text.lstrip())
    if frame.column is None:
        return indent, max(indent + 1, len(text))
    encoded = text.encode()
    start = len(encoded[: frame.column].decode(errors="ignore"))
    end = len(encoded[: frame.end_column].decode(errors="ignore")) if frame.end_column is not None else len(text)
    return start, max(start + 1, end)


def _cut(message: str) -> list[str]:
    lines = [line.rstrip() for line in message.strip().splitlines() if line.strip()][:4]
    return [line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..." for line in lines] or [""]
