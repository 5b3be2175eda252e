"""User code that misbehaves, at import and in forward: its exit code, where it was, a way out, an untouched tree."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from trainergen.lab.limits import Limits

SHORT = Limits(time=1.0)

IMPORTS = {
    "sys.exit": ("import sys\nsys.exit(3)\n", "importing model.py called sys.exit(3)", "__main__", "model.py:2"),
    "os._exit": ("import os\n\nos._exit(0)\n", "ended the process with os._exit(0)", "__main__", "model.py:3"),
    "argparse": (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('data')\nargs = p.parse_args()\n",
        "importing model.py called sys.exit(2)",
        "__main__",
        "model.py:4",
    ),
    "interrupt": ("raise KeyboardInterrupt\n", "raised KeyboardInterrupt", "Ctrl-C", "model.py:1"),
    "endless": ("while True:\n    pass\n", "did not end within 1 s", "--limit time=", "model.py:"),
    "sleep": ("import time\n\ntime.sleep(1000)\n", "did not end within 1 s", "--limit time=", "model.py:3"),
    "missing package": (
        "import nosuchpackage\n",
        "No module named 'nosuchpackage'",
        "pip install nosuchpackage",
        "model.py:1",
    ),
    "raises": (
        "x = 1\ny = x / 0\n",
        "importing model.py raised ZeroDivisionError: division by zero",
        None,
        "model.py:2",
    ),
    "syntax": ("def f(:\n    pass\n", "model.py does not parse: SyntaxError", "py_compile", "model.py:1"),
    "segfault": ("import ctypes\n\nctypes.string_at(0)\n", "segmentation fault (SIGSEGV)", "native code", "model.py:3"),
    "killed": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
        "killed by the system",
        "--limit memory=",
        None,
    ),
    "terminated": ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n", "ended by SIGTERM", "signal", None),
    "group killed": ("import os, signal\nos.killpg(0, signal.SIGKILL)\n", "killed by the system", "--limit", None),
}


@pytest.mark.parametrize("case", IMPORTS)
def test_an_import_that_misbehaves_is_the_users_failure(project, case):
    text, message, hint, place = IMPORTS[case]
    error = project({"model.py": text}).fail("model:Model", limits=SHORT if "did not end" in message else None)
    assert error.exit_code == 5, error
    assert message in error.message
    if hint is not None:
        assert hint in (error.hint or "")
    if place is not None:
        assert (error.place or "").startswith(place)
        assert any("|" in note for note in error.notes)


FORWARD = """
import os, subprocess, sys, time
from pathlib import Path

import torch


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)

    def forward(self, x):
        {body}
        return self.layer(x)


def run(*arguments):
    return Model()(torch.ones(3, 4, requires_grad=True)).shape[0]
"""


def model(body: str) -> dict[str, str | bytes]:
    return {"model.py": FORWARD.replace("{body}", body.replace("\n", "\n        "))}


FORWARDS = {
    "raises": ("x = x @ x.transpose(1, 2)", "Model.forward raised IndexError: Dimension out of range", None),
    "loops": ("while True: x = x + 0", "did not end within 1 s", "--limit time="),
    "loops in C": ("sum(range(10 ** 15))", "did not end within 1 s", "--limit time="),
    "allocates at once": ("torch.empty(1 << 42)", "went past the memory limit", "--limit memory="),
    "allocates python": ("b'x' * (1 << 40)", "went past the memory limit", "--limit memory="),
    "grows": (
        "kept = []\nwhile True: kept.append(torch.ones(1 << 22))",
        "went past the memory limit",
        "--limit memory=",
    ),
    "segfaults": ("import ctypes; ctypes.string_at(0)", "segmentation fault", "native code"),
    "needs CUDA": ("x = x.cuda()", "Model.forward raised", "--device cuda"),
    "exits": ("sys.exit()", "Model.forward called sys.exit()", "__main__"),
    "ends the process": ("os._exit(0)", "ended the process with os._exit(0)", "__main__"),
    "closes descriptors": ("os.closerange(3, 65536)", "closed file descriptors", "only what it has opened"),
    "target out of range": (
        "torch.nn.functional.cross_entropy(x, torch.tensor([9, 0, 1]))",
        "Target 9 is out of bounds",
        "number of classes",
    ),
    "one sample": ("torch.nn.BatchNorm1d(4)(x[:1])", "Expected more than 1 value per channel", "two samples"),
    "network": (
        "import urllib.request; urllib.request.urlopen('http://192.0.2.1/', timeout=20)",
        "URLError",
        "no network",
    ),
    "writes a huge file": ("open('big', 'wb').truncate(1 << 40)", "File too large", None),
}


@pytest.mark.parametrize("case", FORWARDS)
def test_a_forward_that_misbehaves_is_the_users_failure(project, lab, case):
    if case == "network" and lab.facts()["network"]:
        pytest.skip("this kernel gives no network namespace")
    body, message, hint = FORWARDS[case]
    limits = SHORT if "did not end" in message else Limits(time=30.0, memory=1 << 30)
    error = project(model(body)).fail("model:run", limits=limits)
    assert error.exit_code == 5, error
    assert message in error.message
    assert hint is None or hint in (error.hint or ""), error.hint
    if case != "closes descriptors":
        assert (error.place or "").startswith("model.py:1") and "forward" in error.place
        assert error.notes[0].endswith("|") and any("^" in note for note in error.notes)


HEALTHY = {
    "closes stdout": "sys.stdout.close(); os.close(1); os.close(2)",
    "prints a megabyte": "print('x' * (1 << 20)); os.write(2, b'y' * (1 << 20))",
    "prints what looks like a frame": "os.write(1, b'\\0' * 64 + b'{\"ok\": true, \"result\": 7}')",
    "writes below its folder": "Path('out').mkdir(); Path('out/a.txt').write_text('x'); torch.save(x, 'out/x.pt')",
    "reads stdin": "assert sys.stdin.read() == ''",
    "warns": "import warnings; warnings.warn('careful')",
}


@pytest.mark.parametrize("case", HEALTHY)
def test_noise_does_not_reach_the_protocol(project, case):
    made = project(model(HEALTHY[case]))
    assert made.call("model:run") == 3
    made.assert_untouched()


def test_what_a_request_writes_is_gone_in_the_next(project):
    made = project(
        {
            "data.txt": "as it was\n",
            "model.py": """
        from pathlib import Path

        def change():
            Path("data.txt").write_text("other")
            Path("new").mkdir()
            Path("new/file.txt").write_text("x")
            Path("model.py").unlink()

        def look():
            return [Path("data.txt").read_text(), Path("new").exists()]
    """,
        }
    )
    made.call("model:change")
    assert made.call("model:look") == ["as it was\n", False]
    made.assert_untouched()


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # gone, or going while it is read
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def ends(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


SPAWN = """
    import os, subprocess, time

    def spawn(then):
        process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        middle = os.fork()
        if middle == 0:
            os.setsid()
            grandchild = os.fork()
            if grandchild:
                open("/proc/self/fd/1", "w")
                open(PIDS, "w").write(f"{process.pid} {grandchild}")
                os._exit(0)
            time.sleep(1000)
        os.waitpid(middle, 0)
        if then == "hang":
            time.sleep(1000)
        if then == "die":
            os.abort()
"""


@pytest.mark.parametrize("then", ["return", "hang", "die"])
def test_no_grandchild_survives(project, tmp_path, then):
    pids = tmp_path / "pids"
    made = project({"model.py": SPAWN.replace("PIDS", repr(str(pids)))})
    if then == "return":
        made.call("model:spawn", then)
    else:
        assert made.fail("model:spawn", then, limits=Limits(time=2.0)).exit_code == 5
    found = [int(pid) for pid in pids.read_text().split()]
    assert len(found) == 2
    assert all(ends(pid) for pid in found)


WRITES = {
    "open": "open(ROOT / 'data.txt', 'w')",
    "append": "open(ROOT / 'data.txt', 'a')",
    "low level": "os.open(ROOT / 'data.txt', os.O_RDWR)",
    "new file": "(ROOT / 'new.txt').write_text('x')",
    "rename": "os.replace(ROOT / 'data.txt', ROOT / 'other.txt')",
    "move out": "os.rename(ROOT / 'data.txt', 'here.txt')",
    "delete": "(ROOT / 'data.txt').unlink()",
    "folder": "(ROOT / 'sub' / 'deeper').mkdir()",
    "rmtree": "shutil.rmtree(ROOT / 'sub')",
    "chmod": "os.chmod(ROOT / 'data.txt', 0o600)",
    "truncate": "os.truncate(ROOT / 'data.txt', 0)",
    "symlink": "os.symlink('data.txt', ROOT / 'link')",
    "through a link": "(Path('linked.txt')).write_text('x')",
    "torch.save": "torch.save(torch.ones(2), str(ROOT / 'x.pt'))",
    "relative after chdir": "os.chdir(ROOT); open('data.txt', 'w')",
}


@pytest.mark.parametrize("case", WRITES)
def test_the_project_itself_can_not_be_written(project, tmp_path, case):
    root = tmp_path / "project"
    made = project(
        {
            "data.txt": "as it was\n",
            "sub/file.txt": "x",
            "model.py": f"""
            import os, shutil
            from pathlib import Path
            import torch

            ROOT = Path({str(root)!r})

            def run():
                Path("linked.txt").symlink_to(ROOT / "data.txt")
                {WRITES[case]}
        """,
        }
    )
    error = made.fail("model:run")
    assert error.exit_code == 5
    assert "does not write in your project" in error.message


def test_native_and_foreign_writes_are_stopped_where_the_kernel_can(project, tmp_path):
    root = tmp_path / "project"
    made = project(
        {
            "data.txt": "x",
            "model.py": f"""
        import subprocess

        def run():
            made = subprocess.run(["touch", {str(root / "new.txt")!r}], capture_output=True)
            return made.returncode

        def read_only():
            return open("/proc/self/mountinfo").read().count({str(root)!r})
    """,
        }
    )
    if not made.call("model:read_only"):
        pytest.skip("this kernel gives no mount namespace")
    assert made.call("model:run") != 0
    made.assert_untouched()


def test_what_argparse_printed_is_shown(project):
    error = project({"model.py": IMPORTS["argparse"][0]}).fail("model:Model")
    assert any("the following arguments are required: data" in note for note in error.notes)


def test_fresh_process_a_request_without_fork(tmp_path):
    from tests.building import write_tree
    from trainergen.errors import UserCodeFailed
    from trainergen.lab import client

    write_tree(
        tmp_path,
        {"model.py": """
        import os, time

        def pid():
            return os.getpid()

        def hang():
            time.sleep(1000)
    """},
    )
    with client.start(root=tmp_path, forks=False, preload=()) as lab:
        first = lab.request("lab.calls:call", {"target": "model:pid"})
        assert first != os.getpid()
        with pytest.raises(UserCodeFailed, match="did not end"):
            lab.request("lab.calls:call", {"target": "model:hang"}, limits=Limits(time=1.0))
