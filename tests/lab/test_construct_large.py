"""What is built where smaller models can't be had, and what arguments that no signature names are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.test_construct import constructor, first, values

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainergen.lab.construct import Constructor

    Maker = Callable[..., Constructor]

__all__ = ["constructor"]


def test_what_the_base_class_asks_for_comes_through_keywords_however_large_it_is(constructor: Maker) -> None:
    built = first(constructor("""
            class Base(nn.Module):
                def __init__(self, n_in, n_classes, depths, ratio=2, kind="a", drop=None):
                    super().__init__()
                    self.f = nn.Sequential(nn.Linear(n_in, 1200), *[nn.Linear(1200, 1200) for _ in depths])
                    self.out = nn.Linear(1200, n_classes)
            class Net(Base):
                def __init__(self, depths=(1, 1), ratio=2, kind="a", drop=None, **kwargs):
                    super().__init__(depths=depths, ratio=ratio, kind=kind, drop=drop, **kwargs)
            """))
    assert {"n_in", "n_classes"} <= values(built).keys()
    assert values(built).keys().isdisjoint({"ratio", "kind", "drop"})


def test_keys_that_a_helper_pops_are_given_with_each_of_their_prefixes(constructor: Maker) -> None:
    built = first(constructor("""
            def taken(names, source):
                return [source.pop(name) for name in names]
            class Net(nn.Module):
                def __init__(self, *, dim, **kwargs):
                    super().__init__()
                    left = {k[5:]: v for k, v in kwargs.items() if k.startswith("left_")}
                    right = {k[6:]: v for k, v in kwargs.items() if k.startswith("right_")}
                    (rows,) = taken(["vocab_size"], left)
                    (others,) = taken(["vocab_size"], right)
                    assert "depth" in left, "`depth` must be passed"
                    self.left, self.right = nn.Embedding(rows, dim), nn.Embedding(others, dim)
            """))
    assert {"left_vocab_size", "right_vocab_size", "left_depth"} <= values(built).keys()


def test_a_module_that_is_called_and_read_is_one_that_has_what_is_read(constructor: Maker) -> None:
    built = first(
        constructor(
            """
            class Words(nn.Module):
                def __init__(self, vocab_size, dim):
                    super().__init__()
                    self.longest = 20
                    self.table = nn.Embedding(vocab_size, dim)
                def forward(self, x):
                    return self.table(x)
            class Wrapped(nn.Module):
                def __init__(self, inner):
                    super().__init__()
                    self.inner = inner
                    self.most = inner.longest
                def forward(self, x):
                    return self.inner(x[:, : self.most])
            """,
            name="Wrapped",
        )
    )
    assert type(built.model.inner).__name__ == "Words"


def test_a_shape_beside_channels_has_sides_only(constructor: Maker) -> None:
    built = first(constructor("""
            from typing import Sequence
            class Net(nn.Module):
                def __init__(self, spatial_dims: int, in_channels: int, input_shape: Sequence[int]):
                    super().__init__()
                    if len(input_shape) != spatial_dims:
                        raise ValueError("one side a dimension")
                    self.f = nn.Conv2d(in_channels, 4, 3)
            """))
    assert values(built)["spatial_dims"] == 2
    assert values(built)["input_shape"] == [32, 32]


def test_a_base_that_leaves_its_methods_to_others_is_given_as_one_of_those(constructor: Maker) -> None:
    built = first(constructor("""
            class Factory:
                def block(self, n_in, n_out):
                    raise NotImplementedError
            class Dense(Factory):
                def block(self, n_in, n_out):
                    return nn.Linear(n_in, n_out)
            class Net(nn.Module):
                def __init__(self, n_in: int, factory: Factory):
                    super().__init__()
                    self.f = factory.block(n_in, 4)
            """))
    assert values(built)["factory"]["$call"] == "net:Dense"


def test_an_argument_in_keywords_is_what_a_namesake_nearby_is_annotated_as(constructor: Maker) -> None:
    built = first(constructor("""
            from typing import Literal
            def body(width: int, *, start: Literal["signs", "ones"]):
                if start not in ("signs", "ones"):
                    raise ValueError("unknown")
                return nn.Linear(width, 4)
            class Net(nn.Module):
                def __init__(self, width, **kwargs):
                    super().__init__()
                    if "start" not in kwargs:
                        raise TypeError("The required argument `start` is missing")
                    self.f = body(width, **kwargs)
            """))
    assert values(built)["start"] == "signs"


def test_a_mapping_of_sizes_that_is_empty_by_default_is_tried_with_keys_too(constructor: Maker) -> None:
    found = constructor("""
        class Net(nn.Module):
            def __init__(self, width: int = 8, sizes: dict[str, int] = {}):
                super().__init__()
                self.tables = nn.ModuleDict({name: nn.Embedding(rows, width) for name, rows in sizes.items()})
                self.out = nn.Linear(width, 3)
        """).candidates()
    tried = [len(built.model.tables) for built in found]
    assert tried[0] == 0
    assert 2 in tried
