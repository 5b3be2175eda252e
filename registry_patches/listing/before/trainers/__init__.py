from .conv_net_trainer import ConvNetTrainer
from .linear_trainer import LinearTrainer

ALL = (LinearTrainer,
       # OldTrainer,
       ConvNetTrainer)
BY_NAME = {each.__name__.lower(): each for each in ALL}
