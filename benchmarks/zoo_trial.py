"""One try: ``trainergen new`` on one class, in a fresh project, with a home and a temporary folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_judge import kept
from zoo_rows import Row, lay_out

GRACE = 15.0
"""Seconds after the end of `new` within which all that it started has to be gone; how long that took is kept as well."""

SHARED = Path("/dev/shm")
"""Where the lab makes its folder, which bears the number of the command's process."""

OWN_FOLDER = ".trainergen"


@dataclass(frozen=True)
class Setting:
    """What all tries of a run have in common.

    Attributes:
        trainergen: the command.
        home: a folder that every try gets a copy of as its home, see `used_home`; None for an empty one.
        python: the interpreter that has the classes' packages; None for trainergen's own choice.
        limit: seconds after which the command and all that it started are killed.
        extra: further words of the command line.
    """

    trainergen: str
    home: Path | None = None
    python: str | None = None
    limit: float = 120.0
    extra: tuple[str, ...] = ()


def used_home(folder: Path, python: str | None) -> Path:
    """Make `folder` the home of someone who has plotted before: nobody's first import builds matplotlib's font list."""
    words = [python or sys.executable, "-c", "import matplotlib.font_manager"]
    subprocess.run(words, env=_environment(folder, folder), stderr=subprocess.DEVNULL, check=False)
    return folder


def tried(row: Row, mode: str, setting: Setting) -> dict[str, Any]:
    """Run ``trainergen new`` on `row` and say what came of it, as a line of the results.

    Args:
        row: the class.
        mode: ``arguments`` or ``name``, see `zoo_rows.lay_out`.
        setting: of the run.

    Returns:
        what was tried, ``exit`` (None: over the limit), ``seconds`` (wall time of the command), ``lingered``
        (seconds until all that it started was gone), ``left`` (files outside the project, processes, what changed in the
        project and was not told), ``answer`` (`zoo_judge.kept`).
    """
    sandbox = Path(tempfile.mkdtemp(prefix="zoo-", dir=SHARED if os.access(SHARED, os.W_OK) else None))
    try:
        places = {name: sandbox / name for name in ("project", "home", "temporary")}
        for place in places.values():
            place.mkdir()
        if setting.home is not None:
            shutil.copytree(setting.home, places["home"], dirs_exist_ok=True)
        words = [setting.trainergen, "new", *lay_out(row, mode, places["project"]), "--json", "--yes", *setting.extra]
        words += ["--python", setting.python] if setting.python else []
        before = {name: _contents(place) for name, place in places.items()}
        started = time.monotonic()
        number, code, output = _run(words, places, setting.limit)
        ended = time.monotonic()
        left: dict[str, Any] = {"processes": _stopped(sandbox)}
        lingered = time.monotonic() - ended
        reply = _decoded(output)
        told = (reply or {}).get("result", {}).get("files", []) if code == 0 else []
        left["tree"] = _untold(before["project"], _contents(places["project"]), {each["path"] for each in told})
        left["files"] = _removed_lab(number)
        for name in ("home", "temporary"):
            left["files"] += [f"{name}/{path}" for path in _changed(before[name], _contents(places[name]))]
    finally:
        shutil.rmtree(sandbox, ignore_errors=True)
    about = {"id": row.name, "set": row.set_name, "half": row.data["half"], "mode": mode, "exit": code}
    spent = {"seconds": round(ended - started, 3), "lingered": round(lingered, 3)}
    return about | spent | {"left": left, "answer": kept(reply)}


def _environment(home: Path, temporary: Path) -> dict[str, str]:
    dropped = ("XDG_", "TRAINERGEN_", "TORCH_HOME", "HF_HOME", "MPLCONFIGDIR")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return environment | {"HOME": str(home), "TMPDIR": str(temporary)}


def _run(words: list[str], places: dict[str, Path], limit: float) -> tuple[int, int | None, bytes]:
    """The process's number, exit code (None: over the limit) and standard output."""
    answer = places["home"].parent / "answer"  # a file: a process that is left behind would keep a pipe open
    with answer.open("wb") as output:
        process = subprocess.Popen(
            words,
            cwd=places["project"],
            env=_environment(places["home"], places["temporary"]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return process.pid, None, b""
    return process.pid, process.returncode, answer.read_bytes()


def _decoded(output: bytes) -> dict[str, Any] | None:
    try:
        reply = json.loads(output)
    except ValueError:
        return None
    return reply if isinstance(reply, dict) else None


def _contents(folder: Path) -> dict[str, str | bytes]:
    """What lies below `folder`: files with their bytes, links with where they lead, folders with ``folder``."""
    found: dict[str, str | bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_bytes()
        elif path.is_dir():
            found[name] = "folder"
    return found


def _changed(before: dict[str, str | bytes], after: dict[str, str | bytes]) -> list[str]:
    return [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]


def _untold(before: dict[str, str | bytes], after: dict[str, str | bytes], told: set[str]) -> list[str]:
    """What changed in the project beyond the files that the answer names, their folders, and our own folder."""
    folders = {str(folder) for path in told for folder in Path(path).parents}
    own = {OWN_FOLDER} if told else set()
    return [path for path in _changed(before, after) if path not in told | folders and Path(path).parts[0] not in own]


def _removed_lab(number: int) -> list[str]:
    """The folders in shared memory that bear this process's number; they are removed once they are told."""
    found = [path for path in SHARED.glob(f"*-{number}-*") if path.is_dir()] if SHARED.is_dir() else []
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return [str(path) for path in found]


def _stopped(sandbox: Path) -> list[str]:
    """The processes of this try that outlived it, after a grace; they are killed, and no other is touched."""
    deadline = time.monotonic() + GRACE
    while (living := _living(str(sandbox))) and time.monotonic() < deadline:
        time.sleep(0.05)
    for number in living:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    return [text for text in living.values() if text]


def _living(mark: str) -> dict[int, str]:
    """Processes that carry the sandbox's path in environment, command line or working folder: number and command."""
    found: dict[int, str] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = Path(entry.path, "cmdline").read_bytes()
            where = os.readlink(os.path.join(entry.path, "cwd"))
            carried = Path(entry.path, "environ").read_bytes()
        except OSError:  # gone by now, or another user's
            continue
        if mark.encode() in carried or mark.encode() in words or where.startswith(mark):
            found[int(entry.name)] = words.replace(b"\0", b" ").decode(errors="replace").strip()[:200]
    return found
