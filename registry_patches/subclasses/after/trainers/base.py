class BaseTrainer:
    def __init__(self, config=None):
        self.config = config


def find_trainer(name):
    for cls in BaseTrainer.__subclasses__():
        if cls.name == name:
            return cls
    raise KeyError(name)
