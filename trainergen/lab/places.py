"""Where a fault that raised nothing is to be looked for: the staged method that answers for it, or the model's line."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .protocol import Context

Place = Mapping[str, Any]


def trainer_place(
    trainer_class: type, responsible: Mapping[str, tuple[str, ...]], payload: Mapping[str, Any], context: Context
) -> Callable[[str], Place | None]:
    """From a probe's name to the staged line that answers for it.

    Args:
        trainer_class: the staged class.
        responsible: probe -> methods, the most likely first; the first that a staged file defines is taken.
        payload: of the request: its staged files.
        context: the copied tree.
    """

    def locate(probe: str) -> Place | None:
        if probe == "config":
            return _config_place(payload["config"], context)
        for name in responsible.get(probe, ()):
            for owner in trainer_class.__mro__:
                member = owner.__dict__.get(name)
                code = getattr(getattr(member, "__func__", member), "__code__", None)
                file = None if code is None else _relative(code.co_filename, context)
                if code is not None and file is not None and file in payload["files"]:
                    return {"file": file, "line": _last_return(context.root / file, code.co_firstlineno)}
                if member is not None:
                    break  # what overrides it further down the line is not run
        return {"file": payload["modules"].get(trainer_class.__module__), "line": _class_line(trainer_class, payload)}

    return locate


def model_place(model: Mapping[str, Any], context: Context) -> Callable[[str], Place | None]:
    """From a parameter's or buffer's name to the line of the model's file that makes it, or to the class."""

    def locate(subject: str) -> Place | None:
        file = Path(model["file"])
        path = file if file.is_absolute() else context.root / file
        if not path.is_file():
            return None
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        name = re.escape(subject.partition(".")[0])
        patterns = [rf"^\s*(class|def)\s+{re.escape(model['name'])}\b"]
        if subject:
            made = rf"self\.{name}\s*(:[^=]+)?=|register_(buffer|parameter)\(\s*[\"']{name}[\"']"
            patterns.insert(0, made)
        for pattern in patterns:
            for number, line in enumerate(lines, start=1):
                if re.search(pattern, line):
                    return {"file": model["file"], "line": number}
        return {"file": model["file"], "line": 1}

    return locate


def _config_place(request: Mapping[str, str], context: Context) -> Place | None:
    if not (context.root / request["file"]).is_file():
        return None
    lines = (context.root / request["file"]).read_text(encoding="utf-8-sig").splitlines()
    header = next((n for n, line in enumerate(lines, start=1) if line.strip() == f"[{request['section']}]"), 1)
    return {"file": request["file"], "line": header}


def _last_return(path: Path, line: int) -> int:
    """The last ``return`` of the function that begins at `line`: what it gives is what was wrong."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first == line:
                returns = [each.lineno for each in ast.walk(node) if isinstance(each, ast.Return)]
                return max(returns, default=node.lineno)
    return line


def _class_line(trainer_class: type, payload: Mapping[str, Any]) -> int:
    text = payload["files"].get(payload["modules"].get(trainer_class.__module__, ""), "")
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"class\s+{trainer_class.__name__}\b", line):
            return number
    return 1


def _relative(file: str, context: Context) -> str | None:
    path = Path(file)
    return path.relative_to(context.root).as_posix() if path.is_relative_to(context.root) else None
