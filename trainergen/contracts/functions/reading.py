"""Reads the function that is followed, in a project that trains by functions and has no class for it."""

from __future__ import annotations

import ast

from ...inspection.training_facts import BaseTrainer, ClassFacts
from ..class_source import ClassSource, Function, Read
from ..conduct import deeds_of
from ..contract_facts import Constructor, ContractFacts, Duty
from ..particular import Particular
from ..vocabulary import slot_of
from .detect import GATES


def recognise_functions(base: BaseTrainer, read: Read) -> ContractFacts:
    """The contract of a project that trains by functions: the one that discovery chose is followed."""
    first = base.facts
    (method,) = first.methods
    source = function_source(first, read)
    deeds = deeds_of(source.methods[first.name])
    duty = Duty(
        first.name,
        "train",
        method.parameters,
        method.returns,
        method.decorators,
        "a function that trains one model",
        method.docstring.partition("\n")[0],
        source.segment(source.methods[first.name]),
        f"{first.file}:{first.line}",
        deeds.gives,
        deeds.keys,
    )
    slots = {each.name: slot_of(each.name) for each in method.parameters}
    return ContractFacts(
        kind="functions",
        base=base,
        constructor=Constructor(slots=slots, base=method.parameters),
        duties=(duty,),
        sibling=first,
        run=first.name,
        run_parameters=tuple(slots.items()),
        reasons=base.reasons,
        gates=GATES,
    )


def function_source(facts: ClassFacts, read: Read) -> ClassSource:
    """The function in its file, as the only method of a class."""
    text = read(facts.file).decode("utf-8-sig", errors="replace")
    module = ast.parse(text)
    node = next(each for each in module.body if isinstance(each, Function) and each.name == facts.name)
    return ClassSource(facts, module, ast.ClassDef(facts.name, [], [], [node], []), text)


def function_words(facts: ClassFacts, others: tuple[ClassFacts, ...], source: ClassSource) -> Particular:
    """What of a function's name is its model's: what the others do not share."""
    from ..particular import models_of

    words = [each.name.split("_") for each in others]
    mine = facts.name.split("_")
    common = set.intersection(*map(set, words)) if len(words) > 1 else {"train", "fit", "run", "training"}
    snake = "_".join(each for each in mine if each not in common)
    camel = "".join(each.capitalize() for each in snake.split("_"))
    return Particular(camel, snake, tuple(models_of(source)))
