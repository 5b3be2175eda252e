"""Imports torch once, for all children to come, and says what this interpreter is and has."""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import os
import site
import sys
import warnings
from typing import Any

from . import dynamo
from .protocol import LabProblem

OLDEST_TORCH = (2, 6)
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
THREADLESS = ("numpy", "pandas", "scipy", "sklearn", "torch_geometric")
"""Packages that take long to import and start no thread then (with one thread a pool, as set below): a process with
threads can't be forked safely."""

_ASKED_FOR = ("trainergen", "beautilog", "numpy", "safetensors", "matplotlib")


def import_torch(preload: tuple[str, ...]) -> dict[str, Any]:
    """Import torch for all children to come, and say what this interpreter is and has.

    Raises:
        LabProblem: kind ``answer``: no usable torch here.
    """
    install = f'{sys.executable} -m pip install "trainergen[train]"'
    for name in _THREADS:
        os.environ[name] = "1"
    os.environ.setdefault("OBJC_DISABLE_INITIALIZE_FORK_SAFETY", "YES")
    warnings.filterwarnings("ignore", message=".*Failed to initialize NumPy")
    gc.disable()
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise _broken(error, install) from error
        raise LabProblem(
            "answer", f"torch is not installed in {sys.executable}", hint=install, flags=("--python",)
        ) from error
    except Exception as error:  # a broken installation raises whatever it likes
        raise _broken(error, install) from error
    version = str(torch.__version__)
    numbers = tuple(int(part) if part.isdigit() else 0 for part in version.split("+", maxsplit=1)[0].split(".")[:2])
    if numbers < OLDEST_TORCH:
        raise LabProblem(
            "answer",
            f"torch {version} in {sys.executable} is older than {'.'.join(map(str, OLDEST_TORCH))}",
            hint=install,
            flags=("--python",),
        )
    standing_in = dynamo.install()
    if "numpy" in sys.modules:
        with contextlib.suppress(Exception):
            importlib.import_module("numpy.random")  # every child seeds it: 8 ms, once instead of a request
    import_ours(preload)
    return {
        "python": sys.version.split()[0],
        "torch": version,
        "executable": sys.executable,
        "prefix": sys.prefix,
        "site_packages": [path for path in sys.path if "site-packages" in path or "dist-packages" in path],
        "user_site": site.getusersitepackages(),
        "importable": {name: importlib.util.find_spec(name) is not None for name in _ASKED_FOR},
        "dynamo_stand_in": standing_in,
        "pid": os.getpid(),
    }


def import_ours(names: tuple[str, ...], public: tuple[str, ...] = ()) -> None:
    """Import modules of ours for all children to come.

    Args:
        names: below our package, under the lab's private name.
        public: by their public names, as the user's code will import them; from wherever this interpreter has them.
    """
    sys.dont_write_bytecode = False
    package = __name__.partition(".")[0]
    for name in (*(f"{package}.{each}" for each in names), *public):
        with contextlib.suppress(Exception):  # the request that needs it says what is wrong with it
            importlib.import_module(name)
    sys.dont_write_bytecode = True  # not before: torch without its bytecode costs 1.5 s a run
    gc.freeze()


def import_for_user(names: list[str]) -> None:
    """Import what the user's code is going to import, once for all children; only what is known to start no thread."""
    import_ours((), public=tuple(name for name in names if name.partition(".")[0] in THREADLESS))
    templates = sys.modules.get("jinja2")  # by which torch_geometric writes the code of its layers
    if templates is not None:
        with contextlib.suppress(Exception):  # its grammar is compiled with the first of them: once, instead of a child
            templates.Environment().from_string("{% if x %}{{ x }}{% endif %}").render()
            gc.freeze()


def _broken(error: Exception, install: str) -> LabProblem:
    return LabProblem(
        "answer",
        f"torch in {sys.executable} does not import: {type(error).__name__}: {error}",
        hint=f"repair it, {install}, or choose another interpreter",
        flags=("--python",),
    )
