"""What a file holds as far as its bytes tell: heads of classes, trackers, whether it is worth parsing. No syntax tree."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Both begin with a literal: the regex engine then leaps from one to the next.
_CLASS = re.compile(rb"class[ \t]+(\w+)[ \t]*(?:\(([^()]*(?:\([^()]*\)[^()]*)*)|:)")
_DEF = re.compile(rb"def[ \t]+(\w+)[ \t]*\(")

TRAINER_NAME = re.compile(
    r"Trainer|Training|TrainLoop|Looper|Runner|Engine|Solver|Learner|Fitter|Experiment|Agent|Recipe|Workflow"
)
"""What classes that train are called, besides having the methods for it."""
TRAINING_METHODS = frozenset(
    [
        "train",
        "fit",
        "train_epoch",
        "_train_epoch",
        "train_one_epoch",
        "run_epoch",
        "train_step",
        "_train_step",
        "training_step",
        "train_batch",
        "_train_batch",
        "compute_loss",
        "loss_fn",
        "calculate_loss",
        "calc_loss",
        "get_loss",
        "forward_pass",
        "forward_backward",
        "train_loop",
        "training_loop",
        "_train",
        "_fit",
        "optimize_parameters",
        "train_iter",
        "run_step",
        "fit_epoch",
    ]
)
"""Methods by which a class is known to train."""
FUNCTION_NAME = re.compile(
    r"^(?:train|fit)(?:_(?!(?:one_|epoch|step|batch|iter|loop|test|val|eval|data|load|split|dataset|transform|args|pars"
    r"|config|worker|for_|and_|on_|with_|single_|model$))\w+)?$"
)
"""What functions are called that train one thing each (``train_wine``)."""
FACTORY_NAME = re.compile(
    r"^_*(build|get|make|create|load|prepare|setup|init|new)\w*?(loader|dataset)s?(_|$)", re.IGNORECASE
)
_DATA_CLASS = re.compile(r"Dataset$|DataLoader$")
LOSS_CLASS = re.compile(r"Loss(es)?$|Criterion$|_Loss$")
LOSS_NAME = re.compile(r"(^|_)(loss|criterion)(_|$)")
METRIC_NAME = re.compile(
    r"(^|_)(accuracy|f1|fbeta|auc|auroc|iou|dice|jaccard|psnr|ssim|mae|rmse|mape|ndcg|mrr|wer|cer|bleu|rouge|perplexity)"
    r"(_score|_coefficient)?(_at_k|_at_\d+)?$"
)
"""What functions are called that measure an output; not what only begins so (``accuracy_plot``)."""

TRACKERS = {
    "wandb": re.compile(rb"(?:import|from)[ \t]+wandb\b"),
    "mlflow": re.compile(rb"(?:import|from)[ \t]+mlflow\b"),
    "tensorboard": re.compile(rb"SummaryWriter|(?:import|from)[ \t]+tensorboardX?\b"),
    "comet": re.compile(rb"(?:import|from)[ \t]+comet_ml\b"),
    "neptune": re.compile(rb"(?:import|from)[ \t]+neptune\b"),
    "clearml": re.compile(rb"(?:import|from)[ \t]+clearml\b"),
    "aim": re.compile(rb"(?:import|from)[ \t]+aim\b"),
    "swanlab": re.compile(rb"(?:import|from)[ \t]+swanlab\b"),
    "trackio": re.compile(rb"(?:import|from)[ \t]+trackio\b"),
}
_TRACKER_WORDS = {name: name.encode() for name in TRACKERS} | {"tensorboard": b"SummaryWriter", "comet": b"comet_ml"}


@dataclass(frozen=True)
class Scan:
    """One file as its bytes tell.

    Attributes:
        heads: each class with the last names of its bases, aliases of this file followed; what stands in comments or
            text too.
        aliases: what a package's ``__init__`` renames: the name elsewhere, the name here.
        trainer: something in it trains, or is called so.
        data: it has a data set, a loader or a loss.
        program: it is begun by a user.
        trackers: experiment trackers that it imports.
    """

    heads: tuple[tuple[str, tuple[str, ...]], ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    trainer: bool = False
    data: bool = False
    program: bool = False
    trackers: tuple[str, ...] = ()


def scan(data: bytes, name: str) -> Scan:
    """What the bytes of a file tell; `name` is the file's own."""
    heads = tuple(
        (match[1].decode("utf-8", "replace"), _bases(match[2], data)) for match in _CLASS.finditer(data) if match[1]
    )
    functions = {each.decode("utf-8", "replace") for each in _DEF.findall(data)}
    trackers = tuple(
        tracker
        for tracker, pattern in TRACKERS.items()
        if _TRACKER_WORDS[tracker] in data and pattern.search(data) is not None
    )
    aliases: tuple[tuple[str, str], ...] = ()
    if name == "__init__.py" and b" as " in data:
        aliases = tuple(
            (each[0].decode(), each[1].decode())
            for each in re.findall(rb"([A-Za-z_]\w*)[ \t]+as[ \t]+([A-Za-z_]\w*)", data)
        )
    return Scan(
        heads,
        aliases,
        (
            bool(TRAINING_METHODS & functions)
            and not ("predict" in functions and TRAINING_METHODS & functions == {"fit"})
        )
        or any(_trains(*head) for head in heads)
        or any(FUNCTION_NAME.search(each) for each in functions),
        any(map(_is_data_class, heads)) or any(map(_is_data_function, functions)) or b"DataLoader(" in data,
        b"__main__" in data or name == "__main__.py" or any(word in data for word in _PROGRAMS),
        trackers,
    )


_PROGRAMS = (b"ArgumentParser(", b"@click.command", b"hydra.main", b"fire.Fire(", b"typer.", b"@click.group")


def _bases(text: bytes | None, data: bytes) -> tuple[str, ...]:
    """The last names of what a class inherits from; one that the file imports or assigns under another name as it was."""
    if not text:
        return ()
    found = []
    for part in re.sub(rb"\[[^\]]*\]|#[^\n]*", b"", text).split(b","):
        base = part.strip()
        if not base or b"=" in base:
            continue
        last = base.rpartition(b".")[2].partition(b"(")[0].strip()
        if b"." not in base:
            last = _unaliased(last, data)
        found.append(last.decode("utf-8", "replace"))
    return tuple(found)


def _unaliased(base: bytes, data: bytes) -> bytes:
    if b" as " + base in data:
        match = re.search(rb"(\w+)[ \t]+as[ \t]+" + re.escape(base) + rb"\b", data)
        if match is not None:
            return match[1]
    if b"\n" + base + b" =" in data:
        match = re.search(rb"\n" + re.escape(base) + rb"[ \t]*=[ \t]*([\w.]+)[ \t]*(?:#[^\n]*)?\r?\n", data)
        if match is not None:
            return match[1].rpartition(b".")[2]
    return base


def _trains(name: str, bases: tuple[str, ...]) -> bool:
    return any(TRAINER_NAME.search(each) is not None for each in (name, *bases))


def _is_data_class(head: tuple[str, tuple[str, ...]]) -> bool:
    name, bases = head
    return any(_DATA_CLASS.search(each) for each in (name, *bases)) or any(
        LOSS_CLASS.search(each) for each in (name, *bases)
    )


def _is_data_function(name: str) -> bool:
    return any(each.search(name) for each in (FACTORY_NAME, LOSS_NAME, METRIC_NAME))
