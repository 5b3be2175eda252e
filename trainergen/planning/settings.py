"""The settings of a trainer: what every run is set by, and the constructor's scalars as ``model_<argument>``."""

from __future__ import annotations

import ast
from typing import Any

from ..inspection.construction import Construction
from ..inspection.expressions import spell
from ..inspection.model_facts import Argument, ModelFacts
from .argument_docs import argument_docs
from .plan import DataPlan, Decision, ModelArgument, OptimizerPlan, SchedulerPlan, Setting
from .wishes import Wishes

SCALARS = {"int": int, "float": float, "bool": bool, "str": str}

USUAL = (
    Setting("num_epochs", "int", "20", "20", "passes over the training data", inherited=True),
    Setting("batch_size", "int", "32", "32", "samples a batch", inherited=True),
    Setting("shuffle", "bool", "True", "true", "whether the training loader shuffles", inherited=True),
    Setting("learning_rate", "float", "1e-3", "1e-3", "the optimizer's rate", inherited=True),
    Setting(
        "weight_decay",
        "float",
        "0.01",
        "0.01",
        "decay of weight matrices; norms, biases and embeddings are left out",
        inherited=True,
    ),
    Setting(
        "gradient_clip_norm",
        "float | None",
        "1.0",
        "1.0",
        "largest 2-norm of all gradients together; none for no clipping",
        inherited=True,
    ),
    Setting(
        "scheduler_patience",
        "int | None",
        "3",
        "3",
        "validations without improvement before the learning rate falls; none for a constant rate",
        inherited=True,
    ),
    Setting(
        "early_stopping_patience",
        "int | None",
        "8",
        "8",
        "validations without improvement before training ends; none for never",
        inherited=True,
    ),
    Setting("seed", "int", "0", "0", "of the random generators of Python, NumPy and torch", inherited=True),
)
"""What is touched first, with the defaults of the runtime's ``BaseTrainerConfig``; the rest of that can be added."""
FIRST = ("num_epochs", "batch_size", "shuffle", "learning_rate", "weight_decay")
"""Those that stand before what the optimizer and the scheduler of this trainer have of their own."""


def all_settings(
    own: tuple[Setting, ...],
    arguments: tuple[Setting, ...],
    *,
    data: DataPlan,
    optimizer: OptimizerPlan,
    scheduler: SchedulerPlan | None,
) -> tuple[Setting, ...]:
    """Every setting of a trainer's section, each once: the usual ones, the plan's own, the model's.

    Args:
        own: those that the plan's parts ask for; where one is usual as well, its default counts.
        arguments: the model's.
        data: an imported loader goes by no ``batch_size`` or ``shuffle``.
        optimizer: a user's own may know no ``weight_decay``.
        scheduler: without one the base's acts, on a plateau.
    """
    given = {each.name: each for each in reversed(own)}
    idle = set() if data.kind in ("stub", "combined") else {"batch_size", "shuffle"}
    if not (optimizer.is_default or optimizer.decay_groups):
        idle.add("weight_decay")
    if scheduler is not None:
        idle.add("scheduler_patience")
    usual = [given.get(each.name, each) for each in USUAL if each.name in given or each.name not in idle]
    first = [each for each in usual if each.name in FIRST]
    names = {each.name for each in usual}
    found: dict[str, Setting] = {}
    for each in (*first, *(each for each in own if each.name not in names), *usual, *arguments):
        found.setdefault(each.name, each)
    return tuple(found.values())


def model_arguments(
    wishes: Wishes, model: ModelFacts, found: Construction | None, implicit: tuple[str, ...] = ()
) -> tuple[tuple[ModelArgument, ...], tuple[Setting, ...], tuple[Decision, ...]]:
    """The arguments that ``build_model`` passes, in signature order, their settings, and a decision for each choice.

    What the user gave and what the search found is passed. Of the others, scalars with a literal default are, so that
    config.ini can change them.

    Args:
        wishes: what the user gave.
        model: the signature, and the docstring that describes the arguments.
        found: what the search passed; None where it had nothing to find.
        implicit: arguments that are left out where they keep their default: passed, it would say something else.
    """
    given = dict(wishes.model_arguments)
    searched = {} if found is None else {each.name: each for each in found.arguments if each.name not in given}
    stars = {"var_positional": "*", "var_keyword": "**"}
    init = () if wishes.factory is not None else model.init
    known = {f"{stars.get(each.kind, '')}{each.name}": each for each in init}
    names = [name for name, each in known.items() if each.kind in ("positional", "keyword") or name in searched]
    names += [name for name in (*given, *searched) if name not in names]
    said_of = argument_docs(model.docstring) if wishes.factory is None else {}
    arguments, settings, decisions = [], [], []
    for name in names:
        signature = known.get(name)
        has_default, default = _literal(signature.default if signature is not None else None)
        guess = searched.get(name)
        smaller = has_default and guess is not None and guess.for_proof
        if guess is not None and not (guess.for_proof and has_default):
            value = guess.kept if guess.for_proof and guess.kept is not None else guess.value
        elif name in given:
            value = given[name]
        elif has_default and name not in implicit:
            value, guess = default, None
        else:
            continue
        assumed = guess.reason if guess is not None and guess.assumed else ""
        annotation = _tuple_of_numbers(value) if smaller else None  # so that the lab can prove a smaller one
        annotation = annotation or _annotation(value, signature)
        text = _ini_text(value, annotation)
        if annotation is not None and text is not None:
            setting = f"model_{name}"
            arguments.append(ModelArgument(name, setting, repr(value)))
            doc = said_of.get(name, f"{model.name}'s argument {name}")
            settings.append(Setting(setting, annotation, repr(value), text, doc, assumed=assumed))
        elif name in given:
            arguments.append(ModelArgument(name, None, repr(value)))
        elif guess is not None:
            arguments.append(ModelArgument(name, None, "", value, assumed))
        if name in given:
            decisions.append(Decision("argument", f"{name}={value!r}", "you said so", "--model-arg", given=True))
        elif guess is not None:
            shown = spell(value)
            flag = "--factory" if shown.imports else "--model-arg"
            decisions.append(Decision("argument", f"{name}={shown.text}", guess.reason, flag, assumed=guess.assumed))
    return tuple(arguments), tuple(settings), tuple(decisions)


def _literal(text: str | None) -> tuple[bool, Any]:
    if text is None:
        return False, None
    try:
        return True, ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False, None


def _annotation(value: Any, argument: Argument | None) -> str | None:
    """The field's type: the argument's own where that is a scalar, else the value's; None where neither is one."""
    written = (argument.annotation or "") if argument is not None else ""
    written = written.replace("typing.", "").strip("'\"").replace(" ", "")
    optional = written.startswith(("Optional[", "None|")) or written.endswith("|None")
    inner = written.removeprefix("Optional[").removesuffix("]") if written.startswith("Optional[") else written
    inner = inner.removesuffix("|None").removeprefix("None|")
    if inner in SCALARS:
        if value is None:
            return f"{inner} | None"
        kind = SCALARS[inner]
        fits = type(value) is kind or (kind is float and type(value) is int)
        return (f"{inner} | None" if optional else inner) if fits else None
    if written:
        return None if type(value) not in SCALARS.values() or inner not in ("", "Any") else type(value).__name__
    return type(value).__name__ if type(value) in SCALARS.values() else None


def _tuple_of_numbers(value: Any) -> str | None:
    """The type of a flat tuple of numbers of one kind; None for anything else."""
    if not isinstance(value, tuple) or not value or {type(each) for each in value} not in ({int}, {float}):
        return None
    return f"tuple[{type(value[0]).__name__}, ...]"


def _ini_text(value: Any, annotation: str | None) -> str | None:
    """The value in config.ini; None for text that an ini file cannot hold as it is."""
    if annotation is None:
        return None
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(repr(each) for each in value)
    if isinstance(value, str):
        awkward = value != value.strip() or not value or "\n" in value or value.lower() == "none" or value[0] in "#;["
        return None if awkward else value
    return repr(float(value)) if annotation.startswith("float") else repr(value)
