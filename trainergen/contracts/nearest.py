"""The class that the trainers directly inherit from, where it lies between them and the base that discovery chose."""

from __future__ import annotations

from dataclasses import replace

from ..inspection.training.outline import Unreadable, outline
from ..inspection.training_facts import BaseTrainer, ClassFacts
from .class_source import Read


def nearest_base(base: BaseTrainer, read: Read) -> BaseTrainer:
    """`base`, or the class below it that its first trainer extends: that one writes the more of the contract."""
    if not base.siblings:
        return base
    between: list[ClassFacts] = []
    current: ClassFacts | None = base.siblings[0]
    while current is not None:
        current = next((found for name in current.bases if (found := _loaded(name, base, read)) is not None), None)
        if current is None or _key(current) in {_key(each) for each in between}:
            return base  # the way to the base is not one of plain classes
        if _key(current) == _key(base.facts):
            break
        between.append(current)
    if not between:
        return base
    name = _key(between[0])
    siblings = tuple(each for each in base.siblings if name in each.bases)
    return replace(
        base,
        facts=between[0],
        lineage=(*between[1:], base.facts, *base.lineage),
        reasons=(f"{siblings[0].name} extends {between[0].name}", *base.reasons),
        siblings=siblings,
    )


def _key(facts: ClassFacts) -> str:
    return f"{facts.module}:{facts.name}"


def _loaded(name: str, base: BaseTrainer, read: Read) -> ClassFacts | None:
    """The project's class ``module:Class``; None for a class from elsewhere."""
    if name == _key(base.facts):
        return base.facts
    module, colon, symbol = name.partition(":")
    if not colon:
        return None
    stem = base.facts.module.replace(".", "/")
    root = base.facts.file[: base.facts.file.rfind(stem)] if stem in base.facts.file else ""
    for path in (f"{root}{module.replace('.', '/')}.py", f"{root}{module.replace('.', '/')}/__init__.py"):
        try:
            found = outline(read(path))
        except (OSError, KeyError, Unreadable):
            continue
        for each in found.classes:
            if each.name == symbol:
                near = {it.name for it in found.classes}
                bases = tuple(_resolved(it, module, near, found.imports) for it in each.bases)
                return replace(each, module=module, file=path, bases=bases)
    return None


def _resolved(name: str, module: str, near: set[str], imports: tuple[tuple[str, str, str], ...]) -> str:
    if name in near:
        return f"{module}:{name}"
    for local, origin, original in imports:
        if local == name and original:
            dots = len(origin) - len(origin.lstrip("."))
            package = module.split(".")[: len(module.split(".")) - dots] if dots else []
            return f"{'.'.join([*package, *filter(None, [origin.lstrip('.')])])}:{original}"
    return name
