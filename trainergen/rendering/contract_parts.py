"""What a trainer under a project's own contract is built of: expressions for model, data, optimizer and settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..planning.plan import DataPlan, ModelArgument, OptimizerPlan, SchedulerPlan, TrainerPlan

HERE = "CONFIG_HERE"
"""Stands for the configuration in expressions whose place is not known yet."""
_SETTING = re.compile(rf"\b{HERE}\.(\w+)")


@dataclass(frozen=True)
class Access:
    """How settings are reached.

    Attributes:
        expressions: our name of a setting -> expression, ``{config}`` in the configuration's place.
        defaults: our name -> literal, of settings that the project's configuration has no place for.
    """

    expressions: Mapping[str, str]
    defaults: Mapping[str, str]

    def of(self, setting: str, config: str, *, built: bool = False) -> str:
        """The expression that reads `setting` from `config`.

        Args:
            setting: our name.
            config: what holds the configuration there.
            built: it is read where the trainer is built: what is an argument there is an attribute elsewhere.
        """
        text = self.expressions.get(setting)
        if text is not None and "{config}" in text and not config:
            text = None  # nothing there holds a configuration: the value is written where it is used
        if text is None:
            return self.defaults.get(setting, f"{config}.{setting}")
        if "{config}" not in text and not built and text[:1].isidentifier():
            return f"self.{text}"
        return text.replace("{config}", config)

    def spell(self, text: str, config: str, *, built: bool = False) -> str:
        """`text` with every setting of `HERE` read from `config`; `built`: see `of`."""
        return _SETTING.sub(lambda found: self.of(found[1], config, built=built), text).replace(HERE, config)


def placeless(plan: TrainerPlan) -> TrainerPlan:
    """The plan with every setting of its calls read from `HERE`."""
    return replace(
        plan,
        model=replace(plan.model, arguments=_arguments(plan.model.arguments)),
        optimizer=replace(plan.optimizer, arguments=_arguments(plan.optimizer.arguments)),
        scheduler=(
            None if plan.scheduler is None else replace(plan.scheduler, arguments=_arguments(plan.scheduler.arguments))
        ),
        data=_data(plan.data),
    )


def _arguments(arguments: tuple[ModelArgument, ...]) -> tuple[ModelArgument, ...]:
    return tuple(
        each if each.setting is None else replace(each, setting=None, literal=f"{HERE}.{each.setting}", value=None)
        for each in arguments
    )


def _data(data: DataPlan) -> DataPlan:
    def moved(arguments: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(re.sub(r"\bconfig\.(\w+)", rf"{HERE}.\1", each) for each in arguments)

    return replace(data, arguments=moved(data.arguments), validation_arguments=moved(data.validation_arguments))


def optimizer_call(optimizer: OptimizerPlan, name: str, parameters: str) -> str:
    """The call that makes the optimizer of `parameters`, called `name`; settings of `HERE`."""
    arguments = [f"{each.name}={each.literal}" for each in optimizer.arguments]
    if not any(each.startswith("lr=") for each in arguments):
        arguments.insert(0, f"lr={HERE}.learning_rate")
    return f"{name}({', '.join([parameters, *arguments])})"


def scheduler_call(scheduler: SchedulerPlan, name: str, optimizer: str) -> str:
    """The call that makes the scheduler of `optimizer`, called `name`; settings of `HERE`."""
    return f"{name}({', '.join([optimizer, *(f'{each.name}={each.literal}' for each in scheduler.arguments)])})"


INLINE: Mapping[tuple[str, str], str] = {
    ("multi-class", "accuracy"): "({prediction}.argmax(dim=1) == {target}).float().mean()",
    ("binary", "binary_accuracy"): "(({prediction} > 0) == ({target} > 0.5)).float().mean()",
    ("binary", "accuracy"): "(({prediction} > 0) == ({target} > 0.5)).float().mean()",
    ("regression", "mae"): "({prediction} - {target}).abs().mean()",
}
"""(task, metric) -> expression; the project has no library of ours to take them from."""


def inline_metrics(plan: TrainerPlan, prediction: str, target: str) -> list[tuple[str, str]]:
    """(name, expression) of the plan's metrics that a line says, attached."""
    found = []
    for name in plan.objective.metrics:
        text = INLINE.get((plan.objective.task, name))
        if text is not None and not (plan.objective.task == "binary" and plan.objective.loss != "bce_with_logits"):
            found.append((name, text.format(prediction=f"{prediction}.detach()", target=target)))
    return found
