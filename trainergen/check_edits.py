"""What ``check --fix`` and ``--diff`` do with files: fixes applied or shown, in the file's own encoding and line ends."""

# ruff: noqa: PTH101, PTH105, PTH116, PTH123  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .gates.files import decode
from .gates.fixing import Fixed, fix_text

if TYPE_CHECKING:
    from .checking import Check, Checked
    from .gates.finding import Finding

BOM = b"\xef\xbb\xbf"


def fix_files(check: Check, started: float) -> tuple[int, str]:
    """Apply the fixes, or show them with ``--diff``: exit code and output.

    Raises:
        OSError: a file can't be written; those before it are.
    """
    from .checking import Checked, answer

    lead, applied, changed, left = "", 0, 0, []
    checked: list[Checked] = []
    for one in check.run():
        fixed = _fixed(check, one) if one.findings and not one.path.endswith(".ipynb") else None
        if fixed is None:
            checked.append(one)
            left += one.findings
            continue
        if fixed.refused:
            lead += f"{one.path}: left as it is: {fixed.refused}\n"
        text = decode(one.data)
        if fixed.text != text:
            applied += fixed.applied
            changed += 1
            if check.request.diff:
                lead += diff(one.path, text, fixed.text)
            else:
                checked.append(Checked(one.path, one.file, write(one, text, fixed.text), fixed.left))
                left += fixed.left
                continue
        checked.append(one)
        left += one.findings
    if check.request.diff:
        noun = f"{applied} fix{'es' if applied != 1 else ''} in {changed} file{'s' if changed != 1 else ''}"
        return (1 if changed and not check.request.exit_zero else 0), lead + f"Would apply {noun}.\n"
    if applied:
        lead += f"Applied {applied} fix{'es' if applied != 1 else ''} in {changed} file{'s' if changed != 1 else ''}.\n"
    return answer(check, checked, left, started, lead=lead)


def fix_input(check: Check, path: str, data: bytes) -> tuple[int, str]:
    """The fixed text of standard input, or its diff; exit 1 where findings remain (or the diff isn't empty)."""
    text = decode(data)
    fixed = fix_text(text, lambda now: check.examine(path, now), check.choice.unsafe_fixes)
    if check.request.diff:
        shown = diff(path, text, fixed.text) if fixed.text != text else ""
        return (1 if shown and not check.request.exit_zero else 0), shown
    return (1 if fixed.left and not check.request.exit_zero else 0), fixed.text


def _fixed(check: Check, one: Checked) -> Fixed | None:
    if not any(_applies(each, check.choice.unsafe_fixes) for each in one.findings):
        return None
    text = decode(one.data)
    return fix_text(text, lambda now: check.examine(one.path, now), check.choice.unsafe_fixes)


def _applies(finding: Finding, unsafe: bool) -> bool:
    return finding.fix is not None and (finding.fix.safe or unsafe)


def diff(path: str, before: str, after: str) -> str:
    """A unified diff of a file."""
    import difflib

    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), path, path)
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


def write(one: Checked, before: str, after: str) -> bytes:
    """Put a changed text in a file's place, at once, with its mark, encoding and mode; the bytes that stand there now.

    Raises:
        OSError: it can't be written; the old one stands.
        ValueError: the new text has letters that the file's encoding lacks.
    """
    mark = BOM if one.data.startswith(BOM) else b""
    encoding = "utf-8"
    if mark + before.encode("utf-8", "surrogatepass") != one.data:
        import io
        import tokenize

        encoding = tokenize.detect_encoding(io.BytesIO(one.data).readline)[0].removesuffix("-sig")
    data = mark + after.encode(encoding)
    target = os.path.realpath(one.file)
    temporary = f"{target}.{os.getpid()}.tmp"
    with open(temporary, "wb") as stream:
        stream.write(data)
    os.chmod(temporary, os.stat(target).st_mode & 0o7777)
    os.replace(temporary, target)
    return data
