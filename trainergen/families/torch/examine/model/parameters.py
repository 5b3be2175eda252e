"""How many parameters each module holds, of which dtype, trained or frozen, shared or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .....inspection.examination import Examined, Finding

if TYPE_CHECKING:
    from torch import nn

    from ..specimen import Specimen

DOING = "counting parameters"
ORDER = 10
NEEDS = "model"
GROUP = "model"

LARGE_SHARE = 0.9
"""A single module with more of the values than this is said."""


def examine(specimen: Specimen) -> Examined:
    """A row a module that holds parameters of its own, each tensor counted once, where it first appears."""
    model = specimen.build()
    rows, tied = _rows(model)
    total = sum(row["values"] for row in rows)
    trainable = sum(row["trainable"] for row in rows)
    buffers = sum(buffer.numel() for buffer in model.buffers())
    findings = [*_frozen(rows, total, trainable), *_tied(tied), *_dtypes(rows), *_concentrated(rows, total)]
    facts = {"rows": rows, "total": total, "trainable": trainable, "buffers": buffers, "tied": tied}
    return Examined(tuple(findings), facts)


def _rows(model: nn.Module) -> tuple[list[dict[str, Any]], list[list[str]]]:
    first: dict[int, str] = {}
    tied: list[list[str]] = []
    rows = []
    for name, module in model.named_modules(remove_duplicate=True):
        own = list(module.named_parameters(recurse=False, remove_duplicate=False))
        values = trainable = 0
        shared = False
        for leaf, parameter in own:
            whole = f"{name}.{leaf}" if name else leaf
            if id(parameter) in first:
                tied.append([whole, first[id(parameter)]])
                shared = True
                continue
            first[id(parameter)] = whole
            values += parameter.numel()
            trainable += parameter.numel() if parameter.requires_grad else 0
        if own:
            dtypes = sorted({str(parameter.dtype).removeprefix("torch.") for _, parameter in own})
            rows.append(
                {
                    "module": name or "(itself)",
                    "type": type(module).__name__,
                    "values": values,
                    "trainable": trainable,
                    "tensors": len(own),
                    "dtype": "+".join(dtypes),
                    "shared": shared,
                }
            )
    return rows, tied


def _frozen(rows: list[dict[str, Any]], total: int, trainable: int) -> list[Finding]:
    numbers = {"total": total, "trainable": trainable}
    if trainable < total:
        frozen = [row["module"] for row in rows if row["trainable"] < row["values"]]
        names = ", ".join(frozen[:3]) + (", ..." if len(frozen) > 3 else "")
        return [
            Finding(
                "parameters.frozen",
                "note",
                "frozen values",
                f"{total - trainable:,} of {total:,} values are frozen ({names})",
                "give the optimizer only what requires_grad; keep frozen BatchNorm in eval mode",
                numbers,
            )
        ]
    return []


def _tied(tied: list[list[str]]) -> list[Finding]:
    if not tied:
        return []
    return [
        Finding(
            "parameters.shared",
            "note",
            "shared tensors",
            f"{tied[0][0]} is {tied[0][1]}" + (f", and {len(tied) - 1} more" if len(tied) > 1 else ""),
            "count, save and decay it once; reload with the tie made again",
            {"shared": len(tied)},
        )
    ]


def _dtypes(rows: list[dict[str, Any]]) -> list[Finding]:
    low = [row["module"] for row in rows if "float16" in row["dtype"] and row["trainable"]]
    if not low:
        return []
    return [
        Finding(
            "parameters.low-precision",
            "warn",
            "16-bit weights",
            f"{len(low)} modules train weights of 16 bits ({low[0]})",
            "keep the weights in float32 and use autocast: small updates are lost in 16 bits",
            {"modules": len(low)},
        )
    ]


def _concentrated(rows: list[dict[str, Any]], total: int) -> list[Finding]:
    if len(rows) < 3 or not total:
        return []
    largest = max(rows, key=lambda row: int(row["values"]))
    share = largest["values"] / total
    if share < LARGE_SHARE:
        return []
    return [
        Finding(
            "parameters.concentrated",
            "note",
            "where the values are",
            f"{largest['module']} ({largest['type']}) holds {share:.0%} of all values",
            "shrink it, share it or decay it by itself, if the model overfits or does not fit",
            {"share": round(share, 4)},
        )
    ]
