from .conv_net_trainer import ConvNetTrainer
from .linear_trainer import LinearTrainer
from .wine_net_trainer import WineNetTrainer

ALL = (LinearTrainer,
       # OldTrainer,
       ConvNetTrainer,
       WineNetTrainer)
BY_NAME = {each.__name__.lower(): each for each in ALL}
