"""The verbs beside `new`: `init`, `undo`, and the catalogue that `list` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .inspection.project import find_root, read_project
from .settings import read_settings

if TYPE_CHECKING:
    from .outcome import Outcome


def init(project: Path | None, package: str | None, vendor: bool | None, dry_run: bool, outcome: Outcome) -> None:
    """Create the default project, as one change set; what exists stays as it is."""
    from .assembly import scaffold_files
    from .staging.change_set import Change, ChangeSet
    from .staging.commit import commit
    from .staging.diff import render_diff
    from .staging.journal import recover

    root, _ = find_root(project, Path.cwd())
    settings = read_settings(root)
    recover(root)
    facts = read_project(project, Path.cwd(), package or settings.package)
    overrides = root / settings.templates if settings.templates else None
    files = scaffold_files(facts, overrides, vendored=facts.vendored or bool(vendor) or settings.vendor)
    changes = tuple(
        Change(path, None, rendered.text.encode("utf-8"), executable=rendered.executable, shared=True)
        for path, rendered in files.items()
    )
    change_set = ChangeSet("", changes)
    for change in changes:
        outcome.say("create", change.path, f"{'+' + str(change.added_lines):>5}")
    outcome.result["files"] = [{"path": each.path, "verb": "create", "added": each.added_lines} for each in changes]
    outcome.next_steps = ["trainergen new --model model.py:YourModel"]
    if not changes:
        outcome.closing = "Nothing to do ({seconds}): the default project is here already."
    elif dry_run:
        outcome.diff = render_diff(change_set)
        outcome.closing = f"Nothing was written: --dry-run ({{seconds}}); {len(changes)} files would be created."
    else:
        commit(root, change_set, verb="init")
        outcome.written = True
        outcome.closing = (
            f"Done in {{seconds}}, {len(changes)} files at once.  Next: {outcome.next_steps[0]}  Back: trainergen undo"
        )
    outcome.result["written"] = outcome.written


def undo(project: Path | None, name: str | None, force: bool, outcome: Outcome) -> None:
    """Take a change set back."""
    from .staging.undo import undo as take_back

    root, _ = find_root(project, Path.cwd())
    report = take_back(root, name, force=force)
    # A file may be taken back in two steps, the trainer's text and then the project's file: what came of it is told.
    files = {each.path: each for each in report.files if not each.private}
    for each in files.values():
        outcome.say(each.verb.split(" ")[0], each.path, each.label)
    outcome.written = True
    outcome.result = {
        "trainer": report.trainer,
        "files": [{"path": each.path, "verb": each.verb, "label": each.label} for each in files.values()],
        "folders": list(report.folders),
    }
    what = report.trainer or "the default project"
    noun = "1 file" if len(files) == 1 else f"{len(files)} files"
    outcome.closing = f"Undone in {{seconds}}: {what}, {noun} at once."


def catalogue(project: Path | None, what: str | None, outcome: Outcome) -> None:
    """Everything one can name on the command line, and the trainers of this project."""
    from .families.torch import objectives, optimizers, schedulers
    from .patching.project import registry_styles
    from .planning.wishes import PATTERNS
    from .resources import resource_folder

    sections: dict[str, list[tuple[str, str]]] = {}
    if what in (None, "patterns"):
        sections["patterns"] = [(name, PATTERN_HELP[name]) for name in PATTERNS]
    if what in (None, "losses"):
        sections["losses"] = [
            (loss, f"{name}: {reason}")
            for name, task in objectives.tasks().items()
            for loss, reason in task.LOSSES.items()
        ]
    if what in (None, "metrics"):
        sections["metrics"] = [
            (metric, f"{name}: {'over the epoch' if metric in task.EPOCH_METRICS else 'mean of the batches'}")
            for name, task in objectives.tasks().items()
            for metric in (*task.METRICS, *task.EPOCH_METRICS)
        ]
    if what in (None, "optimizers"):
        sections["optimizers"] = [(name, each.class_name) for name, each in optimizers.LISTED.items()]
    if what in (None, "schedulers"):
        sections["schedulers"] = [(name, f"once every {each.cadence}") for name, each in schedulers.LISTED.items()]
    if what in (None, "registries"):
        sections["registries"] = [(name, _first_line(style.__doc__)) for name, style in registry_styles().items()]
    if what in (None, "templates"):
        folder = resource_folder("templates")
        sections["templates"] = [(path.relative_to(folder).as_posix(), "") for path in sorted(folder.rglob("*.j2"))]
    if what in (None, "trainers"):
        facts = read_project(project, Path.cwd(), read_settings(find_root(project, Path.cwd())[0]).package)
        sections["trainers"] = [(key, "") for key in facts.registry]
    for title, entries in sections.items():
        for name, about in entries:
            outcome.say(title, name, about)
    outcome.result = {title: list(dict.fromkeys(name for name, _ in entries)) for title, entries in sections.items()}
    count = sum(len(entries) for entries in sections.values())
    outcome.closing = "1 entry." if count == 1 else f"{count} entries."


PATTERN_HELP = {
    "simple": "a tensor, or an (input, target) pair",
    "structured": "a dict, dataclass or namedtuple whose keys match forward's arguments",
    "multi-tensor": "inputs that need preparation; overrides _forward_batch",
    "ranking": "scores against true_ranks",
    "custom-optimizer": "an optimizer, parameter groups or scheduler of its own",
}


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]
