"""Files that are whole or absent: temporary file in the same folder, fsync, verified, renamed, folder fsynced."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import IO, Any, cast

import torch

from .errors import CheckpointCorrupt, CheckpointError

_CHUNK = 1 << 20


def temporary_beside(path: Path) -> Path:
    """The name of the unfinished `path`, in the same folder; `remove_unfinished` knows it by its form."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def remove_unfinished(directory: Path) -> None:
    """Remove what a killed process left half written in `directory`."""
    for leftover in directory.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace `path` by `text`, at once; not `durable`: without waiting for the disk (a power cut may empty it)."""
    temporary = temporary_beside(path)
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            if durable:
                _flush(file)
        if durable:
            _publish(temporary, path)
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, data: Any, *, durable: bool = True) -> None:
    """Replace `path` by `data` as JSON, at once; `durable` as in `write_text`."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n", durable=durable)


def write_tensors(path: Path, data: Any) -> None:
    """Replace `path` by ``torch.save`` of `data`, at once, after reading it back.

    The bytes are hashed while they are written and compared with what the file holds; then the file is opened with
    ``weights_only=True`` (memory-mapped), so that what is published can be loaded.

    Raises:
        CheckpointError: the disk gave back other bytes, or `data` holds a type that ``weights_only`` loading refuses.
        OSError: the disk refused.
    """
    temporary = temporary_beside(path)
    try:
        with temporary.open("wb") as file:
            hashing = _HashingWriter(file)
            try:
                torch.save(data, cast(IO[bytes], hashing))  # torch.save asks for write and flush alone
            except RuntimeError as problem:
                if hashing.refusal is None:
                    raise
                raise hashing.refusal from problem  # torch speaks of "unexpected pos" where the disk is full
            _flush(file)
        if _digest(temporary) != hashing.digest.hexdigest():
            raise CheckpointError(f"{path}: the disk gave back other bytes than were written; nothing was replaced")
        try:
            torch.load(temporary, map_location="cpu", weights_only=True, mmap=True)
        except Exception as problem:
            first_line = str(problem).partition("\n")[0]
            raise CheckpointError(f"{path}: what was saved can't be loaded safely: {first_line}") from problem
        _publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_tensors(path: Path) -> Any:
    """What `write_tensors` wrote, on the CPU, after a look at the checksum of each of its parts.

    ``torch.load`` compares none: it gives back tensors with a flipped bit as if nothing were wrong.

    Raises:
        CheckpointCorrupt: it can't be read, or is not what was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} in it is another one")
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # a damaged file can fail in any way
        first_line = str(problem).partition("\n")[0]
        raise CheckpointCorrupt(f"{path} can't be read: {first_line}", details={"file": str(path)}) from problem


class _HashingWriter:
    """The file object that ``torch.save`` writes to: passes bytes on and hashes them.

    Attributes:
        refusal: why the disk did not take them.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.refusal: OSError | None = None

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        try:
            return self._file.write(data)
        except OSError as refusal:
            self.refusal = refusal
            raise

    def flush(self) -> None:
        self._file.flush()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _flush(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _publish(temporary: Path, path: Path) -> None:
    temporary.replace(path)
    if os.name == "posix":  # elsewhere a folder can't be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
