"""What `inspect` tells: facts, what was tried and found, as report lines, and the same as data for ``--json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .inspection.batch_spec import leaves, spell_path, spell_shape
from .inspection.examination import SEVERITIES
from .inspection.expressions import spell
from .narrative import spoken_names
from .plain import tagged, to_plain

if TYPE_CHECKING:
    from pathlib import Path

    from .examining import Examination
    from .families.torch.facts import TorchFacts
    from .inspection.batch_spec import Leaf
    from .inspection.batch_spec import Path as PathInBatch
    from .inspection.construction import BuiltArgument
    from .inspection.examination import Finding
    from .inspection.model_facts import ModelFacts
    from .outcome import Outcome
    from .planning.plan import TrainerPlan

ROWS = 8
"""Modules and layers that the text shows; the rest is in ``--json`` and ``--html``."""

WORDS = {"fail": "failures", "warn": "warnings", "note": "notes", "ok": "well"}


@dataclass(frozen=True)
class Given:
    """One constructor argument: what it is, who says so, why, and whether that is a guess."""

    name: str
    value: str
    source: str
    reason: str
    assumed: bool = False


@dataclass(frozen=True)
class Port:
    """One tensor that goes in, comes out, or is compared with.

    Attributes:
        role: ``input``, ``output`` or ``target``.
        name: the argument of forward, the key, or ``output``.
        meaning: its dimensions, ``[batch, channels, 28, 28]``: a word may vary, a number was seen to be fixed.
        low, high: of the values, both inclusive.
    """

    role: str
    name: str
    dtype: str
    meaning: str
    sizes: tuple[int, ...]
    low: int | float | None
    high: int | float | None
    source: str
    place: str | None


def construction(examination: Examination) -> tuple[Given, ...]:
    """Every argument of the constructor, in signature order, with where its value came from."""
    model, wishes = examination.model, examination.wishes
    search = examination.facts.search
    built = search.construction if search is not None else None
    found: dict[str, BuiltArgument] = {} if built is None else {each.name: each for each in built.arguments}
    said = dict(wishes.model_arguments)
    rows = []
    for argument in model.init:
        if argument.name in said:
            value = spell(tagged(said[argument.name])).text
            rows.append(Given(argument.name, value, "given", "--model-arg"))
        elif argument.name in found:
            each = found[argument.name]
            where = f"{each.reason} ({each.place})" if each.place else each.reason
            rows.append(Given(argument.name, spell(each.value).text, each.source, where, each.assumed))
        elif argument.default is not None:
            rows.append(Given(argument.name, argument.default, "default", "the signature's default"))
        elif wishes.factory is not None:
            rows.append(Given(argument.name, "?", "given", f"{wishes.factory} gives it"))
    return tuple(rows)


def names(model: ModelFacts, facts: TorchFacts, plan: TrainerPlan | None) -> dict[PathInBatch, str]:
    """What each part of the batch is called: by its key, else by the argument or the variable that it becomes."""
    if plan is None:
        spoken = spoken_names(model, facts)
        return {path: spoken.get(path, spell_path(path)) for path, _ in leaves(facts.batch.root)}
    variables = {each.path: each.variable for each in plan.inputs} | plan.objective.judged
    found = {}
    for path, _ in leaves(plan.batch.root):
        keyed = any(isinstance(key, str) for key in path)
        found[path] = spell_path(path) if keyed else variables.get(path, spell_path(path))
    return found


def ports(examination: Examination) -> tuple[Port, ...]:
    """Inputs, outputs and targets, with the meaning of their dimensions."""
    facts, plan = examination.facts, examination.plan
    called = names(examination.model, facts, plan)
    fed = [each.path for each in (facts.feeding.arguments if plan is None else plan.inputs)]
    targets = set(facts.feeding.targets) | (set() if plan is None else set(plan.objective.judged))
    found = []
    for path, leaf in leaves((facts.batch if plan is None else plan.batch).root):
        goes_in = any(path[: len(each)] == each for each in fed) or (facts.feeding.whole and path not in targets)
        found.append(_port("input" if goes_in else "target", called[path], leaf))
    for output in facts.output:
        name = spell_path(output.path) if output.path else "output"
        dims, low, high = spell_shape(output.dims), output.low, output.high
        found.append(Port("output", name, output.dtype, dims, output.sizes, low, high, "measured", None))
    return tuple(found)


def tell(outcome: Outcome, examination: Examination) -> None:
    """Everything but the closing line."""
    model, facts, plan = examination.model, examination.facts, examination.plan
    distinct = [parameter for parameter in facts.parameters if parameter.tied_to is None]
    place = str(model.place)
    outcome.lines = [line for line in outcome.lines if (line.verb, line.subject) != ("read", place)]
    outcome.say("read", place, f"{model.kind} {model.name}, {len(distinct)} parameters, {facts.values:,} values")
    for given in construction(examination):
        verb = "guess" if given.assumed else "build"
        outcome.say(verb, f"{given.name}={_short(given.value)}", given.reason, "--model-arg" if given.assumed else "")
    for port in ports(examination):
        verb = {"input": "take", "output": "give", "target": "compare"}[port.role]
        between = "" if port.low is None else f", {port.low:.4g} to {port.high:.4g}"
        guess = f", a guess: {port.place or 'it runs'}" if port.source == "assumed" else ""
        outcome.say(verb, port.name, f"{port.dtype} {port.meaning}{between}{guess}", "--batch" if guess else "")
    _tell_plan(outcome, examination)
    _tell_modules(outcome, examination.figures("model.parameters"))
    _tell_layers(outcome, examination.figures("model.signals").get("rows", ()))
    for trial in examination.trials:
        where = f" at {trial.place}" if trial.place else ""
        said = f"{trial.outcome}: {trial.detail}" if trial.detail else trial.outcome
        outcome.say("try", trial.name, f"{said}{where}")
    _tell_findings(outcome, examination)
    outcome.result = as_data(examination)
    if plan is None and examination.question is not None:
        outcome.result["question"] = examination.question.as_plain()


def tell_survey(outcome: Outcome, findings: Sequence[Finding]) -> None:
    """What the loader's values alone gave, where the model failed on them."""
    for finding in findings:
        outcome.say(finding.severity, finding.subject, finding.evidence)
        outcome.say("advise", finding.id, finding.advice)
    if findings:
        outcome.result["findings"] = [to_plain(each) for each in findings]


def as_data(examination: Examination) -> dict[str, Any]:
    """The ``result`` of ``--json``."""
    model, facts, plan = examination.model, examination.facts, examination.plan
    return {
        "model": {
            "reference": model.reference,
            "name": model.name,
            "kind": model.kind,
            "place": to_plain(model.place),
            "parameters": sum(parameter.tied_to is None for parameter in facts.parameters),
            "values": facts.values,
        },
        "construction": [to_plain(each) for each in construction(examination)],
        "ports": [to_plain(each) for each in ports(examination)],
        "batch": to_plain(facts.batch if plan is None else plan.batch),
        "objective": None if plan is None else to_plain(plan.objective),
        "decisions": [] if plan is None else [to_plain(each) for each in _decisions(examination)],
        "environment": {"python": facts.python, "torch": facts.torch, "device": facts.device},
        "findings": [to_plain(each) for each in examination.findings],
        "trials": [to_plain(each) for each in examination.trials],
        "measurements": {each.name: each.examined.facts for each in examination.measured if each.problem is None},
        "unmeasured": {each.name: each.problem for each in examination.measured if each.problem is not None},
    }


def counts(examination: Examination) -> dict[str, int]:
    """Findings of each severity, the worst first."""
    return {level: sum(each.severity == level for each in examination.findings) for level in SEVERITIES}


def word_for(number: int, level: str) -> str:
    """``failures``, ``failure``."""
    return WORDS[level].removesuffix("s") if number == 1 else WORDS[level]


def close(outcome: Outcome, examination: Examination, html: Path | None) -> None:
    """The last line, and what makes sense next."""
    found = counts(examination)
    said = ", ".join(_counted(number, level) for level, number in found.items() if number)
    outcome.result["summary"] = found
    report = f"  Report: {html}" if html is not None else ""
    next_step = f"trainergen new --model {examination.model.reference}"
    outcome.next_steps = [next_step]
    outcome.closing = f"Inspected in {{seconds}}: {said or 'nothing found'}.{report}  Train: {next_step}"


def _tell_plan(outcome: Outcome, examination: Examination) -> None:
    if examination.plan is None:
        assert examination.question is not None
        flags = "  ".join(examination.question.flags)
        outcome.say("advise", "no loss was chosen", f"{examination.question.message}; {flags}".rstrip("; "))
        return
    for decision in _decisions(examination):
        verb = "guess" if decision.assumed else "choose"
        subject = decision.choice if decision.topic == "optimizer" else _named(decision.topic, decision.choice)
        outcome.say(verb, subject, decision.reason or "you said so", decision.flag or "")


def _decisions(examination: Examination) -> list[Any]:
    assert examination.plan is not None
    wanted = ("target", "prediction", "loss", "optimizer", "scheduler", "task")
    return [each for each in examination.plan.decisions if each.topic in wanted]


def _named(topic: str, choice: str) -> str:
    return choice if choice.startswith(topic) else f"{topic} {choice}"


def _tell_modules(outcome: Outcome, figures: Mapping[str, Any]) -> None:
    rows: Sequence[Mapping[str, Any]] = figures.get("rows", ())
    total = max(1, int(figures.get("total", 0)))
    largest = sorted(rows, key=lambda row: -int(row["values"]))[:ROWS]
    for row in rows:
        if row in largest:
            trained = "trained" if row["trainable"] == row["values"] else f"{row['trainable']:,} trained"
            shared = ", shared" if row["shared"] else ""
            said = f"{row['values']:,} values ({row['values'] / total:.0%}), {row['dtype']}, {trained}{shared}"
            outcome.say("hold", f"{row['module']} ({row['type']})", said)
    _tell_rest(outcome, "hold", len(rows) - len(largest), "modules")


def _tell_layers(outcome: Outcome, rows: Sequence[Mapping[str, Any]]) -> None:
    shown = rows if len(rows) <= ROWS else [*rows[: ROWS // 2], *rows[-ROWS // 2 :]]
    for row in shown:
        said = f"out mean {_number(row['mean'])} std {_number(row['std'])}, {row['zeros']:.0%} zeros"
        if row["weight"] and row["weight_gradient"] is not None:
            said += f", |grad|/|weight| {row['weight_gradient'] / row['weight']:.2g}"
        outcome.say("layer", f"{row['name']} ({row['kind']})", said)
    _tell_rest(outcome, "layer", len(rows) - len(shown), "layers between")


def _tell_rest(outcome: Outcome, verb: str, count: int, noun: str) -> None:
    if count > 0:
        outcome.say(verb, f"{count} {noun} more", "--json and --html show all")


def _tell_findings(outcome: Outcome, examination: Examination) -> None:
    """The worst first, each with its advice; what is well in one line."""
    for level in SEVERITIES:
        for finding in examination.findings:
            if finding.severity == level:
                outcome.say(level, finding.subject, finding.evidence)
                if level != "ok":
                    outcome.say("advise", finding.id, finding.advice)
    for measured in examination.measured:
        if measured.problem is not None:
            outcome.say("note", f"{measured.name} not measured", measured.problem)


def _port(role: str, name: str, leaf: Leaf) -> Port:
    dims = spell_shape(leaf.dims)
    high = leaf.high - 1 if isinstance(leaf.high, int) and "int" in leaf.dtype else leaf.high
    return Port(role, name, leaf.dtype, dims, leaf.sizes, leaf.low, high, leaf.source, leaf.place)


def _number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.2g}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def _counted(number: int, level: str) -> str:
    return f"{number} {word_for(number, level)}"
