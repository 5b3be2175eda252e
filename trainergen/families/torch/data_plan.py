"""Where training data comes from: the user's loader, a stub that says what to do, or the combined similarity loader."""

from __future__ import annotations

from ...planning.plan import DataPlan, Setting
from .facts import LoaderFacts, TorchFacts

COMBINED = "build_combined_similarity_loader"
FED = {
    "batch_size": ("int", "32", "samples a batch"),
    "shuffle": ("bool", "True", "whether the training loader shuffles"),
    "seed": ("int", "0", "of Python, NumPy (where loaded) and torch"),
}


def choose_data(measured: TorchFacts, *, ranking: bool, package: str) -> DataPlan:
    """What ``build_dataloaders`` does.

    Args:
        measured: the loader's facts, if there is one.
        ranking: the objective ranks candidates, so that the combined loader can be written.
        package: the package below which the generated module lies.
    """
    loader = measured.loader
    if loader is None:
        if not ranking:
            return DataPlan("stub")
        return DataPlan(
            "combined",
            module=f"{package}.dataloader.similarity" if package else "dataloader.similarity",
            name=COMBINED,
            is_factory=True,
            arguments=(
                'splits=("train",)',
                "batch_size=config.batch_size",
                "shuffle=config.shuffle",
                "seed=config.seed",
            ),
            validation_module=f"{package}.dataloader.similarity" if package else "dataloader.similarity",
            validation_name=COMBINED,
            validation_is_factory=True,
            validation_arguments=(
                'splits=("val",)',
                "batch_size=config.batch_size",
                "shuffle=False",
                "seed=config.seed",
            ),
        )
    module, _, name = loader.target.partition(":")
    plan = DataPlan(
        "loader", module, name, loader.is_factory, _arguments(loader.split, loader.arguments, training=True)
    )
    if loader.validation is None:
        return plan
    validation_module, _, validation_name = loader.validation.partition(":")
    return DataPlan(
        "loader",
        module,
        name,
        loader.is_factory,
        plan.arguments,
        validation_module,
        validation_name,
        loader.validation_is_factory,
        _arguments(loader.validation_split, loader.validation_arguments, training=False),
    )


def _arguments(split: str | None, names: tuple[str, ...], *, training: bool) -> tuple[str, ...]:
    fed = [f"{name}=config.{name}" if training or name != "shuffle" else "shuffle=False" for name in names]
    return (*([split] if split else []), *fed)


def data_settings(loader: LoaderFacts | None, plan: DataPlan, samples: int) -> tuple[Setting, ...]:
    """The settings that feed the loader: those that its signature has; none for an object that is imported as it is.

    Args:
        loader: its facts, if there is one.
        plan: what ``build_dataloaders`` does.
        samples: of the batch that the user described or gave, which is the size to begin with where no loader is.
    """
    described = plan.kind in ("stub", "combined")
    names = ("batch_size", "shuffle") if described else loader.arguments if loader is not None else ()
    defaults = {name: default for name, (_, default, _) in FED.items()}
    if described and samples:
        defaults["batch_size"] = str(samples)
    return tuple(
        Setting(name, kind, defaults[name], defaults[name].lower(), doc, inherited=True)
        for name, (kind, _, doc) in FED.items()
        if name in names and name != "seed"
    )
