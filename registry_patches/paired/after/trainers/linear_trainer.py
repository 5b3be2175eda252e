from .base import BaseTrainer


class LinearTrainer(BaseTrainer):
    pass
