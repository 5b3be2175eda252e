"""What a test project is put together from: a contract, a registry, a configuration, around the same models and data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Template

from .core import DATA_OF_MAPPINGS, DATA_OF_PAIRS, MODELS


@dataclass(frozen=True)
class Member:
    """A trainer of the project, or one that it is about to get.

    Attributes:
        key: as a user types it.
        symbol: the class, or the function.
        module: what it is imported from.
    """

    key: str
    symbol: str
    module: str

    @property
    def camel(self) -> str:
        """The key as a class name begins."""
        return self.key.capitalize()

    @property
    def file(self) -> str:
        """Where it is written."""
        return f"{self.module.replace('.', '/')}.py"


@dataclass(frozen=True)
class ConfigPart:
    """How a project keeps its settings.

    Attributes:
        style: name of the style.
        files: path -> text; settings of wine and diabetes.
        imports: lines that a trainer's file needs.
        load: the expression that gives a trainer's configuration, of ``$key``, ``$Camel`` and ``$KEY``.
        access: a setting of it, of ``$config``, ``$setting`` and ``$SETTING``.
        annotation: its type in a trainer's file, of the same words.
    """

    style: str
    files: Mapping[str, str]
    imports: str
    load: str
    access: str = "$config.$setting"
    annotation: str = "dict"

    def words(self, member: Member) -> dict[str, str]:
        """What the texts of a contract say of configuration, for one trainer."""
        known = {"key": member.key, "Camel": member.camel, "KEY": member.key.upper()}
        fill = {name: Template(text).substitute(known) for name, text in
                (("config_import", self.imports), ("load", self.load), ("Config", self.annotation))}  # fmt: skip
        for setting in ("num_epochs", "batch_size", "learning_rate", "hidden"):
            words = {"setting": setting, "SETTING": setting.upper()}
            fill[f"config_{setting}"] = Template(self.access).substitute(config="config", **words)
            fill[f"self_{setting}"] = Template(self.access).substitute(config="self.config", **words)
        return fill


@dataclass(frozen=True)
class RegistryPart:
    """How a project lists its trainers.

    Attributes:
        style: name of the style.
        files: the files that do it, of the trainers that there are; one of them defines ``get_trainer`` and ``names``
            in ``train/__init__.py``.
        decorator, decorator_import: above each class, of ``$key``; "" for none.
        statement: below each class.
    """

    style: str
    files: Callable[[tuple[Member, ...]], dict[str, str]]
    decorator: str = ""
    decorator_import: str = ""
    statement: str = ""


@dataclass(frozen=True)
class ContractPart:
    """A base trainer, the siblings' text, and how the entry point runs one.

    Attributes:
        name: of this variant.
        kind: the contract: loss_returning, full_loop, ...
        base: text of ``train/base_trainer.py``, without configuration in it.
        sibling: text of a trainer's file.
        run: statements of the entry point; ``found`` is what the registry gave.
        symbol, module: patterns of a trainer's name and module.
        losses: how a sibling says its loss, by key, of the outputs and targets.
        batches: pairs or mappings.
        extra: files beside.
    """

    name: str
    kind: str
    base: str
    sibling: str
    run: str
    symbol: str = "${Camel}Trainer"
    module: str = "train.${key}_trainer"
    batches: str = "pairs"
    extra: Mapping[str, str] = field(default_factory=dict)

    def member(self, key: str) -> Member:
        """The trainer with that key."""
        words = {"key": key, "Camel": key.capitalize()}
        return Member(key, Template(self.symbol).substitute(words), Template(self.module).substitute(words))


LOSSES = {
    "wine": "functional.cross_entropy(outputs, targets)",
    "diabetes": "functional.mse_loss(outputs.squeeze(1), targets)",
}
ENTRY = '''\
"""Train a model by the name of its trainer."""

from __future__ import annotations

import argparse

from train import get_trainer, names


def main() -> None:
    parser = argparse.ArgumentParser(description="Train one of the models")
    parser.add_argument("name", nargs="?", help="which trainer")
    parser.add_argument("--list", action="store_true", help="list the trainers and end")
    arguments = parser.parse_args()
    if arguments.list:
        for name in names():
            print(name)
        return
    found = get_trainer(arguments.name)
$run

if __name__ == "__main__":
    main()
'''


def compose(
    contract: ContractPart, registry: RegistryPart, config: ConfigPart, keys: tuple[str, ...] = ("wine", "diabetes")
) -> dict[str, str]:
    """The project: path -> text. It has a model and data for digits, and no trainer for them."""
    members = tuple(contract.member(key) for key in keys)
    files = {
        "models.py": MODELS,
        "data.py": DATA_OF_PAIRS if contract.batches == "pairs" else DATA_OF_MAPPINGS,
        "train/base_trainer.py": contract.base,
        **config.files,
        **registry.files(members),
        **contract.extra,
    }
    if not contract.base:
        del files["train/base_trainer.py"]
    for member in members:
        words = {
            "key": member.key,
            "Camel": member.camel,
            "symbol": member.symbol,
            "loss": LOSSES[member.key],
            **config.words(member),
        }
        text = contract.sibling
        decorator = Template(registry.decorator).substitute(words)
        if decorator:
            first = "\nclass " if "\nclass " in text else "\ndef "
            text = text.replace(first, f"\n{decorator}{first}", 1)
        text = text.replace("$registry_import\n", f"{registry.decorator_import}\n" if registry.decorator_import else "")
        text = Template(text).substitute(words)
        if registry.statement:
            text += "\n\n" + Template(registry.statement).substitute(words) + "\n"
        files[member.file] = text
    run = "".join(f"    {line}\n" for line in contract.run.splitlines())
    files["train.py"] = Template(ENTRY).substitute(run=run)
    return files
