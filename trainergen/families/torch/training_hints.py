"""What a model's own text says about training it: optimizer and its numbers, scheduler, rates of its parts."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ...inspection.model_facts import ModelFacts

OPTIMIZER_WORDS = {
    "adamw": "adamw",
    "adam": "adam",
    "sgd": "sgd",
    "rmsprop": "rmsprop",
    "adagrad": "adagrad",
    "adadelta": "adadelta",
    "adamax": "adamax",
    "nadam": "nadam",
    "radam": "radam",
    "asgd": "asgd",
}
SCHEDULER_WORDS = {
    "cosineannealinglr": "cosine",
    "cosine": "cosine",
    "steplr": "step",
    "step decay": "step",
    "multisteplr": "multi_step",
    "exponentiallr": "exponential",
    "exponential decay": "exponential",
    "onecyclelr": "one_cycle",
    "one cycle": "one_cycle",
    "one-cycle": "one_cycle",
    "one_cycle": "one_cycle",
    "onecycle": "one_cycle",
    "reducelronplateau": "plateau",
    "plateau": "plateau",
    "warmup_cosine": "warmup_cosine",
}
SPEAKS_OF_TRAINING = re.compile(
    r"\b(train|trained|training|optimi[sz]e|optimi[sz]ed|optimi[sz]er|fit|use|uses|recommend)", re.I
)
SPEAKS_OF_RATE = re.compile(r"schedul|anneal|decay|cycle|plateau|learning[ -]rate|\blr\b|warm", re.I)
NEGATED = re.compile(r"\b(not|never|no|without|instead of|unlike|rather than|avoid|than)\s+(?:\w+\s+){0,2}$", re.I)
NUMBER = r"(\d+(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+)"
NUMBERS = {
    "momentum": re.compile(rf"\bmomentum\s*(?:of|=|:|is)?\s*{NUMBER}", re.I),
    "lr": re.compile(rf"\b(?:learning[ _-]rate|lr)\s*(?:of|=|:|is)?\s*{NUMBER}", re.I),
    "weight_decay": re.compile(rf"\bweight[ _-]decay\s*(?:of|=|:|is)?\s*{NUMBER}", re.I),
}
GROUP = re.compile(
    rf"\b(\w+)(?: layers| parameters)?,?\s+(?:at|with)\s+(?:(a tenth|a hundredth|half)|{NUMBER}\s*(?:x|times)?)\s+"
    r"(?:of\s+)?(?:the\s+)?(?:base\s+)?(?:learning[ -]rate|lr|rate)\b",
    re.I,
)
FRACTIONS = {"a tenth": 0.1, "a hundredth": 0.01, "half": 0.5}
RATE_NAMES = ("learning_rate", "lr")
GROUP_NAMES = ("parameter_groups", "lr_factors", "lr_multipliers", "learning_rate_factors")


@dataclass(frozen=True)
class TrainingHints:
    """What was found, each with where it was said.

    Attributes:
        optimizer, scheduler: listed names.
        numbers: optimizer argument -> literal source text (``lr``, ``momentum``, ``nesterov``, ``betas``, ...).
        groups: (prefix of parameter names, factor on the learning rate).
        said: topic -> the words and where they stand, for the reason.
    """

    optimizer: str | None = None
    scheduler: str | None = None
    numbers: dict[str, str] = field(default_factory=dict)
    groups: tuple[tuple[str, float], ...] = ()
    said: dict[str, str] = field(default_factory=dict)


def read_hints(model: ModelFacts) -> TrainingHints:
    """Class attributes first, then calls of ``torch.optim`` in the class, then docstring and comments."""
    found = _Found()
    _from_attributes(model, found)
    _from_calls(model, found)
    _from_text(model, found)
    return TrainingHints(found.optimizer, found.scheduler, found.numbers, tuple(found.groups.items()), found.said)


@dataclass
class _Found:
    optimizer: str | None = None
    scheduler: str | None = None
    numbers: dict[str, str] = field(default_factory=dict)
    groups: dict[str, float] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def name_optimizer(self, name: str, where: str) -> None:
        if self.optimizer is None:
            self.optimizer = name
            self.said["optimizer"] = where

    def name_scheduler(self, name: str, where: str) -> None:
        if self.scheduler is None:
            self.scheduler = name
            self.said["scheduler"] = where

    def number(self, name: str, text: str, where: str) -> None:
        if name not in self.numbers:
            self.numbers[name] = _literal(text)
            self.said.setdefault(name, where)


def _from_attributes(model: ModelFacts, found: _Found) -> None:
    for attribute in model.attributes:
        if not attribute.on_class:
            continue
        name, text = attribute.name.lower(), attribute.value.strip()
        where = f"{attribute.name} = {text} at {attribute.place}"
        word = text.strip("'\"").rpartition(".")[2].lower()
        if name in ("optimizer", "optimizer_name", "optimizer_class") and word in OPTIMIZER_WORDS:
            found.name_optimizer(OPTIMIZER_WORDS[word], where)
        elif name in ("scheduler", "lr_scheduler", "scheduler_name"):
            scheduler = SCHEDULER_WORDS.get(word.replace("_lr", "lr"), SCHEDULER_WORDS.get(word.replace("_", "")))
            if scheduler is not None or word in ("step", "multi_step", "exponential"):
                found.name_scheduler(scheduler or word, where)
        elif name in RATE_NAMES and _is_number(text):
            found.number("lr", text, where)
        elif name in LITERALS and LITERALS[name](text):
            found.number(name, text, where)
        elif name in GROUP_NAMES:
            found.groups.update(_group_dict(text))
            found.said.setdefault("groups", where)


def _group_dict(text: str) -> dict[str, float]:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {}
    if not isinstance(value, dict):
        return {}
    return {key: float(each) for key, each in value.items() if isinstance(key, str) and isinstance(each, (int, float))}


def _from_calls(model: ModelFacts, found: _Found) -> None:
    """``torch.optim.SGD(self.parameters(), lr=0.1)`` in a method of the class (``configure_optimizers``)."""
    try:
        tree = ast.parse(model.source)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, (ast.Attribute, ast.Name)):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        where = f"{name}(...) at {model.place.file}:{model.place.line + node.lineno - 1}"
        lowered = name.lower()
        if lowered in OPTIMIZER_WORDS and name[0].isupper():
            found.name_optimizer(OPTIMIZER_WORDS[lowered], where)
            for keyword in node.keywords:
                text = ast.unparse(keyword.value)
                if keyword.arg and (_is_number(text) or text in ("True", "False") or keyword.arg == "betas"):
                    found.number(keyword.arg, text, where)
        elif lowered in SCHEDULER_WORDS and lowered.endswith(("lr", "plateau")):
            found.name_scheduler(SCHEDULER_WORDS[lowered], where)


def _from_text(model: ModelFacts, found: _Found) -> None:
    comments = " . ".join(re.findall(r"^\s*#\s*(.*)$", model.source, re.MULTILINE))
    for text, kind in ((model.docstring or "", "docstring"), (comments, "comment")):
        where = f"its {kind} at {model.place}"
        for sentence in re.split(r"(?<!\d)\.(?=\s|$)|;|\n\s*\n|(?<=\d)\.(?=\s|$)", text):
            _from_sentence(" ".join(sentence.split()), where, found)


def _from_sentence(sentence: str, where: str, found: _Found) -> None:
    speaks = SPEAKS_OF_TRAINING.search(sentence) is not None
    rate = NUMBERS["lr"].search(sentence) is not None
    quoted = f'"{sentence if len(sentence) <= 60 else sentence[:57] + "..."}", {where}'
    if speaks or rate:
        for match in re.finditer(
            r"\b(" + "|".join(sorted(OPTIMIZER_WORDS, key=len, reverse=True)) + r")\b", sentence, re.I
        ):
            if not NEGATED.search(sentence[: match.start()]):
                found.name_optimizer(OPTIMIZER_WORDS[match[0].lower()], quoted)
        for match in GROUP.finditer(sentence):
            found.groups.setdefault(match[1], FRACTIONS[match[2].lower()] if match[2] else float(match[3]))
            found.said.setdefault("groups", quoted)
    if found.optimizer is not None or rate:
        for name, pattern in NUMBERS.items():
            number = pattern.search(sentence)
            if number and not (name == "momentum" and re.search(r"\bnorm", sentence, re.I)):  # batch norm has one too
                found.number(name, number[1], quoted)
        if re.search(r"\bnesterov\b", sentence, re.I) and not re.search(r"\b(no|without)\s+nesterov", sentence, re.I):
            found.number("nesterov", "True", quoted)
    if not SPEAKS_OF_RATE.search(sentence):
        return
    for words, name in SCHEDULER_WORDS.items():
        if re.search(rf"\b{re.escape(words)}\b", sentence, re.I):
            found.name_scheduler("warmup_cosine" if name == "cosine" and "warm" in sentence.lower() else name, quoted)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?" + NUMBER, text, re.I) is not None


def number_text(value: float) -> str:
    """A number as one writes it by hand: ``3e-4`` rather than ``0.0003``, ``0.01`` rather than ``1e-2``."""
    plain = repr(value)
    if isinstance(value, int) or value == 0 or 1e-3 <= abs(value) < 1e6:
        return plain
    mantissa, _, exponent = f"{value:e}".partition("e")
    short = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return short if float(short) == value else plain


LITERALS: dict[str, Callable[[str], bool]] = {
    "momentum": _is_number,
    "weight_decay": _is_number,
    "nesterov": lambda text: text in ("True", "False"),
    "betas": lambda text: text.startswith("("),
}
"""Class attributes that are arguments of the optimizer, and what their text must look like."""


def _literal(text: str) -> str:
    """The literal in our spelling (``.9`` is ``0.9``); what is no number stays."""
    if not _is_number(text):
        return text
    return number_text(int(text) if re.fullmatch(r"-?\d+", text) else float(text))
