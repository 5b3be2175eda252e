from .base import BaseTrainer


class LinearTrainer(BaseTrainer):
    name = 'linear'
