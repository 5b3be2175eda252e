"""The lab as a process: what a child sees, what is imported, who ends it, and what is left then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.building import write_tree
from trainergen.errors import AnswerNeeded, InternalError, UnusableInput
from trainergen.lab import client

CHECKOUT = Path(__file__).parents[2]


def test_a_child_works_in_the_copy_and_sees_nothing_of_ours(project):
    made = project(
        {
            "src/package/__init__.py": "from .part import VALUE\n",
            "src/package/part.py": "VALUE = 7\n",
            "copy.py": "raise RuntimeError('hides the standard library')\n",
            "look.py": """
            import inspect, os, sys
            from pathlib import Path

            import package


            def see():
                import random

                import numpy
                import torch

                return {
                    "cwd": os.getcwd(),
                    "file": __file__,
                    "package": package.__file__,
                    "source": inspect.getsource(see).strip()[:9],
                    "listing": sorted(os.listdir(Path(__file__).parent)),
                    "main": hasattr(sys.modules["__main__"], "__file__"),
                    "argv": sys.argv,
                    "path": sys.path[:2],
                    "public": [name for name in sys.modules if name.startswith("trainergen.") and "runtime" not in name],
                    "bytecode": sys.dont_write_bytecode,
                    "hub": os.environ["HF_HUB_OFFLINE"],
                    "gpu": os.environ["CUDA_VISIBLE_DEVICES"],
                    "threads": torch.get_num_threads(),
                    "random": [random.random(), float(numpy.random.rand()), float(torch.rand(()))],
                }
        """,
        }
    )
    seen = made.call("look:see")
    root = Path(seen["cwd"])
    assert root.name == "project" and root != made.root
    assert seen["file"] == str(root / "look.py")
    assert seen["package"] == str(root / "src" / "package" / "__init__.py")
    assert seen["path"] == [str(root / "src"), str(root)]
    assert seen["source"] == "def see()"
    assert seen["listing"] == ["copy.py", "look.py", "src"]
    assert seen["argv"] == ["trainergen-lab"]
    assert seen["public"] == [] and not seen["main"]
    assert seen["bytecode"] and seen["hub"] == "1" and seen["gpu"] == "" and seen["threads"] == 1
    assert made.call("look:see")["random"] == seen["random"]
    made.assert_untouched()


@pytest.mark.slow
def test_spawned_workers_run(project):
    made = project({"data.py": """
        import torch


        class Squares(torch.utils.data.Dataset):
            def __len__(self):
                return 4

            def __getitem__(self, index):
                return index * index


        def load(context):
            loader = torch.utils.data.DataLoader(Squares(), num_workers=1, multiprocessing_context=context)
            return [int(batch) for batch in loader]
    """})
    assert made.call("data:load", "fork") == [0, 1, 4, 9]
    assert made.call("data:load", "spawn") == [0, 1, 4, 9]
    made.assert_untouched()


def test_one_torch_import_and_no_thread_serve_all_requests(project, lab):
    text = "import sys, torch\n\ndef origin():\n    return id(torch), type(sys.modules['torch._dynamo']).__name__\n"
    made = project({"a.py": text})
    answers = {tuple(made.call("a:origin")) for _ in range(3)}
    assert len(answers) == 1
    assert answers.pop()[1] == "_StandIn"
    supervisor = lab.facts()["pid"]
    assert len(list(Path(f"/proc/{supervisor}/task").iterdir())) == 1
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children")
    _wait(lambda: children.read_text().split() == [] or None)  # the answer comes first, then the child is reaped


def test_an_editable_install_leads_to_the_copy(project, tmp_path, monkeypatch):
    root = write_tree(tmp_path / "project", {"lib/mine.py": "def where():\n    return __file__\n"})
    monkeypatch.setenv("PYTHONPATH", str(root / "lib"))
    with client.start(root=root, preload=()) as lab:
        found = lab.request("lab.calls:call", {"target": "mine:where"})
        assert found == str(Path(lab.request("lab.server:ping", None)["root"]) / "lib" / "mine.py")


@pytest.mark.parametrize(
    ("target", "message", "hint"),
    [
        ("model:Digits", "model has no Digits", "did you mean DigitsNet?"),
        ("modle:Net", "no module named modle", "--python"),
        ("package.part:x", "no module named package.part", "--python"),
        ("model", "not module:name", "package.module:name"),
    ],
)
def test_a_wrong_name_is_unusable_input(project, target, message, hint):
    error = project({"model.py": "class DigitsNet: ...\n", "package/__init__.py": ""}).fail(target)
    assert error.exit_code == 2
    assert message in error.message and hint in (error.hint or "")


def test_a_bug_of_ours_is_not_blamed_on_the_user(lab, project):
    project({})
    with pytest.raises(InternalError, match="AttributeError"):
        lab.request("lab.calls:nothing", {})
    with pytest.raises(InternalError, match="JSON"):
        lab.request("lab.calls:call", {"target": "builtins:object"})


def test_an_interpreter_without_torch_needs_an_answer(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    python = str(tmp_path / "bare" / "bin" / "python")
    with client.start(python, root=tmp_path) as lab, pytest.raises(AnswerNeeded) as caught:
        lab.request("lab.server:ping", None)
    assert caught.value.exit_code == 4
    assert caught.value.flags == ("--python",)
    assert caught.value.hint == f'{python} -m pip install "trainergen[train]"'


@pytest.mark.parametrize(
    ("package", "message"), [("__version__ = '2.5.1+cpu'", "older than 2.6"), ("1 / 0", "does not import")]
)
def test_a_torch_that_can_not_be_used_needs_an_answer(tmp_path, monkeypatch, package, message):
    write_tree(tmp_path, {"old/torch/__init__.py": package})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "old"))
    with client.start(root=tmp_path) as lab, pytest.raises(AnswerNeeded, match=message):
        lab.facts()


def test_an_old_python_needs_an_answer(tmp_path):
    old = write_tree(tmp_path, {"python": "#!/bin/sh\necho 'unknown option -P' >&2\nexit 2\n"}) / "python"
    old.chmod(0o755)
    with client.start(str(old), root=tmp_path) as lab, pytest.raises(AnswerNeeded, match=r"older than Python 3\.11"):
        lab.facts()
    with pytest.raises(UnusableInput, match="can't be started"):
        client.start(str(tmp_path / "none"))


def test_a_tree_that_can_not_be_read_is_the_machines_refusal(lab, tmp_path):
    lab.set_tree(tmp_path / "gone")
    with pytest.raises(Exception, match="can't be copied") as caught:
        lab.request("lab.server:ping", None)
    assert caught.value.exit_code == 6


MAIN = """
import sys, time
sys.path.insert(0, {checkout!r})
from trainergen.lab import client
lab = client.start(root={root!r}, preload=())
early = {early!r}
if not early:
    lab.facts()
print(lab._folder, lab._pid, flush=True)
if early:
    time.sleep(1000)
lab.request("lab.calls:call", {{"target": "hang:hang"}})
"""


@pytest.mark.parametrize("early", [True, False])
def test_everything_goes_with_the_main_process(tmp_path, early):
    root = write_tree(
        tmp_path,
        {"hang.py": """
        import subprocess, time

        def hang():
            process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            open("pid", "w").write(str(process.pid))
            time.sleep(1000)
    """},
    )
    main = subprocess.Popen(
        [sys.executable, "-c", MAIN.format(checkout=str(CHECKOUT), root=str(root), early=early)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert main.stdout is not None
    folder, lab_pid = main.stdout.readline().split()
    pids = [int(lab_pid)]
    if not early:
        pids.append(int(_wait(lambda: next(Path(folder).glob("tree-*/*/pid")).read_text() or None)))
    main.send_signal(signal.SIGKILL)
    main.wait()
    _wait(lambda: not Path(folder).exists() or None)
    for pid in pids:
        _wait(lambda pid=pid: not _alive(pid) or None)


def test_a_killed_lab_is_reported_and_its_folder_goes(tmp_path):
    lab = client.start(root=tmp_path, preload=())
    os.kill(lab.facts()["pid"], signal.SIGKILL)
    with pytest.raises(Exception, match="the lab was killed") as caught:
        lab.request("lab.server:ping", None)
    assert caught.value.exit_code == 6
    with pytest.raises(InternalError, match="after it had ended"):
        lab.request("lab.server:ping", None)
    lab.close(wait=True)
    assert not Path(lab._folder).exists()


def test_folders_of_crashed_labs_are_cleaned_away(tmp_path):
    import fcntl

    from trainergen.lab.workplace import remove_stale

    old = time.time() - 3600
    held = None
    for name in ("trainergen-lab-1-stale", "trainergen-lab-2-held", "trainergen-lab-3-young", "other"):
        write_tree(tmp_path / name, {"lock": "", "tree-1/project/model.py": ""})
        if name.endswith("held"):
            held = os.open(tmp_path / name / "lock", os.O_RDWR)
            fcntl.flock(held, fcntl.LOCK_EX)
        if not name.endswith("young"):
            os.utime(tmp_path / name, (old, old))
    remove_stale(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "other",
        "trainergen-lab-2-held",
        "trainergen-lab-3-young",
    ]
    assert held is not None
    os.close(held)


def test_starting_the_lab_imports_nothing_heavy():
    code = "import sys; old = set(sys.modules); import trainergen.lab.client, trainergen.lab.interpreter as _"
    code += "; print(*set(sys.modules) - old)"
    made = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert not {"json", "subprocess", "pathlib", "dataclasses", "typing", "click", "ctypes"} & set(made.stdout.split())


def _wait(look):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if (found := look()) is not None:
                return found
        except (StopIteration, OSError):
            pass
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_the_lab_outlives_the_thread_that_started_it(tmp_path):
    import threading

    started: list[client.Lab] = []
    thread = threading.Thread(target=lambda: started.append(client.start(root=tmp_path, preload=())))
    thread.start()
    thread.join()
    with started[0] as lab:
        assert lab.request("lab.server:ping", 1)["payload"] == 1


def test_what_the_project_imports_is_imported_once_and_the_supervisor_stays_single_threaded(project, lab):
    made = project({"look.py": """
            import os, sys

            def see():
                return {
                    "there": "sklearn.datasets" in sys.modules,
                    "other": "torchvision" in sys.modules,
                    "threads": len(os.listdir(f"/proc/{os.getppid()}/task")),
                }
            """})
    assert made.call("look:see")["there"] is False
    lab.preload(("sklearn.datasets", "antigravity", "nowhere.at.all"))
    assert made.call("look:see") == {"there": True, "other": False, "threads": 1}


def test_the_collector_runs_in_the_child_and_passes_over_what_was_imported(project):
    made = project({"look.py": """
            import gc

            KEPT = [[number] for number in range(100_000)]

            def see():
                tracked = sum(len(gc.get_objects(generation)) for generation in range(3))
                return {"on": gc.isenabled(), "tracked": tracked}
            """})
    seen = made.call("look:see")
    assert seen["on"] and seen["tracked"] < 50_000
