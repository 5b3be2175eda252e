"""The four transcripts that `new` is built to, replayed line by line: the form is theirs, the figures may vary."""

from __future__ import annotations

import re
from pathlib import Path

from tests.building import read_tree, write_tree
from tests.cli.test_new import DATA, DIGITS, Run

SIMILARITY = '''
    """Which estimator suits which data set."""

    import torch
    from torch import nn


    class SimilarityModel(nn.Module):
        """Scores models for a data set."""

        def __init__(self, width: int = 16) -> None:
            super().__init__()
            self.query = nn.Linear(12, width)
            self.key = nn.Linear(6, width)

        def forward(self, model_tokens: torch.Tensor, dataset_tokens: torch.Tensor) -> torch.Tensor:
            """Scores [batch, models]."""
            queries = self.query(model_tokens)  # [batch, models, width]
            keys = self.key(dataset_tokens)  # [batch, rows, width]
            scores = queries @ keys.transpose(1, 2)
            return scores.mean(-1)
    '''
RANKED = '''
    """Rankings of models on data sets."""

    import torch
    from torch.utils.data import DataLoader


    def build_similarity_loader(batch_size: int = 8, split: str = "train") -> DataLoader:
        """Eight models a data set, ranked by how well they did."""
        generator = torch.Generator().manual_seed(0 if split == "train" else 1)
        rows = [
            {
                "model_tokens": torch.randn(8, 12, generator=generator),
                "dataset_tokens": torch.randn(4, 6, generator=generator),
                "true_ranks": torch.randperm(8, generator=generator) + 1,
                "dataset_id": torch.tensor(index),
            }
            for index in range(32)
        ]
        return DataLoader(rows, batch_size=batch_size)
    '''
NEW = ("new", "--model", "model/similarity.py:SimilarityModel")
LOADER = ("--loader", "dataloader.similarity:build_similarity_loader")
FILES = {
    "model/__init__.py": "",
    "model/similarity.py": SIMILARITY,
    "dataloader/__init__.py": "",
    "dataloader/similarity.py": RANKED,
}


def assert_form(text: str, expected: str) -> None:
    """Each line of `text` is matched by that line of `expected`: text as it is, ``<...>`` between marks a pattern."""
    lines = text.splitlines()
    wanted = [line.removeprefix("    ") for line in expected.strip("\n").splitlines()]
    wanted = wanted[:-1] if not wanted[-1].strip() else wanted
    for line, form in zip(lines, wanted, strict=False):
        parts = re.split(r"<<(.*?)>>", form)
        pattern = "".join(part if index % 2 else re.escape(part) for index, part in enumerate(parts))
        assert re.fullmatch(pattern, line), f"\n{line!r} is not of the form\n{form!r} in\n{text}"
    assert len(lines) == len(wanted), text


SUCCESS = """
      read    model/similarity.py:7           class SimilarityModel, 4 parameters, 320 values
      read    train/base_trainer.py           class Trainer: you give compute_loss(batch), it owns the loop
      read    dataloader/similarity.py:7      build_similarity_loader(), batch is a dict of 4 keys
      choose  pattern <<structured \\+ ranking|ranking>>  <<\\S.*>>  --pattern
      choose  <<target true_ranks .*>> --target
      choose  loss listnet                    <<\\S.*>>  --loss
      choose  metrics ndcg, kendall_tau       <<\\S.*>>  --metric
      choose  AdamW lr=<<\\S+ +\\S.*>>  --optimizer
      prove   loss <<\\d+\\.\\d{4}>> -> <<\\d+\\.\\d{4} +2 steps on cpu, 4/4 parameters moved, \\|grad\\| \\d\\S*>>
      prove   train.py --list                 shows SimilarityModelTrainer; config.ini gives back lr <<\\S+>>
      prove   <<\\d+>> checks                       10 gates, <<\\d+>> probes, none failed
      create  train/similarity_model_trainer.py <<  \\+\\d+>>
      insert  config/train.py                   <<  \\+\\d+>>   SimilarityModelTrainerConfig
      insert  config/__init__.py                <<  \\+\\d+>>   import
      insert  config.ini                        <<  \\+\\d+>>   [train_similarity_model]
      insert  train/__init__.py                 <<  \\+\\d+>>   TRAINER_REGISTRY
    Done in <<\\d+\\.\\d>> s, 5 files at once.  Train: python train.py SimilarityModel  Back: trainergen undo
    """


def test_success(project: Path, trainergen: Run) -> None:
    write_tree(project, FILES)
    assert trainergen("init").exit == 0
    answer = trainergen(*NEW, *LOADER)
    assert answer.exit == 0, answer.stdout
    print(answer.stdout)
    assert_form(answer.stdout, SUCCESS)
