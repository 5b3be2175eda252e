from .base import BaseTrainer


class ConvNetTrainer(BaseTrainer):
    pass
