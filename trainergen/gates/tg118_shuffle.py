"""TG118: training data is shuffled, held-out data is not."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD, CALL, STEP
from .finding import Fix
from .loaders import Loader, loaders
from .naming import says
from .reading import Routine
from .roles import argument, constant, is_open
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG118"
NAME = "shuffling"
WHAT = (
    "A loader of training data shuffles, by shuffle=True or a sampler, never both; a loader of validation or test data "
    "doesn't. What a loader is for is told by the names of it and of its data set."
)
WHY = (
    "Data in file order (class by class, day by day) makes each batch one-sided: the gradients fight each other and "
    "batch normalisation sees no typical batch. shuffle=True with a sampler raises. Shuffled validation makes runs "
    "and per-sample outputs impossible to compare."
)
FAILING = """\
from torch.utils.data import DataLoader


def loaders(train_set, val_set):
    train_loader = DataLoader(train_set, batch_size=32)
    val_loader = DataLoader(val_set, batch_size=32)
    return train_loader, val_loader
"""
PASSING = """\
from torch.utils.data import DataLoader


def loaders(train_set, val_set):
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=32)
    return train_loader, val_loader
"""
FIX = "unsafe: adds or removes shuffle=True"
TORCH = ">=1.0"
SOURCE = "torch.utils.data.DataLoader; trainlint TL014"

_ORDERED = ("iter", "stream", "webdataset", "wds", "series", "sequence", "temporal", "predict")

_MADE_UP = ("RandomD", "RandomT", "RandomI", "Dummy", "dummy", "Synthetic", "synthetic", "Fake", "Toy")


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for loader in loaders(training):
        call = loader.call
        if is_open(call):
            continue
        shuffle = argument(call, "shuffle", 2)
        said = constant(shuffle) if shuffle is not None else None
        sampler = argument(call, "sampler", 3) or argument(call, "batch_sampler", 4)
        if sampler is not None and constant(sampler) is not None:
            if said is True and shuffle is not None:
                message = "shuffle=True together with a sampler: DataLoader raises"
                yield training.finding(CODE, call, message, "leave shuffle out: the sampler decides the order")
        elif (
            loader.purpose == "train"
            and said in (None, False)
            and not (_in_order(training, loader) or _only_looked_at(training, loader))
        ):
            yield _unshuffled(training, loader)
        elif loader.purpose == "held out" and said is True and shuffle is not None:
            fix = Fix("don't shuffle", False, (training.replacing(shuffle, "False"),))
            message = "held-out data is shuffled"
            yield training.finding(CODE, call, message, "shuffle=False: the same order makes runs comparable", fix=fix)


def _unshuffled(training: Training, loader: Loader) -> Finding:
    shuffle = argument(loader.call, "shuffle", 2)
    edit = (
        training.replacing(shuffle, "True")
        if shuffle is not None
        else training.adding_argument(loader.call, "shuffle=True")
    )
    message = "training data is never shuffled"
    hint = "pass shuffle=True, or a sampler that draws at random"
    return training.finding(CODE, loader.call, message, hint, fix=Fix("shuffle", False, (edit,)))


def _in_order(training: Training, loader: Loader) -> bool:
    """Whether the data can't be shuffled by the loader, or the order may be meant."""
    call = loader.call
    dataset = argument(call, "dataset", 0)
    if dataset is None or constant(argument(call, "batch_size", 1)) is None:
        return True
    made = training.roles.made(dataset, loader.routine)[1]
    text = ast.unparse(made.func if made is not None else dataset)
    if any(word in text for word in _MADE_UP) or says(text, *_ORDERED) or says(loader.routine.name, *_ORDERED):
        return True
    for binding in training.roles.bindings(ast.unparse(dataset), loader.routine):
        if says(ast.unparse(binding.value), *_ORDERED) or "shuffle" in ast.unparse(binding.value):
            return True
    for name, known in training.reading.classes.items():
        if name == text and any("Iterable" in base for base in known.bases):
            return True
    return False


def _only_looked_at(training: Training, loader: Loader) -> bool:
    """Whether the routine itself goes through the loader without training anything, and gives it to nobody."""
    routine = loader.routine
    names = {
        name
        for name, bindings in routine.bindings.items()
        if any(each.value is loader.call for each in bindings) and "." not in name and "[" not in name
    }
    if not names or any(_reads(other, names) for other in training.reading.routines if other is not routine):
        return False
    if any(event.kind in (BACKWARD, STEP, CALL) for event in training.traces.of(routine)):
        return False
    for step in routine.steps:
        given: list[ast.expr] = []
        if isinstance(step.node, ast.Call) and getattr(step.node.func, "id", "") not in ("len", "enumerate", "tqdm"):
            given = [*step.node.args, *(word.value for word in step.node.keywords)]
        elif isinstance(step.node, (ast.Return, ast.Assign)) and step.node.value is not None:
            given = [step.node.value]
        if any(isinstance(each, ast.Name) and each.id in names for value in given for each in _parts(value)):
            return False
    return True


def _reads(routine: Routine, names: set[str]) -> bool:
    return not isinstance(routine.node, ast.Module) and any(
        isinstance(part, ast.Name) and part.id in names for part in ast.walk(routine.node)
    )


def _parts(value: ast.expr) -> list[ast.expr]:
    """A value, and what a tuple, a list or a dict is made of."""
    if isinstance(value, (ast.Tuple, ast.List)):
        return [part for each in value.elts for part in _parts(each)]
    if isinstance(value, ast.Dict):
        return [part for each in value.values for part in _parts(each)]
    return [value]
