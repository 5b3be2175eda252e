"""Trainergen's own contract is recognised, installed or vendored, and nobody else's is taken for it."""

from __future__ import annotations

from trainergen.contracts.default.detect import GATES, base_trainer
from trainergen.gates.engine import GATES as KNOWN

from .staged import STAGED, text


def test_our_own_base_trainer_is_recognised() -> None:
    ours = text(STAGED)
    assert base_trainer(ours) == "train/base_trainer.py"
    vendored = {"training/train/base_trainer.py": "from ._runtime import Trainer, losses\n"}
    assert base_trainer(vendored) == "training/train/base_trainer.py"
    for theirs in (
        "class Trainer: ...\n",
        "from lightning import Trainer\n",
        "from _runtime import Trainer\n",
        "def\n",
    ):
        assert base_trainer({"train/base_trainer.py": theirs}) is None


def test_every_contract_gate_is_said_how_to_fulfil() -> None:
    assert set(GATES) == {code for code in KNOWN if code < "TG050"}
