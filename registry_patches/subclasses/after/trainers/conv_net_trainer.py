from .base import BaseTrainer


class ConvNetTrainer(BaseTrainer):
    name = 'conv-net'
