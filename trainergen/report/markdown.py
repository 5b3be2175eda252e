"""The report as Markdown: the same story, with a line of blocks for each curve; what the run says can't break out of its cell."""

from __future__ import annotations

import functools
import re

import jinja2
from markupsafe import Markup

from .. import __version__
from ..rendering.engine import Templates
from .metrics import trend_text
from .page import GENERATOR
from .story import HTML, Story

TEMPLATE = "report/report.md.j2"
_SPECIAL = re.compile(r"([\\`*_\[\]#|~$])")


def render_markdown(story: Story) -> str:
    """The report as text. Everything that is put into the template is escaped, unless it is Markdown already."""
    text = (
        _environment().get_template(TEMPLATE).render(story=story, generator=GENERATOR, version=__version__, page=HTML)
    )
    return re.sub(r"\n{3,}", "\n\n", text)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=Templates(),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=_escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(spans=spans, code=code, trend=trend_text, verbatim=verbatim)
    return environment


def _escaped(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup(plain(str(value)))  # noqa: S704 - escaped


def plain(text: str) -> str:
    """`text` with what Markdown and HTML would take for marks escaped, in one line."""
    one = re.sub(r"\s+", " ", text)
    return _SPECIAL.sub(r"\\\1", one.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def spans(text: str) -> Markup:
    """As `plain`, with what stands between backticks left as code."""
    parts = re.split(r"`([^`]+)`", text)
    return Markup("".join(code(part) if index % 2 else plain(part) for index, part in enumerate(parts)))  # noqa: S704


def code(text: str) -> Markup:
    """`text` as code, in a fence that is longer than any in it; a bar would end a table's cell."""
    one = " ".join(text.split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", one)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return Markup(f"{fence}{space}{one}{space}{fence}")  # noqa: S704 - nothing in code is HTML


def verbatim(text: str) -> Markup:
    """`text` as it stands within a fenced block, in one line that can't end the block."""
    return Markup(" ".join(text.split()).replace("```", "..."))  # noqa: S704 - within a fence
