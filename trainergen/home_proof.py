"""What the proof of a trainer under a project's own contract asks of the lab, and how its program is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .errors import ProofFailed
from .patching.configuration import Load, rewrite
from .plain import to_plain
from .proving import OTHER_RATE, other_settings, prove_request, small_settings
from .rendering.contract_function import function_loss
from .rendering.contract_loop import loss_method

if TYPE_CHECKING:
    from .assembly import Assembled
    from .home import Home, Joined
    from .planning.plan import TrainerPlan
    from .stages import Evidence, Facts

RATE = "learning_rate"
EPOCHS = "num_epochs"


def home_request(
    plan: TrainerPlan, facts: Facts, model: Mapping[str, Any], staged: Assembled, home: Home
) -> dict[str, Any]:
    """The payload of ``lab.prove:prove``, but for what is staged.

    Args:
        plan: what was rendered.
        facts: what was read.
        model: what the model was measured by.
        staged: the change set; the registry's and the settings' edits are in it.
        home: the project's own way to train.
    """
    joined = staged.joined
    assert joined is not None
    contract, registration = home.contract, joined.registration
    # What is logged beside the loss is the base's affair.
    bare = replace(plan, objective=replace(plan.objective, metrics=(), epoch_metrics=()))
    request = prove_request(bare, facts, model)
    lookup = None if registration.lookup is None else to_plain(registration.lookup)
    mapping = registration.lookup is not None and registration.lookup.how == "mapping"
    loss = function_loss(plan) if contract.kind == "functions" else loss_method(contract)
    return {
        **request,
        "checks": [],
        "optimizer": None,
        "scheduler": None,
        "own_loader": False,
        "saves": "save" in contract.provides or contract.duty("save_weights") is not None,
        "listed_before": list(home.registries[0].keys) if mapping and home.registries else [],
        "contract_words": contract.as_words(loss=loss, model=plan.model.name, loaders=_loaders(plan)),
        "trainer": {
            "name": registration.key,
            "class": plan.names.trainer_class,
            "module": plan.names.trainer_module,
            "key": registration.key,
            "lookup": lookup,
        },
        "config": _config(
            plan, facts, joined, staged, load=joined.configuration.load if _is_handed(home, joined) else None
        ),
    }


def _loaders(plan: TrainerPlan) -> tuple[str, ...]:
    """Names of the functions that give the trainer its data, training first."""
    return tuple(dict.fromkeys(name for name in (plan.data.name, plan.data.validation_name) if name))


def _is_handed(home: Home, joined: Joined) -> bool:
    """Whether a trainer is given settings, or fetches them: others have them handed over piece by piece, or have none."""
    constructor, configuration = home.contract.constructor, joined.configuration
    slots = {
        *constructor.slots.values(),
        *constructor.own_slots.values(),
        *(slot for _, slot in constructor.before_super),
        *home.contract.attributes,
    }
    if home.contract.kind == "functions" or configuration.construct or configuration.arguments:
        return True
    return bool(slots & {"config", "model_config", "training_config"})


def _config(plan: TrainerPlan, facts: Facts, joined: Joined, staged: Assembled, load: Load | None) -> dict[str, Any]:
    """How the settings are read, and the files that hold them with other values."""
    configuration = joined.configuration
    values: dict[str, Any] = {RATE: OTHER_RATE, **other_settings(plan)["others"]}
    values = {name: text for name, text in values.items() if name in configuration.slots}
    others = {name: text for name, text in values.items() if name != RATE}
    small = {name: text for name, text in small_settings(plan, facts).items() if name in configuration.slots}
    has_rate = RATE in values and load is not None
    place = configuration.slots[RATE].path if has_rate else plan.names.trainer_file
    return {
        "file": place,
        "section": "",
        "where": configuration.said or place,
        "key": RATE if has_rate else None,
        "value": OTHER_RATE,
        "others": others if has_rate else {},
        "arguments": [],
        "load": None if load is None else to_plain(load),
        "access": dict(configuration.access),
        "changed": _rewritten(joined, values, staged.texts) if has_rate else {},
        "small": _rewritten(joined, small, staged.texts),
    }


def shortened(plan: TrainerPlan, facts: Facts, staged: Assembled) -> tuple[Mapping[str, str], str]:
    """The staged files with settings that end a training early, and what to say of them; "" where there are none."""
    joined = staged.joined
    if joined is None:
        return staged.texts, ""
    values = {EPOCHS: "1", **small_settings(plan, facts)}
    values = {name: text for name, text in values.items() if name in joined.configuration.slots}
    said = ", ".join(f"{name} {text}" for name, text in values.items())
    return {**staged.texts, **_rewritten(joined, values, staged.texts)}, said


def _rewritten(joined: Joined, values: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, str]:
    """The staged files that hold `values`, with them."""
    found: dict[str, str] = {}
    for name, text in values.items():
        path = joined.configuration.slots[name].path
        if path in texts:
            data = rewrite(joined.configuration, name, _number(text), found.get(path, texts[path]).encode("utf-8"))
            found[path] = data.decode("utf-8")
    return found


def _number(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return {"true": True, "false": False, "none": None}.get(text, text)


def judged(evidence: Evidence, visits: tuple[Mapping[str, Any], ...]) -> Evidence:
    """The evidence, with what the project's own program did.

    Raises:
        ProofFailed: the program does not do with the new trainer what it does with the others.
    """
    found = replace(evidence, probes=(*evidence.probes, *visits))
    failed = [each for each in visits if each["status"] == "failed"]
    if not failed:
        return found
    first = failed[0]
    place = first["place"]
    error = ProofFailed(
        first["title"],
        code=first["code"],
        place=None if place is None else f"{place['file']}:{place['line']}",
        hint="the project's own program runs its other trainers",
        notes=tuple(f"   | {line}" for line in str(first["detail"]).splitlines()),
    )
    error.failed, error.passed = len(failed), found.passed
    error.demand = "the project's own program lists the trainer and trains it"
    error.findings = tuple(dict(each) for each in failed)
    raise error
