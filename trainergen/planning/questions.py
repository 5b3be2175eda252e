"""What can be refused before anything is built, unknown words; and how to ask for what no search could find."""

from __future__ import annotations

import ast
import importlib
from typing import Any

from ..errors import AnswerNeeded, Question, UnusableInput, did_you_mean
from ..inspection.construction import Unanswered
from ..inspection.model_facts import Argument, ModelFacts
from .wishes import PATTERNS, Wishes


def check_arguments(wishes: Wishes, model: ModelFacts) -> None:
    """Refuses a ``--model-arg`` that the constructor does not have; with ``--factory`` the lab checks the factory's.

    Raises:
        UnusableInput: with a did-you-mean.
    """
    if wishes.factory is not None:
        return
    known = tuple(each.name for each in model.init if each.kind in ("positional", "keyword"))
    if any(each.kind == "var_keyword" for each in model.init):
        return
    for name, _ in wishes.model_arguments:
        if name not in known:
            raise UnusableInput(
                f"--model-arg {name}: {model.name}({', '.join(known)}) has no such argument",
                place=str(model.place),
                hint=did_you_mean(name, known) if known else f"{model.name} takes no arguments",
            )


def needed(unanswered: Unanswered, model: ModelFacts) -> AnswerNeeded:
    """The error that asks what a search could not find; constructor arguments are told with where they are used."""
    signature = {each.name: each for each in model.init}
    questions = []
    for asked in unanswered.questions:
        argument = signature.get(asked.key) if asked.option == "--model-arg" else None
        about = asked.about if argument is None else f"{_describe(argument, model)}; {asked.about}"
        placeholder = asked.placeholder if argument is None else _placeholder(argument)
        questions.append(Question(asked.option, asked.key, about, asked.likely, asked.evidence, placeholder))
    error = AnswerNeeded(
        unanswered.message,
        questions=tuple(questions),
        place=unanswered.place,
        notes=(*unanswered.notes, *(f"   = understood: {line}" for line in unanswered.understood)),
    )
    error.tries = unanswered.tries
    return error


def check_words(wishes: Wishes, family: str = "torch") -> None:
    """Refuses unknown patterns, losses, metrics, optimizers and schedulers before anything is built.

    Raises:
        UnusableInput: with a did-you-mean.
    """
    for pattern in wishes.patterns:
        if pattern not in PATTERNS:
            raise UnusableInput(f"--pattern {pattern}: not known", hint=did_you_mean(pattern, PATTERNS))
    opinions: Any = importlib.import_module(f"..families.{family}.opinions", __package__)
    for flag, words, known in (
        ("--loss", (wishes.loss,) if wishes.loss else (), opinions.loss_names()),
        ("--metric", wishes.metrics, opinions.metric_names()),
    ):
        for word in words:
            if ":" not in word and word not in known:
                raise UnusableInput(
                    f"{flag} {word}: not known",
                    hint=f"{did_you_mean(word, known)} (or a function of yours: {flag} module:name)",
                )
    for flag, target in (
        ("--loss", wishes.loss),
        *(("--metric", metric) for metric in wishes.metrics),
        ("--optimizer", wishes.optimizer),
        ("--scheduler", wishes.scheduler),
        ("--factory", wishes.factory),
        ("--loader", wishes.loader),
        ("--val-loader", wishes.val_loader),
    ):
        _check_target(flag, target, always=flag in ("--factory", "--loader", "--val-loader"))
    opinions.check_words(wishes)


def _check_target(flag: str, target: str | None, *, always: bool) -> None:
    """``module:name`` must look like one."""
    if target is None or (":" not in target and not always):
        return
    module, colon, name = target.partition(":")
    parts = module.split(".")
    if not colon or not name.isidentifier() or not all(part.isidentifier() for part in parts):
        dotted = module.removesuffix(".py").replace("/", ".")
        hint = (
            f"did you mean {flag} {dotted}:{name or 'name'}?" if dotted != module or not colon else "write module:name"
        )
        raise UnusableInput(f"{flag} {target}: not of the form module:name", hint=hint)


def _placeholder(argument: Argument) -> str:
    kinds = {"int": "INT", "float": "FLOAT", "str": "TEXT", "bool": "True"}
    return kinds.get((argument.annotation or "").replace(" ", "").removesuffix("|None"), "VALUE")


def _describe(argument: Argument, model: ModelFacts) -> str:
    kind = argument.annotation or "any type"
    usage = _usage(argument.name, model)
    return f"{kind}, used in {usage}" if usage else f"{kind}, asked for at {argument.place}"


def _usage(name: str, model: ModelFacts) -> str | None:
    """The first call in the class that the argument goes into, with its place."""
    try:
        tree = ast.parse(model.source)
    except SyntaxError:
        return None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(calls, key=lambda each: (each.lineno, each.col_offset)):
        values = [*node.args, *(each.value for each in node.keywords)]
        if any(isinstance(each, ast.Name) and each.id == name for each in values):
            text = ast.unparse(node)
            line = _first_line(model) + node.lineno - 1
            return f"{text if len(text) <= 60 else text[:57] + '...'} at {model.place.file}:{line}"
    return None


def _first_line(model: ModelFacts) -> int:
    """The line of the file at which `source` begins: above the ``class`` line where the class is decorated."""
    above = 0
    for line in model.source.splitlines():
        if line.lstrip().startswith(("class ", "def ")):
            break
        above += 1
    return model.place.line - above
