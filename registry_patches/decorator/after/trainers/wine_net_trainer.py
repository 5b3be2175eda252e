from trainers.base import BaseTrainer
from trainers.registry import register_trainer


@register_trainer("wine_net")
class WineNetTrainer(BaseTrainer):
    pass
