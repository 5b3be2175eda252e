"""Which outputs and which parts of a batch could belong together: the pairs that the tasks are asked about."""

from __future__ import annotations

import ast
import re

from ...inspection.batch_spec import Leaf, Path, find, leaves
from ...inspection.model_facts import ModelFacts
from ...planning.wishes import Wishes
from .facts import OutputFacts, TargetFacts, TorchFacts
from .objectives import Pair, Values
from .return_names import ACTIVATIONS, RESHAPES
from .seen import FLOATING, INTEGRAL

TARGET_NAMES = (
    "target",
    "targets",
    "label",
    "labels",
    "y",
    "class",
    "classes",
    "truth",
    "ground_truth",
    "gt",
    "true_ranks",
)
SIDE_NAMES = re.compile(
    r"(^|_)(mask|weight|weights|length|lengths|id|ids|idx|index|indices|name|names|meta)(_|$)", re.IGNORECASE
)


def predictions(measured: TorchFacts) -> tuple[OutputFacts, ...]:
    """Outputs that could be compared with a target: floating, with a batch dimension."""
    return tuple(each for each in measured.output if each.sizes and each.dtype in FLOATING)


def scalars(measured: TorchFacts) -> tuple[OutputFacts, ...]:
    """Outputs that could be losses: floating numbers with a graph."""
    return tuple(each for each in measured.output if each.sizes == () and each.dtype in FLOATING and each.has_graph)


def candidate_targets(measured: TorchFacts) -> tuple[Path, ...]:
    """Parts of the batch that forward leaves over and a loss could take: no text, no objects."""
    found = []
    for path in measured.feeding.targets:
        node = find(measured.batch.root, path)
        if node is not None:
            found += [
                (*path, *inner)
                for inner, leaf in leaves(node)
                if leaf.dtype in FLOATING | INTEGRAL | {"bool"} and leaf.sizes
            ]
    return tuple(found)


def feeding_inputs(measured: TorchFacts) -> tuple[tuple[Path, tuple[str, ...]], ...]:
    """Parts of the batch that go into forward, with their preparation; of a whole batch, those that it looks at."""
    if measured.feeding.whole:
        return tuple((path, ()) for path, _ in leaves(measured.batch.root) if path not in measured.feeding.targets)
    return tuple((each.path, each.prepare) for each in measured.feeding.arguments)


def pairs(wishes: Wishes, model: ModelFacts, measured: TorchFacts, target: Path | None) -> tuple[Pair, ...]:
    """Every pair worth asking about; with `target` said, those with it alone."""
    inputs = dict(feeding_inputs(measured))
    candidates = candidate_targets(measured)
    outputs = predictions(measured)
    activation = last_activation(model, measured)
    asked = (*wishes.patterns, *([wishes.loss] if wishes.loss else []))

    def pair(output: OutputFacts, path: Path) -> Pair:
        node = find(measured.batch.root, path)
        leaf = node if isinstance(node, Leaf) else None
        return Pair(
            output=output,
            target=path,
            leaf=leaf,
            values=_values(measured, path, leaf),
            feeds=path in inputs,
            prepare=inputs.get(path, ()),
            alone=not candidates,
            activation=activation,
            name=model.name,
            asked=asked,
        )

    if target is not None:
        return tuple(pair(output, target) for output in outputs)
    return tuple(pair(output, path) for output in outputs for path in (*candidates, *inputs))


def _values(measured: TorchFacts, path: Path, leaf: Leaf | None) -> Values | None:
    if leaf is None:
        return None
    seen = next((each for each in measured.targets if each.path == path), None)
    integral_type = leaf.dtype in INTEGRAL or leaf.dtype == "bool"
    if seen is None:
        bounded = integral_type and leaf.low is not None and leaf.high is not None
        low, high = (int(leaf.low or 0), int(leaf.high or 0) - 1) if bounded else (None, None)
        return Values(integral_type, leaf.dtype == "bool" or (bounded and low == 0 and high == 1), low, high)
    whole = seen.integral or integral_type or _counts_up(seen)
    low = int(seen.low) if whole and seen.low is not None else None
    high = int(seen.high) if whole and seen.high is not None else None
    if leaf.source == "given" and leaf.dtype in INTEGRAL and leaf.high is not None:
        # What the user says holds beyond the sample: ten classes are ten even if the sample lacks the last.
        high = int(leaf.high) - 1
        low = int(leaf.low) if leaf.low is not None else low
        return Values(True, low == 0 and high == 1, low, high)
    return Values(whole, seen.only_zero_one or leaf.dtype == "bool", low, high)


def _counts_up(seen: TargetFacts) -> bool:
    """Floats that could be class indices: whole ends, and no more values than whole numbers between them."""
    if seen.low is None or seen.high is None or not seen.low.is_integer() or not seen.high.is_integer():
        return False
    return 2 < seen.distinct <= seen.high - seen.low + 1 or (seen.only_zero_one and seen.distinct == 2)


def last_activation(model: ModelFacts, measured: TorchFacts) -> str | None:
    """The model's last operation: an activation in the graph, else forward's return, else the last module that ran.

    None where the return computes further (``10 * self.gate(x)``): then the last module says nothing about the output.
    """
    outputs = predictions(measured)
    if len(outputs) != 1:
        return None
    if outputs[0].activation is not None:
        return outputs[0].activation
    value = returned(model.source)
    if value is None:
        return measured.final_module
    if not isinstance(value, ast.Call):
        return None
    name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    return ACTIVATIONS.get(name.lower(), measured.final_module)


def returned(source: str) -> ast.expr | None:
    """The expression that the last ``return`` of the class's own ``forward`` gives, reshapes and names seen through."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    methods = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name == "forward"]
    if not methods:
        return None
    body = list(ast.walk(methods[0]))
    returns = [each.value for each in body if isinstance(each, ast.Return) and each.value is not None]
    if not returns:
        return None
    value = returns[-1]
    assigned = {
        target.id: each.value
        for each in sorted((each for each in body if isinstance(each, ast.Assign)), key=lambda each: each.lineno)
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    for _ in range(10):
        if isinstance(value, ast.Name) and value.id in assigned:
            value = assigned.pop(value.id)
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in RESHAPES:
            value = value.func.value
        else:
            break
    return value


def name_bonus(path: Path, words: tuple[str, ...]) -> int:
    """Points for a name that says what it is, a few less for a name that ends so (``class_labels``)."""
    name = str(path[-1]).lower() if path else ""
    if name in words:
        return 8
    return 6 if any(name.endswith(f"_{word}") for word in words) else 0


def side_penalty(path: Path) -> int:
    """Points off for what accompanies data: masks, weights, lengths, indices, names."""
    return 12 if path and isinstance(path[-1], str) and SIDE_NAMES.search(path[-1]) else 0
