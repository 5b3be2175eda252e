"""The text of a settings file that a new trainer has for itself, in the manner of a sibling's."""

from __future__ import annotations

from ...configuration import KeyPath
from . import ini_text, json_text, toml_text, yaml_text
from .formats import format_name, format_of
from .tree import flatten, grow
from .yaml_document import Document


def whole_file(values: dict[KeyPath, object], docs: dict[KeyPath, str], data: bytes, path: str) -> str:
    """A whole new file, in the line ends and the indentation of a sibling's (`data`, at `path`)."""
    form = format_name(path)
    newline = "\r\n" if b"\r\n" in data else "\n"
    if form == "yaml_text":
        head = ["---"] if data.lstrip(b"\xef\xbb\xbf").startswith(b"---") else []
        step = yaml_text.any_step(Document(data, path))
        lines = [*head, *yaml_text.render(grow(values), step=step, docs=docs)]
    elif form == "json_text":
        lines = json_text.render(grow(values), step=json_text.step_of(data)).rstrip("\n").split("\n")
    elif form == "toml_text":
        lines = toml_text.render(grow(values), docs=docs)
    else:
        tree = format_of(path).load(data, path)
        lines = []
        for section, inner in grow(values).items():
            like = {str(number): value for number, value in enumerate(flatten(tree).values())}
            body = ini_text.texts(dict(inner) if isinstance(inner, dict) else {}, like)
            lines += [*([""] if lines else []), *ini_text.render(body, header=section)]
    return newline.join(lines) + newline
