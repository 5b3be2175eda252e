"""What a style of registry or of configuration says about one new trainer: the edits, and how it is found afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .draft import Edit

Gives = Literal["class", "instance", "text", "function"]


@dataclass(frozen=True)
class Sibling:
    """A trainer that the project has already: its class, the module that defines it, that module's file."""

    name: str
    module: str
    file: str


@dataclass(frozen=True)
class Entry:
    """The trainer that is to be registered.

    Attributes:
        snake: the model in snake case (``wine_net``), from which keys are made as the siblings' are.
        class_name, module, file: the trainer's.
        base: the base trainer's class.
        summary: one sentence, where a registry keeps help texts.
        config: ``module:Class`` of its configuration, where it has a class of its own for that.
    """

    snake: str
    class_name: str
    module: str
    file: str
    base: str = ""
    summary: str = ""
    config: str = ""


@dataclass(frozen=True)
class Registry:
    """A place where the project's trainers are listed.

    Attributes:
        style: the module in `registries` that understands it.
        path, line: where; "" for none.
        symbol: its name in the code (``TRAINER_REGISTRY``, ``register_trainer``, ``build_trainer``).
        keys: what it lists, as a user would type it, in order.
        detail: what the style needs to remember between finding and editing.
    """

    style: str
    path: str
    line: int
    symbol: str
    keys: tuple[str, ...] = ()
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lookup:
    """How the lab finds the trainer the way the project itself does.

    Attributes:
        how: ``mapping``: `symbol` of `module` holds it under `key`; ``call``: `symbol` of `module` is called with `key`;
            ``scan``: `symbol` of `module` is a class among whose subclasses it is; ``attribute``: it is `symbol` of `module`;
            ``entry-point``: an entry point `key` of the group `symbol`, declared in the file `module`.
        module, symbol, key: see there; `symbol` may be dotted (``REGISTRY.get``). A list or set is a mapping as well, by
            what its elements are called.
        needs: modules that the project imports before it looks.
        gives: the class, an instance (the call builds it), text (``module:Class`` or dotted), or a function that builds it.
        expects: ``module:Class`` of the trainer: where building one takes more than its key, it is enough to see that
            this class is what gets built.
        parameter: of a function that is called: the one that takes the key; "" for every one that has no default.
    """

    how: Literal["mapping", "call", "scan", "attribute", "entry-point"]
    module: str
    symbol: str
    key: str
    needs: tuple[str, ...] = ()
    gives: Gives = "class"
    expects: str = ""
    parameter: str = ""


@dataclass(frozen=True)
class Registration:
    """All that registering one trainer takes.

    Attributes:
        key: what a user types.
        edits: path -> edit of a file that exists.
        decorator: for the class in the new file, with the @; "" for none.
        decorator_import: module and name that the decorator, or else the statement, needs.
        statement: a line below the class in the new file (``register(WineTrainer)``); "" for none.
        class_attribute: a line in the class's body by which it is found (``name = "wine"``); "" for none.
        class_keywords: what follows the bases (``key="wine"``); "" for none.
        file_pattern: glob that the new file must match to be found (``train/*_trainer.py``); "" for none.
        lookup: None where nothing is registered and the class is imported directly.
        said: one phrase for the report (``TRAINER_REGISTRY["wine"]``, ``nothing registers trainers here``).
    """

    key: str
    edits: Mapping[str, Edit] = field(default_factory=dict)
    decorator: str = ""
    decorator_import: tuple[str, str] | None = None
    statement: str = ""
    class_attribute: str = ""
    class_keywords: str = ""
    file_pattern: str = ""
    lookup: Lookup | None = None
    said: str = ""
