"""``trainergen inspect`` from end to end: what it prints, its JSON, its report, its exit codes; the project stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_new import BATCH, DATA, DIGITS, Run, schema
from trainergen import diagnosis, examining
from trainergen.cli.printing import as_json, layout
from trainergen.cli.terminal import Terminal
from trainergen.inspection.examination import Finding
from trainergen.lab import client
from trainergen.outcome import Outcome
from trainergen.planning.wishes import Wishes
from trainergen.rendering.report import render_report

INSPECT = ("inspect", "model.py:DigitsNet")
LOADER = ("--loader", "data:build_loader")
LATER = DATA.replace("return DataLoader", "image[50, 0, 0, 0] = float('nan')\n        return DataLoader")
AT_ONCE = DATA.replace("return DataLoader", "image[5, 0, 0, 0] = float('nan')\n        return DataLoader")


ROOT = Path(__file__).resolve().parents[2]
EXAMINE = ROOT / "trainergen/families/torch/examine"


@dataclass(frozen=True)
class Inspected:
    """One inspection of the digits and their loader, and the project before and after it."""

    examination: examining.Examination
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def findings(self) -> dict[str, Finding]:
        return {finding.id: finding for finding in self.examination.findings}


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspected]:
    root = write_tree(tmp_path_factory.mktemp("inspected"), {"model.py": DIGITS, "data.py": DATA})
    before = read_tree(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("PATH", "/nowhere")  # no compiler: running it is most of the time of an inspection
        patch.delenv("CXX", raising=False)
        lab = client.start(root=root)
        wishes = Wishes("model.py:DigitsNet", loader="data:build_loader")
        with lab:
            examination = examining.examine(examining.InspectRequest(wishes), lab, Outcome(), lambda _: None)
    yield Inspected(examination, before, read_tree(root))


def told(examination: examining.Examination) -> Outcome:
    outcome = Outcome()
    diagnosis.tell(outcome, examination)
    diagnosis.close(outcome, examination, None)
    return outcome


def test_the_project_is_left_as_it_was(inspected: Inspected) -> None:
    assert inspected.after == inspected.before


def test_every_measurement_was_taken(inspected: Inspected) -> None:
    assert {each.name: each.problem for each in inspected.examination.measured if each.problem} == {}
    names = [each.name for each in inspected.examination.measured]
    assert {"model.operations", "model.rates", "trials.compiled", "trials.exported", "data.throughput"} <= set(names)
    assert len(names) == len(set(names))


def test_a_missing_compiler_is_said(inspected: Inspected) -> None:
    outcomes = {trial.name: (trial.outcome, trial.detail) for trial in inspected.examination.trials}
    assert outcomes["torch.compile, tracing"][0] == "runs"
    assert outcomes["torch.compile, default backend"] == (
        "not tried",
        "there is no C++ compiler (g++, clang++ or CXX)",
    )


def test_each_finding_has_evidence_and_advice_and_a_name_of_its_own(inspected: Inspected) -> None:
    findings = inspected.examination.findings
    assert len(findings) > 15
    for finding in findings:
        assert re.fullmatch(r"[a-z0-9-]+\.[a-z0-9-]+", finding.id)
        assert finding.evidence and finding.advice
        assert not finding.advice.endswith(".")
    assert inspected.findings["loss.start"].severity == "ok"
    assert inspected.findings["sizes.fixed"].severity == "note"


def test_the_lines_are_ascii_aligned_and_advice_follows_what_is_not_well(inspected: Inspected) -> None:
    outcome = told(inspected.examination)
    lines = layout(Terminal("never"), outcome.lines)
    assert all(line.isascii() for line in lines)
    assert lines[0].startswith("  read     model.py:7")
    verbs = [line.verb for line in outcome.lines]
    assert set(verbs) >= {"read", "build", "take", "compare", "give", "choose", "hold", "layer", "try", "ok"}
    bad = [index for index, verb in enumerate(verbs) if verb in ("fail", "warn", "note")]
    assert bad
    assert all(verbs[index + 1] == "advise" for index in bad)
    assert verbs.index("ok") > bad[-1]  # the worst first
    assert outcome.closing.endswith("Train: trainergen new --model model.py:DigitsNet")


def test_json_follows_its_schema(inspected: Inspected) -> None:
    outcome = told(inspected.examination)
    data = json.loads(as_json("inspect", outcome, None), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    jsonschema.validate(data, schema("inspect"))
    result = data["result"]
    assert [port["role"] for port in result["ports"]] == ["input", "target", "output"]
    assert result["ports"][0]["meaning"] == "[batch, 1, 8, 8]"
    assert result["construction"] == [
        {
            "name": "hidden",
            "value": "32",
            "source": "default",
            "reason": "the signature's default",
            "assumed": False,
        }
    ]
    assert result["measurements"]["model.parameters"]["total"] == 64 * 32 + 32 + 32 * 10 + 10
    assert result["summary"]["fail"] == 0


def test_the_documentation_names_every_finding() -> None:
    """By its name, or by its area where the page says ``area.*``."""
    page = (ROOT / "docs/inspect.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z0-9-]+\.[a-z0-9*-]+)`", page))
    sources = "".join(path.read_text(encoding="utf-8") for path in EXAMINE.rglob("*.py"))
    found = set(re.findall(r'Finding\(\s*f?"([a-z0-9-]+\.[a-z0-9-]+)"', sources))
    assert len(found) > 60
    assert not {each for each in found if not {each, f"{each.partition('.')[0]}.*"} & named}
    areas = {each.partition(".")[0] for each in found}
    assert {each.partition(".")[0] for each in named if not each.startswith("torch.")} <= areas


# ---------------------------------------------------------------------------------------------- the report

VOID = frozenset({"meta", "br", "hr", "img", "input", "link"})
SHAPES = frozenset({"line", "rect", "circle", "path", "text", "g", "svg", "title", "i"})


class Page(HTMLParser):
    """Checks that elements close in order, and collects what could make a request."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.requests: list[str] = []
        self.seen: list[str] = []
        self.text: list[str] = []
        self.tooltips = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        names = dict(attrs)
        self.requests += [str(names[name]) for name in ("src", "href", "action", "data", "srcset") if name in names]
        if tag in ("script", "link", "iframe", "object", "embed", "img", "base"):
            self.requests.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()
        self.tooltips += tag == "title"

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    return page


def test_the_report_parses_and_needs_nothing_from_outside(inspected: Inspected) -> None:
    html = render_report(inspected.examination)
    page = parsed(html)
    assert page.requests == []
    assert not re.search(r"https?://|url\(|@import", html)
    assert len(html.encode()) < 1_000_000
    assert html.lstrip().startswith("<!DOCTYPE html>")
    assert "prefers-color-scheme: dark" in html and "@media print" in html


def test_the_report_has_its_plots_with_axes_and_tooltips(inspected: Inspected) -> None:
    html = render_report(inspected.examination)
    titles = re.findall(r'role="img" aria-label="([^"]+)"', html)
    for wanted in ("Learning-rate range.", "One batch by heart.", "Parameters.", "Memory of a training step.",
                   "Activations.", "Gradients.", "Class balance.", "Values of image."):  # fmt: skip
        assert wanted in titles
    for chart in re.findall(r"<svg .*?</svg>", html, flags=re.DOTALL):
        assert 'class="label"' in chart
        assert chart.count("<title>") > 1
    numbers = [float(number) for number in re.findall(r' (?:x|y|x1|x2|y1|y2|cx|cy|width|height)="([^"]+)"', html)]
    assert numbers and all(-1 <= number <= 2000 for number in numbers)
    assert "suggested" in html
    assert 'class="band"' in html


def test_the_report_escapes_what_the_user_wrote(inspected: Inspected) -> None:
    from dataclasses import replace

    bad = Finding("data.bad", "warn", "<script>alert(1)</script>", "a < b & c", 'say "no"')
    first = inspected.examination.measured[0]
    measured = (replace(first, examined=replace(first.examined, findings=(bad,))), *inspected.examination.measured[1:])
    html = render_report(replace(inspected.examination, measured=measured))
    assert "<script>" not in html
    assert "a &lt; b &amp; c" in html
    parsed(html)


# ---------------------------------------------------------------------------------------------- the command line


@pytest.mark.slow
def test_a_finding_that_breaks_a_training_ends_in_exit_1_with_the_report_written(
    project: Path, trainergen: Run
) -> None:
    write_tree(project, {"model.py": DIGITS, "data.py": LATER})
    answer = trainergen(*INSPECT, *LOADER, "--html", "report.html", "--json", "-v")
    assert answer.exit == 1, answer.stdout
    jsonschema.validate(answer.data, schema("inspect"))
    assert (answer.data["ok"], answer.data["exit"]) == (False, 1)
    failed = [finding["id"] for finding in answer.data["result"]["findings"] if finding["severity"] == "fail"]
    assert "data.not-finite" in failed
    assert answer.data["result"]["error"]["kind"] == "FindingsFailed"
    assert "data.not-finite" in (project / "report.html").read_text()
    assert "trainergen: trying torch.export" in answer.stderr or "torch.export" in answer.stderr

    again = trainergen(*INSPECT, *LOADER, "--html", "report.html")  # an earlier report is replaced
    assert again.exit == 1, again.stdout
    assert "error:" not in again.stdout
    assert re.search(r"Inspected in \d+\.\d s, exit 1: .*Report: report.html", again.stdout.splitlines()[-1])


@pytest.mark.slow
def test_two_inspections_agree_but_for_what_a_clock_says(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "data.py": DATA})
    results = []
    for _ in range(2):
        result = trainergen(*INSPECT, *LOADER, "--json").data["result"]
        result["measurements"].pop("data.throughput")
        result["findings"] = [each for each in result["findings"] if not each["id"].startswith("loader.")]
        result.pop("summary")  # counts what the clock says too: a busy machine makes the loader slow
        results.append(re.sub(r"compiled in \d+ s", "compiled", json.dumps(result)))
    assert results[0] == results[1]


def test_data_that_no_model_runs_on_is_read_all_the_same(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "data.py": AT_ONCE})
    answer = trainergen(*INSPECT, *LOADER, "--json")
    assert answer.exit == 5, answer.stdout
    jsonschema.validate(answer.data, schema("inspect"))
    [finding] = answer.data["result"]["findings"]
    assert (finding["id"], finding["numbers"]["nan"]) == ("data.not-finite", 1)


def test_a_file_that_is_no_report_is_not_replaced(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "mine.html": "<p>mine</p>"})
    answer = trainergen(*INSPECT, "--batch", BATCH, "--html", "mine.html")
    assert answer.exit == 3, answer.stdout
    assert "--force" in answer.stdout
    assert (project / "mine.html").read_text() == "<p>mine</p>"


def test_a_folder_that_is_missing_is_said_before_anything_runs(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    answer = trainergen(*INSPECT, "--batch", BATCH, "--html", "nowhere/report.html")
    assert answer.exit == 2
    assert "no such folder" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("inspect", "model.py:Digits", "--batch", BATCH), 2),
        (("inspect", "model.py:DigitsNet", "--batch", "float32[4,3]"), 5),
        (("inspect", "model.py:DigitsNet", "--batch", BATCH, "--model-arg", "hiden=3"), 2),
        (("inspect",), 2),
    ],
)
def test_what_can_go_wrong_has_its_exit_code(
    arguments: tuple[str, ...], code: int, project: Path, trainergen: Run
) -> None:
    write_tree(project, {"model.py": DIGITS})
    before = read_tree(project)
    answer = trainergen(*arguments, "--json")
    assert answer.exit == code, answer.stdout
    jsonschema.validate(answer.data, schema("inspect"))
    assert read_tree(project) == before
