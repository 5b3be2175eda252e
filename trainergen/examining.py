"""``inspect``, stage by stage: facts, a plan, measurements in the lab, findings. Nothing is written into the project."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import diagnosis, families, narrative
from .errors import AnswerNeeded, FindingsFailed, TrainergenError, UserCodeFailed
from .inspection.batch_growth import growth
from .inspection.examination import Examined, Finding, Measured, Measurement, Trial
from .inspection.imports import environment_imports
from .inspection.model import read_model
from .inspection.project import find_root, read_project
from .lab import opening
from .measuring import measure, model_request, targets
from .plain import from_plain, to_plain
from .planning.planner import plan as plan_trainers
from .planning.questions import check_arguments, check_words
from .settings import read_settings

if TYPE_CHECKING:
    from .families.torch.facts import TorchFacts
    from .inspection.model_facts import ModelFacts
    from .inspection.project_facts import ProjectFacts
    from .lab.client import Lab
    from .lab.opening import Laboratory
    from .outcome import Outcome
    from .planning.plan import TrainerPlan
    from .planning.wishes import Wishes

NAMELESS = "inspected"
"""The name that the plan is made under: it is never written, so that no name of the project's is in its way."""

RATE = "1e-3"
"""Where no plan could be made: Adam's own default (Kingma and Ba 2015)."""


@dataclass(frozen=True)
class InspectRequest:
    """One ``trainergen inspect``, after the command line was read. Fields as in `stages.NewRequest`.

    Attributes:
        html: where the report goes, or None.
        force: replace what stands there, whatever it is.
    """

    wishes: Wishes
    project: Path | None = None
    python: str | None = None
    device: str | None = None
    limit: str | None = None
    html: Path | None = None
    force: bool = False
    invocation: str = "trainergen inspect"


@dataclass(frozen=True)
class Examination:
    """Everything that was read, decided and measured.

    Attributes:
        plan: how it would be trained; None where that takes an answer of the user's.
        question: that question.
        measured: a `Measured` for each measurement, in the order of the report.
    """

    project: ProjectFacts
    model: ModelFacts
    facts: TorchFacts
    wishes: Wishes
    plan: TrainerPlan | None
    question: AnswerNeeded | None
    measured: tuple[Measured, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, in the order of the report."""
        return tuple(finding for each in self.measured for finding in each.examined.findings)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All of them, in the order of the report."""
        return tuple(trial for each in self.measured for trial in each.examined.trials)

    def figures(self, name: str) -> Mapping[str, Any]:
        """What the measurement of that name found, {} where it was not taken."""
        return next((each.examined.facts for each in self.measured if each.name == name), {})


def inspect(request: InspectRequest, lab: Lab | None, outcome: Outcome, progress: Callable[[str], None]) -> None:
    """Examine a model, and its data where there is some.

    Args:
        request: what to do.
        lab: started ahead of time, or None.
        outcome: filled as the stages pass; complete up to the point of an error.
        progress: told what is being done.

    Raises:
        FindingsFailed: all was measured, and something will break a training.
        TrainergenError: with the exit code that fits.
    """
    try:
        examination = examine(request, lab, outcome, progress)
    except TrainergenError as problem:
        if isinstance(problem, AnswerNeeded):
            problem.invocation = request.invocation
        narrative.tell_failure(outcome, problem)
        raise
    diagnosis.tell(outcome, examination)
    if request.html is not None:
        from .rendering.report import write_report

        progress("writing the report")
        write_report(request.html, examination)
        outcome.written = True
    diagnosis.close(outcome, examination, request.html)
    failed = [finding.id for finding in examination.findings if finding.severity == "fail"]
    if failed:
        noun = "1 finding" if len(failed) == 1 else f"{len(failed)} findings"
        raise FindingsFailed(f"{noun} will break a training: {', '.join(failed)}", hint="see the advice of each")


def examine(request: InspectRequest, lab: Lab | None, outcome: Outcome, progress: Callable[[str], None]) -> Examination:
    """The stages before the report; see `inspect`."""
    root, _ = find_root(request.project, Path.cwd())
    settings = read_settings(root)
    if request.html is not None:
        from .rendering.report import check_report

        check_report(request.html, force=request.force)
    progress("reading the project")
    project = read_project(request.project, Path.cwd(), request.wishes.package or settings.package)
    with opening.opened(
        lab,
        root,
        python=request.python,
        setting=settings.python,
        device=request.device or settings.device,
        limit=request.limit or settings.limit,
    ) as laboratory:
        wishes = request.wishes
        model = read_model(wishes.model, root, search_path=laboratory.search_path, cwd=Path.cwd())
        family = families.choose(model)
        check_words(wishes, family)
        narrative.tell_class(outcome, model, laboratory.lab.python)
        check_arguments(wishes, model)
        laboratory.preload(environment_imports(root, (model.module, *targets(wishes))))
        progress("building the model")
        try:
            facts = measure(laboratory, family, model, wishes, root)
        except UserCodeFailed:
            # The model fails on the data: the data may be why, and can be read without it.
            diagnosis.tell_survey(outcome, survey(laboratory, family, model, wishes, progress))
            raise
        plan, question = planned(wishes, model, facts, project, family)
        asked = lab_request(model, wishes, facts, plan)
        taken = take(laboratory, family, asked, progress, has_data=_has_data(facts, wishes))
    return Examination(project, model, facts, wishes, plan, question, taken)


def survey(
    lab: Laboratory, family: str, model: ModelFacts, wishes: Wishes, progress: Callable[[str], None]
) -> tuple[Finding, ...]:
    """What is wrong with the loader's values, where the model can't be run on them; () where that is not to be had."""
    if wishes.loader is None:
        return ()
    progress("reading the data")
    with contextlib.suppress(TrainergenError):  # the model's own failure is what is told
        answer = lab.request(f"families.{family}.examine.run:survey", model_request(model, wishes))
        [measured] = (from_plain(Measured, each) for each in answer)
        return tuple(each for each in measured.examined.findings if each.severity == "fail")
    return ()


def planned(
    wishes: Wishes, model: ModelFacts, facts: TorchFacts, project: ProjectFacts, family: str
) -> tuple[TrainerPlan | None, AnswerNeeded | None]:
    """The best plan; where it takes an answer, the question in its place: the rest can be measured without."""
    try:
        return plan_trainers(replace(wishes, name=NAMELESS), model, facts, project, family)[0], None
    except AnswerNeeded as question:
        return None, question


def lab_request(model: ModelFacts, wishes: Wishes, facts: TorchFacts, plan: TrainerPlan | None) -> dict[str, Any]:
    """The payload of the lab's ``examine`` requests, but for which measurements to take."""
    batch = facts.batch if plan is None else plan.batch
    if plan is None:
        feeding: dict[str, Any] = {"arguments": to_plain(facts.feeding.arguments), "whole": facts.feeding.whole}
        optimizer = {"module": "torch.optim", "class": "AdamW", "arguments": {}, "rate": RATE}
    else:
        feeding = {"arguments": to_plain(plan.inputs), "whole": plan.whole_batch}
        optimizer = _optimizer(plan)
    grown = growth(facts.batch.root, batch.root) if facts.synthesised else None
    inside = () if grown is None or grown.inside is None else (grown.inside,)
    return {
        **model_request(model, wishes, facts),
        "feeding": feeding,
        "targets": to_plain(facts.feeding.targets),
        "growth": to_plain(grown),
        "batch_form": to_plain(batch),
        "names": [[list(path), name] for path, name in diagnosis.names(model, facts, plan).items()],
        "fixed": [to_plain(replace(each, path=(*inside, *each.path))) for each in facts.fixed],
        "final_module": facts.final_module,
        "objective": None if plan is None else to_plain(plan.objective),
        "optimizer": optimizer,
    }


def take(
    lab: Laboratory, family: str, asked: Mapping[str, Any], progress: Callable[[str], None], *, has_data: bool
) -> tuple[Measured, ...]:
    """Every measurement that can be taken, a request a group; those of a group that hung or crashed, one by one."""
    listed = lab.request(f"families.{family}.examine.run:listing", {})
    measurements = [from_plain(Measurement, each) for each in listed]
    there = {"model": True, "objective": asked["objective"] is not None, "data": has_data}
    there["loader"] = asked["loader"] is not None
    found: dict[str, Measured] = {}
    possible = [each for each in measurements if there[each.needs]]
    for _, group in groupby(possible, key=lambda each: each.group):
        found |= _taken(lab, family, asked, list(group), progress)
    return tuple(found[each.name] for each in measurements if each.name in found)


def _taken(
    lab: Laboratory,
    family: str,
    asked: Mapping[str, Any],
    group: Sequence[Measurement],
    progress: Callable[[str], None],
) -> dict[str, Measured]:
    progress(group[0].doing if len(group) == 1 else f"{group[0].doing}, {group[-1].doing}")
    payload = {**asked, "measurements": [each.name for each in group]}
    try:
        answer = lab.request(f"families.{family}.examine.run:measure", payload)
    except UserCodeFailed as failure:
        if not failure.ended_the_lab:
            raise
        if len(group) > 1:
            parts = [_taken(lab, family, asked, [each], progress) for each in group]
            return {name: measured for part in parts for name, measured in part.items()}
        return {group[0].name: _ended(group[0], failure)}
    return {each["name"]: from_plain(Measured, each) for each in answer}


def _ended(measurement: Measurement, failure: UserCodeFailed) -> Measured:
    """A measurement whose process hung or crashed: that is its outcome."""
    area = measurement.name.rpartition(".")[2].replace("_", "-")
    trial = Trial(measurement.doing, "fails", failure.message, failure.place)
    finding = Finding(
        f"{area}.ended",
        "note" if "did not end within" in failure.message else "warn",
        measurement.doing,
        failure.message,
        failure.hint or "run it by itself to see where it stops",
    )
    return Measured(measurement.name, Examined((finding,), {}, (trial,)))


def _optimizer(plan: TrainerPlan) -> dict[str, Any]:
    """The plan's optimizer with every argument as a literal."""
    defaults = {setting.name: setting.default for setting in plan.settings}
    arguments = {
        each.name: defaults.get(each.setting or "", each.literal) or each.literal for each in plan.optimizer.arguments
    }
    rate = arguments.pop("lr", None) or defaults.get("learning_rate", RATE)
    return {
        "module": plan.optimizer.import_module,
        "class": plan.optimizer.class_name,
        "arguments": arguments,
        "rate": rate,
    }


def _has_data(facts: TorchFacts, wishes: Wishes) -> bool:
    """Whether the batch is somebody's data: of a loader, a file or an object; not described, not found by trying."""
    if facts.synthesised or (wishes.batch is None and wishes.loader is None):
        return False
    from .inspection.batch_spec import leaves

    return any(leaf.source == "measured" for _, leaf in leaves(facts.batch.root))
