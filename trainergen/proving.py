"""The proof of a staged trainer: the static gates on the staged bytes, then one lab request that trains them."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .errors import ProofFailed, TrainergenError
from .gates.engine import GATES, check_files
from .gates.facts import Facts
from .gates.output import as_plain
from .gates.report import excerpt
from .inspection.batch_growth import growth
from .inspection.expressions import items_of
from .plain import to_plain
from .stages import Evidence

if TYPE_CHECKING:
    from .assembly import Assembled
    from .gates.finding import Finding
    from .lab.opening import Laboratory
    from .planning.plan import TrainerPlan
    from .stages import Facts as ReadFacts

OTHER_RATE = "0.000123"
"""A learning rate that no plan chooses, for the round trip through config.ini."""


class Proof:
    """A proof that has begun: the lab rehearses the bare loop while main renders what it is to be held against."""

    def __init__(self, lab: Laboratory, contract: str) -> None:
        self._lab = lab
        self._contract = contract
        self._pending = True

    def conclude(self, staged: Assembled) -> Evidence:
        """Hand over what was staged; gates here and probes there.

        Raises:
            ProofFailed: a gate or a blocking probe refused it; the error shows the line.
        """
        self._lab.hand_over({"files": dict(staged.texts), "modules": dict(staged.modules)})
        passed = check_gates(staged, self._contract)  # while the lab is at work: they speak first, and are quick
        self._pending = False
        answer = self._lab.answer()
        evidence = Evidence(passed, tuple(answer["probes"]), answer["numbers"], tuple(answer["listed"]))
        failed = evidence.having("failed")
        if failed or not answer["ok"]:
            raise probe_failure(failed, staged, evidence)
        return evidence

    def give_up(self) -> None:
        """Nothing was staged: read the answer all the same, so that the lab is free for the next request."""
        if self._pending:
            self._pending = False
            self._lab.hand_over(None)
            with contextlib.suppress(TrainergenError):
                self._lab.answer()


@contextlib.contextmanager
def begun(lab: Laboratory, request: Mapping[str, Any]) -> Iterator[Proof]:
    """Begin the proof that `request` (see `prove_request`) asks for.

    Raises:
        UserCodeFailed: on concluding: the model fails in the bare loop too.
    """
    lab.ask("lab.prove:prove", {**request, "handed": lab.new_mailbox()})
    proof = Proof(lab, request["contract"])
    try:
        yield proof
    finally:
        proof.give_up()


def contract_gates(contract: str) -> Mapping[str, str]:
    """The contract gates that apply to trainers under a contract, and what fulfils each there."""
    found: Mapping[str, str] = importlib.import_module(f".contracts.{contract}.detect", __package__).GATES
    return found


def check_gates(staged: Assembled, contract: str) -> tuple[str, ...]:
    """Codes of the gates that the staged Python files pass, of those that the contract says apply.

    Raises:
        ProofFailed: one of them found something.
    """
    applying = frozenset(contract_gates(contract))
    findings = check_files(staged.checked, Facts(staged.root, staged.texts, applying))
    codes = tuple(code for code in GATES if code in applying)
    if findings:
        raise gate_failure(findings, staged, len(codes))
    return codes


def gate_failure(findings: list[Finding], staged: Assembled, gates: int) -> ProofFailed:
    """The first finding as an error with its excerpt; the others as notes."""
    first, *others = findings
    origin = staged.origin(first.path, first.line)
    codes = {finding.code for finding in findings}
    error = ProofFailed(
        first.message,
        code=first.code,
        place=f"{first.path}:{first.line}:{first.column}" + (f" (from {origin})" if origin else ""),
        hint=first.hint,
        notes=excerpt(staged.texts[first.path], first.line, first.column, first.end_column, first.label)
        + tuple(f"   also {each.code} {each.path}:{each.line}: {each.message}" for each in others),
    )
    error.failed, error.passed = len(codes), gates - len(codes)
    error.demand = GATES[first.code].name if first.code in GATES else "every file parses"
    error.findings = tuple(as_plain(each) for each in findings)
    return error


def probe_failure(failed: tuple[Mapping[str, Any], ...], staged: Assembled, evidence: Evidence) -> ProofFailed:
    """The first failed probe as an error with its excerpt; the others as notes."""
    from .lab.verdict import TITLES

    first, *others = failed
    place = first.get("place")
    shown = origin = None
    notes: tuple[str, ...] = ()
    if place is not None:
        origin = staged.origin(place["file"], place["line"])
        shown = f"{place['file']}:{place['line']}" + (f" (from {origin})" if origin else "")
        if place["file"] in staged.texts:
            line = staged.texts[place["file"]].splitlines()[place["line"] - 1]
            start = len(line) - len(line.lstrip()) + 1
            notes = excerpt(staged.texts[place["file"]], place["line"], start, len(line) + 1, "")
    if first.get("detail"):
        notes += tuple(f"   | {line}" for line in str(first["detail"]).splitlines())
    notes += tuple(f"   also {each['code']} {each['probe']}: {each['title']}" for each in others)
    if place is not None and not (origin or "").startswith(f"{staged.house}/"):
        notes += house_notes(staged, place["file"])
    error = ProofFailed(first["title"], code=first.get("code"), place=shown, hint=first.get("hint"), notes=notes)
    error.failed, error.passed = len(failed), evidence.passed
    error.demand = TITLES.get(str(first.get("code")), first["probe"])
    error.findings = tuple(dict(probe) for probe in failed)
    return error


def house_notes(staged: Assembled, path: str) -> tuple[str, ...]:
    """What the team's own templates wrote into the file that a fault points at: there it is likely to be."""
    lines = list(staged.of_the_house(path).items())
    more = (f"           and {len(lines) - 5} lines more",) if len(lines) > 5 else ()
    return tuple(f"   = yours: line {number} (from {origin})" for origin, number in lines[:5]) + more


def prove_request(plan: TrainerPlan, facts: ReadFacts, model: Mapping[str, Any]) -> dict[str, Any]:
    """What of the payload of ``lab.prove:prove`` the plan knows; `model` is what the model was measured by."""
    names, project, measured = plan.names, facts.project, facts.measured
    return {
        **model,
        "arguments": proven_arguments(plan, facts, model["arguments"]),
        "family": plan.family,
        "contract": plan.contract,
        "trainer": {
            "name": names.trainer_class.removesuffix("Trainer"),
            "class": names.trainer_class,
            "module": names.trainer_module,
            "train_module": project.train_module,
            "key": names.trainer_class,
        },
        "feeding": {"arguments": to_plain(plan.inputs), "whole": plan.whole_batch},
        "growth": to_plain(growth(measured.batch.root, plan.batch.root)) if measured.synthesised else None,
        "output_kind": measured.output_kind,
        "objective": to_plain(plan.objective),
        "config": {
            "file": names.ini_file,
            "section": names.section,
            "key": "learning_rate",
            "value": OTHER_RATE,
            "small": small_settings(plan, facts),
            **other_settings(plan),
        },
        "checks": to_plain(plan.checks),
        "optimizer": plan.optimizer.class_name if plan.optimizer.import_module == "torch.optim" else None,
        "scheduler": None if plan.scheduler is None else plan.scheduler.class_name,
        "listed_before": list(project.registry),
        "own_loader": plan.data.kind == "combined",
    }


def proven_arguments(plan: TrainerPlan, facts: ReadFacts, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The model's arguments for the bare loop: as the generated code has them, where no setting can make them smaller."""
    search = facts.measured.search
    found = dict(arguments)
    if search is None or search.construction is None:
        return found
    settings = {each.name for each in plan.model.arguments if each.setting is not None}
    for each in search.construction.arguments:
        if each.for_proof and each.name not in settings:
            found.pop(each.name)
            if each.kept is not None:
                found[each.name] = each.kept
    return found


def small_settings(plan: TrainerPlan, facts: ReadFacts) -> dict[str, str]:
    """Settings of the model that the lab makes smaller than their defaults, as config.ini spells them."""
    search = facts.measured.search
    if search is None or search.construction is None:
        return {}
    settings = {each.name: each.setting for each in plan.model.arguments if each.setting is not None}
    return {
        settings[each.name]: _ini_text(each.value)
        for each in search.construction.arguments
        if each.for_proof and each.name in settings
    }


def _ini_text(value: Any) -> str:
    """An argument's value, plain data, as config.ini spells it: the numbers of a tuple with commas between."""
    if isinstance(value, bool):
        return str(value).lower()
    items = items_of(value)
    return str(value) if items is None else ", ".join(str(each) for each in items)


def other_settings(plan: TrainerPlan) -> dict[str, Any]:
    """Settings that must reach the optimizer or the loss, each with a value that is not its default.

    Returns:
        ``{"others": {setting: text}, "arguments": [those that every group of the optimizer takes as they are], "fed": [all
        that it takes by their own names]}``.
    """
    defaults = {setting.name: setting.default for setting in plan.settings}
    optimizer = plan.optimizer
    fed = [argument.name for argument in optimizer.arguments if argument.setting == argument.name]
    numbers = [name for name in fed if name in ("weight_decay", "momentum")]
    values = {name: float(defaults[name]) for name in numbers if name in defaults}
    if optimizer.decay_groups:
        values["weight_decay"] = float(defaults.get("weight_decay", "0.01"))
    others = {name: f"{value / 2 if value else 0.03:g}" for name, value in values.items()}
    tunable = {each.setting for each in plan.objective.constants}
    for name, value in plan.objective.tuned.items():
        # A weight is moved off its default wherever that lies; a constant keeps its sign and its order of magnitude.
        other = value * 1.25 if name in tunable else value / 2 + 1
        if other != value:
            others[name] = f"{other:g}"
    cycles = plan.scheduler is not None and plan.scheduler.class_name in ("OneCycleLR", "CyclicLR")
    # Groups without decay are on purpose, and a schedule that cycles momentum has begun to.
    taken = [name for name in fed if name != "weight_decay" and not (cycles and name == "momentum")]
    return {"others": others, "arguments": [name for name in numbers if name in values], "fed": taken}
