"""Decides, method by method, what stands in a trainer under a project's own contract."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ..contracts.vocabulary import slot_of
from ..errors import AnswerNeeded, Conflict
from ..inspection.batch_spec import Branch, Leaf
from ..inspection.training_facts import Parameter
from .contract_calls import loop_calls
from .contract_construction import Built, built, expressions, transplant_for
from .contract_function import with_other_batches
from .contract_imports import base_import, base_package, imports_for, relative_import
from .contract_methods import Method, called_with, method
from .contract_parts import HERE, inline_metrics
from .contract_step import Around, around_step

if TYPE_CHECKING:
    from ..contracts.class_source import ClassSource
    from ..contracts.contract_facts import ContractFacts, Duty, Slot
    from ..contracts.particular import Particular
    from ..inspection.training_facts import StyleFacts
    from ..patching.configuration import Configuration
    from ..patching.joining import Registration
    from ..planning.plan import TrainerPlan
    from .contract_parts import Access

PATTERNS = ("pattern", "builder", "save_weights", "save_checkpoint", "save_metrics", "setup")
"""Roles whose sibling is followed word for word, its model replaced."""
LOOPS = ("train", "train_epoch", "train_step", "evaluate", "evaluate_step")


class Body:
    """The methods of one trainer.

    Args:
        plan: the decisions.
        contract, style: the project's.
        configuration: of the trainer.
        access: to its settings.
        view: what blocks read, as far as it is made.
        sibling, words: the trainer that is followed, and what in it is about its model.
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
    ) -> None:
        self.plan = plan
        self.contract = contract
        self.style = style
        self.configuration = configuration
        self.access = access
        self.view = view
        self.sibling = sibling
        self.particular = words
        self.imports: list[str] = view["imports"]
        self.config = self._attribute("config", "training_config")
        self.made = expressions(plan, view)
        self.transplant = transplant_for(contract, configuration, self.made, access, words, sibling)

    def words(self, registration: Registration) -> dict[str, Any]:
        """What the frame reads beyond the view."""
        plan, contract, style = self.plan, self.contract, self.style
        line, base = base_import(contract, self.sibling, plan.names.trainer_file, relative=style.relative_imports)
        self.imports.append(line)
        if style.relative_imports:
            self.imports[:] = [
                relative_import(each, plan.names.trainer_module, base_package(contract)) for each in self.imports
            ]
        self.imports += [f"from {module} import {name}" for module, name in self.configuration.imports]
        if registration.decorator_import is not None:
            self.imports.append("from {} import {}".format(*registration.decorator_import))
        methods = self._methods()
        inputs, rest = self.unpacking()
        calls = loop_calls(contract, self.particular, validates=self.validates)
        said = " ".join((*calls.each_epoch, *calls.after))
        validates = self.validates and bool(
            "val_loss" in said or calls.judges or self._cadence() == "validation" or style.logger_name
        )
        logger = [each for each in style.logger if not each.startswith(("import ", "from "))]
        self.imports += [each for each in style.logger if each.startswith(("import ", "from "))]
        loss = contract.duty("loss")
        return {
            "base_name": base,
            "registration": registration,
            "methods": methods,
            "device": self._attribute("device") or self._model_device(),
            "model": self._attribute("model"),
            "optimizer_attribute": self._attribute("optimizer"),
            "scheduler_attribute": self._attribute("scheduler"),
            "config": self.config,
            "logger_lines": logger,
            "logger_name": style.logger_name,
            "style": style,
            "batch_type": self.batch_type,
            "input_lines": inputs,
            "target_lines": rest,
            "loss_call": self._loss_call(),
            "counts": loss is not None and "index" in called_with(loss, "batch"),
            "stats": self._stats() if loss is not None and loss.gives == "pair" else [],
            "loaders_of": {"train": self._loader("train_loader"), "val": self._loader("val_loader")},
            "has_validation": self.validates,
            "loop_validates": validates,
            "best": self._attribute("best") or "best",
            "calls": calls,
            "epochs": self._epochs(),
            "cadence": self._cadence(),
            "around": self._around(),
            "history": self._history(),
            "has_forward": contract.duty("forward") is not None and contract.duty("loss") is not None,
            "forward_name": self._named("forward"),
            "evaluates": contract.evaluates if not self._evaluate_takes() else "",
            "evaluation_gives": self._evaluation_gives(),
            "evaluate_name": contract.evaluates,
            "constructed": self._constructed() if self.sibling is None else None,
            "built_optimizer": lambda parameters: self.access.spell(self.made.optimizer(parameters), self.config),
            "built_scheduler": lambda optimizer: self.access.spell(self.made.scheduler(optimizer), self.config),
            "model_call": self.access.spell(self.made.model, self.config),
            "loaders": SimpleNamespace(
                training=self.access.spell(self.made.training, self.config),
                validation=self.access.spell(self.made.validation, self.config) if self.validates else "",
            ),
            "loss_key": lambda keys: next((each for each in keys if "loss" in each), "loss"),
            "criterion": SimpleNamespace(parameters=self._criterion_parameters()),
            "class_words": (self.view["words"].module, self.view["batch"].description),
            "class_lines": self._class_lines(),
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
        if self.contract.kind in ("full_loop", "epoch_level", "step_level") and self.contract.duty("loss") is None:
            found.insert(1 if constructor is not None else 0, self._own_loss())
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
        return method(duty, self.style, self.batch_type, self._config_type(), indent=4)

    def _taken(self, duty: Duty, text: str) -> Method:
        if self.sibling is not None:
            self.imports += imports_for(text, self.sibling, self.plan.names.trainer_file)
        return Method(duty.role, duty.name, "", text)

    def _own_loss(self) -> Method:
        from ..contracts.contract_facts import Duty

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

    def _attribute(self, *slots: Slot) -> str:
        name = next((self.contract.attributes[each] for each in slots if each in self.contract.attributes), "")
        return f"self.{name}" if name else ""

    def _model_device(self) -> str:
        return f"next({self._attribute('model')}.parameters()).device"

    def _config_type(self) -> str:
        return self.configuration.annotation

    def _named(self, role: Any) -> str:
        duty = self.contract.duty(role)
        return "" if duty is None else duty.name

    def unpacking(self) -> tuple[list[SimpleNamespace], list[SimpleNamespace]]:
        moved = _shape(self.plan) in self.contract.moves
        lines = [SimpleNamespace(**{**vars(each), "tensor": each.tensor and not moved}) for each in self.view["unpack"]]
        count = 0 if self.plan.whole_batch else len(self.plan.inputs)
        return lines[:count], lines[count:]

    def _loss_call(self) -> str:
        """The loss of ``batch``, whatever the form in which the method gives it."""
        duty = self.contract.duty("loss")
        if duty is None:
            return f"self.{self.loss_name}(batch)"
        call = f"self.{duty.name}({called_with(duty, 'batch')})"
        if duty.gives == "pair":
            return f"{call}[0]"
        return f'{call}["{duty.keys[0] if duty.keys else "loss"}"]' if duty.gives == "mapping" else call

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

    def _class_lines(self) -> list[str]:
        """Class attributes that the base or the siblings have for their model: ``model_class = WineNet``."""
        if self.contract.sibling is None:
            return []
        found = []
        for name, value in self.contract.sibling.attributes:
            text = f"{name} = {value}"
            for old, new in self.transplant.renames.names.items():
                text = re.sub(rf"\b{re.escape(old)}\b", new, text)
            for old, new in self.transplant.renames.words.items():
                text = re.sub(rf"(?<![A-Za-z0-9_]){re.escape(old)}(?![A-Za-z0-9_])", new, text)
            if value and not self.particular.mentions(text):
                found.append(text)
        return found

    def _loader(self, slot: Slot) -> str:
        return self._attribute(slot)

    def _epochs(self) -> str:
        for name, slot in self.contract.run_parameters:
            if slot == "epochs" and self.contract.duty("train") is not None:
                return name
        if "epochs" in self.contract.attributes:
            return self._attribute("epochs")
        return f"{HERE}.num_epochs"

    def _around(self) -> Around:
        """What the sibling does around its step; the names that it takes for that are imported."""
        around = around_step(self.contract, self.particular)
        if self.sibling is not None:
            for text in filter(None, (around.autocast, *around.before, *around.after)):
                self.imports += imports_for(text, self.sibling, self.plan.names.trainer_file)
        return around

    def _cadence(self) -> str:
        """When the loop steps the scheduler: step, epoch, validation; "" where there is none."""
        if not self.contract.attributes.get("scheduler") or self.contract.kind != "full_loop":
            return ""
        if self.plan.scheduler is not None:
            return self.plan.scheduler.cadence
        text = self.contract.constructor.pattern + "".join(each.pattern for each in self.contract.duties)
        if "scheduler" in text and re.search(r"scheduler\s*(:[^=]+)?= None", text) and "lr_scheduler" not in text:
            return ""
        if "ReduceLROnPlateau" in text:
            return "validation"
        return "step" if re.search(r"OneCycleLR|CyclicLR\b", text) else "epoch"

    def _history(self) -> str:
        """What a train method returns: ``list``, ``mapping`` or nothing."""
        duty = self.contract.duty("train")
        if duty is None:
            return ""
        said = (duty.returns or "").partition("[")[0].lower()
        if said in ("list", "sequence"):
            return "list"
        return "mapping" if said in ("dict", "mapping") or duty.gives == "mapping" else ""

    def _evaluate_takes(self) -> bool:
        """The method that evaluates is given a loader."""
        duty = self.contract.duty("evaluate")
        return duty is not None and any(slot_of(each.name, "evaluate") == "val_loader" for each in duty.parameters)

    def _evaluation_gives(self) -> str:
        duty = self.contract.duty("evaluate")
        if duty is None:
            inherited = self.contract.base.method(self.contract.evaluates) if self.contract.evaluates else None
            return "mapping" if inherited is not None and "dict" in (inherited.returns or "dict") else "number"
        return duty.gives or "mapping"


def function_view(body: Body, registration: Registration) -> dict[str, Any]:
    """What the frame of a training function reads: the sibling's text with other batches, and the words of its loss."""
    plan, style, duty = body.plan, body.style, body.contract.duties[0]
    tuned = bool(plan.objective.tuned)
    name = function_loss(plan)
    text = with_other_batches(duty.pattern, duty.place, loss=name, size=str(body.view["size"]), config=tuned)
    text = body.transplant.method(text, duty.place)
    if body.sibling is not None:
        body.imports += imports_for(text, body.sibling, plan.names.trainer_file)
    body.imports += [f"from {module} import {each}" for module, each in body.configuration.imports]
    body.imports += [each for each in style.logger if each.startswith(("import ", "from "))]
    if registration.decorator_import is not None:
        body.imports.append("from {} import {}".format(*registration.decorator_import))
    parameters = [("model", "nn.Module"), ("batch", body.batch_type), ("device", "torch.device")]
    parameters += [("config", body.configuration.annotation)] if tuned else []
    inputs, rest = body.unpacking()
    return {
        "device": "device",
        "model": "model",
        "config": "config",
        "style": style,
        "registration": registration,
        "function_text": text,
        "loss_function": name,
        "loss_parameters": ", ".join(f"{each}: {kind}" if style.hints and kind else each for each, kind in parameters),
        "input_lines": inputs,
        "target_lines": rest,
        "logger_lines": [each for each in style.logger if not each.startswith(("import ", "from "))]
        or ([f"logger = {_LOGGER}"] if re.search(r"\blogger\.", text) else []),
        "imports": body.imports,
    }


def function_loss(plan: TrainerPlan) -> str:
    """The function of the file of `plan` that gives its loss."""
    return f"_{plan.names.snake}_loss"


_LOGGER = "logging.getLogger(__name__)"


def loss_method(contract: ContractFacts) -> str:
    """The method of a trainer under `contract` that gives its loss; of functions it is `function_loss`."""
    if contract.loss:
        return contract.loss
    return "compute_loss" if "compute_loss" not in contract.base.inherited else "_batch_loss"


def _shape(plan: TrainerPlan) -> str:
    root = plan.batch.root
    if isinstance(root, Leaf):
        return "tensor"
    assert isinstance(root, Branch)
    return "mapping" if root.kind == "mapping" else "sequence" if root.kind in ("tuple", "list") else "object"


def ask_for_data(plan: TrainerPlan) -> None:
    """A trainer that builds itself needs its data.

    Raises:
        AnswerNeeded: there is no loader.
    """
    if plan.data.kind == "stub":
        raise AnswerNeeded(
            "this project's trainers build their own data, and nothing says where the new one's is",
            flags=("--loader",),
            hint="--loader module:name",
        )
