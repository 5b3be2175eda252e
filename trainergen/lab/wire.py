"""Frames on a pipe: a nonce, a length, one JSON object, so that no stray write passes for an answer."""

from __future__ import annotations

import json
import os
from typing import Any

HEADER = 8  # bytes of length after the nonce, big-endian


def encode(nonce: bytes, value: Any) -> bytes:
    """One frame.

    Raises:
        TypeError, ValueError: `value` is not JSON-able.
    """
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return nonce + len(body).to_bytes(HEADER, "big") + body


def write(descriptor: int, frame: bytes) -> None:
    """All bytes of `frame`, however many calls it takes."""
    view = memoryview(frame)
    while view:
        view = view[os.write(descriptor, view) :]


class FrameBuffer:
    """Collects bytes as they come and gives whole frames.

    Args:
        nonce: what every frame of this pipe begins with.
    """

    def __init__(self, nonce: bytes) -> None:
        self._nonce = nonce
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Append what was read."""
        self._bytes += data

    def take(self) -> Any | None:
        """The next whole frame's value, or None where it is not there yet.

        Raises:
            ValueError: what stands there does not begin with the nonce.
        """
        start = len(self._nonce) + HEADER
        if len(self._bytes) < start:
            return None
        if bytes(self._bytes[: len(self._nonce)]) != self._nonce:
            raise ValueError("the pipe carries something that is no frame of ours")
        end = start + int.from_bytes(self._bytes[len(self._nonce) : start], "big")
        if len(self._bytes) < end:
            return None
        value = json.loads(bytes(self._bytes[start:end]).decode("utf-8", "surrogatepass"))
        del self._bytes[:end]
        return value
