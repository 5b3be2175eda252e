class BaseTrainer:
    def __init__(self, config=None):
        self.config = config
