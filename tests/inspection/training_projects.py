"""Projects that train in ways of their own, as dict literals: the shapes that discovery is shown."""

from __future__ import annotations

Tree = dict[str, str | bytes]

# A base with the loop in it, compute_loss to be written, a registry as a dict of classes.
LOSS_RETURNING: Tree = {
    "train.py": '''
        """Start a training."""
        import argparse

        from train import TRAINER_REGISTRY


        def main():
            parser = argparse.ArgumentParser(description=__doc__)
            parser.add_argument("trainer", nargs="?", help="which one")
            parser.add_argument("--list", action="store_true", help="show them")
            parser.add_argument("--max-steps", type=int)
            arguments = parser.parse_args()
            TRAINER_REGISTRY[arguments.trainer](arguments)


        if __name__ == "__main__":
            main()
        ''',
    "train/__init__.py": """
        from .base_trainer import Trainer
        from .red_wine_trainer import RedWineTrainer
        from .tide_trainer import TideTrainer

        TRAINER_REGISTRY = {"red_wine": RedWineTrainer, "tide": TideTrainer}
        __all__ = ["Trainer", "RedWineTrainer", "TideTrainer", "TRAINER_REGISTRY"]
        """,
    "train/base_trainer.py": '''
        """What all trainers share."""
        from __future__ import annotations

        import logging

        logger = logging.getLogger(__name__)


        class Trainer:
            """Owns the loop."""

            def __init__(self, model, dataloader, optimizer, config, *, run_name=None, run_directory=None):
                self.model = model

            def compute_loss(self, batch):
                """Give the loss."""
                raise NotImplementedError("write it")

            def train(self):
                for batch in self.dataloader:
                    self.compute_loss(batch).backward()
                logger.info("done")

            def on_epoch_end(self): ...
        ''',
    "train/red_wine_trainer.py": '''
        """Trains the red one."""
        from __future__ import annotations

        import logging

        from config import WineConfig

        from .base_trainer import Trainer

        logger = logging.getLogger(__name__)


        class RedWineTrainer(Trainer):
            """Grades wine."""

            def compute_loss(self, batch: tuple) -> "Tensor":
                """Squared error.

                Args:
                    batch: features and grades.
                """
                logger.info("batch of %s", len(batch))
                return 0
        ''',
    "train/tide_trainer.py": '''
        from __future__ import annotations

        import logging

        from .base_trainer import Trainer

        logger = logging.getLogger(__name__)


        class TideTrainer(Trainer):
            """Foretells the tide."""

            def compute_loss(self, batch: tuple) -> "Tensor":
                """Squared error."""
                logger.debug("tide")
                return 0
        ''',
    "config/__init__.py": "class WineConfig:\n    SECTION = 'wine'\n",
    "dataloader/wine.py": """
        from torch.utils.data import DataLoader, Dataset


        class WineDataset(Dataset):
            def __init__(self, path, rows=10):
                self.rows = rows


        def build_wine_loader(path: str, batch_size: int = 8):
            loader = DataLoader(WineDataset(path), batch_size=batch_size)
            return loader
        """,
    "losses.py": """
        from torch import nn


        class FocalLoss(nn.Module):
            def forward(self, scores, labels):
                return 0


        def smooth_loss(output, target, beta=1.0):
            return 0


        def plot_loss(output, target):
            return None
        """,
    "tests/train/test_tide_trainer.py": """
        from train.base_trainer import Trainer


        class FakeTrainer(Trainer):
            def compute_loss(self, batch):
                return 1
        """,
}

# The same some weeks later: more keywords, more methods, a base class of the configs.
WIDER: Tree = LOSS_RETURNING | {
    "train/base_trainer.py": '''
        class Trainer:
            """Owns the loop."""

            def __init__(self, model, dataloader, optimizer, config, *, val_dataloader=None, scheduler=None, run_name=None):
                self.model = model

            def compute_loss(self, batch):
                raise NotImplementedError

            def _forward_batch(self, batch):
                return self.compute_loss(batch)

            def _evaluate_batch(self, batch):
                return self._forward_batch(batch)

            def _collect_batch_metrics(self):
                return {}

            def train(self):
                return []
        ''',
}

# A base that takes nothing: the subclass sets everything first and calls it last.
ARGUMENTLESS: Tree = {
    "train.py": '''
        """Train by name."""
        import argparse

        from trainers import TRAINERS

        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            parser.add_argument("--trainer", choices=sorted(TRAINERS))
            parser.add_argument("--list", action="store_true")
            arguments = parser.parse_args()
            TRAINERS[arguments.trainer]().train()
        ''',
    "trainers/__init__.py": """
        from trainers.hop import HopTrainer

        TRAINERS = {"hop": HopTrainer}
        """,
    "trainers/base.py": """
        from abc import ABC, abstractmethod

        from tqdm import tqdm


        class BaseTrainer(ABC):
            def __init__(self):
                self.progress.set_description("training")

            @abstractmethod
            def train(self): ...

            @abstractmethod
            def save_metrics(self, force_save=False, **kwargs): ...

            @abstractmethod
            def loss_fn(self, batch): ...

            @abstractmethod
            def save_checkpoint(self, epoch, is_best=False): ...

            @abstractmethod
            def save_model(self, save_path): ...
        """,
    "trainers/hop.py": """
        from beautilog import logger
        from tqdm import tqdm

        from trainers.base import BaseTrainer


        class HopTrainer(BaseTrainer):
            def __init__(self):
                self.config = {}
                self.model, self.optimizer = None, None
                self.dataloader: object = []
                self.progress = tqdm(range(3))
                super().__init__()
                self.after = True

            def train(self):
                logger.info('hop')

            def save_metrics(self, force_save=False, **kwargs):
                logger.info('saved')

            def loss_fn(self, batch):
                return 0

            def save_checkpoint(self, epoch, is_best=False):
                pass

            def save_model(self, save_path):
                pass
        """,
    "config.ini": "[hop]\nseed = 1",
}

# Epochs are the subclass's, the base builds model and optimizer from dicts.
EPOCH_LEVEL: Tree = {
    "graph_train/__init__.py": "from .base_trainer import BaseTrainer\n",
    "graph_train/base_trainer.py": '''
        from abc import abstractmethod


        class BaseTrainer:
            """Builds model and optimizer."""

            def __init__(self, model_config: dict, training_config: dict, output_dir="models", tensorboard_dir=None):
                from torch.utils.tensorboard import SummaryWriter

                self.writer = SummaryWriter(tensorboard_dir)

            @abstractmethod
            def train_epoch(self, graph) -> dict[str, float]:
                """One epoch."""

            @abstractmethod
            def evaluate(self, graph) -> dict[str, float]:
                """Held out."""

            def on_epoch_start(self):
                pass

            def on_epoch_end(self, train_metrics, eval_metrics) -> bool:
                return False

            def train(self, graph):
                for epoch in range(self.epochs):
                    self.train_epoch(graph)
        ''',
    "graph_train/simple.py": """
        from .base_trainer import BaseTrainer


        class SimpleTrainer(BaseTrainer):
            def train_epoch(self, graph) -> dict[str, float]:
                return {}

            def evaluate(self, graph) -> dict[str, float]:
                return {}
        """,
    "graph_train/factory.py": """
        def create_trainer(kind, **kwargs):
            from .simple import SimpleTrainer

            trainers = {"simple": SimpleTrainer}
            return trainers[kind](**kwargs)
        """,
    "graph_train/__main__.py": """
        import click

        from .factory import create_trainer


        @click.command()
        @click.argument("kind")
        @click.option("--num-epochs", type=int, default=5)
        def main(kind, num_epochs):
            create_trainer(kind)


        main()
        """,
}

# Two packages under one root, each with a base of its own.
MONOREPO: Tree = {
    "packages/vision/vision/__init__.py": "",
    "packages/vision/vision/trainer.py": """
        class BaseTrainer:
            def loss(self, batch):
                raise NotImplementedError

            def train(self):
                return self.loss(None)
        """,
    "packages/vision/vision/cats.py": "from vision.trainer import BaseTrainer\n\n\nclass CatTrainer(BaseTrainer):\n    def loss(self, batch):\n        return 0\n",
    "packages/vision/vision/dogs.py": "from .trainer import BaseTrainer\n\n\nclass DogTrainer(BaseTrainer):\n    def loss(self, batch):\n        return 0\n",
    "packages/text/text/__init__.py": "",
    "packages/text/text/trainer.py": """
        class Trainer:
            def train_epoch(self, loader):
                raise NotImplementedError

            def fit(self):
                return self.train_epoch(None)
        """,
    "packages/text/text/titles.py": "from text.trainer import Trainer\n\n\nclass TitleTrainer(Trainer):\n    def train_epoch(self, loader):\n        return 0\n",
}

# Re-exports, aliases, an intermediate base, a mixin, a module that is imported as a whole.
WINDING: Tree = {
    "src/acme/__init__.py": "from .core import Root as BaseTrainer\n",
    "src/acme/core/__init__.py": "from ._impl import *\n",
    "src/acme/core/_impl.py": """
        import abc


        class LoggingMixin:
            def train(self): ...
            def fit(self): ...


        class Root(LoggingMixin, metaclass=abc.ABCMeta):
            @abc.abstractmethod
            def prepare(self): ...

            def train(self):
                self.prepare()
        """,
    "src/acme/supervised.py": """
        import acme
        from abc import abstractmethod

        Parent = acme.BaseTrainer


        class SupervisedTrainer(Parent):
            def prepare(self):
                self.ready = True

            @abstractmethod
            def compute_loss(self, batch): ...
        """,
    "src/acme/jobs/__init__.py": "",
    "src/acme/jobs/sky_job.py": """
        from ..supervised import SupervisedTrainer as Super


        class SkyJob(Super):
            def compute_loss(self, batch):
                return 0
        """,
    "src/acme/jobs/sea_bed_job.py": """
        import acme.supervised as supervised


        class SeaBedJob(supervised.SupervisedTrainer):
            def compute_loss(self, batch):
                return 0
        """,
    "src/acme/jobs/deep_sea_job.py": """
        from acme.jobs.sea_bed_job import SeaBedJob


        class DeepSeaJob(SeaBedJob):
            pass
        """,
    "pyproject.toml": """
        [project]
        name = "acme"

        [project.scripts]
        acme-train = "acme.cli:main"
        acme-serve = "acme.serve:main"
        """,
    "src/acme/cli.py": """
        import click


        @click.group()
        def main(): ...


        @main.command()
        @click.option("--job", required=True)
        @click.option("--max_iters", type=int)
        @click.option("--fast-dev-run/--no-fast-dev-run")
        def train(job, max_iters, fast_dev_run):
            make_trainer(job)
        """,
    "src/acme/serve.py": "def main(): ...\n",
}

# What the documentation tells is of another time.
CONTRADICTED: Tree = LOSS_RETURNING | {
    "README.md": """
        # Tides

        Run `python train.py tide --max-steps 5`, or see what there is with `python train.py --show-all`.
        Old: `python scripts/run_training.py`.

        New trainers inherit from `AbstractTrainer` and implement `training_loss()` and `compute_loss()`.
        They are listed in `TRAINER_MAP_REGISTRY`.
        """,
    "docs/adding.md": """
        ```python
        from train.base_trainer import Trainer
        from train.legacy import OldTrainer

        @register_trainer("snow")
        class SnowTrainer(Trainer):
            def validate_batch(self, batch):
                ...
        ```
        """,
    "CHANGELOG.md": "Trainers inherit from `AncientTrainer`.\n",
}

HYDRA: Tree = {
    "train.py": """
        import hydra
        from src_trainers import build_trainer


        @hydra.main(version_base=None, config_path="conf", config_name="config")
        def main(cfg):
            build_trainer(cfg.trainer).fit()


        if __name__ == "__main__":
            main()
        """,
    "conf/config.yaml": "defaults:\n  - trainer: moss\nseed: 1\noptim:\n  lr: 0.1\nloop:\n  max_epochs: 5  # many\n",
    "conf/trainer/moss.yaml": "width: 3\n",
    "src_trainers.py": """
        import wandb
        from loguru import logger


        class Runner:
            def fit(self):
                raise NotImplementedError


        class MossRunner(Runner):
            def fit(self):
                logger.info("moss")


        def build_trainer(name):
            return {"moss": MossRunner}[name]()
        """,
}

# The subclass steps; it is found by the name of its file; options are declared in classes.
STEPPING: Tree = {
    "models/__init__.py": """
        import importlib


        def create_model(options):
            module = importlib.import_module("models." + options.model + "_model")
            return module
        """,
    "models/base_model.py": """
        from abc import ABC, abstractmethod


        class BaseModel(ABC):
            @abstractmethod
            def set_input(self, given): ...

            @abstractmethod
            def optimize_parameters(self): ...

            def test(self): ...
        """,
    "models/style_swap_model.py": """
        from .base_model import BaseModel


        class StyleSwapModel(BaseModel):
            def set_input(self, given):
                self.given = given

            def optimize_parameters(self):
                self.loss.backward()
        """,
    "options/base_options.py": """
        import argparse


        class BaseOptions:
            def initialize(self, parser):
                parser.add_argument("--name")
                parser.add_argument("--model")
                return parser

            def parse(self):
                return self.initialize(argparse.ArgumentParser()).parse_args()
        """,
    "options/train_options.py": """
        from .base_options import BaseOptions


        class TrainOptions(BaseOptions):
            def initialize(self, parser):
                parser = BaseOptions.initialize(self, parser)
                parser.add_argument("--n_epochs", type=int)
                return parser
        """,
    "train.py": """
        from models import create_model
        from options.train_options import TrainOptions

        if __name__ == "__main__":
            create_model(TrainOptions().parse())
        """,
}

# Tasks that one trainer runs, registered by a decorator; the program delegates twice.
TASKS: Tree = {
    "lib/__init__.py": "",
    "lib/tasks/__init__.py": "def register_task(name):\n    return lambda cls: cls\n",
    "lib/tasks/task.py": """
        class Task:
            def load_rows(self, split):
                raise NotImplementedError

            def train_step(self, sample, model, optimizer):
                loss = model(sample)
                loss.backward()
                return loss

            def valid_step(self, sample): ...
        """,
    "lib/tasks/translation.py": """
        from . import register_task
        from .task import Task


        @register_task("translation")
        class TranslationTask(Task):
            def load_rows(self, split):
                return 1
        """,
    "lib/trainer.py": "class Trainer:\n    def train_step(self, rows):\n        self.task.train_step(rows)\n",
    "train.py": "from lib.main import cli_main\n\nif __name__ == '__main__':\n    cli_main()\n",
    "lib/main.py": "from lib import options\n\n\ndef cli_main():\n    parser = options.get_parser()\n",
    "lib/options.py": """
        import argparse


        def get_parser():
            parser = argparse.ArgumentParser()
            parser.add_argument("--task")
            parser.add_argument("--max-update", "--mu", type=int)
            return parser
        """,
}
