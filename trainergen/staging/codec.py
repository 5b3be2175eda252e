"""Bytes as JSON: readable where they are text, exact always."""

from __future__ import annotations

import base64
import json
from typing import Any


def encode(data: bytes | None) -> dict[str, str] | None:
    """`data` as ``{"text": ...}`` where it is UTF-8, else as ``{"base64": ...}``; None stays None."""
    if data is None:
        return None
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def decode(value: dict[str, str] | None) -> bytes | None:
    """The bytes that `encode` was given.

    Raises:
        KeyError, ValueError: it is not what `encode` gives.
    """
    if value is None:
        return None
    return value["text"].encode("utf-8") if "text" in value else base64.b64decode(value["base64"], validate=True)


def dump(value: Any) -> bytes:
    """JSON of the journal, the same bytes for the same value."""
    return json.dumps(value, indent=1, sort_keys=True).encode("ascii") + b"\n"
