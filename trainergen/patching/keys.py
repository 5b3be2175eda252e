"""Spells a trainer's key as its siblings' keys are spelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..errors import Conflict
from ..planning.names import snake_case
from .joining import Entry, Sibling

ROLES = frozenset(
    {"trainer", "runner", "engine", "learner", "agent", "experiment", "task", "pipeline", "module", "loop"}
)
"""Words that say what kind of class it is, not which: a key often leaves them out."""

FORMS: dict[str, Callable[[Sequence[str]], str]] = {
    "snake": "_".join,
    "kebab": "-".join,
    "lower": "".join,
    "upper": lambda words: "_".join(words).upper(),
    "spaced": " ".join,
    "pascal": lambda words: "".join(word[:1].upper() + word[1:] for word in words),
    "capital": lambda words: "".join(words).upper(),
}


@dataclass(frozen=True)
class Spelling:
    """How a name becomes a key: which part of which name, in which form, between which texts."""

    part: str
    form: str
    before: str = ""
    after: str = ""

    def apply(self, parts: dict[str, tuple[str, ...] | str]) -> str:
        """The key for a class whose parts are given."""
        return self.before + _form(self.form, parts[self.part]) + self.after


def spell_key(listed: Iterable[tuple[str, Sibling]], entry: Entry, siblings: Sequence[Sibling]) -> str:
    """The entry's key, spelled as most of the siblings' keys are.

    Args:
        listed: the keys that exist and whose they are.
        entry: the new trainer.
        siblings: all trainers, from which it shows what their names have in common.
    """
    pairs = list(listed)
    mine = _entry_parts(entry, siblings)
    exact: Counter[Spelling] = Counter()
    partial: Counter[Spelling] = Counter()
    for key, sibling in pairs:
        parts = _parts(sibling.name, sibling.file, siblings)
        for spelling in _spellings():
            text = spelling.apply(parts)
            if text == key:
                exact[spelling] += 1
            elif len(text) > 2 and text in key:
                before, _, after = key.partition(text)
                partial[Spelling(spelling.part, spelling.form, before, after)] += 1
    for counted in (exact, partial):
        if counted:
            # Counter keeps the order of insertion, and the spellings are tried from the plainest on
            best = max(counted.values())
            if counted is exact or best > 1 or len(pairs) == 1:
                order = {spelling: number for number, spelling in enumerate(_spellings())}
                ranked = sorted(
                    (each for each in counted if counted[each] == best), key=lambda each: order.get(each, 99)
                )
                return ranked[0].apply(mine)
    return _by_look([key for key, _ in pairs], mine)


def taken(key: str, keys: Iterable[str], *, symbol: str, place: str) -> None:
    """Refuse a key that is there already.

    Raises:
        Conflict: `keys` has it, in whatever case.
    """
    for known in keys:
        if known.casefold() == key.casefold():
            raise Conflict(
                f"{symbol} lists {known} already"
                + ("" if known == key else f", which differs from {key} only in case"),
                place=place,
                hint="choose another name with --name",
            )


def class_stem(name: str, siblings: Sequence[Sibling]) -> str:
    """The part of a class's name that says which trainer it is (``Wine`` of ``WineTrainer``)."""
    words = _model_words(name, siblings)
    start = name.lower().replace("_", "").find("".join(words))
    return name[start : start + len("".join(words))] if start >= 0 and "_" not in name else name


def _spellings() -> list[Spelling]:
    return [
        *(Spelling("model", form) for form in ("snake", "kebab", "lower", "upper", "spaced", "pascal", "capital")),
        Spelling("class", "as written"),
        Spelling("short class", "as written"),
        Spelling("stem", "as written"),
        *(Spelling("class words", form) for form in ("snake", "kebab", "lower", "upper", "spaced", "capital")),
        *(Spelling("stem words", form) for form in ("snake", "kebab", "lower", "upper", "capital")),
    ]


def _form(form: str, part: tuple[str, ...] | str) -> str:
    if isinstance(part, str):
        return part
    return FORMS[form](part)


def _parts(name: str, file: str, siblings: Sequence[Sibling]) -> dict[str, tuple[str, ...] | str]:
    stem = PurePosixPath(file).stem
    return {
        "model": _model_words(name, siblings),
        "class": name,
        "short class": class_stem(name, siblings),
        "class words": _words(name),
        "stem": stem,
        "stem words": _without_roles(_words(stem)),
    }


def _entry_parts(entry: Entry, siblings: Sequence[Sibling]) -> dict[str, tuple[str, ...] | str]:
    parts = _parts(entry.class_name, entry.file, siblings)
    words = tuple(entry.snake.split("_"))
    # The model's own words split digits as its author did; they count where the class is named after the model.
    return parts | {"model": words} if "".join(words) in entry.class_name.lower().replace("_", "") else parts


def _model_words(name: str, siblings: Sequence[Sibling]) -> tuple[str, ...]:
    words = _words(name)
    others = [_words(each.name) for each in siblings]
    shorter = _without_roles(words)
    if shorter == words and len(words) > 1 and len(others) > 1:
        if all(each[-1] == words[-1] for each in others):
            return words[:-1]
        if all(each[0] == words[0] for each in others):
            return words[1:]
    return shorter


def _without_roles(words: tuple[str, ...]) -> tuple[str, ...]:
    if len(words) > 1 and words[-1] in ROLES:
        return words[:-1]
    if len(words) > 1 and words[0] in ROLES:
        return words[1:]
    return words


def _words(name: str) -> tuple[str, ...]:
    return tuple(snake_case(name).split("_"))


def _by_look(keys: list[str], parts: dict[str, tuple[str, ...] | str]) -> str:
    """A key beside keys that have nothing to do with their classes' names: in their case and with their separator."""
    words = parts["model"]
    if keys and all(key.lower().endswith("trainer") for key in keys):
        words = (*words, "trainer")
    if not keys:
        return _form("snake", words)
    if all(key.isupper() for key in keys):
        return _form("upper", words)
    if any("-" in key for key in keys):
        return _form("kebab", words)
    if all(key[:1].isupper() for key in keys):
        return _form("pascal", words)
    return _form("snake", words)
