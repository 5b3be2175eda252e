"""Base trainers: which classes of the project its trainers inherit from, ranked with reasons, and the one that is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import UnusableInput, did_you_mean
from ..training_facts import BaseTrainer, ClassFacts, MethodFacts
from .index import ProjectIndex
from .scan import TRAINER_NAME, TRAINING_METHODS

DEFAULT = "default"
"""What ``base-trainer`` says where trainers are to go under our own contract whatever the project has."""

NO_TRAINER = frozenset(
    [
        "Module",
        "LightningModule",
        "LightningDataModule",
        "Callback",
        "Protocol",
        "Enum",
        "IntEnum",
        "StrEnum",
        "TypedDict",
        "NamedTuple",
        "Exception",
        "Dataset",
        "IterableDataset",
        "DataLoader",
        "Optimizer",
        "LRScheduler",
        "_LRScheduler",
        "Trainer",
        "Seq2SeqTrainer",
        "SFTTrainer",
        "TestCase",
        "BaseModel",
        "Thread",
        "Process",
        "Engine",
        "Learner",
        "LightningLite",
        "Fabric",
        "Accelerator",
        "BaseEstimator",
        "Env",
        "HookBase",
        "Hook",
        "DefaultTrainer",
        "TrainerCallback",
        "Namespace",
        "dict",
        "list",
    ]
)
"""Bases from installed packages whose subclasses follow that package's contract, or do not train at all."""
DOUBLE = re.compile(r"^_*(Fake|Mock|Dummy|Stub|Test)|(Fake|Mock|Dummy|Stub)$")
NO_BASE = re.compile(
    r"Mixin$|Config$|Configuration$|Args$|Arguments$|Settings$|Options$|State$|Callback$|Hook$|Error$|Exception$|Result$"
    r"|Factory$|Registry$|Dataset$|DataModule$|Loader$|Loss$|Protocol$|Interface$|Logger$|Builder$"
)
BASE_NAME = re.compile(r"^_?(Base|Abstract|Generic|Core|I(?=[A-Z][a-z]))|Base$|ABC$")
OUTDATED = re.compile(r"(?:^|[/_.])(?:legacy|deprecated|old|obsolete|archive|archived|attic)(?:$|[/_.])", re.IGNORECASE)
LOOP_METHODS = ("train", "fit", "run", "train_epoch", "_train_epoch")
SECOND_METHODS = frozenset(
    [
        "evaluate",
        "validate",
        "run",
        "step",
        "update",
        "test",
        "eval",
        "validation_step",
        "save_checkpoint",
        "load_checkpoint",
        "save_model",
        "build_model",
        "build_optimizer",
        "get_optimizer",
        "configure_optimizers",
        "on_epoch_end",
        "on_epoch_start",
        "_evaluate",
        "predict_step",
    ]
)
CLEARLY = 3
"""A base with this many times the trainers of another is the one that is meant."""
SHOWN = 3


@dataclass(frozen=True)
class _Candidate:
    base: BaseTrainer
    direct: int
    score: int
    outdated: bool
    proper: bool  # called a trainer


class Family:
    """The trainers of a project and what they inherit from.

    Args:
        index: the project.
    """

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._lineages: dict[tuple[str, str], tuple[ClassFacts, ...]] = {}
        self._below: dict[tuple[str, str], list[ClassFacts]] = {}
        self._own = [
            each
            for each in index.classes
            if not index.in_tests(each) and not any(DOUBLE.search(it.name) for it in (each, *self.lineage(each)))
        ]
        for each in self._own:
            for ancestor in self.lineage(each):
                self._below.setdefault(_key(ancestor), []).append(each)

    def lineage(self, facts: ClassFacts) -> tuple[ClassFacts, ...]:
        """The project's classes that a class inherits from, nearest first."""
        key = _key(facts)
        if key not in self._lineages:
            self._lineages[key] = self._index.lineage(facts)
        return self._lineages[key]

    def subclasses(self, facts: ClassFacts) -> list[ClassFacts]:
        """All below a class, tests and doubles left out, in order of file and line."""
        return sorted(self._below.get(_key(facts), []), key=_place)

    def is_concrete(self, facts: ClassFacts) -> bool:
        """Whether a class can be built: it is named like no base and nothing that it inherits is left to be written."""
        return not BASE_NAME.search(facts.name) and not NO_BASE.search(facts.name) and not self.required(facts)

    def required(self, facts: ClassFacts) -> tuple[MethodFacts, ...]:
        """Methods of a class, own or inherited, that a subclass has to write."""
        return tuple(each for each in BaseTrainer(facts, self.lineage(facts)).inherited.values() if each.required)

    def siblings(self, facts: ClassFacts) -> tuple[ClassFacts, ...]:
        """The concrete subclasses."""
        return tuple(each for each in self.subclasses(facts) if self.is_concrete(each))

    def trains(self, facts: ClassFacts) -> bool:
        """Whether a class is one that trains: by its name, or by what it has methods for."""
        if NO_BASE.search(facts.name) or self.outside(facts):
            return False
        methods = BaseTrainer(facts, self.lineage(facts)).inherited.keys()
        main = TRAINING_METHODS & methods
        if TRAINER_NAME.search(facts.name):
            return bool(methods - {"__init__"})
        if "predict" in methods and "fit" in methods:
            return False  # an estimator: a model that fits itself
        return len(main) >= 2 or bool(main and SECOND_METHODS & methods)

    def outside(self, facts: ClassFacts) -> str:
        """The class of an installed package whose contract this class follows; "" where it follows none."""
        for each in (facts, *self.lineage(facts)):
            for base in each.bases:
                last = base.rpartition(".")[2]
                if ":" in base or (last == "Module" and "Train" in facts.name):
                    continue  # a trainer that is a module too keeps its own contract
                if last in NO_TRAINER or last.endswith(("Callback", "Dataset", "Error", "Exception")):
                    return base
        return ""

    def standalone(self) -> tuple[ClassFacts, ...]:
        """Concrete trainers that inherit from nothing in the project."""
        return tuple(
            each
            for each in sorted(self._own, key=_place)
            if not self.lineage(each) and self.trains(each) and self.is_concrete(each)
        )

    # Candidates.

    def candidates(self) -> tuple[_Candidate, ...]:
        """Classes that trainers inherit from, or are meant to, the best first."""
        found = [
            self._judge(each)
            for each in self._own
            if self.trains(each) and (self._below.get(_key(each)) or self._asks(each))
        ]
        kept = [each for each in found if each.base.siblings or self._asks(each.base.facts)]
        return tuple(sorted(kept, key=lambda each: (-each.score, _place(each.base.facts))))

    def _asks(self, facts: ClassFacts) -> bool:
        """A class that nobody inherits from yet, but that is written to be."""
        return bool(self.required(facts)) or BASE_NAME.search(facts.name) is not None

    def _judge(self, facts: ClassFacts) -> _Candidate:
        lineage = self.lineage(facts)
        siblings = self.siblings(facts)
        direct = [each for each in siblings if _key(facts) in {_key(it) for it in self._index.bases_of(each)}]
        indirect = len(siblings) - len(direct)
        required = self.required(facts)
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
        proper = "Train" in facts.name
        if proper:
            score += 3
        exporter = self._exporter(facts)
        if exporter:
            score += 1
            reasons.append(f"is exported by {exporter}")
        outdated = self._outdated(facts)
        if outdated:
            score -= 12
            reasons.append(outdated)
        if lineage and self.is_concrete(facts):
            score -= 6  # a trainer itself, which another one varies
        return _Candidate(
            BaseTrainer(facts, lineage, tuple(reasons), siblings), len(direct), score, bool(outdated), proper
        )

    def _exporter(self, facts: ClassFacts) -> str:
        """The ``__init__`` nearest above a class that gives it on; "" for none."""
        folder = facts.file.rpartition("/")[0]
        while True:
            path = f"{folder}/__init__.py" if folder else "__init__.py"
            if path in self._index.files and path != facts.file:
                here = self._index.outline(path)
                if any(inner == facts.name for _, _, inner in here.imports) or here.stars:
                    key = self._index.find(path, facts.name)
                    if key is not None and (key.path, key.name) == _key(facts):
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
                for each in self._own
                if _version(each.name)[1] == _version(facts.name)[1]
                and _version(each.name)[0] > _version(facts.name)[0]
            ),
            None,
        )
        return f"has a newer version: {newer.name} {newer.file}:{newer.line}" if newer is not None else ""

    def as_likely(self, first: _Candidate, other: _Candidate) -> bool:
        """Whether `other` may be meant as well as `first`."""
        if other.outdated or _related(first.base, other.base):
            return False
        ours, theirs = len(first.base.siblings), len(other.base.siblings)
        if ours == 0 or theirs == 0:
            return ours == theirs and first.proper == other.proper
        if first.proper != other.proper:
            return False
        return ours < CLEARLY * theirs


def choose(family: Family, candidates: tuple[_Candidate, ...]) -> BaseTrainer | None:
    """The base that is meant: the best candidate, unless another that is no relative of it is as likely."""
    if not candidates or candidates[0].outdated:
        return None
    first, *others = candidates
    return None if any(family.as_likely(first, each) for each in others) else first.base


def named(
    index: ProjectIndex, family: Family, candidates: tuple[_Candidate, ...], wanted: str, place: str
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
    same = next((each.base for each in candidates if _key(each.base.facts) == _key(facts)), None)
    reasons = (f"is named in {place}", *(same.reasons if same is not None else ()))
    return BaseTrainer(facts, family.lineage(facts), reasons, family.siblings(facts))


def _related(one: BaseTrainer, other: BaseTrainer) -> bool:
    return _key(one.facts) in map(_key, other.lineage) or _key(other.facts) in map(_key, one.lineage)


def _key(facts: ClassFacts) -> tuple[str, str]:
    return facts.file, facts.name


def _place(facts: ClassFacts) -> tuple[str, int]:
    return facts.file, facts.line


def _version(name: str) -> tuple[int, str]:
    """(2, "BaseTrainer") for ``BaseTrainerV2``; 1 where there is no number."""
    match = re.fullmatch(r"(.+?)_?[vV]?(\d+)", name)
    return (int(match[2]), match[1]) if match is not None else (1, name)
