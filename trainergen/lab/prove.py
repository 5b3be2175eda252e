"""Runs the exact staged bytes in the copied tree, from registry to weight file, against a bare loop."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import math
import resource
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..inspection.batch_growth import Growth
from ..plain import from_plain
from ..runtime.probes.session import Fault, Measurement, Session, unmeasured
from . import own_loaders
from .batch_shape import differences
from .batch_values import complete
from .front import DefaultFront, Front
from .places import model_place, trainer_place
from .project_front import ProjectFront
from .protocol import Context
from .staged_files import write_staged
from .verdict import Bench, Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import ModuleType

AROUND = ("staged", "config", "loader")
"""The probes taken here; those between `staged` and `config` are the family's."""


def prove(payload: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The request ``prove``: is what is staged a trainer that trains?

    Args:
        payload: ``growth``: what the plan's batch has beyond the saved ones, None where nothing; family, contract, model, files, modules, trainer, feeding, objective, loader, config, listed_before,
            seed, steps. A true ``endurance`` takes the family's long probes too. A true ``own_loader`` says that the staged files bring their own data loader. Instead of
            ``files`` and ``modules`` it may hold ``handed``: the file that will bring them, while main still renders.
        context: the copied tree; ``scratch/batches.pt`` holds the batches of ``build``.

    Returns:
        ``{"ok", "probes", "numbers", "listed"}``; what failed is a result, no exception.

    Raises:
        LabProblem: kind ``user`` where the bare control run fails, ``internal`` where the request can't be met.
    """
    started = time.perf_counter()
    family = importlib.import_module(f"..families.{payload['family']}.proof", __package__)
    # Our own file, written a moment ago by build; dataclasses of the user's may lie in it.
    batches = torch.load(context.scratch / "batches.pt", map_location="cpu", weights_only=False)
    if payload.get("growth") is not None:
        growth = from_plain(Growth, payload["growth"])
        batches = {
            kind: [complete(each, growth, context, int(payload["seed"]) + number) for number, each in enumerate(found)]
            for kind, found in batches.items()
        }
    rehearsal = family.rehearse(payload, context, batches)
    if "handed" in payload:
        handed = await_file(Path(payload["handed"]))
        if handed is None:
            return {"ok": False, "probes": [], "numbers": {}, "listed": []}
        payload = {**payload, **handed}
    write_staged(payload["files"], context.root)
    front = _front(payload, context, family)
    front.make_small()

    shutil.rmtree(context.scratch / "proof", ignore_errors=True)  # of a plan that was proven before this one
    bench = Bench(context, tuple(payload["files"]), model_place=model_place(payload["model"], context))
    listed: list[str] = []
    numbers: dict[str, Any] = {"steps": 0, "device": context.device}
    try:
        trainer_class = bench.attempt("staged", lambda: _find(payload, context, front, listed, bench))
        if not bench.ok:
            raise Broken("staged")
        bench.place = trainer_place(trainer_class, front.responsible, payload, context)
        config = bench.attempt("build", lambda: front.load_config(trainer_class))
        workshop = _Workshop(
            front, trainer_class, payload, context, train=rehearsal.batches, validation=batches.get("validation", [])
        )
        numbers |= family.prove(rehearsal, partial(workshop.open, config), bench)
        if payload.get("endurance"):
            enduring = importlib.import_module(f"..families.{payload['family']}.proof_endurance", __package__)
            enduring.endure(rehearsal, config, workshop.open, bench)
        check = partial(family.check_settings, rehearsal)
        arrived, answers = bench.attempt("config", lambda: _config(payload["config"], config, workshop, check))
        bench.judge(arrived, answers=answers)
        if front.builds_loaders:
            bench.judge(bench.attempt("loader", lambda: _loader(payload, workshop, config, batches)))
    except Broken as broken:
        bench.skip(*family.PROBES, *AROUND, because=f"the probe {broken} failed before it")
    finally:
        shutil.rmtree(context.scratch / "proof", ignore_errors=True)
    numbers["peak_memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )
    numbers["seconds"] = time.perf_counter() - started
    return {
        "ok": bench.ok,
        "probes": [verdict.as_plain() for verdict in bench.verdicts],
        "numbers": {key: _json_number(value) for key, value in numbers.items()},
        "listed": listed,
    }


def _front(payload: Mapping[str, Any], context: Context, family: ModuleType) -> Front:
    if "lookup" in payload["trainer"]:
        return ProjectFront(payload, context, family.builders(payload, context))
    return DefaultFront(payload, context)


def await_file(path: Path) -> dict[str, Any] | None:
    """What main wrote to `path`, waited for as long as the request's limits allow; None if it gave up."""
    while not path.exists():
        time.sleep(0.001)
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8"))
    return found


class _Workshop:
    """Opens staged trainers, each with a run folder of its own."""

    def __init__(
        self,
        front: Front,
        trainer_class: type,
        payload: Mapping[str, Any],
        context: Context,
        *,
        train: list[Any],
        validation: list[Any],
    ) -> None:
        self.front = front
        self.trainer_class = trainer_class
        self.payload = payload
        self.context = context
        # One validation batch: the loss of an evaluation is then a bare loop's, however the trainer weighs its batches.
        self.batches = {"train": train, "validation": validation[:1]}
        self.rates: dict[int, list[float]] = {}
        self.groups: dict[int, list[dict[str, float]]] = {}

    def open(self, config: Any, number: int) -> Session:
        """A trainer on the proof's batches."""
        seed = int(self.payload["seed"])
        session = self.front.open(
            self.trainer_class,
            config,
            self.batches,
            seed,
            run_directory=self.folder(number),
            device=self.context.device,
        )
        groups = [] if session.optimizer is None else session.optimizer.param_groups
        self.groups[number] = [
            {name: value for name, value in group.items() if isinstance(value, (int, float))} for group in groups
        ]
        self.rates[number] = [float(group.get("initial_lr", group.get("lr", 0.0))) for group in groups]
        return session

    def folder(self, number: int) -> Path:
        """The run folder of the session with that number."""
        return self.context.scratch / "proof" / f"run-{number}"


def _find(payload: Mapping[str, Any], context: Context, front: Front, listed: list[str], bench: Bench) -> type:
    """The trainer's class by the name that a user would type; every staged module is the staged file."""
    trainer = front.trainer
    listed.extend(front.listed())
    found = front.find()
    faults = []
    named = f"{found.__module__}:{found.__qualname__}"
    if named != f"{trainer['module']}:{trainer['class']}":
        text = f"the registry gives {named} for {trainer['name']}, not {trainer['module']}:{trainer['class']}"
        faults.append(Fault("class", "", text, "correct the entry in TRAINER_REGISTRY"))
    if trainer["key"] not in listed:
        text = f"the registry does not list {trainer['key']}: {', '.join(listed) or 'nothing'}"
        faults.append(Fault("key", "", text, "add it to TRAINER_REGISTRY"))
    shown = front.shown()
    if shown is not None and trainer["key"] not in shown.split():
        text = f"--list does not show {trainer['key']}"
        faults.append(Fault("shown", "", text, "it prints the keys of TRAINER_REGISTRY"))
    lost = [name for name in payload.get("listed_before", ()) if name not in listed]
    faults += [Fault("lost", name, f"the registry no longer lists {name}") for name in lost]
    for name, file in payload["modules"].items():
        faults += _origin(name, context.root / file, payload["files"][file].encode(), context)
    others = [name for name in listed if name != trainer["key"]]
    title = f"{trainer['name']} is found as {named}" + (f", beside {', '.join(others)}" if others else "")
    bench.judge(Measurement("staged", title, tuple(faults)))
    return found


def _origin(name: str, expected: Path, staged: bytes, context: Context) -> list[Fault]:
    if name.rpartition(".")[2] == "__main__":  # importing it would run the program
        spec = importlib.util.find_spec(name)
        file = None if spec is None else spec.origin
    else:
        file = getattr(importlib.import_module(name), "__file__", None)
    if file is None or Path(file).resolve() != expected.resolve():
        text = f"import {name} finds {file}, not the staged {expected.relative_to(context.root)}"
        hint = "another module of that name comes first on sys.path: choose another name, or --package"
        return [Fault("origin", name, text, hint)]
    if hashlib.sha256(Path(file).read_bytes()).digest() != hashlib.sha256(staged).digest():
        return [
            Fault("bytes", name, f"{expected.relative_to(context.root)} is not what was staged: importing changed it")
        ]
    return []


def _config(
    request: Mapping[str, Any],
    config: Any,
    workshop: _Workshop,
    check: Callable[[Session, Mapping[str, float]], list[Fault]],
) -> tuple[Measurement, str | None]:
    """Values that are not the defaults go into config.ini; they must arrive in the config and do what they are for.

    Args:
        request: key and value of the learning rate; ``others``: further settings and their values;
            ``arguments``: those of them that the optimizer takes as an argument of that name.
        config: as it was read without them.
        workshop: opens trainers.
        check: of the family: what is wrong in a session that was opened with these values.

    Returns:
        The measurement, and what answers for its faults where that is not the configuration.
    """
    front, key, others = workshop.front, request["key"], request.get("others", {})
    if key is None:
        return unmeasured("config", f"{front.where()}: no file gives this trainer settings of its own"), None
    values: dict[str, str] = {key: request["value"], **others}
    with front.writing(values):
        changed = front.load_config(workshop.trainer_class)
        session = workshop.open(changed, 2)
    where = front.where()
    for name, value in values.items():
        found = front.value(changed, name)
        if not _means(found, value):
            said = f"{where} {name} = {value} arrives as {found!r}"
            hint = "SECTION and the field's name must be the file's"
            return Measurement("config", said, (Fault("value", name, said, hint),)), None
    faults = _rates(f"{where} {key} = {values[key]}", front.value(config, key), front.value(changed, key), workshop)
    faults += _optimizer_settings(where, config, changed, workshop, request.get("arguments", ()), others)
    faults += _as_configured(where, config, workshop, request.get("fed", ()))
    if faults:
        return Measurement("config", faults[0].text, tuple(faults)), "optimizer"
    faults = check(session, {name: float(value) for name, value in values.items()})
    if faults:
        return Measurement("config", faults[0].text, tuple(faults)), "loss"
    return Measurement("config", f"{where} {', '.join(f'{name} = {values[name]}' for name in values)} arrives"), None


_HINT = "build_optimizer takes its values from the config"


def _rates(what: str, old: Any, new: Any, workshop: _Workshop) -> list[Fault]:
    """Each group's rate changes as the configured one does."""
    if not isinstance(old, (int, float)) or not isinstance(new, (int, float)):
        return []
    for was, now in zip(workshop.rates.get(0, []), workshop.rates[2], strict=True):
        if not math.isclose(now, was * new / old, rel_tol=1e-6):
            text = f"{what} does not reach the optimizer: its rate is {now:g}, with {old:g} it was {was:g}"
            return [Fault("rate", "learning_rate", text, _HINT)]
    return []


def _optimizer_settings(
    where: str, config: Any, changed: Any, workshop: _Workshop, arguments: Sequence[str], names: Iterable[str]
) -> list[Fault]:
    """An argument of the optimizer stands in every group; what a group took from the config before, it takes now.

    Groups may differ (no decay for norms): a value that was not the configured one is no concern here.
    """
    faults = []
    for name in names:
        old, new = workshop.front.value(config, name), workshop.front.value(changed, name)
        for before, after in zip(workshop.groups.get(0, []), workshop.groups[2], strict=True):
            taken = name in after and (name in arguments or (old and before.get(name) == old))
            if taken and after[name] != new:
                text = f"{where} {name} = {new:g} does not reach the optimizer: it has {after[name]:g}"
                faults.append(Fault("optimizer", name, text, _HINT))
                break
    return faults


def _as_configured(where: str, config: Any, workshop: _Workshop, names: Iterable[str]) -> list[Fault]:
    """What the optimizer takes by a setting's name it has as configured, in every group that has it at all."""
    faults = []
    for name in names:
        value = workshop.front.value(config, name)
        held = [group[name] for group in workshop.groups.get(0, []) if name in group]
        if isinstance(value, (int, float)) and any(each != value for each in held):
            text = f"{where} {name} = {value} does not reach the optimizer: it has {held[0]}"
            faults.append(Fault("optimizer", name, text, _HINT))
    return faults


def _means(value: Any, text: str) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(text) == float(value)
        except ValueError:
            return False
    return str(value) == text


def _loader(
    payload: Mapping[str, Any], workshop: _Workshop, config: Any, batches: Mapping[str, list[Any]]
) -> Measurement:
    """With a loader the trainer builds its own, its batches of that form; without one it refuses, with instructions."""
    given = payload.get("loader")
    folder, device = workshop.folder(3), workshop.context.device
    try:
        batch, validation = workshop.front.own_batches(
            workshop.trainer_class, config, run_directory=folder, device=device
        )
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        if given is None and len(str(error)) >= 40:
            return Measurement("loader", f"no loader given: build_dataloaders says how to write one: {first[:120]}")
        text = f"build_dataloaders raised {type(error).__name__}: {first}"
        hint = "without a loader it must say what a batch looks like" if given is None else None
        return Measurement("loader", text, (Fault("raised", "", text, hint),))
    if given is None and not payload.get("own_loader"):
        text = "no loader was given, yet build_dataloaders gives batches: a trainer must not train on made-up data"
        return Measurement(
            "loader", text, (Fault("made-up", "", text, "raise with instructions and the batch's form"),)
        )
    sample = batches["train"][0]
    found = differences(sample, batch)
    if not found and validation is not None:
        found = differences(sample, validation)
    if found:
        text = f"the trainer's own loader gives other batches than the proof's: {found[0]}"
        hint = "build_dataloaders must call the loader as --loader says"
        return Measurement("loader", text, (Fault("form", "", text, hint),))
    if validation is None and given is not None and batches.get("validation"):
        text = "build_dataloaders gives no validation loader, though the loader has validation data"
        return Measurement("loader", text, (Fault("validation", "", text, "return (training, validation)"),))
    if given is not None and payload.get("endurance"):
        own = partial(workshop.front.own_loaders, workshop.trainer_class, config)
        wrong = own_loaders.faults(own, config, given, workshop.context)
        if wrong:
            return Measurement("loader", wrong[0].text, wrong)
    return Measurement("loader", "the trainer builds its own loader; its batches have the proof's form")


def _json_number(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
