"""``new``, stage by stage: facts, plans, change set, proof, sink. Each stage takes the one before it; none reaches back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import assembly, families, narrative, record
from .answers import portable
from .entry_proof import Call, entry_verdicts
from .errors import AnswerNeeded, ProofFailed, TrainergenError
from .excusing import excused
from .handover import check_apart, check_handover, render_handover, write_handover
from .home import find_home, mentioning_all, survey_project, with_wishes
from .home_proof import home_request, judged, shortened
from .inspection.imports import environment_imports
from .inspection.model import read_model
from .inspection.project import find_root, read_project
from .lab import opening
from .measuring import measure, model_request, targets
from .planning.home_names import home_decisions, name_as_siblings
from .planning.names import name_trainer
from .planning.planner import CONTRACT
from .planning.planner import plan as plan_trainers
from .planning.questions import check_arguments, check_words
from .planning.sources import loader_decision, rank_sources
from .proving import Proof, begun, check_gates, prove_request
from .settings import Settings, read_settings
from .stages import Evidence, Facts, NewRequest, Proven
from .staging.commit import commit
from .staging.conflicts import conflicts, merged
from .staging.diff import render_diff
from .staging.durable import demand_writable
from .staging.journal import recover
from .staging.lock import project_lock
from .standing import Regenerating, as_recorded

if TYPE_CHECKING:
    from .home import Home
    from .inspection.project_facts import ProjectFacts
    from .lab.client import Lab
    from .lab.opening import Laboratory
    from .outcome import Outcome
    from .planning.plan import TrainerPlan
    from .standing import Standing


def new(request: NewRequest, lab: Lab | None, outcome: Outcome, progress: Callable[[str], None]) -> None:
    """Generate, prove and commit one trainer.

    Args:
        request: what to do.
        lab: started ahead of time, or None.
        outcome: filled as the stages pass; complete up to the point of an error.
        progress: told what is being done.

    Raises:
        TrainergenError: with the exit code that fits; nothing was written then.
    """
    root, _ = find_root(request.project, Path.cwd())
    try:
        with project_lock(root, waiting=progress):
            _new(request, root, lab, outcome, progress)
    except TrainergenError as problem:
        if isinstance(problem, AnswerNeeded):
            problem.invocation = request.invocation
        narrative.tell_failure(outcome, problem, explain=request.explain)
        raise


def _new(request: NewRequest, root: Path, lab: Lab | None, outcome: Outcome, progress: Callable[[str], None]) -> None:
    settings = read_settings(root)
    request = with_defaults(request, settings)
    recovery = recover(root)
    if recovery is not None:
        outcome.say("recover", f"interrupted {recovery.verb}", recovery.sentence)

    progress("reading the project")
    project = read_project(request.project, Path.cwd(), request.wishes.package)
    with opening.opened(
        lab, root, python=request.python, setting=settings.python, device=request.device, limit=request.limit
    ) as laboratory:
        facts, ground = gather(request, project, settings, laboratory, outcome, progress)
        existing = record.read_record(root, facts.names.record_file)
        request = replace(request, wishes=portable(request.wishes, root, Path.cwd()))
        standing = None if existing is None else Regenerating(existing, root, request.force)
        proven = first_proven(request, facts, ground, laboratory, outcome, progress, standing)
    narrative.tell_proof(outcome, proven)
    finish(request, facts, proven, outcome)


def gather(
    request: NewRequest,
    project: ProjectFacts,
    settings: Settings,
    laboratory: Laboratory,
    outcome: Outcome,
    progress: Callable[[str], None],
) -> tuple[Facts, assembly.Ground]:
    """Everything that is to be known before planning, and what rendering starts from."""
    root = Path(project.root)
    model = read_model(request.wishes.model, root, search_path=laboratory.search_path, cwd=Path.cwd())
    family = families.choose(model)
    check_words(request.wishes, family)
    narrative.tell_class(outcome, model, laboratory.lab.python)
    check_arguments(request.wishes, model)
    decided = with_wishes(settings, request.wishes)
    index, training = survey_project(root, decided, record.generated_files(root))
    home = None if request.wishes.package else find_home(index, training, decided)
    # Said before anything is built: a taken name, a folder that can't be written to.
    if home is None:
        names = name_trainer(request.wishes, model, project)
    else:
        names = name_as_siblings(request.wishes, model, training, root, index.read, project.records)
        project = replace(project, package="", owned=(), scaffold=False, vendored=False)
    if not request.dry_run and not (root / names.record_file).exists():
        demand_writable(root)
    if request.handover is not None:
        check_handover(request.handover, force=request.force)

    sources = rank_sources(training.data, model, lambda words: mentioning_all(index, words))
    loaders = (each.target.partition(":")[0] for each in sources)
    laboratory.preload(environment_imports(root, (model.module, *targets(request.wishes), *loaders)))
    # All that needs no torch is done before the first question to the lab, which is still importing it.
    overrides = root / settings.templates if settings.templates else None
    vendored = request.wishes.vendor or project.vendored
    ground = assembly.lay_ground(project, overrides, family, vendored=vendored, home=home)

    progress("building the model")
    if not vendored and home is None:
        laboratory.demand_imports(("trainergen", "beautilog"))
    measured = measure(laboratory, family, model, request.wishes, root, sources)
    facts = Facts(project, model, measured, settings, names, home, sources, training.losses, training.metrics)
    narrative.tell_facts(outcome, facts, request.wishes)
    return facts, ground


def with_defaults(request: NewRequest, settings: Settings) -> NewRequest:
    """The request with ``[tool.trainergen]`` below what was typed."""
    wishes = replace(
        request.wishes,
        package=request.wishes.package or settings.package,
        optimizer=request.wishes.optimizer or settings.optimizer,
        scheduler=request.wishes.scheduler or settings.scheduler,
        vendor=request.wishes.vendor or settings.vendor,
    )
    return replace(
        request,
        wishes=wishes,
        device=request.device or settings.device,
        limit=request.limit or settings.limit,
    )


def first_proven(
    request: NewRequest,
    facts: Facts,
    ground: assembly.Ground,
    lab: Laboratory,
    outcome: Outcome,
    progress: Callable[[str], None],
    standing: Standing | None,
) -> Proven:
    """The first plan, in rank order, whose staged trainer passes; the failure of the best one if none does.

    Where the trainer stands already, `standing` says what is to become of it.
    """
    model, measured = facts.model, facts.measured
    asked_of_lab = model_request(model, facts.fed(request.wishes), measured)
    plans, assemble = ranked(request, facts, ground, standing)
    tries = measured.search.synthesis.tries if measured.search and measured.search.synthesis else ()
    failure: TrainergenError | None = None
    before = failed_tale = outcome.copy()
    for plan in plans:
        outcome.become(before)
        narrative.tell_decisions(outcome, plan, request.explain, narrative.tell_tries(tries))
        staged: assembly.Assembled | None = None
        asked = prove_request(plan, facts, asked_of_lab)
        early = request.prove and standing is None and facts.home is None
        try:
            with begun(lab, asked) if early else nullcontext() as proof:
                progress("rendering")
                staged = assemble(plan)
                if standing is not None:
                    settled = standing.settle(staged)
                    if settled is None:
                        return Proven(plan, staged, Evidence.of_identical())
                    staged = settled
                demand_way(facts.project, staged, force=request.force if standing is None else standing.replaces)
                if facts.home is not None:
                    asked = home_request(plan, facts, asked_of_lab, staged, facts.home)
                progress("proving")
                evidence = concluded(request, lab, asked, proof, staged, standing)
                if facts.home is not None:
                    staged, evidence = at_the_door(plan, facts, facts.home, lab, staged, evidence)
                return Proven(plan, staged, evidence)
        except ProofFailed as problem:
            if request.dry_run and staged is not None:
                outcome.diff = render_diff(staged.change_set)
            if failure is None:
                failure, failed_tale = problem, outcome.copy()
    assert failure is not None
    outcome.become(failed_tale)  # the decisions of the plan whose failure is shown
    raise failure


def ranked(
    request: NewRequest, facts: Facts, ground: assembly.Ground, standing: Standing | None
) -> tuple[list[TrainerPlan], Callable[[TrainerPlan], assembly.Assembled]]:
    """The plans, best first, and what makes a change set of one; where the trainer stands, its recorded plan is first."""
    project = facts.project if standing is None else record.without_own(facts.project, standing.record)
    home = facts.home
    plans = plan_trainers(
        facts.fed(request.wishes),
        facts.model,
        facts.measured,
        project,
        names=facts.names,
        contract=CONTRACT if home is None else home.contract.kind,
    )
    own = () if home is None else home_decisions(home.training, home.contract.kind, home.contract.reasons)
    if facts.measured.loader is not None and request.wishes.loader is None:
        own = (*own, loader_decision(facts.measured.loader.target, facts.sources))
    silent = set() if home is None else home.decides
    plans = [
        replace(each, decisions=(*own, *(one for one in each.decisions if one.given or one.topic not in silent)))
        for each in plans
    ]

    def assemble(plan: TrainerPlan) -> assembly.Assembled:
        return assembly.assemble(plan, project, request.wishes, ground, standing, home)

    if standing is not None and len(plans) > 1:
        plans.sort(key=lambda each: not as_recorded(assemble(each), standing.record))
    return plans, assemble


def concluded(
    request: NewRequest,
    lab: Laboratory,
    asked: Mapping[str, Any],
    proof: Proof | None,
    staged: assembly.Assembled,
    standing: Standing | None,
) -> Evidence:
    """What the proof came to; begun now where it was not worth beginning before there was something to prove."""
    if not request.prove:
        return Evidence(gates=check_gates(staged, asked["contract"]), proven=False)
    if proof is not None:
        return proof.conclude(staged)
    try:
        with begun(lab, asked) as late:
            return late.conclude(staged)
    except ProofFailed as problem:
        controls = None if standing is None else standing.controls(staged)
        if controls is None:
            raise
        return excused(problem, lab, asked, staged, controls)


def at_the_door(
    plan: TrainerPlan, facts: Facts, home: Home, lab: Laboratory, staged: assembly.Assembled, evidence: Evidence
) -> tuple[assembly.Assembled, Evidence]:
    """With what the project's own program did with the staged trainer, and with the name that it knows it by.

    Raises:
        ProofFailed: it does not do with it what it does with the others.
    """
    entry, joined = home.training.entry, staged.joined
    if entry is None or joined is None or not evidence.proven:
        return staged, evidence
    known = [key for each in home.registries for key in each.keys]
    short, said = shortened(plan, facts, staged)
    call = Call(
        key="" if joined.registration.lookup is None else joined.registration.key,
        snake=plan.names.snake,
        sibling=known[0] if known else "",
        own_data=plan.data.kind != "stub",
        others=tuple(each.name for each in home.siblings),
        settings=said,
        stands=(Path(staged.root) / plan.names.trainer_file).is_file(),
    )
    key, visits = entry_verdicts(lab, entry, staged.texts, short, Path(staged.root), call)
    return replace(staged, command=home.command(key) if key else ""), judged(evidence, visits)


def demand_way(project: ProjectFacts, staged: assembly.Assembled, *, force: bool) -> None:
    """Nothing of the user's may stand in the way; said before the proof, so that ``--dry-run`` tells the truth.

    Raises:
        Conflict: something does.
    """
    found = conflicts(Path(project.root), staged.change_set, force=force)
    if found:
        raise merged(found)


def doubts_of(facts: Facts) -> tuple[str, ...]:
    """What the search could not be sure of."""
    search = facts.measured.search
    return search.synthesis.doubts if search is not None and search.synthesis is not None else ()


def finish(request: NewRequest, facts: Facts, proven: Proven, outcome: Outcome) -> None:
    """The sink: diffs for ``--dry-run``, else the commit; then the handover."""
    change_set, identical = proven.staged.change_set, proven.evidence.identical
    handover = "" if request.handover is None else render_handover(facts, proven)
    if request.handover is not None:
        check_apart(request.handover, change_set, Path(facts.project.root))
    if request.dry_run:
        outcome.diff = render_diff(change_set)
    elif not identical:
        commit(Path(facts.project.root), change_set, force=request.force)
        outcome.written = True
    narrative.tell_files(outcome, proven.staged, identical=identical)  # only what did happen
    narrative.tell_advice(outcome, proven, doubts_of(facts))
    if request.wishes.loss is None:
        narrative.offer(outcome, "losses", "--loss", facts.losses)
    if not request.wishes.metrics and facts.home is None:  # a contract of the project's own has no place for more
        narrative.offer(outcome, "metrics", "--metric", facts.metrics)
    if request.handover is not None and request.dry_run:
        outcome.say("advise", str(request.handover), "not written: --dry-run")
    elif request.handover is not None:
        write_handover(request.handover, handover)
        outcome.say("write", str(request.handover), "the handover; it is yours, undo leaves it")
    narrative.close(outcome, request, proven)
