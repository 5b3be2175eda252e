"""The values that travel between the stages of `new`: what was asked, what was read, what was seen, what is proven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .assembly import Assembled
    from .families.torch.facts import TorchFacts
    from .home import Home
    from .inspection.model_facts import ModelFacts
    from .inspection.project_facts import ProjectFacts
    from .planning.plan import Names, TrainerPlan
    from .planning.sources import Source
    from .planning.wishes import Wishes
    from .settings import Settings


@dataclass(frozen=True)
class NewRequest:
    """One ``trainergen new``, after the command line was read.

    Attributes:
        wishes: what the trainer should be like.
        project: ``--project``.
        python, device, limit: how the lab runs.
        dry_run: print diffs instead of writing.
        explain: tell what each stage decided.
        force: replace whole generated files.
        prove: run the proof.
        handover: where the handover goes.
        invocation: the command as typed, for hints.
    """

    wishes: Wishes
    project: Path | None = None
    python: str | None = None
    device: str | None = None
    limit: str | None = None
    dry_run: bool = False
    explain: bool = False
    force: bool = False
    prove: bool = True
    handover: Path | None = None
    invocation: str = "trainergen new"

    def answered(self, wishes: Wishes, said: str) -> NewRequest:
        """The same request with answers filled in, as `said` would have said them on the command line."""
        return replace(self, wishes=wishes, invocation=f"{self.invocation} {said}")


@dataclass(frozen=True)
class Facts:
    """Everything that was read.

    Attributes:
        project: where the trainer goes.
        model: the class.
        measured: what the lab saw of it.
        settings: the project's.
        names: of the trainer.
        home: the project's own way to train; None for the default project.
        sources: loaders that the project has, as they were tried; one of them may have become `measured.loader`.
        losses, metrics: ``module:name`` of those that the project has.
    """

    project: ProjectFacts
    model: ModelFacts
    measured: TorchFacts
    settings: Settings
    names: Names
    home: Home | None = None
    sources: tuple[Source, ...] = ()
    losses: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()

    def fed(self, wishes: Wishes) -> Wishes:
        """The wishes, with the loader that was found where none was named."""
        loader = self.measured.loader
        return wishes if loader is None or wishes.loader is not None else replace(wishes, loader=loader.target)


@dataclass(frozen=True)
class Evidence:
    """What was seen of a staged trainer.

    Attributes:
        gates: codes of the static gates that passed.
        probes: what the lab measured, each with probe, status, code, title, detail, hint, place, numbers.
        numbers: steps, first_loss, last_loss, moved, parameters, gradient_norm, device, peak_memory.
        listed: what the staged registry lists.
        proven: False under ``--no-proof``.
        identical: nothing was run, because what would be written is there already.
    """

    gates: tuple[str, ...] = ()
    probes: tuple[Mapping[str, Any], ...] = ()
    numbers: Mapping[str, Any] | None = None
    listed: tuple[str, ...] = ()
    proven: bool = True
    identical: bool = False

    @classmethod
    def of_identical(cls) -> Evidence:
        """Nothing to prove."""
        return cls(proven=False, identical=True)

    def having(self, status: str) -> tuple[Mapping[str, Any], ...]:
        """Probes of one status: passed, failed, advice, unmeasured."""
        return tuple(probe for probe in self.probes if probe["status"] == status)

    @property
    def passed(self) -> int:
        """Gates and probes that passed."""
        return len(self.gates) + len(self.having("passed"))


@dataclass(frozen=True)
class Proven:
    """A plan with what was staged for it and what was seen of that."""

    plan: TrainerPlan
    staged: Assembled
    evidence: Evidence
