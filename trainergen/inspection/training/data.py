"""Data sets, loaders, losses and metrics that the project has, and the tracker and the tests around them."""

from __future__ import annotations

import posixpath
import re
from collections import Counter

from ..training_facts import BaseTrainer, ClassFacts, DataSource
from .index import ProjectIndex
from .outline import FunctionFacts, Gives
from .scan import FACTORY_NAME, LOSS_CLASS, LOSS_NAME, METRIC_NAME
from .walk import is_test

_NO_LOSS = re.compile(r"plot|log|print|save|load|track|monitor|callback|config|history|register|get_|build_|create_|make_|test", re.IGNORECASE)  # fmt: skip
DATASETS = ("Dataset", "IterableDataset", "TensorDataset", "ConcatDataset", "Subset", "ImageFolder")


def find_data(index: ProjectIndex) -> tuple[DataSource, ...]:
    """Loaders, data sets and the functions that give them, tests left out, in order of file and line."""
    found: list[DataSource] = []
    for path in index.with_data():
        if is_test(path):
            continue
        module, here = index.module_name(path), index.data_outline(path)
        for each in here.classes:
            kind = _kind_of(index, path, each)
            if kind:
                parameters = next((it.parameters for it in each.methods if it.name == "__init__"), ())
                found.append(DataSource(each.name, module, path, each.line, kind, parameters))
        for function in here.functions:
            named = FACTORY_NAME.search(function.name) is not None and function.returns != "None"
            if (function.gives or named) and not function.name.startswith("_"):
                found.append(DataSource(function.name, module, path, function.line, "factory", function.parameters))
        found += [DataSource(name, module, path, line, "loader") for name, line in here.loaders]
    return tuple(sorted(found, key=lambda each: (each.file, each.line)))


def _kind_of(index: ProjectIndex, path: str, facts: ClassFacts) -> Gives:
    """``dataset`` or ``loader`` by what a class inherits from, over the project's own classes too."""
    waiting = [(path, base) for base in facts.bases]
    for where, base in waiting[:40]:
        last = base.rpartition(".")[2]
        if last in DATASETS or last.endswith("Dataset"):
            return "dataset"
        if last.endswith("DataLoader"):
            return "loader"
        if not _is_own(index, where, base.partition(".")[0]):
            continue
        key = index.find(where, base)
        parent = index.class_at(key) if key is not None else None
        if key is not None and parent is not None:
            raw = next(each for each in index.outline(key.path).classes if each.name == key.name)
            waiting += [(key.path, each) for each in raw.bases]
    names = {each.name for each in facts.methods}
    return "dataset" if facts.name.endswith("Dataset") and {"__len__", "__getitem__"} & names else ""


def _is_own(index: ProjectIndex, path: str, name: str) -> bool:
    """Whether a name may lead to a class of the project: what comes from an installed package need not be followed."""
    here = index.data_outline(path)
    origins = [module for local, module, _ in here.imports if local == name]
    return not origins or any(index.locate(each, path) is not None for each in origins)


def find_losses(index: ProjectIndex) -> tuple[str, ...]:
    """``module:name`` of loss classes and functions, tests left out."""
    found = []
    for path in index.with_data():
        if is_test(path):
            continue
        module, here = index.module_name(path), index.data_outline(path)
        for each in here.classes:
            callable_ = any(it.name in ("forward", "__call__") for it in each.methods)
            inherits = any(LOSS_CLASS.search(base.rpartition(".")[2]) for base in each.bases)
            if not each.name.startswith("_") and ((LOSS_CLASS.search(each.name) and callable_) or inherits):
                found.append((path, each.line, f"{module}:{each.name}"))
        for function in here.functions:
            if LOSS_NAME.search(function.name) and _compares(function):
                found.append((path, function.line, f"{module}:{function.name}"))
    return tuple(name for _, _, name in sorted(found))


def find_metrics(index: ProjectIndex) -> tuple[str, ...]:
    """``module:name`` of functions that measure an output against a target, tests left out."""
    found = []
    for path in index.with_data():
        if is_test(path):
            continue
        for function in index.data_outline(path).functions:
            if METRIC_NAME.search(function.name) and not LOSS_NAME.search(function.name) and _compares(function):
                found.append((path, function.line, f"{index.module_name(path)}:{function.name}"))
    return tuple(name for _, _, name in sorted(found))


def _compares(function: FunctionFacts) -> bool:
    """Whether it takes two things, and its name says nothing of another purpose."""
    takes = [each for each in function.parameters if each.kind == "positional" and each.name not in ("self", "cls")]
    return not function.name.startswith("_") and not _NO_LOSS.search(function.name) and len(takes) >= 2


def find_tracker(index: ProjectIndex, base: BaseTrainer | None) -> str:
    """The experiment tracker in use: of the base trainer and the siblings, else what most files import; "" for none."""
    near: list[ClassFacts] = [] if base is None else [base.facts, *base.lineage, *base.siblings]
    for paths in ([each.file for each in near], [path for path in index.files if not is_test(path)]):
        counts = Counter(tracker for path in dict.fromkeys(paths) for tracker in index.trackers(path))
        if counts:
            return max(counts, key=lambda name: (counts[name], name))
    return ""


def find_tests(index: ProjectIndex, base: BaseTrainer | None) -> str:
    """Folder and pattern of the tests, of those for trainers where there are some (``tests/train/test_*.py``); "" for none."""
    tests = [
        path
        for path in index.files
        if posixpath.basename(path).startswith("test_") or posixpath.basename(path).endswith("_test.py")
    ]
    about = [path for path in tests if "train" in posixpath.basename(path)]
    if base is not None and not about:
        names = [each.name.encode() for each in (base.facts, *base.siblings)]
        about = [path for path in tests[:200] if any(name in index.peek(path) for name in names)]
    patterns = Counter(
        posixpath.join(
            posixpath.dirname(path), "test_*.py" if posixpath.basename(path).startswith("test_") else "*_test.py"
        )
        for path in about or tests
    )
    return min(patterns, key=lambda pattern: (-patterns[pattern], pattern.count("/"), pattern)) if patterns else ""
