"""Finds what nobody said, by trying: the constructor's arguments, and a batch that the model so built takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ...inspection.batch_spec import BatchSpec, Branch, Leaf, Node
from ...inspection.construction import Asked, Construction, Search, Synthesis, Unanswered
from ...inspection.model_facts import Argument
from ...inspection.usage import Usage
from ...lab.construct import Constructor, NotBuilt, live
from ...lab.protocol import Context, LabProblem
from ...lab.synthesise import Hints, NotFound, synthesise
from ...plain import from_plain
from .feeding import WHOLE_NAMES
from .measure_data import Data, open_data
from .measure_fitting import Mismatch, fitting, watched
from .measure_model import Maker, build_model, forward_arguments, maker

if TYPE_CHECKING:
    from torch import nn

Started = TypeVar("Started")

PACKED = "torch.nn.utils.rnn:PackedSequence"

MOST_FITTINGS = 8
"""Times that a guessed argument is fitted to the user's batch, for each model that is tried."""


class NothingFound(Exception):
    """The honest no.

    Attributes:
        unanswered: what is missing, and the flag that says it.
    """

    def __init__(self, unanswered: Unanswered) -> None:
        super().__init__(unanswered.message)
        self.unanswered = unanswered


@dataclass(frozen=True)
class Candidate:
    """A model, and with what arguments its constructor was called; None where the user said all of them."""

    model: nn.Module
    construction: Construction | None


def seek(
    payload: Mapping[str, Any], context: Context, start: Callable[[nn.Module, Data], Started]
) -> tuple[Data, Started, Search | None]:
    """The first model that can be built and runs on a batch: the user's, or one that is found by trying.

    Where the user said everything, there is one model and one batch, and what fails is theirs.

    Args:
        payload: as `measure.build` takes it.
        context: the copied tree.
        start: runs the model on the batch; raises a `LabProblem` where it doesn't.

    Returns:
        The batch, what `start` returned, and what was found by trying; None for that where nothing was searched.

    Raises:
        NothingFound: the search ended without success.
        LabProblem: the user's own batch, factory or arguments don't do.
    """
    given = bool(payload.get("batch") or payload.get("loader"))
    make = maker(payload, context)
    begun = time.perf_counter()  # what importing the user's module takes is no search
    if given and (not make.missing or payload.get("factory")):
        return *_as_said(payload, context, start), None
    seeker = _Seeker(payload, context, make)
    data = open_data(dict(payload), context, seeker.seed) if given else None
    for candidate in seeker.candidates():
        if time.perf_counter() > seeker.until and (seeker.refused or seeker.closest):
            break  # the clock ends a search, and decides nothing else
        try:
            if data is None:
                synthesis, found = seeker.batch(candidate)
                seconds = time.perf_counter() - begun  # what is measured on any batch, the user's too, is no search
                built, started = candidate, start(candidate.model, found)
            else:
                synthesis, found = None, data
                built, started = seeker.fitted(candidate, data, start)
                seconds = time.perf_counter() - begun
        except LabProblem as problem:
            seeker.refused = seeker.refused or problem
        except NothingFound as problem:
            seeker.keep(problem.unanswered)
            if any((each.error or "").startswith("TooLong") for each in problem.unanswered.tries):
                break  # a forward that does not end would take as long in the next model
        else:
            return found, started, Search(built.construction, synthesis, seeker.constructions, seconds)
    raise seeker.refusal()


def _as_said(
    payload: Mapping[str, Any], context: Context, start: Callable[[nn.Module, Data], Started]
) -> tuple[Data, Started]:
    model = build_model(payload, context)
    data = open_data(dict(payload), context, int(payload.get("seed", 0)))
    return data, start(model, data)


class _Seeker:
    """One search: what was built so far, and what came closest."""

    def __init__(self, payload: Mapping[str, Any], context: Context, make: Maker) -> None:
        self.payload = payload
        self.context = context
        self.make = make
        self.seed = int(payload.get("seed", 0))
        self.until = time.perf_counter() + float(payload.get("seconds", 36))
        self.constructions = 0
        self.refused: LabProblem | None = None
        self.closest: Unanswered | None = None
        self._usages = [from_plain(Usage, each) for each in payload.get("usages", ())]

    def candidates(self) -> Iterator[Candidate]:
        """Models, the likeliest first: the factory's, or those that the search for constructor arguments gives."""
        if self.payload.get("factory"):
            self.constructions = 1
            yield Candidate(build_model(self.payload, self.context), None)
            return
        constructor = self._constructor(self.make.given)
        for built in constructor.candidates():
            self.constructions += 1
            yield Candidate(built.model.to(self.context.device), built.construction)
        if not self.constructions:
            if not self.make.missing:
                build_model(self.payload, self.context)  # everything was said: the constructor's own error is told
            self.keep(_not_built(constructor.refusal()))

    def fitted(
        self, candidate: Candidate, data: Data, start: Callable[[nn.Module, Data], Started]
    ) -> tuple[Candidate, Started]:
        """The candidate, its guessed sizes changed until it runs on the user's batch.

        Raises:
            LabProblem: the first that `start` raised, where no size that a layer asks for does.
        """
        first: LabProblem | None = None
        given = dict(self.make.given)
        for _ in range(MOST_FITTINGS):
            mismatches: list[Mismatch] = []
            try:
                with watched(mismatches):
                    return candidate, start(candidate.model, data)
            except LabProblem as problem:
                first = first or problem
            changed = self._changed(candidate, mismatches, given)
            if changed is None:
                break
            candidate = changed
        assert first is not None  # the loop returns or sets it
        raise first

    def _changed(self, candidate: Candidate, mismatches: list[Mismatch], given: dict[str, Any]) -> Candidate | None:
        """The model built anew with the size that its layer got; `given` then holds that argument."""
        construction = candidate.construction
        if construction is None or not mismatches:
            return None
        mismatch = mismatches[0]
        for name in fitting(construction.arguments, mismatch):
            if name in given:
                continue
            built = next(iter(self._constructor({**given, name: mismatch.got}).candidates()), None)
            if built is not None:
                given[name] = mismatch.got
                self.constructions += 1
                fitted = mismatch.told(built.construction, construction, name)
                return Candidate(built.model.to(self.context.device), fitted)
        return None

    def batch(self, candidate: Candidate) -> tuple[Synthesis, Data]:
        """A batch that the model takes.

        Raises:
            NothingFound: none was found.
        """
        model = candidate.model
        forward = forward_arguments(model, [from_plain(Argument, each) for each in self.payload.get("forward", ())])
        arguments = candidate.construction.arguments if candidate.construction is not None else ()
        known = {each.name: live(each.value, self.context) for each in arguments} | self.make.given
        try:
            found = synthesise(
                model,
                forward,
                hints=Hints(**self.payload.get("hints", {}), arguments=known),
                context=self.context,
                seed=self.seed,
                isolated=bool(self.payload.get("isolated")),
                until=self.until,
            )
        except NotFound as problem:
            raise NothingFound(_no_batch(problem, type(model).__name__)) from problem
        value, batch = _as_batch(found.value, _whole_objects(found.synthesis.batch))
        return replace(found.synthesis, batch=batch), Data([value], [], batch)

    def keep(self, unanswered: Unanswered) -> None:
        """Remember the no that came furthest."""
        if self.closest is None or _reached(unanswered) > _reached(self.closest):
            self.closest = unanswered

    def refusal(self) -> Exception:
        """Why there is no model that runs."""
        if self.closest is not None:
            return NothingFound(self.closest)
        assert self.refused is not None  # one candidate at least was tried, or a refusal kept
        return self.refused

    def _constructor(self, given: Mapping[str, Any]) -> Constructor:
        return Constructor(self.make.function, given, self._usages, self.context, self.seed)


def _as_batch(value: Any, batch: BatchSpec) -> tuple[Any, BatchSpec]:
    """A mapping that forward takes whole, and calls a batch, is the batch itself."""
    root = batch.root
    if isinstance(root, Branch) and len(root.entries) == 1:
        name, inner = root.entries[0]
        if name in WHOLE_NAMES and isinstance(inner, Branch) and inner.kind == "mapping":
            return value[name], replace(batch, root=inner)
    return value, batch


def _whole_objects(batch: BatchSpec) -> BatchSpec:
    """The form as the rest of trainergen reads a batch: a packed sequence is one part, its tensors mean nothing alone."""

    def change(node: Node) -> Node:
        if isinstance(node, Leaf):
            return node
        if node.type_name == PACKED:
            return Leaf("object", (), (), source="assumed", place="forward takes a PackedSequence")
        return replace(node, entries=tuple((key, change(child)) for key, child in node.entries))

    return replace(batch, root=change(batch.root))


def _reached(unanswered: Unanswered) -> int:
    return max((each.reached for each in unanswered.tries), default=-1)


def _not_built(refusal: NotBuilt) -> Unanswered:
    """The question that the search for constructor arguments ends in."""
    problem = refusal.problem()
    tried = tuple(f"{each.name} = {each.value!r:.60}, {each.reason}" for each in refusal.understood.arguments)
    if refusal.literal and refusal.blamed is not None:
        asked = Asked("--model-arg", refusal.blamed, f"{refusal.tries} calls were tried", placeholder="VALUE")
    else:
        about = f"a function that returns the {refusal.name} to train"
        asked = Asked("--factory", "", about, placeholder="module:name")
    return Unanswered(problem.message, (asked,), tried, place=problem.place, notes=problem.notes)


def _no_batch(problem: NotFound, name: str) -> Unanswered:
    """The question that the search for a batch ends in."""
    example = problem.question.example
    furthest = problem.furthest
    notes = () if furthest is None else (f"   = furthest: {furthest.operation or furthest.error}",)
    evidence = (f"for example --batch '{example}'", "or your own: --loader module:name")
    return Unanswered(
        f"no batch was found that {name}.forward takes",
        (Asked("--batch", "", problem.question.sentence, None, evidence, example),),
        problem.understood,
        problem.tries,
        furthest.place if furthest is not None else None,
        notes,
    )
