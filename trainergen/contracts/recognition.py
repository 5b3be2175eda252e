"""Makes the facts of a contract from what was read, the same for every kind; a kind's `detect` says whether it is that."""

from __future__ import annotations

from collections.abc import Mapping

from ..inspection.training_facts import Parameter
from .construction import awaited_attributes
from .contract_facts import ContractFacts, Kind, Slot
from .survey import Survey
from .vocabulary import method_role, slot_of

GATES: Mapping[str, str] = {
    "TG005": "logs as the siblings do, with placeholders",
    "TG006": "pathlib, mkdir with parents and exist_ok",
    "TG010": "the project's formatter",
}
"""What applies to every trainer under a project's own contract."""


def facts_of(found: Survey, kind: Kind, reasons: tuple[str, ...], gates: Mapping[str, str]) -> ContractFacts:
    """The facts of a contract of that kind."""
    run, parameters = _run(found)
    loss = next((each.name for each in found.duties if each.role == "loss"), "")
    if kind == "component_hooks":
        loss = next((name for name in found.own.losses if name in found.base.inherited), "")
    evaluate = next((each.name for each in found.duties if each.role == "evaluate"), "")
    if not evaluate:
        given = found.base.inherited
        evaluate = next(
            (n for n, each in given.items() if method_role(n) == "evaluate" and each.body == "given" and "property" not in each.decorators),
            "",
        )  # fmt: skip
    attributes: dict[str, str] = {slot: name for slot, name in found.all.attributes.items() if slot}
    for name, slot in found.constructor.before_super:
        if slot:
            attributes.setdefault(slot, name)
    for name, method in found.base.inherited.items():
        slot = slot_of(name) if any("property" in each for each in method.decorators) else ""
        if slot:
            attributes.setdefault(slot, name)
    provided = [*found.own.provides]
    if evaluate and not any(each.name == evaluate for each in found.duties):
        provided.append("evaluate")
    return ContractFacts(
        kind=kind,
        base=found.base,
        constructor=found.constructor,
        duties=found.duties,
        sibling=None if found.sibling is None else found.sibling.facts,
        attributes=attributes,
        run=run,
        run_parameters=tuple((each.name, _run_slot(each)) for each in parameters),
        awaited=tuple((name, slot_of(name)) for name in awaited_attributes(found.sources)),
        loss=loss,
        moves=found.own.moves,
        moves_model=found.own.moves_model,
        provides=tuple(dict.fromkeys(provided)),
        clip=found.own.clip,
        evaluates=evaluate,
        reasons=reasons,
        gates=gates,
    )


def _run(found: Survey) -> tuple[str, tuple[Parameter, ...]]:
    """The public method that trains: one of the duties, else the base's."""
    for duty in found.duties:
        if duty.role == "train":
            return duty.name, duty.parameters
    inherited = found.base.inherited
    for name in ("train", "fit", "run", *inherited):
        method = inherited.get(name)
        if method is not None and method_role(name) == "train" and method.body == "given":
            return name, method.parameters
    return "", ()


def _run_slot(parameter: Parameter) -> Slot:
    return slot_of(parameter.name) if parameter.kind in ("positional", "keyword") else ""
