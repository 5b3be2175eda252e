"""What a docstring says of each argument: Google's ``Args:``, NumPy's ``Parameters``, Sphinx's ``:param name:``."""

from __future__ import annotations

import re
import textwrap

GOOGLE = re.compile(r"^(?:Args|Arguments|Parameters):[ \t]*$(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
NUMPY = re.compile(
    r"^(?:Other )?Parameters[ \t]*\n-{3,}[ \t]*$(.*?)(?=^[^\n]+\n-{3,}[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
SPHINX = re.compile(r"^:param (?:[^\n:]*\s)?\**(\w+):(.*?)(?=^:|^\s*$|\Z)", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"\**(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)", re.DOTALL)
NAMES = re.compile(r"\**(\w+(?:\s*,\s*\**\w+)*)\s*(?::.*)?$")


def argument_docs(docstring: str | None) -> dict[str, str]:
    """Argument -> the first sentence that `docstring` says of it, on one line, without its full stop."""
    text = _dedented(docstring or "")
    found: dict[str, str] = {}
    for section in GOOGLE.findall(text):
        for block in _blocks(section):
            entry = ENTRY.match(block)
            if entry is not None:
                found.setdefault(entry[1], _sentence(entry[2]))
    for section in NUMPY.findall(text):
        for block in _blocks(section):
            head, _, body = block.partition("\n")
            names = NAMES.match(head)
            if names is not None:
                for name in re.findall(r"\w+", names[1]):
                    found.setdefault(name, _sentence(body))
    for name, body in SPHINX.findall(text):
        found.setdefault(name, _sentence(body))
    return {name: said for name, said in found.items() if said}


def _dedented(docstring: str) -> str:
    first, _, rest = docstring.expandtabs().partition("\n")
    return f"{first.strip()}\n{textwrap.dedent(rest)}"


def _blocks(section: str) -> list[str]:
    """The entries of a section: each begins at its least indentation."""
    lines = textwrap.dedent(section).strip("\n").splitlines()
    blocks: list[list[str]] = []
    for line in lines:
        if line.strip() and not line.startswith(" "):
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
    return ["\n".join(block) for block in blocks]


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return re.split(r"(?<=[^.\s]{2})\.\s+(?=[A-Z])", text, maxsplit=1)[0].rstrip(" .;,")
