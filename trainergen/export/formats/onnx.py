"""onnx: the model's graph and weights for ONNX Runtime and its like; the inputs are the call's tensors, by name."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...lab.protocol import LabProblem

if TYPE_CHECKING:
    from torch import nn

    from ..sampling import Case
    from . import Exportable

SUFFIX = ".onnx"
TOLERANCE = 1e-4  # other kernels, other orders of summation
PACKAGES = ("onnx", "onnxscript")
NATURAL = False
NOTES = ()

_LARGEST = 2_000_000_000  # bytes: a protobuf message ends at 2 GiB


def write(exportable: Exportable, path: Path, metadata: str) -> None:
    """The captured graph, translated.

    Raises:
        LabProblem: kind ``input``: the weights are too large for one file.
    """
    import torch

    from ..capturing import capture

    values = [*exportable.model.parameters(), *exportable.model.buffers()]
    size = sum(value.numel() * value.element_size() for value in values)
    if size > _LARGEST:
        raise LabProblem(
            "input",
            f"{size / 1e9:.1f} GB of weights don't fit into one ONNX file, which ends at 2 GiB",
            hint="--to torch-export or --to safetensors has no such limit",
        )
    sample = exportable.sample
    translated = torch.onnx.export(
        capture(exportable.model, sample, flat=True),
        dynamo=True,
        verbose=False,
        input_names=[each.name for each in sample.inputs],
        output_names=[each.name for each in sample.outputs],
    )
    assert translated is not None
    translated.model.metadata_props["trainergen"] = metadata
    translated.save(path, external_data=False)


def load(path: Path, model: Callable[[], nn.Module]) -> tuple[str, Callable[[Case], Any]]:  # noqa: ARG001
    """The file in ONNX Runtime where it is installed, else in the reference evaluator of the package onnx."""
    import onnx
    import torch

    onnx.checker.check_model(str(path), full_check=True)
    names = [each.name for each in onnx.load(str(path)).graph.input]
    run: Callable[[dict[str, Any]], Any]
    if importlib.util.find_spec("onnxruntime") is not None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        engine = f"onnxruntime {onnxruntime.__version__}"

        def run(feed: dict[str, Any]) -> Any:
            return session.run(None, feed)

    else:
        from onnx.reference import ReferenceEvaluator

        reference = ReferenceEvaluator(str(path))
        engine = f"the reference evaluator of onnx {onnx.__version__} (onnxruntime is not installed)"

        def run(feed: dict[str, Any]) -> Any:
            return reference.run(None, feed)

    def call(case: Case) -> Any:
        feed = {name: tensor.numpy() for name, tensor in zip(names, case.inputs, strict=True)}
        return [torch.as_tensor(each) for each in run(feed)]

    return engine, call
