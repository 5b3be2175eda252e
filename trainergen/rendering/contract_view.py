"""Renders a trainer under a project's own contract: its file, in the manner of the trainers that are there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contracts.class_source import ClassSource, class_source
from ..contracts.functions.reading import function_source, function_words
from ..contracts.particular import Particular, particular
from ..inspection.batch_spec import Leaf, leaves, spell_access
from .contract_arguments import with_arguments
from .contract_body import Body
from .contract_function import function_view
from .contract_parts import Access, placeless
from .engine import Engine
from .formatting import format_python
from .rendered import Rendered
from .trainer import first_party_modules
from .view import trainer_view
from .words import filters

if TYPE_CHECKING:
    from ..contracts.contract_facts import ContractFacts
    from ..inspection.project_facts import ProjectFacts
    from ..inspection.training_facts import StyleFacts
    from ..patching.configuration import Configuration
    from ..patching.joining import Registration
    from ..planning.plan import TrainerPlan

OURS = re.compile(r"^from (beautilog|\S*config) import |^from \S+ import Callback, Trainer, ")
"""Import lines of our own project's trainers."""


def render_under_contract(
    plan: TrainerPlan,
    contract: ContractFacts,
    style: StyleFacts,
    registration: Registration,
    configuration: Configuration,
    project: ProjectFacts,
    engine: Engine,
    read: Callable[[str], bytes],
) -> Rendered:
    """The trainer's file, formatted as the project's own formatter does.

    Args:
        plan: the decisions; names, file and class from the siblings' patterns.
        contract: what the base asks for.
        style: how the siblings are written.
        registration: decorator and statement that the registry needs.
        configuration: how the trainer comes to its settings.
        project: where it goes.
        engine: of the command.
        read: the bytes of a relative POSIX path, for the sibling that is followed.

    Raises:
        Conflict: a method of the sibling's is about its own model, and nothing says what it is for the new one.
        UnusableInput: a template of the team's is broken.
    """
    root = Path(project.root)
    width = project.formatter.line_length
    engine.environment.filters.update(filters(width))
    engine.environment.filters["dedent_four"] = lambda text: re.sub(r"^    ", "", text, flags=re.MULTILINE)
    sibling, words = _followed(contract, read)
    view = _view(plan, project, engine, width)
    access = Access(
        configuration.reached, {each.name: each.default for each in plan.settings} | dict(configuration.shared)
    )
    base = None if contract.kind == "functions" else class_source(contract.base.facts, read)
    body = Body(plan, contract, style, configuration, access, view, sibling, words, base)
    view |= function_view(body, registration) if contract.kind == "functions" else body.words(registration)
    rendered = engine.render(f"contracts/{contract.kind}/frame.py.j2", view)
    text = access.spell(rendered.text, str(view["config"]))
    text = with_arguments(
        text, plan.names.trainer_class, configuration.arguments, frozenset(contract.attributes.values())
    )
    if not style.hints:
        text = _without_hints(text)
    return format_python(
        replace(rendered, text=text),
        plan.names.trainer_file,
        root=root,
        formatter=project.formatter,
        first_party=first_party_modules(plan, project) | {contract.base.facts.module.partition(".")[0]},
        engine=engine,
    )


def _followed(contract: ContractFacts, read: Callable[[str], bytes]) -> tuple[ClassSource | None, Particular]:
    """The sibling's source, and what in it is about its model."""
    if contract.sibling is None:
        return None, Particular("", "", ())
    if contract.kind == "functions":
        source = function_source(contract.sibling, read)
        return source, function_words(contract.sibling, contract.base.siblings, source)
    found = class_source(contract.sibling, read)
    others = tuple(each.name for each in contract.base.siblings)
    return found, particular(contract.sibling, found, others, contract.base.facts.name)


def _view(plan: TrainerPlan, project: ProjectFacts, engine: Engine, width: int) -> dict[str, Any]:
    """What the blocks read, as under our own contract, but for what only our own project has."""

    def template(task: str) -> str:
        return f"{plan.family}/objectives/{task.replace('-', '_')}.py.j2"

    objective = engine.module(template(plan.objective.task))
    heads = {each.task: engine.module(template(each.task)) for each in plan.objective.heads}
    # A contract of the project's own has no place for what is computed over an epoch.
    plan = replace(plan, objective=replace(plan.objective, metrics=(), epoch_metrics=()), vendored=False, package="")
    view = trainer_view(placeless(plan), project, objective, width, heads)
    view["imports"] = [each for each in view["imports"] if not OURS.match(each)]
    view["imports"] += ["import json", "from trainergen.runtime import losses, move_batch"]
    view["size"] = batch_size(plan, view)
    return view


def batch_size(plan: TrainerPlan, view: dict[str, Any]) -> str:
    """The expression that counts what a batch's loss is the mean of: samples, or what the objective says."""
    objective = view["objective"]
    if getattr(objective, "weight", None) and view["target"].access:
        return str(objective.weight.format(target=view["target"].access))
    root = plan.batch.root
    if isinstance(root, Leaf):
        return "len(batch)"
    paths = [each.path for each in plan.inputs] + [path for path, _ in leaves(root)]
    known = dict(leaves(root))
    path = next((each for each in paths if each in known and known[each].dims), paths[0])
    return f"len({spell_access(root, path)})"


def _without_hints(text: str) -> str:
    """Annotations that blocks write for our own project, where the siblings write none."""
    return re.sub(r"^(\s+\w+): (?:torch\.Tensor|nn\.Module)(?: \| None)? = ", r"\1 = ", text, flags=re.MULTILINE)
