def build_trainer(name, config):
    if name == "linear":
        from trainers.linear_trainer import LinearTrainer

        return LinearTrainer(config)
    elif name in ("conv", "conv_net"):
        # heavy: imported when it is needed
        from trainers.conv_net_trainer import ConvNetTrainer

        return ConvNetTrainer(config)
    elif name == "wine_net":
        from trainers.wine_net_trainer import WineNetTrainer

        return WineNetTrainer(config)
    else:
        raise ValueError(f"no trainer {name}")
