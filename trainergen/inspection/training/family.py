"""The classes of a project that train, who inherits from whom, and what is left to be written."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..training_facts import BaseTrainer, ClassFacts, MethodFacts
from .index import ProjectIndex
from .scan import TRAINER_NAME, TRAINING_METHODS

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
TRAINER = re.compile(r"(?:Trainer|Training|TrainLoop)(?:_?(?:Base|ABC|Abstract|Core|Impl|Class|[vV]?\d+))?$")
"""Names of trainers, and of nothing else (a ``PreTrainedModel`` is none)."""
BASE_NAME = re.compile(r"^_?(Base|Abstract|Generic)(?=[A-Z_\d]|$)|Base$|ABC$")
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
        "valid_step",
        "eval_step",
        "_valid_epoch",
        "validate_epoch",
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


class Family:
    """The trainers of a project and what they inherit from.

    Args:
        index: the project.

    Attributes:
        own: the classes that can matter, tests and doubles left out.
    """

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._lineages: dict[tuple[str, str], tuple[ClassFacts, ...]] = {}
        self._below: dict[tuple[str, str], list[ClassFacts]] = {}
        self.own = [
            each
            for each in index.classes
            if not index.in_tests(each) and not any(DOUBLE.search(it.name) for it in (each, *self.lineage(each)))
        ]
        for each in self.own:
            for ancestor in self.lineage(each):
                self._below.setdefault(key_of(ancestor), []).append(each)

    def lineage(self, facts: ClassFacts) -> tuple[ClassFacts, ...]:
        """The project's classes that a class inherits from, nearest first."""
        key = key_of(facts)
        if key not in self._lineages:
            self._lineages[key] = self._index.lineage(facts)
        return self._lineages[key]

    def subclasses(self, facts: ClassFacts) -> list[ClassFacts]:
        """All below a class, tests and doubles left out, in order of file and line."""
        return sorted(self._below.get(key_of(facts), []), key=place_of)

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
        if TRAINER.search(facts.name):
            return bool(methods - {"__init__"})
        near = (facts, *self._below.get(key_of(facts), ()))
        if TRAINER_NAME.search(facts.name):  # what runs may be a training, or any other job
            return bool(main) or ("run" in methods and self._mentions(near, b"torch"))
        if any(each.method("predict") is not None for each in (*self.lineage(facts), *near)):
            return False  # an estimator: a model that fits itself
        return (len(main) >= 2 or bool(main and SECOND_METHODS & methods)) and self._mentions(near, b"backward(")

    def _mentions(self, classes: Iterable[ClassFacts], word: bytes) -> bool:
        """Whether the file of one of `classes` has `word`: what only says that it trains may mean anything."""
        return any(word in self._index.peek(path) for path in dict.fromkeys(each.file for each in classes))

    def outside(self, facts: ClassFacts) -> str:
        """The class of an installed package whose contract this class follows; "" where it follows none."""
        for each in (facts, *self.lineage(facts)):
            for base in each.bases:
                last = base.rpartition(".")[2]
                if ":" in base or (last == "Module" and TRAINER.search(facts.name)):
                    continue  # a trainer that is a module too keeps its own contract
                if last in NO_TRAINER or last.endswith(("Callback", "Dataset", "Error", "Exception")):
                    return base
        return ""

    def standalone(self) -> tuple[ClassFacts, ...]:
        """Concrete trainers that inherit from nothing in the project."""
        return tuple(
            each
            for each in sorted(self.own, key=place_of)
            if not self.lineage(each) and self.trains(each) and self.is_concrete(each)
        )


def key_of(facts: ClassFacts) -> tuple[str, str]:
    """What tells a class from all others."""
    return facts.file, facts.name


def place_of(facts: ClassFacts) -> tuple[str, int]:
    """What classes are sorted by."""
    return facts.file, facts.line
