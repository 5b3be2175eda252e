"""What a trainer says of itself: docstrings and comments, in sentences."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from ..inspection.batch_spec import Branch, Leaf, Path, find, spell_shape
from ..planning.plan import TrainerPlan
from .words import first_that_fits, sentence

CADENCES = {"step": "an optimizer step", "epoch": "an epoch", "validation": "a validation"}


def assumption(plan: TrainerPlan, topic: str, name: str = "") -> str:
    """The mark of a guess, next to the line that it produced; with several of a topic, of the one that is called `name`."""
    guesses = [each for each in plan.decisions if each.topic == topic and each.assumed]
    named = [each for each in guesses if each.choice.startswith(f"{topic} {name} ")]
    found = next(iter(named or guesses), None)
    return f"assumed: {found.choice}, {found.reason}" if found is not None else ""


def _reason(plan: TrainerPlan, topic: str) -> str:
    """Why, without the line that it was read from: a generated file outlives that."""
    found = next((each for each in plan.decisions if each.topic == topic), None)
    if found is None:
        return ""
    if found.given:
        return f"Asked for with {found.flag}."
    written = re.search(r"\bits (docstring|comment) at \S+$", found.reason)
    if written is not None:
        return f"`{plan.model.class_name or plan.model.name}` asks for it in its {written[1]}."
    return sentence(re.sub(r" at \S+:\d+$", "", found.reason))


def trainer_sentences(plan: TrainerPlan, view: dict[str, Any], listed: dict[str, str], width: int) -> SimpleNamespace:
    """Every sentence of a trainer's docstrings and comments.

    Args:
        plan: the decisions.
        view: what templates read, as far as it is made.
        listed: the loss's entry in its objective's template; empty for the user's own loss.
        width: the line length.
    """
    model = plan.model.class_name or plan.model.name
    title = listed.get("title", f"`{plan.objective.loss.partition(':')[2] or plan.objective.loss}`")
    classes = _classes(plan)
    over = f" over {classes} classes" if plan.objective.task == "multi-class" and classes else ""
    text = view["objective"].summary
    root = plan.batch.root
    shaped = _listing([_input_words(root, each.path, each.variable) for each in plan.inputs]) or "its batch"
    plain = _listing([each.variable for each in plan.inputs]) or "its batch"
    fill = {"classes": classes or "its", "target": plan.objective.target_variable}
    summaries = [f"Train {model}: {text.format(inputs=inputs, **fill)}." for inputs in (shaped, plain)]
    summary = first_that_fits([*summaries, f"Train {model}."], width - 6)
    auxiliaries = view["auxiliaries"]
    first = SimpleNamespace(name=view["loss"].component, setting=view["loss"].setting)
    terms = [f"{each.setting} * {each.name}" if each.setting else each.name for each in (first, *auxiliaries)]
    weights = f"The loss is {' + '.join(terms)}; each part is logged by its name." if auxiliaries else ""
    trainer = (f"{title}{over} for `{model}`.", weights, view["batch"].description, *map(sentence, plan.notes))
    kind = plan.optimizer.class_name
    logged = _listing(
        [*([view["loss"].component] if auxiliaries else []), *(each.name for each in auxiliaries)]
        + [each.name for each in view["batch_metrics"]]
    )
    epoch = _listing([each.name for each in view["epoch_metrics"]])
    return SimpleNamespace(
        module=summary,
        trainer=trainer,
        model=_model_words(plan),
        saving=f"Save the weights as `{plan.names.snake}_<time>_loss<best>.pt`.",
        optimizer=(f"Build {kind}.", _reason(plan, "optimizer")),
        scheduler=(_scheduler_words(plan), _reason(plan, "scheduler")),
        loss=(
            "Compute the loss of a batch." if not auxiliaries else "Compute the weighted sum of the losses of a batch."
        ),
        batch_metrics=first_that_fits(
            [f"Return {logged} of the batch just computed.", "Return what the batch just computed is measured by."],
            width - 14,
        ),
        epoch_metrics=first_that_fits(
            [f"Compute {epoch} of the whole epoch.", "Compute what is no mean of batch values."], width - 14
        ),
        assumed_loss=assumption(plan, "loss"),
        assumed_prediction=assumption(plan, "prediction"),
        assumed_arguments=[
            f"assumed: {each.name}, {each.assumed}"
            for each in plan.model.arguments
            if each.assumed and not each.setting
        ],
    )


def _classes(plan: TrainerPlan) -> int | str | None:
    """The number of classes, by the name of the setting that decides it where one was found to."""
    target = next((each for each in plan.checks if each.path == plan.objective.target), None)
    return target.high_of if target is not None and target.high_of else plan.objective.classes


def _model_words(plan: TrainerPlan) -> str:
    """The model in a sentence: its name, and what its docstring says in its first line."""
    name = plan.model.class_name or plan.model.name
    what = f"a `{name}`." if plan.model.class_name else f"what `{name}` returns."
    said = "" if plan.model.summary.startswith(f"{name}: ") else sentence(plan.model.summary)
    return f"{what} {said}".strip()


def _scheduler_words(plan: TrainerPlan) -> str:
    if plan.scheduler is None:
        return ""
    return f"Build {plan.scheduler.class_name}, stepped once {CADENCES[plan.scheduler.cadence]}."


def _input_words(root: Leaf | Branch, path: Path, variable: str) -> str:
    node = find(root, path)
    return f"{variable} {node.dtype} {spell_shape(node.dims)}" if isinstance(node, Leaf) else variable


def _listing(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
