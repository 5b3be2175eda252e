"""How the trainers of a base are built: what it takes, what the siblings hand to it or set first."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ..inspection.training_facts import BaseTrainer, Parameter
from .class_source import ClassSource, assigned, attribute
from .contract_facts import Constructor, Slot
from .vocabulary import slot_of


def constructor_of(base: BaseTrainer, sources: tuple[ClassSource, ...], sibling: ClassSource | None) -> Constructor:
    """See `Constructor`."""
    method = base.method("__init__")
    parameters = () if method is None else method.parameters
    slots = _slots(parameters)
    place = "" if method is None else f"{_owner(base)}:{method.line}"
    shown = None if sibling is None else sibling.facts.method("__init__")
    if sibling is not None and shown is not None:
        before = tuple((name, slot_of(name)) for name in sibling.facts.before_super)
        first = bool(before) and not any(_required(each) for each in parameters)
        style = "before-super" if first else "dicts" if _is_dicts(slots) else "parts"
        return Constructor(
            "before-super" if style == "before-super" else "dicts" if style == "dicts" else "parts",
            parameters,
            shown.parameters,
            slots,
            _slots(shown.parameters),
            sibling.segment(sibling.methods["__init__"]),
            before if style == "before-super" else (),
            f"{sibling.facts.file}:{shown.line}",
        )
    if _is_dicts(slots):
        return Constructor("dicts", parameters, slots=slots, place=place)
    awaited = tuple((name, slot_of(name)) for name in awaited_attributes(sources))
    if sibling is None and awaited and not any(_required(each) for each in parameters):
        return Constructor("before-super", parameters, slots=slots, before_super=awaited, place=place)
    return Constructor("inherited", parameters, slots=slots, place=place)


def awaited_attributes(sources: Iterable[ClassSource]) -> tuple[str, ...]:
    """Attributes that the classes read and nobody among them sets: a subclass has to."""
    sources = tuple(sources)
    given = {name for each in sources for function in each.methods.values() for name, _ in assigned(function)}
    given |= {name for each in sources for name in each.methods}
    given |= {name for each in sources for name, _ in each.facts.attributes}
    read: dict[str, None] = {}
    for source in sources:
        for function in source.methods.values():
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and attribute(node):
                    read[node.attr] = None
    return tuple(name for name in read if name not in given and not name.startswith("__"))


def _slots(parameters: tuple[Parameter, ...]) -> dict[str, Slot]:
    return {each.name: slot_of(each.name) for each in parameters if each.kind in ("positional", "keyword")}


def _required(parameter: Parameter) -> bool:
    return parameter.default is None and parameter.kind in ("positional", "keyword")


def _is_dicts(slots: dict[str, Slot]) -> bool:
    return {"model_config", "training_config"} <= set(slots.values())


def _owner(base: BaseTrainer) -> str:
    return next(each.file for each in (base.facts, *base.lineage) if each.method("__init__") is not None)
