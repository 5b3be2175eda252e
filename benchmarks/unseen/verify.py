"""Every row of a set constructs, runs forward and backward; what can be measured is filled in.

    PYTHON benchmarks/unseen/verify.py benchmarks/unseen/own.jsonl [--write] [--only ID]

PYTHON is an interpreter that has the rows' packages. Without ``--write`` a row whose recorded `output`, `params` or
`required_init` differs from what was measured is a failure; with it they are written.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import json
import sys
import types
from pathlib import Path
from typing import Any

import torch
from torch import nn

HERE = Path(__file__).resolve().parent


def construct(value: Any) -> Any:
    """A constructor argument from its encoding (shared/zoo/README.md)."""
    if isinstance(value, list):
        return [construct(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$tuple" in value:
        return tuple(construct(item) for item in value["$tuple"])
    if "$list_of" in value:
        return [construct(item) for item in value["$list_of"]]
    if "$ns" in value:
        return types.SimpleNamespace(**{name: construct(item) for name, item in value["$ns"].items()})
    if "$ref" in value:
        return named(value["$ref"])
    if "$new" in value:
        arguments = [construct(item) for item in value.get("args", [])]
        return named(value["$new"])(*arguments, **{key: construct(item) for key, item in value.get("kw", {}).items()})
    if "$tensor" in value:
        return tensor(value["$tensor"])
    return {key: construct(item) for key, item in value.items()}


def named(target: str) -> Any:
    """The object that ``module:Name`` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def tensor(spec: Any) -> Any:
    """An input from its spec: a tensor, a list or dict of them, or a constant."""
    if isinstance(spec, list):
        return [tensor(item) for item in spec]
    if "const" in spec:
        return spec["const"]
    if "dtype" not in spec:
        return {key: tensor(item) for key, item in spec.items()}
    dtype = getattr(torch, spec["dtype"])
    if "values" in spec:
        return torch.tensor(spec["values"], dtype=dtype)
    if dtype == torch.bool:
        return torch.rand(spec["shape"]) < 0.5
    if not dtype.is_floating_point:
        drawn = torch.randint(spec["low"], spec["high"], spec["shape"]).to(dtype)
        return drawn.sort().values if spec.get("sorted") else drawn
    return (torch.rand if spec.get("dist") == "unit" else torch.randn)(spec["shape"]).to(dtype)


def described(output: Any) -> Any:
    """What came out, in the zoo's words."""
    if isinstance(output, torch.Tensor):
        return {"shape": list(output.shape), "dtype": str(output.dtype).removeprefix("torch.")}
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        output = vars(output)
    if isinstance(output, dict):
        return {"type": "dict", "elems": {str(key): described(item) for key, item in output.items()}}
    if isinstance(output, (tuple, list)):
        return {"type": "list" if isinstance(output, list) else "tuple", "elems": [described(item) for item in output]}
    return {"type": type(output).__name__}


def tensors(output: Any) -> list[torch.Tensor]:
    """All tensors of an output that gradients reach."""
    if isinstance(output, torch.Tensor):
        return [output] if output.requires_grad else []
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        output = vars(output)
    items = output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else ()
    return [each for item in items for each in tensors(item)]


def measured(row: dict[str, Any]) -> dict[str, Any]:
    """`required_init`, `output`, `params` of one row, after a forward and a backward pass.

    Raises:
        ValueError: no output has a gradient, one isn't finite, or no parameter received a gradient.
    """
    torch.manual_seed(0)
    cls = getattr(importlib.import_module(row["module"]), row["cls"])
    signature = inspect.signature(cls.__init__).parameters
    required = [
        name
        for name, parameter in list(signature.items())[1:]
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    model = cls(**construct(row["init_kwargs"]))
    assert isinstance(model, nn.Module)
    inputs = {name: tensor(spec) for name, spec in row["inputs"].items()}
    output = model(*inputs.pop("*", ()), **inputs)
    reached = tensors(output)
    if not reached or not all(torch.isfinite(each).all() for each in reached):
        raise ValueError("no output with a gradient, or one that is not finite")
    sum(each.float().pow(2).mean() for each in reached).backward()
    if not any(parameter.grad is not None for parameter in model.parameters()):
        raise ValueError("no parameter received a gradient")
    counted = sum(parameter.numel() for parameter in model.parameters())
    return {"required_init": required, "output": described(output), "params": counted}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--write", action="store_true", help="write what was measured into the file")
    parser.add_argument("--only", metavar="ID")
    options = parser.parse_args()
    sys.path.insert(0, str(HERE / "own"))
    rows = [json.loads(line) for line in options.rows.read_text(encoding="utf-8").splitlines()]
    failed = 0
    for row in rows:
        if options.only not in (None, row["id"]):
            continue
        try:
            found = measured(row)
            wrong = [] if options.write else [key for key, value in found.items() if row[key] != value]
            if wrong:
                raise ValueError(
                    "recorded otherwise: " + ", ".join(f"{key} {row[key]} != {found[key]}" for key in wrong)
                )
            row.update(found)
        except Exception as error:  # a row may fail in any way, and the others are still to be checked
            failed += 1
            print(f"{row['id']}: {type(error).__name__}: {error}")
    if options.write and not failed:
        options.rows.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print(f"{len(rows)} rows, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
