"""What an objective's file is shown of a model as a whole: outputs, inputs, what is left over, names and words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ...inspection.batch_spec import Leaf, Path, spell_path
from .facts import OutputFacts

FLOATING = frozenset({"float16", "bfloat16", "float32", "float64"})
INTEGRAL = frozenset({"uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"})

PREDICTION_NAMES = (
    "logits",
    "prediction",
    "predictions",
    "pred",
    "preds",
    "scores",
    "output",
    "y_hat",
    "y_pred",
    "out",
    "reconstruction",
    "recon",
    "x_hat",
    "probabilities",
    "probs",
)

SECTIONS = re.compile(
    r"^\s*(args|arguments|parameters|params|inputs?|attributes|returns?|raises|examples?|references?|shapes?):?\s*$"
    r"|:param\b|^\s*[-=]{4,}\s*$|>>>",
    re.IGNORECASE | re.MULTILINE,
)
"""Where a docstring stops saying what a class is for and begins to list its parts."""
RETURNS = re.compile(
    r"^(?:returns?|outputs?)[ \t]*\n-{3,}[ \t]*\n(?P<numpy>.*?)(?=^\S[^\n]*\n-{3,}|\Z)"
    r"|^:?(?:returns?|outputs?)\b[ \t]*:?[ \t]*(?P<plain>[^\n]*\n?(?:^[ \t]+\S[^\n]*\n?)*)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
"""Sections of a docstring about what comes back, NumPy's, then Google's and Sphinx's, or a sentence that begins so."""
ROLES = re.compile(r":[a-z:]+:(?=`)")
OUTPUT_WORD = re.compile(r"(^|_)(out|outs|outputs?)(_|$)")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class SeenInput:
    """One input of forward.

    Attributes:
        name: forward's parameter.
        path: where it sits in the batch.
        leaf: its form.
        prepare: how it is prepared there.
    """

    name: str
    path: Path
    leaf: Leaf
    prepare: tuple[str, ...] = ()


@dataclass(frozen=True)
class Role:
    """One value that a proposed loss takes.

    Attributes:
        name: what the reference and the template call it: ``prediction``, ``target``, ``mu``, ``input_lengths``.
        origin: as `planning.plan.Part.origin`.
        path: where it is in the output or the batch; of a part that is to be added, its key there: ``("lengths",)``.
        prepare: operations on it. Those of ``prediction`` and ``target`` go by the loss: see `LossOption`.
        leaf: the part to add to the batch; None: it is there already.
        output: of a call: where the value is in what forward returned.
        low, high: what every value must lie in; high exclusive for integers.
        variable: local name in generated code; empty: `name`.
    """

    name: str
    origin: Literal["output", "batch", "call"]
    path: Path
    prepare: tuple[str, ...] = ()
    leaf: Leaf | None = None
    output: Path = ()
    low: int | float | None = None
    high: int | float | None = None
    variable: str = ""


@dataclass(frozen=True)
class Seen:
    """All that an objective may go by when it is asked what it would want of a model.

    Attributes:
        outputs: what forward returned, in order, numbers and integers included.
        output_kind: as in `TorchFacts`.
        inputs: the parts of the batch that go into forward, in the order of the call.
        left: parts of the batch that forward leaves over; empty where the batch was found by trying.
        synthesised: the batch was found by trying: a role may be added to it. Else it is the user's, and roles are found
            in `left`.
        samples: how many the batch has.
        names: what forward's return calls its parts that have no names of their own.
        orders: ids that go in -> a row of the output depends on the ids up to its own place alone, where that was measured.
        tables: rows and width of every embedding table.
        ran: types of the leaf modules that ran, in order, the last twenty.
        activation: the model's last activation where that can be told (``Sigmoid``, ``Linear``).
        parameters: names and shapes of the parameters.
        name: the class's name.
        module: the dotted path it is imported by.
        docstring: what those of the class and of forward say in prose: see `prose`.
        returned: what those say of the value that forward returns.
        source: of the class.
        arguments: constructor argument -> source text of its value: what was passed, else the default, else ``""``.
        said_of: constructor argument -> what the docstrings of the class and of ``__init__`` say of it.
        decided: (where in the output, axis) -> the constructor argument that decides that size, where it was measured.
        asked: the loss and the patterns that the user named.
    """

    outputs: tuple[OutputFacts, ...]
    output_kind: str
    inputs: tuple[SeenInput, ...]
    left: tuple[tuple[Path, Leaf], ...] = ()
    synthesised: bool = True
    samples: int = 0
    names: Mapping[Path, str] = field(default_factory=dict)
    orders: Mapping[Path, bool] = field(default_factory=dict)
    tables: tuple[tuple[int, int], ...] = ()
    ran: tuple[str, ...] = ()
    activation: str | None = None
    parameters: tuple[tuple[str, tuple[int, ...]], ...] = ()
    name: str = ""
    module: str = ""
    docstring: str = ""
    returned: str = ""
    source: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    said_of: Mapping[str, str] = field(default_factory=dict)
    decided: Mapping[tuple[Path, int], str] = field(default_factory=dict)
    asked: tuple[str, ...] = ()

    @property
    def learnt(self) -> tuple[OutputFacts, ...]:
        """Outputs that a loss could compare with something: floating, with a graph and a dimension or more."""
        return tuple(each for each in self.outputs if each.sizes and each.dtype in FLOATING and each.has_graph)

    @property
    def main(self) -> OutputFacts | None:
        """The output that is the prediction: by its name, else the first that could be."""
        learnt = self.learnt
        for word in PREDICTION_NAMES:
            found = next((each for each in learnt if self.called(each) == word), None)
            if found is not None:
                return found
        return learnt[0] if learnt else None

    def called(self, output: OutputFacts) -> str:
        """The output's name, lower case: its key, else what forward's return calls it; empty where nothing does."""
        key = output.path[-1] if output.path else 0
        return (key if isinstance(key, str) else self.names.get(output.path, "")).lower().strip("_")

    @property
    def tokens(self) -> SeenInput | None:
        """The first input of integer ids [batch, length]."""
        found = (each for each in self.inputs if each.leaf.dtype in INTEGRAL and len(each.leaf.sizes) == 2)
        return next(found, None)

    def is_causal(self, part: SeenInput) -> bool | None:
        """Whether no place of the output sees ids of `part` after its own; None where that can't be told."""
        return self.orders.get(part.path)

    def named(self, *words: str) -> OutputFacts | None:
        """The output whose name (or the last part of it) is one of `words`, the first word first."""
        for word in words:
            for each in self.outputs:
                if self.called(each) == word:
                    return each
        return None

    def says(self, pattern: str, *, code: bool = False) -> str | None:
        """Where `pattern` (a regular expression, any case) is said, as a phrase for a reason; None where nowhere.

        Looked at, in this order: the class's name (also as words: ``UNetDenoiser`` is ``u net denoiser``), names of
        outputs, the docstrings, the module's path, and with `code` the class's source.
        """
        wanted = re.compile(pattern, re.IGNORECASE)
        if self.is_called(pattern):
            return f"it is called {self.name}"
        for each in self.outputs:
            if wanted.search(self.called(each)):
                return f"forward returns {self.called(each)!r}"
        found = wanted.search(self.docstring)
        if found is not None:
            return f'its docstring says "{_whole_words(found).lower()}"'
        if wanted.search(self.module):
            return f"it lives in {self.module}"
        found = wanted.search(self.source) if code else None
        return f"its source says {' '.join(found[0].split())[:40]!r}" if found is not None else None

    def is_called(self, pattern: str) -> bool:
        """Whether the class's own name matches: what it is called weighs more than what its docstring mentions."""
        wanted = re.compile(pattern, re.IGNORECASE)
        return bool(wanted.search(self.name) or wanted.search(spelled(self.name)))

    def asks(self, names: Iterable[str]) -> bool:
        """Whether the user named one of these losses or patterns."""
        return any(name in names for name in self.asked)

    def argument(self, pattern: str, value: int | None = None) -> str | None:
        """The constructor's argument whose name matches `pattern` in full and, where both are known, has `value`."""
        wanted = re.compile(pattern, re.IGNORECASE)
        for name, text in self.arguments.items():
            if wanted.fullmatch(name) and (value is None or not text.isdigit() or int(text) == value):
                return name
        return None

    def documented(self, output: OutputFacts, axis: int, pattern: str) -> str | None:
        """Where the documentation of the argument that decides a size of the output says `pattern`, as a phrase.

        The argument is the measured one; where none was, those of that value, or of none that is known (a factory's), that
        are named after the output.
        """
        wanted, size = re.compile(pattern, re.IGNORECASE), str(output.sizes[axis])
        measured = self.decided.get((output.path, axis))
        alike = (name for name, text in self.arguments.items() if text == size or not text.isdigit())
        named = [name for name in alike if OUTPUT_WORD.search(name)]
        for name in [measured] if measured is not None else named:
            found = wanted.search(self.said_of.get(name, ""))
            if found is not None:
                return f'the documentation of {name} says "{_whole_words(found).lower()}"'
        return None

    def want(
        self,
        role: str,
        leaf: Leaf,
        *,
        key: str = "",
        also: tuple[str, ...] = (),
        prepare: tuple[str, ...] = (),
        low: int | float | None = None,
        high: int | float | None = None,
    ) -> Role | None:
        """A role in the batch: added where the batch was found by trying, else found in what forward leaves over.

        Args:
            role: its name for reference and template.
            leaf: its form.
            key: its name in the batch; else the role's.
            also: further names under which a user's batch may hold it.
            prepare: operations on a part of `leaf`'s form; a found one of another dtype is cast first.
            low: see `Role`.
            high: see `Role`.

        Returns:
            None where the user's batch has no part of that kind (integral, floating) and number of dimensions under one
            of the names, nor just one part that has no name.
        """
        key = key or role
        if self.synthesised:
            return Role(role, "batch", (key,), prepare, leaf, low=low, high=high, variable=key)
        integral = leaf.dtype in INTEGRAL
        alike = [
            (path, each)
            for path, each in self.left
            if (each.dtype in INTEGRAL) == integral and len(each.sizes) == len(leaf.sizes)
        ]
        names = {key, role, *also}
        found = [(path, each) for path, each in alike if path and str(path[-1]).lower() in names]
        if not found and len(alike) == 1 and not any(isinstance(key, str) for key in alike[0][0]):
            found = alike
        if len(found) != 1:
            return None
        path, each = found[0]
        casts = () if each.dtype == leaf.dtype else ("long",) if integral else ("float",)
        name = str(path[-1]) if path and isinstance(path[-1], str) else key
        return Role(role, "batch", path, (*casts, *prepare), low=low, high=high, variable=name)

    def output(self, name: str, output: OutputFacts, prepare: tuple[str, ...] = (), variable: str = "") -> Role:
        """A role that forward returns."""
        return Role(name, "output", output.path, prepare, variable=variable)

    def input(self, name: str, part: SeenInput, prepare: tuple[str, ...] = ()) -> Role:
        """A role that is one of the model's own inputs, prepared as it is for forward, then by `prepare`."""
        return Role(name, "batch", part.path, (*part.prepare, *prepare), variable=name)


def _whole_words(found: re.Match[str]) -> str:
    """What was found, with the rest of the words that it begins and ends in."""
    start, end = found.span()
    while start > 0 and found.string[start - 1].isalnum():
        start -= 1
    while end < len(found.string) and found.string[end].isalnum():
        end += 1
    return " ".join(found.string[start:end].split())


def spelled(name: str) -> str:
    """``UNetDenoiser`` as ``u net denoiser``: the words of a name, lower case."""
    return " ".join(WORD.findall(name)).lower()


def prose(docstring: str | None) -> str:
    """The docstring up to its first list of arguments, returns or examples, without the marks of cross-references."""
    text = docstring or ""
    end = SECTIONS.search(text)
    return ROLES.sub("", text[: end.start()] if end else text)


def returned_prose(docstring: str | None) -> str:
    """What a docstring says of the returned value: ``Returns:`` or ``Outputs:`` with what is indented below, ``:returns:``."""
    found = RETURNS.finditer(inspect.cleandoc(docstring or ""))
    return "\n".join(" ".join((each["numpy"] or each["plain"] or "").split()) for each in found)


def assumed_leaf(
    dtype: str, like: OutputFacts | Leaf, *, low: int | float | None = None, high: int | float | None = None
) -> Leaf:
    """A part to add of the dimensions of `like`, or of another part; `low` and `high` are what values are drawn from."""
    return Leaf(dtype, like.dims, like.sizes, low, high, "assumed")


def without_axis(like: OutputFacts | Leaf, axis: int, dtype: str, high: int | None = None) -> Leaf:
    """A part to add of the dimensions of `like` without one of them: class numbers where `high` is the classes' count."""
    keep = [each for each in range(len(like.sizes)) if each != axis]
    low = None if high is None else 0
    dims, sizes = tuple(like.dims[each] for each in keep), tuple(like.sizes[each] for each in keep)
    return Leaf(dtype, dims, sizes, low, high, "assumed")


def of_samples(seen: Seen, dtype: str, *, low: int | float | None = None, high: int | float | None = None) -> Leaf:
    """A part to add with one value a sample."""
    return Leaf(dtype, ("batch",), (seen.samples,), low, high, "assumed")


def said(output: OutputFacts) -> str:
    """``logits [batch, 10]``, for reasons."""
    shape = "[" + ", ".join(str(dim) for dim in output.dims) + "]"
    return f"{spell_path(output.path)} {shape}" if output.path else f"output {shape}"


__all__ = [
    "FLOATING",
    "INTEGRAL",
    "PREDICTION_NAMES",
    "Role",
    "Seen",
    "SeenInput",
    "assumed_leaf",
    "of_samples",
    "prose",
    "returned_prose",
    "said",
    "spelled",
    "without_axis",
]
