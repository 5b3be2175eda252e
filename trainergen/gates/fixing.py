"""Applies fixes to a text: round by round, until nothing is left; a file that would break or gain a finding stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from .finding import Finding, Fix

_ROUNDS = 12


class Fixed(NamedTuple):
    """A text after its fixes.

    Attributes:
        text: as it is now; the same where nothing could be done.
        applied: how many fixes.
        left: the findings that remain.
        refused: why nothing was done although something could have been; "" otherwise.
    """

    text: str
    applied: int
    left: list[Finding]
    refused: str = ""


def fix_text(text: str, check: Callable[[str], list[Finding]], unsafe: bool) -> Fixed:
    """The text with all fixes that may be applied.

    Args:
        text: of a file.
        check: gives the findings of a text that stands for the file.
        unsafe: whether the unsafe ones are meant too.
    """
    first = check(text)
    now, findings, applied = text, first, 0
    for _ in range(_ROUNDS):
        chosen = _compatible([each.fix for each in findings if each.fix is not None and (each.fix.safe or unsafe)])
        if not chosen:
            break
        now = _edited(now, chosen)
        findings = check(now)
        applied += len(chosen)
        if any(each.code == "TG000" for each in findings):
            return Fixed(text, 0, first, "the fixed file would not parse")
    before, after = _counts(first), _counts(findings)
    gained = [code for code in after if after[code] > before.get(code, 0)]
    if gained:
        return Fixed(text, 0, first, f"the fixed file would have a new finding ({', '.join(sorted(gained))})")
    return Fixed(now, applied, findings)


def with_fix(text: str, fix: Fix, check: Callable[[str], list[Finding]]) -> str | None:
    """The text with this fix alone; None where it would not parse then, or have a new finding."""
    fixed = _edited(text, [fix])
    before, after = _counts(check(text)), _counts(check(fixed))
    if "TG000" in after or any(count > before.get(code, 0) for code, count in after.items()):
        return None
    return fixed


def _compatible(fixes: list[Fix]) -> list[Fix]:
    """As many fixes as go together: none touches what another does, and none is taken twice."""
    taken: list[tuple[int, int]] = []
    chosen: list[Fix] = []
    for fix in fixes:
        spans = [(edit.start, edit.stop) for edit in fix.edits]
        if any(_overlap(span, other) for span in spans for other in taken):
            continue
        taken += spans
        chosen.append(fix)
    return chosen


def _overlap(first: tuple[int, int], second: tuple[int, int]) -> bool:
    if first[0] == second[0]:
        return True  # two insertions at one place: one of them waits for the next round
    return first[0] < second[1] and second[0] < first[1]


def _edited(text: str, fixes: list[Fix]) -> str:
    for edit in sorted((edit for fix in fixes for edit in fix.edits), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.stop :]
    return text


def _counts(findings: list[Finding]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.code] = counts.get(finding.code, 0) + 1
    return counts
