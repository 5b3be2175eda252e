"""``trainergen check`` as a program: what it reads, prints, writes and leaves, and how it exits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from tests.building import write_tree
from tests.gates.pairs.catalogue import PAIRS
from trainergen.gates.request import OPTIONS, Request, parse

BAD = PAIRS["sum of losses"].bad
"""One finding, TG103, with a safe fix."""
GOOD = PAIRS["sum of losses"].twin
NO_ZERO = PAIRS["no zero_grad in a function"].bad
"""One finding, TG101, with an unsafe fix."""


def check(
    folder: Path, *arguments: str, stdin: bytes | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder / ".cache"),
        "NO_COLOR": "1",
        "PYTHONUTF8": "1",
        **variables,
    }
    done = subprocess.run(
        [sys.executable, "-m", "trainergen", "check", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        env=environment,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tree(tmp_path, {"setup.py": "", "bad.py": BAD, "good.py": GOOD, "zero.py": NO_ZERO})
    return tmp_path


def test_full_output_shows_the_line_the_carets_the_reason_and_the_help(folder: Path) -> None:
    done = check(folder, "bad.py")
    line = BAD.splitlines().index("        running += loss") + 1
    assert done.returncode == 1
    assert done.stdout.startswith(
        "error[TG103]: running adds up the loss with its graph\n"
        f"  --> bad.py:{line}:20\n"
        "   |\n"
        f"{line} |         running += loss\n"
        "   |                    ^^^^ the graph of every step stays in memory\n"
        "   |\n"
        "   = fix:  detach it (--fix)\n"
        "   = help: keep it detached: append .detach()\n"
        "   = more: trainergen explain TG103\n"
    )
    assert done.stdout.endswith("1 finding (TG103 1).  --fix corrects 1.\n")
    assert check(folder, "good.py").returncode == 0
    assert check(folder, "bad.py", "--exit-zero").returncode == 0
    assert check(folder, "--statistics").stdout.split()[:4] == ["1", "TG101", "zero_grad()", "in"]


def test_json_is_by_its_schema_and_its_positions_are_the_texts(folder: Path) -> None:
    done = check(folder, "--output-format", "json")
    answer = json.loads(done.stdout)
    schema = json.loads(
        resources.files("trainergen").joinpath("schemas", "findings-1.json").read_text(encoding="utf-8")
    )
    jsonschema.validate(answer, schema)
    assert [(each["file"], each["code"], each["source"]) for each in answer["findings"]] == [
        ("bad.py", "TG103", "static"), ("zero.py", "TG101", "static")]  # fmt: skip
    first = answer["findings"][0]
    line = BAD.splitlines()[first["line"] - 1]
    assert line[first["column"] - 1 : first["end_column"] - 1] == "loss"
    (edit,) = first["fix"]["edits"]
    fixed = BAD[: edit["start"]] + edit["text"] + BAD[edit["end"] :]
    assert fixed == BAD.replace("        running += loss\n", "        running += loss.detach()\n")
    assert answer["summary"] == {
        "files": 4, "findings": 2, "fixable": {"safe": 1, "unsafe": 1}, "codes": {"TG101": 1, "TG103": 1}}  # fmt: skip


def test_the_other_formats_name_the_same_places(folder: Path) -> None:
    concise = check(folder, "--output-format", "concise").stdout.splitlines()
    assert concise[0].startswith("bad.py:40:20: TG103 [*] ")
    assert concise[1].startswith("zero.py:37:9: TG101 [-] ")
    github = check(folder, "--output-format", "github").stdout.splitlines()
    assert github[0].startswith(
        "::error title=trainergen (TG103),file=bad.py,line=40,endLine=40,col=20,endColumn=24::bad.py:40:20: TG103 "
    )
    sarif = json.loads(check(folder, "--output-format", "sarif").stdout)
    (run,) = sarif["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["TG103", "TG101"]
    assert [run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] for result in run["results"]] == [
        "TG103",
        "TG101",
    ]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 40


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        ((), {"TG101", "TG103"}),
        (("--select", "TG101"), {"TG101"}),
        (("--select", "TG1", "--ignore", "TG101"), {"TG103"}),
        (("--ignore", "TG1"), set()),
        (("--ignore", "TG1", "--extend-select", "TG101"), {"TG101"}),
        (("--select", "TG0"), set()),
        (("--select=ALL", "--ignore=TG2"), {"TG101", "TG103"}),
        (("--per-file-ignores", "zero.*:TG101"), {"TG103"}),
    ],
)
def test_codes_are_chosen_by_prefix(folder: Path, arguments: tuple[str, ...], codes: set[str]) -> None:
    done = check(folder, "--output-format", "json", *arguments)
    assert {each["code"] for each in json.loads(done.stdout)["findings"]} == codes


def test_the_configuration_stands_in_pyproject_and_the_command_line_wins(folder: Path) -> None:
    (folder / "setup.py").unlink()
    write_tree(folder, {"legacy/old.py": BAD, "tests/case.py": BAD, "pyproject.toml": (
        '[tool.trainergen.check]\nselect = ["TG103"]\nexclude = ["legacy"]\noutput-format = "concise"\n'
        'per-file-ignores = {"tests/**" = ["TG1"]}\n')})  # fmt: skip
    done = check(folder)
    assert [line.split(":")[0] for line in done.stdout.splitlines()[:-1]] == ["bad.py"]
    wider = check(folder, "--select", "TG1", "--output-format", "json")
    assert {each["file"] for each in json.loads(wider.stdout)["findings"]} == {"bad.py", "zero.py"}
    for wrong, says in (
        ("[tool.trainergen.check]\nselct = []\n", "did you mean select?"),
        ("[tool.trainergen.check]\nselect = 'TG1'\n", "must be a list of strings"),
        ("[tool.trainergen.check\n", "does not parse"),
        ("[tool.trainergen.check]\nselect = ['TG777']\n", "no gate has the code TG777"),
    ):
        (folder / "pyproject.toml").write_text(wrong)
        refused = check(folder)
        assert (refused.returncode, says in refused.stdout) == (2, True), refused.stdout
    (folder / "pyproject.toml").write_text('[tool.trainergen.check]\nselect = ["TG103"]\n')
    listed = subprocess.run([sys.executable, "-m", "trainergen", "list"], cwd=folder, capture_output=True, text=True)
    assert listed.returncode == 0, "the other commands pass over the table"


def test_what_cant_be_meant_is_refused_with_its_exit_code(folder: Path) -> None:
    missing = check(folder, "bda.py")
    assert (missing.returncode, "did you mean bad.py?" in missing.stdout) == (2, True)
    assert check(folder, "--select", "TG999").returncode == 2
    assert check(folder, "--output-format", "xml").returncode == 2
    assert check(folder, "--project", "nowhere").returncode == 2
    assert check(folder, "--baseline", "none.json").returncode == 2


def test_a_syntax_error_is_a_finding_with_its_place(folder: Path) -> None:
    (folder / "broken.py").write_text("import torch\n\ndef f(:\n    pass\n")
    (folder / "null.py").write_bytes(b"x = 1\0\n")
    (folder / "latin.py").write_bytes(b"name = '\xe9'\n")
    (folder / "declared.py").write_bytes(b"# -*- coding: latin-1 -*-\nname = '\xe9'\n")
    (folder / "marked.py").write_bytes(b"\xef\xbb\xbf" + BAD.encode())
    done = check(folder, "--output-format", "json", "broken.py", "null.py", "latin.py", "declared.py", "marked.py")
    places = [(each["file"], each["code"], each["line"]) for each in json.loads(done.stdout)["findings"]]
    assert places == [
        ("broken.py", "TG000", 3),
        ("null.py", "TG000", 1),
        ("latin.py", "TG000", 1),
        ("marked.py", "TG103", 40),
    ]


def test_safe_fixes_are_applied_and_unsafe_ones_only_when_asked_for(folder: Path) -> None:
    shown = check(folder, "--diff")
    assert shown.returncode == 1
    assert "-        running += loss\n+        running += loss.detach()\n" in shown.stdout
    assert (folder / "bad.py").read_text() == BAD
    assert check(folder, "--diff", "--unsafe-fixes").stdout.count("+++ ") == 2
    done = check(folder, "--fix")
    assert done.returncode == 1
    assert (folder / "bad.py").read_text() == GOOD
    assert (folder / "zero.py").read_text() == NO_ZERO
    assert check(folder, "--fix", "--unsafe-fixes").returncode == 0
    assert (folder / "zero.py").read_text().count("optimizer.zero_grad()") == 1
    assert check(folder).returncode == 0


def test_fixes_keep_mark_encoding_line_ends_comments_and_mode(folder: Path) -> None:
    text = BAD.replace("        running += loss\n", "        running += loss  # größer\n").replace("\n", "\r\n")
    (folder / "bad.py").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (folder / "bad.py").chmod(0o755)
    latin = "# coding: latin-1\n" + BAD.replace("        running += loss\n", "        running += loss  # größer\n")
    (folder / "latin.py").write_bytes(latin.encode("latin-1"))
    check(folder, "--fix", "bad.py", "latin.py")
    assert (folder / "bad.py").read_bytes() == b"\xef\xbb\xbf" + text.replace(
        "+= loss  #", "+= loss.detach()  #"
    ).encode()
    assert (folder / "bad.py").stat().st_mode & 0o777 == 0o755
    assert (folder / "latin.py").read_bytes() == latin.replace("+= loss  #", "+= loss.detach()  #").encode("latin-1")


def test_comments_ignore_and_unused_ones_are_reported_and_taken_out(folder: Path) -> None:
    ignored = BAD.replace("        running += loss\n", "        running += loss  # tg: ignore[TG103] short epochs\n")
    above = BAD.replace(
        "        running += loss\n", "        # tg: ignore[TG103] short epochs\n        running += loss\n"
    )
    everything = BAD.replace('"""Train', '# tg: ignore-file[TG1]\n"""Train', 1)
    unused = GOOD.replace(
        "        running += loss.detach()\n", "        running += loss.detach()  # tg: ignore[TG103] gone\n"
    )
    quoted = GOOD + 'TEXT = "# tg: ignore[TG103]"\n'
    write_tree(folder, {"a.py": ignored, "b.py": above, "c.py": everything, "d.py": unused, "e.py": quoted})
    for name in ("a.py", "b.py", "c.py", "e.py"):
        assert check(folder, name).returncode == 0, name
    done = check(folder, "d.py", "--output-format", "json")
    assert [(each["code"], each["line"]) for each in json.loads(done.stdout)["findings"]] == [("TG090", 40)]
    assert check(folder, "d.py", "--select", "TG101").returncode == 0, "for a code that doesn't run it is left in peace"
    assert check(folder, "d.py", "--fix").returncode == 0
    assert (folder / "d.py").read_text() == GOOD


def test_comments_are_written_for_code_that_is_to_stay(folder: Path) -> None:
    assert check(folder, "--add-ignores").returncode == 0
    assert "        running += loss  # tg: ignore[TG103]\n" in (folder / "bad.py").read_text()
    assert check(folder).returncode == 0


def test_a_baseline_lets_old_findings_pass_and_no_new_one(folder: Path) -> None:
    assert check(folder, "--baseline", "known.json", "--write-baseline").returncode == 0
    assert check(folder, "--baseline", "known.json").returncode == 0
    (folder / "bad.py").write_text("# A line more.\n" + BAD)
    assert check(folder, "--baseline", "known.json").returncode == 0, "lines may move"
    (folder / "zero.py").write_text(BAD)
    done = check(folder, "--baseline", "known.json", "--output-format", "concise")
    assert (done.returncode, done.stdout.splitlines()[0].startswith("zero.py:40:20: TG103")) == (1, True)


def test_standard_input_has_the_name_that_is_given(folder: Path) -> None:
    done = check(folder, "--stdin-filename", "pkg/new.py", "--output-format", "concise", "-", stdin=BAD.encode())
    assert (done.returncode, done.stdout.startswith("pkg/new.py:40:20: TG103")) == (1, True)
    fixed = check(folder, "--fix", "-", stdin=BAD.encode())
    assert (fixed.returncode, fixed.stdout) == (0, GOOD)


def test_the_cache_knows_contents_settings_and_the_files_around(folder: Path) -> None:
    first = check(folder, "--output-format", "json").stdout
    (written,) = (folder / ".cache/trainergen/check").iterdir()
    stamp = written.stat().st_mtime_ns
    assert check(folder, "--output-format", "json").stdout == first
    assert written.stat().st_mtime_ns == stamp, "nothing was new"
    (folder / "bad.py").write_text(GOOD)
    assert [each["code"] for each in json.loads(check(folder, "--output-format", "json").stdout)["findings"]] == [
        "TG101"
    ]
    for damage in (b"", b"\0" * 40, b"{}"):
        written.write_bytes(damage)
        assert check(folder, "zero.py").returncode == 1
    base = {
        "train/base.py": "from trainergen.runtime import Trainer\n\n\nclass House(Trainer):\n    pass\n",
        "train/net_trainer.py": "from train.base import House\n\n\nclass NetTrainer(House):\n    def compute_loss(self, batch):\n        return 1.0\n",
    }
    write_tree(folder, base)
    assert "TG002" in check(folder, "train/net_trainer.py").stdout
    (folder / "train/base.py").write_text("class House:\n    pass\n")
    assert "TG002" not in check(folder, "train/net_trainer.py").stdout, "the base is another now"
    assert not any(check(folder, "--no-cache", XDG_CACHE_HOME=str(folder / "none")).stderr)
    assert not (folder / "none").exists()


def test_many_files_are_shared_among_processes_with_the_same_result(folder: Path) -> None:
    write_tree(folder, {f"many/f{number}.py": (BAD, GOOD, NO_ZERO)[number % 3] for number in range(60)})
    together = json.loads(check(folder, "many", "--no-cache", "--output-format", "json").stdout)
    alone = [
        each
        for number in (0, 1, 11, 20)
        for each in json.loads(check(folder, f"many/f{number}.py", "--output-format", "json").stdout)["findings"]
    ]
    assert [
        each for each in together["findings"] if each["file"] in {f"many/f{number}.py" for number in (0, 1, 11, 20)}
    ] == alone
    assert together["summary"]["findings"] == 40


def test_many_files_show_how_far_it_is_on_a_terminal_and_nowhere_else(folder: Path) -> None:
    write_tree(folder, {f"many/train_{number}.py": GOOD for number in range(60)})
    assert check(folder, "--no-cache", "many").stderr == ""
    for words, shows in ((("--no-cache", "many"), True), (("--no-cache", "-q", "many"), False)):
        ours, theirs = os.openpty()
        with open(ours, "rb", buffering=0) as screen:
            done = subprocess.run(
                [sys.executable, "-m", "trainergen", "check", *words], cwd=folder, stdout=subprocess.PIPE, stderr=theirs
            )
            os.write(theirs, b"END")
            os.close(theirs)
            seen = ""
            while "END" not in seen:
                seen += screen.read(4096).decode()
        assert ("checking 0/60 ..." in seen) == shows and seen.endswith("END"), seen
        assert not shows or seen.removesuffix("END").endswith("\r")  # the line is wiped
        assert done.stdout.startswith(b"Checked 60 files")


def test_an_interruption_of_many_processes_is_told_once(folder: Path) -> None:
    write_tree(folder, {f"many/train_{number}.py": f"# {number}\n{BAD}" for number in range(1500)})
    ours, theirs = os.openpty()
    with open(ours, "rb", buffering=0) as screen:
        process = subprocess.Popen(
            [sys.executable, "-m", "trainergen", "check", "--no-cache", "many"],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=theirs, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        seen = screen.read(4096)
        while b"checking" not in seen:  # the others are at work by then
            seen += screen.read(4096)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: everybody gets it
        assert process.wait(60) == 130
        os.write(theirs, b"END")
        os.close(theirs)
        while b"END" not in seen:
            seen += screen.read(4096)
    assert b"Traceback" not in seen, seen.decode()


def test_a_check_starts_light(folder: Path) -> None:
    program = (
        "import sys, runpy, os\n"
        "os._exit = lambda code: None\n"
        "sys.argv = ['trainergen', 'check', 'bad.py', 'good.py', '--no-cache']\n"
        "runpy.run_module('trainergen', run_name='__main__')\n"
        "heavy = {'torch', 'libcst', 'rich', 'jinja2', 'numpy', 'black', 'click', 'pathlib', 'dataclasses', 'inspect', "
        "'importlib.metadata', 'argparse', 'json', 'tomllib', 'tokenize'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1"},
    )  # fmt: skip
    assert "TG103" in done.stdout
    assert done.stderr.strip() == "[]"


def test_the_quick_parser_says_what_click_would_or_leaves_it_to_click() -> None:
    assert parse(["a.py", "--select", "TG1,TG002", "--select=TG3", "--fix", "-q"]) == Request(
        paths=("a.py",), select=("TG1", "TG002", "TG3"), fix=True, quiet=True
    )
    assert parse(["--", "--odd.py"]) == Request(paths=("--odd.py",))
    for left in (
        ["--help"],
        ["--drift"],
        ["--json"],
        ["--fix=1"],
        ["--select"],
        ["--output-format", "xml"],
        ["--nonsense"],
    ):
        assert parse(left) is None
    assert {option.field for option in OPTIONS} <= set(Request.__annotations__)


def test_explain_prints_the_gates_own_page() -> None:
    done = subprocess.run([sys.executable, "-m", "trainergen", "explain", "tg101"], capture_output=True, text=True)
    assert done.returncode == 0
    for part in (
        "TG101  zero_grad()",
        "Why: backward() adds",
        "Stopped:",
        "Use instead:",
        "Fix: unsafe",
        "torch >=1.0",
        "Source: ",
    ):
        assert part in done.stdout
    listed = subprocess.run([sys.executable, "-m", "trainergen", "explain", "--json"], capture_output=True, text=True)
    answer = json.loads(listed.stdout)
    schema = json.loads(resources.files("trainergen").joinpath("schemas", "explain-1.json").read_text(encoding="utf-8"))
    jsonschema.validate(answer, schema)
    assert len(answer["result"]["gates"]) >= 40
    wrong = subprocess.run([sys.executable, "-m", "trainergen", "explain", "TG1O1"], capture_output=True, text=True)
    assert (wrong.returncode, "did you mean" in wrong.stdout) == (2, True)
