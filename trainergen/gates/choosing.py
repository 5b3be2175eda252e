"""Which gates run on which file: the command line over ``[tool.trainergen.check]`` over the defaults."""

# ruff: noqa: PTH118, PTH123  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import UnusableInput, did_you_mean
from .request import FORMATS, Request

if TYPE_CHECKING:
    from collections.abc import Iterable


TABLE = "[tool.trainergen.check]"
DEFAULT = ("TG0", "TG1")
UNUSED_IGNORE = "TG090"
UNREADABLE = "TG000"
MARK = "tg: ignore"
"""What a comment that ignores says."""
_LISTS = ("select", "ignore", "extend-select", "exclude")
_KEYS = (*_LISTS, "per-file-ignores", "output-format", "unsafe-fixes", "baseline", "plugins")


class Choice:
    """What was decided for a run.

    Attributes:
        select, ignore: prefixes; of those that fit a code the longest decides.
        per_file: (pattern, prefixes) pairs.
        exclude: patterns of paths that folders are searched without.
        output_format, unsafe_fixes, baseline: see `Request`.
        plugins: whether gates of other distributions are looked for.
    """

    __slots__ = ("baseline", "exclude", "ignore", "output_format", "per_file", "plugins", "select", "unsafe_fixes")

    def __init__(
        self,
        select: tuple[str, ...],
        ignore: tuple[str, ...],
        per_file: tuple[tuple[str, tuple[str, ...]], ...],
        exclude: tuple[str, ...],
        output_format: str,
        unsafe_fixes: bool,
        baseline: str | None,
        plugins: bool,
    ) -> None:
        self.select = select
        self.ignore = ignore
        self.per_file = per_file
        self.exclude = exclude
        self.output_format = output_format
        self.unsafe_fixes = unsafe_fixes
        self.baseline = baseline
        self.plugins = plugins

    def runs(self, code: str) -> bool:
        """Whether a code is selected."""
        wanted = _longest(code, self.select)
        refused = _longest(code, self.ignore)
        return wanted > refused

    def ignored_in(self, path: str) -> tuple[str, ...]:
        """Prefixes that are not reported in the file at `path` (relative, forward slashes)."""
        if not self.per_file:
            return ()
        return tuple(code for pattern, codes in self.per_file if matches(path, pattern) for code in codes)


def choose(request: Request, root: str) -> Choice:
    """The decision for a request in the project at `root`.

    Raises:
        UnusableInput: the configuration does not parse, or has an unknown key or a value of another type.
    """
    table = _table(root)
    select = request.select if request.select is not None else _strings(table, "select", DEFAULT)
    ignore = request.ignore if request.ignore is not None else _strings(table, "ignore", ())
    extended = (*_strings(table, "extend-select", ()), *request.extend_select)
    output_format = request.output_format or str(table.get("output-format", "full"))
    if output_format not in FORMATS:
        raise UnusableInput(
            f"{TABLE} output-format: no format {output_format!r}",
            place="pyproject.toml",
            hint=did_you_mean(output_format, FORMATS),
        )
    unsafe = request.unsafe_fixes if request.unsafe_fixes is not None else bool(table.get("unsafe-fixes", False))
    baseline = request.baseline or (str(table["baseline"]) if "baseline" in table else None)
    chosen = (*select, *extended)
    plugins = bool(table.get("plugins", False)) or any(
        not code.startswith(("TG", "T")) and code != "ALL" for code in chosen
    )
    return Choice(
        chosen,
        ignore,
        _per_file(table, request),
        _strings(table, "exclude", ()),
        output_format,
        unsafe,
        baseline,
        plugins,
    )


def chosen_codes(choice: Choice, codes: list[str]) -> list[str]:
    """Of all known codes those that run.

    Raises:
        UnusableInput: a prefix fits no code.
    """
    for prefix in (*choice.select, *choice.ignore, *(code for _, codes in choice.per_file for code in codes)):
        if prefix != "ALL" and not any(code.startswith(prefix) for code in (*codes, UNUSED_IGNORE, UNREADABLE)):
            raise UnusableInput(f"no gate has the code {prefix}", hint=did_you_mean(prefix, codes) if codes else None)
    return [code for code in codes if choice.runs(code)]


def matches(path: str, pattern: str) -> bool:
    """Whether a relative path fits a pattern: ``tests/**``, ``*_test.py``, ``legacy``."""
    import fnmatch

    pattern = pattern.rstrip("/")
    return (
        fnmatch.fnmatch(path, pattern)
        or fnmatch.fnmatch(path.rpartition("/")[2], pattern)
        or path.startswith(pattern.removesuffix("/**") + "/")
        or path == pattern
    )


def _longest(code: str, prefixes: Iterable[str]) -> int:
    """The length of the longest prefix that fits; -1 where none does, 0 for ALL."""
    return max(
        (0 if prefix == "ALL" else len(prefix) for prefix in prefixes if prefix == "ALL" or code.startswith(prefix)),
        default=-1,
    )


def _per_file(table: dict[str, object], request: Request) -> tuple[tuple[str, tuple[str, ...]], ...]:
    said = table.get("per-file-ignores", {})
    if not isinstance(said, dict):
        raise UnusableInput(
            f"{TABLE} per-file-ignores is no table", place="pyproject.toml", hint='write {"tests/**" = ["TG104"]}'
        )
    pairs = [(str(pattern), _strings(said, str(pattern), ())) for pattern in said]
    for each in request.per_file_ignores:
        pattern, colon, code = each.rpartition(":")
        if not colon or not pattern:
            raise UnusableInput(f"--per-file-ignores {each}: write PATTERN:CODE", hint='for example "tests/**:TG104"')
        pairs.append((pattern, (code,)))
    return tuple(pairs)


def _strings(table: dict[str, object], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = table.get(key)
    if value is None:
        return default
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UnusableInput(
            f"{TABLE} {key} must be a list of strings, got {value!r}",
            place="pyproject.toml",
            hint=f'write {key} = ["..."]',
        )
    return tuple(value)


def _table(root: str) -> dict[str, object]:
    path = os.path.join(root, "pyproject.toml")
    try:
        with open(path, encoding="utf-8-sig") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError):
        return {}
    if "trainergen.check" not in text and "trainergen]" not in text:  # tomllib costs a third of a check
        return {}
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise UnusableInput(
            f"pyproject.toml does not parse: {problem}", place="pyproject.toml", hint="correct it first"
        ) from None
    table = document
    for key in ("tool", "trainergen", "check"):
        inner = table.get(key, {})
        if not isinstance(inner, dict):
            raise UnusableInput(f"{TABLE} is no table", place="pyproject.toml", hint=f"write {TABLE}, then key = value")
        table = inner
    for key in table:
        if key not in _KEYS:
            raise UnusableInput(f"{TABLE} has no key {key!r}", place="pyproject.toml", hint=did_you_mean(key, _KEYS))
    return table
