"""Keeps ``torch._dynamo`` out of the lab until something needs it: the first optimizer would import it, 0.6 s of CPU.

torch only asks it there to mark functions that the compiler must leave alone. A stand-in answers that, and makes way
for the real package on any other access (``torch.compile``, export). This is private API of torch: it is used only in
the lab, only where the expected hook exists, and a test compares optimizers with and without it, bit for bit.
"""

# The import system names the arguments.
# ruff: noqa: ARG002

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NAME = "torch._dynamo"


def install() -> bool:
    """Put the stand-in where ``import torch._dynamo`` finds it; False where this torch does not look as expected."""
    try:
        torch = sys.modules["torch"]
        if _NAME in sys.modules or not callable(getattr(torch, "_disable_dynamo", None)):
            return False
        hook = sys.modules["torch._compile"]._disable_dynamo
        if torch._disable_dynamo is not hook or "_dynamo" in vars(torch):
            return False
        standing_in = _StandIn()
        sys.modules[_NAME] = standing_in
        vars(torch)["_dynamo"] = standing_in
        sys.meta_path.insert(0, _Submodules())
    except Exception:  # whatever else this torch does differently, the real package still works
        sys.modules.pop(_NAME, None)
        return False
    return True


class _StandIn(ModuleType):
    """Answers `disable` and `graph_break`; any other attribute brings the real package."""

    def __init__(self) -> None:
        super().__init__(_NAME)
        self.__path__: list[str] = []  # submodules are _Submodules' affair
        self.__spec__ = importlib.machinery.ModuleSpec(_NAME, None, is_package=True)
        self.disable = _disable
        self.graph_break = _graph_break

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return getattr(_real(), name)


def _disable(function: Callable[..., Any] | None = None, recursive: bool = True, **options: Any) -> Any:
    """As ``torch._dynamo.disable``: the function itself while nothing compiles, the real mark once something may."""
    if function is None:
        return functools.partial(_disable, recursive=recursive, **options)
    marked: list[Callable[..., Any]] = []

    @functools.wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        if isinstance(sys.modules.get(_NAME), _StandIn):
            return function(*args, **keywords)
        if not marked:
            marked.append(sys.modules[_NAME].disable(function, recursive, **options))
        return marked[0](*args, **keywords)

    return call


def _graph_break(*_: Any, **__: Any) -> None:
    """There is no graph to break before the compiler is there."""
    if not isinstance(sys.modules.get(_NAME), _StandIn):
        sys.modules[_NAME].graph_break(*_, **__)


def _real() -> ModuleType:
    """The real package, in the stand-in's place."""
    if isinstance(sys.modules.get(_NAME), _StandIn):
        del sys.modules[_NAME]
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Submodules)]
    return importlib.import_module(_NAME)


class _Submodules(importlib.abc.MetaPathFinder):
    """``import torch._dynamo.config`` while the stand-in is there: the real package first, then its submodule."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith(_NAME + ".") or not isinstance(sys.modules.get(_NAME), _StandIn):
            return None
        package = _real()
        loaded = sys.modules.get(name)
        if loaded is not None:  # importing the package imported it: it must not be loaded a second time
            spec = importlib.machinery.ModuleSpec(name, _Loaded(loaded))
            with contextlib.suppress(AttributeError):  # torch's configuration modules have none, and take none
                loaded.__spec__ = spec  # the import system takes the spec of what it now finds loaded, not our answer
            return spec
        return importlib.machinery.PathFinder.find_spec(name, list(package.__path__))


class _Loaded(importlib.abc.Loader):
    """Gives a module that is loaded already."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = getattr(module, "__spec__", None)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        with contextlib.suppress(AttributeError):
            module.__spec__ = self._spec
