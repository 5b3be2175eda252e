"""Calls a function with arguments by name, of which one may be a ``*name``: a list that is spread."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any


def call_with(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """``function(**arguments)``; where ``*name`` is among them, what stands before it in the signature is positional.

    Raises:
        BaseException: whatever the function raises: it is the user's code.
    """
    spread = next((name for name in arguments if name.startswith("*")), None)
    if spread is None:
        return function(**arguments)
    keywords = {name: value for name, value in arguments.items() if name != spread}
    positional = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            break
        positional.append(keywords.pop(parameter.name, parameter.default))
    return function(*positional, *arguments[spread], **keywords)
