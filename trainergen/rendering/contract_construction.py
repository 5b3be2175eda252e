"""How a trainer under a project's own contract is built: its parts as expressions, its constructor where no sibling has one."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import AnswerNeeded, Conflict
from .contract_parts import HERE, optimizer_call, scheduler_call
from .transplant import Parts, Renames, Transplant

if TYPE_CHECKING:
    from ..contracts.class_source import ClassSource
    from ..contracts.contract_facts import ContractFacts, Slot
    from ..contracts.particular import Particular
    from ..patching.configuration import Configuration
    from ..planning.plan import TrainerPlan
    from .contract_parts import Access


STEPPING = ("train", "train_epoch", "train_step", "evaluate", "evaluate_step", "loss")
"""Roles whose methods are written anew, whatever the sibling has."""


@dataclass(frozen=True)
class Expressions:
    """What makes each part; settings are read from `HERE`.

    Attributes:
        plan: the decisions.
        model: the model's call.
        loader: the call that gives the training data; "" where nobody said where they are.
        validation: the call that gives the validation data; "None" where there are none.
        optimizer_name, scheduler_name: what is called for them, where the plan has others than the base or the siblings.
    """

    plan: TrainerPlan
    model: str
    loader: str
    validation: str
    optimizer_name: str
    scheduler_name: str

    @property
    def training(self) -> str:
        """The training data.

        Raises:
            AnswerNeeded: nobody said where they are.
        """
        if self.loader:
            return self.loader
        raise AnswerNeeded(
            "this project's trainers make their own data loaders, and nothing says which is this model's",
            flags=("--loader",),
            hint="--loader module:name",
        )

    @property
    def model_config(self) -> str:
        """A mapping literal of the model's arguments."""
        given = [each for each in self.plan.model.arguments if not each.name.startswith("*")]
        pairs = [f'"{each.name}": {f"{HERE}.{each.setting}" if each.setting else each.literal}' for each in given]
        return "{" + ", ".join(pairs) + "}"

    def optimizer(self, parameters: str) -> str:
        """The optimizer of `parameters`."""
        asked = self.plan.optimizer
        arguments = tuple(
            replace(each, literal=f"{HERE}.{each.setting}", setting=None) if each.setting else each
            for each in asked.arguments
        )
        return optimizer_call(
            replace(asked, arguments=arguments), self.optimizer_name or "torch.optim.AdamW", parameters
        )

    def scheduler(self, optimizer: str) -> str:
        """The scheduler of `optimizer`; "None" where none was asked for."""
        asked = self.plan.scheduler
        if asked is None:
            return "None"
        arguments = tuple(
            replace(each, literal=f"{HERE}.{each.setting}", setting=None) if each.setting else each
            for each in asked.arguments
        )
        return scheduler_call(replace(asked, arguments=arguments), self.scheduler_name, optimizer)


def expressions(plan: TrainerPlan, view: dict[str, Any]) -> Expressions:
    """Of the plan, with the names that the view imports."""
    return Expressions(
        plan,
        str(view["model_call"]),
        view["loaders"].training,
        view["loaders"].validation or "None",
        "" if plan.optimizer.is_default else str(view["optimizer"].name),
        "" if plan.scheduler is None else str(view["scheduler"].name),
    )


@dataclass(frozen=True)
class Built:
    """The constructor of a trainer without siblings, and the attributes that a base waits for.

    Attributes:
        parameter: of ``__init__``, with its comma; "" for none.
        lines: statements ahead of the base's constructor.
        arguments: of that.
        attributes: (name, expression), for a method that sets them.
    """

    parameter: str
    lines: tuple[str, ...]
    arguments: str
    attributes: tuple[tuple[str, str], ...]


def built(
    contract: ContractFacts, configuration: Configuration, made: Expressions, access: Access, awaited: tuple[str, ...]
) -> Built:
    """A constructor that makes every part by itself; needed where no sibling shows another.

    Raises:
        Conflict: the base waits for something that only the project knows.
    """
    known = {
        "model": made.model,
        "train_loader": made.loader,
        "val_loader": made.validation,
        "optimizer": made.optimizer("model.parameters()"),
        "scheduler": made.scheduler("optimizer"),
    }
    order = ("config", *known)
    waits = {*contract.constructor.slots.values(), *(slot for _, slot in contract.constructor.before_super)}
    if "config" in waits and not configuration.construct:
        raise _unknown(contract, "a configuration")
    if contract.constructor.style == "before-super":
        return _set_first(contract, configuration, made, access, order)
    lines = []
    config = "config"
    needed = {slot for name, slot in contract.constructor.slots.items() if _is_needed(contract, name, slot)}
    annotation = f": {configuration.annotation} | None" if configuration.annotation else ""
    if configuration.construct:
        lines.append(f"config = config if config is not None else {configuration.construct}")
    for slot, text in known.items():
        if slot in needed and text != "None":
            lines.append(f"{slot} = {access.spell(text or made.training, config, built=True)}")
    given: list[str] = []
    for each in contract.constructor.base:
        slot = contract.constructor.slots.get(each.name, "")
        if slot not in needed:
            if each.default is None and each.kind in ("positional", "keyword"):
                raise _unknown(contract, each.name)
            continue
        value = "None" if known.get(slot) == "None" else str(slot)
        if slot == "model_config":
            value = access.spell(made.model_config, config, built=True)
        elif slot == "training_config":
            value = config
        given.append(
            value if each.kind == "positional" and not any("=" in it for it in given) else f"{each.name}={value}"
        )
    parameter = (
        f", config{annotation} = None" if configuration.construct else f", config{annotation.removesuffix(' | None')}"
    )
    attributes = _awaited(contract, made, access, awaited)
    return Built(parameter, tuple(lines), ", ".join(given), attributes)


def _is_needed(contract: ContractFacts, name: str, slot: Slot) -> bool:
    if slot in ("model", "optimizer", "train_loader", "val_loader", "config", "model_config", "training_config"):
        return True
    required = any(each.name == name and each.default is None for each in contract.constructor.base)
    return slot == "scheduler" and required


def _set_first(
    contract: ContractFacts, configuration: Configuration, made: Expressions, access: Access, order: tuple[str, ...]
) -> Built:
    names = {slot: name for name, slot in contract.constructor.before_super if slot}
    unknown = next((name for name, slot in contract.constructor.before_super if slot not in order), "")
    if unknown:
        raise _unknown(contract, unknown)
    config = f"self.{names['config']}" if "config" in names else "config"
    lines = [f"{config} = {configuration.construct}"] if configuration.construct else []
    values = {
        "model": made.model,
        "train_loader": made.loader,
        "val_loader": made.validation,
        "optimizer": made.optimizer(f"self.{names.get('model', 'model')}.parameters()"),
        "scheduler": made.scheduler(f"self.{names.get('optimizer', 'optimizer')}"),
    }
    lines += [
        f"self.{names[slot]} = {access.spell(text or made.training, config, built=True)}"
        for slot, text in values.items()
        if slot in names
    ]
    return Built("" if configuration.construct else ", config", tuple(lines), "", ())


def _awaited(
    contract: ContractFacts, made: Expressions, access: Access, awaited: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    from ..contracts.vocabulary import slot_of

    names = {slot_of(name): name for name in awaited if slot_of(name)}
    values = {
        "model": made.model,
        "train_loader": made.loader,
        "val_loader": made.validation,
        "optimizer": made.optimizer(f"self.{names.get('model', 'model')}.parameters()"),
    }
    config = f"self.{contract.attributes.get('config', 'config')}"
    return tuple(
        (names[slot], access.spell(text or made.training, config)) for slot, text in values.items() if slot in names
    )


def _unknown(contract: ContractFacts, name: str) -> Conflict:
    return Conflict(
        f"{contract.base.facts.name} needs {name}, and no trainer shows what it is",
        place=contract.constructor.place or f"{contract.base.facts.file}:{contract.base.facts.line}",
        hint="write one trainer by hand: the next is written after it",
    )


def transplant_for(
    contract: ContractFacts,
    configuration: Configuration,
    made: Expressions,
    access: Access,
    words: Particular,
    sibling: ClassSource | None,
) -> Transplant:
    """What rewrites the sibling's methods."""
    plan = made.plan
    parts = Parts(
        config=configuration.construct,
        annotation=configuration.annotation,
        model=lambda config: access.spell(made.model, config, built=True),
        model_name=made.model.partition("(")[0],
        model_config=lambda config: access.spell(made.model_config, config, built=True),
        train_loader=lambda config: access.spell(made.training, config, built=True),
        val_loader=lambda config: access.spell(made.validation, config, built=True),
        optimizer=(
            None
            if plan.optimizer.is_default
            else lambda config, parameters: access.spell(made.optimizer(parameters), config, built=True)
        ),
        scheduler=(
            None
            if plan.scheduler is None
            else lambda config, optimizer: access.spell(made.scheduler(optimizer), config, built=True)
        ),
    )
    renames = _renames(contract, configuration, made, words, sibling)
    config = contract.attributes.get("config", "")
    return Transplant(parts, renames, words, contract.constructor.slots, config, _own_criteria(contract))


CRITERIA = ("criterion", "loss_fn", "loss_function", "criterion_fn")


def _own_criteria(contract: ContractFacts) -> frozenset[str]:
    """Loss functions that the sibling keeps for its own step, which is written anew."""
    awaited = {name for name, _ in contract.awaited}
    kept = " ".join(each.pattern for each in contract.duties if each.role not in STEPPING)
    return frozenset(name for name in CRITERIA if name not in awaited and not re.search(rf"self\.{name}\b", kept))


def _renames(
    contract: ContractFacts,
    configuration: Configuration,
    made: Expressions,
    words: Particular,
    sibling: ClassSource | None,
) -> Renames:
    names = dict.fromkeys(words.models, made.model.partition("(")[0])
    if contract.sibling is not None:
        names[contract.sibling.name] = made.plan.names.trainer_class
    if not words.snake:
        return Renames(names, {})
    if sibling is not None and made.loader:
        given = _given_by_data(sibling.module)
        for node in ast.walk(sibling.node):
            if (
                isinstance(node, ast.Name)
                and words.mentions(node.id)
                and (node.id in given or re.search(r"load|data", node.id.lower()))
            ):
                names.setdefault(node.id, made.loader.partition("(")[0])
    snake = new_word(contract, words, made.plan)
    camel = "".join(part.capitalize() for part in snake.split("_"))
    if sibling is not None and words.camel:
        # The class of the sibling's settings, wherever it is named: `config_class = RidgeConfig`, `Experiment[RidgeConfig]`.
        known = _setting_classes(configuration)
        for node in ast.walk(sibling.node):
            if isinstance(node, ast.Name) and node.id.replace(words.camel, camel) in known - {node.id}:
                names[node.id] = node.id.replace(words.camel, camel)
    return Renames(names, {words.snake: snake, words.camel: camel, words.snake.upper(): snake.upper()})


def _setting_classes(configuration: Configuration) -> set[str]:
    """Names of classes that the new trainer's settings are in."""
    found = {configuration.annotation, *(name for _, name in configuration.imports)}
    if configuration.definition:
        defined = ast.parse(configuration.definition).body
        found |= {each.name for each in defined if isinstance(each, ast.ClassDef)}
    return found - {""}


def _given_by_data(module: ast.Module) -> set[str]:
    """Functions that a file imports from a module of data, whatever they are called."""
    return {
        alias.asname or alias.name
        for node in module.body
        if isinstance(node, ast.ImportFrom) and re.search(r"(^|[._])(data|load)", (node.module or "").lower())
        for alias in node.names
        if alias.name.islower()
    }


def new_word(contract: ContractFacts, words: Particular, plan: TrainerPlan) -> str:
    """What the new trainer has where the sibling has its model's word (``wine``): read out of the class's name."""
    old, new = (contract.sibling.name if contract.sibling else ""), plan.names.trainer_class
    if words.snake and contract.kind == "functions":
        prefix, _, suffix = old.partition(words.snake)
        return new[len(prefix) : len(new) - len(suffix)] if new.startswith(prefix) else plan.names.snake
    if not words.camel or words.camel not in old:
        return plan.names.snake
    prefix, _, suffix = old.partition(words.camel)
    if not (new.startswith(prefix) and new.endswith(suffix)):
        return plan.names.snake
    middle = new[len(prefix) : len(new) - len(suffix)]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", middle).lower() or plan.names.snake
