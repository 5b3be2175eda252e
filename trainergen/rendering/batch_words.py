"""A batch in words and in types: its annotation, its description for docstrings, its contract for error messages."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from ..inspection.batch_spec import Branch, Leaf, Path, leaves, spell_access, spell_shape
from ..planning.plan import Check, TrainerPlan

NUMBERS = {"int": "int", "float": "float", "object": "Any"}
CONTAINERS = {"mapping": "a dict", "tuple": "a tuple", "list": "a list"}


@dataclass(frozen=True)
class BatchWords:
    """What templates say of a batch.

    Attributes:
        annotation: source text of its type.
        imports: (module, name) pairs of its own classes.
        description: lines for the trainer's docstring.
        contract: the same as pieces of one text, for the stub that asks for a loader.
    """

    annotation: str
    imports: tuple[tuple[str, str], ...]
    description: str
    contract: tuple[str, ...]


def batch_words(plan: TrainerPlan, width: int) -> BatchWords:
    """The words for the batch of `plan`, in lines of at most `width`."""
    root = plan.batch.root
    what = f"A batch is {_container(plan, root)}:"
    described = [
        f"{spell_access(root, path)}: {_role(plan, path)}, {describe_leaf(leaf, plan, path)}"
        for path, leaf in leaves(root)
    ]
    body = [
        part
        for line in described
        for part in textwrap.wrap(line, width - 8, subsequent_indent="    ", break_long_words=False)
    ]
    return BatchWords(
        annotation=_annotation(root),
        imports=tuple(_imports(root)),
        description="\n".join([what, *(f"    {line}" for line in body)]),
        contract=tuple(pieces(f"{what} {'; '.join(described)}.", width - 16)),
    )


def pieces(text: str, room: int) -> list[str]:
    """`text` in pieces of at most `room` that begin with a word; put together they are `text` again."""
    found = [""]
    for word in re.findall(r"\S+\s*", text):
        if found[-1] and len(found[-1]) + len(word) > room:
            found.append("")
        found[-1] += word
    return found


def describe_leaf(leaf: Leaf, plan: TrainerPlan, path: Path) -> str:
    """``int64 [batch], values 0 to 9``; marked where it was assumed."""
    dims = next((check.dims for check in plan.checks if check.path == path), leaf.dims)
    check = next((check for check in plan.checks if check.path == path), None)
    kind = f"list of text {spell_shape(dims)}" if leaf.dtype == "str" else f"{leaf.dtype} {spell_shape(dims)}"
    values = _values(leaf.dtype, check) if check is not None else ""
    if plan.objective.task == "ranking" and path == plan.objective.target:
        values = ", 1 = best, 0 = no truth"
    assumed = " (assumed)" if leaf.source == "assumed" else ""
    return f"{kind}{values}{assumed}"


def highest(dtype: str, high: int | float) -> int | float:
    """The largest value allowed: `high` itself for floats, one less for integers."""
    return high if dtype.startswith(("float", "bfloat")) else high - 1


def _values(dtype: str, check: Check) -> str:
    low, high = check.low, check.high
    if low is not None and check.high_of:
        return f", values {low:g} to {check.high_of} - 1"
    if low is not None and high is not None:
        return f", values {low:g} to {highest(dtype, high):g}"
    if low is not None:
        return f", values of at least {low:g}"
    return f", values of at most {highest(dtype, high):g}" if high is not None else ""


def _role(plan: TrainerPlan, path: Path) -> str:
    """``input``, ``target`` or what else the loss takes it for, both, or ``unused``."""
    roles = ["target"] if path == plan.objective.target else []
    roles += [each.role for each in plan.objective.parts if each.origin != "output" and each.path == path]
    if roles:
        return " and ".join([*(["input"] if any(each.path == path for each in plan.inputs) else []), *roles])
    return "input" if plan.whole_batch or any(each.path == path[: len(each.path)] for each in plan.inputs) else "unused"


def _container(plan: TrainerPlan, root: Leaf | Branch) -> str:
    if isinstance(root, Leaf):
        return "a tensor"
    if root.type_name is not None and root.kind in ("dataclass", "namedtuple"):
        return f"a `{root.type_name.rpartition(':')[2]}`"
    if root.kind == "mapping" or not all(isinstance(child, Leaf) for _, child in root.entries):
        return CONTAINERS.get(root.kind, f"a {root.kind}")
    names = {each.path: each.variable for each in plan.inputs}
    names = plan.objective.judged | names
    spelt = ", ".join(names.get((key,), "_") for key, _ in root.entries)
    kind = {2: "a pair", 3: "a triple"}.get(len(root.entries), CONTAINERS.get(root.kind, f"a {root.kind}"))
    return f"{kind} ({spelt})"


def _annotation(node: Leaf | Branch) -> str:
    if isinstance(node, Leaf):
        return (
            f"{'list[' * len(node.dims)}str{']' * len(node.dims)}"
            if node.dtype == "str"
            else NUMBERS.get(node.dtype, "torch.Tensor")
        )
    if node.type_name is not None and node.kind in ("dataclass", "namedtuple"):
        return node.type_name.rpartition(":")[2].rpartition(".")[2] or "Any"
    inner = [_annotation(child) for _, child in node.entries]
    same = inner[0] if len(set(inner)) == 1 else "Any"
    if node.kind == "tuple":
        return f"tuple[{', '.join(inner)}]"
    return f"Sequence[{same}]" if node.kind == "list" else f"dict[str, {same}]"


def _imports(node: Leaf | Branch) -> list[tuple[str, str]]:
    if isinstance(node, Leaf):
        return []
    if node.type_name is not None and node.kind in ("dataclass", "namedtuple"):
        module, _, name = node.type_name.partition(":")
        return [(module, name.partition(".")[0])]
    return [found for _, child in node.entries for found in _imports(child)]
