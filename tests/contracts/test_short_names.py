"""``self.opt`` is an optimizer where it steps, whatever else is called so elsewhere."""

from __future__ import annotations

import ast

from trainergen.contracts.conduct import deeds_of
from trainergen.contracts.vocabulary import slot_of, slot_of_stepped

STEP = """
def forward_backward(self, batch):
    self.opt.zero_grad()
    self.loss(batch).backward()
    self.opt.step()
"""


def test_what_steps_is_no_configuration() -> None:
    assert slot_of("opt") == "config" and slot_of_stepped("opt") == "optimizer"
    (function,) = ast.parse(STEP).body
    assert isinstance(function, ast.FunctionDef)
    assert deeds_of(function).steps
