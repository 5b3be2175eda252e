"""A plan as a change set: new files from rendering, edits from patching, and the record, in one piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import Conflict
from .home import Home, Joined, join
from .inspection.module_names import module_name
from .inspection.project_facts import ProjectFacts
from .patching.draft import Edit
from .patching.project import edit_project
from .planning.plan import TrainerPlan
from .planning.wishes import Wishes
from .record import Insertion, write_record
from .rendering.contract_view import render_under_contract
from .rendering.engine import Engine
from .rendering.formatting import warm
from .rendering.rendered import Rendered
from .rendering.scaffold import render_scaffold
from .rendering.trainer import render_trainer, trainer_templates
from .staging.change_set import Change, ChangeSet
from .staging.durable import read

if TYPE_CHECKING:
    from .standing import Standing


@dataclass(frozen=True)
class Assembled:
    """A change set with what the proof and the report need beside it.

    Attributes:
        change_set: what is to be written.
        texts: every staged file as text, for the gates and the lab.
        origins: path -> rendered file, for "from template:line".
        root: the project's folder.
        created: path -> text of each file that is wholly this trainer's, as generated.
        inserted: path -> a shared file as generated, with this trainer's pieces of it.
        house: the team's folder of templates as origins show it; empty without one.
        joined: the registry entry and the settings, in a project with trainers of its own.
        modules: import name -> path of the staged modules; scripts and tests are none.
        command: what trains it, as typed in the project's root; "" where nothing starts trainings.
    """

    change_set: ChangeSet
    texts: Mapping[str, str]
    origins: Mapping[str, Rendered]
    created: Mapping[str, str]
    inserted: Mapping[str, Insertion]
    root: str
    house: str = ""
    joined: Joined | None = None
    modules: Mapping[str, str] = field(default_factory=dict)
    command: str = ""

    @property
    def checked(self) -> Mapping[str, str]:
        """The texts that the gates look at: ours; of a project with trainers of its own the new files alone."""
        return self.texts if self.joined is None else {path: self.texts[path] for path in self.created}

    def origin(self, path: str, line: int) -> str | None:
        """Which template line wrote a staged line."""
        rendered = self.origins.get(path)
        return rendered.origin(line) if rendered is not None else None

    def of_the_house(self, path: str) -> dict[str, int]:
        """Lines of the team's own templates that wrote some of a staged file: ``house/loss.py.j2:9`` -> staged line."""
        rendered = self.origins.get(path)
        if rendered is None or not self.house:
            return {}
        found: dict[str, int] = {}
        for number, origin in enumerate(rendered.origins, start=1):
            if origin is not None and origin.startswith(f"{self.house}/"):
                found.setdefault(origin, number)
        return found


@dataclass(frozen=True)
class Ground:
    """What does not depend on the plan: the files of the default project that are missing, and the team's templates."""

    scaffold: Mapping[str, Rendered]
    engine: Engine


def lay_ground(
    project: ProjectFacts, overrides: Path | None, family: str, *, vendored: bool, home: Home | None = None
) -> Ground:
    """Render the scaffold, and have templates and formatter ready: torch is still being imported in the lab.

    In a project with trainers of its own nothing is missing.
    """
    root = Path(project.root)
    engine = Engine(overrides, root)
    scaffold = scaffold_files(project, overrides, vendored=vendored) if home is None else {}
    engine.compile_all(trainer_templates(family, "default" if home is None else home.contract.kind))
    warm(root, project.formatter)
    return Ground(scaffold, engine)


def assemble(
    plan: TrainerPlan,
    project: ProjectFacts,
    wishes: Wishes,
    ground: Ground,
    standing: Standing | None,
    home: Home | None = None,
) -> Assembled:
    """Everything that the plan changes, in memory.

    Args:
        plan: what to render.
        project: where it goes.
        wishes: kept in the record.
        ground: as `lay_ground` gave it.
        standing: what an earlier run left of the same trainer: it is left out of what is read.
        home: the project's own way to train; None for the default project.

    Raises:
        Conflict: a file can't be edited, is a folder, or a new one is not ours.
    """
    root = Path(project.root)

    def on_disk(path: str) -> bytes | None:
        try:
            return standing.read(path) if standing is not None else read(root / path)
        except IsADirectoryError:
            raise Conflict(f"{path} is a folder", place=path, hint="move it away, or say --package NAME") from None

    scaffold = ground.scaffold
    own = standing.record.created if standing is not None else ()

    def now(path: str) -> bytes:
        data = on_disk(path)
        if data is not None:
            return data
        if path in scaffold:
            return scaffold[path].text.encode("utf-8")
        raise Conflict(
            f"{path} is missing from the project, whose other parts are there",
            place=path,
            hint="take it back from version control, or run: trainergen init",
        )

    if home is None:
        rendered = render_trainer(plan, project, engine=ground.engine, own=own)
        files, pieces, joined = rendered.files, rendered.pieces, None
        edits = edit_project(plan.names, rendered.parts, now, width=project.formatter.line_length)
    else:
        files, joined = _at_home(plan, home, project, ground.engine, on_disk, now)
        pieces, edits = {}, joined.edits
        plan = replace(plan, names=replace(plan.names, command=home.command(joined.registration.key)))
    changes = [
        *_scaffold_changes(scaffold, edits),
        *_own_changes(files, on_disk),
        *(
            Change(path, on_disk(path), edit.after, edit.spans, edit.label, shared=False)
            for path, edit in edits.items()
            if path not in scaffold
        ),
    ]
    inserted = {path: Insertion(edit.after.decode("utf-8"), edit.spans) for path, edit in edits.items()}
    created = {path: each.text for path, each in files.items()}
    note = write_record(plan, wishes, created, inserted).encode("utf-8")
    texts = {change.path: _text(change) for change in changes}
    changes.append(Change(plan.names.record_file, None, note, private=True))
    return Assembled(
        ChangeSet(plan.names.trainer_class, tuple(changes)),
        texts,
        {**scaffold, **files, **_edited(edits, pieces, scaffold)},
        created,
        inserted,
        project.root,
        _shown(ground.engine.templates.overrides, root),
        joined,
        _modules(texts, home, root),
        plan.names.command,
    )


def _at_home(
    plan: TrainerPlan,
    home: Home,
    project: ProjectFacts,
    engine: Engine,
    on_disk: Callable[[str], bytes | None],
    now: Callable[[str], bytes],
) -> tuple[dict[str, Rendered], Joined]:
    """The new files under the project's own contract, and what joins its registry and settings."""

    def render(found: Joined) -> Rendered:
        style = home.training.style
        return render_under_contract(
            plan, home.contract, style, found.registration, found.configuration, project, engine, now
        )

    joined = join(home, plan, project, on_disk, lambda found: render(found).text)
    settings = {path: Rendered(text) for path, text in joined.configuration.created.items()}
    return {plan.names.trainer_file: render(joined), **settings}, joined


def _modules(texts: Mapping[str, str], home: Home | None, root: Path) -> dict[str, str]:
    """Import name -> path. The program that starts trainings is no module, nor what a folder of its name hides."""
    python = [path for path in texts if path.endswith(".py")]
    if home is None:
        return {module_name(path): path for path in python if path != "train.py" and not path.startswith("tests/")}
    program = home.training.entry.file if home.training.entry is not None else ""
    roots = home.training.roots
    return {
        module_name(path, roots): path
        for path in python
        if path != program and not (root / path.removesuffix(".py")).is_dir()
    }


def scaffold_files(project: ProjectFacts, overrides: Path | None, *, vendored: bool) -> dict[str, Rendered]:
    """The files of the default project that are missing; none where the project is there: what was removed stays so."""
    return {} if project.scaffold else render_scaffold(project, vendored=vendored, overrides=overrides)


def _scaffold_changes(scaffold: Mapping[str, Rendered], edits: Mapping[str, Edit]) -> list[Change]:
    changes = []
    for path, rendered in scaffold.items():
        edit = edits.get(path)
        after = edit.after if edit is not None else rendered.text.encode("utf-8")
        spans = edit.spans if edit is not None else ()
        label = edit.label if edit is not None else ""
        changes.append(Change(path, None, after, spans, label, rendered.executable, shared=True))
    return changes


def _own_changes(files: Mapping[str, Rendered], on_disk: Callable[[str], bytes | None]) -> list[Change]:
    return [
        Change(path, on_disk(path), rendered.text.encode("utf-8"), executable=rendered.executable)
        for path, rendered in files.items()
    ]


def _edited(
    edits: Mapping[str, Edit], pieces: Mapping[str, Rendered], scaffold: Mapping[str, Rendered]
) -> dict[str, Rendered]:
    """Files that were added to, with the origins of what was added and, in a new project, of the rest."""
    texts = {path: edit.after.decode("utf-8-sig", errors="replace") for path, edit in edits.items()}
    return {path: pieces.get(path, Rendered("")).inside(text, scaffold.get(path)) for path, text in texts.items()}


def _shown(folder: Path | None, root: Path) -> str:
    """The folder of overrides as origins show it."""
    if folder is None:
        return ""
    return folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)


def _text(change: Change) -> str:
    return change.after.decode("utf-8-sig" if change.path.endswith(".py") else "utf-8", errors="replace")
