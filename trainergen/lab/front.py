"""The way to a staged trainer that the project's users take: its registry, its configuration file, its constructor."""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..runtime.probes.session import Session
    from .protocol import Context


class Front(Protocol):
    """What the proof asks of a project, whatever its registry and configuration are.

    Attributes:
        trainer: name, class, module, key of the request.
        responsible: probe -> methods that answer for it, the most likely first.
        builds_loaders: a trainer builds its own; `own_batches` may be asked for.
    """

    trainer: Mapping[str, Any]
    responsible: Mapping[str, tuple[str, ...]]
    builds_loaders: bool

    def find(self) -> type:
        """The trainer's class by the name that a user types."""

    def listed(self) -> list[str]:
        """What the registry lists, in its order."""

    def shown(self) -> str | None:
        """What the command line prints when it is asked for the trainers; None where there is no such thing."""

    def load_config(self, trainer_class: type) -> Any:
        """The trainer's configuration, as a run without arguments reads it."""

    def value(self, config: Any, name: str) -> Any:
        """What a loaded configuration has for one of our settings; None where it has no such thing."""

    def where(self) -> str:
        """The configuration file and the place in it, as messages show it."""

    def writing(self, values: Mapping[str, str]) -> contextlib.AbstractContextManager[None]:
        """The configuration file has `values` for as long."""

    def make_small(self) -> None:
        """Write the values of models whose defaults are too large for the lab."""

    def open(
        self,
        trainer_class: type,
        config: Any,
        batches: Mapping[str, list[Any]],
        seed: int,
        *,
        run_directory: Path,
        device: str,
    ) -> Session:
        """A staged trainer on the proof's batches, built as the project's users build it."""

    def own_batches(self, trainer_class: type, config: Any, *, run_directory: Path, device: str) -> tuple[Any, Any]:
        """The first training and validation batch (or None) of the loaders that the trainer builds by itself.

        Raises:
            LookupError: a loader gives no batch.
        """

    def own_loaders(self, trainer_class: type, config: Any, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """The training loader and the validation loader (or None), with `values` in its configuration."""


class DefaultFront:
    """The default project: ``TRAINER_REGISTRY``, `config.ini`, `from_config`.

    Args:
        payload: of ``prove``.
        context: the copied tree.
    """

    builds_loaders = True

    def __init__(self, payload: Mapping[str, Any], context: Context) -> None:
        self.trainer: Mapping[str, Any] = payload["trainer"]
        self._config: Mapping[str, Any] = payload["config"]
        self._file = context.root / self._config["file"]
        self._drive = importlib.import_module(f"..contracts.{payload['contract']}.drive", __package__)
        self.responsible: Mapping[str, tuple[str, ...]] = self._drive.RESPONSIBLE
        self.open = self._drive.open
        self.own_batches = self._drive.own_batches
        self.own_loaders = self._drive.own_loaders
        self.load_config = self._drive.load_config

    def find(self) -> type:
        """By `get_trainer`."""
        found: type = self._drive.find(self._registry, self.trainer["name"])
        return found

    def listed(self) -> list[str]:
        """The keys of ``TRAINER_REGISTRY``."""
        found: list[str] = self._drive.listed(self._registry)
        return found

    def shown(self) -> str | None:
        """``python train.py --list``."""
        found: str | None = self._drive.shown(self._registry)
        return found

    def value(self, config: Any, name: str) -> Any:
        """A field of the dataclass."""
        return getattr(config, name, None)

    def where(self) -> str:
        """File and section."""
        return f"{self._config['file']} [{self._config['section']}]"

    @contextlib.contextmanager
    def writing(self, values: Mapping[str, str]) -> Iterator[None]:
        """In the section of the copy's config.ini."""
        before = self._file.read_bytes()
        try:
            self._write(before, values)
            yield
        finally:
            self._file.write_bytes(before)

    def make_small(self) -> None:
        """In the section of the copy's config.ini."""
        if self._config.get("small"):
            self._write(self._file.read_bytes(), self._config["small"])

    @property
    def _registry(self) -> Any:
        return importlib.import_module(self.trainer["train_module"])

    def _write(self, data: bytes, values: Mapping[str, str]) -> None:
        text = data.decode()
        for name, value in values.items():
            text = with_value(text, self._config["section"], name, value)
        self._file.write_bytes(text.encode())


def with_value(text: str, section: str, key: str, value: str) -> str:
    """The ini `text` with ``key = value`` in `section`: its line replaced, or one added below the header.

    Raises:
        LookupError: no such section.
    """
    lines = text.splitlines(keepends=True)
    header = next((i for i, line in enumerate(lines) if line.strip().lstrip("\ufeff") == f"[{section}]"), None)
    if header is None:
        raise LookupError(f"no section [{section}]")
    for index in range(header + 1, len(lines)):
        if lines[index].lstrip().startswith("["):
            break
        name = lines[index].replace(":", "=", 1).partition("=")[0]
        if name.strip() == key and not lines[index][:1].isspace():
            lines[index] = f"{key} = {value}\n"
            return "".join(lines)
    if not lines[header].endswith("\n"):
        lines[header] += "\n"
    lines.insert(header + 1, f"{key} = {value}\n")
    return "".join(lines)
