"""What fails in the bare loop too is the user's code: exit 5, before any generated code is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trainergen.errors import UserCodeFailed

from .proving import Prover
from .staged import text
from .test_faults import digits
from .test_odd_models import Odd, payload

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = """
    import torch
    from torch import nn


    class Base(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(64, 10)

        def forward(self, image):
            return self.head(image.flatten(1))


    class Raises(Base):
        def forward(self, image):
            return self.head(image)


    class NoGraph(Base):
        def forward(self, image):
            return super().forward(image).detach()


    class NotFinite(Base):
        def forward(self, image):
            return super().forward(image) / 0.0


    class NotFiniteGradient(Base):
        def forward(self, image):
            return super().forward(image) + torch.sqrt(self.head.bias * 0.0).sum()


    class FewClasses(Base):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(64, 3)


    class Lazy(Base):
        def __init__(self):
            super().__init__()
            self.head = nn.LazyLinear(10)


    class Exits(Base):
        def __init__(self):
            raise SystemExit(2)


    def unreduced(output, target):
        return nn.functional.cross_entropy(output, target, reduction="none")


    smoothed = None
"""


@pytest.fixture(scope="module")
def prover(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prover]:
    data = '"""Data."""\n\ndef build_loader(batch_size=8):\n    return []\n'
    found = Prover(tmp_path_factory.mktemp("project"), {"odd.py": MODELS, "data.py": data}, digits())
    yield found
    found.close()


@pytest.mark.parametrize(
    ("odd", "says", "place"),
    [
        (Odd("Raises"), "Raises.forward raised RuntimeError", ("return self.head(image)", "Raises.forward")),
        (Odd("NoGraph"), "the loss has no graph", None),
        (Odd("NotFinite"), "the loss is not finite", None),
        (Odd("NotFiniteGradient"), "the gradient of head.bias is not finite at step 1", None),
        (Odd("FewClasses"), "is out of bounds", None),
        (Odd("Lazy"), "head.weight has no shape", None),
        (Odd("Exits"), "called sys.exit(2)", ("raise SystemExit(2)", "Exits.__init__")),
        (Odd("Base", objective={"loss": "odd:unreduced"}), "the loss has shape [8]", None),
    ],
    ids=lambda value: value.name if isinstance(value, Odd) else "",
)
def test_it_is_the_users_code_that_failed(prover: Prover, odd: Odd, says: str, place: tuple[str, str] | None) -> None:
    with pytest.raises(UserCodeFailed) as caught:
        prover.prove(payload(odd))
    assert says in caught.value.message
    assert caught.value.exit_code == 5
    if place is not None:
        source, name = place
        lines = text({"": MODELS})[""].splitlines()
        line = next(number for number, each in enumerate(lines, start=1) if each.strip() == source)
        assert caught.value.place == f"odd.py:{line} in {name}"
