"""Runs ``prove`` in a real lab: one lab a module of tests, a forked child a case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from trainergen.lab.client import Lab, start

from ..building import write_tree


class Prover:
    """A lab on a tree of the user's files, with batches as `build` leaves them."""

    def __init__(self, root: Path, files: dict[str, str], batches: list[Any]) -> None:
        write_tree(root, files)
        self.root = root
        self.lab: Lab = start(root=root, preload=("lab.prove", "families.torch.proof", "contracts.default.drive"))
        self.lab.request("lab.server:ping", {})  # the tree is copied, the scratch folder there
        self.give(batches)

    def give(self, train: list[Any], validation: list[Any] | None = None) -> None:
        """Other batches."""
        (scratch,) = Path(self.lab._folder).glob("scratch*")
        torch.save({"train": train, "validation": validation or []}, scratch / "batches.pt")

    def prove(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The answer of the request."""
        answer: dict[str, Any] = self.lab.request("lab.prove:prove", payload)
        return answer

    def close(self) -> None:
        """End the lab."""
        self.lab.close(wait=True)


def failed(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(code, probe, title) of what blocks."""
    return [(p["code"], p["probe"], p["title"]) for p in answer["probes"] if p["status"] == "failed"]


def advice(answer: dict[str, Any]) -> list[str]:
    """Titles of what does not."""
    return [p["title"] for p in answer["probes"] if p["status"] == "advice"]
