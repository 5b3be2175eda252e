"""A trainer plan as what templates read: expressions, import lines and sentences, nothing left to decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path as File
from types import SimpleNamespace
from typing import Any

from ..inspection.batch_spec import Leaf, Path, find, leaves, spell_access, spell_shape
from ..inspection.expressions import spell
from ..inspection.project_facts import ProjectFacts
from ..planning.plan import Input, ModelArgument, TrainerPlan
from .batch_words import batch_words
from .checks import check_words
from .loss_view import (
    BatchValue,
    auxiliary_access,
    forward_words,
    is_contained,
    is_tensor,
    known_constants,
    output_access,
    part_values,
    spell_loss,
    target_value,
    tuned_constants,
    weighed_terms,
)
from .naming import RESERVED, Naming
from .preparation import operations, prepared_form
from .sentences import assumption, trainer_sentences
from .type_checking import reports_untyped

FRAMEWORK = (
    "import logging",
    "import math",
    "from collections.abc import Iterable, Mapping, Sequence",
    "from pathlib import Path",
    "from typing import Any",
    "import torch",
    "from torch import nn",
    "from torch.nn import functional",
    "from torch.optim import Optimizer",
    "from torch.optim.lr_scheduler import LRScheduler",
)
"""What blocks may use without asking; ruff takes out what none of them did."""

BASE_NAMES = "Callback, Trainer, losses, metrics, move_batch, parameter_groups, per_step"
STEPS_ITSELF = ("OneCycleLR", "CyclicLR", "WarmupCosine")
"""Schedulers that the runtime knows to step once an optimizer step."""


def trainer_view(
    plan: TrainerPlan, project: ProjectFacts, objective: Any, width: int, heads: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The variables of a trainer's templates.

    Args:
        plan: the decisions.
        project: where it goes.
        objective: the objective's template, with its names and expressions.
        width: the line length.
        heads: the templates of the tasks of a multi-task objective's heads, by task.
    """
    # A function of the user's must not share a name with what a step assigns.
    naming = Naming({*RESERVED, plan.names.trainer_class, plan.names.config_class, "Batch", "loss", "outputs"})
    batch = batch_words(plan, width)
    listed = objective.losses.get(plan.objective.loss, {})
    prediction = listed.get("prediction", objective.prediction)
    if plan.objective.heads:
        prediction = f"{plan.objective.heads[0].name}_prediction"
    local = Naming({*RESERVED, "batch", "self", "outputs", "loss", "sizes", prediction})
    imports = [*FRAMEWORK, *_project_imports(plan, project)]
    model_name = naming.take(imports, plan.model.module, plan.model.name, "Model")
    for module, name in batch.imports:
        naming.take(imports, module, name, "Batch", keep=True)
    variables = {each.path: local.fresh(each.variable) for each in plan.inputs}
    target = target_value(plan, variables, local)
    judged = part_values(plan, variables, local)
    forward = forward_words(plan, variables, prediction, judged, local)
    checks = check_words(plan)
    view: dict[str, Any] = {
        "plan": plan,
        "family": plan.family,
        "names": plan.names,
        "objective": objective,
        "batch": batch,
        "checks": checks,
        "prepares": plan.feeding == "multi-tensor",
        "feeding_file": plan.feeding.replace("-", "_"),
        "prediction": prediction,
        "target": target,
        "unpack": _unpack(plan, variables, [target, *judged.values()]),
        "derived": [each.line for each in judged.values() if each.line],
        "forward": forward,
        "model_call": f"{model_name}({model_call_arguments(plan.model.arguments, naming, imports)})",
        "loaders": _loaders(plan, naming, imports),
        "optimizer": _optimizer(plan, naming, imports),
        "scheduler": _scheduler(plan, naming, imports),
        "logger": SimpleNamespace(statement="logger = logging.getLogger(__name__)" if plan.vendored else ""),
    }
    tuned = tuned_constants(plan, local)
    constants = known_constants(plan, tuned)
    roles = {"prediction": prediction, "target": target.variable}
    roles |= {role: value.variable for role, value in judged.items()}
    roles |= {each.role: each.variable for each in (*forward.parts, *forward.calls)}
    terms = weighed_terms(plan, listed, heads or {}, roles, constants)
    view["auxiliaries"] = _auxiliaries(plan, terms[1:], local)
    view["loss"] = _loss(plan, listed, view, terms, (roles, constants), (naming, imports))
    view["loss"].constants = tuned
    known = (roles, constants)
    view["batch_metrics"], view["epoch_metrics"] = _metrics(plan, objective, listed, known, (naming, imports))
    view["collected"] = [roles[role] for role in getattr(objective, "collected", ())]
    view["words"] = trainer_sentences(plan, view, listed, width)
    view["imports"] = imports
    return view


def _project_imports(plan: TrainerPlan, project: ProjectFacts) -> list[str]:
    names = plan.names
    lines = []
    if not plan.vendored:
        untyped = reports_untyped(File(project.root), names.trainer_module, "beautilog")
        lines.append("from beautilog import logger" + ("  # type: ignore[import-untyped]" if untyped else ""))
    if plan.package:
        return [*lines, f"from ..config import {names.config_class}", f"from .base_trainer import {BASE_NAMES}"]
    return [
        *lines,
        f"from {project.config_module} import {names.config_class}",
        f"from {names.base_module} import {BASE_NAMES}",
    ]


def _arguments(arguments: tuple[ModelArgument, ...]) -> str:
    spread = next((number for number, each in enumerate(arguments) if each.name.startswith("*")), 0)
    bare = [_value(each) for each in arguments[:spread]]  # what stands before a *name is given by position
    return ", ".join([*bare, *(_named(each) for each in arguments[spread:])])


def _named(argument: ModelArgument) -> str:
    return f"*{_value(argument)}" if argument.name.startswith("*") else f"{argument.name}={_value(argument)}"


def model_call_arguments(arguments: tuple[ModelArgument, ...], naming: Naming, imports: list[str]) -> str:
    """As `_arguments`; values that are no literals are spelled, and what they need is imported."""
    spelled = []
    for each in arguments:
        if each.setting is not None or each.literal:
            spelled.append(each)
            continue
        text = spell(each.value, naming.taken)
        for needed in text.imports:
            naming.claim(imports, needed.module, needed.name, needed.alias)
        spelled.append(replace(each, literal=text.text))
    return _arguments(tuple(spelled))


def _value(argument: ModelArgument) -> str:
    return f"config.{argument.setting}" if argument.setting is not None else argument.literal


def _unpack(plan: TrainerPlan, variables: dict[Path, str], judged: list[BatchValue]) -> list[SimpleNamespace]:
    root = plan.batch.root
    lines = (
        []
        if plan.whole_batch
        else [
            SimpleNamespace(
                variable=variables[each.path],
                access=spell_access(root, each.path),
                tensor=is_tensor(plan, each.path),
                contained=is_contained(plan, each.path),
                operations=operations(each.prepare, plan.dtype),
                preparation=_preparation(plan, each.prepare, each.path),
                assumed=_assumed_input(plan, each),
            )
            for each in plan.inputs
        ]
    )
    lines += [
        SimpleNamespace(
            variable=each.variable,
            access=each.access,
            tensor=is_tensor(plan, each.path),
            contained=is_contained(plan, each.path),
            operations=operations(each.prepare, plan.dtype),
            preparation="",
            assumed=_assumed_target(plan, each.path),
        )
        for each in judged
        if each.fresh
    ]
    return lines


def _assumed_target(plan: TrainerPlan, path: Path) -> str:
    """The mark of a part that was put into a batch nobody gave."""
    node = find(plan.batch.root, path)
    key = path[-1] if path else ""
    mark = assumption(plan, "target", key if isinstance(key, str) else plan.objective.judged.get(path, ""))
    return mark if mark and isinstance(node, Leaf) and node.source == "assumed" else ""


def _assumed_input(plan: TrainerPlan, part: Input) -> str:
    """The mark of an input whose form was found by trying; the class's docstring has the form."""
    node = find(plan.batch.root, part.path)
    evidence = {leaf.place for _, leaf in leaves(node) if leaf.source == "assumed" and leaf.place} if node else set()
    return f"assumed: {', '.join(sorted(evidence))}" if evidence else ""


def _preparation(plan: TrainerPlan, prepare: tuple[str, ...], path: Path) -> str:
    node = find(plan.batch.root, path)
    if not prepare or not isinstance(node, Leaf):
        return ""
    dims = next((check.dims for check in plan.checks if check.path == path), node.dims)
    before = f"{node.dtype} {spell_shape(dims)}"
    dtype, dims = prepared_form(prepare, node.dtype, dims, plan.dtype)
    return f"forward takes {dtype} {spell_shape(dims)}, the batch has {before}"


def _auxiliaries(plan: TrainerPlan, terms: list[SimpleNamespace], local: Naming) -> list[SimpleNamespace]:
    """What is added to the first term: the loss's other terms, then what the model returns beside its output."""
    returned = [
        SimpleNamespace(
            name=each.name,
            variable=local.fresh(each.name),
            expression=auxiliary_access(each, plan.objective),
            setting=each.setting,
            training_only=each.training_only,
        )
        for each in plan.objective.auxiliaries
    ]
    for term in terms:
        term.variable, term.training_only = local.fresh(term.name), False
    return [*terms, *returned]


def _loss(
    plan: TrainerPlan,
    listed: dict[str, Any],
    view: dict[str, Any],
    terms: list[SimpleNamespace],
    known: tuple[dict[str, str], dict[str, str]],
    scope: tuple[Naming, list[str]],
) -> SimpleNamespace:
    """The loss's expression, or its first term's; the values by role and the constants are `known`."""
    objective, (roles, constants) = view["objective"], known
    component = terms[0].name if terms else objective.component
    summed = bool(view["auxiliaries"]) or bool(terms)
    variable = component if summed else "loss"
    untyped = not listed
    if plan.objective.task == "own-loss":
        direct = view["forward"].direct
        expression = None if direct else output_access(plan.objective.prediction, plan.objective.output_kind)
        expression = expression and expression + operations(plan.objective.prediction_prepare, plan.dtype)
        untyped = True
    elif terms:
        expression, untyped = terms[0].expression, False
    elif listed:
        expression = spell_loss(listed, listed["expression"], roles, constants)
    else:
        naming, imports = scope
        name = naming.take(imports, *_reference(plan.objective.loss), "loss")
        expression = f"{name}({', '.join(filter(None, (roles['prediction'], roles['target'])))})"
    return SimpleNamespace(
        variable=variable,
        expression=expression,
        untyped=untyped,
        total="loss",
        component=component,
        summed=summed,
        setting=terms[0].setting if terms else None,
    )


def _metrics(
    plan: TrainerPlan,
    objective: Any,
    listed: dict[str, Any],
    known: tuple[dict[str, str], dict[str, str]],
    scope: tuple[Naming, list[str]],
) -> tuple[list[SimpleNamespace], list[SimpleNamespace]]:
    """Metrics of a batch and of the epoch; what one takes beyond prediction and target is named by role or constant."""
    batch: list[SimpleNamespace] = []
    epoch: list[SimpleNamespace] = []
    for group, named in ((batch, plan.objective.metrics), (epoch, plan.objective.epoch_metrics)):
        for name in named:
            if ":" in name:
                naming, imports = scope
                function = naming.take(imports, *_reference(name), "metric")
                group.append(SimpleNamespace(name=name.partition(":")[2], function=function, extra=""))
                continue
            extra = spell_loss(listed, objective.extra.get(name, listed.get("extra", "")), *known)
            metric = SimpleNamespace(name=name, function=objective.metrics.get(name, f"metrics.{name}"), extra=extra)
            (epoch if name in objective.whole_epoch else group).append(metric)
    return batch, epoch


def _loaders(plan: TrainerPlan, naming: Naming, imports: list[str]) -> SimpleNamespace:
    data = plan.data
    training = validation = ""
    if data.module and data.name:
        name = naming.take(imports, _from_trainer(plan, data.module), data.name, "loader")
        training = f"{name}({', '.join(data.arguments)})" if data.is_factory or data.kind == "combined" else name
    if data.validation_module and data.validation_name:
        name = naming.take(
            imports, _from_trainer(plan, data.validation_module), data.validation_name, "validation_loader"
        )
        called = data.validation_is_factory or data.kind == "combined"
        validation = f"{name}({', '.join(data.validation_arguments)})" if called else name
    return SimpleNamespace(training=training, validation=validation)


def _from_trainer(plan: TrainerPlan, module: str) -> str:
    """`module` as the trainer imports it: relatively where both lie below ``--package``."""
    inside = plan.package and module.startswith(f"{plan.package}.")
    return f"..{module.removeprefix(plan.package + '.')}" if inside else module


def _optimizer(plan: TrainerPlan, naming: Naming, imports: list[str]) -> SimpleNamespace:
    optimizer = plan.optimizer
    if optimizer.is_default:
        return SimpleNamespace(name="", arguments="")
    name = _take(naming, imports, optimizer.import_module, optimizer.class_name)
    arguments = _arguments(optimizer.arguments)
    return SimpleNamespace(name=name, arguments=f", {arguments}" if arguments else "")


def _scheduler(plan: TrainerPlan, naming: Naming, imports: list[str]) -> SimpleNamespace | None:
    scheduler = plan.scheduler
    if scheduler is None:
        return None
    name = _take(naming, imports, scheduler.import_module, scheduler.class_name)
    arguments = _arguments(scheduler.arguments)
    return SimpleNamespace(
        name=name,
        arguments=f", {arguments}" if arguments else "",
        needs_mark=scheduler.cadence == "step" and scheduler.class_name not in STEPS_ITSELF,
    )


def _take(naming: Naming, imports: list[str], module: str, name: str) -> str:
    """Import a class; the runtime's own through the base trainer's module, the one place that names the runtime."""
    if module.startswith("trainergen.runtime"):
        base = next(line for line in imports if line.endswith(BASE_NAMES)).split()[1]
        imports.append(f"from {base} import {name}")
        return name
    return naming.take(imports, module, name, "_kind")


def _reference(text: str) -> tuple[str, str]:
    module, _, name = text.partition(":")
    return module, name
