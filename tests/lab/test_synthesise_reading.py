"""What the search reads in a model's source: sizes unpacked among other things, norms of its own, what may be a tensor."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .test_synthesise import find, kinds


class Unpacks(nn.Module):
    """Takes its sizes in one line with something else, and says only in words what was wrong with one."""

    def __init__(self) -> None:
        super().__init__()
        self.width = 10
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, feats):
        b, n, d, *_, device = *feats.shape, feats.device
        assert d == self.width, f"feature dimension {d} is not what this was built for"
        weights = torch.ones(b, n, d, device=device)
        return (feats * weights * self.scale).sum(dim=1)


class UnpacksAll(Unpacks):
    def forward(self, feats):
        b, n, d, device = *feats.shape, feats.device
        assert d == self.width
        return (feats * torch.ones(b, n, d, device=device) * self.scale).mean(dim=1)


class OwnNorm(nn.Module):
    """A norm whose shape is taken from what it gets: only its weight says what it wants."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(12))
        self.tokens = nn.Embedding(40, 8)
        self.project = nn.Linear(12, 8, bias=False)

    def forward(self, text, image_tokens):
        images = F.layer_norm(image_tokens, image_tokens.shape[-1:], self.gamma, None)
        return torch.einsum("b i d, b j d -> b i j", self.tokens(text), self.project(images))


class TensorOrMapping(nn.Module):
    """Takes a mapping, and makes one of a tensor: the tensor is what most will have."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(6, 3)

    def forward(self, feats):
        if torch.is_tensor(feats):
            feats = {"first": feats}
        return self.lin(feats["first"]).mean(dim=1)


class OnlyMapping(TensorOrMapping):
    def forward(self, feats):
        return self.lin(feats["first"]).mean(dim=1)


class Sparse:
    def set_value(self, value):
        return self


class EitherKind(nn.Module):
    """Takes a graph in either of two forms, as libraries of graph networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor | Sparse):
        if isinstance(edge_index, Sparse):
            edge_index = edge_index.set_value(None)
        source, target = edge_index
        return torch.zeros_like(x).index_add(0, target, x[source]) @ self.lin.weight.T


class LogProbabilities(nn.Module):
    """Softmax over the classes of rows: none over the places of a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(6, 4)

    def forward(self, state):
        scores = self.lin(state)
        return scores, F.log_softmax(scores, dim=1)


def test_sizes_that_are_unpacked_among_other_things_are_known() -> None:
    for model in (Unpacks(), UnpacksAll()):
        found = find(model)
        assert kinds(found.synthesis.batch.root) == "f3"
        assert found.value.shape[-1] == 10
        assert len(found.synthesis.tries) < 20


def test_a_norm_wants_the_size_of_its_weight() -> None:
    found = find(OwnNorm())
    assert kinds(found.synthesis.batch.root) == {"text": "i2", "image_tokens": "f3"}
    assert found.value["image_tokens"].shape[-1] == 12
    assert len(found.synthesis.tries) < 18


def test_probabilities_of_classes_make_no_sequence() -> None:
    assert kinds(find(LogProbabilities()).synthesis.batch.root) == "f2"


def test_who_asks_for_a_tensor_takes_one() -> None:
    assert kinds(find(TensorOrMapping()).synthesis.batch.root) == "f3"
    assert kinds(find(OnlyMapping()).synthesis.batch.root) == {"feats": {"first": "f3"}}


def test_a_tensor_is_taken_where_the_annotation_allows_one() -> None:
    found = find(EitherKind())
    assert all("edge_index: int64[2" in each.batch for each in found.synthesis.tries)
