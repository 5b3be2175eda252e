"""config.ini: adds a section at the end, in the file's own line ends, everything else untouched."""

from __future__ import annotations

import configparser

from ...errors import Conflict
from ..draft import Draft, Edit, Insertion
from ..source import LINE_END


def edit(data: bytes, path: str, *, section: str, text: str) -> Edit:
    """Append `section`.

    Args:
        data: the file's bytes: UTF-8 with or without BOM, any line ends, with or without a final newline.
        path: for messages.
        section: its name.
        text: the whole section, header line included.

    Raises:
        Conflict: the section is there already (in whatever case), a section stands twice, or this is no ini file.
    """
    before = read_back(data, path)
    for known in before:
        if known.lower() == section.lower():
            raise Conflict(
                f"{path} has a section [{known}] already",
                place=f"{path}:{_line_of(data, known)}",
                hint="choose another name with --name, or remove that section",
            )
    ends: list[bytes] = LINE_END.findall(data)
    newline = max(sorted(set(ends)), key=ends.count) if ends else b"\n"
    body = text.strip("\n").encode("utf-8").replace(b"\n", newline) + newline
    lead = b""
    if data.strip():
        finished = data.endswith((b"\n", b"\r"))
        blank = data.endswith((newline * 2, b"\n\n"))
        lead = b"" if blank else newline if finished else newline * 2
    draft = Draft(data, path)
    draft.insert([Insertion(len(data), lead + body)])
    result = draft.finish(f"[{section}]")
    after = read_back(result.after, path)
    if {name: values for name, values in after.items() if name != section} != before or section not in after:
        raise Conflict(f"{path} can't take another section: what it holds would change", place=path)
    return result


def read_back(data: bytes, path: str) -> dict[str, dict[str, str | None]]:
    """Every section with its keys, as the runtime reads it (no interpolation, case-sensitive keys).

    Raises:
        Conflict: a section or key stands twice, or a line is neither.
    """
    parser = configparser.RawConfigParser(default_section="\0", strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(data.decode("utf-8-sig"), source=path)
    except UnicodeDecodeError as problem:
        raise Conflict(f"{path} is not UTF-8: {problem.reason}", place=path, hint="save it as UTF-8") from None
    except (configparser.DuplicateSectionError, configparser.DuplicateOptionError) as problem:
        what = f"section [{problem.section}]"
        if isinstance(problem, configparser.DuplicateOptionError):
            what = f"key {problem.option} of [{problem.section}]"
        raise Conflict(
            f"{path} has the {what} twice", place=f"{path}:{problem.lineno}", hint="keep one of the two"
        ) from None
    except configparser.Error as problem:
        raise Conflict(
            f"{path} is no ini file: {problem.message.splitlines()[0]}", place=path, hint="correct it first"
        ) from None
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _line_of(data: bytes, section: str) -> int:
    header = f"[{section}]".encode()
    lines = LINE_END.split(data.removeprefix(b"\xef\xbb\xbf"))
    return next((number for number, line in enumerate(lines, 1) if line.strip().startswith(header)), 1)
