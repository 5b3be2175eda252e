"""Opens what a model is measured on: the user's loader, or the one batch that ``--batch`` names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...inspection.batch_spec import BatchSpec
from ...lab.batch_form import describe
from ...lab.batches import open_batch
from ...lab.loaders import LoaderCall, open_loaders
from .facts import LoaderFacts

if TYPE_CHECKING:
    from ...lab.protocol import Context


@dataclass(frozen=True)
class Data:
    """Live batches on the CPU, and the form of the first."""

    train: list[Any]
    validation: list[Any]
    spec: BatchSpec
    loader: LoaderFacts | None = None
    warnings: tuple[str, ...] = ()


def open_data(payload: dict[str, Any], context: Context, seed: int) -> Data:
    """The loader's first batches, else the one batch that ``--batch`` names; one of the two is there."""
    if payload.get("loader"):
        opened = open_loaders(payload["loader"], context)
        spec = describe(opened.train[0], "measured", f"loader {opened.call.target}")
        unread = ("--batch is not read: --loader gives real batches",) if payload.get("batch") else ()
        facts = _loader_facts(opened.call, opened.validation_call)
        return Data(opened.train, opened.validation, spec, facts, (*opened.warnings, *unread))
    one = open_batch(payload["batch"], context, seed)
    return Data([one.value], [], one.spec)


def _loader_facts(train: LoaderCall, validation: LoaderCall | None) -> LoaderFacts:
    found = LoaderFacts(
        target=train.target,
        is_factory=train.is_factory,
        arguments=train.arguments,
        split=train.split,
        batch_count=train.batch_count,
        return_annotation=train.return_annotation,
    )
    if validation is None:
        return found
    return replace(
        found,
        validation=validation.target,
        validation_is_factory=validation.is_factory,
        validation_arguments=validation.arguments,
        validation_split=validation.split,
    )
