"""What a probe's measurement means: the staged trainer's faults against the control's, each probe under its code."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .frames import frames_of, printed
from .protocol import Context, LabProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..runtime.probes.session import Fault, Measurement

MESSAGE_LINES = 3
"""Of an exception's message, in a verdict's detail."""

Status = Literal["passed", "failed", "advice", "unmeasured"]

CODES: dict[str, str] = {
    "staged": "TG050",  # found by its name, from the copy, with the staged bytes, the others still listed
    "build": "TG051",  # built from its configuration, with the model that was asked for
    "loader": "TG051",  # its own loaders, or instructions where there are none
    "device": "TG051",  # the loss follows the trainer to another device
    "loss": "TG052",  # scalar, finite, attached
    "metrics": "TG052",  # detached numbers
    "gradients": "TG053",  # finite, reaching what they reach in the control run, and the loss's own
    "parameters_moved": "TG054",  # one optimizer step a batch, moving what it moves in the control run
    "same_seed": "TG055",
    "eval_is_pure": "TG056",  # changes nothing, in eval mode, without a graph, the control's loss and metrics
    "start": "TG007",  # weights that are not finite, where the trainer says so
    "refusals": "TG007",  # wrong batches: the gate of this code sees that something is refused, this what
    "round_trip": "TG057",  # save, load, same output and next step
    "weights": "TG057",  # the file at the end of a training
    "initial_loss": "TG058",  # the control's
    "memory": "TG103",  # no graph is kept, no tensors pile up
    "accumulation": "TG125",  # several batches make the step of one
    "config": "TG059",  # what config.ini says arrives
}
"""The code of each blocking probe."""

TITLES: dict[str, str] = {
    "TG007": "wrong batches are refused with key, shape and dtype",
    "TG050": "the staged trainer is found by its name, from the staged bytes",
    "TG051": "the staged trainer is built from its configuration",
    "TG052": "the loss is a finite scalar with a graph, its metrics detached numbers",
    "TG053": "gradients are finite and reach what they reach in a bare loop",
    "TG054": "optimizer steps move what they move in a bare loop",
    "TG055": "the same seed gives the same losses",
    "TG056": "evaluation changes nothing and measures what a bare loop measures",
    "TG057": "what is saved and loaded is the trainer that was saved",
    "TG058": "the first loss is the bare loop's",
    "TG059": "what config.ini says arrives in the trainer",
    "TG103": "memory is steady: no graph is kept from step to step",
    "TG125": "an accumulated step is that of the large batch",
}
"""What each code demands, one line."""


@dataclass(frozen=True)
class Verdict:
    """One line of the proof.

    Attributes:
        probe: a key of `CODES`.
        status: ``failed`` blocks; ``advice`` is the model's own affair; ``unmeasured`` says what was not proven.
        title: one line: what was seen.
        detail: further lines.
        hint: how to fix it.
        place: ``{"file": ..., "line": ...}`` relative to the project, of the staged file or (advice) of the model.
        numbers: figures.
    """

    probe: str
    status: Status
    title: str
    detail: str = ""
    hint: str | None = None
    place: Mapping[str, Any] | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)

    def as_plain(self) -> dict[str, Any]:
        """The verdict as it travels. Only what failed has a code."""
        return {
            "probe": self.probe,
            "status": self.status,
            "code": CODES[self.probe] if self.status == "failed" else None,
            "title": self.title,
            "detail": self.detail,
            "hint": self.hint,
            "place": None if self.place is None else dict(self.place),
            "numbers": dict(self.numbers),
        }


class Broken(Exception):
    """A probe failed in such a way that those after it have nothing to measure."""


class Bench:
    """Runs probes on the staged trainer and collects their verdicts.

    Args:
        context: where the copied tree is.
        staged: relative paths of the staged files: where a fault's place is looked for.
        place: of a probe's fault where there was no exception: the method of the staged trainer that answers for it.
        model_place: of a parameter or buffer by name, in the user's model.
    """

    def __init__(
        self,
        context: Context,
        staged: tuple[str, ...],
        place: Callable[[str], Mapping[str, Any] | None] = lambda _: None,
        model_place: Callable[[str], Mapping[str, Any] | None] = lambda _: None,
    ) -> None:
        self.context = context
        self.staged = staged
        self.place = place
        self.model_place = model_place
        self.verdicts: list[Verdict] = []

    @property
    def ok(self) -> bool:
        """Whether nothing blocks so far."""
        return not any(verdict.status == "failed" for verdict in self.verdicts)

    def add(self, verdict: Verdict) -> None:
        """Take a verdict."""
        self.verdicts.append(verdict)

    def attempt(self, probe: str, run: Callable[[], Any]) -> Any:
        """What `run` returns.

        Raises:
            Broken: it raised; the verdict with the staged frame is taken.
        """
        try:
            return run()
        except LabProblem:
            raise  # the control run's, or the machine's
        except BaseException as error:  # sys.exit in staged code must not end the proof
            self.add(self.failure(probe, error))
            raise Broken(probe) from error

    def failure(self, probe: str, error: BaseException) -> Verdict:
        """The verdict of an exception out of staged code."""
        message = str(error).replace(f"{self.context.root}/", "")
        first = (message.strip().splitlines() or [""])[0][:300]
        title = f"{type(error).__name__}: {first}" if first else type(error).__name__
        where = self._staged_frame(error)
        shown = printed(error, self.context)
        beyond = len(message.splitlines()) - MESSAGE_LINES  # some of torch's are a page long
        detail = "\n".join((shown[:-beyond] if beyond > 0 else shown)[-40:])
        return Verdict(probe, "failed", title, detail, None, where or self.place(probe))

    def judge(self, staged: Measurement, control: Measurement | None = None, *, answers: str | None = None) -> bool:
        """Take a measurement's verdicts: what the control has too is advice, what only the staged trainer has blocks.

        Faults are the same if their kind and subject are. `answers` finds the place, if another than the probe's does.

        Returns:
            Whether nothing of it blocks.
        """
        if not staged.measured:
            self.add(Verdict(staged.probe, "unmeasured", staged.title))
            return True
        known = {(fault.kind, fault.subject) for fault in control.faults} if control is not None else set()
        ours = [f for f in staged.faults if not f.mild and (f.kind, f.subject) not in known]
        models = [f for f in staged.faults if f.mild or (f.kind, f.subject) in known]
        if ours:
            detail = "\n".join(fault.text for fault in ours[1:21])
            more = f" (and {len(ours) - 1} more)" if len(ours) > 1 else ""
            hint = next((fault.hint for fault in ours if fault.hint), None)
            place = self.place(answers or staged.probe)
            self.add(Verdict(staged.probe, "failed", ours[0].text + more, detail, hint, place, staged.numbers))
        else:
            title = staged.title if not models else TITLES[CODES[staged.probe]] + ", but for the model's own"
            self.add(Verdict(staged.probe, "passed", title, numbers=staged.numbers))
        for fault, others in _folded(models):
            self.add(self._advice(staged.probe, fault, others))
        return not ours

    def skip(self, *probes: str, because: str) -> None:
        """Say that `probes` were not measured, unless a verdict is there."""
        seen = {verdict.probe for verdict in self.verdicts}
        for probe in probes:
            if probe not in seen:
                self.add(Verdict(probe, "unmeasured", f"not measured: {because}"))

    def _advice(self, probe: str, fault: Fault, others: list[Fault]) -> Verdict:
        more = f" (and {len(others)} more)" if others else ""
        because = "" if fault.mild else "; the bare control loop on the same batch says so too: it is the model's own"
        detail = "\n".join(each.text for each in others)
        return Verdict(probe, "advice", fault.text + more + because, detail, None, self.model_place(fault.subject))

    def _staged_frame(self, error: BaseException) -> Mapping[str, Any] | None:
        if isinstance(error, SyntaxError) and error.filename:
            file = _below(error.filename, self.context.root)
            if file in self.staged:
                return {"file": file, "line": error.lineno or 1}
        found = None
        seen: BaseException | None = error
        while seen is not None and found is None:
            for frame in frames_of(seen.__traceback__):
                file = _below(frame.file, self.context.root)
                if file in self.staged:
                    found = {"file": file, "line": frame.line}
            seen = seen.__cause__
        return found


def _folded(faults: list[Fault]) -> list[tuple[Fault, list[Fault]]]:
    """Faults of one kind as one: a backbone without gradients has hundreds of parameters."""
    kinds = dict.fromkeys((fault.kind, fault.mild) for fault in faults)
    groups = [[fault for fault in faults if (fault.kind, fault.mild) == kind] for kind in kinds]
    return [(first, others) for first, *others in groups]


def _below(file: str, root: Path) -> str | None:
    path = Path(file)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None
