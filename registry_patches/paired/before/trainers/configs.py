class LinearConfig:
    pass


class ConvNetConfig:
    pass


class WineNetConfig:
    pass
