"""The report as one HTML file: templates, escaping, and a policy that lets no other script run and nothing be loaded."""

from __future__ import annotations

import base64
import functools
import hashlib
import re

import jinja2
from markupsafe import Markup, escape

from .. import __version__
from ..rendering.engine import Templates
from .story import Story

TEMPLATE, SCRIPT = "report/page.html.j2", "report/reading.js"
GENERATOR = "trainergen report"


def render_page(story: Story) -> str:
    """The page as text."""
    environment = _environment()
    script = Templates().get_source(environment, SCRIPT)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(TEMPLATE).render(
        story=story, generator=GENERATOR, version=__version__, script=script, digest=digest
    )


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=Templates(), undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["spans"] = spans
    return environment


def spans(text: str) -> Markup:
    """`text` escaped, what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before
