"""Trainer plans written by hand, one for each pattern and task, with the user's modules that they need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from trainergen.inspection.batch_spec import BatchSpec, Branch, Leaf, leaves, spell_access
from trainergen.inspection.project_facts import Formatter, ProjectFacts
from trainergen.patching.project import edit_project
from trainergen.planning.plan import (
    Auxiliary,
    Check,
    Constant,
    DataPlan,
    Decision,
    Head,
    Input,
    ModelArgument,
    ModelPlan,
    Names,
    Objective,
    OptimizerPlan,
    Part,
    SchedulerPlan,
    Setting,
    Term,
    TrainerPlan,
)
from trainergen.rendering.scaffold import render_scaffold
from trainergen.rendering.trainer import render_trainer

USER_FILES = {
    "model.py": '''
        """Models."""

        from __future__ import annotations

        from dataclasses import dataclass

        import torch
        from torch import nn


        class DigitsNet(nn.Module):
            """Two linear layers over an 8 x 8 image."""

            def __init__(self, hidden: int = 32) -> None:
                super().__init__()
                self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))

            def forward(self, image: torch.Tensor) -> torch.Tensor:
                logits: torch.Tensor = self.layers(image)
                return logits


        @dataclass
        class Code:
            reconstruction: torch.Tensor
            sparsity: torch.Tensor


        class AutoEncoder(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.encode, self.decode = nn.Linear(64, 8), nn.Linear(8, 64)

            def forward(self, x: torch.Tensor) -> Code:
                code = self.encode(x).relu()
                return Code(self.decode(code), code.abs().mean())


        class Risk(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.table, self.head = nn.Embedding(5, 4), nn.Linear(7, 1)

            def forward(self, age: torch.Tensor, kind: torch.Tensor) -> dict[str, torch.Tensor]:
                return {"risk": self.head(torch.cat([age, self.table(kind)], dim=1))}


        class Ranker(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.query, self.key = nn.Linear(6, 8), nn.Linear(5, 8)

            def forward(self, dataset_tokens: torch.Tensor, model_tokens: torch.Tensor) -> torch.Tensor:
                pooled = self.query(dataset_tokens).mean(dim=1, keepdim=True)
                scores: torch.Tensor = (self.key(model_tokens) * pooled).sum(dim=2)
                return scores


        class Tagger(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.head = nn.Linear(12, 3)

            def forward(self, image: torch.Tensor, target: torch.Tensor | None = None) -> torch.Tensor:
                logits: torch.Tensor = self.head(image.flatten(1))
                return logits


        class LatentCode(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.mean, self.spread, self.decode = nn.Linear(64, 4), nn.Linear(64, 4), nn.Linear(4, 64)

            def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
                mu, logvar = self.mean(x), self.spread(x)
                return self.decode(mu + torch.randn_like(mu) * (logvar / 2).exp()), mu, logvar


        class TokenModel(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.table, self.head = nn.Embedding(9, 6), nn.Linear(6, 9)

            def forward(self, tokens: torch.Tensor) -> torch.Tensor:
                logits: torch.Tensor = self.head(self.table(tokens))
                return logits


        class TwoHeads(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.age, self.kind = nn.Linear(3, 1), nn.Linear(3, 5)

            def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
                return {"age": self.age(x), "kind": self.kind(x)}


        class OwnLoss(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.head = nn.Linear(4, 2)

            def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
                y = self.head(x)
                return y.square().mean(), y
    ''',
    "data.py": '''
        """Loaders."""

        from __future__ import annotations

        from collections.abc import Iterable
        from dataclasses import dataclass
        from typing import Any

        import torch


        @dataclass
        class RiskBatch:
            age: torch.Tensor
            kind: torch.Tensor
            died: torch.Tensor


        def digits(batch_size: int = 8, split: str = "train") -> list[tuple[torch.Tensor, torch.Tensor]]:
            torch.manual_seed(len(split))
            return [(torch.rand(batch_size, 1, 8, 8), torch.arange(batch_size) % 10) for _ in range(3)]


        def risks(batch_size: int = 8) -> Iterable[RiskBatch]:
            return [
                RiskBatch(torch.rand(batch_size, 3), torch.arange(batch_size) % 5, torch.arange(batch_size) % 2)
                for _ in range(3)
            ]


        def tags() -> Iterable[dict[str, Any]]:
            return [
                {"image": torch.randint(0, 255, (8, 2, 2, 3)).byte(), "labels": {"tags": torch.eye(3)[torch.arange(8) % 3]},
                 "names": ["a"] * 8}
                for _ in range(3)
            ]


        sentences = [torch.randint(0, 9, (8, 5)) for _ in range(3)]
        people = [
            {"x": torch.rand(8, 3), "age": torch.rand(8), "kind": torch.arange(8) % 5}
            for _ in range(3)
        ]
        codes = [torch.rand(8, 64) for _ in range(3)]
        pairs = [(torch.rand(8, 3), torch.rand(8)) for _ in range(3)]
        numbers = [torch.rand(8, 4) for _ in range(2)]
    ''',
}


def names(snake: str, camel: str, package: str = "") -> Names:
    folder, dotted = (f"{package}/", f"{package}.") if package else ("", "")
    return Names(
        snake=snake,
        trainer_class=f"{camel}Trainer",
        config_class=f"{camel}TrainerConfig",
        section=f"train_{snake}",
        trainer_file=f"{folder}train/{snake}_trainer.py",
        trainer_module=f"{dotted}train.{snake}_trainer",
        config_file=f"{folder}config/train.py",
        config_module=f"{dotted}config.train",
        config_init=f"{folder}config/__init__.py",
        train_init=f"{folder}train/__init__.py",
        base_module=f"{dotted}train.base_trainer",
        ini_file=f"{folder}config.ini",
        record_file=f".trainergen/{snake}_trainer.json",
        command=f"python -m {package} {camel}" if package else f"python train.py {camel}",
    )


def tensor(dtype: str, *dims: int | str, low: float | None = None, high: float | None = None) -> Leaf:
    return Leaf(dtype, ("batch", *dims), (8, *(dim if isinstance(dim, int) else 4 for dim in dims)), low, high)


def checks(batch: BatchSpec) -> tuple[Check, ...]:
    return tuple(
        Check(
            path=path,
            variable=spell_access(batch.root, path),
            kind="strings" if leaf.dtype == "str" else "tensor",
            dtype=leaf.dtype,
            dims=leaf.dims,
            low=leaf.low,
            high=leaf.high,
        )
        for path, leaf in leaves(batch.root)
    )


def plan(snake: str, camel: str, root: Leaf | Branch, objective: Objective, **changes: Any) -> TrainerPlan:
    batch = BatchSpec(root, 8)
    base = TrainerPlan(
        family="torch",
        contract="default",
        patterns=("simple",),
        names=names(snake, camel, changes.get("package", "")),
        model=ModelPlan("model", camel, "model", camel),
        batch=batch,
        feeding="simple",
        inputs=(Input((0,), "features"),),
        checks=checks(batch),
        objective=objective,
        optimizer=OptimizerPlan("adamw", "torch.optim", "AdamW"),
        data=DataPlan("loader", "data", "pairs"),
        settings=(
            Setting("num_epochs", "int", "2", "2", "passes over the training data", inherited=True),
            Setting("learning_rate", "float", "0.001", "0.001", "step size of the optimizer", inherited=True),
        ),
    )
    return replace(base, **changes)


def digits(package: str = "", vendored: bool = False) -> TrainerPlan:
    return plan(
        "digits_net",
        "DigitsNet",
        Branch("tuple", ((0, tensor("float32", 1, 8, 8)), (1, tensor("int64", low=0, high=10)))),
        Objective(
            "multi-class",
            "cross_entropy",
            (),
            "tensor",
            (1,),
            "labels",
            metrics=("accuracy",),
            epoch_metrics=("f1",),
            classes=10,
        ),
        package=package,
        vendored=vendored,
        model=ModelPlan(
            "model",
            "DigitsNet",
            "model",
            "DigitsNet",
            (ModelArgument("hidden", "model_hidden", "32"),),
            "Two linear layers over an 8 x 8 image.",
        ),
        inputs=(Input((0,), "image"),),
        data=DataPlan(
            "loader",
            "data",
            "digits",
            True,
            ("batch_size=config.batch_size", 'split="train"'),
            "data",
            "digits",
            True,
            ("batch_size=config.batch_size", 'split="test"'),
        ),
        settings=(
            Setting("num_epochs", "int", "2", "2", "passes over the training data", inherited=True),
            Setting("batch_size", "int", "8", "8", "samples a batch", inherited=True),
            Setting("model_hidden", "int", "32", "32", "width of the hidden layer"),
        ),
    )


def code() -> TrainerPlan:
    return plan(
        "auto_encoder",
        "AutoEncoder",
        tensor("float32", 64, low=0, high=1),
        Objective(
            "reconstruction", "mse", ("reconstruction",), "dataclass", (), "x", metrics=("mae",),
            auxiliaries=(Auxiliary("sparsity", ("sparsity",), "sparsity_weight", 0.1),),
        ),
        inputs=(Input((), "x", "x"),),
        data=DataPlan("loader", "data", "codes"),
        notes=("the code is sparse: its mean absolute value is part of the loss",),
        settings=(Setting("sparsity_weight", "float", "0.1", "0.1", "weight of the code's mean absolute value"),
                  Setting("num_epochs", "int", "1", "1", "passes", inherited=True)),
    )  # fmt: skip


def risk() -> TrainerPlan:
    return plan(
        "risk",
        "Risk",
        Branch(
            "dataclass",
            (("age", tensor("float32", 3)), ("kind", tensor("int64", low=0, high=5)), ("died", tensor("int64", low=0, high=2))),
            "data:RiskBatch",
        ),
        Objective(
            "binary", "bce_with_logits", ("risk",), "mapping", ("died",), "died", ("float",), ("squeeze:1",),
            metrics=("binary_accuracy",), epoch_metrics=("auc",),
        ),
        patterns=("structured", "custom-optimizer"),
        feeding="structured",
        inputs=(Input(("age",), "age", "age"), Input(("kind",), "kind", "kind")),
        data=DataPlan("loader", "data", "risks", True, ("batch_size=config.batch_size",)),
        optimizer=OptimizerPlan(
            "sgd", "torch.optim", "SGD",
            (ModelArgument("lr", "learning_rate", "0.1"), ModelArgument("momentum", None, "0.9"), ModelArgument("nesterov", None, "True")),
            is_default=False,
        ),
        scheduler=SchedulerPlan(
            "step", "torch.optim.lr_scheduler", "StepLR", "step",
            (ModelArgument("step_size", "scheduler_step_size", "10"), ModelArgument("gamma", "scheduler_factor", "0.5")),
        ),
        decisions=(Decision("optimizer", "SGD", 'the docstring says "momentum"'),
                   Decision("loss", "bce_with_logits", "the target holds 0 and 1 alone", assumed=True)),
        settings=(
            Setting("learning_rate", "float", "0.1", "0.1", "step size", inherited=True),
            Setting("num_epochs", "int", "1", "1", "passes", inherited=True),
            Setting("scheduler_step_size", "int", "10", "10", "optimizer steps from one reduction to the next"),
        ),
    )  # fmt: skip


def tagger() -> TrainerPlan:
    return plan(
        "tagger",
        "Tagger",
        Branch(
            "mapping",
            (
                ("image", tensor("uint8", 2, 2, 3)),
                ("labels", Branch("mapping", (("tags", tensor("float32", 3, low=0, high=1)),))),
                ("names", tensor("str")),
            ),
        ),
        Objective(
            "multi-label", "bce_with_logits", (), "tensor", ("labels", "tags"), "tags",
            metrics=("multilabel_accuracy",), epoch_metrics=("multilabel_f1",), classes=3,
        ),
        patterns=("multi-tensor",),
        feeding="multi-tensor",
        inputs=(Input(("image",), "image", "image", ("permute:0,3,1,2", "float")),),
        data=DataPlan("loader", "data", "tags", True, ()),
        optimizer=OptimizerPlan(
            "adam", "torch.optim", "Adam", (ModelArgument("lr", "learning_rate", "0.001"),), False, False, (("head.bias", 0.1),)
        ),
    )  # fmt: skip


def own() -> TrainerPlan:
    return plan(
        "own_loss",
        "OwnLoss",
        tensor("float32", 4),
        Objective("own-loss", "own", (0,), "tuple", None),
        inputs=(Input((), "x"),),
        data=DataPlan("loader", "data", "numbers"),
    )


def latent() -> TrainerPlan:
    return plan(
        "latent_code",
        "LatentCode",
        tensor("float32", 64),
        Objective(
            "vae", "elbo", (0,), "tuple", (), "x", metrics=("mae",),
            parts=(Part("mu", "output", (1,), "mu"), Part("logvar", "output", (2,), "logvar")),
            terms=(Term("reconstruction_loss"), Term("kl_divergence", "beta")),
        ),
        inputs=(Input((), "x"),),
        data=DataPlan("loader", "data", "codes"),
        settings=(Setting("beta", "float", "1.0", "1.0", "weight of the KL divergence"),
                  Setting("num_epochs", "int", "1", "1", "passes", inherited=True)),
    )  # fmt: skip


def sentences() -> TrainerPlan:
    return plan(
        "token_model",
        "TokenModel",
        tensor("int64", "length", low=0, high=9),
        Objective(
            "language-modelling", "next_token", (), "tensor", (), "tokens", ("drop_first:1",),
            ("drop_last:1", "permute:0,2,1"), metrics=("accuracy",), classes=9, constants=(Constant("padding", 0),),
        ),
        inputs=(Input((), "tokens"),),
        data=DataPlan("loader", "data", "sentences"),
    )  # fmt: skip


def heads() -> TrainerPlan:
    return plan(
        "two_heads",
        "TwoHeads",
        Branch("mapping", (("x", tensor("float32", 3)), ("age", tensor("float32")), ("kind", tensor("int64")))),
        Objective(
            "multi-task", "weighted_sum", ("age",), "mapping", ("age",), "age", (), ("squeeze:1",),
            parts=(Part("kind_prediction", "output", ("kind",), "kind_prediction"),
                   Part("kind_target", "batch", ("kind",), "kind", low=0, high=5)),
            heads=(Head("age", "regression", "mse", "prediction", "target", "age_weight"),
                   Head("kind", "multi-class", "cross_entropy", "kind_prediction", "kind_target", "kind_weight", 0.5)),
        ),
        patterns=("structured",),
        feeding="structured",
        inputs=(Input(("x",), "inputs"),),
        data=DataPlan("loader", "data", "people"),
        settings=(Setting("age_weight", "float", "1.0", "1.0", "weight of the age loss"),
                  Setting("kind_weight", "float", "0.5", "0.5", "weight of the kind loss")),
    )  # fmt: skip


def diabetes() -> TrainerPlan:
    made = plan(
        "diabetes",
        "Diabetes",
        Branch("tuple", ((0, tensor("float32", 3)), (1, tensor("float32")))),
        Objective("regression", "huber", (), "tensor", (1,), "progression", (), ("squeeze:1",), ("mae",), ("r2",)),
    )
    model = ModelPlan(
        "torch.nn",
        "Linear",
        "torch.nn",
        "Linear",
        (ModelArgument("in_features", None, "3"), ModelArgument("out_features", None, "1")),
    )
    floating = tuple(replace(check, dtype="floating") for check in made.checks)
    return replace(made, model=model, checks=floating)


def ranker() -> TrainerPlan:
    batch = Branch(
        "mapping",
        (
            ("dataset_tokens", tensor("float32", "tokens", 6)),
            ("model_tokens", tensor("float32", "models", 5)),
            ("true_ranks", tensor("int64", "models", low=0, high=None)),
            ("model_names", tensor("str", "models")),
            ("dataset_names", tensor("str")),
        ),
    )
    return plan(
        "ranker",
        "Ranker",
        batch,
        Objective("ranking", "listnet", (), "tensor", ("true_ranks",), "true_ranks", metrics=("ndcg", "kendall_tau")),
        patterns=("ranking",),
        feeding="structured",
        inputs=(
            Input(("dataset_tokens",), "dataset_tokens", "dataset_tokens"),
            Input(("model_tokens",), "model_tokens", "model_tokens"),
        ),
        data=DataPlan(
            "combined", "dataloader.similarity", "build_combined_similarity_loader", True,
            ('splits=("train",)', "batch_size=config.batch_size"),
            "dataloader.similarity", "build_combined_similarity_loader", True,
            ('splits=("val",)', "batch_size=config.batch_size"),
        ),
    )  # fmt: skip


ALL = (digits, code, risk, tagger, own, latent, sentences, heads, diabetes, ranker)


def facts(root: Path, package: str = "", line_length: int = 88) -> ProjectFacts:
    dotted, folder = (f"{package}.", f"{package}/") if package else ("", "")
    return ProjectFacts(
        root=str(root),
        root_reason="test",
        package=package,
        config_file=f"{folder}config.ini",
        train_module=f"{dotted}train",
        config_module=f"{dotted}config",
        formatter=Formatter("black", line_length),
    )


def generate(root: Path, plans: list[TrainerPlan], **kind: Any) -> None:
    """Scaffold and trainers as `new` writes them: edits fall on the scaffold's bytes, or on what is on disk."""
    package = kind.get("package", "")
    project = facts(root, package)
    files = {
        path: each.text.encode()
        for path, each in render_scaffold(project, vendored=kind.get("vendored", False)).items()
    }
    for made in plans:
        rendered = render_trainer(made, project)
        files |= {path: each.text.encode() for path, each in rendered.files.items()}
        edits = edit_project(
            made.names, rendered.parts, lambda path: files.get(path) or (root / path).read_bytes(), width=88
        )
        files |= {path: edit.after for path, edit in edits.items()}
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
