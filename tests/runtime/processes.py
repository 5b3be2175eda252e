"""Real ranks for tests: forked processes that meet through gloo, as torchrun would have started them."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # torch imports it at the first step: here once for all ranks, since they are forked


class Ranks:
    """Processes that run one function, each as one rank of several."""

    def __init__(self, world_size: int, folder: Path, action: Callable[..., Any], *arguments: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        context = multiprocessing.get_context("fork")  # torch is imported already: a rank starts at once
        self.processes: list[BaseProcess] = []
        for rank in range(world_size):
            names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world_size, "MASTER_PORT": port}
            environment = {"MASTER_ADDR": "127.0.0.1"} | {name: str(value) for name, value in names.items()}
            process = context.Process(target=_run, args=(environment, folder, action, arguments))
            process.start()
            self.processes.append(process)

    def wait(self, seconds: float = 60.0) -> list[int | None]:
        """The exit codes when all have ended; what is still there after `seconds` is killed, and None."""
        deadline = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
        codes = [process.exitcode for process in self.processes]
        for process in self.processes:
            process.kill()
            process.join()
        return codes

    def results(self) -> list[Any]:
        """What the function returned on each rank.

        Raises:
            AssertionError: one failed.
        """
        codes = self.wait()
        errors = [path.read_text() for path in sorted(self._folder.glob("error-*.txt"))]
        assert codes == [0] * len(codes), "\n".join([str(codes), *errors])
        paths = [self._folder / f"result-{rank}.pt" for rank in range(len(codes))]
        return [torch.load(path, weights_only=False) for path in paths]


def _run(environment: dict[str, str], folder: Path, action: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    os.environ.update(environment)
    rank = environment["RANK"]
    try:
        torch.save(action(*arguments), folder / f"result-{rank}.pt")
    except BaseException as problem:
        (folder / f"error-{rank}.txt").write_text(traceback.format_exc())
        code = problem.code if isinstance(problem, SystemExit) else 1
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
