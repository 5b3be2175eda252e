"""Learning-rate schedulers with the cadence that each is made for."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import AnswerNeeded, Question, UnusableInput, did_you_mean
from ...planning.plan import Decision, ModelArgument, SchedulerPlan, Setting
from ...planning.wishes import Wishes
from .facts import TorchFacts
from .training_hints import TrainingHints

TORCH = "torch.optim.lr_scheduler"
RUNTIME = "trainergen.runtime.schedulers"
"""Generated code takes what is the runtime's from its own base trainer's module; rendering sees to that."""
DEFAULT_EPOCHS = 20
"""`num_epochs` of the base configuration, for a scheduler that wants the run's length."""


@dataclass(frozen=True)
class ListedScheduler:
    """One scheduler.

    Attributes:
        class_name: in ``torch.optim.lr_scheduler``; `WarmupCosine` is the runtime's.
        cadence: when it steps: each optimizer ``step``, each ``epoch``, each ``validation``.
        arguments: (keyword, setting that feeds it, its type, its default, what it is).
    """

    class_name: str
    cadence: str
    arguments: tuple[tuple[str, str, str, str, str], ...] = ()


LISTED = {
    "plateau": ListedScheduler("ReduceLROnPlateau", "validation"),
    "cosine": ListedScheduler("CosineAnnealingLR", "epoch", (("T_max", "num_epochs", "", "20", ""),)),
    "step": ListedScheduler(
        "StepLR",
        "epoch",
        (
            ("step_size", "scheduler_step_size", "int", "10", "epochs from one reduction of the rate to the next"),
            ("gamma", "scheduler_gamma", "float", "0.1", "what the rate is multiplied with"),
        ),
    ),
    "multi_step": ListedScheduler(
        "MultiStepLR",
        "epoch",
        (
            ("milestones", "scheduler_milestones", "tuple[int, ...]", "(10, 15)", "epochs after which the rate falls"),
            ("gamma", "scheduler_gamma", "float", "0.1", "what the rate is multiplied with"),
        ),
    ),
    "exponential": ListedScheduler(
        "ExponentialLR",
        "epoch",
        (("gamma", "scheduler_gamma", "float", "0.95", "what the rate is multiplied with each epoch"),),
    ),
    "one_cycle": ListedScheduler("OneCycleLR", "step", (("max_lr", "learning_rate", "", "1e-3", ""),)),
    "warmup_cosine": ListedScheduler(
        "WarmupCosine",
        "step",
        (("warmup_fraction", "warmup_fraction", "float", "0.1", "share of the run in which the rate rises"),),
    ),
}


@dataclass(frozen=True)
class ChosenScheduler:
    """The scheduler (None: the base's, on a plateau), its settings, its decision."""

    plan: SchedulerPlan | None = None
    settings: tuple[Setting, ...] = ()
    decision: Decision | None = None


def choose_scheduler(wishes: Wishes, measured: TorchFacts, hints: TrainingHints) -> ChosenScheduler:
    """The scheduler that the user or the model names; otherwise the base's own.

    Args:
        wishes: ``--scheduler``.
        measured: the loader's length.
        hints: what the model's text says.

    Raises:
        UnusableInput: an unknown scheduler.
        AnswerNeeded: one that wants the number of steps, and no loader that knows it.
    """
    name = wishes.scheduler or hints.scheduler
    if name is None:
        return ChosenScheduler()
    given = wishes.scheduler is not None
    reason = "you said so" if given else hints.said.get("scheduler", "")
    check_scheduler(name)
    if ":" in name:
        module, _, class_name = name.partition(":")
        plan = SchedulerPlan(name, module, class_name, "epoch")
        decision = Decision(
            "scheduler", f"scheduler {name}", "you said so; steps once an epoch", "--scheduler", given=True
        )
        return ChosenScheduler(plan, (), decision)
    listed = LISTED[name]
    decision = Decision(
        "scheduler",
        f"scheduler {name}, once a{'n epoch' if listed.cadence == 'epoch' else ' ' + listed.cadence}",
        reason,
        "--scheduler",
        "plateau: the base's, needs no length of the run" if name != "plateau" else None,
        given,
    )
    if name == "plateau":
        return ChosenScheduler(None, (), decision)
    arguments = [ModelArgument(keyword, setting, default) for keyword, setting, _, default, _ in listed.arguments]
    settings = [
        Setting(setting, kind, default, default.strip("()"), doc)
        for _, setting, kind, default, doc in listed.arguments
        if kind
    ]
    if name == "one_cycle":
        batches = _batches_an_epoch(measured)
        arguments += [
            ModelArgument("epochs", "num_epochs", str(DEFAULT_EPOCHS)),
            ModelArgument("steps_per_epoch", "scheduler_steps_per_epoch", str(batches)),
            # Else it drives the momentum as well, and the configured one counts for nothing.
            ModelArgument("cycle_momentum", None, "False"),
        ]
        doc = "optimizer steps an epoch: batches of the training loader; correct it with batch_size"
        settings.append(Setting("scheduler_steps_per_epoch", "int", str(batches), str(batches), doc))
    module = RUNTIME if name == "warmup_cosine" else TORCH
    return ChosenScheduler(
        SchedulerPlan(name, module, listed.class_name, listed.cadence, tuple(arguments)), tuple(settings), decision
    )


def check_scheduler(name: str | None) -> None:
    """Refuses a name that is neither listed nor ``module:name``.

    Raises:
        UnusableInput: with a did-you-mean.
    """
    if name is not None and ":" not in name and name not in LISTED:
        hint = f"{did_you_mean(name, tuple(LISTED))} (or a class of yours: --scheduler module:name)"
        raise UnusableInput(f"--scheduler {name}: not known", hint=hint)


def _batches_an_epoch(measured: TorchFacts) -> int:
    batches = measured.loader.batch_count if measured.loader is not None else None
    if batches is None:
        raise AnswerNeeded(
            "scheduler one_cycle needs the number of steps, and there is no loader that knows it",
            flags=("--loader module:name", "--scheduler warmup_cosine"),
            questions=(
                Question(
                    "--scheduler",
                    "",
                    "one_cycle needs the number of steps, and there is no loader that knows it",
                    "warmup_cosine",
                    ("likely warmup_cosine: of the same form, it learns the length when training starts",),
                ),
            ),
            hint="or give the loader that it will train on: --loader module:name",
        )
    return batches
