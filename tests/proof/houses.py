"""Projects whose team overrides the real templates: what `test_template_faults` runs ``trainergen new`` on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainergen.resources import contract_folder, resource_folder

from ..building import write_tree

HOUSE = "house"
SETTINGS = f'[tool.trainergen]\ntemplates = "{HOUSE}"\n'
FRAME = "contracts/default/frame.py.j2"


@dataclass(frozen=True)
class Case:
    """One project and the command that a user types there; together they cover every pattern.

    Attributes:
        name: of the test.
        pattern: as ``new`` reports it.
        files: the user's.
        arguments: after ``trainergen new``.
        trainer: where the trainer lands.
    """

    name: str
    pattern: str
    files: Mapping[str, str]
    arguments: tuple[str, ...]
    trainer: str


SIMPLE = Case(
    "simple",
    "simple",
    {
        "model.py": '''
            """An image classifier with whatever tells the modes apart."""

            import torch
            from torch import nn


            class DigitsNet(nn.Module):
                """Classify images of digits.

                Args:
                    hidden: width.
                    depth: of the code.
                """

                def __init__(self, hidden: int = 16, depth: int = 12) -> None:
                    super().__init__()
                    self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.BatchNorm1d(hidden), nn.ReLU())
                    self.code = nn.Sequential(nn.Dropout(0.3), nn.Linear(hidden, depth), nn.ReLU())
                    self.head = nn.Linear(depth, 10)

                def forward(self, image: torch.Tensor) -> torch.Tensor:
                    return self.head(self.code(self.body(image)))
        ''',
        "data.py": '''
            """Pairs (image, label)."""

            import torch


            def build_loader(batch_size: int = 8, split: str = "train"):
                generator = torch.Generator().manual_seed(0 if split == "train" else 1)
                return [
                    (
                        torch.rand(batch_size, 1, 8, 8, generator=generator),
                        torch.randint(0, 10, (batch_size,), generator=generator),
                    )
                    for _ in range(3)
                ]
        ''',
    },
    ("--model", "model.py:DigitsNet", "--loader", "data:build_loader"),
    "train/digits_net_trainer.py",
)

STRUCTURED = Case(
    "structured",
    "structured",
    {
        "model.py": '''
            """A regression on two measurements of one shape: swapping them runs, and is wrong."""

            import torch
            from torch import nn


            class YieldNet(nn.Module):
                """Predict a harvest."""

                def __init__(self, hidden: int = 8) -> None:
                    super().__init__()
                    self.soil_branch = nn.Sequential(nn.Linear(4, hidden), nn.ReLU())
                    self.weather_branch = nn.Sequential(nn.Linear(4, hidden), nn.Tanh())
                    self.head = nn.Linear(2 * hidden, 1)

                def forward(self, soil: torch.Tensor, weather: torch.Tensor) -> torch.Tensor:
                    return self.head(torch.cat([self.soil_branch(soil), self.weather_branch(weather)], dim=1)).squeeze(1)
        ''',
        "data.py": '''
            """Dictionaries; `price` has the target's form and is not it."""

            import torch


            def build_loader(batch_size: int = 8):
                generator = torch.Generator().manual_seed(0)
                return [
                    {
                        "soil": torch.rand(batch_size, 4, generator=generator),
                        "weather": torch.randn(batch_size, 4, generator=generator),
                        "harvest": torch.rand(batch_size, generator=generator),
                        "price": torch.rand(batch_size, generator=generator),
                    }
                    for _ in range(3)
                ]
        ''',
    },
    ("--model", "model.py:YieldNet", "--loader", "data:build_loader", "--target", "harvest"),
    "train/yield_net_trainer.py",
)

MULTI_TENSOR = Case(
    "multi-tensor",
    "multi-tensor",
    {
        "model.py": '''
            """Three inputs: an image that comes as bytes with its channels last, and two measurements of one form."""

            import torch
            from torch import nn


            class ChangeNet(nn.Module):
                """Tell whether a place has changed."""

                def __init__(self, channels: int = 4) -> None:
                    super().__init__()
                    self.convolution = nn.Conv2d(3, channels, 3)
                    self.before_branch = nn.Linear(4, channels)
                    self.after_branch = nn.Linear(4, channels)
                    self.head = nn.Linear(3 * channels, 1)

                def forward(self, image: torch.Tensor, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
                    seen = torch.relu(self.convolution(image / 255)).mean(dim=(2, 3))
                    codes = [seen, torch.tanh(self.before_branch(before)), torch.relu(self.after_branch(after))]
                    return self.head(torch.cat(codes, dim=1)).squeeze(1)
        ''',
        "data.py": '''
            """Tuples (image, before, after, changed)."""

            import torch


            def build_loader(batch_size: int = 8):
                generator = torch.Generator().manual_seed(0)
                return [
                    (
                        torch.randint(0, 256, (batch_size, 6, 7, 3), generator=generator).to(torch.uint8),
                        torch.randn(batch_size, 4, generator=generator),
                        torch.randn(batch_size, 4, generator=generator),
                        torch.randint(0, 2, (batch_size,), generator=generator).float(),
                    )
                    for _ in range(3)
                ]
        ''',
    },
    ("--model", "model.py:ChangeNet", "--loader", "data:build_loader"),
    "train/change_net_trainer.py",
)

RANKING = Case(
    "ranking",
    "ranking",
    {
        "model.py": '''
            """Scores of candidate models for a data set."""

            import torch
            from torch import nn


            class SimilarityModel(nn.Module):
                """Score candidates by attention to a data set's tokens."""

                def __init__(self, width: int = 8) -> None:
                    super().__init__()
                    self.dataset_projection = nn.Linear(4, width)
                    self.model_projection = nn.Linear(5, width)
                    self.attention = nn.MultiheadAttention(width, 2, dropout=0.1, batch_first=True)
                    self.score = nn.Linear(width, 1)

                def forward(self, dataset_tokens: torch.Tensor, model_tokens: torch.Tensor) -> torch.Tensor:
                    keys = self.dataset_projection(dataset_tokens)
                    found, _ = self.attention(self.model_projection(model_tokens), keys, keys, need_weights=False)
                    return self.score(found).squeeze(2)
        ''',
        "data.py": '''
            """Batches of the combined form; some candidates without truth, some tied, one row with a single rank."""

            import torch


            def build_loader(batch_size: int = 4, splits=("train",)):
                generator = torch.Generator().manual_seed(len(splits[0]))
                batches = []
                for _ in range(3):
                    ranks = torch.stack([torch.randperm(6, generator=generator) for _ in range(batch_size)])
                    ranks[0, 0] = ranks[0, 1]
                    ranks[1, 2:] = 0
                    batches.append(
                        {
                            "dataset_tokens": torch.randn(batch_size, 3, 4, generator=generator),
                            "model_tokens": torch.randn(batch_size, 6, 5, generator=generator),
                            "true_ranks": ranks,
                            "model_indices": torch.arange(6).repeat(batch_size, 1),
                            "dataset_names": [f"data-{number}" for number in range(batch_size)],
                        }
                    )
                return batches
        ''',
    },
    ("--model", "model.py:SimilarityModel", "--loader", "data:build_loader", "--pattern", "ranking"),
    "train/similarity_model_trainer.py",
)

CUSTOM_OPTIMIZER = Case(
    "custom-optimizer",
    "simple + custom-optimizer",
    {
        "model.py": '''
            """A classifier that says how it wants to be trained."""

            import torch
            from torch import nn


            class TumourNet(nn.Module):
                """Benign or malignant, from ten measurements; one logit.

                Train it with SGD, momentum 0.9, nesterov, learning rate 0.05, weight decay 0.001. The learning rate
                follows a cosine schedule over the run.
                """

                def __init__(self, hidden: int = 8) -> None:
                    super().__init__()
                    self.body = nn.Sequential(nn.Linear(10, hidden), nn.ReLU())
                    self.head = nn.Linear(hidden, 1)

                def forward(self, measurements: torch.Tensor) -> torch.Tensor:
                    return self.head(self.body(measurements)).squeeze(1)
        ''',
        "data.py": '''
            """Pairs (measurements, benign)."""

            import torch


            def build_loader(batch_size: int = 8, train: bool = True):
                generator = torch.Generator().manual_seed(int(train))
                return [
                    (
                        torch.randn(batch_size, 10, generator=generator),
                        torch.randint(0, 2, (batch_size,), generator=generator).float(),
                    )
                    for _ in range(3)
                ]
        ''',
    },
    ("--model", "model.py:TumourNet", "--loader", "data:build_loader"),
    "train/tumour_net_trainer.py",
)

RECONSTRUCTION = Case(
    "reconstruction",
    "simple",
    {
        "model.py": '''
            """An auto-encoder that pays for its code."""

            import torch
            from torch import nn


            class SparseAutoencoder(nn.Module):
                """Image to a sparse code and back."""

                def __init__(self, code: int = 6) -> None:
                    super().__init__()
                    self.encoder = nn.Sequential(nn.Linear(16, code), nn.ReLU())
                    self.decoder = nn.Linear(code, 16)

                def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
                    code = self.encoder(image)
                    return {"reconstruction": self.decoder(code), "code": code, "sparsity_penalty": code.abs().mean()}
        ''',
        "data.py": '''
            """Images alone."""

            import torch


            def build_loader(batch_size: int = 8):
                generator = torch.Generator().manual_seed(0)
                return [torch.rand(batch_size, 16, generator=generator) for _ in range(3)]
        ''',
    },
    (
        *("--model", "model.py:SparseAutoencoder", "--loader", "data:build_loader"),
        *("--auxiliary", "sparsity_penalty=0.25"),
    ),
    "train/sparse_autoencoder_trainer.py",
)

STUB = Case(
    "no loader",
    "simple",
    SIMPLE.files,
    ("--model", "model.py:DigitsNet", "--batch", "(float32[8,1,8,8], int64[8] < 10)"),
    SIMPLE.trainer,
)

CASES = (SIMPLE, STRUCTURED, MULTI_TENSOR, RANKING, CUSTOM_OPTIMIZER, RECONSTRUCTION, STUB)


def template(name: str) -> str:
    """The text of a real template by the name that it is rendered by."""
    folder = contract_folder("default").parent.parent if name.startswith("contracts/") else resource_folder("templates")
    return (folder / name).read_text(encoding="utf-8")


def furnish(root: Path, case: Case, templates: Mapping[str, str]) -> None:
    """The user's files of `case`, and a house of templates: name -> text."""
    write_tree(root, dict(case.files))
    (root / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
    for name, text in templates.items():
        path = root / HOUSE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
