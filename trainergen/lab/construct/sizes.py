"""From a role to values: small ones that fit together, and what else to try where a class will not have the first.

Sizes that mean different things differ (3 channels, 5 classes, 12 features, 50 tokens), so that whoever looks at a shape can
tell its dimensions apart; inner widths are powers of two that heads, groups and patches divide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...inspection.expressions import reference

if TYPE_CHECKING:
    from ...inspection.expressions import Value
    from .roles import Role

SMALL_INTS = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    12,
    16,
    20,
    24,
    32,
    36,
    48,
    49,
    64,
    96,
    100,
    128,
    192,
    224,
    256,
    384,
    512,
    768,
    1024,
)
"""What an integer that must satisfy a condition is drawn from."""


@dataclass(frozen=True)
class Sizes:
    """One consistent choice of sizes.

    Attributes:
        rank: spatial dimensions of what a convolution sees.
        image: side of an image or a volume, a multiple of `patch`.
        channels: of an image or a signal.
        features: of a row, a node, a step of a series.
        width: inner sizes; `heads` divides it.
        levels: how many items a list has that says one value per level.
        reconstructs: whether what comes out looks like what goes in (autoencoders): then outputs have the inputs' sizes.
    """

    rank: int = 2
    image: int = 32
    patch: int = 8
    channels: int = 3
    features: int = 12
    classes: int = 5
    width: int = 32
    heads: int = 4
    depth: int = 2
    vocabulary: int = 50
    length: int = 16
    levels: int = 3
    reconstructs: bool = False

    def number(self, role: Role | None) -> int | float:
        """The first value for a number of this role."""
        numbers: dict[Role, int | float] = {
            "spatial_rank": self.rank,
            "head_width": self.width // self.heads,
            "kv_heads": self.heads // 2,
            "heads": self.heads,
            "image": self.image,
            "patch": self.patch,
            "patches": (self.image // self.patch) ** 2,
            "window": 4,
            "classes": self.classes,
            "relations": 3,
            "nodes": 10,
            "edge": 4,
            "vocabulary": self.vocabulary,
            "codebook": 24,
            "index": 0,
            "channels_in": self.channels,
            "channels_out": self.channels if self.reconstructs else self.classes,
            "features_in": self.features,
            "features_out": self.features if self.reconstructs else self.classes,
            "feedforward": 2 * self.width,
            "latent": 8,
            "depth": self.depth,
            "horizon": 4,
            "length": self.length,
            "time_steps": 20,
            "kernel": 3,
            "stride": 2,
            "padding": 1,
            "dilation": 1,
            "groups": 1,
            "norm_groups": self.heads,
            "dropout": 0.1,
            "ratio": 2,
            "epsilon": 1e-5,
            "momentum": 0.1,
            "temperature": 1.0,
            "coefficient": 1.0,
            "seed": 0,
            "experts": 4,
            "top_k": 2,
            "samples": 2,
            "width": self.width,
            "pyramid": self.width,
            "count": 2,
            "flag": 0,
            "on": 1,
        }
        return numbers.get(role, 4) if role is not None else self.width

    def instead(self, role: Role | None) -> tuple[int | float, ...]:
        """What else a number of this role may be, likeliest first."""
        others: dict[Role, tuple[int | float, ...]] = {
            "spatial_rank": (2, 3, 1),
            "head_width": (8, 16, 32, 64),
            "heads": (4, 2, 1, 8, 3),
            "kv_heads": (1, 2, 4),
            "image": (32, 64, 28, 224, 16, 48, 96, 128, 256),
            "patch": (8, 4, 16, 2, 7),
            "channels_in": (3, 1, 4, 2, 16, 32, self.width),
            "channels_out": (self.classes, 1, 2, 3, 4, 16, 32, self.width),
            "classes": (5, 2, 1, 10, 3, 4),
            "depth": (2, 3, 4, 1, 5, 6, 8, 12),
            "kernel": (3, 5, 2, 7, 1, 4),
            "stride": (2, 1, 4),
            "dropout": (0.1, 0.0, 0.5),
            "ratio": (2, 4, 1, 8, 0.5),
            "norm_groups": (4, 8, 2, 1, 32),
            "groups": (1, 2, 4, 8),
            "width": (self.width, 16, 64, 24, 48, 96, 128, 256, 8, 512),
            "feedforward": (2 * self.width, 128, self.width),
            "length": (self.length, 32, 64, 8, 128, 100),
        }
        return others.get(role, SMALL_INTS) if role is not None else SMALL_INTS

    def items(self, role: Role | None, count: int | None = None) -> list[Value]:
        """The first values for a list of this role, `count` of them (None: as many as is usual)."""
        if role in {"image", "patch", "window"}:
            return [self.number(role)] * (count or self.rank)
        if role == "input_shape":
            return [self.channels, *[self.image] * (count - 1 if count else self.rank)]
        if role in {"cardinalities", "vocabulary"}:
            return [4, 7, 3, 6, 5, 8, 9, 10][: count or self.levels]
        number = count or self.levels
        if role in {
            "pyramid",
            "width",
            "channels_in",
            "channels_out",
            "features_in",
            "features_out",
            "feedforward",
            None,
        }:
            first = max(8, self.width // 4)
            return [first * 2**level for level in range(min(number, 4))] + [first * 8] * max(0, number - 4)
        if role == "index":
            return list(range(number))
        if role == "depth":
            return [1] * number
        if role == "dilation":
            return [2**level for level in range(number)]
        if role == "ratio":
            return [1, *[2] * (number - 1)]
        return [self.number(role)] * number


TEXTS: dict[str, tuple[str, ...]] = {
    "activation": ("relu", "gelu", "ReLU", "silu", "tanh", "RELU"),
    "norm": ("batch", "layer", "instance", "group", "bn", "ln", "BatchNorm2d", "batch_norm", "layer_norm", "none"),
    "pool": ("mean", "max", "sum", "avg", "cls", "attention", "last"),
    "padding": ("same", "zeros", "valid", "reflect"),
    "device": ("cpu",),
    "dtype": ("float32",),
    "mode": (
        "default",
        "base",
        "linear",
        "standard",
        "classification",
        "basic",
        "lstm",
        "gru",
        "small",
        "normal",
        "full",
        "mean",
    ),
}
"""Words for arguments that take one, likeliest first; the class's own source knows better where it compares."""

CLASSES: dict[str, tuple[str, ...]] = {
    "activation": ("torch.nn:ReLU", "torch.nn:GELU"),
    "norm": ("torch.nn:LayerNorm", "torch.nn:BatchNorm2d", "torch.nn:BatchNorm1d", "torch.nn:Identity"),
    "pool": ("torch.nn:AdaptiveAvgPool2d",),
    "dtype": ("torch:float32",),
}
"""Classes of torch for arguments that take a class."""


def module_class(role: Role | None) -> Value:
    """The class to give where a class of modules is wanted."""
    return reference(CLASSES.get(role or "", ("torch.nn:Identity",))[0])
