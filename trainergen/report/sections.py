"""What a manifest says, as the rows of a page: settings, hardware, data, cost, reproducibility. What is not known is left out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .defaults import defaults
from .evidence import finite
from .wording import duration, moment, number, plural, size

LONGEST = 400
"""Characters of a value that comes from the run; what is longer is cut, and says so."""
MOST_ROWS = 300


@dataclass(frozen=True)
class Fact:
    """One thing that is known: what it is, what it is said to be, what else belongs to it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        kind: ``default``, ``changed`` (another value than the default), ``own`` (one of this trainer alone).
        default: empty where there is none.
        about: what it is for, where that is known.
    """

    name: str
    value: str
    kind: str
    default: str = ""
    about: str = ""


def settings(config: Mapping[str, Any]) -> tuple[Setting, ...]:
    """What was set, first; then the trainer's own; then what was left as it is."""
    known = defaults()
    found = []
    for name, value in list(config.items())[:MOST_ROWS]:
        if name not in known:
            found.append(Setting(name, shown(value), "own"))
            continue
        kind = "default" if value == known[name].value else "changed"
        found.append(Setting(name, shown(value), kind, shown(known[name].value), known[name].about))
    order = ("changed", "own", "default")
    return tuple(sorted(found, key=lambda each: order.index(each.kind)))


def hardware(manifest: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Device, processor, memory, drivers."""
    found = manifest.get("environment", {})
    told = status.get("memory")
    memory: Mapping[str, Any] = told if isinstance(told, dict) else {}
    devices = finite(found.get("devices"))
    rows = [
        ("device", found.get("device_name"), f"{devices:.0f} of them" if devices and devices > 1 else ""),
        ("trained on", found.get("device"), ""),
        ("device memory", _size(found.get("device_memory_bytes")), ""),
        ("most held on the device", _size(memory.get("device_peak_bytes")), "of its memory"),
        ("processor", found.get("processor"), _count(found.get("processors"), "core")),
        ("memory", _size(found.get("memory_bytes")), ""),
        ("held by the process", _size(memory.get("process_bytes")), "when the status was last written"),
        ("threads", found.get("threads"), ""),
        ("CUDA", found.get("cuda"), ""),
        ("cuDNN", found.get("cudnn"), ""),
        ("driver", found.get("driver"), ""),
        ("system", found.get("platform"), ""),
    ]
    return facts(rows)


def performance(manifest: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Time, throughput, cost: means over the run's whole epochs, validation left out."""
    pace = manifest.get("throughput", {})
    rows = [
        ("training time", _duration(manifest.get("seconds")), "all sessions"),
        ("samples a second", _number(pace.get("samples_per_second")), "validation left out"),
        ("tokens a second", _number(pace.get("tokens_per_second")), ""),
        ("steps a second", _number(pace.get("steps_per_second")), ""),
        ("batches a second", _number(pace.get("batches_per_second")), ""),
        ("operations a second", _number(pace.get("flops_per_second")), "floating-point operations of the model"),
        ("model FLOP utilisation", _number(pace.get("mfu")), "share of the device's peak"),
        ("waiting for the loader", _number(pace.get("loader_wait_share")), "share of the time"),
        ("device hours", _number(manifest.get("device_hours")), ""),
        ("GPU hours", _number(manifest.get("gpu_hours") or None), ""),
        ("cost", _number(manifest.get("cost")), "at `device_hour_price`"),
    ]
    return facts(rows)


def data(manifest: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """(part, name, version, samples, batches, checksum) of each loader."""
    rows = []
    for part, found in manifest.get("data", {}).items():
        if isinstance(found, dict):
            counts = (_number(found.get(name)) or "-" for name in ("samples", "batches"))
            said = (shown(found.get(name)) if found.get(name) is not None else "-" for name in ("name", "version"))
            rows.append((shown(part), *said, *counts, shown(found.get("checksum") or "-")[:16]))
    return tuple(rows[:MOST_ROWS])


def reproducibility(manifest: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Seed, code, packages, command, lineage."""
    code, found = manifest.get("git", {}), manifest.get("environment", {})
    parent = manifest.get("parent", {})
    dirty = code.get("dirty_diff")
    rows = [
        ("run id", manifest.get("run_id"), ""),
        ("command", command(manifest), ""),
        ("seed", manifest.get("seed", manifest.get("config", {}).get("seed")), ""),
        ("commit", code.get("commit"), f"branch {shown(code['branch'])}" if code.get("branch") else ""),
        (
            "uncommitted changes",
            f"SHA-256 {shown(dirty)[:16]}" if dirty else ("none" if code else None),
            _untracked(code),
        ),
        ("Python", found.get("python"), ""),
        ("torch", found.get("torch"), ""),
        ("NumPy", found.get("numpy"), ""),
        ("deterministic algorithms", {True: "yes", False: "no"}.get(found.get("deterministic", "")), ""),
        (
            "parent run",
            parent.get("run_name"),
            f"from {shown(parent['checkpoint'])}" if parent.get("checkpoint") else "",
        ),
    ]
    return facts(rows)


def lacking(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """What would be needed to have the same run again, and is not on record."""
    code, found = manifest.get("git", {}), manifest.get("data", {})
    train = found.get("train") if isinstance(found.get("train"), dict) else {}
    sessions: Sequence[Mapping[str, Any]] = manifest.get("sessions", [])
    rows = (
        (not manifest.get("config"), "the settings are not on record"),
        (not code.get("commit"), "the code's version is not known (no git, or it did not answer)"),
        (bool(code.get("dirty_diff")), "the code differed from its commit: the changes are hashed, not kept"),
        (bool(train) and not train.get("checksum"), "the training data has no checksum"),
        (len({each.get("commit") for each in sessions}) > 1, "its sessions ran with different commits"),
        (
            finite(manifest.get("environment", {}).get("devices")) not in (None, 0.0),
            "on a GPU the same run differs in its last bits unless deterministic algorithms are asked for",
        ),
    )
    return tuple(said for holds, said in rows if holds)


def sessions(manifest: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """(started, ended, first step, last step, resumed from, commit) of each process that trained."""
    return tuple(
        (
            moment(each.get("started_at")),
            moment(each.get("ended_at")),
            _number(each.get("first_step")) or "-",
            _number(each.get("last_step")) or "-",
            shown(each.get("resumed_from") or "-"),
            shown(each.get("commit") or "-")[:12],
        )
        for each in manifest.get("sessions", [])[:MOST_ROWS]
    )


def packages(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """``torch 2.13.0`` of all that was installed."""
    found = manifest.get("environment", {}).get("packages")
    return (
        tuple(f"{shown(name)} {shown(version)}" for name, version in list(found.items())[:1000])
        if isinstance(found, dict)
        else ()
    )


KNOWN = frozenset(
    [
        "run_id",
        "run_name",
        "trainer",
        "trainer_class",
        "status",
        "started_at",
        "ended_at",
        "seconds",
        "error",
        "failure",
        "parent",
        "resumed_from",
        "sessions",
        "model",
        "data",
        "monitor",
        "best",
        "throughput",
        "device_hours",
        "gpu_hours",
        "cost",
        "baseline",
        "checkpoints",
        "command",
        "seed",
        "config",
        "git",
        "environment",
    ]
)


def further(manifest: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Whatever else the manifest has to say, as dotted paths."""
    rest = {name: value for name, value in manifest.items() if name not in KNOWN and value is not None}
    return tuple(Fact(path, shown(value)) for path, value in _leaves(rest))[:MOST_ROWS]


def command(manifest: Mapping[str, Any]) -> str:
    """How the run was started, as a shell takes it; empty where that is not known."""
    words = manifest.get("command")
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        return ""
    return shlex.join(["python", *words] if words[0].endswith(".py") else words)


def facts(rows: Sequence[tuple[str, Any, str]]) -> tuple[Fact, ...]:
    """The rows whose value is known."""
    return tuple(Fact(label, shown(value), note) for label, value, note in rows if value not in (None, ""))


def shown(value: Any) -> str:
    """A value of the run's as text, cut where it is very long."""
    if isinstance(value, float):
        text = f"{value:g}"
    elif value is None or isinstance(value, (str, bool, int)):
        text = "none" if value is None else str(value)
    elif isinstance(value, list) and all(isinstance(each, (str, int, float)) for each in value):
        text = ", ".join(map(str, value)) or "none"
    else:
        text = json.dumps(value)
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text):,} characters)"


def _leaves(value: Any, path: str = "", depth: int = 4) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and depth:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key), depth - 1)
    else:
        yield path, value


def _number(value: Any) -> str | None:
    found = finite(value)
    return None if found is None else number(found)


def _size(value: Any) -> str | None:
    found = finite(value)
    return None if found is None else size(found)


def _duration(value: Any) -> str | None:
    found = finite(value)
    return None if found is None else duration(found)


def _count(value: Any, noun: str) -> str:
    found = finite(value)
    return "" if found is None else plural(int(found), noun)


def _untracked(code: Mapping[str, Any]) -> str:
    found = finite(code.get("untracked"))
    return f"{plural(int(found), 'untracked file')} among them" if found and code.get("dirty_diff") else ""
