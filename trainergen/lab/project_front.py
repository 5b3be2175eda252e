"""The front of a project that has trainers of its own: its registry, its settings, its base trainer's contract."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import TYPE_CHECKING, Any, cast

from . import configured, registered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ..runtime.probes.session import Session
    from .protocol import Context


class ProjectFront:
    """See `lab.front.Front`.

    Args:
        payload: of ``prove``: ``trainer`` with ``lookup``, ``module`` and ``class``; ``config`` with ``load``, ``access``,
            ``where`` and, as whole files (path -> text), what it is with other values (``changed``) and with the small
            ones (``small``); ``contract``, and ``contract_words`` for its drive.
        context: the copied tree.
        builders: what makes a model and its optimizer, for a trainer that is handed both.
    """

    builds_loaders = False

    def __init__(
        self, payload: Mapping[str, Any], context: Context, builders: Mapping[str, Callable[..., Any]]
    ) -> None:
        self.trainer: Mapping[str, Any] = payload["trainer"]
        self._build = {"contract": payload.get("contract_words", {}), **builders}
        self._context = context
        self._config: Mapping[str, Any] = payload["config"]
        self._drive = importlib.import_module(f"..contracts.{payload['contract']}.drive", __package__)
        self.responsible: Mapping[str, tuple[str, ...]] = self._drive.RESPONSIBLE

    def find(self) -> type:
        """Through the project's registry; imported where nothing registers trainers."""
        lookup = self.trainer["lookup"]
        if lookup is None:
            return cast("type", getattr(importlib.import_module(self.trainer["module"]), self.trainer["class"]))
        return cast("type", registered.find(lookup))

    def listed(self) -> list[str]:
        """What the registry lists, as it spells its keys.

        A registry that can't be asked, or that is asked by other names than a user's, has listed what `find` found.
        """
        lookup = self.trainer["lookup"]
        found = [] if lookup is None else registered.listed(lookup)
        exact = lookup is not None and lookup["how"] in ("mapping", "entry-point")
        return found if exact or self.trainer["key"] in found else [*found, self.trainer["key"]]

    def shown(self) -> str | None:
        """Its program is run by itself, see `lab.front_door`."""
        return None

    def load_config(self, trainer_class: type) -> Any:  # noqa: ARG002 - other projects' trainers know their own
        """By the project's own loader; None where the trainer is handed no configuration."""
        load = self._config["load"]
        return None if load is None else configured.load(configured.Loading(**load))

    def value(self, config: Any, name: str) -> Any:
        """By the expression that the generated trainer reads it with."""
        expression = self._config["access"].get(name)
        if expression is None or config is None:
            return None
        return eval(expression.format(config="config"), {"config": config})  # noqa: S307 - our own expression

    def where(self) -> str:
        """File and section, as the report names them."""
        return str(self._config["where"])

    @contextlib.contextmanager
    def writing(self, values: Mapping[str, str]) -> Iterator[None]:  # noqa: ARG002 - main has written them
        """The files with the other values, in the copy."""
        before = {path: (self._context.root / path).read_bytes() for path in self._config["changed"]}
        try:
            self._write(self._config["changed"])
            _forget(before)
            yield
        finally:
            for path, data in before.items():
                (self._context.root / path).write_bytes(data)
            _forget(before)

    def make_small(self) -> None:
        """The files with the small values, in the copy."""
        self._write(self._config["small"])

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
        """As the contract's drive builds one."""
        return cast(
            "Session",
            self._drive.open(
                trainer_class,
                config,
                batches,
                seed,
                run_directory=run_directory,
                device=device,
                build=self._build,
            ),
        )

    def own_batches(self, trainer_class: type, config: Any, *, run_directory: Path, device: str) -> tuple[Any, Any]:
        """Never asked for: the project's own program shows it."""
        raise NotImplementedError

    def own_loaders(self, trainer_class: type, config: Any, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """Never asked for either."""
        raise NotImplementedError

    def _write(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            (self._context.root / path).write_bytes(text.encode())


def _forget(paths: Mapping[str, bytes]) -> None:
    """Settings that are Python are read again, not taken from the modules that were imported with the other values."""
    if any(path.endswith(".py") for path in paths):
        importlib.invalidate_caches()
        endings = tuple(f"/{path}" for path in paths)  # not by name: a folder of sources is no part of that
        for name in [
            each
            for each, module in sys.modules.items()
            if str(getattr(module, "__file__", None) or "").endswith(endings)
        ]:
            del sys.modules[name]
