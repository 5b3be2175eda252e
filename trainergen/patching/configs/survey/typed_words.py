"""What has to be typed for a parser to give its options at all: positional ones, and those that are required."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ...joining import Sibling
from ..syntax.python_text import keyword, literal, option_names
from .names import pattern_of

WHICH = ("trainer", "name", "model", "task", "experiment", "which", "command", "mode", "algorithm", "method", "arch")
"""What an option is called that says which trainer is meant."""


def needed(calls: Sequence[ast.Call], sibling: Sibling) -> tuple[str, ...]:
    """The words, as Python literals; the name of `sibling` stands as a pattern.

    Args:
        calls: of ``add_argument``.
        sibling: what is typed for it, the new trainer gets under its own name.
    """
    positional: list[str] = []
    named: list[str] = []
    for call in calls:
        names = option_names(call)
        if not names:
            continue
        if not names[0].startswith("-"):
            if literal(keyword(call, "nargs")) not in ("?", "*") and keyword(call, "action") is None:
                positional.append(_word(call, names[0], sibling))
        elif literal(keyword(call, "required")) is True:
            named += [repr(names[0]), _word(call, names[0], sibling)]
    return (*positional, *named)


def _word(call: ast.Call, name: str, sibling: Sibling) -> str:
    choices = literal(keyword(call, "choices"))
    if isinstance(choices, list | tuple) and choices:
        # the new trainer is not among them yet, and the settings do not depend on which one is typed
        return repr(str(choices[0]))
    kind = ast.unparse(keyword(call, "type") or ast.Name("str"))
    if kind in ("int", "float"):
        return "'1'"
    which = any(word in name.lower() for word in WHICH)
    return repr("{snake}") if which and pattern_of(sibling.name, sibling) else "'x'"
