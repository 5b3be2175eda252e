"""What `new` tells: facts, decisions, proof, files and advice as report lines, and the same as data for ``--json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import AnswerNeeded, ProofFailed, TrainergenError, UserCodeFailed
from .inspection.batch_spec import BatchSpec, Branch, leaves, spell_path
from .inspection.batch_spec import Path as PathInBatch
from .inspection.definition import find_definition
from .inspection.model import unresolved_bases
from .outcome import Line
from .plain import to_plain

if TYPE_CHECKING:
    from .assembly import Assembled
    from .families.torch.facts import TorchFacts
    from .inspection.construction import Try
    from .inspection.model_facts import ModelFacts
    from .outcome import Outcome
    from .planning.plan import TrainerPlan
    from .planning.wishes import Wishes
    from .stages import Evidence, Facts, NewRequest, Proven


MOST_TRIES = 40
"""Tries of a search that are told from its beginning; of its end a quarter of that."""


def tell_class(outcome: Outcome, model: ModelFacts, python: str) -> None:
    """The model as its source has it, for where it is never built; bases that `python`'s packages do not hold."""
    outcome.say("read", str(model.place), f"{model.kind} {model.name}, {_signature(model)}")
    for name in unresolved_bases(model):
        outcome.say("advise", f"base {name}", f"not found in the packages of {python}")


def _signature(model: ModelFacts) -> str:
    stars = {"var_positional": "*", "var_keyword": "**"}
    parts = []
    for argument in model.init:
        default = "" if argument.default is None else f"={argument.default}"
        parts.append(f"{stars.get(argument.kind, '')}{argument.name}{default}")
    return f"{'__init__' if model.kind == 'class' else model.name}({', '.join(parts)})"


def tell_facts(outcome: Outcome, facts: Facts, wishes: Wishes) -> None:
    """What was read: the model, the base trainer, the batch."""
    project, model, measured = facts.project, facts.model, facts.measured
    distinct = [parameter for parameter in measured.parameters if parameter.tied_to is None]
    place = str(model.place)
    known = Line("read", place, f"{model.kind} {model.name}, {len(distinct)} parameters, {measured.values:,} values")
    # In place of what tell_class said.
    outcome.lines = [known if (line.verb, line.subject) == ("read", place) else line for line in outcome.lines]
    if facts.home is not None:
        contract = facts.home.contract
        given = ", ".join(f"{each.name}({', '.join(p.name for p in each.parameters)})" for each in contract.duties)
        own = contract.base.facts
        outcome.say("read", f"{own.file}:{own.line}", f"class {own.name}: you give {given or 'nothing'}")
    elif project.scaffold:
        base = f"{project.train_module.replace('.', '/')}/base_trainer.py"
        outcome.say("read", base, "class Trainer: you give compute_loss(batch), it owns the loop")
    else:
        outcome.say("read", "no default project", "so this creates config.ini, config/, train/ around the trainer")
    loader = find_definition(Path(project.root), wishes.loader) if wishes.loader and wishes.batch is None else None
    what = describe_batch(measured.batch, spoken_names(model, measured))
    synthesis = None if measured.search is None else measured.search.synthesis
    if loader is not None and wishes.loader is not None:
        call = "()" if measured.loader is None or measured.loader.is_factory else ""
        outcome.say("read", str(loader), f"{wishes.loader.partition(':')[2]}{call}, {what}")
    elif synthesis is None:  # what was found by trying is told part by part, as the guesses that they are
        outcome.say("read", measured.batch.place or "the batch", what)
    outcome.result["model"] = {
        "reference": model.reference,
        "place": to_plain(model.place),
        "parameters": len(distinct),
        "values": measured.values,
    }
    outcome.result["batch"] = to_plain(measured.batch)
    if measured.search is not None:
        tries = () if synthesis is None else synthesis.tries
        outcome.result["search"] = {
            "seconds": measured.search.seconds,
            "tries": len(tries),
            "constructions": measured.search.constructions,
            "arguments": to_plain(measured.search.construction.arguments) if measured.search.construction else [],
            "inputs": None if synthesis is None else to_plain(synthesis.batch),
        }


def tell_tries(tries: Sequence[Try]) -> list[str]:
    """The tries of a search, as ``--explain`` prints them."""
    lines = [] if not tries else ["", f"tried ({len(tries)})"]
    for number, each in enumerate(tries, start=1):
        if MOST_TRIES < number <= len(tries) - MOST_TRIES // 4:
            lines += ["  ..."] if lines[-1] != "  ..." else []
            continue
        lines.append(f"  {number:>3}  {each.batch}")
        where = f" at {each.place}" if each.place else ""
        lines.append(f"       {each.operation or ''} {each.error or 'ran'}{where}".replace("  ", " ").rstrip())
    return lines


def spoken_names(model: ModelFacts, measured: TorchFacts) -> dict[PathInBatch, str]:
    """What the parts of a batch without keys are called: by the argument of forward that they feed, or ``target``."""
    names: dict[PathInBatch, str] = {}
    positional = [argument.name for argument in model.forward if argument.kind == "positional"]
    for index, fed in enumerate(measured.feeding.arguments):
        said = fed.argument or (positional[index] if index < len(positional) else None)
        if said is not None and not (fed.path and isinstance(fed.path[-1], str)):
            names[fed.path] = said
    unnamed = [path for path in measured.feeding.targets if not (path and isinstance(path[-1], str))]
    if len(unnamed) == 1:
        names[unnamed[0]] = "target"
    return names


def describe_batch(batch: BatchSpec, names: Mapping[PathInBatch, str]) -> str:
    """One line: ``label int64 [8], image float32 [8, 1, 28, 28]``, or the number of keys where there are many."""
    parts = list(leaves(batch.root))
    if len(parts) > 3 and isinstance(batch.root, Branch):
        keyed = isinstance(batch.root.entries[0][0], str)
        return f"batch is a {_kind(batch.root)} of {len(batch.root.entries)} {'keys' if keyed else 'parts'}"
    return ", ".join(f"{names.get(path, spell_path(path))} {leaf.dtype} {list(leaf.sizes)}" for path, leaf in parts)


def _kind(branch: Branch) -> str:
    return "dict" if branch.kind == "mapping" else (branch.type_name or branch.kind).rpartition(":")[2]


def tell_failure(outcome: Outcome, problem: TrainergenError, *, explain: bool = False) -> None:
    """The line that says what failed, where a gate, a probe or the user's code did."""
    if isinstance(problem, ProofFailed):
        outcome.say("fail", f"proof, gate {problem.code}", f"demanded: {problem.demand}")
        outcome.result["findings"] = list(problem.findings)
    elif isinstance(problem, UserCodeFailed):
        outcome.say("fail", "your code", problem.message.partition(": ")[0] if problem.is_excerpt else problem.message)
    elif isinstance(problem, AnswerNeeded):
        outcome.lines = [line for line in outcome.lines if line.verb == "read"]
        if explain:
            outcome.explanation = tell_tries(problem.tries)


def tell_decisions(outcome: Outcome, plan: TrainerPlan, explain: bool, tries: Sequence[str] = ()) -> None:
    """What was decided, a line each; with ``--explain`` what lost, the tries of a search, the demands on the batch."""
    for decision in plan.decisions:
        verb = "guess" if decision.assumed else "choose"
        reason = "as you said" if decision.given and not decision.reason else decision.reason
        outcome.say(verb, _subject(decision.topic, decision.choice), reason, decision.flag or "")
    outcome.result["decisions"] = [to_plain(decision) for decision in plan.decisions]
    outcome.result["trainer"] = plan.names.trainer_class
    outcome.result["batch"] = to_plain(plan.batch)
    outcome.result["objective"] = {"task": plan.objective.task, "loss": plan.objective.loss}
    if not explain:
        return
    outcome.explanation = ["", "explained"]
    for decision in plan.decisions:
        outcome.explanation.append(f"  {_subject(decision.topic, decision.choice)}")
        outcome.explanation.append(f"    because  {decision.reason or 'you said so'}")
        if decision.runner_up:
            outcome.explanation.append(f"    not      {decision.runner_up}")
        if decision.flag:
            outcome.explanation.append(f"    change   {decision.flag}")
    outcome.explanation += tries
    for check in plan.checks:
        shape = "[" + ", ".join(str(dim) for dim in check.dims) + "]"
        outcome.explanation.append(f"  check {check.variable}  {check.dtype} {shape}  {check.reason}".rstrip())


def _subject(topic: str, choice: str) -> str:
    return choice if choice.startswith(topic) or topic in ("optimizer", "scheduler") else f"{topic} {choice}"


def tell_proof(outcome: Outcome, proven: Proven) -> None:
    """What was proven, from the measurements alone."""
    evidence = proven.evidence
    outcome.result["proof"] = {
        "proven": evidence.proven,
        "gates": list(evidence.gates),
        "probes": [dict(probe) for probe in evidence.probes],
        "listed": list(evidence.listed),
    }
    if evidence.identical:
        return
    if not evidence.proven:
        said = f"--no-proof: this trainer has never taken a step; {len(evidence.gates)} static gates passed, no more"
        outcome.say("advise", "NOTHING WAS PROVEN", said)
        return
    numbers = evidence.numbers or {}
    steps = numbers.get("steps")
    first, last = numbers.get("first_loss"), numbers.get("last_loss")
    measured = isinstance(first, (int, float)) and isinstance(last, (int, float))
    moved = f"{numbers.get('moved')}/{numbers.get('parameters')} parameters moved"
    norm = numbers.get("gradient_norm")
    gradient = f", |grad| {norm:.3g}" if isinstance(norm, (int, float)) else ""
    loss = f"loss {first:.4f} -> {last:.4f}" if measured else "loss"
    outcome.say("prove", loss, f"{steps} steps on {numbers.get('device', 'cpu')}, {moved}{gradient}")
    _tell_found(outcome, proven)
    ours = len(evidence.gates)
    outcome.say("prove", f"{evidence.passed} checks", f"{ours} gates, {evidence.passed - ours} probes, none failed")


def _tell_found(outcome: Outcome, proven: Proven) -> None:
    """How the trainer is found, and what its settings are; in a project of its own what its program did with it."""
    plan = proven.plan
    joined = proven.staged.joined
    if joined is not None:
        said, name = joined.registration.said, plan.names.trainer_class
        if joined.registration.lookup is None:
            outcome.say("prove", f"import {name}", said)
        else:
            outcome.say("prove", said, f"gives {name}")
        for probe in proven.evidence.having("passed"):
            if probe["probe"] == "entry_point":
                outcome.say("prove", *probe["title"].split("  ", 1))
        return
    entry = plan.names.command.rpartition(" ")[0].replace("python train.py", "train.py")
    rate = next((setting.value for setting in plan.settings if setting.name == "learning_rate"), None)
    back = f"; {plan.names.ini_file} gives back lr {rate}" if rate else f"; {plan.names.ini_file} reads back"
    outcome.say("prove", f"{entry} --list", f"shows {plan.names.trainer_class}{back}")


def tell_files(outcome: Outcome, staged: Assembled, *, identical: bool) -> None:
    """One line a file: verb, path, lines added, what was edited there."""
    files = []
    for change in staged.change_set.changes:
        if change.private:
            continue
        verb = "identical" if identical else change.verb
        added = "" if verb == "identical" else f"{change.added_lines:+}"
        outcome.say(verb, change.path, f"{added:>5}   {change.label}".rstrip() if added else "")
        files.append(
            {"path": change.path, "verb": verb, "added": 0 if identical else change.added_lines, "label": change.label}
        )
    outcome.result["files"] = files


def tell_advice(outcome: Outcome, proven: Proven, doubts: Sequence[str] = ()) -> None:
    """What doesn't block, but should be known; and what was not measured."""
    plan, evidence = proven.plan, proven.evidence
    advice: list[dict[str, Any]] = []
    for probe in evidence.having("advice"):
        place = probe.get("place")
        where = f"{place['file']}:{place['line']}" if place else probe["probe"]
        outcome.say("advise", where, probe["title"])
        advice.append(dict(probe))
    for probe in evidence.having("unmeasured"):
        outcome.say("advise", f"{probe['probe']} not measured", probe["title"])
        advice.append(dict(probe))
    for doubt in doubts:
        outcome.say("advise", "the batch was found", doubt)
        advice.append({"probe": "search", "status": "advice", "title": doubt})
    if not evidence.proven and not evidence.identical:
        title = "nothing was proven (--no-proof): this trainer has never taken a step"
        advice.append({"probe": "proof", "status": "unmeasured", "title": title})
    guesses = sum(decision.assumed for decision in plan.decisions)
    if guesses:
        noun = "guess is" if guesses == 1 else "guesses are"
        outcome.say("advise", f"{guesses} {noun} marked", '"# assumed:" on its line in the new file')
    if plan.data.kind == "stub":
        outcome.say(
            "advise", "no loader was given", f"write build_dataloaders in {plan.names.trainer_file} before training"
        )
    outcome.result["advice"] = advice


MOST_OFFERED = 3
"""Functions of the project's own that are named."""


def offer(outcome: Outcome, kind: str, flag: str, names: Sequence[str]) -> None:
    """The project's own losses or metrics, which were not tried: only their author knows what they are for."""
    functions = [each for each in names if each.rpartition(":")[2].islower()]
    if functions:
        more = f", and {len(functions) - MOST_OFFERED} more" if len(functions) > MOST_OFFERED else ""
        outcome.say("advise", f"your own {kind}", f"{', '.join(functions[:MOST_OFFERED])}{more}: {flag} {functions[0]}")


def close(outcome: Outcome, request: NewRequest, proven: Proven) -> None:
    """The last line, and what makes sense next."""
    staged, evidence = proven.staged, proven.evidence
    train = proven.staged.command
    outcome.next_steps = [*([train] if train else []), "trainergen undo"]
    count = sum(not change.private for change in staged.change_set.effective)
    files = f"{count} file{'' if count == 1 else 's'}"
    outcome.result["written"] = outcome.written
    if evidence.identical:
        outcome.closing = f"Nothing to do ({{seconds}}): every file is as it would be generated.{_train(train)}"
        outcome.next_steps = [train] if train else []
    elif request.dry_run:
        checks = f"{evidence.passed} checks" if evidence.proven else f"{len(evidence.gates)} static gates"
        outcome.closing = (
            f"Nothing was written: --dry-run ({{seconds}}); {files} and {checks} would stand{_unproven(evidence)}."
        )
        outcome.next_steps = [request.invocation.replace(" --dry-run", "")]
    else:
        outcome.closing = (
            f"Done in {{seconds}}, {files} at once{_unproven(evidence)}.{_train(train)}  Back: trainergen undo"
        )


def _train(command: str) -> str:
    return f"  Train: {command}" if command else ""


def _unproven(evidence: Evidence) -> str:
    return "" if evidence.proven else ", NOTHING WAS PROVEN"
