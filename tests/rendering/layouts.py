"""Projects and command lines that generated files must be right for: odd batches, odd models, odd houses."""

from __future__ import annotations

from dataclasses import dataclass, field

HEAD = '"""Models."""\n\nimport torch\nfrom torch import nn\n\n\n'
SMALL = HEAD + """class Small(nn.Module):
    def __init__(self, hidden: int = 8):
        super().__init__()
        self.a = nn.Linear(10, hidden)
        self.b = nn.Linear(hidden, 2)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))
"""
DATA = '''"""Random rows with a rule in them; without types, as found in the wild."""

import torch
from torch.utils.data import DataLoader, TensorDataset


def build_loader(batch_size=16, shuffle=True, seed=0, train=True):
    x = torch.randn(64, 10, generator=torch.Generator().manual_seed(0 if train else 1))
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size, shuffle, generator=generator)
'''
PLAIN = {"net.py": SMALL, "data.py": DATA}
LOADER = ("--model", "net.py:Small", "--loader", "data:build_loader")


@dataclass(frozen=True)
class Layout:
    """One project and the ``trainergen new`` that is run in it.

    Attributes:
        arguments: after ``new``.
        files: the user's.
        says, never: words that the trainer's file must have, and must not have.
        config: words that config.ini must have.
        typed: the user has settings for mypy, which must find nothing in what is new.
    """

    arguments: tuple[str, ...]
    files: dict[str, str]
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    typed: bool = field(default=False)


def model(name: str, doc: str, init: str, forward: str, takes: str = "x", signature: str = "hidden: int = 8") -> str:
    """A module with one class."""
    body = "\n".join(f"        {line}" for line in init.splitlines())
    back = "\n".join(f"        {line}" for line in forward.splitlines())
    start = f"    def __init__(self, {signature}):\n        super().__init__()\n"
    text = f'class {name}(nn.Module):\n    """{doc}"""\n\n{start}{body}\n\n    def forward(self, {takes}):\n{back}\n'
    return HEAD + text


LAYOUTS = {
    "dict": Layout(
        ("--model", "model.py:Clf", "--batch", "image: float32[8,3,32,32]; label: int64[8] < 5"),
        {
            "model.py": model(
                "Clf",
                "A small image classifier.\n\n    Args:\n        hidden: feature maps of the convolution.\n    ",
                "self.c = nn.Conv2d(3, hidden, 3)\nself.h = nn.Linear(hidden, 5)",
                "return self.h(self.c(image).mean((2, 3)))",
                "image",
            )
        },
        says=(
            'batch["image"]: input, float32 [batch, 3, height, width]',
            'batch["label"]: target, int64 [batch], values 0 to 4',
            "raise NotImplementedError(message)",
            "model: a `Clf`. A small image classifier.",
        ),
        never=("math", "_check_sequence"),
        config=(
            "# feature maps of the convolution\nmodel_hidden = 8\n",
            "\nnum_epochs = 20\n",
            "\nbatch_size = 8\n",
            "\nseed = 0\n",
        ),
    ),
    "nested": Layout(
        (
            *("--model", "model.py:TwoTower", "--target", "labels.score"),
            *(
                "--batch",
                "inputs: {user: int64[8,6] < 90; item: float32[8,12]}; labels: {score: float32[8]}; id: str[8]",
            ),
        ),
        {
            "model.py": model(
                "TwoTower",
                "Scores users against items.",
                "self.u = nn.Embedding(90, hidden)\nself.i = nn.Linear(12, hidden)",
                "return (self.u(user).mean(1) * self.i(item)).sum(1)",
                "user, item",
            )
        },
        says=(
            '"""Train TwoTower: predict score from user',
            'batch["labels"]["score"]: target, float32 [batch]',
            'batch["id"]: unused, list of text [batch]',
            'user = batch["inputs"]["user"].to(self.device)',
        ),
    ),
    "triple": Layout(
        ("--model", "model.py:Pair", "--batch", "(float32[8,4], float32[8,6], int64[8] < 3)"),
        {
            "model.py": model(
                "Pair",
                "Two inputs.",
                "self.l = nn.Linear(4, hidden)\nself.r = nn.Linear(6, hidden)\nself.o = nn.Linear(hidden, 3)",
                "return self.o(torch.relu(self.l(left) + self.r(right)))",
                "left, right",
            )
        },
        says=("A batch is a triple (left, right, targets):", "self.model(left, right)"),
        never=("Mapping",),
    ),
    "prepared": Layout(
        ("--model", "model.py:Net", "--batch", "image: uint8[4,28,28,3] in [0,256); label: int64[4] < 7"),
        {
            "model.py": model(
                "Net",
                "Classifies photographs.",
                "self.c = nn.Conv2d(3, hidden, 3)\nself.h = nn.Linear(hidden, 7)",
                "return self.h(self.c(image).mean((2, 3)))",
                "image",
            )
        },
        says=(
            "# forward takes float32 [batch, 3, height, width], the batch has uint8 [batch,\n",
            'image = batch["image"].to(self.device).float().permute(0, 3, 1, 2)',
            "def _forward_batch(self, batch: Batch)",
        ),
    ),
    "groups": Layout(
        ("--model", "model.py:Tuned", "--batch", "tokens: int64[8,12] < 50; label: int64[8] < 4"),
        {
            "model.py": model(
                "Tuned",
                "A text classifier.\n\n    Train with AdamW, lr 3e-4, weight decay 0.05, the encoder at a tenth of the\n"
                "    learning rate. The rate follows a cosine schedule with a warmup.\n    ",
                "self.encoder = nn.Sequential(nn.Embedding(50, hidden), nn.Linear(hidden, hidden), nn.LayerNorm(hidden))\n"
                "self.head = nn.Linear(hidden, 4)",
                "return self.head(self.encoder(tokens).mean(1))",
                "tokens",
            )
        },
        says=(
            'rates = {"encoder": 0.1 * config.learning_rate}',
            "parameter_groups(model, config.weight_decay, rates=rates)",
            "`Tuned` asks for it in its docstring.",
            "return WarmupCosine(optimizer, warmup_fraction=config.warmup_fraction)",
        ),
        never=("model.py:", "scheduler_patience"),
        config=("weight_decay = 0.05\n",),
    ),
    "one cycle": Layout(
        (*LOADER, "--scheduler", "one_cycle", "--optimizer", "sgd"),
        PLAIN,
        says=(
            "epochs=config.num_epochs",
            "steps_per_epoch=config.scheduler_steps_per_epoch",
            "cycle_momentum=False",
            "Asked for with --scheduler.",
        ),
        config=("scheduler_steps_per_epoch = 2\n",),
    ),
    "own loss": Layout(
        ("--model", "model.py:Own", "--batch", "x: float32[8,10]; target: float32[8,2]"),
        {
            "model.py": model(
                "Own",
                "Returns its loss.",
                "self.a = nn.Linear(10, 2)",
                'y = self.a(x)\nreturn {"loss": ((y - target) ** 2).mean(), "prediction": y}',
                "x, target",
            )
        },
        says=('loss: torch.Tensor = outputs["loss"]',),
        never=("_last_batch_metrics", "_scores", "_values_checked", "metrics", "functional"),
    ),
    "auxiliary": Layout(
        ("--model", "model.py:AE", "--batch", "float32[8,1,8,8] in [0,1]", "--auxiliary", "sparsity=0.01"),
        {
            "model.py": model(
                "AE",
                "A sparse autoencoder.",
                "self.e = nn.Linear(64, hidden)\nself.d = nn.Linear(hidden, 64)",
                'z = torch.relu(self.e(x.flatten(1)))\nreturn {"reconstruction": self.d(z), "sparsity": z.abs().mean()}',
            )
        },
        says=(
            "The loss is reconstruction_loss + sparsity_weight * sparsity; each part is logged",
            "loss = reconstruction_loss + self.config.sparsity_weight * sparsity",
        ),
        never=(".mean()\n        loss",),
    ),
    "several labels": Layout(
        ("--model", "model.py:Tags", "--batch", "x: float32[8,10]; tags: int64[8,6] < 2", "--loss", "bce_with_logits"),
        {
            "model.py": model(
                "Tags",
                "Tags documents.",
                "self.a = nn.Linear(10, hidden)\nself.b = nn.Linear(hidden, 6)",
                "return self.b(self.a(x))",
            )
        },
        says=('tags = batch["tags"].to(self.device).float()',),
    ),
    "the user's loss": Layout(
        (*LOADER, "--loss", "losses:focal_loss", "--metric", "losses:share_right"),
        PLAIN
        | {
            "losses.py": HEAD
            + """from torch.nn import functional  # noqa: E402


def focal_loss(logits, labels, gamma=2.0):
    p = functional.log_softmax(logits, 1).gather(1, labels[:, None]).squeeze(1)
    return -((1 - p.exp()) ** gamma * p).mean()


def share_right(logits, labels):
    return (logits.argmax(1) == labels).float().mean()
"""
        },
        says=("loss: torch.Tensor = focal_loss(logits, targets)", "from losses import focal_loss, share_right"),
        never=("functional",),
    ),
    "a function": Layout(
        ("--model", "models.py:tiny", "--loader", "data:build_loader"),
        {
            "models.py": SMALL
            + '\n\ndef tiny(hidden: int = 4) -> Small:\n    """Make a tiny net."""\n    return Small(hidden)\n',
            "data.py": DATA,
        },
        says=("model: what `tiny` returns. Make a tiny net.", "model: nn.Module = tiny(hidden=config.model_hidden)"),
    ),
    "double": Layout(
        ("--model", "model.py:Dbl", "--batch", "x: float64[8,10]; y: int64[8] < 90", "--loss", "mse"),
        {
            "model.py": model(
                "Dbl", "In double precision.", "self.a = nn.Linear(10, 1)\nself.double()", "return self.a(x)"
            )
        },
        says=(".double()", "The model computes in float64."),
        never=(".float()\n        predictions",),
    ),
    "package": Layout((*LOADER, "--package", "lab"), PLAIN, says=("from ..config import SmallTrainerConfig",)),
    "vendored": Layout((*LOADER, "--vendor"), PLAIN, never=("beautilog", "trainergen")),
    "vendored package": Layout((*LOADER, "--vendor", "--package", "lab"), PLAIN, never=("beautilog", "trainergen")),
    "train.py is theirs": Layout(LOADER, PLAIN | {"train.py": '"""Mine."""\n'}, says=("from .base_trainer import",)),
    "ruff with everything": Layout(
        LOADER,
        PLAIN | {"pyproject.toml": """
                [tool.ruff]
                line-length = 100
                [tool.ruff.lint]
                select = ["ALL"]
                [tool.ruff.lint.flake8-quotes]
                inline-quotes = "single"
                [tool.ruff.format]
                quote-style = "single"
                """},
        says=("if TYPE_CHECKING:", "def __init__(  # noqa: PLR0913", "{'f1': "),
    ),
    "black, ruff and mypy": Layout(
        LOADER,
        PLAIN | {"pyproject.toml": """
                [tool.black]
                line-length = 79
                [tool.ruff]
                line-length = 79
                [tool.ruff.lint]
                select = ["E", "F", "I", "D", "N", "UP", "ANN", "B", "TC", "EM", "TRY", "PL", "ARG", "PT", "S"]
                isort.known-first-party = ["data"]
                [tool.mypy]
                strict = true
                follow_imports = "silent"
                untyped_calls_exclude = ["net", "data"]
                """},
        says=("from beautilog import logger  # type: ignore[import-untyped]",),
        typed=True,
    ),
    "black without magic commas": Layout(
        LOADER, PLAIN | {"pyproject.toml": "[tool.black]\nline-length = 100\nskip-magic-trailing-comma = true\n"}
    ),
    "Python 3.12": Layout(
        LOADER,
        PLAIN | {"pyproject.toml": """
                [project]
                name = "x"
                version = "1"
                requires-python = ">=3.12"
                [tool.ruff]
                line-length = 120
                lint.select = ["UP", "RUF", "SIM", "C4", "PERF"]
                """},
        never=("TypeAlias",),
    ),
}
