"""``new`` with nothing but the model's name: what is found, how a guess is marked, and the honest no."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_new import Run

CLASSIFIER = '''
    """A small classifier of images."""

    import torch
    from torch import nn


    class Digits(nn.Module):
        """Classify images."""

        def __init__(self, in_channels: int, num_classes: int, width: int = 8) -> None:
            super().__init__()
            self.body = nn.Conv2d(in_channels, width, 3, padding=1)
            self.head = nn.Linear(width, num_classes)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.head(torch.relu(self.body(image)).mean((2, 3)))
    '''
NEW = ("new", "--model", "model.py:Digits")


def words(text: str) -> str:
    """A report with its columns drawn together."""
    return " ".join(text.split())


def test_nothing_but_the_name_gives_a_trainer_with_every_guess_marked(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": CLASSIFIER})
    answer = trainergen(*NEW)
    assert answer.exit == 0, answer.stdout
    report = words(answer.stdout)
    for guess in (
        "guess batch image float32 [batch, 3, height, width]",
        "guess target label int64 [batch]",
        "guess loss cross_entropy",
        "guess argument in_channels=3",
        "guess argument num_classes=",
        '5 guesses are marked "# assumed:"',
    ):
        assert guess in report
    trainer = (project / "train/digits_trainer.py").read_text()
    assert "batch[0]: input, float32 [batch, model_in_channels, height, width] (assumed)" in trainer
    assert trainer.count("# assumed:") == 3
    config = (project / "config/train.py").read_text()
    assert config.index("# assumed: ") < config.index("model_in_channels: int = 3")
    assert "# assumed: " in (project / "config.ini").read_text()


@pytest.mark.slow
def test_a_guess_that_is_corrected_in_the_configuration_is_what_the_checks_go_by(
    project: Path, trainergen: Run
) -> None:
    write_tree(project, {"model.py": CLASSIFIER})
    assert trainergen(*NEW).exit == 0
    script = """
        import sys, torch
        sys.path.insert(0, "")
        from train.digits_trainer import DigitsTrainer
        from config import DigitsTrainerConfig
        from dataclasses import replace
        config = replace(DigitsTrainerConfig.load(), model_in_channels=1, model_num_classes=12)
        batch = (torch.rand(4, 1, 9, 9), torch.tensor([0, 3, 7, 11]))
        trainer = DigitsTrainer.from_config(config, dataloader=[batch])
        print(float(trainer.compute_loss(batch)) > 0)
        for wrong in ((torch.rand(4, 3, 9, 9), batch[1]), (batch[0], batch[1] + 1)):
            try:
                DigitsTrainer.from_config(config, dataloader=[batch]).compute_loss(wrong)
            except ValueError as error:
                print(error)
    """
    write_tree(project, {"run.py": script})
    ran = subprocess.run([sys.executable, "run.py"], capture_output=True, text=True, cwd=project)
    lines = [line for line in ran.stdout.splitlines() if "WARNING" not in line]
    assert lines[0] == "True", ran.stderr
    assert "[batch, model_in_channels, height, width], got torch.float32 of shape [4, 3, 9, 9]" in lines[1]
    assert "expected values from 0 to 11, got 1 to 12" in lines[2]


def test_the_same_command_again_is_identical(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": CLASSIFIER})
    assert trainergen(*NEW).exit == 0
    before = read_tree(project)
    again = trainergen(*NEW)
    assert again.exit == 0, again.stdout
    assert "identical" in again.stdout
    assert read_tree(project) == before
    assert trainergen("undo").exit == 0
    assert set(read_tree(project)) == {"model.py"}


def test_what_the_project_passes_is_taken_before_any_guess(project: Path, trainergen: Run) -> None:
    script = """
        from model import Digits

        CLASSES = 7
        if __name__ == "__main__":
            Digits(1, num_classes=CLASSES)
    """
    write_tree(project, {"model.py": CLASSIFIER, "scripts/demo.py": script})
    answer = trainergen(*NEW, "--dry-run")
    assert answer.exit == 0, answer.stdout
    report = words(answer.stdout)
    assert "argument in_channels=1 from scripts/demo.py:5" in report
    assert "argument num_classes=7 from scripts/demo.py:5" in report


def test_what_the_user_says_wins(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": CLASSIFIER})
    answer = trainergen(*NEW, "--model-arg", "in_channels=2", "--dry-run")
    assert answer.exit == 0, answer.stdout
    report = words(answer.stdout)
    assert "choose argument in_channels=2 you said so" in report
    assert "image float32 [batch, 2, height, width]" in report
    assert "guess argument num_classes=" in report


def test_a_batch_decides_the_sizes_that_the_constructor_asks_for(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": CLASSIFIER})
    answer = trainergen(*NEW, "--batch", "image: float32[8,2,9,9]; label: int64[8] < 4", "--dry-run")
    assert answer.exit == 0, answer.stdout
    assert "guess argument in_channels=2 the batch has 2 where" in words(answer.stdout)


def test_a_large_default_is_proven_small_and_kept(project: Path, trainergen: Run) -> None:
    model = '''
        """A wide one."""

        import torch
        from torch import nn


        class Digits(nn.Module):
            """Classify rows."""

            def __init__(self, width: int = 20_000, num_classes: int = 4) -> None:
                super().__init__()
                self.body = nn.Linear(12, width)
                self.wide = nn.Linear(width, width)
                self.head = nn.Linear(width, num_classes)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.head(torch.relu(self.wide(torch.relu(self.body(x)))))
        '''
    write_tree(project, {"model.py": model})
    answer = trainergen(*NEW)
    assert answer.exit == 0, answer.stdout
    assert "model_width: int = 20000" in (project / "config/train.py").read_text()
    assert "model_width = 20000" in (project / "config.ini").read_text()
    assert int(re.search(r"([\d,]+) values", answer.stdout)[1].replace(",", "")) < 10**7  # type: ignore[index]


NO = {
    "raises": ("raise RuntimeError('no licence')", " in Stubborn.forward"),
    "exits": ("sys.exit(3)", "SystemExit: 3"),
    "ends the process": ("os._exit(3)", "the process ended"),
    "allocates": ("return self.layer(x) + torch.zeros(10**11).sum()", "zeros()"),
    "cuts the graph": ("return self.layer(x).detach()", "carries no gradient"),
}


def stubborn(body: str) -> str:
    return f'''
        """Models that no batch runs on."""

        import os
        import sys

        import torch
        from torch import nn


        class Stubborn(nn.Module):
            """Refuses."""

            def __init__(self) -> None:
                super().__init__()
                self.layer = nn.Linear(8, 3)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                self.layer(x)
                {body}
        '''


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=pytest.mark.slow) if each not in ("raises", "cuts the graph") else each for each in NO],
)
def test_the_honest_no(project: Path, trainergen: Run, name: str) -> None:
    body, says = NO[name]
    write_tree(project, {"model.py": stubborn(body)})
    before = read_tree(project)
    answer = trainergen("new", "--model", "model.py:Stubborn")
    assert answer.exit == 4, answer.stdout
    assert says in answer.stdout
    assert "--batch 'x: float32[" in answer.stdout
    assert "Nothing was written: 1 answer is missing" in answer.stdout
    assert read_tree(project) == before


@pytest.mark.slow
def test_the_tries_are_told_with_explain(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": stubborn("raise RuntimeError('no licence')")})
    answer = trainergen("new", "--model", "model.py:Stubborn", "--explain")
    assert answer.exit == 4
    assert "\ntried (" in answer.stdout
    assert "x: float32[" in answer.stdout.partition("tried (")[2]
    as_data = trainergen("new", "--model", "model.py:Stubborn", "--json")
    assert as_data.data["result"]["error"]["questions"][0]["option"] == "--batch"


def test_a_search_that_writes_and_prints_leaves_nothing(project: Path, trainergen: Run) -> None:
    body = 'open("leak.txt", "a").write("x" * 100); print("y" * 10**5); return self.layer(x)'
    write_tree(project, {"model.py": stubborn(body)})
    answer = trainergen("new", "--model", "model.py:Stubborn", "--dry-run")
    assert answer.exit == 0, answer.stdout
    assert set(read_tree(project)) == {"model.py"}


def test_two_models_that_train_against_each_other_are_asked_about(project: Path, trainergen: Run) -> None:
    model = '''
        """A pair."""

        from torch import nn


        class Gan(nn.Module):
            """Two players."""

            def __init__(self) -> None:
                super().__init__()
                self.generator = nn.Linear(16, 8)
                self.discriminator = nn.Linear(8, 1)

            def forward(self, z):
                return self.discriminator(self.generator(z))
        '''
    write_tree(project, {"model.py": model})
    answer = trainergen("new", "--model", "model.py:Gan")
    assert answer.exit == 4, answer.stdout
    assert "two models that train against each other (generator, discriminator)" in answer.stdout
    assert "--loss module:name" in answer.stdout


@pytest.mark.slow
def test_a_forward_that_never_ends_is_given_up_and_leaves_no_process(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": stubborn("while True: pass")})
    answer = trainergen("new", "--model", "model.py:Stubborn")
    assert answer.exit == 4, answer.stdout
    assert "did not end within" in answer.stdout
    time.sleep(0.5)
    busy = [pid for pid in os.listdir("/proc") if pid.isdigit() and _spins(pid)]
    assert not busy


def _spins(pid: str) -> bool:
    """Whether a process is running right now that a lab of this test's process forked: they have its folder's name."""
    try:
        ours = f"trainergen-lab-{os.getpid()}-".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        return ours and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:
        return False


def test_a_range_of_ids_that_held_by_chance_is_not_taken(project: Path, trainergen: Run) -> None:
    """Each column has its part of one table: the last one takes fewer ids than the first."""
    model = '''
        """Clicks."""

        import numpy
        import torch
        from torch import nn


        class Clicks(nn.Module):
            """Click probability from categorical columns."""

            def __init__(self, counts) -> None:
                super().__init__()
                self.table = nn.Embedding(int(sum(counts)), 8)
                self.offsets = numpy.array((0, *numpy.cumsum(counts)[:-1]))

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                x = x + x.new_tensor(self.offsets).unsqueeze(0)
                return torch.sigmoid(self.table(x).sum((1, 2)))


        def build() -> Clicks:
            return Clicks(numpy.array([10, 12, 7, 5]))
        '''
    write_tree(project, {"model.py": model})
    answer = trainergen("new", "--model", "model.py:Clicks", "--factory", "model:build", "--json", "--dry-run")
    assert answer.exit == 0, answer.stdout
    found = answer.data["result"]["search"]["inputs"]["root"]
    assert (found["dtype"], found["sizes"][1]) == ("int64", 4)
    assert found["high"] <= 5


def test_an_argument_that_means_something_else_once_it_is_passed_is_left_out(project: Path, trainergen: Run) -> None:
    source = '''
        import functools

        from torch import nn


        def renamed(init):
            """`drop` has become `drops`, a pair."""

            @functools.wraps(init)
            def outer(self, *values, **named):
                if "drop" in named:
                    named["drops"] = named.pop("drop")
                init(self, *values, **named)

            return outer


        class Pair(nn.Module):
            """Classifies rows."""

            @renamed
            def __init__(self, features: int = 8, drop: float = 0.5, drops: tuple = (0.1, 0.2)) -> None:
                super().__init__()
                self.net = nn.Sequential(nn.Linear(features, 16), nn.Dropout(drops[0]), nn.Linear(16, 3))

            def forward(self, x):
                return self.net(x)
        '''
    write_tree(project, {"model.py": source})
    answer = trainergen("new", "--model", "model.py:Pair")
    assert answer.exit == 0, answer.stdout
    assert "Pair(features=config.model_features)" in (project / "train/pair_trainer.py").read_text()
    assert "model_drop" not in (project / "config.ini").read_text()


def test_widths_that_are_a_tuple_are_a_setting_so_that_the_lab_can_prove_a_smaller_model(
    project: Path, trainergen: Run
) -> None:
    source = '''
        from torch import nn


        class Stack(nn.Module):
            """Classifies rows."""

            def __init__(self, features: int = 8, widths: tuple[int, ...] = (2048, 2048, 1024)) -> None:
                super().__init__()
                sizes = [features, *widths]
                self.net = nn.Sequential(*[nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])], nn.Linear(widths[-1], 3))

            def forward(self, x):
                return self.net(x)
        '''
    write_tree(project, {"model.py": source})
    answer = trainergen("new", "--model", "model.py:Stack")
    assert answer.exit == 0, answer.stdout
    assert "model_widths: tuple[int, ...] = (2048, 2048, 1024)" in (project / "config/train.py").read_text()
    assert "model_widths = 2048, 2048, 1024" in (project / "config.ini").read_text()
