"""What ``trainergen check`` was asked: its options in one table, read by a parser that costs a tenth of click's import."""

from __future__ import annotations

from typing import Any

FORMATS = ("full", "concise", "json", "github", "sarif")


class Request:
    """One invocation of ``check``. None: not said, the configuration or the default decides.

    Attributes:
        paths: files and folders; ``-`` for standard input.
        select, ignore, extend_select: prefixes of codes.
        per_file_ignores: ``pattern:code`` pairs.
        fix, unsafe_fixes, diff: apply fixes, also unsafe ones; show them instead.
        statistics, exit_zero, no_cache, quiet: as ruff's.
        stdin_filename: what standard input is called.
        output_format: one of `FORMATS`.
        add_ignores: write a comment that ignores it beside each finding.
        baseline: a file of findings that are known and not reported.
        write_baseline: write that file anew.
        no_proof: with `fix`: write generated trainers without training them first.
        project: the project's folder.
        python, device, limit: of the lab that trains them, as for ``check --run``.
        color: ``auto``, ``always`` or ``never``.
    """

    paths: tuple[str, ...] = ()
    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    per_file_ignores: tuple[str, ...] = ()
    fix: bool = False
    unsafe_fixes: bool | None = None
    diff: bool = False
    statistics: bool = False
    exit_zero: bool = False
    no_cache: bool = False
    quiet: bool = False
    stdin_filename: str | None = None
    output_format: str | None = None
    add_ignores: bool = False
    baseline: str | None = None
    write_baseline: bool = False
    no_proof: bool = False
    project: str | None = None
    python: str | None = None
    device: str | None = None
    limit: str | None = None
    color: str = "auto"

    def __init__(self, **given: Any) -> None:
        for name, value in given.items():
            setattr(self, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self.paths)


class Option:
    """One option: its flag, the field of `Request` that it sets, what it does, and how its value is read."""

    __slots__ = ("choices", "field", "flag", "many", "metavar", "said")

    def __init__(
        self, flag: str, field: str, said: str, metavar: str = "", many: bool = False, choices: tuple[str, ...] = ()
    ) -> None:
        self.flag = flag
        self.field = field
        self.said = said
        self.metavar = metavar
        self.many = many
        self.choices = choices


OPTIONS = (
    Option("--select", "select", "Run these: codes or their prefixes; default TG0,TG1.", "CODES", many=True),
    Option("--ignore", "ignore", "Don't run these.", "CODES", many=True),
    Option("--extend-select", "extend_select", "Run these too.", "CODES", many=True),
    Option("--per-file-ignores", "per_file_ignores", "Don't run these in such files.", "PATTERN:CODE", many=True),
    Option("--fix", "fix", "Apply the safe fixes."),
    Option("--unsafe-fixes", "unsafe_fixes", "With --fix or --diff: the unsafe ones too."),
    Option("--diff", "diff", "Show what --fix would change; change nothing."),
    Option("--no-proof", "no_proof", "With --fix: don't train generated trainers before they are written."),
    Option("--add-ignores", "add_ignores", "Write a comment that ignores it beside every finding."),
    Option("--baseline", "baseline", "Findings listed in FILE are not reported.", "FILE"),
    Option("--write-baseline", "write_baseline", "Write that file: all that is found now."),
    Option("--statistics", "statistics", "Count the findings of each code."),
    Option("--exit-zero", "exit_zero", "Exit 0 in spite of findings."),
    Option("--no-cache", "no_cache", "Neither read nor write the cache."),
    Option("--stdin-filename", "stdin_filename", "What - (standard input) is called.", "PATH"),
    Option("--output-format", "output_format", "How findings are printed.", "FORMAT", choices=FORMATS),
)
_COMMON = (
    Option("--project", "project", "", "DIR"),
    Option("--color", "color", "", "WHEN", choices=("auto", "always", "never")),
    Option("--quiet", "quiet", ""),
)


def parse(arguments: list[str]) -> Request | None:
    """The request that arguments after ``check`` make; None where click has to say something about them.

    That is for ``--help``, ``--drift`` and ``--json``, and for everything that is misspelt.
    """
    known = {option.flag: option for option in (*OPTIONS, *_COMMON)}
    known["-q"] = known["--quiet"]
    given: dict[str, object] = {}
    paths: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            paths += rest
            break
        if not word.startswith("-") or word == "-":
            paths.append(word)
            continue
        flag, equals, value = word.partition("=")
        option = known.get(flag)
        if option is None or (equals and not option.metavar):
            return None
        if not option.metavar:
            given[option.field] = True
            continue
        if not equals:
            if not rest:
                return None
            value = rest.pop(0)
        if option.choices and value not in option.choices:
            return None
        if option.many:
            before = given.get(option.field, ())
            assert isinstance(before, tuple)
            given[option.field] = (*before, *split(value))
        else:
            given[option.field] = value
    return Request(paths=tuple(paths), **given)


def split(value: str) -> tuple[str, ...]:
    """The parts of a comma-separated value."""
    return tuple(part.strip() for part in value.split(",") if part.strip())
