"""What a model class is, as read from its source: frozen facts, each with the place it came from. No opinions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Place:
    """A line of a file; `file` is relative to the project root where it lies below it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Argument:
    """One parameter of ``__init__``, ``forward`` or a factory, as source text."""

    name: str
    kind: Literal["positional", "keyword", "var_positional", "var_keyword"]
    annotation: str | None
    default: str | None
    place: Place

    @property
    def required(self) -> bool:
        """Whether a call must give it."""
        return self.default is None and self.kind in ("positional", "keyword")


@dataclass(frozen=True)
class BaseClass:
    """A base of the class: the name as written, the file it was found in (None: not found by the given interpreter)."""

    name: str
    resolved: str | None
    place: Place


@dataclass(frozen=True)
class Attribute:
    """A class attribute, or ``self.name = value`` in ``__init__``, as source text."""

    name: str
    value: str
    place: Place
    on_class: bool = False


@dataclass(frozen=True)
class ModelFacts:
    """Facts about the class (or factory function) that ``--model`` names.

    Attributes:
        reference: as typed on the command line.
        module: the name it is imported by in the user's project.
        name: class or function name.
        kind: what it is.
        file: relative to the project root if inside it, else absolute.
        inside_project: whether the file lies in the project.
        place: the definition.
        bases: as written, in order, with what they resolve to.
        is_module: True if the bases lead to ``torch.nn.Module``, False if they certainly don't, None where a base could
            not be resolved statically.
        init: parameters of ``__init__`` (own or inherited; of the function itself for a factory), without ``self``.
        forward: parameters of ``forward`` without ``self`` (empty for a factory).
        forward_returns: the annotation of ``forward``.
        forward_place: where ``forward`` is.
        docstring: of the class or function.
        forward_docstring: of ``forward``.
        attributes: what the class and its ``__init__`` assign.
        imports: modules that the file imports, dotted.
        source: the text of the class (for what planning looks up, e.g. optimizer wishes in comments).
    """

    reference: str
    module: str
    name: str
    kind: Literal["class", "function"]
    file: str
    inside_project: bool
    place: Place
    bases: tuple[BaseClass, ...] = ()
    is_module: bool | None = None
    init: tuple[Argument, ...] = ()
    forward: tuple[Argument, ...] = ()
    forward_returns: str | None = None
    forward_place: Place | None = None
    docstring: str | None = None
    forward_docstring: str | None = None
    attributes: tuple[Attribute, ...] = ()
    imports: tuple[str, ...] = ()
    source: str = ""
