"""An outcome as text or JSON: aligned lines, the error block, the closing line. The form is that of the documentation's transcripts."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..errors import AnswerNeeded, FindingsFailed, ProofFailed, TrainergenError, UserCodeFailed
from ..outcome import Line, Outcome
from .terminal import Terminal

VERB_WIDTH = 8
SUBJECT_WIDTH = 28
EVIDENCE_WIDTH = 44


TRAINS = frozenset({"check", "evaluate", "export"})
"""Commands that run trainers which are there: what fails in them may be generated code."""


def print_outcome(
    terminal: Terminal, outcome: Outcome, error: TrainergenError | None, seconds: float, command: str
) -> None:
    """The whole report of one command, as text on stdout."""
    terminal.clear_progress()
    if not terminal.quiet:
        for line in layout(terminal, outcome.lines):
            terminal.result(line)
        for text in outcome.explanation:
            terminal.result(text)
    if outcome.diff:
        terminal.result(outcome.diff.rstrip("\n"))
    if error is not None and not isinstance(error, FindingsFailed):  # which stand among the lines
        for line in error_block(terminal, error, command):
            terminal.result(line)
    terminal.result(closing_line(outcome, error, seconds))


def layout(terminal: Terminal, lines: list[Line]) -> list[str]:
    """Lines in columns: each as wide as its widest entry, but none pushed far out by one long entry."""
    subject = _column((len(line.subject) for line in lines), SUBJECT_WIDTH)
    evidence = _column((len(line.evidence) for line in lines if line.flag), EVIDENCE_WIDTH)
    first = max([VERB_WIDTH, *(len(line.verb) + 2 for line in lines)])
    texts = []
    for line in lines:
        verb = terminal.paint(line.verb, line.verb) + " " * (first - len(line.verb))
        text = f"  {verb}{line.subject:<{subject}}  {line.evidence}"
        if line.flag:
            text = f"  {verb}{line.subject:<{subject}}  {line.evidence:<{evidence}}  {line.flag}"
        texts.append(text.rstrip())
    return texts


def _column(lengths: Iterable[int], least: int) -> int:
    within = [length for length in lengths if length <= least + 12]
    return max([least, *within])


def error_block(terminal: Terminal, error: TrainergenError, command: str) -> list[str]:
    """An error: what, where, evidence, help."""
    if isinstance(error, AnswerNeeded) and error.questions:
        return _questions_block(error)
    code = f"[{error.code}]" if error.code else ""
    message = error.message
    if isinstance(error, UserCodeFailed) and error.is_excerpt:  # the exception stands beside the carets
        message = "your code failed" + ("" if command in TRAINS else ", before any generated code ran")
    block = ["", f"{terminal.paint('error' + code, 'error')}: {message}"]
    if error.place:
        block.append(f"  --> {error.place}")
    block += list(error.notes)
    if isinstance(error, AnswerNeeded):
        block += [f"   = say:  {flag}" for flag in error.flags]
    if error.hint:
        block.append(f"   = help: {error.hint}")
    return block + _frames(terminal, error)


def _frames(terminal: Terminal, error: TrainergenError) -> list[str]:
    """Every frame of a failure in the lab under ``--traceback``, else how many there are."""
    if not error.traceback:
        return []
    if terminal.traceback:
        return ["   = more:", *(f"   | {line}" for line in error.traceback)]
    frames = sum(line.lstrip().startswith("File ") for line in error.traceback)
    return [f"   = more: --traceback shows {'1 frame' if frames == 1 else f'all {frames} frames'}"] if frames else []


def _questions_block(error: AnswerNeeded) -> list[str]:
    count = len(error.questions)
    noun = "1 answer" if count == 1 else f"{count} answers"
    width = max(len(question.name) for question in error.questions) + 3
    block = ["", f"needs {noun} that your project does not hold"]
    for question in error.questions:
        block.append(f"  {question.name:<{width}}{question.about}")
        block += [f"  {'':<{width}}{line}" for line in question.evidence]
    if error.place and error.notes:
        block += [f"  --> {error.place}", *error.notes]
    if error.hint:
        block.append(f"   = help: {error.hint}")
    block.append("Say it once, it is kept in .trainergen/:")
    block.append(f"  {error.command}")
    return block


def closing_line(outcome: Outcome, error: TrainergenError | None, seconds: float) -> str:
    """The last line: what it came to, how long it took, and the exit code where it is not 0."""
    if error is None:
        return outcome.closing.replace("{seconds}", f"{seconds:.1f} s")
    if isinstance(error, FindingsFailed):
        return outcome.closing.replace("{seconds}", f"{seconds:.1f} s, exit {error.exit_code}")
    timing = f"({seconds:.1f} s, exit {error.exit_code})"
    state = "The change set was written, what came after it failed" if outcome.written else "Nothing was written"
    if isinstance(error, ProofFailed):
        gates = "1 gate" if error.failed == 1 else f"{error.failed} gates"
        more = "" if outcome.diff else "  See the staged files: add --dry-run"
        return f"{state}: {gates} failed, {error.passed} passed {timing}.{more}"
    if isinstance(error, UserCodeFailed):
        return f"{state}: your code failed, no gate did {timing}."
    if isinstance(error, AnswerNeeded):
        count = max(len(error.questions), 1)
        return f"{state}: {count} answer{'s are' if count > 1 else ' is'} missing {timing}."
    return f"{state}: {error.title} {timing}."


def as_json(command: str, outcome: Outcome, error: TrainergenError | None) -> str:
    """One JSON object by the published schema ``trainergen/<command>/1``; no times, so equal input gives equal bytes."""
    result = dict(outcome.result)
    if outcome.diff:
        result["diff"] = outcome.diff
    if error is not None:
        result["error"] = error.as_plain()
    answer = {
        "schema": f"trainergen/{command}/1",
        "ok": error is None,
        "exit": 0 if error is None else error.exit_code,
        "result": result,
        "next": _next(outcome, error),
    }
    return json.dumps(answer, indent=2, ensure_ascii=False)


def _next(outcome: Outcome, error: TrainergenError | None) -> list[str]:
    """Commands that make sense now."""
    if not isinstance(error, AnswerNeeded):
        return outcome.next_steps
    return [error.command] if error.questions else list(error.flags)
