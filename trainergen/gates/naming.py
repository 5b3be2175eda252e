"""What a name says of the thing: told by its words, without regular expressions, whose compiling costs more than a check."""

from __future__ import annotations

_HELD_OUT = {"val", "valid", "validation", "eval", "evaluation", "test", "testing", "dev", "heldout"}
_TRAINED_ON = {"train", "training", "tr"}
_EVALUATING = {
    "val", "validate", "validation", "valid", "eval", "evaluate", "evaluation", "test", "tst", "predict", "inference",
    "infer", "score", "scores", "accuracy", "metrics", "perplexity", "recall", "confusion", "benchmark", "extract", "embeddings",
}  # fmt: skip
_OF_DATA = {"loader", "dataloader", "set", "dataset", "dl", "ds", "data", "iter", "batch", "batches", "generator"}
_MODULES = {
    "generator", "discriminator", "encoder", "decoder", "backbone", "classifier", "student", "teacher", "critic", "actor",
    "policy", "unet", "vae", "autoencoder", "gpt", "llm", "bert", "gen", "disc", "transformer", "resnet", "probe", "learner", "detector",
    "segmenter", "predictor", "regressor", "forecaster", "embedder", "projector", "head", "tower", "denoiser", "ranker", "lm",
}  # fmt: skip
_WRAPPED = {"ddp", "ema", "engine", "ft", "compiled", "raw", "parallel", "module"}
_CRITERIA = {"ce", "bce", "mse", "nll", "kl", "crit", "lossfn", "lossf", "lossfunc"}
_MAKING = {
    "load", "save", "build", "create", "make", "get", "setup", "set", "init", "initialize", "prepare", "download", "export", "wrap",
    "unwrap", "freeze", "unfreeze", "convert", "register", "instantiate", "restore", "reset",
}  # fmt: skip
"""First words of functions that do something to a model: ``load_model`` is none."""
_CALLABLE = {"fn", "func", "function", "module", "f"}

_OF_A_MODEL = {
    "in", "out", "input", "inputs", "output", "outputs", "loss", "losses", "prediction", "predictions", "pred", "preds", "batch",
    "logits", "state", "args", "kwargs", "grad", "grads",
}  # fmt: skip

_words: dict[str, tuple[str, ...]] = {}


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in lower case: ``optimizerD``, ``lr_scheduler`` and ``loaders['val']`` are two each."""
    known = _words.get(name)
    if known is not None:
        return known
    words: list[str] = []
    word = ""
    before = ""
    for letter in name:
        if not letter.isalpha():
            if word:
                words.append(word.lower())
            word = ""
        elif letter.isupper() and before.islower():
            words.append(word.lower())
            word = letter
        else:
            word += letter
        before = letter
    if word:
        words.append(word.lower())
    _words[name] = tuple(words)
    return _words[name]


def is_held_out(name: str) -> bool:
    """``val_loader``, ``testset``, ``loaders['val']``."""
    return any(word in _HELD_OUT or _compound(word, _HELD_OUT) for word in words_of(name))


def is_trained_on(name: str) -> bool:
    """``train_loader``, ``trainset``, ``training_data``."""
    return any(word in _TRAINED_ON or _compound(word, _TRAINED_ON) for word in words_of(name))


def is_evaluating(name: str) -> bool:
    """``validate``, ``run_evaluation``, ``test``: names of functions."""
    return any(word in _EVALUATING for word in words_of(name))


def is_scheduler(name: str) -> bool:
    """``scheduler``, ``lr_sched``, ``plateau``."""
    return any("sched" in word or word in ("plateau", "warmup", "cosine", "annealer") for word in words_of(name))


def is_optimizer(name: str) -> bool:
    """``optimizer``, ``opt_g``, ``optimD``."""
    return any("optim" in word or word in ("opt", "opts", "sgd", "adam", "adamw", "lbfgs") for word in words_of(name))


def is_scaler(name: str) -> bool:
    """``scaler``, ``grad_scaler``."""
    words = words_of(name)
    return bool(words) and words[-1].endswith("scaler")


def is_loader(name: str) -> bool:
    """``loader``, ``train_dl``, ``batches``."""
    words = words_of(name)
    return any(word.endswith(("loader", "loaders")) or word in ("dl", "batches", "dataiter") for word in words)


def is_criterion(name: str) -> bool:
    """``criterion``, ``loss_fn``, ``bce``."""
    words = words_of(name)
    if not words:
        return False
    if any(word.startswith("criteri") for word in words) or words[-1] in _CRITERIA:
        return True
    return len(words) > 1 and words[-1] in _CALLABLE and words[-2] == "loss"


def is_module(name: str) -> bool:
    """``model``, ``netG``, ``ema_model``, ``resnet``; not ``model_name``."""
    words = list(words_of(name))
    while len(words) > 1 and (len(words[-1]) == 1 or words[-1] in _WRAPPED):
        words.pop()
    return (
        bool(words)
        and (len(words) == 1 or words[0] not in _MAKING)
        and (words[-1] in _MODULES or words[-1].endswith(("model", "net", "network")) or words[-1] == "module")
    )


def is_target(name: str) -> bool:
    """``targets``, ``labels``, ``y_true``: what a prediction is held against."""
    words = words_of(name.rpartition(".")[2])
    return bool(words) and (words[-1] in ("target", "targets", "label", "labels", "gt", "true") or words[0] == "gt")


def speaks_of_module(name: str) -> bool:
    """``model_single``, ``net_copy``: names with a module in them, and not of what one takes or gives."""
    words = words_of(name.rpartition(".")[2])
    return (
        any(word in ("model", "models", "net", "network", "module") for word in words) and words[-1] not in _OF_A_MODEL
    )


def is_loss_call(name: str) -> bool:
    """Functions that compute a loss by their name: ``compute_loss``, ``cross_entropy``, ``mse``."""
    words = words_of(name)
    if not words or words[-1].startswith("grad"):
        return False
    return (
        words[-1] in ("loss", "losses", "elbo")
        or words[0] in ("loss", "criterion", "nll", "mse", "bce", "elbo")
        or "cross_entropy" in name
        or "kl_div" in name
        or is_criterion(name)
    )


def says(text: str, *parts: str) -> bool:
    """Whether any of `parts` (lower case) stands in a text, whatever its case."""
    lowered = text.lower()
    return any(part in lowered for part in parts)


def _compound(word: str, heads: set[str]) -> bool:
    """``trainloader``, ``valset``: a head and a kind of data in one word."""
    return any(word.startswith(head) and word[len(head) :] in _OF_DATA for head in heads)
