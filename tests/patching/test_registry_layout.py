"""A registry's first entry, and one that is too long for a line, in the layout that the project's formatter leaves."""

from __future__ import annotations

import black
import pytest

from trainergen.patching.registries import default

EMPTY = b"TRAINER_REGISTRY: dict[str, str] = {}\n"
SHORT = {"key": "ATrainer", "target": "train.a_trainer:ATrainer"}
LONG = {
    "key": "SparseAutoencoderTrainer",
    "target": "train.sparse_autoencoder_trainer:SparseAutoencoderTrainer",
}


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize(("entry", "spread"), [(SHORT, True), (SHORT, False), (LONG, True)])
def test_black_leaves_it_as_it_is(entry: dict[str, str], quote: str, spread: bool) -> None:
    mode = black.Mode(string_normalization=quote == '"', magic_trailing_comma=spread)
    text = EMPTY
    for number in ("", "2"):
        words = {"key": entry["key"] + number, "target": entry["target"] + number}
        text = default.edit(text, "train/__init__.py", **words, width=88, quote=quote, spread=spread).after
        assert black.format_str(text.decode(), mode=mode) == text.decode()
        assert default.read_back(text, "train/__init__.py")[words["key"]] == words["target"]
        assert max(map(len, text.decode().splitlines())) <= 88
    assert text.count(quote.encode()) == 8
