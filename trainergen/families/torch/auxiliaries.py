"""Losses that the model returns beside its output, and the settings that every part of a loss is weighed by."""

from __future__ import annotations

import re

from ...errors import UnusableInput, did_you_mean
from ...inspection.batch_spec import Path, parse_path, spell_path
from ...planning.plan import Auxiliary, Decision, Objective, Setting
from ...planning.wishes import Wishes
from .facts import OutputFacts, TorchFacts
from .pairs import scalars


def choose_auxiliaries(
    wishes: Wishes, measured: TorchFacts, taken: tuple[Path, ...], *, own: bool = False
) -> tuple[tuple[Auxiliary, ...], tuple[Decision, ...]]:
    """The auxiliary losses with their decisions.

    Args:
        wishes: names and weights given by ``--auxiliary``.
        measured: the outputs.
        taken: outputs that are the prediction, or the model's own loss.
        own: the model's own loss is trained: what else it returns is taken for that loss's parts, unless asked for.

    Raises:
        UnusableInput: an output that isn't there, or is no scalar with a graph.
    """
    weights = {parse_path(name): weight for name, weight in wishes.auxiliaries}
    for path in weights:
        _demand_scalar(path, measured)
    found, decisions = [], []
    for output in measured.output:
        if output.path in taken:
            continue
        given = output.path in weights
        if not given and (own or output not in scalars(measured)):
            continue
        name = _variable(output)
        weight = weights.get(output.path, 1.0)
        found.append(Auxiliary(name, output.path, f"{name}_weight", weight, output.training_only))
        reason = "you said so" if given else f"forward returns the scalar {spell_path(output.path)} beside its output"
        reason += ", in train mode alone" if output.training_only else ""
        choice = f"auxiliary {name}, weight {weight:g}"
        runner_up = f"weight 0: the value stays in the logs, out of the loss (--auxiliary {name}=0)"
        decisions.append(Decision("auxiliary", choice, reason, "--auxiliary", runner_up, given))
    return tuple(found), tuple(decisions)


def loss_settings(objective: Objective) -> tuple[Setting, ...]:
    """The settings that a loss is weighed and tuned by: of its terms, heads, auxiliaries and constants."""
    docs = {each.setting: f"weight of the {each.name} loss" for each in objective.auxiliaries}
    docs |= {each.setting: f"weight of the {each.name} loss" for each in objective.heads}
    docs |= {each.setting: each.doc for each in objective.terms if each.setting is not None}
    docs |= {each.setting: each.doc for each in objective.constants if each.setting is not None}
    return tuple(
        Setting(name, "float", repr(value), repr(value), docs[name]) for name, value in objective.tuned.items()
    )


def _demand_scalar(path: Path, measured: TorchFacts) -> None:
    names = tuple(spell_path(each.path) for each in measured.output if each.path)
    output = next((each for each in measured.output if each.path == path), None)
    spelt = spell_path(path)
    if output is None:
        hint = did_you_mean(spelt, names) if names else "forward returns one tensor, no loss beside it"
        raise UnusableInput(f"--auxiliary {spelt}: the model returns nothing of that name", hint=hint)
    if output.sizes != ():
        raise UnusableInput(
            f"--auxiliary {spelt}: a tensor of shape {list(output.sizes)}, a loss is one number",
            hint="return its mean from forward",
        )
    if not output.has_graph:
        raise UnusableInput(
            f"--auxiliary {spelt}: it carries no graph, nothing can be learnt from it",
            hint="return it without .detach() or .item()",
        )


def _variable(output: OutputFacts) -> str:
    last = str(output.path[-1])
    return f"auxiliary_{last}" if last.isdigit() else re.sub(r"\W", "_", last)
