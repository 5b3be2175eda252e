from .registry import register_trainer
from .base import BaseTrainer


@register_trainer("conv_net")
class ConvNetTrainer(BaseTrainer):
    pass
