"""How a finding reads on a terminal: the place, the line, carets below the fault, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .source import split_lines

if TYPE_CHECKING:
    from .engine import Gate
    from .finding import Finding

_WIDEST = 240


def render(
    finding: Finding,
    text: str,
    *,
    origin: str | None = None,
    notes: tuple[str, ...] = (),
    more: str = "",
    shown: str = "",
) -> str:
    """The finding with its line of `text`.

    Args:
        finding: what was found.
        text: the content of the file that it was found in.
        origin: where the line came from, such as a template and its line.
        notes: further lines between the excerpt and the help.
        more: a command that tells more; left out when empty.
        shown: how the place is written; "": file, line and column.
    """
    came_from = f" (from {origin})" if origin else ""
    gutter = " " * max(2, len(str(finding.line)))
    lines = [
        f"error[{finding.code}]: {finding.message}",
        f"  --> {shown or f'{finding.path}:{finding.line}:{finding.column}'}{came_from}",
        *excerpt(text, finding.line, finding.column, finding.end_column, finding.label),
    ]
    lines += [f"{gutter} = {note}" for note in notes]
    lines.append(f"{gutter} = help: {finding.hint}")
    if more:
        lines.append(f"{gutter} = more: {more}")
    return "\n".join(lines)


def excerpt(text: str, line: int, column: int, end_column: int, label: str = "") -> tuple[str, ...]:
    """A line of `text` with its number, and carets below the columns (1-based, the end exclusive)."""
    content = split_lines(text)
    if not 0 < line <= len(content):
        return ()
    gutter = " " * max(2, len(str(line)))
    shown = content[line - 1].rstrip()
    if len(shown) > _WIDEST:  # a line that was never meant to be read: the part around the fault is enough
        start = max(0, column - 1 - _WIDEST // 3)
        shown, column, end_column = shown[start : start + _WIDEST], column - start, end_column - start
        end_column = min(end_column, _WIDEST + 1)
    # Tabs are kept in the padding, so that the carets stand below the fault at any tab width.
    padding = "".join("\t" if letter == "\t" else " " for letter in shown[: column - 1])
    carets = "^" * max(1, end_column - column)
    return (
        f"{gutter} |",
        f"{line:>{len(gutter)}} | {shown}",
        f"{gutter} | {padding}{carets}{' ' + label if label else ''}",
        f"{gutter} |",
    )


def explain(gate: Gate) -> str:
    """A gate's own page: what it claims, why, an example on either side, its fix, its torch releases, its source."""
    from .engine import example_files

    parts = [f"{gate.code}  {gate.name}", gate.what, f"Why: {gate.why}"]
    for title, example in (("Stopped:", gate.failing), ("Use instead:", gate.passing)):
        shown = [
            (f"# {path}\n" if not isinstance(example, str) else "") + text.strip("\n")
            for path, text in example_files(example).items()
        ]
        parts.append(title + "\n" + _indented("\n\n".join(shown)))
    fix = "none: what is right depends on what was meant" if gate.fix == "none" else gate.fix
    parts.append(f"Fix: {fix}\nHolds for: torch {gate.torch}\nSource: {gate.source}")
    return "\n\n".join(parts) + "\n"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())
