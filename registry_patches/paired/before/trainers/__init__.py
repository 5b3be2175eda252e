from .configs import ConvNetConfig, LinearConfig
from .conv_net_trainer import ConvNetTrainer
from .linear_trainer import LinearTrainer

TRAINERS = {"linear": LinearTrainer, "conv_net": ConvNetTrainer}
CONFIGS = {
    "linear": LinearConfig,
    "conv_net": ConvNetConfig,
}

__all__ = ["CONFIGS", "TRAINERS", "ConvNetTrainer", "LinearTrainer"]
