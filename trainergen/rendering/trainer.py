"""Renders one trainer: its new files, and the texts that go into files which may exist already."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..inspection.project_facts import ProjectFacts
from ..patching.project import Parts
from ..planning.plan import TrainerPlan
from ..resources import resource_folder
from .engine import Engine
from .formatting import format_fragment, format_python
from .rendered import Rendered
from .view import trainer_view
from .words import filters, first_that_fits

CONFIG_NAMES = {
    "Any": "typing",
    "ClassVar": "typing",
    "Literal": "typing",
    "Path": "pathlib",
    "dataclass": "dataclasses",
    "field": "dataclasses",
    "BaseTrainerConfig": ".base",
}
"""What a config dataclass may use, and where that comes from."""


@dataclass(frozen=True)
class RenderedTrainer:
    """The text of one trainer.

    Attributes:
        files: new files by path: the trainer, and for the combined loader its module (and the package around it).
        parts: for `patching.project.edit_project`.
        pieces: the same texts by the path that they go into, with provenance.
    """

    files: dict[str, Rendered]
    parts: Parts
    pieces: dict[str, Rendered] = field(default_factory=dict)


def render_trainer(
    plan: TrainerPlan,
    project: ProjectFacts,
    *,
    overrides: Path | None = None,
    engine: Engine | None = None,
    own: Collection[str] = (),
) -> RenderedTrainer:
    """Render and format everything that `plan` asks for.

    Args:
        plan: the decisions.
        project: where the files go: formatter, layout.
        overrides: the team's own folder of templates.
        engine: one that was made for it already, its templates compiled.
        own: files that an earlier run created for this trainer: what is there of them is no reason to leave one out.

    Raises:
        UnusableInput: a template of the team's is broken; names template, line and variable.
        InternalError: one of ours is.
    """
    root = Path(project.root)
    engine = engine if engine is not None else Engine(overrides, root)
    width = project.formatter.line_length
    engine.environment.filters.update(filters(width))
    objective = engine.module(_objective_template(plan, plan.objective.task))
    heads = {each.task: engine.module(_objective_template(plan, each.task)) for each in plan.objective.heads}
    view = trainer_view(plan, project, objective, width, heads)
    first_party = first_party_modules(plan, project)

    def python(template: str, path: str, variables: dict[str, Any]) -> Rendered:
        return format_python(
            engine.render(template, variables),
            path,
            root=root,
            formatter=project.formatter,
            first_party=first_party,
            engine=engine,
        )

    files = {plan.names.trainer_file: python(f"contracts/{plan.contract}/frame.py.j2", plan.names.trainer_file, view)}
    if plan.data.kind == "combined" and plan.data.module is not None:
        module = PurePosixPath(*plan.data.module.split("."))
        variables = {"depth": len(module.parts) - 1}
        path = f"{module}.py"
        files[path] = python(f"{plan.family}/similarity_loader.py.j2", path, variables)
        package = f"{module.parent}/__init__.py"
        if len(module.parts) > 1 and (package in own or not (root / package).exists()):
            files[package] = engine.render(f"{plan.family}/project/dataloader/__init__.py.j2", {})
    return RenderedTrainer(files, *_parts(plan, project, engine, width))


def _objective_template(plan: TrainerPlan, task: str) -> str:
    return f"{plan.family}/objectives/{task.replace('-', '_')}.py.j2"


def trainer_templates(family: str, contract: str) -> list[str]:
    """Names of the templates that a trainer of this family under this contract may be made of."""
    folder = resource_folder("templates") / family
    blocks = [file for part in ("blocks", "objectives") for file in sorted((folder / part).glob("*.j2"))]
    blocks += sorted(folder.glob("config_*.j2"))
    names = [f"{family}/{file.relative_to(folder).as_posix()}" for file in blocks]
    return [f"contracts/{contract}/frame.py.j2", *names]


def first_party_modules(plan: TrainerPlan, project: ProjectFacts) -> set[str]:
    """Top-level modules of the project that the trainer imports: ours, and the user's that lie below the root."""
    ours = {project.train_module, project.config_module}
    if plan.data.kind == "combined" and plan.data.module:
        ours.add(plan.data.module)
    used = {plan.model.module, plan.data.module, plan.data.validation_module, plan.optimizer.import_module}
    used |= {text.partition(":")[0] for text in (plan.objective.loss, *plan.objective.metrics) if ":" in text}
    heads = {module.partition(".")[0] for module in used if module}
    root = Path(project.root)
    local = {head for head in heads if (root / head).is_dir() or (root / f"{head}.py").is_file()}
    return {module.partition(".")[0] for module in ours} | local


def _parts(plan: TrainerPlan, project: ProjectFacts, engine: Engine, width: int) -> tuple[Parts, dict[str, Rendered]]:
    variables = {"names": plan.names, "plan": plan, "document": _config_document(plan, width)}
    rendered = engine.render(f"{plan.family}/config_dataclass.py.j2", variables)
    root = Path(project.root)
    config = format_fragment(rendered, plan.names.config_file, root=root, formatter=project.formatter)
    section = engine.render(f"{plan.family}/config_section.ini.j2", variables)
    code = re.sub(r'""".*?"""|#[^\n]*', "", config.text, flags=re.DOTALL)
    used = set(re.findall(r"\w+", code))
    imports = tuple((module, name) for name, module in CONFIG_NAMES.items() if name in used)
    # The formatter itself shows what it does to a literal that has a line's room.
    sample = format_fragment(
        Rendered('A = {\n    "b": "c",\n}\n'), plan.names.train_init, root=root, formatter=project.formatter
    ).text
    quote, spread = "'" if "'" in sample else '"', sample.count("\n") > 1
    parts = Parts(config.text, tuple(sorted(imports)), section.text, quote, spread)
    return parts, {plan.names.config_file: config, plan.names.ini_file: section}


def _config_document(plan: TrainerPlan, width: int) -> tuple[str, ...]:
    lines = [
        part
        for each in plan.settings
        for part in textwrap.wrap(f"{each.name}: {each.doc.rstrip('.')}.", width - 8, subsequent_indent="    ")
    ]
    attributes = "\n".join(["Attributes:", *(f"    {line}" for line in lines)]) if lines else ""
    names = plan.names
    summaries = [
        f"Settings of {names.trainer_class}, section [{names.section}] of config.ini.",
        f"Settings of {names.trainer_class}, section [{names.section}].",
        f"Settings of {names.trainer_class}.",
    ]
    return (first_that_fits(summaries, width - 7), attributes)
