import importlib


def load_trainer(name):
    module = importlib.import_module(f"trainers.{name}_trainer")
    return getattr(module, "".join(word.title() for word in name.split("_")) + "Trainer")
