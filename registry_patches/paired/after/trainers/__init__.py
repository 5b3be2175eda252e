from .configs import ConvNetConfig, LinearConfig, WineNetConfig
from .conv_net_trainer import ConvNetTrainer
from .linear_trainer import LinearTrainer
from .wine_net_trainer import WineNetTrainer

TRAINERS = {
    "linear": LinearTrainer,
    "conv_net": ConvNetTrainer,
    "wine_net": WineNetTrainer,
}
CONFIGS = {
    "linear": LinearConfig,
    "conv_net": ConvNetConfig,
    "wine_net": WineNetConfig,
}

__all__ = ["CONFIGS", "TRAINERS", "ConvNetTrainer", "LinearTrainer", "WineNetTrainer"]
