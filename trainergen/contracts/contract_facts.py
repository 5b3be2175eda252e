"""What a project's base trainer asks of a subclass and does by itself, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..inspection.training_facts import BaseTrainer, ClassFacts, Parameter
from .vocabulary import slot_of

Kind = Literal["loss_returning", "full_loop", "epoch_level", "step_level", "component_hooks", "functions"]
Role = Literal[
    "train",
    "train_epoch",
    "train_step",
    "evaluate",
    "evaluate_step",
    "loss",
    "forward",
    "criterion",
    "unpack",
    "build_model",
    "build_optimizer",
    "build_scheduler",
    "build_loader",
    "setup",
    "builder",
    "batch_metrics",
    "save_weights",
    "save_checkpoint",
    "save_metrics",
    "pattern",
]
"""What a method is for; ``pattern``: whatever it is, a sibling's is followed word for word."""
Slot = Literal[
    "model",
    "optimizer",
    "scheduler",
    "train_loader",
    "val_loader",
    "config",
    "model_config",
    "training_config",
    "parameters",
    "device",
    "batch",
    "split",
    "run_name",
    "run_directory",
    "epochs",
    "best",
    "scaler",
    "outputs",
    "targets",
    "",
]
"""What a parameter or an attribute holds; "" for something that only the project knows."""


@dataclass(frozen=True)
class Duty:
    """One method that the new trainer writes.

    Attributes:
        name: as the base calls it.
        role: what it is for.
        parameters: without self, as a sibling writes them, else as the base does.
        returns: annotation's source text; None where there is none.
        decorators: source text without the @, abstract ones left out.
        evidence: why it is taken for that, one phrase.
        docstring: first line of the base's, or of a sibling's.
        pattern: source of a sibling's method, dedented; "" where no sibling writes it.
        place: ``file:line`` of that, or of the base's.
        gives: what it returns: ``tensor``, ``pair``, ``mapping``, ``number``, ``nothing``, "" where it is not known.
        keys: of a mapping that it returns.
    """

    name: str
    role: Role
    parameters: tuple[Parameter, ...] = ()
    returns: str | None = None
    decorators: tuple[str, ...] = ()
    evidence: str = ""
    docstring: str = ""
    pattern: str = ""
    place: str = ""
    gives: Literal["tensor", "pair", "mapping", "number", "nothing", ""] = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Constructor:
    """How a trainer is built.

    Attributes:
        style: ``inherited``: siblings write none; ``parts``: they hand the parts to the base; ``dicts``: two mappings;
            ``before-super``: they set attributes first.
        base: parameters that the base really has, in this version.
        own: those of the sibling's; () where it writes none.
        slots: parameter of the base -> what it holds.
        own_slots: parameter of the sibling's -> what it holds.
        pattern: source of the sibling's ``__init__``, dedented; "" for none.
        before_super: attributes that must be there before ``super().__init__()``, with what they hold.
        place: ``file:line`` of the pattern, or of the base's.
    """

    style: Literal["inherited", "parts", "dicts", "before-super"] = "inherited"
    base: tuple[Parameter, ...] = ()
    own: tuple[Parameter, ...] = ()
    slots: Mapping[str, Slot] = field(default_factory=dict)
    own_slots: Mapping[str, Slot] = field(default_factory=dict)
    pattern: str = ""
    before_super: tuple[tuple[str, Slot], ...] = ()
    place: str = ""


@dataclass(frozen=True)
class ContractFacts:
    """The contract of one base trainer.

    Attributes:
        kind: which contract it is; the folder in `contracts` with its frame and drive.
        base: the base trainer; of the contract of functions its `facts` name the function that is followed.
        constructor: see there.
        duties: methods to write, in the order in which the sibling has them.
        sibling: the trainer that is followed; None where there is none.
        attributes: slot -> attribute (``optimizer`` -> ``optim``), of those that are known.
        run: the public method that trains, "" for none; `run_parameters` with what they hold.
        awaited: attributes that the base reads and nobody there sets, with what they hold.
        loss: the method that gives the loss; "" where it is computed inside of a step.
        moves: which batches the base brings to the device: ``tensor``, ``sequence``, ``mapping``.
        moves_model: the base brings the model to the device.
        provides: what the base does: zero_grad, backward, step, clip, schedule, stop early, save, log, evaluate.
        clip: source text of the norm that the base clips to; "" where it does not, or not by a norm.
        evaluates: the method that evaluates, "" for none.
        reasons: why it is this kind, strongest first.
        gates: contract gates (TG0nn) that apply, and what fulfils each.
    """

    kind: Kind
    base: BaseTrainer
    constructor: Constructor = Constructor()
    duties: tuple[Duty, ...] = ()
    sibling: ClassFacts | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    run: str = ""
    run_parameters: tuple[tuple[str, Slot], ...] = ()
    awaited: tuple[tuple[str, Slot], ...] = ()
    loss: str = ""
    moves: tuple[str, ...] = ()
    moves_model: bool = False
    provides: tuple[str, ...] = ()
    clip: str = ""
    evaluates: str = ""
    reasons: tuple[str, ...] = ()
    gates: Mapping[str, str] = field(default_factory=dict)

    def duty(self, *roles: Role) -> Duty | None:
        """The first method to write that has one of these roles."""
        return next((each for each in self.duties if each.role in roles), None)

    def as_words(self, *, loss: str, model: str = "", loaders: tuple[str, ...] = ()) -> dict[str, Any]:
        """What the lab needs to drive a trainer of this contract, JSON-able.

        Args:
            loss: the method of the rendered trainer that gives its loss (``rendering.contract_loop.loss_method``), or
                the function (``rendering.contract_function.function_loss``).
            model: what a function calls to make its model.
            loaders: what it calls to make its data.
        """
        builder = self.duty("builder")
        evaluate = self.duty("evaluate")
        saving = self.duty("save_weights")
        criterion = self.duty("criterion")
        epoch, step = self.duty("train_epoch"), self.duty("train_step")
        return {
            "kind": self.kind,
            "model": model,
            "loaders": list(loaders),
            "attributes": dict(self.attributes),
            "builder": None if builder is None else builder.name,
            "slots": dict(self.constructor.own_slots or self.constructor.slots),
            "run": self.run,
            "run_parameters": [list(each) for each in self.run_parameters],
            "loss": loss,
            "epoch": None if epoch is None else epoch.name,
            "step": None if step is None else step.name,
            "evaluate": evaluate.name if evaluate is not None else self.evaluates,
            "save": None if saving is None else saving.name,
            "criterion": None if criterion is None else criterion.name,
            "makes_loaders": [each.name for each in self.duties if each.role == "build_loader"],
            "moves": list(self.moves),
            "takes_batch": next((_takes_batch(each) for each in self.duties if each.name == loss), True),
            "clip": self.clip,
        }


def _takes_batch(duty: Duty) -> bool:
    """A loss method that is given outputs and targets can't be asked for the loss of a batch."""
    return not any(slot_of(each.name, "loss") == "outputs" for each in duty.parameters)
