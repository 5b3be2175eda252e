from .registry import register_trainer
from .base import BaseTrainer


@register_trainer("linear")
class LinearTrainer(BaseTrainer):
    pass
