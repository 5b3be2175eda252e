"""What in a sibling's source is about its own model, and what the same is called for a new one."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from ..inspection.training_facts import ClassFacts
from .class_source import ClassSource

COMMON = frozenset({"base", "model", "trainer", "train", "training", "net", "network", "main", "my", "the", "default"})


@dataclass(frozen=True)
class Particular:
    """The words of one sibling.

    Attributes:
        camel, snake: its model's name as its class and its file have it (``Wine``, ``wine``).
        models: names of classes of models that its file imports and calls.
    """

    camel: str
    snake: str
    models: tuple[str, ...]

    def mentions(self, text: str) -> bool:
        """Whether `text`, source or a name, says something of this sibling."""
        if any(re.search(rf"\b{each}\b", text) for each in self.models):
            return True
        if not self.snake:
            return False
        words = rf"(?<![a-z]){re.escape(self.snake)}(?![a-z])|{re.escape(self.camel)}(?![a-z])"
        return re.search(rf"{words}|(?<![A-Z]){re.escape(self.snake.upper())}(?![A-Z])", text) is not None


def particular(
    sibling: ClassFacts, source: ClassSource | None, others: tuple[str, ...] = (), base: str = ""
) -> Particular:
    """The words of `sibling`; what its class's name shares with those of the `others`, or with its base's, is the project's.

    Args:
        sibling: the trainer.
        source: its file.
        others: names of the other trainers.
        base: the class that they inherit from (``BaseExperiment``): ``RidgeExperiment`` is one by name.
    """
    prefix, suffix = _shared((sibling.name, *others))
    camel = sibling.name[len(prefix) : len(sibling.name) - len(suffix)]
    for kind in (re.sub(r"^(Base|Abstract)|Base$", "", base), "Trainer"):
        if kind and camel != kind:
            camel = camel.removeprefix(kind).removesuffix(kind)
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", camel).lower()
    if snake in COMMON:
        camel = snake = ""
    return Particular(camel, snake, () if source is None else tuple(models_of(source)))


def _shared(names: tuple[str, ...]) -> tuple[str, str]:
    """Words that all names begin and end with, of several; of one name, nothing."""
    if len(set(names)) < 2:
        return "", ""
    words = [re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9_]+", each) for each in names]
    shortest = min(map(len, words)) - 1
    ends = []
    for backwards in (False, True):
        rows = [each[::-1] if backwards else each for each in words]
        count = 0
        while count < shortest and len({row[count] for row in rows}) == 1:
            count += 1
        ends.append(count)
        shortest -= count
    return "".join(words[0][: ends[0]]), "".join(words[0][len(words[0]) - ends[1] :])


def models_of(source: ClassSource) -> list[str]:
    """Imported classes that are assigned or handed on as the model: ``self.model = WineNet(...)``."""
    imported = {
        each.asname or each.name
        for node in ast.walk(source.module)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    local = {node.name for node in source.module.body if isinstance(node, ast.ClassDef)}
    called = {
        node.func.id for node in ast.walk(source.node) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    marks = re.compile(r"(Net|Model|Network|Classifier|Regressor|Encoder|Decoder|Transformer|Module|Former)\d*$")
    return sorted(each for each in (imported | local) & called if marks.search(each) and "Trainer" not in each)
