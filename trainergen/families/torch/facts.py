"""What the lab measured of a torch model on a real batch: the family's own frozen facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...inspection.batch_spec import BatchSpec, Path
from ...inspection.construction import Search

HALVES = ("first_half", "second_half")
ENDS = ("drop_first", "drop_last")
OPERATIONS = ("float", "long", "bool", "unsqueeze", "squeeze", "permute", "flatten", *ENDS, *HALVES)
"""What an input, a target or a prediction may be prepared by: methods of a tensor, their integers after a colon, but for
``float``, which is the cast to the model's floating dtype, ``drop_first:1`` and ``drop_last:1``, which leave out the
first and the last entry along a dimension, and ``first_half:1`` and ``second_half:1``, the halves of one of even size. The
control run does them, generated code spells them."""


@dataclass(frozen=True)
class FeedArgument:
    """One argument of ``forward`` and the part of the batch that feeds it.

    Attributes:
        path: where the value sits in the batch.
        argument: the parameter's name; None passes it positionally.
        prepare: operations that make the value fit, in order, each one of `OPERATIONS`: ``long``, ``unsqueeze:1`` (add a
            dimension there), ``permute:0,3,1,2``.
    """

    path: Path
    argument: str | None = None
    prepare: tuple[str, ...] = ()


@dataclass(frozen=True)
class Feeding:
    """How a batch becomes a call of ``forward`` and what remains as targets.

    Attributes:
        arguments: in call order.
        targets: parts of the batch that do not go in.
        reason: the evidence for this assignment, one phrase.
        whole: forward takes the whole batch object as its one argument.
    """

    arguments: tuple[FeedArgument, ...]
    targets: tuple[Path, ...] = ()
    reason: str = ""
    whole: bool = False


@dataclass(frozen=True)
class ParameterFacts:
    """One parameter: its name, its shape, the module type that holds it, and whether it is trained."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    module_type: str
    tied_to: str | None = None


@dataclass(frozen=True)
class BufferFacts:
    """One buffer, and whether a forward in eval mode changes it."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    moves_in_eval: bool = False


@dataclass(frozen=True)
class OutputFacts:
    """One tensor (or number) of what ``forward`` returned."""

    path: Path
    dtype: str
    sizes: tuple[int, ...]
    dims: tuple[int | str, ...]
    low: float | None
    high: float | None
    finite: bool
    has_graph: bool
    sums_to_one: bool = False  # over the last dimension, all entries in [0, 1]
    log_sums_to_one: bool = False  # exp of it does: log-probabilities
    training_only: bool = False  # in eval mode forward returns nothing there
    activation: str | None = None  # what made it, reshapes aside, as the graph has it: "Sigmoid", "Softmax", ...


@dataclass(frozen=True)
class FixedSize:
    """A dimension for which the model failed with another size: the evidence for validating it."""

    path: Path
    axis: int
    tried: int
    error: str


@dataclass(frozen=True)
class Binding:
    """A constructor argument that decides a size.

    Attributes:
        argument: its name.
        origin: a size of an input, the range of an input's values, or a size of an output.
        path: where in the batch, or in the output.
        axis: of that size.
    """

    argument: str
    origin: Literal["input", "values", "output"]
    path: Path
    axis: int


@dataclass(frozen=True)
class LoaderFacts:
    """The loader behind ``--loader``: how it is called and what it gave.

    Attributes:
        target: ``module:name``.
        is_factory: called (True) or imported as it is (False).
        arguments: names in its signature that the config feeds (of batch_size, shuffle, seed).
        split: how training data is asked for: ``splits=("train",)``, ``split="train"``, ``train=True`` or None.
        validation: the target for validation (``--val-loader`` or the same factory with the other split), or None.
        validation_is_factory: as above, for it.
        validation_arguments: as above, for it.
        validation_split: as above, for it; e.g. ``splits=("val",)``.
        batch_count: batches in an epoch where ``len`` is known.
        return_annotation: the factory's return annotation, as text.
    """

    target: str
    is_factory: bool
    arguments: tuple[str, ...] = ()
    split: str | None = None
    validation: str | None = None
    validation_is_factory: bool = False
    validation_arguments: tuple[str, ...] = ()
    validation_split: str | None = None
    batch_count: int | None = None
    return_annotation: str | None = None


@dataclass(frozen=True)
class TargetFacts:
    """Values of one part of the batch that does not go into forward (a candidate target)."""

    path: Path
    integral: bool
    low: float | None
    high: float | None
    distinct: int  # up to 1000
    only_zero_one: bool


@dataclass(frozen=True)
class TokenOrder:
    """How the places of a sequence of ids see each other, as measured.

    Attributes:
        path: the ids, in the batch.
        output: what has a row a place, in the output.
        causal: a row depends on ids up to its own place alone.
    """

    path: Path
    output: Path
    causal: bool


@dataclass(frozen=True)
class OutputName:
    """What the submodule that made a part of a tuple calls it in its own ``return``.

    Attributes:
        path: in the model's output.
        name: ``aux_loss``.
        module_type: of the submodule; the model's own class where it is the model.
    """

    path: Path
    name: str
    module_type: str


@dataclass(frozen=True)
class TorchFacts:
    """Everything measured by one build in the lab. Measured floats decide no default (see DESIGN: records)."""

    parameters: tuple[ParameterFacts, ...]
    buffers: tuple[BufferFacts, ...]
    module_types: dict[str, int]
    batch: BatchSpec
    feeding: Feeding
    output_kind: Literal["tensor", "mapping", "tuple", "list", "dataclass", "namedtuple", "other"]
    output: tuple[OutputFacts, ...]
    output_type: str | None = None
    targets: tuple[TargetFacts, ...] = ()
    fixed: tuple[FixedSize, ...] = ()
    final_module: str | None = None  # type of the last leaf module that ran in forward ("Linear", "Sigmoid", ...)
    loader: LoaderFacts | None = None
    device: str = "cpu"
    python: str = ""
    torch: str = ""
    peak_memory: int = 0  # bytes, of the lab's child, after one forward and backward
    forward_seconds: float = 0.0
    batch_norm: bool = False
    dtype: str = "float32"  # of the first floating parameter
    warnings: tuple[str, ...] = ()
    bindings: tuple[Binding, ...] = ()
    implicit: tuple[str, ...] = ()  # arguments that passing their own default would say something else with
    search: Search | None = None  # what nobody said and was found by trying
    synthesised: bool = False  # the batch holds the model's inputs alone: its targets are for an objective to propose
    orders: tuple[TokenOrder, ...] = ()  # of the ids that go in, where that could be told
    bare_in_eval: bool = False  # several outputs in train mode, in eval mode one tensor
    called: tuple[OutputName, ...] = ()  # parts of a tuple or list, where the source of who made them names them
    ran: tuple[str, ...] = ()  # types of the leaf modules that ran, in the order in which they ended, the last twenty

    @property
    def values(self) -> int:
        """Number of scalar values over all distinct parameters."""
        total = 0
        for parameter in self.parameters:
            if parameter.tied_to is None:
                count = 1
                for size in parameter.shape:
                    count *= size
                total += count
        return total
