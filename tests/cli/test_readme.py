"""The README's first screen is what the command prints, figures and column widths aside."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Answer

ROOT = Path(__file__).resolve().parents[2]


def masked(text: str) -> list[str]:
    """Lines with every number as # and every run of blanks as one."""
    return [re.sub(r"\s+", " ", re.sub(r"\d[\d,.]*(e-?\d+)?", "#", line)).strip() for line in text.strip().splitlines()]


def test_the_first_transcript_is_real(project: Path, trainergen: Callable[..., Answer]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```console\n\$ (trainergen new [^\n]*)\n(.*?)```", readme, re.DOTALL)
    assert block is not None
    for name in ("model.py", "data.py"):
        shutil.copy(ROOT / "examples" / "digits_classifier" / name, project / name)
    answer = trainergen(*shlex.split(block[1])[1:])
    assert answer.exit == 0, answer.stdout
    assert masked(answer.stdout) == masked(block[2])


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
