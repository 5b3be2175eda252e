"""Makes an accepted guess presentable: which sizes may vary, round sizes, the whole range of ids, named dimensions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ...inspection.batch_spec import BATCH, BatchSpec, Branch, Leaf, Path
from ...inspection.batch_spec import Node as SpecNode
from .attempt import Outcome
from .guess import COUNTS, SPATIAL, Box, Dim, Guess, Node, Slot
from .search import MORE_NODES, Search
from .subject import Subject
from .values import bound

SAMPLES = 4

LENGTH = 16
"""Of a sequence that may have any."""

_FEATURES = re.compile(
    r"enc_in|c_in|(?:n|num|in|input)_?(?:features|vars|variables|series|dim)|d_in|in_features|feature_dim"
)
_OUT_OF_RANGE = re.compile(r"out of (?:range|bounds)|out-of-bounds|smaller than num_classes")
_SIDES = (28, 32, 64, 48, 96, 128, 224)


@dataclass
class Canonical:
    """Rounds one accepted guess; every step is a try, and is kept only where forward still runs.

    Attributes:
        subject: model and forward.
        search: takes the tries.
        seed: of the search.
        varying: names of sizes that were seen to vary.
        free: dimensions without such a name that were seen to vary, and what they are called.
        held: inputs whose range of ids holds at every place.
    """

    subject: Subject
    search: Search
    seed: int
    varying: set[str] = field(default_factory=set)
    free: dict[tuple[Path, int], str] = field(default_factory=dict)
    held: set[Path] = field(default_factory=set)

    def round(self, guess: Guess, tables: dict[Path, int]) -> Guess:
        """The guess with its sizes rounded and its ranges widened.

        Args:
            guess: accepted.
            tables: rows that inputs choose from, see `Trace`.
        """
        guess = self._sizes(guess)
        guess = self._numbers(guess)
        guess = self._ranges(guess, tables)
        samples = guess.with_sizes(**_packed(guess, {"batch": SAMPLES}))
        outcome = self.search.test(samples, self.seed + 3, backward=True)
        return samples if outcome.ran and outcome.finite and outcome.gradient else guess

    def _runs(self, guess: Guess, *, traced: bool = False) -> bool:
        if self.search.budget < -40:  # judging may overdraw a little, never without end
            return False
        if any(outcome.fatal for _, outcome in self.search.tried[-8:]):  # a size took too long: larger ones will too
            return False
        outcome = self.search.test(guess, self.seed + 3, traced=traced)
        return outcome.ran and outcome.finite

    def _sizes(self, guess: Guess) -> Guess:
        used = guess.counts()
        self.varying |= used & {"batch", "edges", "packed"}
        sides = [name for name in SPATIAL if name in used]
        if sides:
            guess = self._sides(guess, sides)
        if "length" in used:
            guess = self._length(guess)
        if "nodes" in used:
            more = guess.with_sizes(nodes=guess.size("nodes") + MORE_NODES)
            if self.search.has_run(more) or self._runs(more):
                self.varying.add("nodes")
        return guess

    def _sides(self, guess: Guess, sides: list[str]) -> Guess:
        now = guess.size(sides[0])
        if all(guess.size(each) == now for each in sides):
            stated = self.subject.evidence.side()
            for size in (now * 3 // 2, now * 2, now + 1):
                if size <= 1024 and self._runs(guess.with_sizes(**dict.fromkeys(sides, size))):
                    self.varying |= set(sides)
                    break
            near = next((size for size in _SIDES if abs(size - now) <= 4), now)
            if not set(sides) <= self.varying and near != now and stated is None:
                changed = guess.with_sizes(**dict.fromkeys(sides, near))
                guess = changed if self._runs(changed) else guess
            if set(sides) <= self.varying and stated is None:
                for size in (16, 32) if "depth" in sides else (32, 64):
                    changed = guess.with_sizes(**dict.fromkeys(sides, size))
                    if size == now and now >= (16 if "depth" in sides else 32):
                        break
                    if self._runs(changed):
                        return changed
        return guess

    def _length(self, guess: Guess) -> Guess:
        now = guess.size("length")
        usual = guess.with_sizes(**_packed(guess, {"length": LENGTH}))
        if now != LENGTH and self._runs(usual):  # it varies then, and that is what it becomes
            self.varying.add("length")
            return usual
        for size in (now + 1, now - 1, now * 2):
            if size > 0 and self._runs(guess.with_sizes(**_packed(guess, {"length": size}))):
                self.varying.add("length")
                break
        else:
            guess = self._tied(guess, now)
        if "length" in self.varying:
            for size in (LENGTH, 8, 32, 64):
                if size == now:
                    break
                changed = guess.with_sizes(**_packed(guess, {"length": size}))
                if self._runs(changed):
                    return changed
        return guess

    def _tied(self, guess: Guess, now: int) -> Guess:
        """Dimensions that happen to be as long as the sequence, where it varies only together with them."""
        alike = [
            (path, axis)
            for path, slot in guess.slots()
            for axis, dim in enumerate(slot.dims)
            if dim == now and axis not in slot.fixed and not slot.given
        ]
        for chosen in (alike, *([each] for each in alike)) if alike else ():
            tied = guess
            for path, axis in chosen:
                tied = tied.with_dim(path, axis, "length")
            if self._runs(tied.with_sizes(length=now + 1)):
                self.varying.add("length")
                return tied
        return guess

    def _numbers(self, guess: Guess) -> Guess:
        """Sizes that no weight fixes vary too, and get a round one."""
        for path, slot in list(guess.slots()):
            if slot.given:
                continue
            for axis, dim in enumerate(slot.dims):
                if isinstance(dim, str) or axis in slot.fixed or slot.dims[0] == dim == 2:
                    continue
                if self._runs(guess.with_dim(path, axis, dim + 1), traced=True):  # see `Trace`: torch may read too far
                    self.free[path, axis] = _usual(slot, axis)
                    stated = self.subject.evidence.number(_FEATURES.fullmatch)
                    if stated is not None and axis == len(slot.dims) - 1 and slot.dtype.startswith("float"):
                        changed = guess.with_dim(path, axis, stated[0])
                        guess = changed if self._runs(changed) else guess
        return guess

    def _ranges(self, guess: Guess, tables: dict[Path, int]) -> Guess:
        """The whole range of ids that every place of an input takes: columns may have tables of their own."""
        columns = self.subject.evidence.cardinalities()
        for path, rows in tables.items():
            slot = guess.find(path)
            if slot is None or not slot.integral or slot.given:
                continue
            if columns and _has_columns(guess, slot, len(columns[0])):
                wide = replace(slot, high=min(columns[0]), why=columns[1])
                if self._holds(guess, path, wide):
                    guess = guess.with_slot(path, wide)
                    continue
            if not isinstance(slot.high, int) or slot.sure:
                continue
            low, high = int(slot.low or 0) + 1, rows
            while low < high:  # between: holds below `low`, the table has `rows`
                middle = high if high == rows else (low + high + 1) // 2
                if self._holds(guess, path, replace(slot, high=middle)):
                    low = middle
                else:
                    high = middle - 1
            guess = guess.with_slot(path, replace(slot, high=low, why=f"{slot.why}, chooses from {rows} rows"))
        return guess

    def _holds(self, guess: Guess, path: Path, slot: Slot) -> bool:
        """Whether the range of a slot is no wider than what the model takes, at every place."""
        wide = guess.with_slot(path, slot)
        if self.search.budget < -40:
            return False
        outcome = self.search.test(extreme(wide, path), self.seed + 3)
        if out_of_range(outcome):
            return False
        self.held.add(path)
        return (outcome.ran and outcome.finite) or self._runs(wide)


def extreme(guess: Guess, *paths: Path) -> Guess:
    """The guess with the largest id of its range at every place: a range that holds for few draws by chance does not here.

    Args:
        guess: what is tried.
        paths: of the slots.
    """
    for each, slot in guess.slots():
        if each in paths and slot.integral and slot.form == "free" and isinstance(slot.high, int):
            guess = guess.with_slot(each, replace(slot, low=slot.high - 1))
    return guess


def out_of_range(outcome: Outcome) -> bool:
    """Whether it is the values of ids that were refused."""
    return _OUT_OF_RANGE.search(outcome.error or "") is not None


def _has_columns(guess: Guess, slot: Slot, count: int) -> bool:
    return slot.integral and not slot.given and len(slot.dims) == 2 and guess.shape(slot)[-1] == count


def _usual(slot: Slot, axis: int) -> str:
    rest = [each for each in range(len(slot.dims)) if slot.dims[each] not in COUNTS]
    position, count = rest.index(axis) if axis in rest else 0, len(rest)
    if count == 1:
        return "length" if slot.integral or slot.dtype == "bool" else "features"
    if count == 2:
        return ("length", "features")[position] if not slot.integral else ("items", "length")[position]
    if axis == 1 and count == 4 and isinstance(slot.dims[2], int):
        return "frames"
    return "channels" if axis == 1 else f"size_{axis}"


def _packed(guess: Guess, trial: dict[str, int]) -> dict[str, int]:
    sizes = dict(guess.sizes) | trial
    return trial | {"packed": sizes["batch"] * sizes["length"]}


def spec_of(guess: Guess, canonical: Canonical, *, bare: bool) -> BatchSpec:
    """The guess as the form of a batch; `bare` where forward takes one tensor by position."""
    entries = tuple((name, _spec(node, (name,), guess, canonical)) for name, node in guess.arguments)
    used = guess.counts()
    count = next((name for name in COUNTS if name in used), "batch")
    samples = guess.size(count)
    if bare:
        return BatchSpec(entries[0][1], samples)
    if all(name.startswith("*") for name, _ in entries):
        return BatchSpec(Branch("tuple", tuple((index, node) for index, (_, node) in enumerate(entries))), samples)
    return BatchSpec(Branch("mapping", entries), samples)


def _spec(node: Node, path: Path, guess: Guess, canonical: Canonical) -> SpecNode:
    if isinstance(node, Box) and node.repeat is not None:
        one = _spec(node.entries[0][1], (*path, 0), guess, canonical)
        return Branch(node.kind, tuple((index, one) for index in range(guess.size(node.repeat))))
    if isinstance(node, Box):
        return Branch(
            node.kind,
            tuple((key, _spec(child, (*path, key), guess, canonical)) for key, child in node.entries),
            node.type_name,
        )
    dims = tuple(_dims(node, path, guess, canonical))
    low, high = node.low, bound(node, guess)
    return Leaf(node.dtype, dims, guess.shape(node), low, high, "given" if node.given else "assumed", node.why)


def _dims(slot: Slot, path: Path, guess: Guess, canonical: Canonical) -> Iterator[int | str]:
    taken: set[str] = set()
    for axis, dim in enumerate(slot.dims):
        named: Dim = dim if isinstance(dim, int) or dim in canonical.varying or dim == BATCH else guess.size(dim)
        if isinstance(named, int):
            name = canonical.free.get((path, axis))
            named = f"{path[-1]}_{name}" if name in taken or (name and _clashes(guess, name)) else name or named
        if isinstance(named, str):
            taken.add(named)
        yield named


def _clashes(guess: Guess, name: str) -> bool:
    """Whether a size of that name is there already, or another input has one of its own."""
    used = {dim for _, slot in guess.slots() for dim in slot.dims}
    return name in used or len(list(guess.slots())) > 1
