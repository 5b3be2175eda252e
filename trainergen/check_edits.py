"""What ``check --fix`` and ``--diff`` do with files: fixes applied or shown, in the file's own encoding and line ends."""

# ruff: noqa: PTH101, PTH105, PTH112, PTH116, PTH118, PTH123  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .gates.files import decode
from .gates.fixing import Fixed, fix_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .checking import Check, Checked
    from .gates.finding import Finding
    from .record import Record

BOM = b"\xef\xbb\xbf"


def fix_files(check: Check, started: float) -> tuple[int, str]:
    """Apply the fixes, or show them with ``--diff``: exit code and output.

    Files that trainergen generated are written last, and only if their trainers still train.

    Raises:
        OSError: a file can't be written; those before it are.
    """
    from .checking import Checked, answer

    lead = ""
    checked: list[Checked] = []
    fixed_files: dict[str, tuple[Checked, Fixed]] = {}
    for one in check.run():
        fixed = _fixed(check, one) if one.findings and not one.path.endswith(".ipynb") else None
        checked.append(one)
        if fixed is not None and fixed.refused:
            lead += _left(one.path, fixed.refused)
        if fixed is not None and fixed.text != decode(one.data):
            fixed_files[one.path] = one, fixed
    if check.request.diff:
        for path, (one, fixed) in fixed_files.items():
            lead += diff(path, decode(one.data), fixed.text)
        applied, changed = sum(fixed.applied for _, fixed in fixed_files.values()), len(fixed_files)
        return (
            1 if changed and not check.request.exit_zero else 0
        ), lead + f"Would apply {_count(applied, changed)}.\n"
    written: dict[str, Checked] = {}

    def put(path: str) -> None:
        one, fixed = fixed_files[path]
        written[path] = Checked(one.path, one.file, write(one, decode(one.data), fixed.text), fixed.left)

    generated = {} if check.request.no_proof else _generated(check, fixed_files)
    for path in fixed_files:
        if path not in generated:
            put(path)
    if generated:  # what is written by now is what they are trained with
        reasons = _untrained(check, generated, {path: fixed_files[path][1].text for path in generated})
        for path in generated:
            if path in reasons:
                lead += _left(path, reasons[path])
            else:
                put(path)
    checked = [written.get(one.path, one) for one in checked]
    left = [each for one in checked for each in one.findings]
    if written:
        lead += f"Applied {_count(sum(fixed_files[path][1].applied for path in written), len(written))}.\n"
    return answer(check, checked, left, started, lead=lead)


def _left(path: str, reason: str) -> str:
    return f"{path}: left as it is: {reason}\n"


def _count(fixes: int, files: int) -> str:
    return f"{fixes} fix{'es' if fixes != 1 else ''} in {files} file{'s' if files != 1 else ''}"


def _generated(check: Check, paths: Iterable[str]) -> dict[str, list[Record]]:
    """Of `paths` those that hold something that trainergen generated, with the records that say so."""
    if not os.path.isdir(os.path.join(check.root, ".trainergen")):
        return {}
    from pathlib import Path

    from .record import read_records

    records = read_records(Path(check.root))
    found = {path: [record for record in records if path in record.paths] for path in paths}
    return {path: holding for path, holding in found.items() if holding}


def _untrained(check: Check, generated: Mapping[str, list[Record]], texts: Mapping[str, str]) -> dict[str, str]:
    """Of generated files those whose fixes a training refuses, each with the reason."""
    from pathlib import Path

    from .fix_proof import refused

    records = {record.file: record for holding in generated.values() for record in holding}
    try:
        return refused(tuple(records.values()), texts, Path(check.root), check.request, check.progress.say)
    finally:
        check.progress.clear()


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
