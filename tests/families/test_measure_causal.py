"""Which way the places of a sequence see each other, measured on real models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.families.test_measure import module

if TYPE_CHECKING:
    from tests.families.conftest import Measure
    from trainergen.lab.protocol import Context

BATCH = "tokens: int64[3, 8] < 12"
ATTENTION = """
self.table = nn.Embedding(12, 16)
self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
self.head = nn.Linear(16, 12)
"""
MASKED = """
def forward(self, tokens):
    mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
    return self.head(self.layer(self.table(tokens), src_mask=mask, is_causal=True))
"""
OPEN = "def forward(self, tokens):\n    return self.head(self.layer(self.table(tokens)))"
RECURRENT = """
self.table = nn.Embedding(12, 16)
self.mix = nn.GRU(16, 8, batch_first=True, bidirectional={both})
self.head = nn.Linear({width}, 12)
"""
RECUR = "def forward(self, tokens):\n    return {'logits': self.head(self.mix(self.table(tokens))[0])}"
ALONE = ("self.table = nn.Embedding(12, 16)", "def forward(self, tokens):\n    return self.table(tokens)")
BY_FFT = (  # a causal convolution, whose rounding reaches every place
    "self.table = nn.Embedding(12, 16)\nself.kernel = nn.Parameter(torch.randn(8, 16))",
    "def forward(self, tokens):\n    x = torch.fft.rfft(self.table(tokens), 16, dim=1)\n"
    "    return torch.fft.irfft(x * torch.fft.rfft(self.kernel, 16, dim=0), 16, dim=1)[:, :8]",
)
CHANCE = (
    "self.table = nn.Embedding(12, 16)",
    "def forward(self, tokens):\n    return self.table(tokens).cumsum(1) + torch.rand(8, 1)",
)


@pytest.mark.parametrize(
    ("body", "forward", "causal"),
    [
        pytest.param(ATTENTION, MASKED, True, id="causal mask"),
        pytest.param(ATTENTION, OPEN, False, id="no mask"),
        pytest.param(RECURRENT.format(both=False, width=8), RECUR, True, id="recurrent"),
        pytest.param(RECURRENT.format(both=True, width=16), RECUR, False, id="recurrent both ways"),
        pytest.param(*BY_FFT, True, id="causal by FFT"),
        pytest.param(*ALONE, None, id="every place alone"),
    ],
)
def test_which_places_a_row_sees(
    measure: Measure, context: Context, body: str, forward: str, causal: bool | None
) -> None:
    facts = measure(module(body, forward), "model:Net", BATCH)
    assert [each.causal for each in facts.orders] == ([] if causal is None else [causal])
    assert all(each.path == ("tokens",) for each in facts.orders)


def test_each_of_two_sequences_is_told_for_itself(measure: Measure, context: Context) -> None:
    body = """
self.table = nn.Embedding(12, 16)
self.layers = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)
"""
    forward = """
def forward(self, src, tgt):
    mask = nn.Transformer.generate_square_subsequent_mask(tgt.shape[1])
    return self.layers(self.table(src), self.table(tgt), tgt_mask=mask)
"""
    facts = measure(module(body, forward), "model:Net", "src: int64[3,8] < 12; tgt: int64[3,8] < 12")
    assert {each.path: each.causal for each in facts.orders} == {("src",): False, ("tgt",): True}


def test_what_is_drawn_in_forward_does_not_disturb(measure: Measure, context: Context) -> None:
    # every run starts from the same random state: what is drawn is drawn again
    facts = measure(module(*CHANCE), "model:Net", BATCH)
    assert [each.causal for each in facts.orders] == [True]


def test_nothing_of_it_is_left_behind(measure: Measure, context: Context) -> None:
    body = "self.table = nn.Embedding(12, 16)\nself.register_buffer('calls', torch.zeros(()))"
    forward = "def forward(self, tokens):\n    self.calls += 1\n    return self.table(tokens).cumsum(1)"
    facts = measure(module(body, forward), "model:Net", BATCH)
    assert [each.causal for each in facts.orders] == [True]
    assert [each.name for each in facts.buffers] == ["calls"]
