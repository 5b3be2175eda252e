"""The print sink: a change set as a unified diff that ``git apply`` and ``patch`` understand."""

from __future__ import annotations

from difflib import diff_bytes, unified_diff
from typing import TYPE_CHECKING

from trainergen.staging.hunks import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainergen.staging.change_set import Change, ChangeSet


def render_diff(change_set: ChangeSet) -> str:
    """All that `change_set` does to the user's files, private and identical ones left out.

    Text that is not UTF-8 is shown with backslash escapes; a file with a NUL byte in it only by its sizes. Line ends
    are those of the files.
    """
    return "".join(_rendered(change) for change in change_set.effective if not change.private)


def _rendered(change: Change) -> str:
    old, new = f"a/{change.path}", f"b/{change.path}"
    head = f"diff --git {_quoted(old)} {_quoted(new)}\n"
    if change.before is None:
        head += f"new file mode {'100755' if change.executable else '100644'}\n"
    before, after = change.before or b"", change.after
    if b"\0" in before or b"\0" in after:
        return f"{head}Binary file {change.path}: {len(before)} -> {len(after)} bytes\n"
    source = "/dev/null" if change.before is None else _quoted(old)
    body = diff_bytes(unified_diff, lines_of(before), lines_of(after), lineterm=b"\n")
    lines = [line.decode("utf-8", "backslashreplace") for line in _terminated(iter(body))]
    if not lines:
        return head  # an empty file that is created
    return head + f"--- {source}{_tab(source)}\n+++ {_quoted(new)}{_tab(new)}\n" + "".join(lines[2:])


def _terminated(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"


def _quoted(path: str) -> str:
    """`path` as git writes it: quoted where a character would end the line or the name early."""
    if not any(character in '"\\' or ord(character) < 32 for character in path):
        return path
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
    return '"' + "".join(escapes.get(each) or (f"\\{ord(each):03o}" if ord(each) < 32 else each) for each in path) + '"'


def _tab(path: str) -> str:
    return "\t" if " " in path else ""  # patch(1) takes what follows a space for a date otherwise
