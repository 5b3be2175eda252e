"""Measuring a model on a real batch, given or found: the lab request, and the part of it that the proof repeats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import families
from .errors import UnusableInput, UserCodeFailed
from .inspection.batch_grammar import batch_request
from .inspection.batch_spec import parse_path
from .inspection.construction import Unanswered
from .inspection.usage import find_usages
from .lab.limits import Limits
from .plain import from_plain, tagged, to_plain
from .planning.questions import needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .families.torch.facts import TorchFacts
    from .inspection.model_facts import ModelFacts
    from .lab.opening import Laboratory
    from .planning.sources import Source
    from .planning.wishes import Wishes

SEED = 0
SHARE_OF_TIME = 0.6
"""Of the limit on a request's time, after which a search begins nothing new: what is found then must still be measured."""
STEPS = 2


def targets(wishes: Wishes) -> tuple[str, ...]:
    """The modules that the user named beside the model's."""
    named = (wishes.loader, wishes.val_loader, wishes.factory, wishes.loss, wishes.batch)
    return tuple(text.partition(":")[0] for text in named if text is not None and ":" in text)


def model_request(model: ModelFacts, wishes: Wishes, measured: TorchFacts | None = None) -> dict[str, Any]:
    """What the lab needs to build the model: the same for measuring and proving.

    Args:
        model: the class.
        wishes: what the user said of it.
        measured: with the constructor's arguments that a search found, once it did.
    """
    arguments = {key: tagged(value) for key, value in wishes.model_arguments}
    construction = measured.search.construction if measured is not None and measured.search is not None else None
    if construction is not None:
        arguments = {each.name: each.value for each in construction.arguments} | arguments
    return {
        "model": {"module": model.module, "name": model.name, "file": model.file, "kind": model.kind},
        "factory": wishes.factory,
        "arguments": arguments,
        "forward": to_plain(model.forward),
        "loader": loader_request(wishes.loader, wishes.val_loader) if wishes.loader else None,
        "seed": SEED,
        "steps": STEPS,
    }


def loader_request(target: str, validation: str | None = None) -> dict[str, Any]:
    """A loader as the lab opens it."""
    return {"target": target, "validation": validation, "batch_size": 32, "seed": SEED}


def measure(
    lab: Laboratory, family: str, model: ModelFacts, wishes: Wishes, root: Path, sources: Sequence[Source] = ()
) -> TorchFacts:
    """What the lab measures of the model on a real batch; what nobody said is found by trying.

    Args:
        lab: where it runs.
        family: whose measure it is.
        model: the class.
        wishes: what the user said.
        root: the project, whose own use of the class is the best source there is.
        sources: loaders of the project that may feed the model, where the user named none.

    Raises:
        AnswerNeeded: the search found no constructor arguments, or no batch; with the furthest point and the flag.
        UserCodeFailed: the model fails with what the user gave.
    """
    target = None if wishes.target is None else list(parse_target(wishes.target))
    payload = {
        **model_request(model, wishes),
        "batch": None if wishes.batch is None else batch_request(wishes.batch, Path.cwd()),
        "target": target,
        "auxiliaries": [name for name, _ in wishes.auxiliaries],
        "usages": to_plain(find_usages(root, model)) if wishes.factory is None else [],
        "seconds": SHARE_OF_TIME * (lab.bounds or Limits()).time,
        "hints": {
            "docstring": model.docstring or "",
            "forward_docstring": model.forward_docstring or "",
            "source": model.source,
        },
    }
    operation = f"families.{family}.measure:build"
    tried = [loader_request(each.target) for each in sources] if wishes.batch is None and wishes.loader is None else []
    try:
        if tried:
            answer = lab.request(f"families.{family}.measure_sources:build", {**payload, "sources": tried})
        else:
            answer = lab.request(operation, payload)
    except UserCodeFailed as failure:
        if not failure.ended_the_lab or wishes.batch is not None or wishes.loader is not None:
            raise
        # A try of the search took the whole process with it: from now on each has a process of its own.
        answer = lab.request(operation, {**payload, "isolated": True})
    if "unanswered" in answer:
        raise needed(from_plain(Unanswered, answer["unanswered"]), model)
    facts: TorchFacts = families.part(family, "opinions").read_facts(answer)
    return facts


def parse_target(text: str) -> tuple[str | int, ...]:
    """``--target`` as a path."""
    path = parse_path(text)
    if any(part == "" for part in path):
        raise UnusableInput(f"--target {text!r} is no dotted key or index", hint="--target label, 1 or labels.class")
    return path
