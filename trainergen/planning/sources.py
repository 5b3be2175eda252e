"""Which of the loaders that a project has may feed a model, likeliest first: the lab tries them in that order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from ..inspection.model_facts import ModelFacts
from ..inspection.training_facts import DataSource
from .names import snake_case
from .plan import Decision

FED = ("batch_size", "shuffle", "seed", "splits", "split", "train")
"""Parameters that a loader is given; see `lab.loaders`."""

MOST = 4
"""Loaders that are tried: each costs a reading of the data."""

VAGUE = frozenset(("model", "net", "data", "loader", "dataloader", "dataset", "build", "make", "get", "create", "load"))
"""Words of a name that say nothing about which data it is."""


@dataclass(frozen=True)
class Source:
    """A loader that may feed the model: ``module:name``, and what speaks for it."""

    target: str
    reason: str


def rank_sources(
    data: Sequence[DataSource], model: ModelFacts, mentioning: Callable[[tuple[str, ...]], tuple[str, ...]]
) -> tuple[Source, ...]:
    """The loaders worth a try; only those that can be called with what trainergen gives.

    Args:
        data: what the project has.
        model: what is to be fed.
        mentioning: files that mention all of some words.
    """
    ranked: list[tuple[int, int, int, Source]] = []
    for number, each in enumerate(data):
        if each.kind == "dataset" or not _callable(each):
            continue
        target = f"{each.module}:{each.name}"
        together = [file for file in mentioning((model.name, each.name)) if file != each.file]
        shared = _words(f"{each.module} {each.name}") & _words(f"{model.module} {model.name}")
        apart = -_shared_steps(each.module, model.module)
        if together:
            ranked.append((0, apart, number, Source(target, f"{together[0]} uses it with {model.name}")))
        elif shared:
            ranked.append(
                (1, apart, number, Source(target, f"its name shares {', '.join(sorted(shared))} with the model's"))
            )
        else:
            ranked.append((2, apart, number, Source(target, "the project has it")))
    return tuple(source for *_, source in sorted(ranked, key=lambda each: each[:3]))[:MOST]


def _shared_steps(one: str, other: str) -> int:
    """How many packages two modules have in common: the data beside the model are likelier its own."""
    pairs = zip(one.split(".")[:-1], other.split(".")[:-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def loader_decision(target: str, sources: Sequence[Source]) -> Decision:
    """The loader that was found to feed the model, and why it was tried."""
    found = next((each for each in sources if each.target == target), None)
    reason = "its batches feed the model" if found is None else f"{found.reason}; its batches feed the model"
    others = [each.target for each in sources if each.target != target]
    return Decision("loader", f"loader {target}", reason, "--loader", runner_up=", ".join(others) or None)


def _callable(source: DataSource) -> bool:
    return all(
        each.default is not None or each.name in FED or each.kind in ("args", "kwargs") for each in source.parameters
    )


def _words(text: str) -> set[str]:
    words = {part for name in text.replace(".", " ").split() for part in snake_case(name).split("_")}
    return {word for word in words if len(word) > 2} - VAGUE
