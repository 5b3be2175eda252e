"""The text that a registry style inserts, from its folder in `registry_patches`."""

from __future__ import annotations

from functools import cache

from ..errors import InternalError
from ..resources import resource_folder


@cache
def _template(style: str) -> str:
    path = resource_folder("registry_patches") / style / "snippet.j2"
    if not path.is_file():
        raise InternalError(f"registry style {style} has no snippet", place=str(path))
    return path.read_text(encoding="utf-8")


def snippet(style: str, **values: str) -> str:
    """The snippet of `style` with `values` in its place, without a final newline."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(undefined=StrictUndefined, autoescape=False).from_string(_template(style))  # noqa: S701
    return template.render(**values).strip()
