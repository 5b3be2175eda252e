"""Our settings in the project's words: `learning_rate` is `optim.lr` where the siblings say so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...configuration import Field, KeyPath

SYNONYMS: dict[str, tuple[str, ...]] = {
    "num_epochs": ("epochs", "max_epochs", "n_epochs", "epoch", "nepochs", "total_epochs", "num_train_epochs", "train_epochs"),
    "max_steps": ("steps", "num_steps", "total_steps", "max_iters", "max_iter", "n_iter", "iterations", "num_iterations"),
    "batch_size": ("bs", "batch", "train_batch_size", "batchsize", "per_device_train_batch_size", "mini_batch_size"),
    "shuffle": ("shuffle_train", "train_shuffle"),
    "learning_rate": ("lr", "base_lr", "init_lr", "initial_lr", "lr0", "alpha"),
    "weight_decay": ("wd", "weight_decay_rate", "l2", "l2_reg"),
    "gradient_clip_norm": (
        "clip", "grad_clip", "clip_grad", "max_grad_norm", "grad_norm", "clip_norm", "grad_clip_norm", "gradient_clip",
        "gradient_clip_val", "clip_grad_norm", "max_norm", "grad_norm_clip",
    ),
    "accumulation_steps": ("accum_steps", "grad_accum", "grad_accum_steps", "gradient_accumulation_steps", "accumulate_grad_batches"),
    "precision": ("mixed_precision", "amp_dtype", "dtype"),
    "device": ("accelerator",),
    "seed": ("random_seed", "manual_seed", "random_state"),
    "scheduler_mode": ("lr_mode", "plateau_mode"),
    "scheduler_factor": ("lr_factor", "lr_decay_factor", "gamma", "lr_gamma", "factor"),
    "scheduler_patience": ("lr_patience", "plateau_patience"),
    "scheduler_threshold": ("lr_threshold",),
    "scheduler_cooldown": ("lr_cooldown", "cooldown"),
    "scheduler_min_lr": ("min_lr", "lr_min", "eta_min"),
    "scheduler_monitor": ("monitor", "monitor_metric"),
    "early_stopping_patience": ("patience", "early_stop", "early_stopping", "early_stop_patience", "es_patience"),
    "early_stopping_min_delta": ("min_delta", "early_stop_min_delta", "tolerance", "es_delta"),
    "validation_interval_epochs": ("val_interval", "eval_interval", "eval_every", "val_every", "validate_every", "check_val_every_n_epoch"),
    "log_every_n_steps": ("log_interval", "log_every", "log_freq", "log_steps", "logging_steps", "print_freq", "print_every"),
    "log_every_n_epochs": ("log_epochs", "log_every_epoch"),
    "checkpoint_every_n_steps": ("save_every", "save_interval", "save_steps", "checkpoint_interval", "ckpt_every", "save_freq"),
    "keep_last_checkpoints": ("save_total_limit", "keep_last", "max_checkpoints", "keep_checkpoints"),
    "progress_description": ("desc", "description"),
    "model_save_directory": (
        "save_dir", "output_dir", "out_dir", "checkpoint_dir", "ckpt_dir", "save_path", "model_dir", "outdir", "output_path",
        "model_save_path", "save_directory", "output_directory", "checkpoint_path", "log_dir",
    ),
    "validation_fraction": ("val_split", "val_fraction", "valid_split", "val_ratio", "validation_split", "valid_size", "val_size"),
    "num_workers": ("workers", "n_workers", "dataloader_num_workers"),
    "momentum": ("sgd_momentum",),
}  # fmt: skip
"""Our name -> what other projects call the same thing, the most common first (the survey of 123 projects)."""

GROUPS: dict[str, tuple[str, ...]] = {
    "model": ("model", "model_args", "model_config", "model_params", "net", "network", "arch", "architecture"),
    "scheduler": ("scheduler", "lr_scheduler", "sched"),
    "early_stopping": ("early_stopping", "early_stop"),
}
"""Prefix of our names -> how a nested group for these is called."""


def normal(word: str) -> str:
    """A key without its case, dashes and leading dashes."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word.lstrip("-")).replace("-", "_").lower()


KNOWN = frozenset(word for name, words in SYNONYMS.items() for word in (name, *words))
"""Every word for a setting of training."""


def same(name: str, key: KeyPath) -> bool:
    """Whether `key` means our setting `name`."""
    last = normal(key[-1])
    if last == name or last in SYNONYMS.get(name, ()):
        return (
            len(key) == 1
            or last not in ("factor", "patience", "min_lr", "cooldown", "threshold", "mode", "monitor")
            or (normal(key[-2]) not in GROUPS["scheduler"] or name.startswith("scheduler"))
        )
    for prefix, groups in GROUPS.items():
        if name.startswith(prefix + "_") and len(key) > 1 and normal(key[-2]) in groups:
            return last == name.removeprefix(prefix + "_")
    # An argument of the model that the siblings' models have too, where they say it without a prefix.
    return (
        len(key) == 1
        and name == f"model_{last}"
        and not any(last == known or last in more for known, more in SYNONYMS.items())
    )


def key_for(name: str, keys: Sequence[KeyPath], read: Sequence[KeyPath] = ()) -> KeyPath | None:
    """Which of the siblings' keys means our setting; those that the base reads come first, then the nearest word."""

    def order(key: KeyPath) -> tuple[bool, int, int]:
        last = normal(key[-1])
        known = (name, *SYNONYMS.get(name, ()))
        return (key not in read, known.index(last) if last in known else len(known), len(key))

    return min((key for key in keys if same(name, key)), key=order, default=None)


def place_fields(fields: Sequence[Field], keys: Sequence[KeyPath], read: Sequence[KeyPath] = ()) -> dict[str, KeyPath]:
    """Our field names -> the key of each, in the siblings' words and nesting; no key twice."""
    placed: dict[str, KeyPath] = {}
    for each in fields:
        free = [key for key in keys if key not in placed.values()]
        found = key_for(each.name, free, read)
        placed[each.name] = found if found is not None else _new_key(each.name, keys)
    return placed


def _new_key(name: str, keys: Sequence[KeyPath]) -> KeyPath:
    """A key that no sibling has: in the group of its kind where they have one, spelled as they spell theirs."""
    dashes = sum("-" in key[-1] for key in keys) > sum("_" in key[-1] for key in keys)
    camel = any(re.search(r"[a-z][A-Z]", key[-1]) for key in keys) and not any("_" in key[-1] for key in keys)
    upper = bool(keys) and all(key[-1].isupper() for key in keys)
    parents = dict.fromkeys(key[:-1] for key in keys if len(key) > 1)
    for prefix, groups in GROUPS.items() if name != "model_save_directory" else ():
        group = next((parent for parent in parents if normal(parent[-1]) in groups), None)
        if group is not None and name.startswith(prefix + "_"):
            return (*group, _spelled(name.removeprefix(prefix + "_"), dashes=dashes, camel=camel, upper=upper))
    related = _related(name, keys)
    return (*related, _spelled(name, dashes=dashes, camel=camel, upper=upper))


RELATED = (
    ("learning_rate", "weight_decay", "momentum", "gradient_clip_norm"),
    ("num_epochs", "max_steps", "gradient_clip_norm", "accumulation_steps", "log_every_n_steps", "early_stopping_patience",
     "early_stopping_min_delta", "validation_interval_epochs", "seed", "device", "precision", "model_save_directory"),
    ("batch_size", "shuffle", "num_workers", "validation_fraction"),
)  # fmt: skip
"""Settings that stand together: a key that no sibling has goes where its relatives are."""


def _related(name: str, keys: Sequence[KeyPath]) -> KeyPath:
    for family in RELATED:
        if name in family:
            for other in family:
                found = key_for(other, keys)
                if found is not None:
                    return found[:-1]
    if any(len(key) == 1 for key in keys):
        return ()
    for other in ("num_epochs", "learning_rate", "batch_size"):
        found = key_for(other, keys)
        if found is not None and not normal(found[-2]).startswith(("opt", "solver", "sgd", "adam")):
            return found[:-1]
    return ()


def _spelled(name: str, *, dashes: bool, camel: bool, upper: bool) -> str:
    if dashes:
        return name.replace("_", "-")
    if camel:
        head, *rest = name.split("_")
        return head + "".join(part[:1].upper() + part[1:] for part in rest)
    return name.upper() if upper else name
