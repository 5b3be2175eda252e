"""How a project gives settings to its trainers, and what a new trainer's settings take: the values that travel."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

from ..errors import Conflict
from . import configs
from .draft import Edit, Span

if TYPE_CHECKING:
    from .configs.survey.project import Project
    from .joining import Entry, Sibling

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """One setting of the new trainer, in our words.

    Attributes:
        name: ``learning_rate``.
        value: its default as a Python literal.
        annotation: source text of the type (``float | None``).
        doc: one line that says what it is.
    """

    name: str
    value: str
    annotation: str
    doc: str


@dataclass(frozen=True)
class Load:
    """How the project itself comes to a trainer's configuration; run in the lab.

    Attributes:
        how: ``call``: `symbol` of `module` is called with `arguments`; ``attribute``: it is `symbol` of `module`;
            ``read``: the file `arguments[0]` is opened and given to `symbol` of `module` (``yaml.safe_load``);
            ``ini``: `arguments[0]` is read by configparser; ``parse``: `symbol` of `module` gives an argparse parser,
            or parses by itself; ``compose``: hydra composes `arguments[1]` of the folder `arguments[0]` with the
            overrides that follow.
        module, symbol: see there; `symbol` may be dotted.
        arguments: Python literals; keywords as ``name=literal``.
        path: keys from what that gives to what the trainer is given; a key that is not there is taken for walked already.
        merge: a file that is merged into what that gives (``merge_from_file``); "" for none.
        into: ``module:Class`` that takes what that gives as keywords; "" for none.
    """

    how: Literal["call", "attribute", "read", "ini", "parse", "compose"]
    module: str
    symbol: str
    arguments: tuple[str, ...] = ()
    path: KeyPath = ()
    merge: str = ""
    into: str = ""


@dataclass(frozen=True)
class ConfigPlace:
    """Where the project's trainers have their settings.

    Attributes:
        style: the module in `configs` that understands it.
        path, line: the file that holds them (of the sibling that is followed, where each has its own); "" for none.
        symbol: the siblings' section, class, file or function as a pattern (``train_{snake}``), or its name where all share it.
        example: the same of the sibling that is followed (``train_wine``).
        parent: keys above the siblings' sections.
        keys: paths of the settings that the siblings have, in the order of the one that is followed.
        required: those that the base or the entry point reads without a default of its own.
        optional: those that it reads with one.
        access: how a setting is reached.
        inside: keys from the object that a trainer is given to its section, as a pattern; () where it is given the section.
        load: how a sibling's is loaded; patterns stand where its name does.
        detail: what the style needs to remember between finding and editing.
    """

    style: str
    path: str = ""
    line: int = 0
    symbol: str = ""
    example: str = ""
    parent: KeyPath = ()
    keys: tuple[KeyPath, ...] = ()
    required: tuple[KeyPath, ...] = ()
    optional: tuple[KeyPath, ...] = ()
    access: Literal["attribute", "item"] = "attribute"
    inside: KeyPath = ()
    load: Load | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Slot:
    """Where the value of one setting stands: a file, and the keys (class, function or section first) that lead to it.

    Attributes:
        inherited: the field's type, where the class of `keys` has the value from a class above and can be given another.
    """

    path: str
    keys: KeyPath
    format: str
    inherited: str = ""


@dataclass(frozen=True)
class Configuration:
    """All that a new trainer's settings take.

    Attributes:
        style: see `ConfigPlace`.
        edits: path -> edit of a file that exists.
        created: path -> text of a new file.
        access: our field name -> expression, ``{config}`` in the place of the config object.
        slots: our field name -> where its value stands; fields without one can't be given another value by a file.
        roots: where a trainer is handed several dicts: name of the parameter -> keys to it in what `load` gives; `access`
            then starts from that name instead of ``{config}``.
        shared: our field name -> literal that the project has for it already, for all of its trainers; it is kept.
        imports: (module, name) pairs that the trainer needs for `annotation` and `construct`.
        annotation: type of the config object; "" where the siblings give none.
        construct: how a sibling makes the object by itself (``WineConfig()``); "" where it is handed in.
        arguments: our field name -> keyword parameter of the trainer's constructor, where that is how the project gives
            settings; the trainer's code uses those names, `access` is then how the lab reaches the same values.
        member: a method that the trainer's class needs (``add_arguments``), dedented; "" for none.
        definition: a config class for the trainer's own file, where the siblings have theirs there; "" for none.
        definition_imports: (module, name) pairs that it needs.
        load: how the lab loads it; None where there is nothing to load.
        said: one phrase for the report (``[train_wine] of config.ini``).
    """

    style: str
    edits: Mapping[str, Edit] = field(default_factory=dict)
    created: Mapping[str, str] = field(default_factory=dict)
    access: Mapping[str, str] = field(default_factory=dict)
    slots: Mapping[str, Slot] = field(default_factory=dict)
    roots: Mapping[str, KeyPath] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)
    imports: tuple[tuple[str, str], ...] = ()
    annotation: str = ""
    construct: str = ""
    arguments: Mapping[str, Field] = field(default_factory=dict)
    member: str = ""
    definition: str = ""
    definition_imports: tuple[tuple[str, str], ...] = ()
    load: Load | None = None
    said: str = ""

    @property
    def reached(self) -> dict[str, str]:
        """Our field name -> the expression in the trainer's code: `access`, but for arguments, which are names there."""
        return {**self.access, **{name: each.name for name, each in self.arguments.items()}}


class ConfigStyle(Protocol):
    """What a style in `configs` offers.

    Attributes:
        RANK: styles are asked in this order; the first that recognises the project has it.
    """

    RANK: int

    def find(self, project: Project, siblings: Sequence[Sibling], base_file: str) -> ConfigPlace | None:
        """Where the siblings have their settings; None where it is not this style."""

    def configure(
        self, place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project, *, width: int, quote: str
    ) -> Configuration:
        """What the new trainer's settings take."""


class Syntax(Protocol):
    """What a format in `configs.syntax` offers for giving a setting another value."""

    def locate(self, data: bytes, path: str, keys: KeyPath) -> Span:
        """Where the value stands."""

    def spell(self, value: object) -> str:
        """A value as the format writes it."""


def styles() -> dict[str, ConfigStyle]:
    """Every style by name, in the order they are asked: each module in `configs` with a RANK is one."""
    found = {
        name: cast("ConfigStyle", module)
        for _, name, package in pkgutil.iter_modules(configs.__path__)
        if not package and hasattr(module := import_module(f"{configs.__name__}.{name}"), "RANK")
    }
    return dict(sorted(found.items(), key=lambda each: (each[1].RANK, each[0])))


def find_config(
    read: Callable[[str], bytes],
    files: Sequence[str],
    siblings: Sequence[Sibling],
    base_file: str,
    *,
    style: str = "",
) -> ConfigPlace:
    """How the project gives settings to its trainers.

    Args:
        read: the bytes of a relative POSIX path.
        files: configuration files and Python files that can matter, in any order.
        siblings: the trainers that exist.
        base_file: where their base class is; "" for none.
        style: only this one is asked (``[tool.trainergen] config``).

    Raises:
        Conflict: `style` is not a style, or the project is not of it.
    """
    from .configs.survey.project import Project

    known = styles()
    if style and style not in known:
        raise Conflict(f"{style} is no style of configuration", hint=f"one of {', '.join(known)}")
    project = Project(read, files)
    for name, module in known.items():
        if style in ("", name) and (place := module.find(project, siblings, base_file)) is not None:
            return replace(place, style=name)
    raise Conflict(
        f"no trainer of this project has settings of the style {style}",
        hint="leave `config` out of [tool.trainergen], or name another style",
    )


def configure(
    place: ConfigPlace,
    fields: Sequence[Field],
    entry: Entry,
    read: Callable[[str], bytes],
    *,
    width: int,
    quote: str,
    files: Sequence[str] = (),
) -> Configuration:
    """What the settings of the trainer `entry` take.

    Args:
        place: where the siblings have theirs.
        fields: the settings; the order is kept.
        entry: the trainer.
        read: the bytes of a path; raises FileNotFoundError where there is none.
        width: the longest line allowed in Python files.
        quote: the project's.
        files: those that `find_config` got: whether a new file's name is taken is looked up there.

    Raises:
        Conflict: a section, key, class or file is taken (in whatever case), stands twice, or a file can't be edited.
    """
    from .configs.survey.project import Project

    project = Project(read, files)
    return replace(
        styles()[place.style].configure(place, fields, entry, project, width=width, quote=quote), style=place.style
    )


def rewrite(configuration: Configuration, name: str, value: object, data: bytes) -> bytes:
    """The bytes of the file that holds the field `name`, with another value: what the proof reads back.

    Args:
        configuration: of the new trainer.
        name: our field name, one of `configuration.slots`.
        value: plain data.
        data: the file as it is to be, all edits made.

    Raises:
        Conflict: the value does not stand there.
    """
    slot = configuration.slots[name]
    syntax = cast("Syntax", import_module(f"{configs.__name__}.syntax.{slot.format}"))
    if slot.inherited:
        from .configs.syntax import python_text  # it reads classes as this module describes them

        return python_text.add_field(data, slot.path, slot.keys, slot.inherited, value)
    start, end = syntax.locate(data, slot.path, slot.keys)
    return data[:start] + syntax.spell(value).encode("utf-8") + data[end:]
