"""What an editor offers to do about findings: a fix, a comment that ignores, all fixes of a file; and what it shows of a gate."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from lsprotocol import types

from ..gates.comments import UNUSED, with_ignores
from ..gates.engine import UNREADABLE, load_gates, load_plugins
from ..gates.fixing import fix_text, with_fix
from ..gates.output import severity
from ..gates.pages import page
from ..gates.source import split_lines
from .places import Lines, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..gates.finding import Edit, Finding, Fix
    from .judging import Judged

FIX_ALL = f"{types.CodeActionKind.SourceFixAll.value}.trainergen"
KINDS = (types.CodeActionKind.QuickFix.value, FIX_ALL)
_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "advice": types.DiagnosticSeverity.Information,
}


def diagnostic(finding: Finding, lines: Lines) -> types.Diagnostic:
    """A finding as an editor shows it: at its span, with what helps below what is wrong."""
    return types.Diagnostic(
        range=_range(
            lines.place(finding.line - 1, finding.column - 1), lines.place(finding.line - 1, finding.end_column - 1)
        ),
        message=f"{finding.message}\n{finding.hint}",
        severity=_SEVERITIES[severity(finding.code)],
        code=finding.code,
        source="trainergen",
    )


def actions(
    judged: Judged, lines: Lines, where: types.Range, only: Sequence[str] | None
) -> Iterator[tuple[types.CodeAction, list[types.TextEdit]]]:
    """What is offered at a place of a text, each with its edits.

    Args:
        judged: the text and what was found in it.
        lines: the same text.
        where: the selection, or the place of the cursor.
        only: the kinds that are asked for; None: all.
    """
    touched = [each for each in judged.findings if where.start.line <= each.line - 1 <= where.end.line]
    if _asked(types.CodeActionKind.QuickFix.value, only):
        for finding in touched:
            yield from _quick(judged, finding, lines)
    if _asked(FIX_ALL, only) and (touched or only is not None):
        yield from _all(judged, lines)


def hover(findings: Sequence[Finding], place: Place, lines: Lines) -> types.Hover | None:
    """The pages of the gates whose findings lie under the cursor; None where there is none."""
    here = [each for each in findings if _covers(diagnostic(each, lines).range, place)]
    gates = load_gates()
    if any(not each.code.startswith("TG") for each in here):
        gates |= load_plugins()
    shown = [
        "\n\n".join(
            [f"**{each.code}** {each.message}", each.hint, *([page(gates[each.code])] if each.code in gates else ())]
        )
        for each in here
    ]
    if not shown:
        return None
    content = types.MarkupContent(types.MarkupKind.Markdown, "\n\n---\n\n".join(shown))
    return types.Hover(contents=content, range=diagnostic(here[0], lines).range)


def _quick(judged: Judged, finding: Finding, lines: Lines) -> Iterator[tuple[types.CodeAction, list[types.TextEdit]]]:
    about = [diagnostic(finding, lines)]
    fix = finding.fix
    if fix is not None and with_fix(judged.text, fix, judged.again) is not None:
        title = f"{finding.code}: {fix.title}" + ("" if fix.safe else " (unsafe)")
        yield _action(title, about, fix.safe), [_edit(each, lines) for each in fix.edits]
    if finding.code in (UNUSED, UNREADABLE):
        return
    ignoring = with_ignores(judged.text, [finding], "")
    if ignoring != judged.text:
        yield _action(f"{finding.code}: ignore on this line", about, False), edits_between(judged.text, ignoring, lines)


def _action(title: str, about: list[types.Diagnostic], preferred: bool) -> types.CodeAction:
    return types.CodeAction(
        title=title, kind=types.CodeActionKind.QuickFix, diagnostics=about, is_preferred=preferred or None
    )


def _all(judged: Judged, lines: Lines) -> Iterator[tuple[types.CodeAction, list[types.TextEdit]]]:
    """What ``check --fix`` would do to the text."""
    unsafe = judged.check is not None and judged.check.choice.unsafe_fixes
    fixes: list[Fix] = [each.fix for each in judged.findings if each.fix is not None and (each.fix.safe or unsafe)]
    if not fixes:
        return
    fixed = fix_text(judged.text, judged.again, unsafe)
    if fixed.text != judged.text:
        noun = "1 fix" if fixed.applied == 1 else f"{fixed.applied} fixes"
        action = types.CodeAction(title=f"trainergen: apply {noun} to this file", kind=FIX_ALL)
        yield action, edits_between(judged.text, fixed.text, lines)


def edits_between(before: str, after: str, lines: Lines) -> list[types.TextEdit]:
    """The edits that make one text of another, by whole lines, so that a cursor elsewhere stays where it is."""
    old, new = split_lines(before), split_lines(after)
    found = []
    for kind, start, stop, first, last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            begin = sum(map(len, old[:start]))
            end = begin + sum(map(len, old[start:stop]))
            found.append(types.TextEdit(_range(lines.at(begin), lines.at(end)), "".join(new[first:last])))
    return found


def _asked(kind: str, only: Sequence[str] | None) -> bool:
    return only is None or any(kind == each or kind.startswith(f"{each}.") for each in only)


def _covers(span: types.Range, place: Place) -> bool:
    start, end = (Place(each.line, each.character) for each in (span.start, span.end))
    return start <= place <= end


def _edit(edit: Edit, lines: Lines) -> types.TextEdit:
    return types.TextEdit(_range(lines.at(edit.start), lines.at(edit.stop)), edit.text)


def _range(start: Place, end: Place) -> types.Range:
    return types.Range(types.Position(*start), types.Position(*end))
