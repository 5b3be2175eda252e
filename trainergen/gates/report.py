"""How a finding reads on a terminal: the place, the line, carets below the fault, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .engine import Gate, example_files

if TYPE_CHECKING:
    from .finding import Finding


def render(
    finding: Finding, text: str, *, origin: str | None = None, notes: tuple[str, ...] = (), more: str = ""
) -> str:
    """The finding with its line of `text`.

    Args:
        finding: what was found.
        text: the content of the file that it was found in.
        origin: where the line came from, such as a template and its line.
        notes: further lines between the excerpt and the help.
        more: a command that tells more; left out when empty.
    """
    came_from = f" (from {origin})" if origin else ""
    gutter = " " * max(2, len(str(finding.line)))
    lines = [
        f"error[{finding.code}]: {finding.message}",
        f"  --> {finding.path}:{finding.line}:{finding.column}{came_from}",
        *excerpt(text, finding.line, finding.column, finding.end_column, finding.label),
    ]
    lines += [f"{gutter} = {note}" for note in notes]
    lines.append(f"{gutter} = help: {finding.hint}")
    if more:
        lines.append(f"{gutter} = more: {more}")
    return "\n".join(lines)


def excerpt(text: str, line: int, column: int, end_column: int, label: str = "") -> tuple[str, ...]:
    """A line of `text` with its number, and carets below the columns (1-based, the end exclusive)."""
    content = text.splitlines()
    if not 0 < line <= len(content):
        return ()
    gutter = " " * max(2, len(str(line)))
    shown = content[line - 1].rstrip()
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
    """A gate's own page: what it claims, why, and an example on either side."""
    parts = [f"{gate.code}  {gate.name}", gate.what, f"Why: {gate.why}"]
    for title, example in (("Stopped:", gate.failing), ("Use instead:", gate.passing)):
        shown = [
            (f"# {path}\n" if not isinstance(example, str) else "") + text.strip("\n")
            for path, text in example_files(example).items()
        ]
        parts.append(title + "\n" + _indented("\n\n".join(shown)))
    return "\n\n".join(parts) + "\n"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())
