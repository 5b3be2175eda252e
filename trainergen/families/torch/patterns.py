"""Patterns by rule: how the batch is fed to the model, and the words that users have for it."""

from __future__ import annotations

import keyword
import re

from ...errors import UnusableInput
from ...inspection.batch_spec import Branch, Path, spell_path
from ...inspection.model_facts import ModelFacts
from ...planning.plan import Decision, Input
from ...planning.wishes import Wishes
from .facts import TorchFacts

CASTS = frozenset({"float", "long", "bool"})
TAKEN = frozenset(
    {
        "self",
        "batch",
        "loss",
        "losses",
        "output",
        "outputs",
        "prediction",
        "predictions",
        "targets",
        "torch",
        "model",
    }
    | {"functional", "config", "metrics", "logger", "input", "cls"}
)
"""Names that generated methods use themselves, or that hide a builtin."""

KEYED = ("mapping", "dataclass", "namedtuple")


def choose_feeding(wishes: Wishes, model: ModelFacts, measured: TorchFacts) -> tuple[str, str, str | None]:
    """(``simple`` | ``structured`` | ``multi-tensor``, its evidence, the runner-up).

    Raises:
        UnusableInput: the pattern that the user named does not fit the batch.
    """
    found, reason, runner_up = _feeding(model, measured)
    wished = [each for each in wishes.patterns if each in ("simple", "structured", "multi-tensor")]
    if len(wished) > 1:
        raise UnusableInput(
            f"--pattern {' and '.join(wished)}: a batch is fed one way", hint=f"here: --pattern {found}"
        )
    if not wished or wished[0] == found:
        return found, reason, runner_up
    root = measured.batch.root
    keyed = isinstance(root, Branch) and root.kind in KEYED
    if wished[0] == "multi-tensor":
        return "multi-tensor", f"you said so ({found} would do: {reason})", None
    if (wished[0] == "structured") != keyed or _prepared(measured):
        also = ", its inputs need preparation" if _prepared(measured) else ""
        what = f"a {root.kind}" if isinstance(root, Branch) else "one tensor"
        raise UnusableInput(
            f"--pattern {wished[0]} does not fit: the batch is {what}{also}",
            hint=f"leave it out ({found} fits: {reason}), or --pattern multi-tensor",
        )
    return wished[0], "you said so", None


def _feeding(model: ModelFacts, measured: TorchFacts) -> tuple[str, str, str | None]:
    root, feeding = measured.batch.root, measured.feeding
    prepared = _prepared(measured)
    if prepared:
        return (
            "multi-tensor",
            f"{prepared[0]} needs preparation ({prepared[1]})",
            "structured: but inputs need preparation",
        )
    if isinstance(root, Branch) and root.kind in KEYED:
        what = {"mapping": "a dict"}.get(root.kind, f"a {root.kind}")
        names = ", ".join(each.argument or spell_path(each.path) for each in feeding.arguments)
        reason = f"forward({names}) from {what}" if not feeding.whole else f"forward takes {what} whole"
        return "structured", reason, "multi-tensor: but no input needs preparation"
    if len(feeding.arguments) > 2 or any(len(each.path) > 1 for each in feeding.arguments):
        return (
            "multi-tensor",
            f"forward takes {len(feeding.arguments)} parts of a tuple by position",
            "simple: but more than two inputs",
        )
    names = ", ".join(each.name for each in model.forward[: max(len(feeding.arguments), 1)]) or "x"
    count = "one tensor" if len(feeding.arguments) <= 1 else "two tensors"
    return "simple", f"forward({names}) takes {count}", "structured: but the parts of the batch have no names"


def _prepared(measured: TorchFacts) -> tuple[str, str] | None:
    """The first input that needs more than a cast, and what it needs."""
    for each in measured.feeding.arguments:
        beyond = [operation for operation in each.prepare if operation not in CASTS]
        if beyond:
            return spell_path(each.path), ", ".join(beyond)
    return None


def pattern_words(wishes: Wishes, feeding: str, ranking: bool, particular: bool) -> tuple[str, ...]:
    """The user-facing words: ``ranking`` stands for its feeding, ``custom-optimizer`` is added."""
    words = ["ranking" if ranking else feeding]
    if ranking and feeding in wishes.patterns:
        words.append(feeding)
    if particular or "custom-optimizer" in wishes.patterns:
        words.append("custom-optimizer")
    return tuple(words)


def pattern_decision(
    wishes: Wishes, words: tuple[str, ...], feeding: tuple[str, str, str | None], rank_key: str | None, optimizer: str
) -> Decision:
    """The line of the report. `rank_key`: where the ranks are; `optimizer`: why the optimizer is particular."""
    runner_up: str | None
    if words[0] == "ranking":
        reason, runner_up = f'the batch carries "{rank_key}"', f"{feeding[0]}: {feeding[1]}"
    else:
        reason, runner_up = feeding[1], feeding[2]
    if "custom-optimizer" in words and "custom-optimizer" not in wishes.patterns:
        reason += f"; {optimizer}"
    given = bool(wishes.patterns)
    return Decision("pattern", f"pattern {' + '.join(words)}", reason, "--pattern", runner_up, given)


def inputs(model: ModelFacts, measured: TorchFacts) -> tuple[Input, ...]:
    """The forward call, with a good local name for each part."""
    taken = set(TAKEN)
    found = []
    positional = [each.name for each in model.forward if each.kind == "positional"]
    for index, each in enumerate(measured.feeding.arguments):
        key = each.path[-1] if each.path else None
        name = key if isinstance(key, str) else each.argument or (positional[index] if index < len(positional) else "")
        variable = variable_name(str(name), taken, _otherwise(key, index, len(measured.feeding.arguments)))
        taken.add(variable)
        found.append(Input(each.path, variable, each.argument, each.prepare))
    return tuple(found)


def _otherwise(key: str | int | None, index: int, count: int) -> str:
    """For a name that says too little: the batch's own letter where there are several (``x`` beside ``edge_index``)."""
    if count < 2:
        return "inputs"
    return key if isinstance(key, str) and key.isalpha() and key not in ("l", "o", "i") else f"input_{index}"


def variable_name(name: str, taken: set[str], otherwise: str) -> str:
    """A local name from a batch key or an argument: lower case, not taken; one letter says too little."""
    text = re.sub(r"\W", "_", name).strip("_").lower()
    if text == "input":
        text = "inputs"
    if len(text) < 2 or not text.isidentifier() or keyword.iskeyword(text):
        text = otherwise
    if text in taken:
        text = f"{text}_part" if f"{text}_part" not in taken else f"{text}_{len(taken)}"
    return text


def input_of(parts: tuple[Input, ...], path: Path | None) -> Input | None:
    """The input at `path`, if one is."""
    return next((each for each in parts if each.path == path), None)
