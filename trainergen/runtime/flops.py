"""Floating-point operations of a training step, and which share of a device's peak they come to (MFU)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .callbacks import Callback
from .recomputation import Recomputed

if TYPE_CHECKING:
    from .trainer import Trainer

PEAKS: tuple[tuple[str, dict[str, float]], ...] = (
    ("B200", {"bfloat16": 2250e12, "float16": 2250e12, "tf32": 1125e12, "float32": 75e12}),
    ("H200", {"bfloat16": 989.4e12, "float16": 989.4e12, "tf32": 494.7e12, "float32": 66.9e12}),
    ("GH200", {"bfloat16": 989.4e12, "float16": 989.4e12, "tf32": 494.7e12, "float32": 66.9e12}),
    ("H100 PCIe", {"bfloat16": 756e12, "float16": 756e12, "tf32": 378e12, "float32": 51e12}),
    ("H100 NVL", {"bfloat16": 835e12, "float16": 835e12, "tf32": 417.5e12, "float32": 60e12}),
    ("H100", {"bfloat16": 989.4e12, "float16": 989.4e12, "tf32": 494.7e12, "float32": 66.9e12}),
    ("A100", {"bfloat16": 312e12, "float16": 312e12, "tf32": 156e12, "float32": 19.5e12}),
    ("A10G", {"bfloat16": 70e12, "float16": 70e12, "tf32": 35e12, "float32": 35e12}),
    ("A10", {"bfloat16": 125e12, "float16": 125e12, "tf32": 62.5e12, "float32": 31.2e12}),
    ("L40S", {"bfloat16": 362e12, "float16": 362e12, "tf32": 183e12, "float32": 91.6e12}),
    ("L4", {"bfloat16": 121e12, "float16": 121e12, "tf32": 60e12, "float32": 30.3e12}),
    ("V100", {"float16": 125e12, "float32": 15.7e12}),
    ("T4", {"float16": 65e12, "float32": 8.1e12}),
)
"""Operations a second at most, dense, by a part of the device's name and by type.

From NVIDIA's data sheets (half of what they print "with sparsity"); A10G from AWS's page of the G5 instances.
"""


class FlopCount(Callback):
    """Counts the operations of a session's first training batch; from the second on nothing of it is left.

    Matrix products, convolutions and attention are counted, forward and backward, as `torch.utils.flop_counter` has
    them; what is computed again for want of memory is not. The model runs uncompiled in that batch.
    """

    def on_train_begin(self, trainer: Trainer[Any, Any]) -> None:
        """Stand in front of the first batch."""
        from torch.utils.flop_counter import FlopCounterMode  # loaded where it is asked for

        step = trainer._train_batch

        def counted(batch: Any) -> torch.Tensor:
            del trainer._train_batch  # the class's own is the next
            counter = FlopCounterMode(display=False)
            compiled = trainer.preparation.compilation
            with counter, Recomputed.metered(counter.get_total_flops) as repeated:
                loss = step(batch) if compiled is None else compiled.uncompiled(lambda: step(batch))
            weight = float(trainer._batch_weight(batch))
            if weight > 0:
                trainer.recorder.pace.flops_a_weight = (counter.get_total_flops() - sum(repeated)) / weight
            return loss

        trainer._train_batch = counted  # type: ignore[method-assign]


def peak_flops(device: torch.device, precision: str) -> float | None:
    """What `device` could do at most in `precision`, a second; None where it is none of `PEAKS`.

    Args:
        device: whose name is looked up.
        precision: the setting; float32 products that may use TF32 are taken for that.
    """
    if device.type != "cuda":
        return None
    return peak_of(torch.cuda.get_device_name(device), precision, torch.get_float32_matmul_precision())


def peak_of(name: str, precision: str, matmul_precision: str) -> float | None:
    """The entry of `PEAKS` for a device of that name; None where there is none."""
    found = next((peaks for part, peaks in PEAKS if part in name), {})
    if precision == "float32" and matmul_precision != "highest":
        return found.get("tf32", found.get("float32"))
    return found.get(precision)
