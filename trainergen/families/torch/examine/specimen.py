"""What is examined: models built anew, the batches that ``build`` kept, the loss and optimizer that the plan chose."""

from __future__ import annotations

import ast
import copy
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ....inspection.batch_growth import Growth
from ....inspection.batch_spec import BATCH, BatchSpec, Leaf, Path, leaves
from ....inspection.examination import Trial
from ....lab.batch_form import live_leaves, map_leaves
from ....lab.batch_values import complete
from ....lab.frames import frames_of, place, user_code, user_frames
from ....lab.imports import import_object
from ....lab.loaders import training_loader
from ....lab.protocol import LabProblem
from ....plain import from_plain
from ....runtime.device import move_batch
from ....runtime.probes.walk import seed_everything
from ..control import Control, build_loss
from ..facts import FeedArgument, Feeding, FixedSize
from ..measure import BATCHES_FILE
from ..measure_call import call
from ..measure_model import build_model
from ..measure_sizes import resize
from .counting import count_operations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ....lab.protocol import Context

MOST_OPERATIONS = 3e10
"""Of all steps of one measurement: a few seconds of one core."""

FEWEST_STEPS = 30
FEWEST_SAMPLES = 4
"""However much a step costs. A batch that is learnt by heart may be small: Karpathy (2019) goes down to two examples."""

MOST_BATCHES = 32
MOST_VALUES = 2**25
"""What is read of a loader, whichever comes first."""

LONGEST = 160
"""Characters of an error that a trial shows."""


class Specimen:
    """The model under examination, of which any number can be had.

    Args:
        request: the payload of `run.measure`.
        context: where the copied tree and the batches are.

    Attributes:
        train: the training batches that were read, on the CPU; at least one.
        spec: the form of the first.
        feeding: how a batch becomes a call of ``forward``.
        inputs: paths of the leaves that go in.
        objective: task, loss, prediction, target; None where none was chosen.
        names: what the parts of the batch are called.
        rate: the learning rate that the plan chose.
    """

    def __init__(self, request: Mapping[str, Any], context: Context) -> None:
        self.request = request
        self.context = context
        self.seed = int(request["seed"])
        self.device = torch.device(context.device)
        self.spec: BatchSpec = from_plain(BatchSpec, request["batch_form"])
        self.train: list[Any] = self._kept()
        self.feeding = Feeding(
            tuple(
                FeedArgument(tuple(each["path"]), each["argument"], tuple(each["prepare"]))
                for each in request["feeding"]["arguments"]
            ),
            tuple(tuple(each) for each in request["targets"]),
            whole=request["feeding"]["whole"],
        )
        self.fixed = tuple(from_plain(FixedSize, each) for each in request["fixed"])
        self.names: dict[Path, str] = {tuple(path): name for path, name in request["names"]}
        self.objective: Mapping[str, Any] | None = request["objective"]
        self.rate = float(request["optimizer"]["rate"])
        self.inputs: tuple[Path, ...] = self._inputs()
        self._stream: list[Any] | None = None
        self._step_cost: int | None = None
        self._loss = None if self.objective is None else build_loss(request, context)

    @property
    def samples(self) -> int:
        """Samples in the first batch."""
        return self.spec.samples

    def build(self) -> nn.Module:
        """A new model from the seed, lazy layers in their sizes, in train mode."""
        model = build_model(self.request, self.context)
        if any(nn.parameter.is_lazy(value) for value in model.parameters()):
            with torch.no_grad():
                self.forward(model.eval(), self.batch())
        return model.train()

    def stream(self) -> list[Any]:
        """Several real batches, on the CPU: of the loader, without worker processes, else the one that was given."""
        if self._stream is None:
            self._stream = self.train if self.request["loader"] is None else self._read()
        return self._stream

    def _read(self) -> list[Any]:
        loader, _ = training_loader(self.request["loader"], self.context)
        if isinstance(loader, torch.utils.data.DataLoader) and loader.num_workers:
            loader.num_workers = 0
            loader.timeout = 0
        self.seed_now()
        found: list[Any] = []
        values = 0
        with user_code(self.context, "iterating the loader"):
            for batch in loader:
                found.append(batch)
                values += sum(leaf.numel() for _, leaf in live_leaves(batch) if isinstance(leaf, torch.Tensor))
                if len(found) >= MOST_BATCHES or values >= MOST_VALUES:
                    break
        return found

    def batch(self, index: int = 0) -> Any:
        """A copy of a training batch on the device; they are gone through in turn."""
        return move_batch(copy.deepcopy(self.train[index % len(self.train)]), self.device)

    def forward(self, model: nn.Module, batch: Any) -> Any:
        """What the model gives for the batch."""
        return call(model, batch, self.feeding)

    def loss(self, model: nn.Module, batch: Any) -> torch.Tensor:
        """The objective's loss; the mean square of the outputs where no objective was chosen.

        Raises:
            LabProblem: kind ``user``: nothing in the output can be learnt from.
        """
        if self._loss is not None:
            return self._loss(model, batch)
        outputs = self.tensors(self.forward(model, batch))
        found = [value for value in outputs if value.requires_grad or not torch.is_grad_enabled()]
        if not found:
            raise LabProblem("user", "no output has a graph")
        return torch.stack([value.float().square().mean() for value in found]).sum()

    def loss_of(self, output: Any, batch: Any) -> torch.Tensor:
        """The objective's loss of an output that no model gave."""
        assert self._loss is not None
        return self._loss(_Says(output, self.build()), batch)

    def session(self, model: nn.Module | None = None, rate: float | None = None) -> Control:
        """The bare loop (see `control`) with the optimizer that the plan chose."""
        model = self.build() if model is None else model
        control = Control(model, self.loss, self.train[0], self.context, f"{type(model).__name__}.forward and the loss")
        if control.optimizer is not None and not isinstance(control.optimizer, torch.optim.SGD):
            control.optimizer = self.optimizer(model, self.rate if rate is None else rate)
        elif control.optimizer is not None:  # sparse gradients: what the bare loop chose for them stays
            for group in control.optimizer.param_groups:
                group["lr"] = 1e-2 if rate is None else rate
        return control

    def optimizer(self, model: nn.Module, rate: float) -> torch.optim.Optimizer:
        """What the plan chose, with its arguments, at `rate`."""
        chosen = self.request["optimizer"]
        if chosen["module"] == "torch.optim":
            kind: Any = getattr(torch.optim, chosen["class"])
        else:
            kind = import_object(f"{chosen['module']}:{chosen['class']}", self.context)
        arguments = {name: ast.literal_eval(text) for name, text in chosen["arguments"].items()}
        made: torch.optim.Optimizer = kind(
            [value for value in model.parameters() if value.requires_grad], lr=rate, **arguments
        )
        return made

    def affordable(self, steps: int, least: int = FEWEST_SAMPLES) -> tuple[int, int]:
        """How many steps on how many samples cost no more than `MOST_OPERATIONS`, at most `steps` on a whole batch.

        Samples are given up before steps, down to `least`. By operations, not by a clock, so that all machines agree.
        """
        if self._step_cost is None:
            model = self.build()
            with torch.no_grad():
                forward = count_operations(lambda: self.loss(model, self.batch())).get_total_flops()
            self._step_cost = 3 * forward // max(1, self.samples)
        cost = max(1, self._step_cost)
        samples = max(min(self.samples, least), min(self.samples, int(MOST_OPERATIONS / (steps * cost))))
        return max(min(steps, FEWEST_STEPS), min(steps, int(MOST_OPERATIONS / (max(1, samples) * cost)))), samples

    def first(self, batch: Any, samples: int) -> Any:
        """The first samples of a batch; the whole one where it has no more, or where none of its dimensions counts them."""
        axes = self.axes(BATCH)
        if (
            samples >= self.samples
            or not axes
            or {path for path, _ in axes} != {path for path, leaf in leaves(self.spec.root) if leaf.sizes}
        ):
            return batch
        return resize(batch, dict.fromkeys(axes, samples))

    def seed_now(self, step: int = 0) -> None:
        """Every generator as at the first measurement."""
        seed_everything(self.seed + step)

    def changed(self, batch: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
        """`batch` with every floating input changed."""
        return map_leaves(
            batch,
            lambda path, leaf: (
                change(leaf)
                if path in self.inputs and isinstance(leaf, torch.Tensor) and leaf.is_floating_point()
                else leaf
            ),
        )

    def floating_inputs(self) -> list[Path]:
        """Paths of the inputs that hold floats."""
        return [path for path, leaf in leaves(self.spec.root) if path in self.inputs and "float" in leaf.dtype]

    def axes(self, symbol: str) -> list[tuple[Path, int]]:
        """Where the dimension called `symbol` stands, in inputs and in targets."""
        found = []
        for path, leaf in leaves(self.spec.root):
            found += [(path, axis) for axis, dim in enumerate(leaf.dims) if dim == symbol]
        return found

    def symbols(self) -> dict[str, int]:
        """The sizes of the dimensions of the inputs that may vary, the batch's left out."""
        found: dict[str, int] = {}
        for path, leaf in leaves(self.spec.root):
            if path in self.inputs and leaf.dtype not in ("str", "int", "float", "object"):
                for dim, size in zip(leaf.dims, leaf.sizes, strict=True):
                    if isinstance(dim, str) and dim != BATCH:
                        found.setdefault(dim, size)
        return found

    def leaf(self, path: Path) -> Leaf:
        """The form of one part of the batch."""
        return dict(leaves(self.spec.root))[path]

    @staticmethod
    def tensors(output: Any) -> list[torch.Tensor]:
        """Every floating tensor of an output."""
        found = [leaf for _, leaf in live_leaves(output) if isinstance(leaf, torch.Tensor)]
        return [each for each in found if each.is_floating_point()]

    def attempt(self, name: str, run: Callable[[], Any]) -> tuple[Trial, Any]:
        """Run something that may fail, without the warnings that it may give.

        Returns:
            The trial (``runs`` or ``fails``), and what `run` returned.
        """
        self.seed_now()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = run()
        except BaseException as error:  # sys.exit included: whatever it is, it is the outcome
            return Trial(name, "fails", said(error), self.place(error)), None
        bad = [each for each in self.tensors(result) if not bool(torch.isfinite(each).all())]
        if bad:
            kind = "NaN" if any(bool(each.isnan().any()) for each in bad) else "infinite values"
            return Trial(name, "not finite", f"the output holds {kind}"), result
        return Trial(name, "runs"), result

    def place(self, error: BaseException) -> str | None:
        """The deepest line of the user's code in an exception: ``model.py:12 in Net.forward``."""
        if isinstance(error, LabProblem):
            return error.place
        found = user_frames(frames_of(error.__traceback__), self.context)
        return place(found[-1], self.context) if found else None

    def _kept(self) -> list[Any]:
        """The training batches that ``build`` saved, with what the plan's batch has beyond them."""
        # Our own file, written a moment ago; dataclasses of the user's may lie in it.
        kept = torch.load(self.context.scratch / BATCHES_FILE, map_location="cpu", weights_only=False)
        found: list[Any] = kept["train"]
        if self.request["growth"] is None:
            return found
        more = from_plain(Growth, self.request["growth"])
        # Not the seed of the inputs: a target of their form would be equal to them.
        seeds = range(self.seed, self.seed + len(found))
        return [complete(each, more, self.context, seed) for seed, each in zip(seeds, found, strict=True)]

    def _inputs(self) -> tuple[Path, ...]:
        known = [path for path, _ in leaves(self.spec.root)]
        if self.feeding.whole:
            return tuple(path for path in known if path not in self.feeding.targets)
        fed = [argument.path for argument in self.feeding.arguments]
        return tuple(path for path in known if any(path[: len(each)] == each for each in fed))


class _Says(nn.Module):
    """Gives one output, whatever it is asked; of the dtype and device of the model that it stands for."""

    def __init__(self, output: Any, model: nn.Module) -> None:
        super().__init__()
        self._output = output
        first = next((value for value in model.parameters() if value.is_floating_point()), torch.zeros(1))
        self.weight = nn.Parameter(torch.zeros(1, dtype=first.dtype, device=first.device))

    def forward(self, *_: Any, **__: Any) -> Any:
        """The output."""
        return self._output


def said(error: BaseException) -> str:
    """Type and first line of an exception."""
    if isinstance(error, LabProblem):
        return error.message[:LONGEST]
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:LONGEST]
