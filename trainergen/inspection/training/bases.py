"""Base trainers: which classes of the project its trainers inherit from, ranked with reasons, and the one that is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import UnusableInput, did_you_mean
from ..training_facts import BaseTrainer, ClassFacts
from .family import BASE_NAME, TRAINER, Family, key_of, place_of
from .index import ProjectIndex

DEFAULT = "default"
"""What ``base-trainer`` says where trainers are to go under our own contract whatever the project has."""

OUTDATED = re.compile(r"(?:^|[/_.])(?:legacy|deprecated|old|obsolete|archive|archived|attic)(?:$|[/_.])", re.IGNORECASE)
LOOP_METHODS = ("train", "fit", "run", "train_epoch", "_train_epoch")
CLEARLY = 3
"""A base with this many times the trainers of another is the one that is meant."""
SHOWN = 3


@dataclass(frozen=True)
class Candidate:
    """A class that may be the base.

    Attributes:
        base: what it is.
        score: how likely it is meant, compared with others of the same project.
        outdated: something says that it is not the newest of its kind.
        proper: it is called a trainer, not a runner or the like.
    """

    base: BaseTrainer
    score: int
    outdated: bool
    proper: bool


def candidates(index: ProjectIndex, family: Family) -> tuple[Candidate, ...]:
    """Classes that the trainers of a project inherit from, or are meant to, the best first."""
    return _Ranking(index, family).candidates()


class _Ranking:
    """Judges the classes of a project as bases."""

    def __init__(self, index: ProjectIndex, family: Family) -> None:
        self._index = index
        self._family = family

    def candidates(self) -> tuple[Candidate, ...]:
        """See the function of that name."""
        found = [
            self._judge(each)
            for each in self._family.own
            if self._family.trains(each) and (self._family.subclasses(each) or self._asks(each))
        ]
        kept = [each for each in found if each.base.siblings or self._asks(each.base.facts)]
        return tuple(sorted(kept, key=lambda each: (-each.score, place_of(each.base.facts))))

    def _asks(self, facts: ClassFacts) -> bool:
        """A class that nobody inherits from yet, but that is written to be."""
        return any(each.required for each in facts.methods) or BASE_NAME.search(facts.name) is not None

    def _judge(self, facts: ClassFacts) -> Candidate:
        lineage = self._family.lineage(facts)
        siblings = self._family.siblings(facts)
        direct = [each for each in siblings if key_of(facts) in {key_of(it) for it in self._index.bases_of(each)}]
        indirect = len(siblings) - len(direct)
        required = self._family.required(facts)
        inherited = BaseTrainer(facts, lineage).inherited
        reasons: list[str] = []
        score = 3 * min(len(direct), 8) + min(indirect, 8)
        if siblings:
            shown = ", ".join(f"{each.name} {each.file}:{each.line}" for each in siblings[:SHOWN])
            more = f" and {len(siblings) - SHOWN} more" if len(siblings) > SHOWN else ""
            further = f", {indirect} of them over further classes" if indirect else ""
            noun = "1 trainer inherits" if len(siblings) == 1 else f"{len(siblings)} trainers inherit"
            reasons.append(f"{noun} from it{further}: {shown}{more}")
        if required:
            score += 4
            where = {each.name: it for it in reversed((facts, *lineage)) for each in it.methods}
            asked = ", ".join(f"{each.name} {where[each.name].file}:{each.line}" for each in required[:5])
            reasons.append(f"asks for {asked}{' ...' if len(required) > 5 else ''}")
        loop = next((name for name in LOOP_METHODS if name in inherited and not inherited[name].required), None)
        if loop is not None:
            score += 2
            reasons.append(f"has {loop}()")
        if BASE_NAME.search(facts.name):
            score += 4
            reasons.append("is named like a base")
        proper = TRAINER.search(facts.name) is not None
        if proper:
            score += 6
        exporter = self._exporter(facts)
        if exporter:
            score += 1
            reasons.append(f"is exported by {exporter}")
        outdated = self._outdated(facts)
        if outdated:
            score -= 12
            reasons.append(outdated)
        if lineage and self._family.is_concrete(facts):
            score -= 6  # a trainer itself, which another one varies
        return Candidate(BaseTrainer(facts, lineage, tuple(reasons), siblings), score, bool(outdated), proper)

    def _exporter(self, facts: ClassFacts) -> str:
        """The ``__init__`` nearest above a class that gives it on; "" for none."""
        folder = facts.file.rpartition("/")[0]
        while True:
            path = f"{folder}/__init__.py" if folder else "__init__.py"
            if path in self._index.files and path != facts.file:
                here = self._index.outline(path)
                if any(inner == facts.name for _, _, inner in here.imports) or here.stars:
                    key = self._index.find(path, facts.name)
                    if key is not None and (key.path, key.name) == key_of(facts):
                        return path
            if not folder:
                return ""
            folder = folder.rpartition("/")[0]

    def _outdated(self, facts: ClassFacts) -> str:
        """Why a class is not the newest of its kind; "" where nothing says so."""
        words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", facts.name)
        if OUTDATED.search(facts.file.removesuffix(".py")) or OUTDATED.search(words):
            return f"is called outdated: {facts.file}"
        if re.search(r"\bdeprecated\b|\bobsolete\b|\bdo not use\b", facts.docstring, re.IGNORECASE) or any(
            "deprecated" in each.lower() for each in facts.decorators
        ):
            return f"says that it is deprecated: {facts.file}:{facts.line}"
        newer = next(
            (
                each
                for each in self._family.own
                if _version(each.name)[1] == _version(facts.name)[1]
                and _version(each.name)[0] > _version(facts.name)[0]
            ),
            None,
        )
        return f"has a newer version: {newer.name} {newer.file}:{newer.line}" if newer is not None else ""


def choose(candidates: tuple[Candidate, ...]) -> BaseTrainer | None:
    """The base that is meant: the best candidate, unless another that is no relative of it is as likely."""
    if not candidates or candidates[0].outdated:
        return None
    first, *others = candidates
    return None if any(_as_likely(first, each) for each in others) else first.base


def _as_likely(first: Candidate, other: Candidate) -> bool:
    """Whether `other` may be meant as well as `first`."""
    if other.outdated or first.proper != other.proper or _related(first.base, other.base):
        return False
    ours, theirs = len(first.base.siblings), len(other.base.siblings)
    return ours == theirs if ours == 0 or theirs == 0 else ours < CLEARLY * theirs


def named(
    index: ProjectIndex, family: Family, candidates: tuple[Candidate, ...], wanted: str, place: str
) -> BaseTrainer:
    """The base that the user names: ``module:Class``, ``path.py:Class``, ``module.Class`` or ``Class``.

    Args:
        index: the project.
        family: its trainers.
        candidates: of that.
        wanted: as written.
        place: where it is written.

    Raises:
        UnusableInput: there is no such class in the project, or there are several.
    """
    module, _, name = wanted.rpartition(":") if ":" in wanted else wanted.rpartition(".")
    known = [f"{each.base.facts.module}:{each.base.facts.name}" for each in candidates]
    known += [f"{each.module}:{each.name}" for each in index.classes if not index.in_tests(each)]
    path = module if module.endswith(".py") else index.locate(module) if module else None
    paths = (path,) if path is not None else index.defines(name) if not module else ()
    found = []
    for each in paths:
        key = index.find(each, name) if each in index.files else None
        facts = index.class_at(key) if key is not None else None
        if facts is not None:
            found.append(facts)
    if len(found) > 1:
        listed = ", ".join(f"{each.module}:{each.name}" for each in found)
        raise UnusableInput(
            f"base-trainer {wanted}: {len(found)} classes have that name", place=place, hint=f"say which: {listed}"
        )
    if not found:
        names = tuple(dict.fromkeys(known))
        short = tuple(dict.fromkeys(each.partition(":")[2] for each in known))
        missing = f"no module {module} in this project" if module and path not in index.files else f"no class {name}"
        raise UnusableInput(
            f"base-trainer {wanted}: {missing}",
            place=place,
            hint=did_you_mean(wanted, names if module else short),
        )
    facts = found[0]
    same = next((each.base for each in candidates if key_of(each.base.facts) == key_of(facts)), None)
    reasons = (f"is named in {place}", *(same.reasons if same is not None else ()))
    return BaseTrainer(facts, family.lineage(facts), reasons, family.siblings(facts))


def _related(one: BaseTrainer, other: BaseTrainer) -> bool:
    return key_of(one.facts) in map(key_of, other.lineage) or key_of(other.facts) in map(key_of, one.lineage)


def _version(name: str) -> tuple[int, str]:
    """(2, "BaseTrainer") for ``BaseTrainerV2``; 1 where there is no number."""
    match = re.fullmatch(r"(.+?)_?[vV]?(\d+)", name)
    return (int(match[2]), match[1]) if match is not None else (1, name)
