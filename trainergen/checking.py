"""``trainergen check``: the gates over files that are there; nothing is imported, nothing is run."""

# ruff: noqa: PTH112, PTH118, PTH123  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from .check_progress import Progress
from .errors import UnusableInput
from .gates.choosing import MARK, UNUSED_IGNORE, Choice, choose, chosen_codes
from .gates.engine import Chosen, Gate, check_source, known_codes, load_gates, load_plugins
from .gates.facts import Facts
from .gates.files import decode, find, relative, root_of
from .gates.finding import Finding, Plain, as_tuple, from_tuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .gates.cache import Cache
    from .gates.engine import Crashed
    from .gates.notebook import Notebook
    from .gates.request import Request

_MANY = 48
"""From so many files on the work is shared among processes: starting them costs as much as checking thirty files."""


class Checked:
    """One file and what was found in it.

    Attributes:
        path: as it is shown.
        file: as it is opened; "" for standard input.
        data: its bytes.
        findings: without those that comments or the configuration ignore.
    """

    __slots__ = ("data", "file", "findings", "path")

    def __init__(self, path: str, file: str, data: bytes, findings: list[Finding]) -> None:
        self.path = path
        self.file = file
        self.data = data
        self.findings = findings


class Check:
    """One run of the gates over a project.

    Args:
        request: what was asked.
        texts: what stands in files of the project, by relative path, whatever the disk has: an editor's.
        crashed: see `check_source`.

    Raises:
        UnusableInput: an unknown code, a broken configuration, no such folder.
    """

    def __init__(
        self, request: Request, texts: Mapping[str, str] | None = None, crashed: Crashed | None = None
    ) -> None:
        self.request = request
        self.progress = Progress(request.quiet)
        self._crashed = crashed
        self.root = root_of(request.project)
        self.choice: Choice = choose(request, self.root)
        self._plugins = _plugins() if self.choice.plugins else {}
        codes = set(chosen_codes(self.choice, [*known_codes(), *self._plugins]))
        self.running = Chosen(codes, [gate for code, gate in self._plugins.items() if code in codes])
        self.codes = frozenset(codes | {UNUSED_IGNORE} if self.choice.runs(UNUSED_IGNORE) else codes)
        self.facts = Facts(self.root, texts)
        self._contracts = _contracts(self.root)
        settings = f"{sorted(codes)} {self.facts.torch} {sorted(self._contracts.items())}"
        self.cache: Cache | None = None
        if not request.no_cache:
            from .gates.cache import Cache

            self.cache = Cache(self.root, settings)

    @property
    def gates(self) -> dict[str, Gate]:
        """All gates by code, for what is told about them."""
        return load_gates() | self._plugins

    def files(self) -> list[str]:
        """The files that the request means.

        Raises:
            UnusableInput: no such file.
        """
        return find(self.request.paths or (".",), self.root, self.choice.exclude)

    def examine(self, path: str, text: str) -> list[Finding]:
        """What is found in a text that stands for the file at `path`, ignored findings left out."""
        return self._reported(path, text, self._found(path, text))

    def examine_notebook(self, path: str, notebook: Notebook) -> list[Finding]:
        """What is found in a notebook that stands for the file at `path`, ignored findings left out."""
        return self._reported(path, notebook.code, self._found_in(path, notebook))

    def run(self) -> Iterator[Checked]:
        """Every file, in order."""
        files = self.files()
        waiting: list[tuple[int, str, bytes]] = []
        done: dict[int, Checked] = {}
        for index, file in enumerate(files):
            path = relative(file, self.root)
            try:
                with open(file, "rb") as stream:
                    data = stream.read()
            except OSError as problem:
                unreadable = _unreadable(
                    path, problem.strerror or str(problem), "see to the file, or name it in exclude"
                )
                done[index] = Checked(path, file, b"", [unreadable])
                continue
            known = self.cache.get(path, data) if self.cache is not None else None
            if known is None:
                waiting.append((index, file, data))
            else:
                done[index] = Checked(path, file, data, self._ignored(path, data, known))
        done.update(self._together(waiting) if len(waiting) >= _MANY and _cores() > 1 else self._one_by_one(waiting))
        if self.cache is not None:
            self.cache.write()
        for index in range(len(files)):
            yield done[index]

    def _one_by_one(self, waiting: list[tuple[int, str, bytes]]) -> dict[int, Checked]:
        jobs = [(relative(file, self.root), data) for _, file, data in waiting]
        return self._collected(waiting, jobs, (self.judge(*job) for job in jobs))

    def _together(self, waiting: list[tuple[int, str, bytes]]) -> dict[int, Checked]:
        """The same on all cores; forked processes have the gates loaded already."""
        import multiprocessing

        global _RUNNING  # noqa: PLW0603 - what forked processes take over
        _RUNNING = self
        if "fork" not in multiprocessing.get_all_start_methods():
            return self._one_by_one(waiting)
        jobs = [(relative(file, self.root), data) for _, file, data in waiting]
        with multiprocessing.get_context("fork").Pool(min(_cores(), len(jobs)), _begin) as pool:
            answers = pool.imap(_judge, jobs, chunksize=max(1, min(16, len(jobs) // (4 * _cores()))))
            judged = (([from_tuple(each) for each in plain], consulted) for plain, consulted in answers)
            done = self._collected(waiting, jobs, judged)
            pool.close()
            pool.join()
        return done

    def _collected(
        self,
        waiting: list[tuple[int, str, bytes]],
        jobs: list[tuple[str, bytes]],
        judged: Iterable[tuple[list[Finding], set[str] | None]],
    ) -> dict[int, Checked]:
        """Verdicts by the number of their file, as they come in: in the files' order."""
        done = {}
        for number, ((index, file, data), (path, _), (findings, consulted)) in enumerate(
            zip(waiting, jobs, judged, strict=True)
        ):
            self._keep(path, data, findings, consulted)
            done[index] = Checked(path, file, data, self._ignored(path, data, findings))
            if number % 50 == 0 and len(jobs) >= _MANY:
                self.progress.say(f"checking {number}/{len(jobs)}")
        self.progress.clear()
        return done

    def judge(self, path: str, data: bytes) -> tuple[list[Finding], set[str] | None]:
        """What is found in a file, and the other files that this depends on; None: it can't be said on which."""
        self.facts.consulted.clear()
        self.facts.listed = False
        try:
            text = decode(data)
            findings = self._found(path, text)
        except ValueError as problem:
            findings = [_unreadable(path, str(problem))]
        return findings, None if self.facts.listed else set(self.facts.consulted)

    def _keep(self, path: str, data: bytes, findings: list[Finding], consulted: set[str] | None) -> None:
        if self.cache is not None and consulted is not None:
            self.cache.put(path, data, consulted, findings)

    def _found(self, path: str, text: str) -> list[Finding]:
        if path.endswith(".ipynb"):
            from .gates.notebook import Notebook

            try:
                notebook = Notebook.read(text)
            except (ValueError, RecursionError) as problem:
                return [_unreadable(path, f"it is no notebook: {problem}")]
            return self._found_in(path, notebook)
        self.facts.codes = self._contracts.get(path)
        return check_source(text, path, self.facts, self.running, self._crashed)

    def _found_in(self, path: str, notebook: Notebook) -> list[Finding]:
        # The contract is about a project's modules: a notebook is none.
        name = path.removesuffix(".ipynb") + ".py"
        found = check_source(notebook.code, name, Facts(self.root), self.running.files, self._crashed)
        return [notebook.place(each._replace(path=path)) for each in found]

    def _ignored(self, path: str, data: bytes, findings: list[Finding]) -> list[Finding]:
        """The findings that are reported."""
        if not findings and MARK.encode() not in data:
            return []
        try:
            text = decode(data)
        except ValueError:
            return findings
        return self._reported(path, text, findings)

    def _reported(self, path: str, text: str, findings: list[Finding]) -> list[Finding]:
        refused = self.choice.ignored_in(path)
        kept = [each for each in findings if not any(code == "ALL" or each.code.startswith(code) for code in refused)]
        if path.endswith(".ipynb") or MARK not in text:
            return kept
        from .gates.comments import apply_ignores

        return apply_ignores(kept, text, path, self.codes)


_RUNNING: Check | None = None


def _begin() -> None:
    """An interruption is the parent's to tell."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _judge(job: tuple[str, bytes]) -> tuple[list[Plain], set[str] | None]:
    assert _RUNNING is not None
    findings, consulted = _RUNNING.judge(*job)
    return [as_tuple(each) for each in findings], consulted


def _plugins() -> dict[str, Gate]:
    try:
        return load_plugins()
    except ImportError as problem:
        hint = "repair the distribution that brings it, or uninstall it"
        raise UnusableInput(f"a plug-in can't be loaded: {problem}", hint=hint) from problem


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _contracts(root: str) -> dict[str, frozenset[str]]:
    """Path -> the contract gates that apply to it, for files that were generated here under another contract than ours."""
    if not os.path.isdir(os.path.join(root, ".trainergen")):
        return {}
    import importlib
    from pathlib import Path

    from .record import read_records

    found = {}
    for record in read_records(Path(root)):
        contract = str(record.plan.get("contract", "default"))
        if contract != "default":
            detect = importlib.import_module(f".contracts.{contract}.detect", __package__)
            found.update(dict.fromkeys(record.paths, frozenset(detect.GATES)))
    return found


def _unreadable(path: str, reason: str, hint: str = "save it as Python source in UTF-8") -> Finding:
    return Finding("TG000", f"the file can't be read: {reason}", path, 1, 1, 2, hint)


def run(request: Request, as_data: bool = False) -> tuple[int, str]:
    """Check what is asked: the exit code, and the text for standard output.

    Args:
        request: the invocation.
        as_data: print the findings as JSON, whatever format was asked for.

    Raises:
        UnusableInput: see `Check`.
        OSError: a file can't be read or written.
    """
    started = time.monotonic()
    check = Check(request)
    if "-" in request.paths:
        if len(request.paths) > 1:
            raise UnusableInput("- is standard input, and stands alone", hint="name files, or -")
        return _standard_input(check, started)
    if request.fix or request.diff:
        from .check_edits import fix_files

        return fix_files(check, started)
    checked = list(check.run())
    if request.add_ignores:
        return _add_ignores(checked)
    findings = [each for one in checked for each in one.findings]
    if check.choice.baseline is not None:
        findings, said = _baseline(check, checked, findings)
        if said:
            return 0, said
    return answer(check, checked, findings, started, as_data)


def answer(
    check: Check, checked: list[Checked], findings: list[Finding], started: float, as_data: bool = False, lead: str = ""
) -> tuple[int, str]:
    """The exit code and the output for what was found."""
    request = check.request
    form = "json" if as_data else check.choice.output_format
    code = 1 if findings and not request.exit_zero else 0
    if not findings and form in ("full", "concise") and not request.statistics:
        return code, lead + _closing(findings, len(checked), time.monotonic() - started, code)
    from .gates import output

    if form == "json":
        return code, output.as_json(findings, len(checked))
    if form == "github":
        return code, output.github(findings)
    if form == "sarif":
        return code, output.sarif(findings, check.gates)
    if request.statistics:
        return code, lead + output.statistics(findings, check.gates)
    shown = ""
    if form == "concise":
        shown = output.concise(findings)
    elif not request.quiet:
        shown = output.full(findings, _texts(checked, {each.path for each in findings}), _paints(request.color))
    return code, lead + shown + _closing(findings, len(checked), time.monotonic() - started, code)


def _closing(findings: list[Finding], files: int, seconds: float, code: int) -> str:
    noun = "1 file" if files == 1 else f"{files} files"
    timing = f"{seconds:.1f} s" + (f", exit {code}" if code else "")
    if not findings:
        return f"Checked {noun} ({timing}): no gate found anything.\n"
    from .gates.output import summary

    said = summary(findings, files)
    faults = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    counts = ", ".join(f"{name} {count}" for name, count in said["codes"].items())
    safe, unsafe = said["fixable"]["safe"], said["fixable"]["unsafe"]
    fixes = "".join(
        [
            f"  --fix corrects {safe}." if safe else "",
            f"  --fix --unsafe-fixes corrects {safe + unsafe}." if unsafe else "",
        ]
    )
    return f"Checked {noun} ({timing}): {faults} ({counts}).{fixes}\n"


def _texts(checked: list[Checked], wanted: set[str]) -> dict[str, str]:
    """Path -> text of the files that findings are shown from; of a notebook each cell, by path, a null and its number."""
    texts: dict[str, str] = {}
    for one in checked:
        if one.path not in wanted:
            continue
        try:
            text = decode(one.data)
            if one.path.endswith(".ipynb"):
                from .gates.notebook import Notebook

                texts |= {f"{one.path}\0{number}": cell for number, cell in Notebook.read(text).cells.items()}
            else:
                texts[one.path] = text
        except ValueError:
            continue
    return texts


def _paints(color: str) -> bool:
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _standard_input(check: Check, started: float) -> tuple[int, str]:
    name = check.request.stdin_filename or "-"
    path = relative(name, check.root) if name != "-" else "-"
    data = sys.stdin.buffer.read()
    if check.request.fix or check.request.diff:
        from .check_edits import fix_input

        return fix_input(check, path, data)
    findings, _ = check.judge(path, data)
    one = Checked(path, "", data, check._ignored(path, data, findings))
    return answer(check, [one], one.findings, started)


def _add_ignores(checked: list[Checked]) -> tuple[int, str]:
    from .check_edits import write
    from .gates.comments import with_ignores

    lines = 0
    for one in checked:
        if not one.findings or one.path.endswith(".ipynb"):
            continue
        text = decode(one.data)
        changed = with_ignores(text, one.findings, "")
        if changed != text:
            lines += sum(
                first != second for first, second in zip(text.splitlines(), changed.splitlines(), strict=False)
            )
            write(one, text, changed)
    return 0, f"Wrote comments on {lines} line{'s' if lines != 1 else ''}: give each its reason.\n"


def _baseline(check: Check, checked: list[Checked], findings: list[Finding]) -> tuple[list[Finding], str]:
    from .gates.baseline import read_baseline, without_known, write_baseline
    from .gates.source import split_lines

    assert check.choice.baseline is not None
    path = os.path.join(check.root, check.choice.baseline) if check.request.baseline is None else check.choice.baseline
    lines = {name: split_lines(text) for name, text in _texts(checked, {each.path for each in findings}).items()}
    if check.request.write_baseline:
        write_baseline(path, findings, lines)
        return (
            findings,
            f"Wrote {len(findings)} findings to {check.choice.baseline}: they are not reported from now on.\n",
        )
    return without_known(findings, read_baseline(path), lines), ""
