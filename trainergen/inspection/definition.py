"""Where a ``module:name`` of the user's is defined, as far as the text of the project's files tells."""

from __future__ import annotations

import re
from pathlib import Path

from .model_facts import Place


def find_definition(root: Path, target: str) -> Place | None:
    """The line that defines the name; None where the module is not the project's, or only imports the name.

    Args:
        root: the project.
        target: ``module:name``.
    """
    module, _, name = target.partition(":")
    stem = module.replace(".", "/")
    for file in (f"{stem}.py", f"{stem}/__init__.py", f"src/{stem}.py", f"src/{stem}/__init__.py"):
        try:
            text = (root / file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            continue
        line = re.compile(rf"(?:(?:async\s+)?def|class)\s+{re.escape(name)}\b|{re.escape(name)}\s*(?::[^=]+)?=(?!=)")
        for number, content in enumerate(text.splitlines(), start=1):
            if line.match(content):
                return Place(file, number)
        return None
    return None
