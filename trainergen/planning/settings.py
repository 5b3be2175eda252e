"""Constructor arguments as settings: scalars get a field ``model_<argument>``, other literals stand in the code."""

from __future__ import annotations

import ast
from typing import Any

from ..inspection.model_facts import Argument, ModelFacts
from .plan import Decision, ModelArgument, Setting
from .wishes import Wishes

SCALARS = {"int": int, "float": float, "bool": bool, "str": str}


def model_arguments(
    wishes: Wishes, model: ModelFacts
) -> tuple[tuple[ModelArgument, ...], tuple[Setting, ...], tuple[Decision, ...]]:
    """The arguments that ``build_model`` passes, in signature order, their settings, and a decision for each given one.

    Given literals are passed. Of the others, scalars with a literal default are, so that config.ini can change them.
    """
    given = dict(wishes.model_arguments)
    known = {} if wishes.factory is not None else {each.name: each for each in model.init}
    names = [name for name, each in known.items() if each.kind in ("positional", "keyword")]
    names += [name for name in given if name not in names]
    arguments, settings, decisions = [], [], []
    for name in names:
        signature = known.get(name)
        if name in given:
            value, said = given[name], True
        else:
            assert signature is not None
            found, value = _literal(signature.default)
            if not found:
                continue
            said = False
        annotation = _annotation(value, signature)
        text = _ini_text(value, annotation)
        if annotation is None or text is None:
            if said:
                arguments.append(ModelArgument(name, None, repr(value)))
        else:
            setting = f"model_{name}"
            arguments.append(ModelArgument(name, setting, repr(value)))
            settings.append(Setting(setting, annotation, repr(value), text, f"{name} of {model.name}"))
        if said:
            decisions.append(Decision("argument", f"{name}={value!r}", "you said so", "--model-arg", given=True))
    return tuple(arguments), tuple(settings), tuple(decisions)


def _literal(text: str | None) -> tuple[bool, Any]:
    if text is None:
        return False, None
    try:
        return True, ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False, None


def _annotation(value: Any, argument: Argument | None) -> str | None:
    """The field's type: the argument's own where that is a scalar, else the value's; None where neither is one."""
    written = (argument.annotation or "") if argument is not None else ""
    written = written.replace("typing.", "").strip("'\"").replace(" ", "")
    optional = written.startswith(("Optional[", "None|")) or written.endswith("|None")
    inner = written.removeprefix("Optional[").removesuffix("]") if written.startswith("Optional[") else written
    inner = inner.removesuffix("|None").removeprefix("None|")
    if inner in SCALARS:
        if value is None:
            return f"{inner} | None"
        kind = SCALARS[inner]
        fits = type(value) is kind or (kind is float and type(value) is int)
        return (f"{inner} | None" if optional else inner) if fits else None
    if written:
        return None if type(value) not in SCALARS.values() or inner not in ("", "Any") else type(value).__name__
    return type(value).__name__ if type(value) in SCALARS.values() else None


def _ini_text(value: Any, annotation: str | None) -> str | None:
    """The value in config.ini; None for text that an ini file cannot hold as it is."""
    if annotation is None:
        return None
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        awkward = value != value.strip() or not value or "\n" in value or value.lower() == "none" or value[0] in "#;["
        return None if awkward else value
    return repr(float(value)) if annotation.startswith("float") else repr(value)
