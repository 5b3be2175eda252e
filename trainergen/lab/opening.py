"""Main-process side: the lab of one command, in the right interpreter, under the limits that were asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import AnswerNeeded, UnusableInput
from . import client, interpreter, limits

DEVICES = ("cpu", "cuda", "mps")


class Laboratory:
    """A lab with the device and the limits of this command filled in.

    Attributes:
        search_path: the interpreter's site-packages, where bases of the user's class may be defined.
    """

    def __init__(self, lab: client.Lab, device: str, bounds: limits.Limits | None) -> None:
        self.lab = lab
        self.device = device
        self.bounds = bounds
        self.search_path = site_packages(lab.python)

    def request(self, op: str, payload: Any) -> Any:
        """See `client.Lab.request`."""
        return self.lab.request(op, payload, limits=self.bounds, device=self.device)

    def preload(self, names: tuple[str, ...]) -> None:
        """See `client.Lab.preload`."""
        self.lab.preload(names)

    def ask(self, op: str, payload: Any) -> None:
        """See `client.Lab.ask`."""
        self.lab.ask(op, payload, limits=self.bounds, device=self.device)

    def new_mailbox(self) -> str:
        """See `client.Lab.new_mailbox`."""
        return self.lab.new_mailbox()

    def hand_over(self, value: dict[str, Any] | None) -> None:
        """See `client.Lab.hand_over`."""
        self.lab.hand_over(value)

    def answer(self) -> Any:
        """See `client.Lab.answer`."""
        return self.lab.answer()

    def demand_imports(self, names: tuple[str, ...]) -> None:
        """Make sure that what the generated code imports is there.

        Raises:
            AnswerNeeded: something is missing in the user's interpreter.
        """
        facts = self.lab.facts()
        missing = [name for name in names if not facts["importable"].get(name, False)]
        if missing:
            raise AnswerNeeded(
                f"{', '.join(missing)} can't be imported by {facts['executable']}, where your trainer will run",
                flags=(f'{facts["executable"]} -m pip install "trainergen[train]"', "--vendor  (needs neither)"),
            )


@contextmanager
def opened(
    lab: client.Lab | None,
    root: Path,
    *,
    python: str | None,
    setting: str | None,
    device: str | None,
    limit: str | None,
) -> Iterator[Laboratory]:
    """The lab for the project at `root`.

    Args:
        lab: one that was started ahead of time; used if it runs the right interpreter.
        root: the project.
        python: ``--python``.
        setting: ``[tool.trainergen] python``.
        device: ``--device``.
        limit: ``--limit``.

    Raises:
        UnusableInput: a malformed limit or device, or no such interpreter.
    """
    chosen_device = device or "cpu"
    if chosen_device.partition(":")[0] not in DEVICES:
        raise UnusableInput(
            f"--device {chosen_device!r} is none of {', '.join(DEVICES)}", hint="cpu, cuda, cuda:1 or mps"
        )
    bounds = limits.parse(limit) if limit else None
    chosen, _ = interpreter.choose(python, setting, root)
    own: client.Lab | None = None
    if lab is None or Path(lab.python).absolute() != Path(chosen).absolute():
        own = lab = client.start(chosen, root=root)
    elif lab.root != os.path.realpath(root):
        lab.set_tree(root)
    try:
        yield Laboratory(lab, chosen_device, bounds)
    finally:
        if own is not None:
            own.close()


def site_packages(python: str) -> tuple[Path, ...]:
    """Where an interpreter's packages lie, found without starting it."""
    if Path(python).absolute() == Path(sys.executable).absolute():
        return tuple(Path(entry) for entry in sys.path if entry and Path(entry).is_dir())
    prefix = Path(python).absolute().parent.parent
    return tuple(sorted(prefix.glob("lib/python3*/site-packages"))) + tuple(sorted(prefix.glob("Lib/site-packages")))
