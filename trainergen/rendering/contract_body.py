"""Decides, method by method, what stands in a trainer under a project's own contract."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ..contracts.contract_facts import Duty
from ..errors import Conflict
from ..inspection.batch_spec import Branch, Leaf
from ..inspection.training_facts import Parameter
from .contract_construction import Built, built, expressions, transplant_for
from .contract_imports import base_import, base_package, import_line, imports_for, relative_import
from .contract_loop import attribute, evaluates_itself, loop_words, loss_method
from .contract_methods import Method, method
from .contract_parts import inline_metrics

if TYPE_CHECKING:
    from ..contracts.class_source import ClassSource
    from ..contracts.contract_facts import ContractFacts, Slot
    from ..contracts.particular import Particular
    from ..inspection.training_facts import StyleFacts
    from ..patching.configuration import Configuration
    from ..patching.joining import Registration
    from ..planning.plan import TrainerPlan
    from .contract_parts import Access

PATTERNS = ("pattern", "builder", "save_weights", "save_checkpoint", "save_metrics", "setup")
"""Roles whose sibling is followed word for word, its model replaced."""


class Body:
    """The methods of one trainer.

    Args:
        plan: the decisions.
        contract, style: the project's.
        configuration: of the trainer.
        access: to its settings.
        view: what blocks read, as far as it is made.
        sibling, words: the trainer that is followed, and what in it is about its model.
        base: the source of the base trainer.
    """

    def __init__(
        self,
        plan: TrainerPlan,
        contract: ContractFacts,
        style: StyleFacts,
        configuration: Configuration,
        access: Access,
        view: dict[str, Any],
        sibling: ClassSource | None,
        words: Particular,
        base: ClassSource | None,
    ) -> None:
        self.base = base
        self.plan = plan
        self.contract = contract
        self.style = style
        self.configuration = configuration
        self.access = access
        self.view = view
        self.sibling = sibling
        self.particular = words
        self.imports: list[str] = view["imports"]
        self.config = attribute(contract, "config", "training_config")
        self.made = expressions(plan, view)
        self.transplant = transplant_for(contract, configuration, self.made, access, words, sibling)

    def words(self, registration: Registration) -> dict[str, Any]:
        """What the frame reads beyond the view."""
        plan, contract, style = self.plan, self.contract, self.style
        line, said = base_import(contract, self.sibling, plan.names.trainer_file, relative=style.relative_imports)
        base = self._renamed(said)
        if self.particular.mentions(base.partition("[")[2]):  # generic in something of the sibling's own
            base = base.partition("[")[0]
        self.imports.append(line)
        if style.relative_imports:
            self.imports[:] = [
                relative_import(each, plan.names.trainer_module, base_package(contract)) for each in self.imports
            ]
        settings = (*self.configuration.imports, *self.configuration.definition_imports)
        self.imports += [import_line(module, name) for module, name in settings]
        if registration.decorator_import is not None:
            self.imports.append("from {} import {}".format(*registration.decorator_import))
        methods = self._methods()
        if self.base is not None and style.hints:
            for each in methods:
                # Types of a signature that is the base's own: its file imports them.
                signature = "" if each.text or not each.head else textwrap.dedent(each.head) + "\n    ..."
                self.imports += imports_for(signature, self.base, plan.names.trainer_file)
        inputs, rest = self.unpacking()
        logger = [each for each in style.logger if not each.startswith(("import ", "from "))]
        self.imports += [each for each in style.logger if each.startswith(("import ", "from "))]
        loss, forward = contract.duty("loss"), contract.duty("forward")
        words = loop_words(contract, plan, style, self.particular, validates=self.validates)
        if self.sibling is not None:
            for text in words["around"].lines:
                self.imports += imports_for(text, self.sibling, plan.names.trainer_file)
        return words | {
            "base_name": f"{base}, {registration.class_keywords}" if registration.class_keywords else base,
            "registration": registration,
            "methods": methods,
            "device": attribute(contract, "device") or f"next({attribute(contract, 'model')}.parameters()).device",
            "model": attribute(contract, "model"),
            "optimizer_attribute": attribute(contract, "optimizer"),
            "scheduler_attribute": attribute(contract, "scheduler"),
            "run_directory": attribute(contract, "run_directory") or '"runs"',
            "has_scheduler": words["cadence"] != "",
            "config": self.config,
            "logger_lines": logger,
            "logger_name": style.logger_name,
            "style": style,
            "batch_type": self.batch_type,
            "input_lines": inputs,
            "target_lines": rest,
            "stats": self._stats() if loss is not None and loss.gives == "pair" else [],
            "has_validation": self.validates,
            "has_forward": forward is not None and loss is not None,
            "forward_name": "" if forward is None else forward.name,
            "constructed": self._constructed() if self.sibling is None else None,
            "built_optimizer": lambda parameters: self.access.spell(self.made.optimizer(parameters), self.config),
            "built_scheduler": lambda optimizer: self.access.spell(self.made.scheduler(optimizer), self.config),
            "model_call": self.access.spell(self.made.model, self.config),
            "train_data": lambda: self.access.spell(self.made.training, self.config),
            "val_data": lambda: self.access.spell(self.made.validation, self.config),
            "loss_key": lambda keys: next((each for each in keys if "loss" in each), "loss"),
            "criterion": SimpleNamespace(parameters=self._criterion_parameters()),
            "class_words": (self.view["words"].module, self.view["batch"].description),
            "class_lines": self._class_lines(registration.class_attribute),
            "definition": self.configuration.definition,
            "imports": self.imports,
        }

    @property
    def validates(self) -> bool:
        """There is validation data."""
        return bool(self.view["loaders"].validation)

    @property
    def batch_type(self) -> str:
        """The batch's annotation; a DataLoader gives lists for tuples."""
        return str(self.view["batch"].annotation)

    @property
    def loss_name(self) -> str:
        """The method that gives the loss: the contract's, or one of our own."""
        return loss_method(self.contract)

    # The methods.

    def _methods(self) -> list[Method]:
        found: list[Method] = []
        constructor = self._constructor()
        if constructor is not None:
            found.append(constructor)
        found += [self._method(each) for each in self.contract.duties]
        if self.configuration.member:
            found.append(Method("pattern", "", "", self.configuration.member.rstrip("\n")))
        first = 1 if constructor is not None else 0
        if evaluates_itself(self.contract, validates=self.validates):
            duty = Duty("evaluate", "evaluate", (), "float", gives="number")
            found.insert(first, method(duty, self.style, self.batch_type, ""))
        if self.contract.kind in ("full_loop", "epoch_level", "step_level") and self.contract.duty("loss") is None:
            found.insert(first, self._own_loss())
        return found

    def _method(self, duty: Duty) -> Method:
        if duty.pattern and duty.role in PATTERNS:
            text = self.transplant.method(duty.pattern, duty.place)
            return self._taken(duty, text)
        if duty.role == "build_loader" and duty.pattern and {"classmethod", "staticmethod"} & set(duty.decorators):
            return self._taken(duty, self.transplant.method(duty.pattern, duty.place))
        if duty.role == "unpack":
            self._demand_one_input(duty)
        if duty.role == "build_model" and "**" in duty.pattern:
            return self._taken(duty, self.transplant.method(duty.pattern, duty.place, "model"))
        if duty.role in ("build_optimizer", "build_scheduler") and duty.pattern:
            slot: Slot = "optimizer" if duty.role == "build_optimizer" else "scheduler"
            return self._taken(duty, self.transplant.method(duty.pattern, duty.place, slot))
        if duty.role == "pattern":
            raise Conflict(
                f"{self.contract.base.facts.name}.{duty.name} has to be written, and no trainer shows how",
                place=duty.place,
                hint="write one trainer by hand: the next is written after it",
            )
        if duty.role == "train_epoch" and not duty.gives:
            evaluate = self.contract.duty(
                "evaluate"
            )  # a base that says nothing of the one may say what the other gives
            duty = replace(duty, gives=evaluate.gives if evaluate is not None else "")
        return method(duty, self.style, self.batch_type, self._config_type(), indent=4)

    def _taken(self, duty: Duty, text: str) -> Method:
        if self.sibling is not None:
            self.imports += imports_for(text, self.sibling, self.plan.names.trainer_file)
        return Method(duty.role, duty.name, "", text)

    def _own_loss(self) -> Method:
        duty = Duty(self.loss_name, "loss", (Parameter("batch"),), "torch.Tensor", gives="tensor")
        return method(duty, self.style, self.batch_type, "")

    def _constructor(self) -> Method | None:
        built = self.contract.constructor
        if built.pattern and self.sibling is not None:
            text = self.transplant.method(built.pattern, built.place)
            self.imports += imports_for(text, self.sibling, self.plan.names.trainer_file)
            return Method("setup", "__init__", "", text)
        if self.sibling is not None or self._nothing_to_build():
            return None
        return Method("setup", "__init__", "")

    def _nothing_to_build(self) -> bool:
        """The base builds itself of hooks, or is built of what the hooks give."""
        return not any(each.default is None for each in self.contract.constructor.base) and (
            self.contract.constructor.style != "before-super"
        )

    def _demand_one_input(self, duty: Duty) -> None:
        """What the base feeds to the model and compares is one value each."""
        if len(self.plan.inputs) == 1 and not self.plan.whole_batch and not self.plan.objective.parts:
            return
        names = ", ".join(each.variable for each in self.plan.inputs)
        raise Conflict(
            f"{duty.name} gives the base one input and one target; this model takes {names or 'the whole batch'}",
            place=duty.place,
            hint="let the base's step call a method that a subclass can override, or name another base with base-trainer",
        )

    # Words.

    def _config_type(self) -> str:
        return self.configuration.annotation

    def unpacking(self) -> tuple[list[SimpleNamespace], list[SimpleNamespace]]:
        """The lines that take the inputs out of a batch, and those for the rest; what the base has moved is not moved."""
        unknown = "device" not in self.contract.attributes and self.contract.kind != "functions"
        moved = unknown or _shape(self.plan) in self.contract.moves
        lines = [SimpleNamespace(**{**vars(each), "tensor": each.tensor and not moved}) for each in self.view["unpack"]]
        count = 0 if self.plan.whole_batch else len(self.plan.inputs)
        return lines[:count], lines[count:]

    def _stats(self) -> list[tuple[str, str]]:
        return inline_metrics(self.plan, self.view["prediction"], self.view["target"].variable)

    def _constructed(self) -> Built:
        awaited = tuple(name for name, _ in self.contract.awaited)
        return built(self.contract, self.configuration, self.made, self.access, awaited)

    def _criterion_parameters(self) -> str:
        """Of the loss as a function: what the model gives, and the target."""
        kind = ": torch.Tensor" if self.style.hints else ""
        names = [self.view["prediction"], self.view["target"].variable]
        return ", ".join(f"{each}{kind}" for each in names if each)

    def _renamed(self, text: str) -> str:
        """Source of the sibling's, with the names of the new trainer."""
        for old, new in self.transplant.renames.names.items():
            text = re.sub(rf"\b{re.escape(old)}\b", new, text)
        for old, new in self.transplant.renames.words.items():
            text = re.sub(rf"(?<![A-Za-z0-9_]){re.escape(old)}(?![A-Za-z0-9_])", new, text)
        return text

    def _class_lines(self, registered: str) -> list[str]:
        """Class attributes: what the siblings have for their model (``model_class = WineNet``), and `registered`.

        Args:
            registered: the line by which the project finds the class (``name = "digits"``); "" for none.
        """
        found = [registered] if registered else []
        said = registered.partition("=")[0].partition(":")[0].strip()
        for name, value in self.contract.sibling.attributes if self.contract.sibling is not None else ():
            if name == said:
                continue
            text = self._renamed(f"{name} = {value}")
            if value and not self.particular.mentions(text):
                found.append(text)
        return found


def _shape(plan: TrainerPlan) -> str:
    root = plan.batch.root
    if isinstance(root, Leaf):
        return "tensor"
    assert isinstance(root, Branch)
    return "mapping" if root.kind == "mapping" else "sequence" if root.kind in ("tuple", "list") else "object"
