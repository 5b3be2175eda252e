"""The methods of a trainer under a project's own contract: signature, docstring, and which block or text is the body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..contracts.contract_facts import Duty, Role
from ..contracts.vocabulary import slot_of
from ..inspection.training_facts import Parameter, StyleFacts

SENTENCES: Mapping[Role, str] = {
    "train": "Train for as many epochs as configured.",
    "train_epoch": "Train one epoch.",
    "train_step": "Take one optimizer step.",
    "evaluate": "Measure the mean loss without training.",
    "evaluate_step": "Measure the loss of a batch without training.",
    "loss": "Compute the loss of a batch.",
    "forward": "Run the model on a batch.",
    "criterion": "Return the loss function.",
    "unpack": "Take inputs and targets out of a batch.",
    "build_model": "Build the model.",
    "build_optimizer": "Build the optimizer.",
    "build_scheduler": "Build the scheduler of the learning rate.",
    "build_loader": "Build the loader.",
    "setup": "Set up model, optimizer and data.",
    "builder": "Build a trainer of its configuration.",
    "batch_metrics": "Return what the last batch is measured by.",
    "save_weights": "Write the weights.",
    "save_checkpoint": "Write what a training goes on from.",
    "save_metrics": "Keep a row of metrics.",
}
ARGUMENTS: Mapping[str, tuple[str, str]] = {
    "batch": ("a batch, see the class", "object"),
    "train_loader": ("batches to train on", "iterable"),
    "val_loader": ("batches to measure", "iterable"),
    "parameters": ("what is trained", "iterable"),
    "split": ("which data", "str"),
}
RETURNS: Mapping[str, str] = {
    "tensor": "the loss, a scalar with its graph",
    "pair": "the loss with its graph, and what is logged by name",
    "mapping": "what was measured by name, among it the loss",
    "number": "the loss",
}


@dataclass(frozen=True)
class Method:
    """One method as the frame writes it.

    Attributes:
        role: which block is its body, where `text` is "".
        name: of the method.
        head: decorators, signature and docstring, indented by four.
        text: the whole method, dedented.
        parameters: its names.
        gives, keys: see `Duty`.
        batch: its parameter that holds the batch; "" for none.
        slots: parameter -> what it holds.
    """

    role: Role
    name: str
    head: str
    text: str = ""
    parameters: tuple[str, ...] = ()
    gives: str = ""
    keys: tuple[str, ...] = ()
    batch: str = ""
    slots: Mapping[str, str] | None = None

    def holding(self, slot: str) -> str:
        """Its parameter that holds `slot`; "" for none."""
        return next((name for name, held in (self.slots or {}).items() if held == slot), "")

    def naming(self, word: str) -> str:
        """Its parameter whose name holds `word`; "" for none."""
        return next((name for name in self.parameters if word in name), "")


def method(duty: Duty, style: StyleFacts, batch: str, config: str, *, indent: int = 4) -> Method:
    """The head of a method whose body is a block.

    Args:
        duty: which.
        style: hints and docstrings as the siblings have them.
        batch: the batch's type.
        config: the configuration's.
        indent: columns.
    """
    slots = {each.name: slot_of(each.name, duty.role) for each in duty.parameters}
    parts = ["cls" if "classmethod" in duty.decorators else "self"] if "staticmethod" not in duty.decorators else []
    starred = False
    for each in duty.parameters:
        if each.kind == "keyword" and not starred:
            parts.append("*")
            starred = True
        starred = starred or each.kind == "args"
        parts.append(_parameter(each, slots[each.name], style.hints, batch, config))
    returns = f" -> {_returns(duty)}" if style.hints and _returns(duty) else ""
    margin = " " * indent
    lines = [f"{margin}@{each}" for each in duty.decorators]
    lines.append(f"{margin}def {duty.name}({', '.join(parts)}){returns}:")
    if document := _document(duty, style, slots, batch, indent + 4):
        lines.append(document)
    return Method(
        duty.role,
        duty.name,
        "\n".join(lines),
        parameters=tuple(slots),
        gives=duty.gives,
        keys=duty.keys,
        batch=next((name for name, slot in slots.items() if slot == "batch"), ""),
        slots=slots,
    )


def _parameter(each: Parameter, slot: str, hints: bool, batch: str, config: str) -> str:
    stars = {"args": "*", "kwargs": "**"}.get(each.kind, "")
    kind = {"batch": batch, "config": config}.get(slot) or each.annotation
    annotation = f": {kind}" if hints and kind else ""
    if each.default is None:
        return f"{stars}{each.name}{annotation}"
    return f"{each.name}{annotation} = {each.default}" if annotation else f"{each.name}={each.default}"


def _returns(duty: Duty) -> str:
    if duty.returns is not None:
        return duty.returns
    if duty.role == "loss":
        return {"tensor": "torch.Tensor", "mapping": "dict[str, torch.Tensor]"}.get(
            duty.gives, "tuple[torch.Tensor, dict[str, float]]"
        )
    return {"number": "float", "nothing": "None", "mapping": "dict[str, float]"}.get(duty.gives, "")


def _document(duty: Duty, style: StyleFacts, slots: Mapping[str, str], batch: str, indent: int) -> str:
    """The docstring in the siblings' style; with sections for the methods that take a batch or loaders."""
    if style.docstrings == "none":
        return ""
    margin = " " * indent
    summary = SENTENCES.get(duty.role, "")
    told = [(name, *ARGUMENTS[slot]) for name, slot in slots.items() if slot in ARGUMENTS]
    given = RETURNS.get(duty.gives, "") if duty.role in ("loss", "train_epoch", "train_step", "evaluate") else ""
    if style.docstrings == "plain" or not told:
        return f'{margin}"""{summary}"""'
    lines = [f'{margin}"""{summary}', ""]
    if style.docstrings == "google":
        lines += [f"{margin}Args:", *(f"{margin}    {name}: {text}." for name, text, _ in told)]
        lines += ["", f"{margin}Returns:", f"{margin}    {given[0].upper()}{given[1:]}."] if given else []
    elif style.docstrings == "numpy":
        lines += [f"{margin}Parameters", f"{margin}----------"]
        for name, text, kind in told:
            lines += [
                f"{margin}{name} : {batch if kind == 'object' else kind}",
                f"{margin}    {text[0].upper()}{text[1:]}.",
            ]
        if given:
            lines += ["", f"{margin}Returns", f"{margin}-------", f"{margin}{_returns(duty) or duty.gives}"]
            lines += [f"{margin}    {given[0].upper()}{given[1:]}."]
    else:
        lines += [f"{margin}:param {name}: {text}" for name, text, _ in told]
        lines += [f"{margin}:return: {given}"] if given else []
    return "\n".join([*lines, f'{margin}"""'])


def called_with(duty: Duty, batch: str, index: str = "index") -> str:
    """The arguments of a call of a method that takes a batch, and perhaps its number."""
    given = []
    for each in duty.parameters:
        if slot_of(each.name, duty.role) == "batch":
            given.append(batch)
        elif each.default is None and each.kind in ("positional", "keyword"):
            counts = re.search(r"idx|index|step|iter|number|^i$", each.name)
            given.append(
                index if counts and each.kind == "positional" else f"{each.name}={index}" if counts else "None"
            )
    return ", ".join(given)
