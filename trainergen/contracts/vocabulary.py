"""The names that projects give to a trainer's methods, parameters and attributes, and what they mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contract_facts import Role, Slot

_METHODS: tuple[tuple[Role, str], ...] = (
    ("train_epoch", r"_?(train|run|fit)_(one_|single_|an_)?epoch|_?train_one_pass|_?epoch_step"),
    ("train_step", r"_?(train|update|optimi[sz]e|learn)_?(step|batch|one_batch|on_batch|iteration)|_?training_step"
                   r"|_?(step|update|learn|optimi[sz]e|forward_backward|run_step|run_iter|do_train_step)"),
    ("evaluate_step", r"_?(eval|evaluate|evaluation|val|valid|validation|validate|test)_(step|batch|on_batch|one_batch)"),
    ("evaluate", r"_?(evaluate|validate|validation|eval|valid|test|run_(validation|evaluation|eval))(_model|_epoch|_loop)?"
                 r"|_?(valid|val|validate|evaluate|eval|validation)_(one_)?epoch"),
    ("criterion", r"_?(get|build|make|create|configure|setup|init)_(criterion|loss|loss_fn|loss_function|objective)(_fn)?"),
    ("loss", r"_?(compute_|calc(ulate)?_)?(batch_)?loss(_fn|_function|_step|_on_batch)?|_?forward_(pass|loss|step)"
             r"|_?(training_)?loss_for_batch"),
    ("forward", r"_?forward(_batch)?|_?predict_batch|_?run_model|_?model_forward"),
    ("build_model", r"_?(build|create|make|get|init|configure|setup|load|define)_(the_)?(model|net|network|module)s?"),
    ("build_optimizer", r"_?(build|create|make|get|init|configure|setup|define)_(the_)?optim(izer)?s?"),
    ("build_scheduler", r"_?(build|create|make|get|init|configure|setup|define)_(lr_)?sched(uler)?s?"),
    ("build_loader", r"_?(build|create|make|get|init|configure|setup|define|prepare|load)_"
                     r"(train_|val_|valid_|validation_|training_|eval_)?(data_?)?(loader|loaders|data)"
                     r"|((train|val|valid|validation|eval)_)?(data_?)?loaders?|data"),
    ("unpack", r"_?(unpack|prepare|parse|split|process|preprocess|get|to|collate)_?(the_)?(batch|inputs|data|input)"
               r"|_?batch_to_inputs"),
    ("setup", r"_?(setup|set_up|initiali[sz]e|build|prepare)"),
    ("batch_metrics", r"_?(collect_|compute_|get_|batch_)?(batch_)?metrics"),
    ("save_checkpoint", r"_?save_(a_)?(checkpoint|ckpt|state|snapshot)|_?checkpoint"),
    ("save_metrics", r"_?(save|log|write|record)_(metrics|history|stats|results|logs)"),
    ("save_weights", r"_?(save_(the_)?(model|weights|net|network|final(_model)?)|save)"),
    ("train", r"train|fit|run|train_loop|training_loop|run_training|start|train_model|_train|_run|_fit"),
)  # fmt: skip
BUILDERS = (
    "from_config",
    "build",
    "create",
    "default",
    "make",
    "from_settings",
    "from_args",
    "from_cfg",
    "from_defaults",
)
"""Class methods that build a trainer."""

_SLOTS: tuple[tuple[Slot, str], ...] = (
    ("model_config", r"model_(config|cfg|conf|params|kwargs|args|settings|hparams|options)"),
    ("training_config", r"(train|training|trainer)_(config|cfg|conf|params|kwargs|args|settings|hparams|options)"),
    ("config", r"config|cfg|conf|args|settings|hparams|opts?|options|params|hyperparameters|configuration|opt_config"),
    ("model", r"model|net|network|module|nn_model"),
    ("optimizer", r"optimi[sz]er|optim|opt"),
    ("scheduler", r"(lr_)?sched(uler)?|lr_schedule"),
    ("val_loader", r"(val|valid|validation|eval|test|dev)_?(data_?)?(loader|dl|iter|iterator|batches|data|set|dataset)"
                   r"|(data_?)?loader_(val|valid|eval)"),
    ("train_loader", r"((train|training|tr)_?)?(data_?)?(loader|dl|iterator|batches)|(train|training)_(data|set|dataset)|data"
                     r"|(data_?)?loader_train|graph"),
    ("parameters", r"(model_)?(parameters|params)|weights"),
    ("device", r"device|dev"),
    ("batch", r"batch|data_batch|inputs|sample|samples|minibatch|mini_batch|examples|batch_data"),
    ("split", r"split|mode|phase|stage|subset|is_train(ing)?|train|training"),
    ("run_name", r"run_name|experiment_name|exp_name|name|run_id"),
    ("run_directory", r"(run|output|out|save|log|work|results?|model|ckpt|checkpoint)_?(s_)?(dir|directory|path|folder)"),
    ("scaler", r"(grad_|amp_)?scaler"),
    ("best", r"best_(val(idation)?_|eval_)?loss"),
    ("epochs", r"(num_|n_|max_)?epochs?|(num|max)_train_epochs"),
)  # fmt: skip

OUTPUTS = (
    "outputs",
    "output",
    "out",
    "preds",
    "pred",
    "predictions",
    "prediction",
    "logits",
    "y_hat",
    "y_pred",
    "scores",
)
TARGETS = ("targets", "target", "labels", "label", "y", "y_true", "gt", "ground_truth", "truth")


def method_role(name: str) -> Role | None:
    """What a method of that name is usually for; None where the name does not say."""
    return next((role for role, pattern in _METHODS if re.fullmatch(pattern, name)), None)


def slot_of(name: str, role: Role | None = None) -> Slot:
    """What a parameter or an attribute of that name holds, in a method of that role."""
    name = name.strip("_").lower()
    if role in ("train_step", "evaluate_step", "loss", "forward", "unpack") and name in ("data", "graph", "x"):
        return "batch"
    if role in ("loss", "criterion") and name in OUTPUTS:
        return "outputs"
    if role in ("loss", "criterion") and name in TARGETS:
        return "targets"
    if role == "build_optimizer" and name in ("params", "parameters"):
        return "parameters"
    if role == "evaluate" and name in ("data", "graph", "loader", "dataloader", "data_loader"):
        return "val_loader"
    return next((slot for slot, pattern in _SLOTS if re.fullmatch(pattern, name)), "")


def slot_of_stepped(name: str) -> Slot:
    """What is held by a name on which ``step`` is called: no configuration has that, so ``opt`` is an optimizer."""
    return "optimizer" if name.strip("_").lower() == "opt" else slot_of(name)
