"""A project with trainers of several kinds, and runs of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ..building import write_tree
from ..forking import run_script

MODELS = """
    from __future__ import annotations

    import dataclasses
    import os

    import torch
    from torch import nn


    class Points(nn.Module):
        # One tensor in, one out; dropout and BatchNorm, which differ between training and evaluation.
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 4))

        def forward(self, points: torch.Tensor) -> torch.Tensor:
            return self.layers(points)


    class Tokens(nn.Module):
        # Integers and a mask in, a dict out; a tied weight; an argument that is no tensor.
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(20, 8)
            self.back = nn.Linear(8, 20, bias=False)
            self.back.weight = self.embed.weight

        def forward(self, ids: torch.Tensor, mask: torch.Tensor, scale: float = 1.0) -> dict[str, torch.Tensor]:
            hidden = torch.tanh(self.embed(ids)) * mask.unsqueeze(-1) * scale
            return {"logits": self.back(hidden), "length": mask.sum(1)}


    class Whole(nn.Module):
        # A dict in, a tuple out.
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(3, 2), nn.Linear(5, 2)

        def forward(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
            return self.left(batch["left"]), self.right(batch["right"])


    @dataclasses.dataclass
    class Scores:
        logits: torch.Tensor
        spread: torch.Tensor


    class Answering(nn.Module):
        # A dataclass of the project's own out.
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 4)

        def forward(self, points: torch.Tensor) -> Scores:
            logits = self.layer(points)
            return Scores(logits, logits.std(1))


    class Branching(nn.Module):
        # What it does depends on values.
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 4)

        def forward(self, points: torch.Tensor) -> torch.Tensor:
            logits = self.layer(points)
            if points.sum() > 0:
                return logits
            return -logits


    class Unsteady(nn.Module):
        # Built otherwise each time, by something that no checkpoint holds.
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 4)
            self.factor = 1 + int.from_bytes(os.urandom(4), "big") / 2**32

        def forward(self, points: torch.Tensor) -> torch.Tensor:
            return self.layer(points) * self.factor


    class Noisy(nn.Module):
        # Random also in eval mode.
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 4)

        def forward(self, points: torch.Tensor) -> torch.Tensor:
            return self.layer(points + torch.randn_like(points))
"""

TRAINERS = """
    from __future__ import annotations

    import torch
    from torch import nn
    from torch.nn import functional
    from torch.utils.data import DataLoader, TensorDataset

    from models import Answering, Branching, Noisy, Points, Tokens, Unsteady, Whole
    from trainergen.runtime import BaseTrainerConfig, Trainer
    from trainergen.runtime.metrics import EpochScores, accuracy, macro_f1


    def quadrants(count: int, seed: int) -> TensorDataset:
        points = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
        return TensorDataset(points, (points[:, 0] > 0).long() + 2 * (points[:, 1] > 0).long())


    class PointsTrainer(Trainer):
        model_class: type[nn.Module] = Points

        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, **kwargs)
            self.scores = EpochScores()

        @classmethod
        def build_model(cls, config: BaseTrainerConfig) -> nn.Module:
            return cls.model_class()

        @classmethod
        def build_dataloaders(cls, config: BaseTrainerConfig):
            train = DataLoader(quadrants(90, 0), batch_size=config.batch_size, shuffle=True)
            return train, DataLoader(quadrants(40, 1), batch_size=16)

        def compute_loss(self, batch):
            points, labels = batch
            logits = self.model(points)
            self._last_batch_metrics = {"accuracy": accuracy(logits.detach(), labels)}
            self.scores.add(logits, labels)
            return functional.cross_entropy(logits, labels)

        def _collect_epoch_metrics(self) -> dict[str, float]:
            return {"f1": self.scores.compute(macro_f1)}


    class TestedTrainer(PointsTrainer):
        @classmethod
        def build_test_dataloader(cls, config: BaseTrainerConfig):
            return DataLoader(quadrants(30, 2), batch_size=8)


    class BranchingTrainer(PointsTrainer):
        model_class = Branching


    class UnsteadyTrainer(PointsTrainer):
        model_class = Unsteady


    class NoisyTrainer(PointsTrainer):
        model_class = Noisy


    class AnsweringTrainer(PointsTrainer):
        model_class = Answering

        def compute_loss(self, batch):
            points, labels = batch
            scores = self.model(points)
            self.scores.add(scores.logits, labels)
            return functional.cross_entropy(scores.logits, labels) + scores.spread.mean() * 0.01


    class TokensTrainer(Trainer):
        @classmethod
        def build_model(cls, config: BaseTrainerConfig) -> nn.Module:
            return Tokens()

        @classmethod
        def build_dataloaders(cls, config: BaseTrainerConfig):
            ids = torch.randint(0, 20, (24, 6), generator=torch.Generator().manual_seed(0))
            rows = [{"ids": row, "mask": (row > 3).float()} for row in ids]
            return DataLoader(rows, batch_size=8), None

        def compute_loss(self, batch):
            output = self.model(batch["ids"], mask=batch["mask"], scale=2.0)
            return functional.cross_entropy(output["logits"].flatten(0, 1), batch["ids"].flatten())


    class WholeTrainer(Trainer):
        @classmethod
        def build_model(cls, config: BaseTrainerConfig) -> nn.Module:
            return Whole()

        @classmethod
        def build_dataloaders(cls, config: BaseTrainerConfig):
            generator = torch.Generator().manual_seed(0)
            rows = [
                {"left": torch.randn(3, generator=generator), "right": torch.randn(5, generator=generator)}
                for _ in range(24)
            ]
            return DataLoader(rows, batch_size=8), DataLoader(rows[:8], batch_size=8)

        def compute_loss(self, batch):
            left, right = self.model(batch)
            return functional.mse_loss(left, right)
"""

TRAINING = """
    import ast
    import sys
    from pathlib import Path

    sys.modules["matplotlib"] = None  # plots are others' affair
    import trainers
    from trainergen.runtime import BaseTrainerConfig

    changes = dict(each.split("=") for each in sys.argv[1:] if "=" in each)
    changes = {key: ast.literal_eval(text) if text[0].isdigit() else text for key, text in changes.items()}
    for name in (each for each in sys.argv[1:] if "=" not in each):
        config = BaseTrainerConfig(
            **{"num_epochs": 4, "batch_size": 16, "device": "cpu", "learning_rate": 0.05, "keep_last_checkpoints": None,
               "scheduler_patience": None, "model_save_directory": Path("saved_models"), "log_every_n_steps": 0} | changes
        )
        getattr(trainers, f"{name}Trainer").from_config(config, run_name=name.lower()).train()
"""


def write_project(folder: Path) -> Path:
    """The project in `folder`, without a run."""
    return write_tree(
        folder, {"pyproject.toml": "", "models.py": MODELS, "trainers.py": TRAINERS, "training.py": TRAINING}
    )


def train(folder: Path, *words: str, ranks: int = 1) -> None:
    """A run of each trainer that `words` name (without ``Trainer``), called as it is in small letters.

    Words with ``=`` are settings.
    """
    if ranks == 1:
        done = run_script(folder, "training.py", *words)
    else:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
        command = [sys.executable, *launcher, "training.py", *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
