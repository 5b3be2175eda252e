import importlib
from pathlib import Path

TRAINERS = {}

for path in sorted(Path(__file__).parent.glob("*_trainer.py")):
    module = importlib.import_module(f"{__name__}.{path.stem}")
    for name, each in vars(module).items():
        if name.endswith("Trainer") and each.__module__ == module.__name__:
            TRAINERS[each.__name__] = each
