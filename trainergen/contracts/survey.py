"""Reads a base trainer and the sibling that is followed: every method that a new trainer has to write, with its role."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..errors import Conflict
from ..inspection.training_facts import BaseTrainer, MethodFacts
from .class_source import ClassSource, Function, Read, attribute, class_source
from .conduct import Conduct, Deeds, conduct_of, deeds_of
from .construction import constructor_of
from .contract_facts import Constructor, Duty, Role
from .particular import Particular, particular
from .vocabulary import BUILDERS, method_role, slot_of

OVERRIDES: frozenset[Role] = frozenset(
    {"build_model", "build_optimizer", "build_scheduler", "build_loader", "criterion", "unpack", "evaluate",
     "evaluate_step", "forward", "loss", "train", "train_epoch", "train_step", "setup"}
)  # fmt: skip
"""Roles for which a sibling's own version of what the base gives is followed; the rest is inherited."""

GIVEN: frozenset[Role] = frozenset({"train", "train_epoch", "train_step", "evaluate", "evaluate_step"})
"""Roles of which one sibling's own version is no reason to write another: where the base has one, that is inherited."""


@dataclass(frozen=True)
class Survey:
    """A base trainer, read.

    Attributes:
        base: which.
        sources: it and its ancestors, nearest first.
        sibling: the one that is followed; None where there is none.
        words: of that sibling.
        own: what the base does; `all`: with the sibling.
        duties: see `ContractFacts`.
        constructor: see there.
    """

    base: BaseTrainer
    sources: tuple[ClassSource, ...]
    sibling: ClassSource | None
    words: Particular
    own: Conduct
    all: Conduct
    duties: tuple[Duty, ...]
    constructor: Constructor

    @property
    def roles(self) -> frozenset[Role]:
        """Of its duties."""
        return frozenset(each.role for each in self.duties)


def survey(base: BaseTrainer, read: Read) -> Survey:
    """Read `base` and the sibling that is followed.

    Raises:
        Conflict: a required method whose purpose neither its name nor its callers nor a sibling shows.
    """
    sources = tuple(found for each in (base.facts, *base.lineage) if (found := class_source(each, read)) is not None)
    sibling, words = _followed(base, read)
    own = conduct_of(sources)
    everything = conduct_of((*sources, *([sibling] if sibling is not None else [])))
    reader = _Reader(base, sources, sibling, words, own, everything)
    constructor = constructor_of(base, sources, sibling)
    return Survey(base, sources, sibling, words, own, everything, reader.duties(), constructor)


def _followed(base: BaseTrainer, read: Read) -> tuple[ClassSource | None, Particular]:
    """The sibling that writes the most of what is required by itself, the first of several."""
    required = {name for name, each in base.inherited.items() if each.required}
    names = tuple(each.name for each in base.siblings)
    ranked = sorted(
        base.siblings, key=lambda each: -sum(method.name in required for method in each.methods)
    )  # stable: the first of equals
    for each in ranked:
        source = class_source(each, read)
        if source is not None:
            return source, particular(each, source, names, base.facts.name)
    return None, Particular("", "", ())


class _Reader:
    def __init__(
        self,
        base: BaseTrainer,
        sources: tuple[ClassSource, ...],
        sibling: ClassSource | None,
        words: Particular,
        own: Conduct,
        everything: Conduct,
    ) -> None:
        self.base = base
        self.sources = sources
        self.sibling = sibling
        self.words = words
        self.own = own
        self.everything = everything
        self.inherited = base.inherited

    def duties(self) -> tuple[Duty, ...]:
        """Required methods, a sibling's overrides of what matters, and what its own methods need; in its order."""
        required = [name for name, each in self.inherited.items() if each.required]
        there = {} if self.sibling is None else self.sibling.methods
        found: dict[str, Duty] = {name: self._required(name) for name in required}
        for name, function in there.items():
            if name not in found and name != "__init__" and (duty := self._optional(name, function)) is not None:
                found[name] = duty
        while missing := [name for name in self._needed(found, there) if name not in found]:
            for name in missing:
                found[name] = self._taken(name, there[name])
        order = [*(name for name in there if name in found), *(name for name in required if name not in there)]
        return tuple(found[name] for name in order)

    def _required(self, name: str) -> Duty:
        method = self.inherited[name]
        function = None if self.sibling is None else self.sibling.methods.get(name)
        role, evidence = self._role(name, method, function)
        return self._duty(name, role, evidence, method, function)

    def _optional(self, name: str, function: Function) -> Duty | None:
        inherited = self.inherited.get(name)
        decorators = {ast.unparse(each).rpartition(".")[2] for each in function.decorator_list}
        if name in BUILDERS and inherited is None and "classmethod" in decorators:
            return self._duty(name, "builder", "a class method of the siblings that builds one", None, function)
        if inherited is None and not (self._shared(name) or self._evaluates(name, function)):
            return None
        role, evidence = self._role(name, inherited, function, optional=True)
        if role == "pattern":
            impersonal = not self.words.mentions(ast.unparse(function))
            kept = inherited is None or inherited.body == "empty" or impersonal
            return self._duty(name, role, evidence, inherited, function) if kept else None
        if inherited is not None and inherited.body == "given" and role in GIVEN and not self._shared(name):
            return None  # what the base does serves another model as well
        return self._duty(name, role, evidence, inherited, function) if role in OVERRIDES else None

    def _shared(self, name: str) -> bool:
        """All siblings have it, of several."""
        siblings = self.base.siblings
        enough = len(siblings) > 1 or method_role(name) == "build_loader"
        return enough and all(each.method(name) is not None for each in siblings)

    def _evaluates(self, name: str, function: Function) -> bool:
        deeds = deeds_of(function)
        return method_role(name) == "evaluate" and deeds.judges and deeds.loops > 0

    def _needed(self, found: dict[str, Duty], there: dict[str, Function]) -> list[str]:
        """Own methods of the sibling that those which are followed word for word call."""
        used: dict[str, None] = {}
        for name, duty in found.items():
            if duty.role in ("pattern", "save_weights", "save_checkpoint", "save_metrics") and name in there:
                used |= dict.fromkeys(attribute(node) for node in ast.walk(there[name]))
        return [name for name in used if name in there and name != "__init__"]

    def _taken(self, name: str, function: Function) -> Duty:
        return self._duty(name, "pattern", "a method of the siblings needs it", None, function)

    def _role(
        self, name: str, method: MethodFacts | None, function: Function | None, *, optional: bool = False
    ) -> tuple[Role, str]:
        """What a method is for, and why it is taken for that."""
        use = self.everything.losses.get(name)
        if use is not None:
            return "loss", f"backward is called on what it returns at {use.place}"
        named = method_role(name)
        done = None if function is None else _by_deeds(deeds_of(function), named)
        if done is not None:
            return done, "by what a sibling's does"
        if named == "train_step" and "backward" in self.own.provides:
            named = "loss"
        if named == "train" and method is not None and any(slot_of(each.name) == "batch" for each in method.parameters):
            named = "train_step"
        if named is not None:
            return named, "by its name"
        if function is not None or optional:
            return "pattern", "as the siblings write it"
        assert method is not None  # a required method is there
        raise Conflict(
            f"{self.base.facts.name}.{name} has to be written by a subclass, and nothing shows what it is for",
            place=f"{self._file(name)}:{method.line}",
            hint="write one trainer by hand: the next is written after it; or name another base with base-trainer "
            "in [tool.trainergen]",
        )

    def _file(self, name: str) -> str:
        owner = next(each for each in (self.base.facts, *self.base.lineage) if each.method(name) is not None)
        return owner.file

    def _duty(
        self, name: str, role: Role, evidence: str, method: MethodFacts | None, function: Function | None
    ) -> Duty:
        shown = None if self.sibling is None else self.sibling.facts.method(name)
        facts = shown or method
        assert facts is not None
        source = next((each.methods[name] for each in self.sources if name in each.methods), None)
        deeds: Deeds | None = None if function is None else deeds_of(function)
        told = "" if source is None else deeds_of(source).gives
        if method is not None and method.body != "given" and told == "nothing" and method.returns is None:
            told = ""  # a body that is not written yet returns nothing
        gives = deeds.gives if deeds is not None and deeds.gives else told
        keys = deeds.keys if deeds is not None else ()
        if not gives and name in self.own.results:
            gives, keys = self.own.results[name]
        use = self.everything.losses.get(name)
        if role == "loss":
            gives = use.form if use is not None else gives if gives in ("pair", "mapping") else "tensor"
            keys = (use.key,) if use is not None and use.form == "mapping" else keys or ("loss",)
        document = (method.docstring if method is not None else "") or facts.docstring
        file = self.sibling.facts.file if shown is not None and self.sibling is not None else self._file(name)
        decorators = tuple(each for each in facts.decorators if "abstract" not in each)
        return Duty(
            name=name,
            role=role,
            parameters=facts.parameters,
            returns=facts.returns,
            decorators=decorators,
            evidence=evidence,
            docstring=document.strip().partition("\n")[0],
            pattern="" if function is None or self.sibling is None else self.sibling.segment(function),
            place=f"{file}:{facts.line}",
            gives=gives,
            keys=keys,
        )


def _by_deeds(deeds: Deeds, named: Role | None) -> Role | None:
    """What a sibling's body shows, where it shows more than the name."""
    if deeds.steps:
        return {0: "train_step", 1: "train_epoch"}.get(deeds.loops, "train")  # type: ignore[return-value]
    if deeds.judges and deeds.loops:
        return "evaluate"
    if named in ("train", "train_epoch", "train_step", "evaluate") and not deeds.loops and deeds.runs_model:
        return "loss" if named == "train_step" else "evaluate_step" if named == "evaluate" else None
    return None
