from trainers.conv_net_trainer import ConvNetTrainer
from trainers.linear_trainer import LinearTrainer
from trainers.wine_net_trainer import WineNetTrainer

TRAINERS = {}


def register(name, cls, *, stable=True):
    TRAINERS[name] = (cls, stable)


register("LINEAR", LinearTrainer)
register(
    "CONV_NET",
    ConvNetTrainer,
    stable=False,  # until it is tuned
)
register("WINE_NET", WineNetTrainer)
