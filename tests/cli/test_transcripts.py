"""The four transcripts that `new` is built to, replayed line by line: the form is theirs, the figures may vary."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from tests.building import read_tree, write_tree
from tests.cli.test_new import DATA, DIGITS, Run
from trainergen.resources import contract_folder

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
    """Each line of `text` has the form of that line of `expected`.

    There ``<<...>>`` is a pattern and two or more spaces are any number of at least two; the rest is meant literally.
    """
    lines = text.splitlines()
    wanted = textwrap.dedent(expected).strip("\n").split("\n")
    for line, form in zip(lines, wanted, strict=False):
        parts = re.split(r"<<(.*?)>>", form)
        pattern = "".join(
            part if index % 2 else re.sub(r"(?:\\ ){2,}", " {2,}", re.escape(part)) for index, part in enumerate(parts)
        )
        assert re.fullmatch(pattern, line), f"\n{line!r} is not of the form\n{form!r} in\n{text}"
    assert len(lines) == len(wanted), text


def assert_columns(text: str) -> None:
    """Subjects start in one column, evidence in another; numbers of lines are aligned to the right."""
    rows = [re.fullmatch(r"  (\w+ +)(\S+(?: \S+)*)( {2,})(\S.*)", line) for line in text.splitlines()]
    found = [row for row in rows if row is not None]
    assert len(found) > 10
    assert len({row.start(2) for row in found}) == 1, text
    assert len({row.start(4) for row in found if not row[4].startswith("+")}) == 1, text
    assert len({row.start(4) + len(row[4].split()[0]) for row in found if row[4].startswith("+")}) == 1, text


SUCCESS = r"""
      read    model/similarity.py:7  class SimilarityModel, 4 parameters, 320 values
      read    train/base_trainer.py  class Trainer: you give compute_loss(batch), it owns the loop
      read    dataloader/similarity.py:7  build_similarity_loader(), batch is a dict of 4 keys
      choose  pattern ranking  the batch carries "true_ranks"  --pattern
      choose  target true_ranks  <<\S.*\S>>  --target
      choose  loss listnet  scores [batch, <<\w+>>] against ranks [batch, <<\w+>>]  --loss
      choose  metrics ndcg, kendall_tau  <<\S.*\S>>  --metric
      choose  AdamW lr=<<\S+>>  <<\S.*\S>>  --optimizer
      prove   loss <<\d+\.\d{4}>> -> <<\d+\.\d{4}>>  2 steps on cpu, 4/4 parameters moved, |grad| <<\d\S*>>
      prove   train.py --list  shows SimilarityModelTrainer; config.ini gives back lr <<\S+>>
      prove   <<\d+>> checks  10 gates, <<\d+>> probes, none failed
      create  train/similarity_model_trainer.py  +<<\d+>>
      insert  config/train.py  +<<\d+>>   SimilarityModelTrainerConfig
      insert  config/__init__.py  +<<\d+>>   import
      insert  config.ini  +<<\d+>>   [train_similarity_model]
      insert  train/__init__.py  +<<\d+>>   TRAINER_REGISTRY
    Done in <<\d+\.\d>> s, 5 files at once.  Train: python train.py SimilarityModel  Back: trainergen undo
    """


def test_success(project: Path, trainergen: Run) -> None:
    write_tree(project, FILES)
    assert trainergen("init").exit == 0
    answer = trainergen(*NEW, *LOADER)
    assert answer.exit == 0, answer.stdout
    assert_form(answer.stdout, SUCCESS)
    assert_columns(answer.stdout)


GATE = r"""
      read    model.py:7  class DigitsNet, 4 parameters, 2,410 values
      read    no default project  so this creates config.ini, config/, train/ around the trainer
      read    data.py:7  build_loader(), image float32 [32, 1, 8, 8], target int64 [32]
      choose  pattern simple  forward(image) takes one tensor  --pattern
      choose  loss cross_entropy  output [batch, 10] against integers [batch]  --loss
      choose  metrics accuracy, f1  what multi-class is judged by  --metric
      choose  AdamW lr=<<\S+>>  <<\S.*\S>>  --optimizer
      fail    proof, gate TG002  demanded: compute_loss returns a scalar tensor with its graph

    error[TG002]: compute_loss returns a tensor that nothing can be learnt from
      --> train/digits_net_trainer.py:<<\d+>>:<<\d+>> (from house/templates/frame.py.j2:<<\d+>>)
        |
    <<\d{3}>> |         return loss.detach()
        |                     ^^^^^^^^ the graph is cut here<<.*>>
        |
       = help: return the loss itself; put the detached value into self._last_batch_metrics
    Nothing was written: 1 gate failed, 9 passed (<<\d+\.\d>> s, exit 1).  See the staged files: add --dry-run
    """


def test_a_gate_fails(project: Path, trainergen: Run) -> None:
    """A team's own template cuts the graph."""
    frame = (contract_folder("default") / "frame.py.j2").read_text(encoding="utf-8")
    ours = frame.replace("        return {{ loss.total }}\n", "        return {{ loss.total }}.detach()\n")
    assert ours != frame
    write_tree(
        project,
        {
            "model.py": DIGITS,
            "data.py": DATA,
            "house/templates/frame.py.j2": ours.encode(),
            "pyproject.toml": '[tool.trainergen]\ntemplates = "house/templates"\n',
        },
    )
    before = read_tree(project)
    command = ("new", "--model", "model.py:DigitsNet", "--loader", "data:build_loader")
    answer = trainergen(*command)
    assert answer.exit == 1
    assert_form(answer.stdout, GATE)
    number = next(index for index, line in enumerate(ours.splitlines(), start=1) if "detach()" in line)
    assert f"(from house/templates/frame.py.j2:{number})" in answer.stdout
    lines = answer.stdout.splitlines()
    row = next(index for index, line in enumerate(lines) if "^^^^^^^^" in line)
    assert lines[row].index("^") == lines[row - 1].index("detach()")

    staged = trainergen(*command, "--dry-run")
    assert staged.exit == 1
    assert "+        return loss.detach()" in staged.stdout
    assert staged.stdout.splitlines()[-1].endswith("exit 1).")
    as_data = trainergen(*command, "--json")
    assert [each["code"] for each in as_data.data["result"]["findings"]] == ["TG002"]
    assert read_tree(project) == before


PROBE = r"""
      fail    proof, gate TG058  demanded: the first loss is the bare loop's

    error[TG058]: the first loss is <<[\d.]+>>, the control run's is <<[\d.]+>> on the same weights and batch
      --> train/digits_net_trainer.py:<<\d+>> (from <<\S+:\d+>>)
        |
    <<\d{3}>> |         return loss
        |         ^^^^^^^^^^^
        |
    """


def test_a_probe_fails(project: Path, trainergen: Run) -> None:
    """What no gate can see in the text: a loss that is not the one that was chosen."""
    loss = "        loss: torch.Tensor = 2 * {{ loss.expression }}\n"
    settings = '[tool.trainergen]\ntemplates = "house"\n'
    write_tree(
        project,
        {"model.py": DIGITS, "data.py": DATA, "house/loss.py.j2": loss.encode(), "pyproject.toml": settings},
    )
    answer = trainergen("new", "--model", "model.py:DigitsNet", "--loader", "data:build_loader")
    assert answer.exit == 1
    text = answer.stdout[answer.stdout.index("  fail ") : answer.stdout.index("   also")]
    assert_form(text, PROBE)
    assert re.search(r"Nothing was written: \d gates failed, \d+ passed \(", answer.stdout)


USER = r"""
      read    model/similarity.py:7  class SimilarityModel, __init__(width=16)
      fail    your code  SimilarityModel.forward raised IndexError

    error: your code failed, before any generated code ran
      --> model/similarity.py:19 in SimilarityModel.forward
       |
    17 |         queries = self.query(model_tokens)  # [batch, models, width]
    18 |         keys = self.key(dataset_tokens)  # [batch, rows, width]
    19 |         scores = queries @ keys.transpose(1, 2)
       |                            ^^^^^^^^^^^^^^^^^^^^ IndexError: Dimension out of range<<.*>>
       = batch: model_tokens float32 (8, 8, 12), from --batch
                dataset_tokens float32 (8, 6), from --batch
                true_ranks int64 (8, 8), from --batch
       = help: <<\S.*>>
       = more: --traceback shows all <<\d+>> frames
    Nothing was written: your code failed, no gate did (<<\d+\.\d>> s, exit 5).
    """


def test_the_users_own_code_fails(project: Path, trainergen: Run) -> None:
    write_tree(project, FILES)
    before = read_tree(project)
    batch = "model_tokens: float32[8,8,12]; dataset_tokens: float32[8,6]; true_ranks: int64[8,8] in [1,9)"
    answer = trainergen(*NEW, "--batch", batch)
    assert answer.exit == 5
    assert_form(answer.stdout, USER)
    shown = trainergen(*NEW, "--batch", batch, "--traceback").stdout
    count = re.search(r"shows all (\d+) frames", answer.stdout)
    assert count is not None
    assert shown.count('   |   File "') == int(count[1])
    assert read_tree(project) == before


LM = '''
    """A small language model."""

    import torch
    from torch import nn


    class TinyLM(nn.Module):
        """Next tokens."""

        def __init__(self, vocab_size, n_layer=4):
            super().__init__()
            self.embed = nn.Embedding(vocab_size, 16)
            self.layers = nn.Sequential(*(nn.Linear(16, 16) for _ in range(n_layer)))
            self.head = nn.Linear(16, vocab_size)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.head(self.layers(self.embed(ids))).transpose(1, 2)
    '''
TOKENS = "ids: int64[8,12] < 50; one: int64[8,12] < 50; other: int64[8,12] < 50"
ASKED = r"""
      read    model/lm.py:7  class TinyLM, 11 parameters, <<[\d,]+>> values
      read    no default project  so this creates config.ini, config/, train/ around the trainer
      read    --batch  ids int64 [8, 12], one int64 [8, 12], other int64 [8, 12]

    needs 1 answer that your project does not hold
      target   the part of the batch that the loss compares with
               likely one: <<\S.*>>
               or other
    Say it once, it is kept in .trainergen/:
      trainergen new --model model/lm.py:TinyLM --batch '<<.*>>' --target one
    Nothing was written: 1 answer is missing (<<\d+\.\d>> s, exit 4).
    """


def test_something_only_the_user_knows(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model/__init__.py": "", "model/lm.py": LM})
    before = read_tree(project)
    command = ("new", "--model", "model/lm.py:TinyLM", "--batch", TOKENS)
    first = trainergen(*command)
    assert first.exit == 4
    assert_form(first.stdout, ASKED)
    assert read_tree(project) == before
    given = trainergen(*command, "--target", "one")
    assert given.exit == 0, given.stdout
    assert "guess   argument vocab_size=50 " in given.stdout
