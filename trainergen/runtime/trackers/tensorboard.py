"""Tracker ``tensorboard``: event files in ``tensorboard/`` of the run's folder; written here, no package is needed."""

from __future__ import annotations

import json
import os
import platform
import struct
import time
from collections.abc import Mapping
from typing import IO

from . import TrackedRun, Tracker

FOLDER = "tensorboard"


class EventFile(Tracker):
    """Scalars, and the settings as a text; ``tensorboard --logdir saved_models/runs`` shows them.

    The format is that of TensorBoard's ``event.proto`` and ``summary.proto`` in TFRecord frames: length, masked CRC-32C
    of it, data, masked CRC-32C of those.
    """

    def __init__(self, run: TrackedRun) -> None:
        folder = run.folder / FOLDER
        folder.mkdir(exist_ok=True)
        stem = f"events.out.tfevents.{time.time_ns() // 1000:016d}.{platform.node() or 'localhost'}.{os.getpid()}"
        self._file: IO[bytes] = (folder / stem).open("wb")
        self._write(0, _text(3, "brain.Event:2"))
        if run.step:  # what an earlier session recorded after this step is not shown
            self._write(run.step + 1, _message(7, _varint(1, 1)))
        else:
            settings = "\n".join(f"    {name} = {json.dumps(value)}" for name, value in run.config.items())
            self._write(0, _message(5, _message(1, _text_value("config", settings))))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write all values as one event, and hand it to the system."""
        summary = b"".join(_message(1, _text(1, name) + _float(2, value)) for name, value in values.items())
        self._write(step, _message(5, summary))

    def finish(self, status: str) -> None:  # noqa: ARG002 - the manifest says how it ended
        """Close the file."""
        self._file.close()

    def _write(self, step: int, body: bytes) -> None:
        event = b"\x09" + struct.pack("<d", time.time()) + (_varint(2, step) if step else b"") + body
        length = struct.pack("<Q", len(event))
        self._file.write(length + _masked(length) + event + _masked(event))
        self._file.flush()


def _text_value(tag: str, text: str) -> bytes:
    """A ``Summary.Value`` that the text dashboard shows: a string tensor of one element."""
    plugin = _message(9, _message(1, _text(1, "text")))
    tensor = _varint(1, 7) + _message(2, _message(2, _varint(1, 1))) + _text(8, text)
    return _text(1, f"{tag}/text_summary") + _message(8, tensor) + plugin


def _number(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _varint(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _message(field: int, data: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(data)) + data


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode("utf-8"))


def _float(field: int, value: float) -> bytes:
    try:
        return _number(field << 3 | 5) + struct.pack("<f", value)
    except OverflowError:  # beyond single precision
        return _number(field << 3 | 5) + struct.pack("<f", float("inf") if value > 0 else float("-inf"))


def _table() -> tuple[int, ...]:
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ (0x82F63B78 if entry & 1 else 0)  # noqa: PLW2901 - the polynomial division's remainder
        entries.append(entry)
    return tuple(entries)


_CRC = _table()


def _masked(data: bytes) -> bytes:
    """The masked CRC-32C (Castagnoli) of `data`, as TFRecord frames have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


TRACKER = EventFile
