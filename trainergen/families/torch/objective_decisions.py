"""The lines of the report about an objective: what was chosen of outputs, batch and losses, why, and what lost."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...inspection.batch_spec import Leaf, Path, find, spell_path
from ...planning.plan import Decision
from ...planning.wishes import Wishes
from .objectives import LossOption, Proposal, shape_text
from .readings import Reading
from .seen import Role


def prediction_decision(reading: Reading) -> tuple[Decision, ...]:
    """Which of several outputs is compared, where nobody gave a target that would tell."""
    learnt = [each for each in reading.facts.output if each.sizes and each.has_graph]
    if not reading.facts.synthesised or len(learnt) < 2 or not isinstance(reading.fit, Proposal):
        return ()
    path = spell_path(reading.output.path)
    others = [spell_path(each.path) for each in learnt if each.path != reading.output.path]
    reason = f"of the {len(learnt)} outputs, the one that {reading.task.TASK} takes"
    choice = f"prediction {path} {shape_text(reading.output)}"
    runner_up = f"{', '.join(others[:3])}: no name says so"
    return (Decision("prediction", choice, reason, "--loss", runner_up, False, reading.fit.assumed),)


def added_decisions(wishes: Wishes, reading: Reading, loss: str) -> tuple[Decision, ...]:
    """A line for each part that is put into a batch that nobody gave."""
    found = []
    for each in reading.added:
        leaf = find(reading.facts.batch.root, each.path)
        assert isinstance(leaf, Leaf)
        name = target_variable(each.path, reading.added)
        given = wishes.target == name
        choice = f"target {name} {leaf.dtype} {shape_text(leaf)}"
        reason = f"nobody gave one: what {loss} compares with"
        found.append(Decision("target", choice, reason, "--batch", None, given, not given))
    return tuple(found)


def loss_decision(wishes: Wishes, reading: Reading, option: LossOption, read: list[Reading]) -> Decision:
    """The loss, with the best reading of another task, else the next best loss, as its runner-up."""
    fit, task = reading.fit, reading.task
    others = [each for each in fit.losses if each.name != option.name]
    different = next((each for each in read if each.task.TASK != task.TASK), None)
    runner_up: str | None
    if different is not None:
        runner_up = f"{different.fit.losses[0].name} ({different.task.TASK}): {different.fit.reason}"
    else:
        runner_up = f"{others[0].name}: {others[0].reason}" if others else None
    special = option.reason if option.reason != task.LOSSES.get(option.name) else ""
    reason = f"{fit.reason}; {special}" if special else fit.reason
    given = wishes.loss is not None
    return Decision("loss", f"loss {option.name}", reason, "--loss", runner_up, given, fit.assumed and not given)


def other_target(reading: Reading, read: list[Reading]) -> str | None:
    """The next best part of the batch to compare with, and why it could be."""
    for each in read:
        if each.target not in (None, reading.target) and not each.feeds:
            return f"{spell_path(each.target)}: {each.fit.reason}"
    return None


def target_decision(
    wishes: Wishes, path: Path | None, runner_up: str | None, *, feeds: bool = False
) -> tuple[Decision, ...]:
    """Which part of a batch that the user gave is compared with; nothing where there was no choice."""
    if path is None:
        return ()
    found = "what goes into forward itself" if feeds else "the part of the batch that does not go into forward"
    reason = "you said so" if wishes.target is not None else found
    if wishes.target is None and runner_up is None:
        # One candidate is no choice: the loss's line says what is compared.
        return ()
    return (Decision("target", f"target {spell_path(path)}", reason, "--target", runner_up, wishes.target is not None),)


def target_variable(path: Path | None, added: Sequence[Role] = ()) -> str:
    """The part's key as a local name; of one that was put into a pair, the name it was proposed by."""
    wanted = next((each.variable for each in added if each.path == path and each.variable), "")
    name = str(path[-1]) if path and isinstance(path[-1], str) else wanted
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else "targets"
