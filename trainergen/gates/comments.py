"""``# tg: ignore[TG101] reason``: findings that the code itself says to leave, and comments that no longer are needed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from .choosing import MARK
from .finding import Edit, Finding, Fix
from .source import split_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from tokenize import TokenInfo

UNUSED = "TG090"


class Ignore:
    """One comment.

    Attributes:
        line: the line whose findings it means; 0 for the whole file.
        codes: prefixes; empty: all.
        row: the line that it stands on, 1-based.
        column: where it begins, 0-based.
        end: where the line's text ends.
    """

    __slots__ = ("codes", "column", "end", "line", "row")

    def __init__(self, line: int, codes: tuple[str, ...], row: int, column: int, end: int) -> None:
        self.line = line
        self.codes = codes
        self.row = row
        self.column = column
        self.end = end


def read_ignores(text: str) -> list[Ignore]:
    """The comments of a file, in order; none where it can't be split into tokens."""
    if MARK not in text:
        return []
    import re
    import tokenize

    pattern = re.compile(r"#\s*tg: ignore(-file)?(?:\[([^\]]*)\])?")
    found: list[Ignore] = []
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return []
    for token in tokens:
        if token.type != tokenize.COMMENT:
            continue
        said = pattern.search(token.string)
        if said is None:
            continue
        row, start = token.start
        codes = tuple(part.strip() for part in (said[2] or "").split(",") if part.strip())
        alone = not token.line[:start].strip()
        line = 0 if said[1] else _next_code(tokens, row) if alone else row
        found.append(Ignore(line, codes, row, start + said.start(), token.end[1]))
    return found


def _next_code(tokens: Sequence[TokenInfo], row: int) -> int:
    """The first line after a comment of its own that has code."""
    import tokenize

    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    for token in tokens:
        if token.start[0] > row and token.type not in skipped:
            return token.start[0]
    return row


def apply_ignores(findings: list[Finding], text: str, path: str, codes: frozenset[str]) -> list[Finding]:
    """The findings that no comment ignores, and one (TG090) for each comment that ignores nothing.

    Args:
        findings: of one file.
        text: of the file.
        path: of the file.
        codes: what runs; a comment for something that doesn't is left in peace. TG090 itself is reported if it is there.
    """
    ignores = read_ignores(text)
    if not ignores:
        return findings
    used: set[tuple[int, str]] = set()
    kept = []
    for finding in findings:
        means = [
            each
            for each in ignores
            if each.line in (0, finding.line) and (not each.codes or _fits(finding.code, each.codes))
        ]
        for each in means:
            used.update((id(each), code) for code in each.codes or ("",) if finding.code.startswith(code))
        if not means:
            kept.append(finding)
    if UNUSED in codes:
        for each in ignores:
            idle = [
                code
                for code in each.codes or ("",)
                if (id(each), code) not in used and any(run.startswith(code) for run in codes)
            ]
            if idle:
                kept.append(_unused(each, idle, text, path))
    return sorted(kept, key=lambda finding: (finding.line, finding.column, finding.code))


def _fits(code: str, prefixes: tuple[str, ...]) -> bool:
    return any(code.startswith(prefix) for prefix in prefixes)


def _unused(ignore: Ignore, idle: list[str], text: str, path: str) -> Finding:
    shown = ", ".join(idle) if any(idle) else "anything"
    fix = None
    if set(idle) == set(ignore.codes or ("",)):
        lines = split_lines(text)
        start = sum(len(line) for line in lines[: ignore.row - 1])
        before = lines[ignore.row - 1][: ignore.column].rstrip()
        stop = start + (ignore.end if before else len(lines[ignore.row - 1]))
        fix = Fix("take the comment out", True, (Edit(start + len(before), stop, ""),))
    return Finding(
        UNUSED,
        f"the comment ignores {shown}, which is not found here",
        path,
        ignore.row,
        ignore.column + 1,
        ignore.end + 1,
        "take the comment out",
        fix=fix,
    )


def with_ignores(text: str, findings: list[Finding], reason: str) -> str:
    """The text with a comment at the end of each line that has findings; one that is there gets the codes that it lacks.

    Lines that go on with a backslash, or within a string, are left.
    """
    lines = split_lines(text)
    by_line: dict[int, list[str]] = {}
    for finding in findings:
        if finding.code not in (UNUSED, "TG000"):
            by_line.setdefault(finding.line, []).append(finding.code)
    ignored = {each.row: each for each in read_ignores(text) if each.line == each.row}
    for number, codes in by_line.items():
        if number > len(lines):
            continue
        line = lines[number - 1]
        body = line.rstrip("\r\n")
        if body.rstrip().endswith("\\") or _in_string(text, number):
            continue
        there = ignored.get(number)
        if there is not None and not there.codes:
            continue  # everything is ignored there already
        if there is not None:
            close = body.index("]", there.column)
            added = [code for code in sorted(set(codes)) if code not in there.codes]
            lines[number - 1] = ", ".join([body[:close], *added]) + line[close:]
            continue
        listed = ", ".join(sorted(set(codes)))
        lines[number - 1] = f"{body.rstrip()}  # tg: ignore[{listed}] {reason}".rstrip() + line[len(body) :]
    return "".join(lines)


def _in_string(text: str, number: int) -> bool:
    """Whether a line ends within a string of several lines: a comment there would be text."""
    import tokenize

    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if (
                token.start[0] <= number < token.end[0]
                and token.end[0] > token.start[0]
                and token.type != tokenize.NEWLINE
            ):
                return True
    except (tokenize.TokenError, SyntaxError):
        return True
    return False
