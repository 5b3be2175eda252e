"""The page in a real browser: nothing logged, nothing loaded, light and dark, a phone's width, paper, and hostile runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report import browser
from tests.report.building import FALLING, records, write_run
from tests.report.test_report import HISTORIES, HOSTILE
from trainergen.report.page import render_page
from trainergen.report.story import tell
from trainergen.runs import read_run

PROGRAM = browser.find()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="there is no chromium")]

# Elements that stick out of the window and do not lie in a part that scrolls by itself.
STICKING_OUT = """[...document.querySelectorAll("body *")].filter((each) => {
  if (each.closest(".scroll, pre, nav ul") && !each.matches(".scroll, pre, nav ul")) return false;
  const box = each.getBoundingClientRect();
  return box.right > document.documentElement.clientWidth + 0.5 || box.left < -0.5;
}).map((each) => each.tagName + "." + each.getAttribute("class")).slice(0, 5)"""
UNREADABLE = (
    """[...document.querySelectorAll("svg text")].filter((each) => each.getBoundingClientRect().height < 9).length"""
)
# Contrast of every text with the ground that it stands on, by WCAG 2; large text needs 3, other text 4.5.
FAINT = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const light = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return [0.2126 * x + 0.7152 * y + 0.0722 * z, a];
  };
  const ground = (each) => { for (let e = each; e; e = e.parentElement) { const [l, a] = light(getComputedStyle(e).backgroundColor); if (a > 250) return l; } return 1; };
  const found = [];
  for (const each of document.querySelectorAll("body *")) {
    if (![...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()) || !each.checkVisibility() || each.closest("script")) continue;
    const style = getComputedStyle(each), inside = each instanceof SVGElement;
    const [a, b] = [light(inside ? style.fill : style.color)[0], ground(each)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) found.push(`${each.tagName} ${each.className.baseVal ?? each.className} ${ratio.toFixed(2)}`);
  }
  return found.slice(0, 5);
})()"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    assert PROGRAM is not None
    with browser.Browser(PROGRAM, tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(tell(read_run(HISTORIES / "overfitting"), read_run(HISTORIES / "healthy"))))
    return path


def test_nothing_is_logged_and_nothing_is_loaded(chromium: browser.Browser, page: Path) -> None:
    chromium.open(page)
    assert chromium.value("document.querySelectorAll('figure.plot').length") >= 6
    assert chromium.complaints() == []
    assert chromium.requests() == [page.resolve().as_uri()]


def test_light_and_dark_are_two_pictures_and_both_can_be_read(chromium: browser.Browser, page: Path) -> None:
    pictures, grounds = [], []
    for scheme in ("light", "dark"):
        chromium.open(page, scheme=scheme)
        pictures.append(chromium.picture())
        grounds.append(chromium.value("getComputedStyle(document.body).backgroundColor"))
        assert chromium.value(FAINT) == []
        assert chromium.complaints() == []
    assert pictures[0] != pictures[1]
    assert grounds == ["rgb(247, 246, 243)", "rgb(16, 19, 23)"]


@pytest.mark.parametrize("width", [360, 768, 1200])
@pytest.mark.parametrize("name", ["overfitting", "not_finite", "one_epoch", "unstable"])
def test_nothing_sticks_out(chromium: browser.Browser, tmp_path: Path, name: str, width: int) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_page(tell(read_run(HISTORIES / name))))
    chromium.open(path, width=width)
    assert chromium.value("document.documentElement.scrollWidth") <= width
    assert chromium.value("document.querySelectorAll('details').forEach((each) => { each.open = true; })") is None
    assert chromium.value(STICKING_OUT) == []
    assert chromium.value(UNREADABLE) == 0


def test_the_pointer_reads_the_curve(chromium: browser.Browser, page: Path) -> None:
    chromium.open(page)
    box = chromium.value(
        "(() => { const svg = document.querySelector('#metric-0 svg'); svg.scrollIntoView({behavior: 'instant'});"
        " const box = svg.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]; })()"
    )
    middle = {"x": box[0] + box[2] / 2, "y": box[1] + box[3] / 2}
    chromium.call("Input.dispatchMouseEvent", type="mouseMoved", **middle)
    said = chromium.value("document.querySelector('#metric-0 .reading').textContent")
    epoch = int(said.split()[1].rstrip(":"))
    history = read_run(HISTORIES / "overfitting").records[epoch - 1]
    assert f"train {history['train']['loss']:.4g}, validation {history['validation']['loss']:.4g}" in said
    chromium.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    assert chromium.value("document.querySelector('#metric-0 .reading').textContent").startswith("loss by epoch")


def test_it_prints(chromium: browser.Browser, page: Path) -> None:
    chromium.open(page, scheme="dark")
    paper = chromium.print()
    assert paper.startswith(b"%PDF") and 3 <= paper.count(b"/Type /Page\n") <= 12


def test_a_hostile_run_runs_nothing(chromium: browser.Browser, tmp_path: Path) -> None:
    folder = write_run(
        tmp_path / "runs/<img src=x onerror=window.hit=1>",
        [*records(FALLING, FALLING), {"epoch": 13, "train": {HOSTILE: 1.0}, HOSTILE: 2.0}],
        trainer=HOSTILE,
        status="failed",
        error=HOSTILE,
        config={HOSTILE: HOSTILE * 20},
        data={HOSTILE: {"name": HOSTILE}},
        git={"commit": HOSTILE},
    )
    path = tmp_path / "report.html"
    path.write_text(render_page(tell(read_run(folder))))
    chromium.open(path, width=360)
    assert chromium.value("window.hit === undefined") is True
    assert chromium.value("document.querySelectorAll('script, img').length") == 1
    assert (chromium.complaints(), chromium.requests()) == ([], [path.resolve().as_uri()])
    assert chromium.value("document.documentElement.scrollWidth") <= 360
    # And were there a hole: what is put into the page does not run.
    chromium.value("document.body.insertAdjacentHTML('beforeend', '<b onclick=\"window.hit=1\" id=hole>x</b>')")
    chromium.value("document.querySelector('#hole').click()")
    assert chromium.value("window.hit === undefined") is True
    assert "Content Security Policy" in str(chromium.complaints())
