"""Decisions about what nobody said and a search found: the parts of the batch, each with its evidence."""

from __future__ import annotations

from ..inspection.batch_spec import BatchSpec, Path, leaves, spell_path, spell_shape
from .plan import Decision, Input


def batch_guesses(batch: BatchSpec, inputs: tuple[Input, ...]) -> tuple[Decision, ...]:
    """A guess for each input of the model whose form was found by trying."""
    found = []
    for path, leaf in leaves(batch.root):
        fed = next((each for each in inputs if each.path == path[: len(each.path)]), None)
        if leaf.source != "assumed" or fed is None:
            continue
        choice = f"{_name(path, fed)} {leaf.dtype} {spell_shape(leaf.dims)}"
        found.append(Decision("batch", choice, leaf.place or "it runs", "--batch", assumed=True))
    return tuple(found)


def _name(path: Path, fed: Input) -> str:
    """What the part is called: its key; where it has none, the variable that the trainer reads it into."""
    named = any(isinstance(key, str) for key in path)
    return spell_path(path) if named else fed.variable
