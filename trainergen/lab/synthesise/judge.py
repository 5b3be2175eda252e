"""Whether a guess that runs is meant: it carries a gradient, is finite, and its batch dimension is the batch.

A shape that merely runs is worse than none: samples that influence each other are a sequence, nodes or channels read as
samples, so other layouts are tried before such a guess is accepted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from .attempt import Outcome, activations
from .guess import Guess
from .realise import dims_for
from .search import MORE_NODES, Parent, Search
from .subject import Subject

Probe = Callable[[Guess, int], Outcome]

_LABELS = re.compile(r"labels?|targets?|y")


@dataclass
class Verdict:
    """What judging a guess came to.

    Attributes:
        guess: the accepted one (maybe with an argument more than the one that was judged); None where none is.
        outcome: of it.
        doubts: what may be meant otherwise.
    """

    guess: Guess | None = None
    outcome: Outcome | None = None
    doubts: list[str] = field(default_factory=list)


@dataclass
class Judge:
    """Judges guesses of one search; what it rejects, it replaces by guesses for the search to try.

    Attributes:
        subject: model and forward.
        search: takes the tries and the replacements.
        independence: see `attempt.independence`.
        seed: of the search.
    """

    subject: Subject
    search: Search
    independence: Probe
    seed: int

    def judge(self, guess: Guess, outcome: Outcome) -> Verdict:
        """Accept or replace."""
        if not outcome.finite:
            self.search.push(_tamed(guess), Parent(guess.cost, outcome.reached, "not finite"))
            return Verdict()
        if not outcome.gradient:
            if outcome.parameters:
                more = list(activations(self.subject, guess)) + list(self._labelled(guess))
                self.search.push(more, Parent(guess.cost, outcome.reached, "no gradient"))
            return Verdict()
        guess, outcome = self._as_numbers(*self._with_options(guess, outcome))
        guess, outcome = self._of_graphs(*self._as_images(guess, outcome))
        if not self._follows(guess, outcome):
            return Verdict()
        doubts: list[str] = []
        guess, outcome = self._as_batch(guess, outcome, doubts)
        doubts += self._doubts(guess)
        return Verdict(guess, outcome, doubts)

    def _light(self, guess: Guess, seed: int) -> Outcome:
        """A try that most likely runs: watched only once it has not."""
        outcome = self.search.test(guess, seed)
        return outcome if outcome.ran else self.search.test(guess, seed, traced=True)

    def _doubts(self, guess: Guess) -> Iterator[str]:
        """What may be meant otherwise: a rank that only conventions decide, labels that forward would take."""
        layers = self.subject.evidence.layers
        loose = self.subject.evidence.sequence or any(layer.kind == "norm" and layer.rank == 1 for layer in layers)
        only = [(path, slot) for path, slot in guess.slots()]
        if len(only) == 1 and loose and only[0][1].dtype == "float32" and len(only[0][1].dims) in (2, 3):
            path, slot = only[0]
            dims = ("batch", "length", *slot.dims[1:]) if len(slot.dims) == 2 else (slot.dims[0], slot.dims[-1])
            other = guess.with_slot(path, replace(slot, dims=dims))
            if not slot.given and slot.dims[0] == "batch" and self.search.test(other, self.seed).ran:
                said = ", ".join(str(dim) for dim in dims)
                yield f"{path[-1]} may as well be [{said}]: nothing in the model fixes its rank"
        given = {name for name, _ in guess.arguments}
        for each in self.subject.forward:
            if each.name not in given and _LABELS.fullmatch(each.name) and each.kind == "positional":
                yield f"forward also takes {each.name}: with it the model may return its own loss"

    def _as_numbers(self, guess: Guess, outcome: Outcome) -> tuple[Guess, Outcome]:
        """Columns of numbers with some ids among them: floats that the model casts."""
        changed = guess
        for path in outcome.loose:
            slot = guess.find(path)
            if slot is not None and slot.integral and not slot.sure:
                changed = changed.with_slot(path, replace(slot, dtype="float32", low=0, high=1))
        if changed is guess:
            return guess, outcome
        ran = self.search.test(changed, self.seed, backward=True, traced=True)
        return (changed, ran) if ran.ran and ran.gradient and ran.finite else (guess, outcome)

    def _as_images(self, guess: Guess, outcome: Outcome) -> tuple[Guess, Outcome]:
        """Images, where the model flattens two dimensions to two: its author thought of more."""
        for path in outcome.flattened:
            slot = guess.find(path)
            if slot is None or slot.given or slot.dims[:1] != ("batch",) or not isinstance(slot.dims[-1], int):
                continue
            for channels in (1, 3, 4, 8, 16, 32, 64, 128, 256, 512):
                side = math.isqrt(slot.dims[-1] // channels)
                if side >= 4 and channels * side * side == slot.dims[-1]:
                    image = replace(slot, dims=("batch", channels, side, side))
                    ran = self.search.test(guess.with_slot(path, image), self.seed, backward=True, traced=True)
                    if ran.ran and ran.gradient:
                        return guess.with_slot(path, image), ran
        return guess, outcome

    def _labelled(self, guess: Guess) -> Iterator[Guess]:
        """With all that is left out, where one argument more is not enough."""
        changed, names = guess, []
        given = {name for name, _ in guess.arguments}
        for each in self.subject.forward:
            if each.kind in ("positional", "keyword") and each.name not in given and each.default == "None":
                changed = next(iter(activations(self.subject, changed, (each.name,))), changed)
                names.append(each.name)
        if len(names) > 1:
            yield replace(changed, cost=guess.cost + 0.8, note=f"with {', '.join(names)}")

    def _with_options(self, guess: Guess, outcome: Outcome) -> tuple[Guess, Outcome]:
        """With the optional tensors that most parameters wait for."""
        for _ in range(4):
            if len(outcome.unreached) * 2 < outcome.parameters and not self._made_for(guess, outcome):
                break
            better = None
            for each in activations(self.subject, guess):
                ran = self._repaired(each)
                if ran is not None and len(ran[1].unreached) < len(outcome.unreached):
                    better = ran
                    break
            if better is None:
                break
            guess, outcome = better
        return guess, outcome

    def _made_for(self, guess: Guess, outcome: Outcome) -> bool:
        """Whether a whole named part of the model waits for an argument that is named like it."""
        given = {name for name, _ in guess.arguments}
        parts = {name.partition(".")[0].lower() for name in outcome.unreached}
        for each in self.subject.forward:
            if each.name in given or each.default != "None" or each.kind not in ("positional", "keyword"):
                continue
            stem = (
                each.name.lower().removesuffix("_ids").removesuffix("_values").removeprefix("input_").removeprefix("x_")
            )
            if len(stem) > 2 and any(
                stem in part or (len(part) > 3 and part.partition("_")[0] in stem) for part in parts
            ):
                return True
        return False

    def _repaired(self, guess: Guess, tries: int = 12) -> tuple[Guess, Outcome] | None:
        """A small search from one guess."""
        small = Search(self.search.run, min(tries, self.search.budget))
        small.push([guess])
        found = next((each for each in small.successes(self.seed) if each[1].gradient and each[1].finite), None)
        self.search.budget -= len(small.tried)
        self.search.tried.extend(small.tried)
        return found

    def _follows(self, guess: Guess, outcome: Outcome) -> bool:
        """Whether it runs with other counts of samples and other values, and the output follows."""
        used = guess.counts()
        larger = {"nodes": guess.size("nodes") + MORE_NODES}
        if {"batch", "packed"} & used:
            trials = [{"batch": 2}]
        elif any(slot.form == "sorted" for _, slot in guess.slots()):
            trials = [larger, {"graphs": guess.size("graphs") + 1}]
        elif {"nodes", "edges"} & used:
            trials = [{"edges": 30}, larger] if "edges" in used else [larger]
        else:
            return False
        followed = False
        for trial in trials:
            changed = guess.with_sizes(**_packed(guess, trial))
            ran = self._light(changed, self.seed + 1)
            if not ran.ran:
                if trial.keys() == {"nodes"} and "edges" in used:
                    continue  # the model is of one graph
                self.search.push(
                    [replace(each, sizes=guess.sizes) for each in ran.proposals],
                    Parent(guess.cost, ran.reached, ran.site),
                )
                return False
            if not ran.finite:
                self.search.push(_tamed(guess), Parent(guess.cost, ran.reached, "not finite"))
                return False
            scalars = any(not shape for shape in ran.shapes)
            followed = followed or scalars or ran.shapes != outcome.shapes or trial.keys() == {"edges"}
        return followed

    def _of_graphs(self, guess: Guess, outcome: Outcome) -> tuple[Guess, Outcome]:
        """With the graph that each node is of, where the output is one of whole graphs."""
        if "nodes" not in {dim for _, slot in guess.slots() for dim in slot.dims}:
            return guess, outcome
        ran = self.search.test(guess.with_sizes(nodes=guess.size("nodes") + MORE_NODES), self.seed)
        if not ran.ran or ran.shapes != outcome.shapes or () in ran.shapes:
            return guess, outcome
        for each in activations(self.subject, guess):
            if any(slot.form == "sorted" for _, slot in each.slots()):
                found = self._repaired(each)
                if found is not None:
                    return found
        return guess, outcome

    def _as_batch(self, guess: Guess, outcome: Outcome, doubts: list[str]) -> tuple[Guess, Outcome]:
        """Another layout where the samples influence each other, and in it they don't."""
        used = {dim for _, slot in guess.slots() for dim in slot.dims}
        if "batch" not in used:
            return guess, outcome
        if not self.independence(_apart(guess), self.seed).mixed:
            return guess, outcome
        for other in _layouts(guess):
            ran = self._repaired(other, 4)
            if ran is None or _batched(ran[0]) < _batched(guess):
                continue
            found = self.independence(_apart(ran[0]), self.seed)
            if found.mixed is False and self._follows(*ran):
                return ran
        doubts.append("the samples of a batch influence each other's output: is the first dimension the batch?")
        return guess, outcome


def _batched(guess: Guess) -> int:
    """Inputs that count the samples."""
    return sum("batch" in slot.dims for _, slot in guess.slots())


def _apart(guess: Guess) -> Guess:
    """With a number of samples that no other size equals."""
    taken = {guess.size(dim) for _, slot in guess.slots() for dim in slot.dims if dim != "batch"}
    return guess.with_sizes(**_packed(guess, {"batch": next(size for size in range(3, 99) if size not in taken)}))


def _packed(guess: Guess, trial: dict[str, int]) -> dict[str, int]:
    """A packed sequence has as many entries as samples times length."""
    sizes = dict(guess.sizes) | trial
    return trial | {"packed": sizes["batch"] * sizes["length"]}


def _layouts(guess: Guess) -> Iterator[Guess]:
    """Samples second; samples before what was taken for them."""
    swapped = lifted = guess
    for path, slot in guess.slots():
        if slot.dims[:1] == ("batch",) and len(slot.dims) >= 2 and isinstance(slot.dims[1], str):
            swapped = swapped.with_slot(path, replace(slot, dims=(slot.dims[1], "batch", *slot.dims[2:])))
        if slot.dims[:1] == ("batch",) and 2 <= len(slot.dims) <= 3:
            dims = ("batch", "length", *slot.dims[1:]) if len(slot.dims) == 2 else dims_for(4, slot)
            lifted = lifted.with_slot(path, replace(slot, dims=dims))
    for each in (lifted, swapped):
        if each is not guess:
            yield replace(each, cost=guess.cost + 0.1)


def _tamed(guess: Guess) -> Iterator[Guess]:
    """Values that logarithms, roots and losses of probabilities take."""
    floats = [(path, slot) for path, slot in guess.slots() if slot.dtype.startswith("float") and slot.dims]
    for low, high in ((0.0, 1.0), (0.1, 1.0), (-1.0, 1.0)):
        changed = guess
        for path, slot in floats:
            changed = changed.with_slot(path, replace(slot, low=low, high=high))
        yield replace(changed, cost=guess.cost + 0.3, note=f"values in [{low}, {high}]")
        for path, slot in floats if len(floats) > 1 else ():
            one = guess.with_slot(path, replace(slot, low=low, high=high))
            yield replace(one, cost=guess.cost + 0.4, note=f"{path[-1]} in [{low}, {high}]")
