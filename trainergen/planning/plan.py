"""The trainer plan: every decision about a trainer as data, before a character of it is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..inspection.batch_spec import BatchSpec, Path


@dataclass(frozen=True)
class Decision:
    """One choice, with its evidence and the flag that changes it.

    Attributes:
        topic: pattern, loss, target, optimizer, scheduler, metrics, name, package, argument ...
        choice: what was chosen, as the report prints it (``pattern ranking``, ``AdamW lr=3e-4``).
        reason: the evidence, one phrase.
        flag: the option that changes it.
        runner_up: the next best choice, with why it lost; None where nothing else was possible.
        given: the user said so.
        assumed: a guess: printed as ``guess`` and marked ``# assumed:`` in the file.
    """

    topic: str
    choice: str
    reason: str
    flag: str | None = None
    runner_up: str | None = None
    given: bool = False
    assumed: bool = False


@dataclass(frozen=True)
class Names:
    """All names of one trainer (DESIGN section 4)."""

    snake: str  # digits_net
    trainer_class: str  # DigitsNetTrainer
    config_class: str  # DigitsNetTrainerConfig
    section: str  # train_digits_net
    trainer_file: str  # train/digits_net_trainer.py, relative to the project root
    trainer_module: str  # train.digits_net_trainer
    config_file: str  # config/train.py
    config_module: str  # config.train
    config_init: str  # config/__init__.py
    train_init: str  # train/__init__.py
    base_module: str  # train.base_trainer
    ini_file: str  # config.ini
    record_file: str  # .trainergen/digits_net_trainer.json
    command: str  # python train.py DigitsNet


@dataclass(frozen=True)
class ModelPlan:
    """How ``build_model`` makes the model.

    Attributes:
        module, name: what to import (the class, or the factory function of ``--factory`` or ``--model``).
        class_module, class_name: the class for annotations; equal to the above for a class, None for a factory.
        arguments: constructor keyword -> either a setting name (``model_hidden``) or a literal, in signature order.
        summary: what the model is, one sentence (its docstring's first line, or made from its facts).
    """

    module: str
    name: str
    class_module: str | None
    class_name: str | None
    arguments: tuple[ModelArgument, ...] = ()
    summary: str = ""


@dataclass(frozen=True)
class ModelArgument:
    """One argument of a call in generated code.

    Attributes:
        name: the keyword.
        setting: the config field that feeds it; None for the literal.
        literal: source text of the value; "" where `value` has to be spelled with its imports.
        value: plain data (see `inspection.expressions`) of what is no literal: an instance, a class, a list of them.
        assumed: the literal is a guess: its evidence, for the mark on its line.
    """

    name: str
    setting: str | None
    literal: str
    value: Any = None
    assumed: str = ""


@dataclass(frozen=True)
class Setting:
    """One field of the config dataclass and its line in config.ini.

    Attributes:
        name: field name.
        annotation: source text of the type (``int``, ``float | None``, ``tuple[int, ...]``).
        default: source text of the default.
        value: text in config.ini.
        doc: one line that says what it is, with its unit.
        inherited: the field is BaseTrainerConfig's; only its default differs here.
        assumed: the default is a guess: its evidence, for the mark on its line.
    """

    name: str
    annotation: str
    default: str
    value: str
    doc: str
    inherited: bool = False
    assumed: str = ""


@dataclass(frozen=True)
class Input:
    """One argument of the forward call in the generated trainer.

    Attributes:
        path: where it sits in the batch.
        variable: the local name in the generated code.
        argument: keyword to pass it by; None: positional.
        prepare: see ``families.torch.facts.FeedArgument.prepare``.
    """

    path: Path
    variable: str
    argument: str | None = None
    prepare: tuple[str, ...] = ()


@dataclass(frozen=True)
class Auxiliary:
    """A loss that the model returns beside its output: where it is, its weight's setting, its name in the logs.

    With `training_only`, in eval mode forward returns nothing there.
    """

    name: str
    output: Path
    setting: str
    weight: float
    training_only: bool = False


@dataclass(frozen=True)
class Check:
    """What the generated ``_validate_batch`` demands of one leaf.

    Attributes:
        path, variable: the leaf, and its name in messages (``batch["image"]``).
        kind: ``tensor`` or ``strings``.
        dtype: exact dtype name, or ``floating`` / ``integral`` where any of the kind works.
        dims: fixed sizes as int (demanded because an annotation fixes them or the model failed with another), symbols elsewhere.
        low, high: value range (high exclusive for integers), checked once on the first batch; None: unchecked.
        reason: where a demand comes from, for --explain.
        high_of: the setting that `high` is the value of, or the dimension that it is the size of. A dimension that is a
            setting's value carries the setting's name.
    """

    path: Path
    variable: str
    kind: str
    dtype: str
    dims: tuple[int | str, ...]
    low: int | float | None = None
    high: int | float | None = None
    reason: str = ""
    high_of: str = ""


@dataclass(frozen=True)
class Part:
    """A further value that the loss takes, beyond prediction and target.

    Attributes:
        role: what the reference and the template call it (``mu``, ``input_lengths``).
        origin: ``output``: of what forward returned; ``batch``: of the batch; ``call``: of what forward returns for this
            part of the batch in place of its one input (a triplet's positive).
        path: where it is in the output or the batch.
        variable: local name in generated code.
        prepare: operations on it, as a target's.
        output: of a call: where the value is in what forward returned.
        low, high: what every value of a part of the batch must lie in; high exclusive for integers.
    """

    role: str
    origin: Literal["output", "batch", "call"]
    path: Path
    variable: str
    prepare: tuple[str, ...] = ()
    output: Path = ()
    low: int | float | None = None
    high: int | float | None = None


@dataclass(frozen=True)
class Term:
    """One term of a loss that is a sum, as it is logged: its weight is the config's `setting`, or 1 where None."""

    name: str
    setting: str | None = None
    weight: float = 1.0
    doc: str = ""


@dataclass(frozen=True)
class Constant:
    """A number that a loss takes (``margin``, ``padding``): the config's `setting`, or a literal where None."""

    name: str
    value: int | float | tuple[float, ...]
    setting: str | None = None
    doc: str = ""


@dataclass(frozen=True)
class Head:
    """One output of a multi-task model with a loss of its own, whose weight is the config's `setting`.

    Attributes:
        name: in the logs, as ``<name>_loss``.
        task, loss: as an `Objective`'s.
        prediction, target: the roles of its pair: ``prediction`` and ``target`` of the first, `Part`s of the others.
        setting, weight: the config's field and its default.
    """

    name: str
    task: str
    loss: str
    prediction: str
    target: str
    setting: str
    weight: float = 1.0


@dataclass(frozen=True)
class Objective:
    """Task, loss, target, metrics.

    Attributes:
        task: the ``TASK`` of a file in ``families/torch/objectives`` (``multi-class``).
        loss: a name of the task's file (``cross_entropy``), or ``module:name``.
        prediction: path into what forward returns; () for a bare tensor.
        output_kind: tensor, mapping, tuple, list, dataclass, namedtuple: how `prediction` is read.
        target: path into the batch; None for own-loss; an input's path for reconstruction.
        target_variable: local name in generated code.
        target_prepare: operations on the target (``float``, ``long``, ``unsqueeze:1``, ``squeeze:1``).
        prediction_prepare: operations on the prediction (``squeeze:1``).
        metrics: batch metric names of the task's file, or ``module:name``.
        epoch_metrics: metrics over the epoch (auc, f1, r2).
        auxiliaries: extra losses.
        classes: number of classes where the task has them.
        target_low, target_high: what every value of the target must lie in; high exclusive for integers.
        parts: further values that the loss takes.
        terms: where the loss is a sum, its terms in order.
        constants: numbers that the loss takes.
        heads: the outputs of a multi-task objective, which are its terms.
        bare_in_eval: in eval mode forward returns the prediction alone, not in a container.
    """

    task: str
    loss: str
    prediction: Path
    output_kind: str
    target: Path | None
    target_variable: str = "targets"
    target_prepare: tuple[str, ...] = ()
    prediction_prepare: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    epoch_metrics: tuple[str, ...] = ()
    auxiliaries: tuple[Auxiliary, ...] = ()
    classes: int | None = None
    target_low: int | float | None = None
    target_high: int | float | None = None
    parts: tuple[Part, ...] = ()
    terms: tuple[Term, ...] = ()
    constants: tuple[Constant, ...] = ()
    heads: tuple[Head, ...] = ()
    bare_in_eval: bool = False

    @property
    def judged(self) -> dict[Path, str]:
        """Parts of the batch that the loss takes, with their local names: the target first."""
        found = {} if self.target is None else {self.target: self.target_variable}
        return found | {each.path: each.variable for each in self.parts if each.origin != "output"}

    @property
    def tuned(self) -> dict[str, float]:
        """Settings of the config that change the loss, with their defaults: weights of terms, tunable constants."""
        found: list[tuple[str | None, float]] = [(each.setting, each.weight) for each in self.terms]
        found += [(each.setting, each.weight) for each in self.heads]
        found += [(each.setting, each.weight) for each in self.auxiliaries]
        found += [(each.setting, each.value) for each in self.constants if isinstance(each.value, float)]
        return {name: float(value) for name, value in found if name is not None}


@dataclass(frozen=True)
class OptimizerPlan:
    """Optimizer, its arguments, and whether the base's default (AdamW, decay off on norms, biases, embeddings) is it.

    Attributes:
        name: listed name (``adamw``, ``sgd``) or ``module:name``.
        import_module, class_name: ``torch.optim``, ``SGD``.
        arguments: keyword -> literal source text, or the setting that feeds it, in order.
        is_default: the base's own: no ``build_optimizer`` is generated.
        decay_groups: split parameters into decayed and undecayed.
        groups: (parameter-name prefix, learning-rate factor) for models that ask for parameter groups.
    """

    name: str
    import_module: str
    class_name: str
    arguments: tuple[ModelArgument, ...] = ()
    is_default: bool = True
    decay_groups: bool = True
    groups: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class SchedulerPlan:
    """Scheduler with its cadence (``step``, ``epoch``, ``validation``); None arguments as in `OptimizerPlan`."""

    name: str
    import_module: str
    class_name: str
    cadence: str
    arguments: tuple[ModelArgument, ...] = ()


@dataclass(frozen=True)
class DataPlan:
    """What ``build_dataloaders`` does.

    Attributes:
        kind: ``loader`` (the user's), ``stub`` (raises with instructions), ``combined`` (the generated similarity loader).
        module, name: what to import for ``loader``; for ``combined`` the generated module.
        is_factory: call it.
        arguments: source text of the keyword arguments for training (``batch_size=config.batch_size``).
        validation_module, validation_name, validation_is_factory, validation_arguments: the same for validation; None: none.
    """

    kind: str
    module: str | None = None
    name: str | None = None
    is_factory: bool = False
    arguments: tuple[str, ...] = ()
    validation_module: str | None = None
    validation_name: str | None = None
    validation_is_factory: bool = False
    validation_arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainerPlan:
    """One ranked way to train the model; a plug-in changes a decision here, not a string.

    Attributes:
        family, contract: which templates and which frame.
        patterns: the user-facing words, in order (``structured``, ``custom-optimizer``).
        feeding: ``simple``, ``structured`` or ``multi-tensor``: decides unpack and ``_forward_batch``.
        inputs: the forward call.
        whole_batch: forward takes the batch object itself.
        output_symbols: dims of the prediction, for docstrings.
        notes: what is special about this model, for docstrings (BatchNorm needs two samples, tied weights, frozen parts).
        package: as in ProjectFacts.
        vendored: the project carries the runtime's source.
        dtype: of the model's floating parameters: what the operation ``float`` casts to.
    """

    family: str
    contract: str
    patterns: tuple[str, ...]
    names: Names
    model: ModelPlan
    batch: BatchSpec
    feeding: str
    inputs: tuple[Input, ...]
    checks: tuple[Check, ...]
    objective: Objective
    optimizer: OptimizerPlan
    data: DataPlan
    scheduler: SchedulerPlan | None = None
    settings: tuple[Setting, ...] = ()
    decisions: tuple[Decision, ...] = ()
    whole_batch: bool = False
    output_symbols: tuple[int | str, ...] = ()
    notes: tuple[str, ...] = ()
    package: str = ""
    vendored: bool = False
    dtype: str = "float32"
