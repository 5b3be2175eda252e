"""The values that a loss takes and the terms it is made of, as the expressions and local names of a generated step."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ..inspection.batch_spec import Leaf, Path, find, spell_access
from ..planning.plan import Auxiliary, Objective, Part, TrainerPlan
from .naming import Naming
from .preparation import operations


@dataclass(frozen=True)
class BatchValue:
    """A value that the loss takes from the batch.

    Attributes:
        variable: its local name; empty where there is none.
        line: the statement that makes it of an input that is there already; empty where none is needed.
        access: the expression that reads it from the batch.
        fresh: it has to be unpacked for itself.
        path, prepare: where it is, and the operations on it.
        topic: of the decision that marks its line as a guess.
    """

    variable: str
    line: str = ""
    access: str = ""
    fresh: bool = False
    path: Path = ()
    prepare: tuple[str, ...] = ()
    topic: str = "target"


def target_value(plan: TrainerPlan, variables: dict[Path, str], local: Naming) -> BatchValue:
    """The objective's target."""
    objective = plan.objective
    if objective.target is None:
        return BatchValue("")
    return _value(plan, variables, local, objective.target, objective.target_prepare, objective.target_variable)


def part_values(plan: TrainerPlan, variables: dict[Path, str], local: Naming) -> dict[str, BatchValue]:
    """By role, what of the batch the loss takes beyond the target; of a call, the input that it is made with."""
    found = {}
    for part in plan.objective.parts:
        if part.origin == "batch":
            found[part.role] = _value(plan, variables, local, part.path, part.prepare, part.variable)
        elif part.origin == "call":
            prepare = plan.inputs[0].prepare
            name = f"{part.variable}_inputs"
            found[part.role] = _value(plan, variables, local, part.path, prepare, name)
    return found


def _value(
    plan: TrainerPlan,
    variables: dict[Path, str],
    local: Naming,
    path: Path,
    prepare: tuple[str, ...],
    variable: str,
) -> BatchValue:
    access = spell_access(plan.batch.root, path)
    feed = next((each for each in plan.inputs if each.path == path), None)
    if feed is None or prepare[: len(feed.prepare)] != feed.prepare:
        return BatchValue(local.fresh(variable), access=access, fresh=True, path=path, prepare=prepare)
    source, rest = variables[feed.path], prepare[len(feed.prepare) :]
    if not rest:
        return BatchValue(source, access=access, path=path)
    name = local.fresh("targets")
    return BatchValue(name, f"{name} = {source}{operations(rest, plan.dtype)}", access, path=path)


def is_tensor(plan: TrainerPlan, path: Path) -> bool:
    """Whether the part of the batch at `path` is a tensor, which moves to a device by itself."""
    node = find(plan.batch.root, path)
    return isinstance(node, Leaf) and node.dtype not in ("str", "int", "float", "object")


def is_contained(plan: TrainerPlan, path: Path) -> bool:
    """Whether the part at `path` holds tensors: a container, or an object that is none of ours to open."""
    node = find(plan.batch.root, path)
    return not isinstance(node, Leaf) or node.dtype == "object"


def output_access(path: Path, kind: str, variable: str = "outputs") -> str:
    """The expression that reads `path` from `variable`, whose outermost container is of `kind`."""
    text = variable
    for number, key in enumerate(path):
        if number == 0 and kind in ("dataclass", "namedtuple") and isinstance(key, str):
            text += f".{key}"
        else:
            text += f'["{key}"]' if isinstance(key, str) else f"[{key}]"
    return text


def prediction_access(objective: Objective) -> str:
    """The expression that reads the prediction from ``outputs``, whatever eval mode makes of it."""
    access = output_access(objective.prediction, objective.output_kind)
    if not objective.bare_in_eval:
        return access
    return f"(outputs if isinstance(outputs, torch.Tensor) else {access})"


def auxiliary_access(auxiliary: Auxiliary, objective: Objective) -> str:
    """The expression that reads an auxiliary loss from ``outputs``; None where eval mode has none."""
    kind, path = objective.output_kind, auxiliary.output
    access = output_access(path, kind)
    if not auxiliary.training_only:
        return access
    if objective.bare_in_eval:
        return f"None if isinstance(outputs, torch.Tensor) else {access}"
    if len(path) == 1 and kind == "mapping":
        return f'outputs.get("{path[0]}")'
    return f"{access} if len(outputs) > {path[0]} else None" if len(path) == 1 and isinstance(path[0], int) else access


def forward_words(
    plan: TrainerPlan, variables: dict[Path, str], prediction: str, judged: dict[str, BatchValue], local: Naming
) -> SimpleNamespace:
    """The model's call, what it assigns, and the values that are read from it.

    Args:
        plan: the decisions.
        variables: local names of the inputs by path.
        prediction: the prediction's local name.
        judged: as `part_values` gave it.
        local: the names of the step.

    Returns:
        ``assigned``, ``arguments``, ``operations``, ``prediction`` (empty where the call assigns it), ``direct``,
        ``parts`` and ``calls``: further values with their ``variable`` and ``role``.
    """
    objective = plan.objective
    kind = objective.output_kind
    if plan.whole_batch:
        arguments = "inputs"
    else:
        arguments = ", ".join(
            f"{each.argument}={variables[each.path]}" if each.argument else variables[each.path] for each in plan.inputs
        )
    suffix = operations(objective.prediction_prepare, plan.dtype)
    parts = [
        SimpleNamespace(
            role=each.role,
            variable=local.fresh(each.variable),
            expression=output_access(each.path, kind) + operations(each.prepare, plan.dtype),
        )
        for each in objective.parts
        if each.origin == "output"
    ]
    calls = [_call(plan, each, judged[each.role], local) for each in objective.parts if each.origin == "call"]
    words = SimpleNamespace(arguments=arguments, operations="", prediction="", parts=parts, calls=calls)
    words.direct = not objective.prediction and not objective.auxiliaries and not parts
    words.assigned = "outputs"
    if objective.task == "own-loss":
        words.assigned = "loss: torch.Tensor" if words.direct else "outputs"
    elif words.direct:
        words.assigned, words.operations = prediction, suffix
    else:
        words.prediction = prediction_access(objective) + suffix
    return words


def _call(plan: TrainerPlan, part: Part, value: BatchValue, local: Naming) -> SimpleNamespace:
    (taken,) = plan.inputs
    given = f"{taken.argument}={value.variable}" if taken.argument else value.variable
    access = output_access(part.output, plan.objective.output_kind, "")
    return SimpleNamespace(
        role=part.role,
        variable=local.fresh(part.variable),
        arguments=given,
        operations=access + operations(part.prepare, plan.dtype),
    )


def tuned_constants(plan: TrainerPlan, local: Naming) -> list[SimpleNamespace]:
    """Constants of the loss that are settings, each with the ``variable`` that it is read into."""
    return [
        SimpleNamespace(name=each.name, variable=local.fresh(each.name), setting=each.setting)
        for each in plan.objective.constants
        if each.setting is not None
    ]


def known_constants(plan: TrainerPlan, tuned: list[SimpleNamespace]) -> dict[str, str]:
    """The text of every constant by its name: a literal, or the variable of `tuned_constants`."""
    found = {each.name: repr(each.value) for each in plan.objective.constants}
    return found | {each.name: each.variable for each in tuned}


def spell_loss(listed: dict[str, Any], text: str, values: dict[str, str], constants: dict[str, str]) -> str:
    """An expression of a template with its values by role, constants by name and optional pieces filled in."""
    filled = {**values, **constants}
    for name, (needs, piece) in listed.get("optional", {}).items():
        filled[name] = piece.format(**filled) if needs in constants else ""
    return text.format(**filled)


def weighed_terms(
    plan: TrainerPlan, listed: dict[str, Any], heads: dict[str, Any], values: dict[str, str], constants: dict[str, str]
) -> list[SimpleNamespace]:
    """The terms of a loss that is a sum, in order: ``name``, ``expression``, ``setting`` (None: weight 1).

    Args:
        plan: the decisions.
        listed: the loss's entry in its objective's template.
        heads: the templates of the heads' tasks, by task.
        values: local names by role.
        constants: as `known_constants` gave them.
    """
    if plan.objective.heads:
        found = []
        for head in plan.objective.heads:
            entry = heads[head.task].losses[head.loss]
            pair = {"prediction": values[head.prediction], "target": values[head.target]}
            expression = spell_loss(entry, entry["expression"], pair, constants)
            found.append(SimpleNamespace(name=f"{head.name}_loss", expression=expression, setting=head.setting))
        return found
    return [
        SimpleNamespace(
            name=each.name,
            expression=spell_loss(listed, listed["terms"][each.name], values, constants),
            setting=each.setting,
        )
        for each in plan.objective.terms
    ]
