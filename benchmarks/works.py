"""The work that contenders do: a tiny MLP, a small convolutional net, a small transformer, on made-up batches."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass(frozen=True)
class Task:
    """A model, its batches and its optimizer."""

    build: Callable[[], nn.Module]
    batches: Callable[[int], Iterable[tuple[torch.Tensor, torch.Tensor]]]
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    steps: int


class Prepared:
    """Batches that were made before; no list, which Lightning takes for several loaders."""

    def __init__(self, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return iter(self._batches)


class Transformer(nn.Module):
    """A causal language model: embeddings, pre-norm blocks, a head over the vocabulary.

    Args:
        vocabulary: tokens.
        width: of the residual stream.
        depth: blocks.
        heads: of attention, in each.
        length: longest sequence.
    """

    def __init__(self, vocabulary: int, width: int, depth: int, heads: int, length: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.zeros(length, width))
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.tokens(tokens) + self.places[: tokens.shape[1]]
        for block in self.blocks:
            hidden = block(hidden)
        return self.head(self.norm(hidden))


class Block(nn.Module):
    """Attention and a feed-forward of four times the width, each behind a norm and beside the stream."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.attention, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        batch, length, width = hidden.shape
        parts = self.attention(self.norms[0](hidden)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
        hidden = hidden + self.projection(mixed.transpose(1, 2).reshape(batch, length, width))
        return hidden + self.feed_forward(self.norms[1](hidden))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))


def conv() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 49, 10)),
    )


def vectors(count: int) -> Prepared:
    return Prepared([(torch.randn(32, 32), torch.randint(0, 10, (32,))) for _ in range(count)])


def loaded_vectors(count: int) -> DataLoader[Any]:
    data = TensorDataset(torch.randn(32 * count, 32), torch.randint(0, 10, (32 * count,)))
    return DataLoader(data, batch_size=32, shuffle=True)


def images(count: int) -> Prepared:
    return Prepared([(torch.randn(32, 1, 28, 28), torch.randint(0, 10, (32,))) for _ in range(count)])


def sentences(count: int) -> Prepared:
    drawn = [torch.randint(0, 1000, (8, 33)) for _ in range(count)]
    return Prepared([(each[:, :-1].contiguous(), each[:, 1:].contiguous()) for each in drawn])


def sgd(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.01)


def adamw(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=1e-3)


TASKS = {
    "mlp, SGD, batches in a list": Task(mlp, vectors, sgd, 300),
    "mlp, AdamW, DataLoader": Task(mlp, loaded_vectors, adamw, 200),
    "conv, AdamW, batches in a list": Task(conv, images, adamw, 30),
    "transformer, AdamW, batches in a list": Task(lambda: Transformer(1000, 64, 2, 4, 32), sentences, adamw, 40),
}

WARM_UP = 10


class Watched(nn.Module):
    """A model that looks at the clock when step `WARM_UP` begins, and when as many more as asked for have passed.

    So the same steps are measured whoever owns the loop: neither its start nor its end counts.

    Args:
        inner: the model.
        steps: how many are measured.
        count_calls: count Python calls instead (cProfile); the seconds then mean nothing.
    """

    def __init__(self, inner: nn.Module, steps: int, *, count_calls: bool = False) -> None:
        super().__init__()
        self.inner = inner
        self._seen, self._last = 0, WARM_UP + steps
        self._steps = steps
        self._profile = cProfile.Profile() if count_calls else None
        self._marks: list[tuple[float, float]] = []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self._seen == WARM_UP:
            self._mark(starts=True)
        elif self._seen == self._last:
            self._mark(starts=False)
        self._seen += 1
        return self.inner(inputs)

    def _mark(self, *, starts: bool) -> None:
        self._marks.append((time.perf_counter(), time.thread_time()))
        if self._profile is not None:
            self._profile.enable() if starts else self._profile.disable()

    def figures(self) -> dict[str, float]:
        """Wall and CPU microseconds a step of the thread that trains, or calls a step."""
        (wall, cpu), (wall_end, cpu_end) = self._marks
        if self._profile is not None:
            return {"calls": pstats.Stats(self._profile).total_calls / self._steps}  # type: ignore[attr-defined]
        return {"wall": (wall_end - wall) / self._steps * 1e6, "cpu": (cpu_end - cpu) / self._steps * 1e6}
