"""Runs of a trainer and of its mutants, compared bit by bit: one warm process an example, a fork of it a mutant.

    python benchmarks/mutant_runs.py ROOT TRAINER < mutants > what came of them

A line of input is ``{"path", "text", "settings"}``: a file with a mutant's text (nothing: the original), and values that
config.ini has instead. A line of output is what `signature` gives, or ``{"error": ...}``.

The run: two epochs over the example's own data, with validation and a checkpoint after each, weights saved at the end;
then another trainer goes on from the first epoch's checkpoint. Of both: history (but for times), the best and the last
loss as hexadecimal, the state of every part, the weight file. Apart from these, what becomes of wrong batches: whether
they are refused, and by which type of error.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import hashlib
import importlib
import json
import os
import re
import select
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from trainergen.runtime.probes.walk import seed_everything  # noqa: E402
from trainergen.runtime.state import capture_state  # noqa: E402

TIMES = ("seconds", "time", "started", "finished", "per_second", "memory", "loader_wait_share")
"""Keys of what differs from run to run."""
PATIENCE = 60.0
"""Seconds for one run."""


def spell(value: Any) -> Any:
    """Plain data that is equal where the value is equal bit by bit."""
    if isinstance(value, torch.Tensor):
        plain = value.detach().cpu().contiguous().reshape(-1)
        data = plain.view(torch.uint8).numpy().tobytes() if plain.numel() else b""
        return [str(plain.dtype), list(value.shape), hashlib.sha256(data).hexdigest()]
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, Mapping):
        return [[str(key), spell(each)] for key, each in value.items() if not _of_time(str(key))]
    if isinstance(value, list | tuple):
        return [spell(each) for each in value]
    return repr(value)


def _of_time(key: str) -> bool:
    return any(word in key for word in TIMES)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(spell(value)).encode()).hexdigest()[:16]


def signature(name: str) -> dict[str, str]:
    """What a trainer's runs come to, part by part."""
    found = importlib.import_module("train").get_trainer(name)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as saved:
        config = dataclasses.replace(found.config_class.load(), num_epochs=2, model_save_directory=Path(saved))
        first = found.from_config(config, run_directory=Path(saved) / "first")
        history = first.train()
        seen = {"history": _digest(history), "state": _state(first), "weights": _weights(Path(saved))}
        seen["loss"] = _digest([{key: each for key, each in entry.items() if "train" in key} for entry in history])
        checkpoint = min((Path(saved) / "first").rglob("step-*.pt"), key=lambda path: path.name)
        other = found.from_config(config, run_directory=Path(saved) / "second")
        other.resume(checkpoint)
        seen |= {"resumed history": _digest(other.train()), "resumed state": _state(other)}
        seen["evaluation"] = _digest(dict(other.evaluate()))
    seen["refusals"] = _digest(_refusals(found, config))
    return seen


def _state(trainer: Any) -> str:
    state = capture_state(trainer)
    state["config"] = {key: value for key, value in state["config"].items() if "directory" not in key}
    state.pop("data")
    return _digest(state)


def _weights(folder: Path) -> str:
    files = sorted(folder.rglob("*_loss*.pt"), key=lambda path: path.name)
    return _digest([[re.sub(r"\d{8}-\d{6}", "", each.name), torch.load(each, weights_only=True)] for each in files])


def _refusals(found: Any, config: Any) -> list[str]:
    """What comes of batches that are wrong: the type of the error, or none."""
    with tempfile.TemporaryDirectory() as saved:
        trainer = found.from_config(config, run_directory=Path(saved))
        batch = next(iter(trainer.dataloader))
        said = []
        for wrong in (None, 7, *_spoilt(batch)):
            seed_everything(0)
            try:
                with torch.no_grad():
                    copy.copy(trainer).compute_loss(wrong)  # a copy: what it remembers of a batch is its own
                said.append("none")
            except Exception as error:
                said.append(type(error).__name__)
        with torch.no_grad():
            list(trainer.model.parameters())[-1].view(-1)[0] = float("nan")
        try:
            trainer.on_train_begin()
            said.append("none")
        except Exception as error:
            said.append(type(error).__name__)
    return said


def _spoilt(batch: Any) -> Iterator[Any]:
    """Wrong batches: each part missing, of another type, dtype, rank, size, number of samples, or out of range."""
    if isinstance(batch, torch.Tensor):
        yield from _wrong(batch)
        return
    if isinstance(batch, list | tuple):
        parts = dict(enumerate(batch))
        yield type(batch)(batch[:-1])
        yield type(batch)([*batch, batch[0]])
    else:
        parts = dict(batch) if isinstance(batch, Mapping) else dict(vars(batch))
    for key, part in parts.items():
        if isinstance(batch, Mapping):
            yield {name: each for name, each in batch.items() if name != key}
        for wrong in ("text", *(_wrong(part) if isinstance(part, torch.Tensor) else ())):
            yield _with(batch, parts, key, wrong)


def _wrong(part: torch.Tensor) -> Iterator[torch.Tensor]:
    yield part.to(torch.int32 if part.is_floating_point() else torch.float32)
    yield part.unsqueeze(-1)
    yield part[:0]
    yield part[:-1]
    for axis in range(1, part.dim()):
        yield torch.cat([part, part.narrow(axis, 0, 1)], dim=axis)
    for value in (-1, -0.01, float(part.max()) + 1, 1.01, 1e9, float("nan")):
        if part.is_floating_point() or float(value).is_integer():
            changed = part.clone()
            changed.view(-1)[0] = value
            yield changed


def _with(batch: Any, parts: Mapping[Any, Any], key: Any, new: Any) -> Any:
    if isinstance(batch, list | tuple):
        return type(batch)([new if place == key else each for place, each in enumerate(batch)])
    if isinstance(batch, Mapping):
        return {**parts, key: new}
    changed = copy.copy(batch)
    object.__setattr__(changed, key, new)
    return changed


def answer(root: Path, name: str, asked: Mapping[str, Any]) -> dict[str, str]:
    """`signature` of one mutant, in a fork, with the file back as it was afterwards."""
    changes = {root / asked["path"]: asked["text"]} if asked.get("path") else {}
    ini = root / "config.ini"
    if asked.get("settings"):
        text = ini.read_text()
        for key, value in asked["settings"].items():
            text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
            assert count == 1, key
        changes[ini] = text
    before = {path: path.read_bytes() for path in changes}
    try:
        for path, text in changes.items():
            path.write_text(text)
        return _forked(name)
    finally:
        for path, data in before.items():
            path.write_bytes(data)


def _forked(name: str) -> dict[str, str]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            found: dict[str, str] = signature(name)
        except BaseException as error:
            found = {"error": f"{type(error).__name__}: {error}"[:300]}
        os.write(writer, json.dumps(found).encode())
        os._exit(0)
    os.close(writer)
    with contextlib.closing(os.fdopen(reader, "rb")) as stream:
        ready = select.select([stream], [], [], PATIENCE)[0]
        if not ready:
            os.kill(pid, signal.SIGKILL)
        data = stream.read()
    os.waitpid(pid, 0)
    return json.loads(data) if data else {"error": "ended without an answer" if ready else "took too long"}


def main() -> None:
    original, name = Path(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        shutil.copytree(original, root, ignore=shutil.ignore_patterns("__pycache__", "saved_models", "runs"))
        os.chdir(root)
        sys.dont_write_bytecode = True
        sys.modules["matplotlib"] = None  # type: ignore[assignment]  # as where it isn't installed: no plots, 4 s less
        sys.path.insert(0, str(root))
        # What no mutant changes, once for all forks.
        for each in ("torch._dynamo", "trainergen.runtime", "data", "model"):
            with contextlib.suppress(ModuleNotFoundError):
                importlib.import_module(each)
        for line in sys.stdin:
            print(json.dumps(answer(root, name, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
