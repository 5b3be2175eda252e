"""`trainergen report` from the command line: what it writes, of which runs, what it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.building import read_tree
from tests.cli.test_new import Run, schema
from tests.report.building import FALLING, records, write_run
from trainergen.report.defaults import defaults
from trainergen.report.markdown import render_markdown
from trainergen.report.page import render_page
from trainergen.report.story import tell
from trainergen.runs import read_run
from trainergen.runtime import BaseTrainerConfig

HISTORIES = Path(__file__).parent / "histories"
HOSTILE = "<script>window.hit=1</script><img src=x onerror=window.hit=1>\"'`|&](javascript:alert(1))\n# x"


class Page(HTMLParser):
    """Every element's name and attributes, and the texts outside of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._inside[-1:] not in (["style"], ["script"]):
            self.texts.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def report(folder: Path) -> tuple[Page, str]:
    story = tell(read_run(folder))
    return Page(render_page(story)), render_markdown(story)


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    shutil.copytree(HISTORIES / "healthy", tmp_path / "saved_models/runs/healthy")
    return tmp_path / "saved_models/runs/healthy"


def test_both_files_lie_in_the_run_and_the_answer_follows_its_schema(healthy: Path, trainergen: Run) -> None:
    told = trainergen("report", str(healthy))
    assert told.exit == 0, told.stdout
    assert "Finished after 30 epochs. Best validation.loss: 0.1343, in epoch 30." in told.stdout.splitlines()[-1]
    assert sorted(path.name for path in healthy.iterdir()) == [
        "history.jsonl",
        "manifest.json",
        "report.html",
        "report.md",
        "status.json",
    ]
    first = (healthy / "report.html").read_bytes(), (healthy / "report.md").read_bytes()
    again = trainergen("report", str(healthy), "--json")
    assert again.exit == 0
    jsonschema.validate(again.data, schema("report"))
    assert ((healthy / "report.html").read_bytes(), (healthy / "report.md").read_bytes()) == first
    assert [each["rule"] for each in again.data["result"]["observations"]] == ["still_improving"]
    assert again.data["result"]["bytes"]["html"] == len(first[0])


def test_the_page_has_every_part_and_loads_nothing(healthy: Path) -> None:
    page, markdown = report(healthy)
    for heading in (
        "Observations",
        "Values",
        "Learning curves",
        "Optimizer",
        "Speed and memory",
        "Settings",
        "Hardware and data",
        "Checkpoints and files",
        "Reproducing it",
        "Model card",
        "Next steps",
    ):
        assert heading in page.text
        assert heading in markdown or heading in ("Learning curves", "Optimizer", "Speed and memory")
    assert {tag for tag, _ in page.elements} & {"link", "img", "iframe", "object", "embed", "base"} == set()
    assert all(not {"src", "srcset"} & set(given) for _, given in page.elements)
    links = [given["href"] or "" for tag, given in page.elements if tag == "a"]
    assert {link for link in links if not link.startswith("#")} == {"report.md"}
    assert {link[1:] for link in links if link.startswith("#")} <= {given.get("id") for _, given in page.elements}


def test_every_chart_is_told_to_those_who_do_not_see_it(healthy: Path) -> None:
    text = render_page(tell(read_run(healthy)))
    charts = [ET.fromstring("<svg" + part.split("</svg>")[0] + "</svg>") for part in text.split("<svg")[1:]]
    assert len(charts) >= 6
    identifiers = [given["id"] for _, given in Page(text).elements if given.get("id")]
    assert len(identifiers) == len(set(identifiers))
    for chart in charts:
        title, described = (chart.find(name) for name in ("title", "desc"))
        assert title is not None and described is not None and title.text and described.text
        assert chart.get("aria-labelledby") == f"{title.get('id')} {described.get('id')}"
    assert text.count("<summary>Values</summary>") == len(charts)
    assert "train: 2.221 in epoch 1" in text


def test_settings_that_are_not_the_default_are_marked(tmp_path: Path) -> None:
    story = tell(read_run(write_run(tmp_path / "runs/r", records(FALLING, FALLING))))
    kinds = {each.name: (each.kind, each.default) for each in story.settings}
    assert kinds["learning_rate"] == ("changed", "0.001")
    assert kinds["model_hidden"] == ("own", "")
    assert kinds["scheduler_mode"] == ("default", "min")


def test_the_defaults_are_those_of_the_runtime() -> None:
    assert {name: each.value for name, each in defaults().items()} == BaseTrainerConfig().as_plain()
    assert all(each.about for each in defaults().values())


@pytest.mark.parametrize("name", sorted(path.parent.name for path in HISTORIES.glob("*/manifest.json")))
def test_every_recorded_run_gets_a_page(name: str) -> None:
    page, markdown = report(HISTORIES / name)
    assert page.count("script") == 1
    assert not {"nan", "inf", "None"} & {text.strip() for text in page.texts}
    assert markdown.startswith(f"# {name.replace('_', chr(92) + '_')}\n")


def test_whatever_a_run_says_stays_text(tmp_path: Path) -> None:
    hostile = [*records(FALLING, FALLING), {"epoch": 13, "train": {HOSTILE: 1.0}, HOSTILE: 2.0}]
    folder = write_run(
        tmp_path / "runs/<script>window.hit=1<",
        hostile,
        trainer=HOSTILE,
        error=HOSTILE,
        status="failed",
        command=[HOSTILE],
        config={HOSTILE: HOSTILE, "learning_rate": HOSTILE},
        model={"class": HOSTILE, HOSTILE: HOSTILE},
        data={"train": {"name": HOSTILE, "checksum": HOSTILE}, HOSTILE: {"samples": 3}},
        environment={"platform": HOSTILE, "packages": {HOSTILE: HOSTILE}},
        git={"commit": HOSTILE, "branch": HOSTILE},
        checkpoints={"best": HOSTILE, "all": [HOSTILE]},
        baseline={"run": HOSTILE, "problem": HOSTILE},
        sessions=[{"resumed_from": HOSTILE}, {"commit": HOSTILE}],
        surprise={HOSTILE: HOSTILE},
    )
    (folder / "<img src=x onerror=window.hit=1>").touch()
    page, markdown = report(folder)
    assert page.count("script") == 1 and page.count("img") == 0
    assert not [given for _, given in page.elements if any(name.startswith("on") for name in given)]
    assert "<script>window.hit=1</script>" in page.text  # as text
    prose = re.sub(r"(?<![`\\])(`+)(?!`).*?(?<!`)\1(?!`)", "", markdown, flags=re.DOTALL)  # without code of any fence
    assert "<script" not in prose and "<img" not in prose
    assert not re.search(r"(?<!\\)\]\(javascript", prose) and "\n# x" not in prose


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda run: (run / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda run: (run / "manifest.json").write_text('{"run_id": "x'), "manifest.json can not be read"),
        (lambda run: (run / "manifest.json").write_text('{"config": 3, "git": []}'), "passed over: config, git"),
        (lambda run: (run / "history.jsonl").unlink(), "history.jsonl is missing"),
        (lambda run: (run / "history.jsonl").write_text(""), "No whole epoch is on record"),
        (lambda run: os.truncate(run / "history.jsonl", 1000), "1 line of history.jsonl can not be read"),
        (lambda run: (run / "status.json").write_text("{"), "status.json can not be read"),
        (lambda run: (run / "history.jsonl").write_bytes(b"\xff\x00[]\n3\n"), "2 lines of history.jsonl"),
        (
            lambda run: (run / "history.jsonl").write_text('{"epoch": 1, "train": {"loss": 1' + "0" * 400 + "}}\n"),
            "Finished",
        ),
        (
            lambda run: (run / "history.jsonl").write_text(
                '{"epoch": 1, "train": {"loss": NaN}, "validation": null}\n'
            ),
            "train.loss is NaN or infinite in 1 epoch",
        ),
    ],
)
def test_torn_files_get_a_report_that_says_so(healthy: Path, trainergen: Run, break_it: Any, said: str) -> None:
    break_it(healthy)
    answer = trainergen("report", str(healthy))
    assert answer.exit == 0, answer.stdout
    assert said in answer.stdout
    assert said in Page((healthy / "report.html").read_text()).text


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({"status": "running"}, "running", "The run goes on"),
        (
            {"status": "interrupted", "checkpoints": {"latest": "checkpoints/step-00000120.pt"}},
            "interrupted",
            "--resume",
        ),
        ({"status": "failed", "error": "ValueError: a bad row"}, "failed", "ValueError: a bad row"),
        (
            {"status": "diverged", "failure": {"error": "NonFiniteLoss", "what": "the loss is nan"}},
            "diverged",
            "the loss is nan",
        ),
        ({"status": 17}, "unreadable", "how it ended is not known"),
    ],
)
def test_runs_that_did_not_finish_are_told_as_they_are(
    tmp_path: Path, trainergen: Run, changes: dict[str, Any], state: str, said: str
) -> None:
    folder = write_run(tmp_path / "runs/r", records(FALLING, FALLING), **changes)
    answer = trainergen("report", str(folder), "--json")
    jsonschema.validate(answer.data, schema("report"))
    assert answer.data["result"]["run"]["status"] == state
    assert said in Page((folder / "report.html").read_text()).text


def test_a_killed_run_is_known_by_its_process(tmp_path: Path, trainergen: Run) -> None:
    import platform

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    folder = write_run(
        tmp_path / "runs/r",
        records(FALLING),
        status="running",
        command=["train.py", "digits"],
        checkpoints={"latest": "c.pt"},
    )
    (folder / "status.json").write_text(json.dumps({"process": gone.pid, "host": platform.node()}))
    answer = trainergen("report", str(folder), "--json")
    assert answer.data["result"]["run"]["status"] == "killed"
    assert "broken_off" in [each["rule"] for each in answer.data["result"]["observations"]]
    assert "python train.py digits --resume auto" in answer.data["next"]


def test_a_resumed_run_shows_where(tmp_path: Path) -> None:
    sessions = [
        {"started_at": "2026-01-02T03:04:05+00:00", "first_step": 1, "last_step": 47, "commit": "a" * 40},
        {"started_at": "2026-01-03T03:04:05+00:00", "first_step": 41, "resumed_from": "checkpoints/step-00000040.pt"},
    ]
    story = tell(read_run(write_run(tmp_path / "runs/r", records(FALLING, FALLING), sessions=sessions)))
    marks = {mark.label: mark.x for mark in story.plots.learning[0].marks}
    placed = {epoch: x for x, _, epoch, _ in story.plots.learning[0].lines[0].points}
    assert marks["resumed"] == placed[5]
    assert [row[4] for row in story.sessions] == ["-", "checkpoints/step-00000040.pt"]
    assert "its sessions ran with different commits" in story.lacking


def test_a_history_written_twice_counts_once(tmp_path: Path) -> None:
    twice = records(FALLING, FALLING)
    again = [each | {"train": {"loss": 9.0}} for each in twice[3:5]]
    story = tell(read_run(write_run(tmp_path / "runs/r", twice + again)))
    assert "2 records of history.jsonl tell an epoch again" in " ".join(story.caveats)
    drawn = {epoch: value for _, _, epoch, value in story.plots.learning[0].lines[0].points}
    assert (drawn[3], drawn[4], drawn[5], drawn[6]) == ("1.38", "9", "9", "0.7554")
    assert len(drawn) == 12


def test_ten_thousand_epochs_stay_a_small_file_and_keep_their_spike(tmp_path: Path) -> None:
    loss = [1 / epoch + 0.1 for epoch in range(1, 10_001)]
    loss[6789] = 77.0
    folder = write_run(tmp_path / "runs/r", records(loss, loss, **{f"train__m{index}": loss for index in range(1)}))
    story = tell(read_run(folder))
    points = story.plots.learning[0].lines[0].points
    assert len(points) <= 240 and (6790, "77") in {(epoch, value) for _, _, epoch, value in points}
    assert len(story.plots.learning[0].rows) == 60
    assert len(render_page(story)) < 200_000


def test_holes_break_the_curve(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs/r", records([3.0, 2.0, None, 1.0, 0.5]))
    plot = tell(read_run(folder)).plots.learning[0]
    assert plot.lines[0].path.count("M") == 2
    assert len(plot.holes) == 1
    assert ("3", "not finite") in plot.rows


def test_a_baseline_stands_beside(tmp_path: Path, trainergen: Run) -> None:
    runs = tmp_path / "runs"
    write_run(runs / "old", records(FALLING, FALLING), config={"learning_rate": 0.5, "scheduler_mode": "min"})
    new = write_run(runs / "new", records(FALLING, [value / 2 for value in FALLING]))
    answer = trainergen("report", str(new), "--baseline", str(runs / "old"), "--json")
    jsonschema.validate(answer.data, schema("report"))
    assert answer.data["result"]["baseline"]["better"] is True
    assert "better by 0.1359 (50 %)" in answer.data["result"]["baseline"]["verdict"]
    page = Page((new / "report.html").read_text())
    assert "model_hidden" in page.text and "baseline, validation" in page.text
    assert trainergen("report", str(new), "--baseline", str(new)).exit == 2


def test_a_run_is_found_by_its_name_its_beginning_and_two_words(
    tmp_path: Path, trainergen: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    runs = tmp_path / "saved_models/runs"
    write_run(runs / "digits_1", records(FALLING, [0.1]))
    write_run(runs / "digits_2", records(FALLING, [0.2]), started_at="2026-05-01T00:00:00+00:00")
    for wanted, name in (
        ("digits_1", "digits_1"),
        ("latest", "digits_2"),
        ("best", "digits_1"),
        (str(runs / "digits_1/manifest.json"), "digits_1"),
        (str(runs / "digits_1/history.jsonl"), "digits_1"),
    ):
        answer = trainergen("report", wanted, "--json")
        assert answer.exit == 0, answer.data
        assert answer.data["result"]["run"]["name"] == name
    refused = trainergen("report", "digits")
    assert refused.exit == 2 and "means 2 runs" in refused.stdout
    write_run(runs / "other", records(FALLING, [0.01]), trainer="OtherTrainer")
    unclear = trainergen("report", "best")
    assert unclear.exit == 2 and "over 2 trainers" in unclear.stdout and "digits_2, other" in unclear.stdout


def test_what_is_no_run_is_refused_and_the_near_ones_named(
    tmp_path: Path, trainergen: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    write_run(tmp_path / "saved_models/runs/digits_1", records(FALLING))
    (tmp_path / "empty").mkdir()
    before = read_tree(tmp_path)
    for wanted, said in (
        ("empty", "runs in this project: "),
        ("saved_models", "runs below it: saved_models/runs/digits_1"),
        ("pyproject.toml", "is no run"),
        ("digist_1", "did you mean digits_1?"),
    ):
        answer = trainergen("report", wanted)
        assert answer.exit == 2, answer.stdout
        assert said in answer.stdout
        refused = trainergen("report", wanted, "--json")
        jsonschema.validate(refused.data, schema("report"))
    assert read_tree(tmp_path) == before


def test_what_is_no_report_is_not_replaced(healthy: Path, trainergen: Run) -> None:
    (healthy / "report.md").write_text("# mine\n")
    before = read_tree(healthy)
    refused = trainergen("report", str(healthy))
    assert refused.exit == 3 and "it is no report of a run" in refused.stdout
    assert read_tree(healthy) == before
    elsewhere = healthy.parents[2] / "public/july"
    assert trainergen("report", str(healthy), "--output", str(elsewhere)).exit == 0
    assert sorted(path.name for path in elsewhere.iterdir()) == ["report.html", "report.md"]
    assert read_tree(healthy) == before
    (healthy.parents[2] / "file").touch()
    assert trainergen("report", str(healthy), "--output", str(healthy.parents[2] / "file/x")).exit == 3


def test_a_report_loads_no_torch_and_is_opened_where_asked(healthy: Path, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    program = (
        "import sys; from trainergen import cli; code = cli.run(['report', sys.argv[1], '--open', 'yes']);"
        " print(sorted({'torch', 'numpy', 'libcst', 'black'} & set(sys.modules)), file=sys.stderr); raise SystemExit(code)"
    )
    browser = f"{sys.executable} -c 'import sys; open(sys.argv[1], \"w\").write(sys.argv[2])' {opened} %s"
    done = subprocess.run(
        [sys.executable, "-c", program, str(healthy)],
        capture_output=True,
        text=True,
        env=os.environ | {"BROWSER": browser},
    )
    assert (done.returncode, done.stderr.strip()) == (0, "[]"), done.stdout
    assert opened.read_text() == (healthy / "report.html").as_uri()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
entries = st.dictionaries(
    st.sampled_from(
        [
            "config",
            "model",
            "data",
            "git",
            "environment",
            "throughput",
            "checkpoints",
            "baseline",
            "failure",
            "parent",
            "sessions",
            "resumed_from",
            "run_id",
            "trainer",
            "status",
            "started_at",
            "seconds",
            "error",
            "monitor",
            "command",
            "seed",
            "cost",
        ]
    ),
    values,
    max_size=6,
)
lines = st.lists(
    st.dictionaries(
        st.sampled_from(["epoch", "step", "train", "validation", "learning_rate", "seconds", "x_bytes"]), values
    )
    | st.fixed_dictionaries(
        {
            "epoch": st.integers(0, 12),
            "train": st.dictionaries(st.sampled_from(["loss", "accuracy", "gradient_norm"]), st.floats() | st.none()),
            "validation": st.none() | st.dictionaries(st.sampled_from(["loss", "accuracy"]), st.floats()),
        },
        optional={"step": st.integers(0, 10**6), "seconds": st.floats(), "learning_rate": st.floats()},
    ),
    max_size=14,
)


@pytest.mark.slow
@given(manifest=entries, status=entries, history=lines)
@hypothesis_settings(
    max_examples=80,
    phases=(Phase.generate,),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_no_content_of_the_files_brings_it_down(
    tmp_path_factory: pytest.TempPathFactory, manifest: dict[str, Any], status: dict[str, Any], history: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "status.json").write_text(json.dumps(status))
    (folder / "history.jsonl").write_text("".join(json.dumps(each) + "\n" for each in history))
    story = tell(read_run(folder), read_run(HISTORIES / "healthy"))
    assert Page(render_page(story)).count("script") == 1
    assert render_markdown(story)
