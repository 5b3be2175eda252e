"""One try: ``trainergen new`` on one class, in a fresh project, with a home and a temporary folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from zoo_judge import kept
from zoo_rows import Row, lay_out

GRACE = 15.0
"""Seconds after the end of `new` within which all that it started has to be gone; how long that took is kept as well."""

SHARED = Path("/dev/shm")
"""Where the lab makes its folder, which bears the number of the command's process."""

OWN_FOLDER = ".trainergen"


def tried(row: Row, mode: str, trainergen: str, python: str | None, limit: float, extra: list[str]) -> dict[str, Any]:
    """Run ``trainergen new`` on `row` and say what came of it, as a line of the results.

    Args:
        row: the class.
        mode: ``arguments`` or ``name``, see `zoo_rows.lay_out`.
        trainergen: the command.
        python: the interpreter that has the class's package; None for trainergen's own choice.
        limit: seconds after which the command and all that it started are killed.
        extra: further words of the command line.

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
        words = [trainergen, "new", *lay_out(row, mode, places["project"]), "--json", "--yes", *extra]
        words += ["--python", python] if python else []
        before = _contents(places["project"])
        started = time.monotonic()
        number, code, output = _run(words, places, limit)
        ended = time.monotonic()
        left: dict[str, Any] = {"processes": _stopped(sandbox)}
        lingered = time.monotonic() - ended
        reply = _decoded(output)
        left |= _left_files(places, before, (reply or {}).get("result", {}).get("files", []) if code == 0 else [])
        left["files"] += _removed_lab(number)
    finally:
        shutil.rmtree(sandbox, ignore_errors=True)
    about = {"id": row.name, "set": row.set_name, "half": row.data["half"], "mode": mode, "exit": code}
    spent = {"seconds": round(ended - started, 3), "lingered": round(lingered, 3)}
    return about | spent | {"left": left, "answer": kept(reply)}


def _run(words: list[str], places: dict[str, Path], limit: float) -> tuple[int, int | None, bytes]:
    """The process's number, exit code (None: over the limit) and standard output."""
    dropped = ("XDG_", "TRAINERGEN_", "TORCH_HOME", "HF_HOME")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    environment |= {"HOME": str(places["home"]), "TMPDIR": str(places["temporary"])}
    answer = places["home"].parent / "answer"  # a file: a process that is left behind would keep a pipe open
    with answer.open("wb") as output:
        process = subprocess.Popen(
            words,
            cwd=places["project"],
            env=environment,
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


def _contents(folder: Path) -> dict[str, bytes | None]:
    """Every file below `folder` with its bytes, every link with None."""
    return {
        str(path.relative_to(folder)): None if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def _left_files(places: dict[str, Path], before: dict[str, bytes | None], told: list[dict[str, Any]]) -> dict[str, Any]:
    """Files outside the project, and what changed in it beyond the files that the answer names (and our own folder)."""
    outside = [f"{name}/{path}" for name in ("home", "temporary") for path in _everything(places[name])]
    after = _contents(places["project"])
    expected = {each["path"] for each in told}
    changed = [path for path in sorted(before.keys() | after.keys()) if before.get(path, b"") != after.get(path, b"")]
    changed += [path for path in sorted(after.keys() - before.keys()) if after[path] in (b"", None)]
    own = OWN_FOLDER + os.sep
    tree = [path for path in dict.fromkeys(changed) if path not in expected and not (told and path.startswith(own))]
    return {"files": outside, "tree": tree}


def _removed_lab(number: int) -> list[str]:
    """The folders in shared memory that bear this process's number; they are removed once they are told."""
    found = [path for path in SHARED.glob(f"*-{number}-*") if path.is_dir()] if SHARED.is_dir() else []
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return [str(path) for path in found]


def _everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


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
