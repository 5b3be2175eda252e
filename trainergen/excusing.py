"""What a trainer that the user worked on may fail: what his version, as it stands, fails too. The control run of `update`.

A loss of his own is not the bare loop's, and he may log as he likes: that is his affair, told as advice. What only the
merged version fails blocks, and so does everything without which it is no trainer. Where his version does not run any more,
since the model changed, what is generated now stands in for it: if that passes, it is his edits that part from the bare loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import ProofFailed, TrainergenError
from .gates.engine import GATES, UNREADABLE, check_files
from .gates.facts import Facts
from .proving import contract_gates, gate_failure
from .stages import Evidence

if TYPE_CHECKING:
    from .assembly import Assembled
    from .gates.finding import Finding
    from .lab.opening import Laboratory

NEVER_EXCUSED = frozenset({"staged", "build", "loss", "parameters_moved"})
"""Probes without which nothing was trained: found, built, a finite loss with a graph, weights that move."""

COMPARED = frozenset({"initial_loss", "gradients", "eval_is_pure"})
"""Probes that hold the trainer against a bare loop with the loss that was generated."""


class Controls(NamedTuple):
    """What a merged trainer is held against.

    Attributes:
        theirs: the trainer as it stands on the disk.
        generated: what is generated now, without the user's edits.
    """

    theirs: Assembled
    generated: Assembled


def excused(
    problem: ProofFailed, lab: Laboratory, asked: Mapping[str, Any], staged: Assembled, controls: Controls
) -> Evidence:
    """What was seen of `staged`, which failed with `problem`, where that is the user's own affair.

    Args:
        problem: what the proof of `staged` ended in.
        lab: where all are trained.
        asked: what the proof asked for.
        staged: the merged trainer.
        controls: what it is held against.

    Raises:
        ProofFailed: something fails in the merged version alone, or may not fail at all.
    """
    findings, evidence = _seen(lab, asked, staged)
    known = {_key(each) for each in _findings(asked, controls.theirs) if each.code != UNREADABLE}
    left = [each for each in findings if _key(each) not in known]
    if left:
        raise gate_failure(left, staged, len(evidence.gates))
    failed = {probe["probe"] for probe in evidence.having("failed")}
    if failed and not failed <= _allowed(lab, asked, controls):
        raise problem
    advice = [
        {"probe": f"gate {each.code}", "status": "advice", "code": None, "title": f"{each.message}; it was so before",
         "detail": None, "hint": each.hint, "place": {"file": each.path, "line": each.line}, "numbers": None}
        for each in findings
    ]  # fmt: skip
    probes = [_as_advice(probe) if probe["status"] == "failed" else probe for probe in evidence.probes]
    broken = {each.code for each in findings}
    gates = tuple(code for code in evidence.gates if code not in broken)
    return replace(evidence, gates=gates, probes=(*probes, *advice))


def _allowed(lab: Laboratory, asked: Mapping[str, Any], controls: Controls) -> frozenset[str]:
    """The probes that may fail."""
    theirs = _failed(lab, asked, controls.theirs)
    if theirs is not None and not theirs & NEVER_EXCUSED:
        return theirs
    return COMPARED if _failed(lab, asked, controls.generated) == frozenset() else frozenset()


def _failed(lab: Laboratory, asked: Mapping[str, Any], staged: Assembled) -> frozenset[str] | None:
    """The probes that a trainer fails; None where it can't be told."""
    try:
        return frozenset(probe["probe"] for probe in _seen(lab, asked, staged)[1].having("failed"))
    except TrainergenError:
        return None


def _seen(lab: Laboratory, asked: Mapping[str, Any], staged: Assembled) -> tuple[list[Finding], Evidence]:
    """All that gates and probes say of a trainer, whatever it is."""
    lab.ask("lab.prove:prove", {**asked, "handed": lab.new_mailbox()})
    lab.hand_over({"files": dict(staged.texts), "modules": dict(staged.modules)})
    answer = lab.answer()
    codes = tuple(code for code in GATES if code in _applying(asked))
    evidence = Evidence(codes, tuple(answer["probes"]), answer["numbers"], tuple(answer["listed"]))
    return _findings(asked, staged), evidence


def _findings(asked: Mapping[str, Any], staged: Assembled) -> list[Finding]:
    return check_files(staged.checked, Facts(staged.root, staged.texts, _applying(asked)))


def _applying(asked: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(contract_gates(asked["contract"]))


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.code, finding.path, finding.message


def _as_advice(probe: Mapping[str, Any]) -> dict[str, Any]:
    return {**probe, "status": "advice", "code": None, "title": f"{probe['title']}; it was so before"}
