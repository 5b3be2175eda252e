"""How a project trains, as read from its source: its base trainer and the subclasses of it, its entry point, its style."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function, `self` and `cls` left out.

    Attributes:
        name: as written, without stars.
        kind: ``positional`` (also by keyword), ``keyword`` (keyword-only), ``args``, ``kwargs``.
        annotation, default: source text; None where there is none.
    """

    name: str
    kind: Literal["positional", "keyword", "args", "kwargs"] = "positional"
    annotation: str | None = None
    default: str | None = None


@dataclass(frozen=True)
class MethodFacts:
    """One method of a class.

    Attributes:
        name, line: where.
        parameters: without `self` or `cls`.
        returns: the annotation's source text; None where there is none.
        body: ``abstract`` (by decorator, on whatever class), ``raises`` (NotImplementedError and nothing else),
            ``empty`` (a docstring, pass, ...), ``given`` (it does something).
        decorators: source text without the @.
        docstring: all of it, dedented; "" where there is none.
    """

    name: str
    line: int
    parameters: tuple[Parameter, ...] = ()
    returns: str | None = None
    body: Literal["abstract", "raises", "empty", "given"] = "given"
    decorators: tuple[str, ...] = ()
    docstring: str = ""

    @property
    def required(self) -> bool:
        """A subclass has to write it."""
        return self.body in ("abstract", "raises")


@dataclass(frozen=True)
class ClassFacts:
    """One class of the project.

    Attributes:
        name: of the class.
        module: what another module of the project imports it from.
        file, line: relative POSIX path, line from 1.
        bases: ``module:Class`` for those that the project defines, else source text (``nn.Module``, ``ABC``).
        decorators: source text without the @.
        methods: its own, in order.
        attributes: class-level names and the source text of their values ("" for a bare annotation).
        docstring: all of it; "" where there is none.
        before_super: attributes set on self in ``__init__`` before ``super().__init__()`` is called.
        is_function: it is no class but a function that trains; its one method is itself.
    """

    name: str
    module: str
    file: str
    line: int
    bases: tuple[str, ...] = ()
    decorators: tuple[str, ...] = ()
    methods: tuple[MethodFacts, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    docstring: str = ""
    before_super: tuple[str, ...] = ()
    is_function: bool = False

    def method(self, name: str) -> MethodFacts | None:
        """Its own method of that name."""
        return next((each for each in self.methods if each.name == name), None)


@dataclass(frozen=True)
class BaseTrainer:
    """A class that the project's trainers inherit from; where they are functions, the one that a new one follows.

    Attributes:
        facts: the class itself, or the function.
        lineage: its own bases within the project, nearest first.
        reasons: why it is taken for one, strongest first.
        siblings: the trainers that exist: concrete subclasses, direct or not, in order of file and line.
    """

    facts: ClassFacts
    lineage: tuple[ClassFacts, ...] = ()
    reasons: tuple[str, ...] = ()
    siblings: tuple[ClassFacts, ...] = ()

    def method(self, name: str) -> MethodFacts | None:
        """The method of that name that a subclass inherits."""
        return next((found for each in (self.facts, *self.lineage) if (found := each.method(name))), None)

    @property
    def inherited(self) -> dict[str, MethodFacts]:
        """Every method that a subclass inherits, by name."""
        found: dict[str, MethodFacts] = {}
        for each in (self.facts, *self.lineage):
            for method in each.methods:
                found.setdefault(method.name, method)
        return found


@dataclass(frozen=True)
class EntryPoint:
    """How a user starts a training.

    Attributes:
        command: as typed in the project's root, without the trainer's name (``python train.py``, ``python -m pkg.train``).
        kind: script, module, console-script.
        file, line: where the program begins.
        selects: how a trainer is named: ``positional``, an option (``--trainer``), a hydra override (``trainer=``), or ""
            where it is not.
        lists: the option that lists the trainers; "" where there is none.
        bounds: options that end a training early, with the value that does (``--max-steps``: ``2``); "" for one that
            takes none; a name that ends in ``=`` is a hydra override.
    """

    command: str
    kind: Literal["script", "module", "console-script"]
    file: str
    line: int = 1
    selects: str = ""
    lists: str = ""
    bounds: tuple[tuple[str, str], ...] = ()

    def selection(self, key: str) -> tuple[str, ...]:
        """The words of the command line that choose the trainer `key`; () where nothing does."""
        if not self.selects:
            return ()
        if self.selects.endswith("="):
            return (f"{self.selects}{key}",)
        return (key,) if self.selects == "positional" else (self.selects, key)


@dataclass(frozen=True)
class StyleFacts:
    """How the siblings are written, so that a new one looks like them.

    Attributes:
        file_name: pattern of the trainers' files, ``{snake}`` or ``{lower}`` in the model's place (``train/{snake}_trainer.py``).
        class_name: pattern of the classes (``{Camel}Trainer``).
        relative_imports: the trainers import the project's modules relatively.
        future_annotations: they begin with ``from __future__ import annotations``.
        hints: they annotate their methods.
        docstrings: google, numpy, sphinx, plain (a sentence), none.
        quotes: double or single.
        logger: import line and statements that give a module its logger, in order; () where they print or log nothing.
        logger_name: what they call (``logger``, ``log``, ``self.logger``); "" where nothing is logged.
    """

    file_name: str = "{snake}_trainer.py"
    class_name: str = "{Camel}Trainer"
    relative_imports: bool = False
    future_annotations: bool = False
    hints: bool = True
    docstrings: Literal["google", "numpy", "sphinx", "plain", "none"] = "plain"
    quotes: Literal["double", "single"] = "double"
    logger: tuple[str, ...] = ()
    logger_name: str = ""


@dataclass(frozen=True)
class DataSource:
    """A loader, a data set, or a function that gives one, in the project."""

    name: str
    module: str
    file: str
    line: int
    kind: Literal["dataset", "loader", "factory"]
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True)
class Contradiction:
    """Documentation that says other than the code does; the code wins."""

    place: str
    says: str
    code: str


@dataclass(frozen=True)
class TrainingFacts:
    """How the project trains.

    Attributes:
        roots: folders that its import names start from, relative ("" for the project's root, ``src``).
        layout: src, flat or namespace.
        bases: candidates for the base trainer, best first; () where the project has none.
        chosen: the base to inherit from; None where there is none, or where two are as likely.
        by_setting: the user decided it (``base-trainer``), also for our own contract: then `chosen` is None.
        ours: our own default project stands here; `chosen` is None unless the user named one.
        entry: how a training is started.
        style: of the siblings.
        data: loaders and data sets that exist.
        losses: ``module:name`` of loss functions and classes that exist.
        metrics: ``module:name`` of functions that measure an output.
        tracker: wandb, mlflow, tensorboard ..., "" for none.
        tests: the folder and the pattern of the project's tests, "" where there are none.
        contradictions: see `Contradiction`.
        standalone: concrete trainers that inherit from nothing of the project: no contract, but a style.
        damaged: Python files that could not be read, as ``path:line: why``; nothing in them is known.
    """

    roots: tuple[str, ...] = ("",)
    layout: Literal["src", "flat", "namespace"] = "flat"
    bases: tuple[BaseTrainer, ...] = ()
    chosen: BaseTrainer | None = None
    by_setting: bool = False
    ours: bool = False
    entry: EntryPoint | None = None
    style: StyleFacts = StyleFacts()
    data: tuple[DataSource, ...] = ()
    losses: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    tracker: str = ""
    tests: str = ""
    contradictions: tuple[Contradiction, ...] = ()
    standalone: tuple[ClassFacts, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def undecided(self) -> bool:
        """Several bases are as likely as each other, and only the user knows which is meant."""
        return self.chosen is None and bool(self.bases) and not self.by_setting and not self.ours
