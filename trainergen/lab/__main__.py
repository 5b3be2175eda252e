"""Where the lab begins, run by path in the user's interpreter: ``PY -P __main__.py R W NONCE ...``.

By path, because trainergen need not be installed there; ``-P``, because a ``copy.py`` beside the user's model would
break ``import torch``. Our modules load below the private name ``_trainergen``; our folder never enters ``sys.path``.
"""

# As little as possible before torch.
# ruff: noqa: PTH100, PTH118, PTH120, SIM105

from __future__ import annotations

import gc
import os
import sys
import types


def main(arguments: list[str]) -> None:
    """Make the private package and hand over to the supervisor, which never returns.

    Args:
        arguments: reader, writer (descriptors), nonce (hex), folder, mode (``fork`` or ``single``), preload
            (comma-separated modules of ours), root (empty for none).
    """
    from pathlib import Path

    reader, writer, nonce, folder, mode, preload, root = arguments
    package = types.ModuleType("_trainergen")
    package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    sys.modules["_trainergen"] = package
    # Of the runtime only its probes are ours here; the trainer's own runtime is imported by its public name.
    runtime = types.ModuleType("_trainergen.runtime")
    runtime.__path__ = [os.path.join(package.__path__[0], "runtime")]
    sys.modules["_trainergen.runtime"] = package.runtime = runtime  # type: ignore[attr-defined]
    from _trainergen.lab.server import Supervisor  # type: ignore[import-not-found]

    Supervisor(
        int(reader),
        int(writer),
        bytes.fromhex(nonce),
        Path(folder),
        Path(root) if root else None,
        mode == "fork",
        tuple(filter(None, preload.split(","))),
    ).serve()


if __name__ == "__main__":
    gc.disable()
    if hasattr(os, "setsid"):
        try:
            os.setsid()  # Ctrl-C at the terminal is the main process's to handle
        except OSError:
            pass
    main(sys.argv[1:])
