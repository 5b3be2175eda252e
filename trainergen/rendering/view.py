"""A trainer plan as what templates read: expressions, import lines and sentences, nothing left to decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path as File
from types import SimpleNamespace
from typing import Any

from ..inspection.batch_spec import Branch, Leaf, Path, find, leaves, spell_access, spell_shape
from ..inspection.expressions import spell
from ..inspection.project_facts import ProjectFacts
from ..planning.plan import Input, ModelArgument, TrainerPlan
from .batch_words import batch_words
from .checks import check_words
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


def trainer_view(plan: TrainerPlan, project: ProjectFacts, objective: Any, width: int) -> dict[str, Any]:
    """The variables of a trainer's templates.

    Args:
        plan: the decisions.
        project: where it goes.
        objective: the objective's template, with its names and expressions.
        width: the line length.
    """
    naming = Naming({*RESERVED, plan.names.trainer_class, plan.names.config_class, "Batch"})
    batch = batch_words(plan, width)
    listed = objective.losses.get(plan.objective.loss, {})
    prediction = listed.get("prediction", objective.prediction)
    local = Naming({*RESERVED, "batch", "self", "outputs", "loss", "sizes", prediction})
    imports = [*FRAMEWORK, *_project_imports(plan, project)]
    model_name = naming.take(imports, plan.model.module, plan.model.name, "Model")
    for module, name in batch.imports:
        naming.take(imports, module, name, "Batch", keep=True)
    variables = {each.path: local.fresh(each.variable) for each in plan.inputs}
    target = _target(plan, variables, local)
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
        "unpack": _unpack(plan, variables, target),
        "auxiliaries": _auxiliaries(plan, local),
        "forward": _forward(plan, variables, prediction),
        "model_call": f"{model_name}({_model_arguments(plan.model.arguments, naming, imports)})",
        "loaders": _loaders(plan, naming, imports),
        "optimizer": _optimizer(plan, naming, imports),
        "scheduler": _scheduler(plan, naming, imports),
        "logger": SimpleNamespace(statement="logger = logging.getLogger(__name__)" if plan.vendored else ""),
    }
    view["loss"] = _loss(plan, listed, view, naming, imports)
    view["batch_metrics"], view["epoch_metrics"] = _metrics(plan, objective, listed, naming, imports)
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
    return ", ".join(f"{each.name}={_value(each)}" for each in arguments)


def _model_arguments(arguments: tuple[ModelArgument, ...], naming: Naming, imports: list[str]) -> str:
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


def _target(plan: TrainerPlan, variables: dict[Path, str], local: Naming) -> SimpleNamespace:
    objective, root = plan.objective, plan.batch.root
    if objective.target is None:
        return SimpleNamespace(variable="", line="", access="", fresh=False)
    access = spell_access(root, objective.target)
    feed = next((each for each in plan.inputs if each.path == objective.target), None)
    if feed is not None and objective.target_prepare[: len(feed.prepare)] == feed.prepare:
        source = variables[feed.path]
        rest = objective.target_prepare[len(feed.prepare) :]
        if not rest:
            return SimpleNamespace(variable=source, line="", access=access, fresh=False)
        variable = local.fresh("targets")
        return SimpleNamespace(
            variable=variable, line=f"{variable} = {source}{operations(rest, plan.dtype)}", access=access, fresh=False
        )
    return SimpleNamespace(variable=local.fresh(objective.target_variable), line="", access=access, fresh=True)


def _unpack(plan: TrainerPlan, variables: dict[Path, str], target: SimpleNamespace) -> list[SimpleNamespace]:
    root = plan.batch.root
    lines = (
        []
        if plan.whole_batch
        else [
            SimpleNamespace(
                variable=variables[each.path],
                access=spell_access(root, each.path),
                tensor=_is_tensor(root, each.path),
                operations=operations(each.prepare, plan.dtype),
                preparation=_preparation(plan, each.prepare, each.path),
                assumed=_assumed_input(plan, each),
            )
            for each in plan.inputs
        ]
    )
    if target.fresh and plan.objective.target is not None:
        lines.append(
            SimpleNamespace(
                variable=target.variable,
                access=target.access,
                tensor=_is_tensor(root, plan.objective.target),
                operations=operations(plan.objective.target_prepare, plan.dtype),
                preparation="",
                assumed=assumption(plan, "target"),
            )
        )
    return lines


def _assumed_input(plan: TrainerPlan, part: Input) -> str:
    """The mark of an input whose form was found by trying; the class's docstring has the form."""
    node = find(plan.batch.root, part.path)
    evidence = {leaf.place for _, leaf in leaves(node) if leaf.source == "assumed" and leaf.place} if node else set()
    return f"assumed: {', '.join(sorted(evidence))}" if evidence else ""


def _is_tensor(root: Leaf | Branch, path: Path) -> bool:
    node = find(root, path)
    return not isinstance(node, Leaf) or node.dtype not in ("str", "int", "float", "object")


def _preparation(plan: TrainerPlan, prepare: tuple[str, ...], path: Path) -> str:
    node = find(plan.batch.root, path)
    if not prepare or not isinstance(node, Leaf):
        return ""
    dims = next((check.dims for check in plan.checks if check.path == path), node.dims)
    before = f"{node.dtype} {spell_shape(dims)}"
    dtype, dims = prepared_form(prepare, node.dtype, dims, plan.dtype)
    return f"forward takes {dtype} {spell_shape(dims)}, the batch has {before}"


def _forward(plan: TrainerPlan, variables: dict[Path, str], prediction: str) -> SimpleNamespace:
    objective = plan.objective
    if plan.whole_batch:
        arguments = "inputs"
    else:
        arguments = ", ".join(
            f"{each.argument}={variables[each.path]}" if each.argument else variables[each.path] for each in plan.inputs
        )
    suffix = operations(objective.prediction_prepare, plan.dtype)
    if objective.task == "own-loss":
        direct = not objective.prediction and not objective.auxiliaries
        assigned = "loss: torch.Tensor" if direct else "outputs"
        return SimpleNamespace(assigned=assigned, arguments=arguments, operations="", prediction="", direct=direct)
    if not objective.prediction and not objective.auxiliaries:
        return SimpleNamespace(assigned=prediction, arguments=arguments, operations=suffix, prediction="", direct=True)
    found = output_access(objective.prediction, objective.output_kind) + suffix
    return SimpleNamespace(assigned="outputs", arguments=arguments, operations="", prediction=found, direct=False)


def output_access(path: Path, kind: str) -> str:
    """The expression that reads `path` from ``outputs``, whose outermost container is of `kind`."""
    text = "outputs"
    for number, key in enumerate(path):
        if number == 0 and kind in ("dataclass", "namedtuple") and isinstance(key, str):
            text += f".{key}"
        else:
            text += f'["{key}"]' if isinstance(key, str) else f"[{key}]"
    return text


def _auxiliaries(plan: TrainerPlan, local: Naming) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(
            name=each.name,
            variable=local.fresh(each.name),
            expression=output_access(each.output, plan.objective.output_kind),
            setting=each.setting,
        )
        for each in plan.objective.auxiliaries
    ]


def _loss(
    plan: TrainerPlan, listed: dict[str, str], view: dict[str, Any], naming: Naming, imports: list[str]
) -> SimpleNamespace:
    objective = view["objective"]
    variable = objective.component if plan.objective.auxiliaries else "loss"
    forward, target = view["forward"], view["target"].variable
    untyped = not listed
    if plan.objective.task == "own-loss":
        expression = None if forward.direct else output_access(plan.objective.prediction, plan.objective.output_kind)
        expression = expression and expression + operations(plan.objective.prediction_prepare, plan.dtype)
        untyped = True
    elif listed:
        expression = listed["expression"].format(prediction=view["prediction"], target=target)
    else:
        name = naming.take(imports, *_reference(plan.objective.loss), "loss")
        expression = f"{name}({view['prediction']}, {target})"
    return SimpleNamespace(
        variable=variable, expression=expression, untyped=untyped, total="loss", component=objective.component
    )


def _metrics(
    plan: TrainerPlan, objective: Any, listed: dict[str, str], naming: Naming, imports: list[str]
) -> tuple[list[SimpleNamespace], list[SimpleNamespace]]:
    batch: list[SimpleNamespace] = []
    epoch: list[SimpleNamespace] = []
    for group, named in ((batch, plan.objective.metrics), (epoch, plan.objective.epoch_metrics)):
        for name in named:
            if ":" in name:
                function = naming.take(imports, *_reference(name), "metric")
                group.append(SimpleNamespace(name=name.partition(":")[2], function=function, extra=""))
                continue
            extra = objective.extra.get(name, listed.get("extra", ""))
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
