"""Makes a batch with seeded random values from its description, ``--batch 'image: float32[8,1,28,28]'``."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import torch

from ..errors import did_you_mean
from ..inspection.batch_growth import Growth
from ..inspection.batch_spec import BatchSpec, Branch, Leaf, Node
from .frames import user_code
from .imports import import_object
from .protocol import Context, LabProblem


def synthesise(spec: BatchSpec, context: Context, seed: int) -> Any:
    """A batch of `spec`'s form: floats uniform in their range, else standard normal; integers uniform, else 0 or 1.

    Args:
        spec: as the grammar gave it; its dataclasses are imported from the project.
        context: where the copied tree is.
        seed: equal seeds give equal batches.

    Raises:
        LabProblem: a class is not found or does not take the fields (``input``), or its constructor raises (``user``).
    """
    generator = torch.Generator().manual_seed(seed)
    return _make(spec.root, context, generator)


TARGET_SEED = 7919
"""Added to the seed of the values that are put into a batch: from the batch's own seed a target may equal its input."""


def complete(batch: Any, growth: Growth, context: Context, seed: int) -> Any:
    """A batch that holds inputs alone, with the parts that it lacks drawn as `synthesise` draws them.

    Args:
        batch: as it was measured.
        growth: the form to reach, and what of it is new.
        context: where the copied tree is.
        seed: equal seeds give equal parts.
    """
    generator = torch.Generator().manual_seed(seed + TARGET_SEED)
    new = {key: _make(child, context, generator) for key, child in growth.root.entries if key in growth.added}
    if growth.inside is None:
        whole = copy.copy(batch)  # of the user's type, where it has one
        whole.update(new)
        return whole
    parts = {growth.inside: batch, **new}
    return parts if growth.root.kind == "mapping" else tuple(parts.values())


def _make(node: Node, context: Context, generator: torch.Generator) -> Any:
    if isinstance(node, Leaf):
        return _leaf(node, generator)
    parts = {key: _make(child, context, generator) for key, child in node.entries}
    if node.kind == "mapping":
        return parts
    if node.kind == "tuple":
        return tuple(parts.values())
    if node.kind == "list":
        return list(parts.values())
    return _instance(node, {str(key): value for key, value in parts.items()}, context)


def _instance(node: Branch, parts: dict[str, Any], context: Context) -> Any:
    assert node.type_name is not None
    kind = import_object(node.type_name, context)
    if not callable(kind):
        raise LabProblem("input", f"{node.type_name} in --batch is no class")
    try:
        signature = inspect.signature(kind)
    except (TypeError, ValueError):
        signature = None
    if signature is not None:
        _check_fields(signature, node.type_name, parts)
    with user_code(context, f"{node.type_name.partition(':')[2]}()"):
        return kind(**parts)


def _check_fields(signature: inspect.Signature, name: str, parts: dict[str, Any]) -> None:
    parameters = signature.parameters
    if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        for key in parts:
            if key not in parameters:
                raise LabProblem(
                    "input", f"{name} in --batch has no field {key}", hint=did_you_mean(key, list(parameters))
                )
    missing = [
        each.name
        for each in parameters.values()
        if each.default is inspect.Parameter.empty
        and each.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        and each.name not in parts
    ]
    if missing:
        raise LabProblem(
            "input", f"{name} in --batch lacks {', '.join(missing)}", hint=f"describe it: {missing[0]}: float32[8]"
        )


def _leaf(leaf: Leaf, generator: torch.Generator) -> Any:
    if leaf.dtype == "str":
        return _strings(leaf.sizes)
    if leaf.dtype == "int":
        return int(_integers(leaf, (), generator).item())
    if leaf.dtype == "float":
        return float(_floats(leaf, (), generator).item())
    dtype: torch.dtype = getattr(torch, leaf.dtype)
    if dtype == torch.bool:
        return torch.randint(0, 2, leaf.sizes, generator=generator).bool()
    if dtype.is_complex:
        return torch.complex(
            torch.randn(leaf.sizes, generator=generator), torch.randn(leaf.sizes, generator=generator)
        ).to(dtype)
    if dtype.is_floating_point:
        return _floats(leaf, leaf.sizes, generator).to(dtype)
    return _integers(leaf, leaf.sizes, generator).to(dtype)


def _floats(leaf: Leaf, sizes: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    precise = torch.float64 if leaf.dtype in ("float64", "float") else torch.float32
    if leaf.low is None or leaf.high is None:
        return torch.randn(sizes, generator=generator, dtype=precise)
    values = torch.rand(sizes, generator=generator, dtype=precise)
    return values * (leaf.high - leaf.low) + leaf.low


def _integers(leaf: Leaf, sizes: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    low, high = (0, 2) if leaf.low is None or leaf.high is None else (int(leaf.low), int(leaf.high))
    largest = 2**63 - 1
    return torch.randint(max(low, -largest), min(high, largest), sizes, generator=generator)


def _strings(sizes: tuple[int, ...]) -> Any:
    if not sizes:
        return "text_0"
    if len(sizes) == 1:
        return [f"text_{index}" for index in range(sizes[0])]
    return [_strings(sizes[1:]) for _ in range(sizes[0])]
