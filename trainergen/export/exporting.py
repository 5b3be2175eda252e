"""``trainergen export RUN --to FORMAT``: write, prove in a process of its own, and only then put in place."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import FindingsFailed
from .placing import demand_free, place
from .trained import Trained, TrainedRequest, find_trained, laboratory

if TYPE_CHECKING:
    from ..lab.client import Lab
    from ..outcome import Outcome

_FORMATS = Path(__file__).parent / "formats"


@dataclass(frozen=True)
class ExportRequest(TrainedRequest):
    """One ``trainergen export``.

    Attributes:
        to: the format, as `format_names` lists them.
        output: the file; None for ``exports/`` in the run's folder.
        tolerance: absolute and relative; None for the format's own.
    """

    to: str = "safetensors"
    output: Path | None = None
    tolerance: float | None = None


def format_names() -> tuple[str, ...]:
    """The formats, as they are said on the command line."""
    return tuple(sorted(path.stem.replace("_", "-") for path in _FORMATS.glob("[!_]*.py")))


def export(request: ExportRequest, lab: Lab | None, outcome: Outcome, progress: Callable[[str], None]) -> None:
    """Export a checkpoint of a run; the file appears when what is in it gives what the model gives.

    Raises:
        UnusableInput: no such run or checkpoint, or it is damaged or does not fit the code.
        Conflict: the file is there already.
        AnswerNeeded: the trainer can't build its model or data, or a package is missing.
        UserCodeFailed: the model fails, or can't be captured.
        FindingsFailed: the file gives something else than the model.
        MachineRefused: the disk refuses.
    """
    trained = find_trained(request)
    name = request.to.replace("-", "_")
    suffix, tolerance = _constants(name)
    tolerance = tolerance if request.tolerance is None else request.tolerance
    target = request.output or trained.run.folder / "exports" / f"{_stem(trained)}{suffix}"
    demand_free(target)
    question = trained.question()
    with laboratory(request, trained, lab, "cpu") as laboratory_:
        progress(f"writing {trained.shown} as {request.to}")
        written = laboratory_.request(
            "export.writing:write", {**question, "format": name, "metadata": _metadata(trained, request.to)}
        )
        progress("running what was written")
        proof = laboratory_.request(
            "export.proving:prove",
            {
                "format": name,
                "file": written["file"],
                "cases": written["cases"],
                "names": [each["name"] for each in written["outputs"]],
                "tolerance": tolerance,
                "question": question,
            },
        )
        outcome.result = {
            "run": str(trained.run.folder),
            "run_id": trained.run.manifest.get("run_id"),
            "trainer": trained.trainer,
            "checkpoint": trained.shown,
            "epoch": trained.epoch if written["epoch"] is None else written["epoch"],
            "format": request.to,
            "file": None,
            "bytes": written["bytes"],
            "sha256": written["sha256"],
            "inputs": written["inputs"],
            "outputs": written["outputs"],
            "tolerance": tolerance,
            "engine": proof["engine"],
            "parity": proof["cases"],
            "notes": written["notes"],
        }
        _tell(outcome, written, proof)
        wrong = [each for each in proof["cases"] if not each["within"]]
        if wrong:
            sizes = " and ".join(str(each["samples"]) for each in wrong)
            why = "Does forward draw random numbers in eval mode?"
            if any(each["problem"] for each in wrong):
                why = "Does forward decide by the batch's size?"
            outcome.closing = (
                f"Nothing was written: with {sizes} samples the file does not give what the model gives, "
                f"tolerance {tolerance:g} ({{seconds}}).  {why}"
            )
            raise FindingsFailed("the file gives something else than the model", hint="--tolerance X allows more")
        place(Path(written["file"]), target, written["sha256"])
    outcome.written = True
    outcome.result["file"] = str(target)
    sizes = ", ".join(str(each["samples"]) for each in proof["cases"])
    shown = target.relative_to(Path.cwd()) if target.is_relative_to(Path.cwd()) else target
    outcome.say("create", str(shown), f"{_size(written['bytes'])}, {trained.shown}")
    outcome.closing = f"Wrote {shown}, equal to the model within {tolerance:g} for {sizes} samples ({{seconds}})."


def _constants(name: str) -> tuple[str, float]:
    """Suffix and tolerance of a format, read as text: its file is the lab's to import."""
    tree = ast.parse((_FORMATS / f"{name}.py").read_text(encoding="utf-8"))
    said = [node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)]
    found = {ast.unparse(node.targets[0]): node.value for node in said}
    return ast.literal_eval(found["SUFFIX"]), ast.literal_eval(found["TOLERANCE"])


def _stem(trained: Trained) -> str:
    """``digits_net_20260101-120000-best``: the file may leave the folder that says which run it is of."""
    label = trained.label if "." not in trained.label else Path(trained.label).stem
    return f"{trained.run.name}-{label}"


def _metadata(trained: Trained, name: str) -> dict[str, Any]:
    """What a file says of where it comes from."""
    manifest, record = trained.run.manifest, trained.record_of(trained.epoch) or {}
    git = manifest.get("git") or {}
    return {
        "trainergen": __version__,
        "format": name,
        "trainer": trained.trainer,
        "run_id": manifest.get("run_id"),
        "run_name": trained.run.name,
        "commit": git.get("commit"),
        "dirty_diff": git.get("dirty_diff"),
        "checkpoint": trained.shown,
        "epoch": trained.epoch,
        "config": trained.config,
        "metrics": {part: record.get(part) for part in ("train", "validation")},
    }


def _tell(outcome: Outcome, written: Mapping[str, Any], proof: Mapping[str, Any]) -> None:
    for group, verb in (("inputs", "input"), ("outputs", "output")):
        for each in written[group]:
            outcome.say(verb, each["name"], f"{each['dtype']}[{', '.join(map(str, each['shape']))}]")
    for case in proof["cases"]:
        samples = "1 sample" if case["samples"] == 1 else f"{case['samples']} samples"
        gap = f"max abs {case['max_abs']:.2e}, max rel {case['max_rel']:.2e}" if case["problem"] is None else ""
        said = case["problem"] or ("equal to the bit" if case["equal_bits"] else gap)
        outcome.say("ok" if case["within"] else "fail", samples, said)
    outcome.say("engine", proof["engine"])
    for note in written["notes"]:
        outcome.say("note", note)


def _size(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 1e5 else f"{number / 1e3:.1f} kB"
