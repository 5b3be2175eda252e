"""The handover of `new`: six sections in Markdown, its checklist made from what was measured alone."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import Conflict, MachineRefused, UnusableInput
from .inspection.batch_spec import leaves, spell_path, spell_shape
from .proving import contract_gates
from .rendering.engine import Engine

if TYPE_CHECKING:
    from .families.torch.facts import TorchFacts
    from .inspection.project_facts import ProjectFacts
    from .planning.plan import TrainerPlan
    from .record import Insertion
    from .stages import Evidence, Facts, Proven
    from .staging.change_set import ChangeSet

LANGUAGES = {
    ".py": "python",
    ".ini": "ini",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".toml": "toml",
    ".md": "markdown",
}
HEAVY_OPTIMIZER_STATE = 2  # AdamW keeps two values a parameter (Loshchilov and Hutter 2019, algorithm 2)


@dataclass(frozen=True)
class Item:
    """A line of the checklist."""

    done: bool
    text: str


def check_handover(file: Path, *, force: bool) -> None:
    """Before anything is built. A handover is the user's from then on: no change set holds it, undo leaves it.

    Raises:
        UnusableInput: its folder does not exist.
        Conflict: something else stands there; `force` replaces it.
        MachineRefused: its folder can't be written to.
    """
    if not file.absolute().parent.is_dir():
        raise UnusableInput(f"--handover {file}: no such folder", place=str(file.parent), hint="create it first")
    if not os.access(file.absolute().parent, os.W_OK):
        raise MachineRefused(
            f"--handover {file}: permission denied", place=str(file.parent), hint="name another folder"
        )

    if file.exists() and not force and "\n## 1. Overview\n" not in file.read_text(encoding="utf-8", errors="replace"):
        raise Conflict(
            f"--handover {file}: a file is there, and it is no handover",
            place=str(file),
            hint="name another file, or say --force to replace it",
        )


def check_apart(file: Path, change_set: ChangeSet, root: Path) -> None:
    """Before anything is written.

    Raises:
        Conflict: the change set writes a file of that path.
    """
    taken = {(root / change.path).resolve() for change in change_set.changes}
    if file.resolve() in taken:
        raise Conflict(
            f"--handover {file}: that file belongs to the project", place=str(file), hint="name another file"
        )


def write_handover(file: Path, text: str) -> None:
    """Write the handover to `file`, whole or not at all."""
    partial = file.with_name(file.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def render_handover(facts: Facts, proven: Proven) -> str:
    """The handover as Markdown."""
    plan, staged, evidence = proven.plan, proven.staged, proven.evidence
    project, model, measured = facts.project, facts.model, facts.measured
    names = plan.names
    settings = _settings_files(proven)
    shown = {path: touched(path, insertion) for path, insertion in staged.inserted.items()}
    shown |= {path: text.rstrip("\n") for path, text in staged.created.items() if path != names.trainer_file}
    home = facts.home
    entry = None if home is None else home.training.entry
    if home is None:
        list_command = f"{names.command.rpartition(' ')[0]} --list"
    else:
        list_command = "" if entry is None or not entry.lists else f"{entry.command} {entry.lists}"
    variables = {
        "plan": plan,
        "names": names,
        "model_place": str(model.place),
        "parameters": sum(parameter.tied_to is None for parameter in measured.parameters),
        "values": measured.values,
        "batch_lines": list(_batch_lines(plan)),
        "settings": [(path, text, _language(path)) for path, text in shown.items() if path in settings],
        "trainer_text": staged.texts[names.trainer_file].rstrip("\n"),
        "integration": [(path, text, _language(path)) for path, text in shown.items() if path not in settings],
        "list_command": list_command,
        "listed": "\n".join(evidence.listed) or names.trainer_class,
        "usage": _usage(plan, project) if home is None else _own_usage(plan),
        "command": staged.command,
        "own": home is not None,
        "checklist": list(_checklist(plan, evidence, own=home is not None)),
        "expected": _expected(evidence, own=home is not None),
        "limitations": list(_limitations(plan, evidence, measured)),
        "suggestions": list(_suggestions(plan, measured, own=home is not None)),
    }
    return Engine(None, Path(project.root)).render("handover.md.j2", variables).text


def _settings_files(proven: Proven) -> set[str]:
    """Paths of the files that hold the trainer's settings."""
    joined = proven.staged.joined
    if joined is None:
        return {proven.plan.names.config_file}
    return {*joined.configuration.edits, *joined.configuration.created} - set(joined.registration.edits)


def _language(path: str) -> str:
    return LANGUAGES.get(Path(path).suffix, "text")


def _own_usage(plan: TrainerPlan) -> str:
    """In a project with trainers of its own: as its other trainers are used."""
    return f"from {plan.names.trainer_module} import {plan.names.trainer_class}"


def touched(path: str, insertion: Insertion) -> str:
    """What stands in a shared file for this trainer, complete in itself.

    Of a Python file these are the whole statements that hold its pieces, so that the text can be parsed; of any other
    the pieces.
    """
    if not path.endswith(".py"):
        return "\n".join(piece.strip("\n") for piece in insertion.pieces)
    data = insertion.text.encode("utf-8")
    lines = data.decode("utf-8-sig").splitlines()
    ranges = [(data[:start].count(b"\n") + 1, data[:end].rstrip().count(b"\n") + 1) for start, end in insertion.spans]
    blocks = []
    for statement in ast.parse(data).body:
        decorators = [each.lineno for each in getattr(statement, "decorator_list", ())]
        first, last = min([statement.lineno, *decorators]), statement.end_lineno or statement.lineno
        if any(first <= end and start <= last for start, end in ranges):
            blocks.append((first, last))
    text: list[str] = []
    for number, (first, last) in enumerate(blocks):
        between = lines[blocks[number - 1][1] : first - 1] if number else []
        text += ["", ""] if any(between) else between  # what is left out leaves the gap between definitions
        text += lines[first - 1 : last]
    return "\n".join(text)


def _batch_lines(plan: TrainerPlan) -> Iterator[str]:
    for path, leaf in leaves(plan.batch.root):
        note = "" if leaf.source == "given" else f"  ({leaf.source})"
        yield f"{spell_path(path):<20} {leaf.dtype} {spell_shape(leaf.dims)}{note}"


def _usage(plan: TrainerPlan, project: ProjectFacts) -> str:
    names = plan.names
    raises = "  # raises with instructions until build_dataloaders is written" if plan.data.kind == "stub" else ""
    own = plan.data.kind == "loader" and plan.data.validation_name is not None
    return "\n".join(
        [
            "from pathlib import Path",
            "",
            f"from {project.train_module} import get_trainer",
            "",
            f'trainer_class = get_trainer("{names.trainer_class}")',
            f"trainer = trainer_class.from_config(){raises}",
            "history = trainer.train()",
            'print(history[-1]["train"]["loss"])',
            f"print(trainer.evaluate({'' if own else 'trainer.dataloader'}))",
            'plot = trainer_class.replot_metric(Path(trainer.run_directory) / "history.jsonl", "loss")',
        ]
    )


def _checklist(plan: TrainerPlan, evidence: Evidence, *, own: bool) -> Iterator[Item]:
    fulfilled = contract_gates(plan.contract)
    for code in evidence.gates:
        from .gates.engine import GATES

        yield Item(True, f"{code} {fulfilled.get(code, GATES[code].name) if own else GATES[code].name}")
    for probe in evidence.probes:
        yield Item(probe["status"] in ("passed", "advice"), f"{probe['probe']}: {probe['title']}")
    if evidence.identical:
        yield Item(False, "nothing was run this time: every file is as it was when it was generated")
    elif not evidence.proven:
        yield Item(False, "NOTHING WAS PROVEN (--no-proof): this trainer has never taken a step")
    if not own:
        yield Item(False, f"test command: `{plan.names.command} --dry-run`")


def _expected(evidence: Evidence, *, own: bool) -> str:
    numbers = evidence.numbers or {}
    if "first_loss" not in numbers:
        return "not measured."
    first = f"the first loss is near {numbers['first_loss']:.4g} (measured on the proof's batch, seed 0), and falls"
    return f"{first}." if own else f"{first}; weights, history and plots lie below `model_save_directory`."


def _limitations(plan: TrainerPlan, evidence: Evidence, measured: TorchFacts) -> Iterator[str]:
    if plan.data.kind == "stub":
        yield "No loader was given: `build_dataloaders` raises with instructions until you write it."
    if not evidence.proven and not evidence.identical:
        yield "Nothing was proven: generated with --no-proof; run the same command without it."
    elif measured.device == "cpu" and evidence.proven:
        yield "Proven on the CPU only; `--device cuda` proves it on a GPU."
    if plan.data.kind != "stub" and plan.data.validation_name is None:
        yield "There is no validation loader: the scheduler and early stopping watch the training loss."
    for decision in plan.decisions:
        if decision.assumed:
            yield f"Assumed: {decision.topic} {decision.choice} ({decision.reason})."
    for probe in evidence.having("unmeasured"):
        yield f"Not measured: {probe['probe']}: {probe['title']}"
    for probe in evidence.having("advice"):
        yield f"{probe['title']}"


def _suggestions(plan: TrainerPlan, measured: TorchFacts, *, own: bool) -> Iterator[str]:
    size = 8 if measured.dtype == "float64" else 4
    weights = measured.values * size
    state = weights * (2 + (HEAVY_OPTIMIZER_STATE if plan.optimizer.is_default else 1))
    yield (
        f"Memory: weights {_megabytes(weights)}; with gradients and optimizer state about {_megabytes(state)} before activations; "
        f"the lab's process peaked at {_megabytes(measured.peak_memory)} on a batch of {measured.batch.samples}."
    )
    if measured.batch_norm:
        yield "Convergence: BatchNorm needs at least two samples a batch, and drop_last where the last batch may have one."
    if not own:
        metrics = ", ".join((*plan.objective.metrics, *plan.objective.epoch_metrics)) or "the loss alone"
        yield f"Watch: {metrics}; and gradient_norm, which the runtime logs, for the first hundred steps."
    if plan.objective.classes is not None and plan.objective.classes > 2:
        yield f"The first cross-entropy of an untrained classifier is near ln({plan.objective.classes})."


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
