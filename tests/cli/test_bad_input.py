"""Bad input, end to end: what the command line names, and the user's own code at import and in forward."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.building import read_tree, write_tree
from tests.cli.refusing import Run, command, ended, eventually, model, refuse
from tests.cli.test_new import schema

# case -> arguments, exit code, what the answer says
NAMED: dict[str, tuple[tuple[str, ...], int, tuple[str, ...]]] = {
    "no such file": (("--model", "modle.py:Net"), 2, ("no file modle.py", "did you mean model.py:Net?")),
    "no such module": (("--model", "modle:Net"), 2, ("no module modle", "did you mean model:Net?")),
    "no such class": (("--model", "model.py:Nett"), 2, ("no class Nett in model.py", "did you mean Net?")),
    "no nn.Module": (("--model", "model.py:Plain"), 2, ("not an nn.Module", "--> model.py:2", "torch.nn.Module")),
    "a notebook": (("--model", "work.ipynb:Net"), 2, ("a notebook cannot be imported", "--model model.py:Net")),
    "__main__": (("--model", "__main__:Net"), 2, ("__main__ is whatever script runs", "--model model.py:Net")),
    "no class at all": (("--model", "model.py"), 2, ("no class named", "--model model.py:Class")),
    "a name that is a keyword": (("--name", "class"), 2, ("--name class: a Python keyword", "--name class_model")),
    "a name that is none": (("--name", "my-net"), 2, ("not a Python name", "snake case")),
    "a package outside": (("--package", "../elsewhere"), 2, ("not the name of a package", "--package training")),
    "an unknown limit": (("--limit", "tme=2"), 2, ("no limit 'tme'", "did you mean time?")),
    "an unknown device": (("--device", "gpu"), 2, ("--device 'gpu'", "cuda:1")),
    "no such interpreter": (("--python", "nosuch/python"), 2, ("is no Python interpreter", ".venv/bin/python")),
    "no such loader": (("--loader", "nosuch:build"), 2, ("no module named nosuch", "write module:name")),
    "no such factory": (("--factory", "model:build"), 2, ("model has no build", "known: Net")),
    "no such project": (("--project", "nosuch"), 2, ("--project nosuch: no such folder", "create it first")),
    "nowhere for the handover": (("--handover", "nosuch/handover.md"), 2, ("nosuch/handover.md", "create it first")),
}


@pytest.mark.parametrize("case", NAMED)
def test_what_is_named_can_not_be_used(project: Path, trainergen: Run, case: str) -> None:
    arguments, code, says = NAMED[case]
    refuse(project, trainergen, code, says, *arguments, files={"model.py": model()})


def test_a_model_file_outside_the_project(project: Path, trainergen: Run, tmp_path: Path) -> None:
    outside = write_tree(tmp_path, {"model.py": model()}) / "model.py"
    says = (f"{outside} lies outside the project", "--project")
    refuse(project, trainergen, 2, says, "--model", f"{outside}:Net", files={"other.py": ""})
    (project / "link.py").symlink_to(outside)
    says = ("link.py lies outside the project", f"--> {outside}")
    refuse(project, trainergen, 2, says, "--model", "link.py:Net", files={})


LINE = "x = 1\n"
# case -> what stands above the model, exit code, what the answer says, further arguments
IMPORTS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "a syntax error": ("def f(:\n", ("syntax error", "--> model.py:1", "correct the file"), ()),
    "no such package": (
        LINE + "import nosuchpackage\n",
        ("No module named 'nosuchpackage'", "--> model.py:2", "pip install nosuchpackage"),
        (),
    ),
    "no such name": (
        LINE + "from json import nosuchname\n",
        ("ImportError: cannot import name 'nosuchname'", "--> model.py:2", "--traceback"),
        (),
    ),
    "sys.exit": (
        "import sys\nsys.exit(3)\n",
        ("importing model.py called sys.exit(3)", "--> model.py:2", "if __name__ == '__main__':"),
        (),
    ),
    "os._exit": (
        "import os\nos._exit(0)\n",
        ("ended the process with os._exit(0)", "--> model.py:2", "raise an exception instead"),
        (),
    ),
    "argparse": (
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('data')\nparser.parse_args()\n",
        ("called sys.exit(2)", "--> model.py:4", "arguments are required: data", "if __name__ == '__main__':"),
        (),
    ),
    "KeyboardInterrupt": (
        "raise KeyboardInterrupt\n",
        ("raised KeyboardInterrupt", "--> model.py:1", "nobody pressed Ctrl-C"),
        (),
    ),
    "an import that never ends": (
        "while True:\n    pass\n",
        ("did not end within 2 s", "--> model.py:", "--limit time="),
        ("--limit", "time=2"),
    ),
}


@pytest.mark.parametrize("case", IMPORTS)
def test_an_import_that_fails(project: Path, trainergen: Run, case: str) -> None:
    above, says, arguments = IMPORTS[case]
    refuse(project, trainergen, 5, says, *arguments, files={"model.py": model(above=above)})


LOOP = "kept = []\nwhile True: kept.append(torch.empty(1 << 24))"
# case -> forward, what the answer says, further arguments
FORWARDS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "raises": (
        model("x = x @ x.transpose(1, 2)"),
        ("Net.forward raised IndexError", "--> model.py:19 in Net.forward", "^^^", "--batch", "--traceback shows"),
        (),
    ),
    "raises its own": (model("raise ValueError('not today')"), ("ValueError: not today", "--traceback shows"), ()),
    "loops forever": (
        model("while True: x = x + 0"),
        ("did not end within 2 s in forward", "--> model.py:19", "--limit time="),
        ("--limit", "time=2"),
    ),
    "allocates without bound": (
        model(LOOP),
        ("went past the memory limit of 1G", "--> model.py:20", "--limit memory=2G"),
        ("--limit", "memory=1G"),
    ),
    "segfaults": (
        model("import ctypes; ctypes.string_at(0)"),
        ("segmentation fault (SIGSEGV)", "--> model.py:19", "native code failed"),
        (),
    ),
    "needs CUDA": (model("x = x.cuda()"), ("Net.forward raised", "--> model.py:19", "--device cuda"), ()),
    "writes in the project": (
        model("Path(PROJECT, 'out.txt').write_text('x')"),
        ("does not write in your project", "--> model.py:19", "a relative path"),
        (),
    ),
    "ends the process": (model("os._exit(0)"), ("os._exit(0)", "--> model.py:19", "raise an exception"), ()),
    "output without graph": (
        model(output="self.layer(x).detach()"),
        ("an output without graph", "--> model.py:18 in Net.forward", ".detach()"),
        (),
    ),
    "output not finite": (
        model(output="self.layer(x) / 0"),
        ("values that are not finite", "--> model.py:18", "division by zero"),
        (),
    ),
    "output empty": (model(output="self.layer(x)[:0]"), ("an empty output (0, 3)", "--> model.py:18", "a slice"), ()),
    "output None": (model(output="None"), ("returned NoneType", "--> model.py:18", "return the output"), ()),
}


@pytest.mark.parametrize("case", FORWARDS)
def test_a_forward_that_fails(project: Path, trainergen: Run, case: str) -> None:
    text, says, arguments = FORWARDS[case]
    text = text.replace("PROJECT", repr(str(project)))
    refuse(project, trainergen, 5, says, *arguments, files={"model.py": text})


NOISE = {
    "closes stdout": "sys.stdout.close()",
    "closes the descriptors of its output": "os.path.exists('/dev/fd/1') and os.closerange(1, 3)",
    "prints a megabyte": "print('x' * (1 << 20)); os.write(2, b'y' * (1 << 20))",
    "writes to a relative path": "Path('out.txt').write_text('x'); torch.save(x, 'out.pt')",
}


@pytest.mark.parametrize("case", NOISE)
def test_a_forward_that_only_makes_noise_is_generated_for(project: Path, trainergen: Run, case: str) -> None:
    write_tree(project, {"model.py": model(NOISE[case])})
    answer = trainergen(*command("--dry-run"))
    assert answer.exit == 0, answer.stdout
    assert "prove   loss" in answer.stdout
    assert len(answer.stdout) < 1 << 18
    assert "xxxx" not in answer.stdout + answer.stderr
    assert list(read_tree(project)) == ["model.py"]


def test_processes_that_a_forward_starts_do_not_survive(project: Path, trainergen: Run, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    body = f"""
        started = subprocess.Popen(['sleep', '1000'], start_new_session=True)
        with open({str(pids)!r}, 'a') as file: file.write(f'{{started.pid}} ')
        """
    write_tree(project, {"model.py": model(body)})
    answer = trainergen(*command("--dry-run"))
    assert answer.exit == 0, answer.stdout
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) > 3  # measured, controlled, proven
    assert eventually(lambda: all(ended(pid) for pid in started))
    assert list(read_tree(project)) == ["model.py"]


def test_a_device_that_is_not_there_is_not_the_models_fault(project: Path, trainergen: Run) -> None:
    missing = "mps" if sys.platform == "linux" else "cuda"
    says = (f"--device {missing}: torch", "finds none on this machine", "--device cpu")
    refuse(project, trainergen, 2, says, "--device", missing, files={"model.py": model()})


def test_every_frame_on_request(project: Path, trainergen: Run) -> None:
    says = ("   | Traceback (most recent call last):", f'File "{project}/model.py", line 19, in forward')
    answer = refuse(project, trainergen, 5, says, "--traceback", files={"model.py": model("x = x @ x.transpose(1, 2)")})
    assert "--traceback shows" not in answer.stdout


def test_a_failure_as_data(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": model(output="self.layer(x).detach()")})
    answer = trainergen(*command("--json"))
    jsonschema.validate(answer.data, schema("new"))
    error = answer.data["result"]["error"]
    assert (answer.exit, answer.data["exit"], error["kind"]) == (5, 5, "UserCodeFailed")
    assert error["place"].startswith("model.py:18")
    assert error["hint"]


def test_interrupted_during_the_proof_leaves_nothing(project: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    body = f"""
        if Path('train/net_trainer.py').exists():  # staged: this is the proof
            Path({str(tmp_path)!r}, 'draft').write_text(f'{{os.getpid()}} {{os.getppid()}} {{Path.cwd()}}')
            os.rename({str(tmp_path / 'draft')!r}, {str(marker)!r})
            time.sleep(1000)
        """
    write_tree(project, {"model.py": model(body)})
    before = read_tree(project)
    running = subprocess.Popen(
        [sys.executable, "-m", "trainergen", *command("--limit", "time=1000")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while not marker.exists() and running.poll() is None:
            eventually(lambda: marker.exists() or running.poll() is not None)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to every process of the foreground
        stdout, stderr = running.communicate()
    finally:
        running.kill()
    assert running.returncode == 130, stdout + stderr
    assert "error: interrupted" in stdout
    assert "Nothing was written: interrupted" in stdout
    assert "Traceback" not in stdout + stderr
    child, supervisor, copy = marker.read_text().split(" ", 2)
    assert eventually(lambda: ended(int(child)) and ended(int(supervisor)) and not Path(copy).exists())
    assert read_tree(project) == before


def test_a_base_that_is_nowhere_is_named_with_the_interpreter_searched(project: Path, trainergen: Run) -> None:
    source = "from gone import Base\n\n\nclass Odd(Base):\n    def forward(self, x):\n        return x\n"
    answer = refuse(project, trainergen, 5, ("base Base",), "--model", "model.py:Odd", files={"model.py": source})
    assert f"not found in the packages of {sys.executable}" in answer.stdout
