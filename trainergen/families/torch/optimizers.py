"""Optimizer and learning rate, each with a reason: the user's word, the model's own, else by its kinds of layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import UnusableInput, did_you_mean
from ...inspection.model_facts import ModelFacts
from ...planning.plan import Decision, ModelArgument, OptimizerPlan, Setting
from ...planning.wishes import Wishes
from .facts import TorchFacts
from .training_hints import TrainingHints, number_text


@dataclass(frozen=True)
class Listed:
    """One optimizer of ``torch.optim``.

    Attributes:
        class_name: in ``torch.optim``.
        arguments: keywords that ``--optimizer-arg`` may give.
        defaults: keyword -> literal, where ours differ from torch's.
        decay: default of the ``weight_decay`` setting: 0.01 where decoupled (Loshchilov and Hutter 2019), 1e-4 for
            SGD (He et al. 2016), 0 where it enters the adaptive gradient.
    """

    class_name: str
    arguments: tuple[str, ...]
    defaults: tuple[tuple[str, str], ...] = ()
    decay: str = "0.0"


LISTED = {
    "adamw": Listed("AdamW", ("betas", "eps", "amsgrad"), (), "0.01"),
    "adam": Listed("Adam", ("betas", "eps", "amsgrad")),
    "sgd": Listed("SGD", ("momentum", "dampening", "nesterov"), (("momentum", "0.9"),), "1e-4"),
    "rmsprop": Listed("RMSprop", ("alpha", "eps", "momentum", "centered")),
    "adagrad": Listed("Adagrad", ("lr_decay", "initial_accumulator_value", "eps")),
    "adadelta": Listed("Adadelta", ("rho", "eps")),
    "adamax": Listed("Adamax", ("betas", "eps")),
    "nadam": Listed("NAdam", ("betas", "eps", "momentum_decay", "decoupled_weight_decay")),
    "radam": Listed("RAdam", ("betas", "eps", "decoupled_weight_decay")),
    "asgd": Listed("ASGD", ("lambd", "alpha", "t0")),
}
COMMON = ("lr", "weight_decay")
FED = {
    "momentum": ("float", "share of the last step that SGD keeps"),
    "nesterov": ("bool", "look ahead by the momentum"),
}
"""Arguments that get a setting of their own; the rest stand in the code."""


@dataclass(frozen=True)
class ChosenOptimizer:
    """The optimizer, its settings, its decision, and whether it is more than the base gives (``custom-optimizer``)."""

    plan: OptimizerPlan
    settings: tuple[Setting, ...]
    decision: Decision
    particular: bool


def choose_optimizer(wishes: Wishes, model: ModelFacts, measured: TorchFacts, hints: TrainingHints) -> ChosenOptimizer:
    """See the module.

    Raises:
        UnusableInput: an unknown optimizer or argument.
    """
    given = dict(wishes.optimizer_arguments)
    name = wishes.optimizer or hints.optimizer or "adamw"
    if ":" in name:
        return _of_the_user(name, given, measured, model, hints)
    if name not in LISTED:
        raise UnusableInput(f"--optimizer {name}: not known", hint=_unknown(name))
    listed = LISTED[name]
    _check_arguments(name, listed, given)
    own = name == hints.optimizer or hints.optimizer is None
    values = dict(listed.defaults)
    if own:
        values |= {key: text for key, text in hints.numbers.items() if key in listed.arguments}
    values |= {key: _source(value) for key, value in given.items() if key not in COMMON}
    if values.get("nesterov") == "True" and values.get("momentum") in ("0", "0.0"):
        raise UnusableInput("nesterov needs a momentum above 0", hint="--optimizer-arg momentum=0.9")
    rate, rate_reason = learning_rate(name, given, hints if own else TrainingHints(), model, measured)
    decay = _source(given["weight_decay"]) if "weight_decay" in given else None
    decay = decay or (hints.numbers.get("weight_decay") if own else None) or listed.decay
    groups = _known_groups(hints, measured)
    explicit = name != "adamw" or bool(values) or bool(groups) or "custom-optimizer" in wishes.patterns
    arguments = [ModelArgument("lr", "learning_rate", rate)]
    arguments += [ModelArgument(key, key if key in FED else None, text) for key, text in values.items()]
    plan = OptimizerPlan(
        name=name,
        import_module="torch.optim",
        class_name=listed.class_name,
        arguments=tuple(arguments) if explicit else (),
        is_default=not explicit,
        decay_groups=True,
        groups=groups,
    )
    settings = [_inherited("learning_rate", rate, "the optimizer's rate")]
    if decay != "0.01":
        settings.append(
            _inherited("weight_decay", decay, "decay of weight matrices; norms, biases and embeddings are left out")
        )
    settings += [Setting(key, FED[key][0], text, _ini(text), FED[key][1]) for key, text in values.items() if key in FED]
    choice = f"{listed.class_name} lr={rate}" + "".join(f" {key}={text}" for key, text in values.items())
    if wishes.optimizer is not None:
        reason = "you said so; " + rate_reason
    elif hints.optimizer is not None:
        reason = hints.said.get("optimizer", rate_reason)
    else:
        reason = f"{rate_reason}, none named in the {model.kind}"
    runner_up = "AdamW: what a model gets that asks for nothing"
    if name == "adamw":
        runner_up = f"SGD with momentum: nothing in the {model.kind} asks for it"
    if name == "adamw" and measured.batch_norm and _has(measured, "Conv"):
        runner_up = "SGD with momentum: often better in the end on convolutions, after a search for its rate"
    decision = Decision("optimizer", choice, reason, "--optimizer", runner_up, wishes.optimizer is not None)
    return ChosenOptimizer(plan, tuple(settings), decision, particular=explicit)


def learning_rate(
    optimizer: str, given: dict[str, Any], hints: TrainingHints, model: ModelFacts, measured: TorchFacts
) -> tuple[str, str]:
    """The rate as a literal, and why.

    The defaults are the usual first tries for each kind of layer: 3e-4 for attention, else 1e-3 (Kingma and Ba 2015);
    with SGD 0.1 for convolutions with batch norm (He et al. 2016), else 0.01.
    """
    if "lr" in given:
        return _source(given["lr"]), "you gave the rate"
    if "lr" in hints.numbers:
        return hints.numbers["lr"], f"the model says so: {hints.said['lr']}"
    if optimizer in ("sgd", "asgd"):
        if measured.batch_norm and _has(measured, "Conv"):
            return "0.1", "convolutions with batch norm"
        return "0.01", "SGD without batch norm"
    if optimizer == "adadelta":
        return "1.0", "Adadelta's own scale"
    if _attends(model, measured):
        return "3e-4", "attention layers"
    for kind, words in (("Conv", "convolutions"), ("LSTM", "recurrent layers"), ("GRU", "recurrent layers")):
        if _has(measured, kind):
            return "1e-3", words
    return "1e-3", "linear layers" if _has(measured, "Linear") else "no attention layers"


def _attends(model: ModelFacts, measured: TorchFacts) -> bool:
    if _has(measured, "attention") or _has(measured, "transformer") or "scaled_dot_product_attention" in model.source:
        return True
    names = {attribute.name.lower() for attribute in model.attributes}
    return bool(names & {"query", "q", "q_proj", "to_q", "wq"}) and bool(names & {"key", "k", "k_proj", "to_k", "wk"})


def _has(measured: TorchFacts, word: str) -> bool:
    return any(word.lower() in name.rpartition(".")[2].lower() for name in measured.module_types)


def _known_groups(hints: TrainingHints, measured: TorchFacts) -> tuple[tuple[str, float], ...]:
    """The groups whose prefix some parameter has; what the model calls otherwise is no group."""
    names = [parameter.name for parameter in measured.parameters]
    return tuple(
        (prefix, factor)
        for prefix, factor in hints.groups
        if any(name == prefix or name.startswith(f"{prefix}.") for name in names)
    )


def _of_the_user(
    name: str, given: dict[str, Any], measured: TorchFacts, model: ModelFacts, hints: TrainingHints
) -> ChosenOptimizer:
    """``--optimizer module:name``: called with parameter groups, ``lr`` from the settings, and the given arguments."""
    module, _, class_name = name.partition(":")
    rate, rate_reason = learning_rate("adamw", given, hints, model, measured)
    arguments = [ModelArgument("lr", "learning_rate", rate)]
    arguments += [ModelArgument(key, None, _source(value)) for key, value in given.items() if key != "lr"]
    plan = OptimizerPlan(name, module, class_name, tuple(arguments), is_default=False, decay_groups=False)
    decision = Decision(
        "optimizer", f"{class_name} lr={rate}", f"you said so; {rate_reason}", "--optimizer", given=True
    )
    return ChosenOptimizer(
        plan, (_inherited("learning_rate", rate, "the optimizer's rate"),), decision, particular=True
    )


def _unknown(name: str) -> str:
    if name.lower() == "lbfgs":
        return "LBFGS steps with a closure: write _train_batch by hand with manual_step = True"
    return f"{did_you_mean(name, tuple(LISTED))} (or a class of yours: --optimizer module:name)"


def check_optimizer(name: str | None) -> None:
    """Refuses a name that is neither listed nor ``module:name``.

    Raises:
        UnusableInput: with a did-you-mean.
    """
    if name is not None and ":" not in name and name not in LISTED:
        raise UnusableInput(f"--optimizer {name}: not known", hint=_unknown(name))


def _check_arguments(name: str, listed: Listed, given: dict[str, Any]) -> None:
    known = (*COMMON, *listed.arguments)
    for key in given:
        if key not in known:
            raise UnusableInput(
                f"--optimizer-arg {key}: {listed.class_name} has no such argument",
                hint=did_you_mean(key, known) + (f" (--optimizer {name})" if name == "adamw" else ""),
            )


def _inherited(name: str, text: str, doc: str) -> Setting:
    return Setting(name, "float", text, text, doc, inherited=True)


def _source(value: Any) -> str:
    return number_text(value) if isinstance(value, float) else repr(value)


def _ini(text: str) -> str:
    return text.lower() if text in ("True", "False") else text
