"""The words of the loops that a trainer under a project's own contract owns: an epoch, a step, an evaluation."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from ..contracts.class_source import calls
from ..contracts.vocabulary import slot_of
from .contract_calls import loop_calls
from .contract_methods import called_with
from .contract_parts import HERE
from .contract_step import around_step

if TYPE_CHECKING:
    from ..contracts.contract_facts import ContractFacts, Slot
    from ..contracts.particular import Particular
    from ..inspection.training_facts import StyleFacts
    from ..planning.plan import TrainerPlan


def attribute(contract: ContractFacts, *slots: Slot) -> str:
    """The first of these that the trainers have, as ``self.name``; "" for none."""
    name = next((contract.attributes[each] for each in slots if each in contract.attributes), "")
    return f"self.{name}" if name else ""


def loss_method(contract: ContractFacts) -> str:
    """The method of a trainer under `contract` that gives its loss; of functions it is `function_loss`."""
    if contract.loss:
        return contract.loss
    return "compute_loss" if "compute_loss" not in contract.base.inherited else "_batch_loss"


def evaluates_itself(contract: ContractFacts, *, validates: bool) -> bool:
    """A whole loop with validation data, where nobody has a method that evaluates."""
    return contract.kind == "full_loop" and validates and not contract.evaluates and "val_loader" in contract.attributes


def loop_words(
    contract: ContractFacts, plan: TrainerPlan, style: StyleFacts, words: Particular, *, validates: bool
) -> dict[str, Any]:
    """What the blocks of loops read.

    Args:
        contract: the project's.
        plan: the decisions.
        style: how the siblings are written.
        words: of the sibling that is followed.
        validates: there is validation data.
    """
    calls = loop_calls(contract, words, validates=validates)
    cadence = _cadence(contract, plan)
    said = " ".join((*calls.each_epoch, *calls.after))
    wanted = "val_loss" in said or calls.judges or cadence == "validation" or bool(style.logger_name)
    validated = validates and wanted and bool(contract.evaluates or evaluates_itself(contract, validates=validates))
    judged = not validated and (calls.judges or cadence == "validation")
    evaluate = "evaluate" if evaluates_itself(contract, validates=validates) else contract.evaluates
    loader = attribute(contract, "val_loader") if _takes_loader(contract) else ""
    gives = "number" if evaluate and not contract.evaluates else _evaluation_gives(contract)
    loss = contract.duty("loss")
    return {
        "calls": calls,
        "cadence": cadence,
        "around": around_step(contract, words),
        "best": attribute(contract, "best") or "best",
        "epochs": _epochs(contract),
        "history": _history(contract),
        "loss_call": _loss_call(contract),
        "counts": loss is not None and "index" in called_with(loss, "batch"),
        "loaders_of": {"train": attribute(contract, "train_loader"), "val": attribute(contract, "val_loader")},
        "loop_validates": validated,
        "measures": "train_loss" in said or judged or bool(style.logger_name or _history(contract)),
        "evaluation": f"self.{evaluate}({loader})" + ('["loss"]' if gives == "mapping" else ""),
    }


def _loss_call(contract: ContractFacts) -> str:
    """The loss of ``batch``, whatever the form in which the method gives it."""
    duty = contract.duty("loss")
    if duty is None:
        return f"self.{loss_method(contract)}(batch)"
    call = f"self.{duty.name}({called_with(duty, 'batch')})"
    if duty.gives == "pair":
        return f"{call}[0]"
    return f'{call}["{duty.keys[0] if duty.keys else "loss"}"]' if duty.gives == "mapping" else call


def _epochs(contract: ContractFacts) -> str:
    for name, slot in contract.run_parameters:
        if slot == "epochs" and contract.duty("train") is not None:
            return name
    return attribute(contract, "epochs") or f"{HERE}.num_epochs"


def _cadence(contract: ContractFacts, plan: TrainerPlan) -> str:
    """When the loop steps the scheduler: step, epoch, validation; "" where there is none."""
    if "scheduler" not in contract.attributes or contract.kind != "full_loop":
        return ""
    if plan.scheduler is not None:
        return plan.scheduler.cadence
    duty = contract.duty("train")
    return _shown_cadence(duty.pattern, contract.attributes["scheduler"]) if duty is not None and duty.pattern else ""


def _shown_cadence(source: str, name: str) -> str:
    """When a sibling's loop steps its scheduler."""
    tree = ast.parse(source)
    inner = [loop for loop in ast.walk(tree) if isinstance(loop, ast.For) and not _holds_loop(loop)]
    steps = [each for each in calls(tree) if ast.unparse(each.func) == f"self.{name}.step"]
    if not steps:
        return ""
    if any(step in ast.walk(loop) for loop in inner for step in steps):
        return "step"
    return "validation" if steps[0].args else "epoch"


def _holds_loop(loop: ast.For) -> bool:
    return any(isinstance(each, ast.For) for statement in loop.body for each in ast.walk(statement))


def _history(contract: ContractFacts) -> str:
    """What a train method returns: ``list``, ``mapping`` or nothing."""
    duty = contract.duty("train")
    if duty is None:
        return ""
    said = (duty.returns or "").partition("[")[0].lower()
    if said in ("list", "sequence"):
        return "list"
    return "mapping" if said in ("dict", "mapping") or duty.gives == "mapping" else ""


def _takes_loader(contract: ContractFacts) -> bool:
    """The method that evaluates has to be given a loader."""
    duty = contract.duty("evaluate")
    inherited = contract.base.method(contract.evaluates) if contract.evaluates else None
    parameters = duty.parameters if duty is not None else inherited.parameters if inherited is not None else ()
    return any(each.default is None and slot_of(each.name, "evaluate") == "val_loader" for each in parameters)


def _evaluation_gives(contract: ContractFacts) -> str:
    duty = contract.duty("evaluate")
    if duty is not None:
        return duty.gives or "mapping"
    inherited = contract.base.method(contract.evaluates) if contract.evaluates else None
    return "mapping" if inherited is not None and "dict" in (inherited.returns or "dict") else "number"
