"""Names of sections, classes and files as patterns of the trainer's: what the siblings do, the new one does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ....errors import Conflict
from ...joining import Entry, Sibling

ROLES = ("Trainer", "Training", "Runner", "Experiment", "Learner", "Engine", "Task", "Loop", "Fitter")
VERBS = ("train", "fit", "run", "training", "trainer", "main")
"""What the names of functions that train begin or end with."""
FORMS = ("Camel", "snake", "kebab", "UPPER", "lower")


def snake(name: str) -> str:
    """``HTTPNetTrainer`` -> ``http_net_trainer``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def core(class_name: str) -> str:
    """The part of the name of a trainer's class or function that says what it trains, in snake case."""
    if class_name.islower():
        words = class_name.strip("_").split("_")
        while len(words) > 1 and words[0] in VERBS:
            words = words[1:]
        while len(words) > 1 and words[-1] in VERBS:
            words = words[:-1]
        return "_".join(words)
    for role in ROLES:
        for stripped in (class_name.removesuffix(role), class_name.removeprefix(role)):
            if stripped and stripped != class_name:
                return snake(stripped.strip("_"))
    return snake(class_name)


def forms(words: str) -> dict[str, str]:
    """A name in snake case in every form that a pattern can ask for."""
    return {
        "Camel": "".join(part[:1].upper() + part[1:] for part in words.split("_")),
        "snake": words,
        "kebab": words.replace("_", "-"),
        "UPPER": words.upper(),
        "lower": words.replace("_", ""),
    }


def pattern_of(text: str, sibling: Sibling) -> str | None:
    """`text` with the sibling's name replaced (``train_wine`` -> ``train_{snake}``); None where it has no part of it."""
    name = core(sibling.name)
    spelled = {**forms(name), "Camel": _camel(sibling.name, name)}
    for form in FORMS:
        word = spelled[form]
        if len(word) < 2 and word != text:
            continue
        edge = r"(?![a-z])" if form == "Camel" else r"(?![A-Za-z0-9])"
        found = re.search(("" if form == "Camel" else r"(?<![A-Za-z0-9])") + re.escape(word) + edge, text)
        if found:
            return (
                text[: found.start()].replace("{", "{{").replace("}", "}}")
                + f"{{{form}}}"
                + text[found.end() :].replace("{", "{{").replace("}", "}}")
            )
    return None


def _camel(class_name: str, name: str) -> str:
    if class_name.islower():
        return forms(name)["Camel"]
    found = re.search(re.escape(name.replace("_", "")), class_name.replace("_", ""), re.IGNORECASE)
    return class_name.replace("_", "")[found.start() : found.end()] if found else forms(name)["Camel"]


def fill(pattern: str, entry: Entry) -> str:
    """A pattern with the new trainer's name in its place."""
    return pattern.format(**{**forms(entry.snake), "Camel": _camel(entry.class_name, entry.snake)})


def common_pattern(texts: Iterable[tuple[str, Sibling]]) -> str | None:
    """The pattern that most of the texts follow, the first of equals; None where none follows any."""
    found = [pattern for text, sibling in texts if (pattern := pattern_of(text, sibling)) is not None]
    return max(dict.fromkeys(found), key=found.count) if found else None


def matches(names: Iterable[str], siblings: Sequence[Sibling]) -> dict[str, Sibling]:
    """Those of `names` that are called after a sibling, with it; each sibling takes the first that fits it best."""
    found: dict[str, Sibling] = {}
    listed = list(names)
    for sibling in siblings:
        fitting = [
            (len(pattern), name)
            for name in listed
            if name not in found and (pattern := pattern_of(name, sibling)) is not None
        ]
        if fitting:
            found[min(fitting)[1]] = sibling
    return found


def refuse_taken(name: str, taken: Iterable[str] | Mapping[str, int], what: str, path: str, *, line: int = 0) -> None:
    """Raise where `name` is among `taken`, in whatever case.

    Raises:
        Conflict: it is.
    """
    for known in taken:
        if known.lower() == name.lower():
            at = taken[known] if isinstance(taken, Mapping) else line
            differs = "" if known == name else f", which differs from {name} only in case"
            raise Conflict(
                f"{path} has {what} {known} already{differs}",
                place=f"{path}:{at}" if at else path,
                hint="choose another name with --name",
            )


def follow(value: str, sibling: Sibling, entry: Entry) -> str:
    """A text of the sibling's, said of the new trainer: its class, its module, its name where they stand."""
    for old, new in (
        (f"{sibling.module}.{sibling.name}", f"{entry.module}.{entry.class_name}"),
        (f"{sibling.module}:{sibling.name}", f"{entry.module}:{entry.class_name}"),
        (sibling.name, entry.class_name),
    ):
        if old in value:
            value = value.replace(old, new)
            break
    pattern = pattern_of(value, sibling)
    return fill(pattern, entry) if pattern is not None else value
