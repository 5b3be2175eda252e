"""Text in templates: docstrings, comments and literals that keep the line length."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable

Document = str | tuple[str, ...]
"""A docstring: its summary, then paragraphs; a paragraph that holds line ends is laid out already."""


def filters(width: int) -> dict[str, Callable[..., str]]:
    """The filters of a project whose lines are `width` long."""

    def document(text: Document, indent: int) -> str:
        """A docstring with its quotes, at `indent` columns; a summary too long for a line goes on in the body."""
        summary, *paragraphs = (text,) if isinstance(text, str) else text
        room = width - indent - 3
        summary, rest = _summary(_escaped(summary), room - (0 if paragraphs else 3))
        body = [rest] if rest else []
        body += [_escaped(each) for each in paragraphs if each]
        margin = " " * indent
        if not body:
            return f'"""{summary}"""'
        blocks = [_laid_out(each, margin, width) for each in body]
        return f'"""{summary}\n\n' + "\n\n".join(blocks) + f'\n{margin}"""'

    def wrapped(text: str, indent: int) -> str:
        """Text that begins somewhere on a line of a docstring and goes on below, four columns further in."""
        lines = textwrap.wrap(_escaped(text), width - indent - 12, break_long_words=False) or [""]
        return f"\n{' ' * (indent + 4)}".join(lines)

    def comment(text: str, indent: int) -> str:
        """A comment of as many lines as it takes."""
        start = " " * indent + "# "
        return "\n".join(start + line for line in textwrap.wrap(text, width - indent - 2, break_long_words=False))

    return {"document": document, "wrapped": wrapped, "comment": comment, "literal": literal}


def literal(text: str) -> str:
    """`text` as a Python string literal, in the quotes that need no escapes where there are such."""
    if '"' in text and "'" not in text:
        return "'" + json.dumps(text.replace('"', "\0"), ensure_ascii=False)[1:-1].replace("\\u0000", '"') + "'"
    return json.dumps(text, ensure_ascii=False)


def sentence(text: str) -> str:
    """`text` with a capital letter (unless it begins with a name in backticks) and a full stop."""
    text = " ".join(text.split())
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def first_that_fits(choices: list[str], room: int) -> str:
    """The first of `choices` that is at most `room` long, else the last."""
    return next((choice for choice in choices if len(choice) <= room), choices[-1])


def _summary(text: str, room: int) -> tuple[str, str]:
    text = " ".join(text.split())
    if len(text) <= room:
        return text, ""
    head = textwrap.wrap(text, room - 1, break_long_words=False)[0].rstrip(" ,;:(")
    return head + ".", text


def _laid_out(text: str, margin: str, width: int) -> str:
    if "\n" in text:
        return "\n".join((margin + line).rstrip() for line in text.split("\n"))
    return "\n".join(
        textwrap.wrap(text, width, initial_indent=margin, subsequent_indent=margin, break_long_words=False)
    )


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"""', "'''")
    return text + " " if text.endswith('"') else text
