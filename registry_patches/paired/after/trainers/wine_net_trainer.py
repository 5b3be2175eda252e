from trainers.base import BaseTrainer


class WineNetTrainer(BaseTrainer):
    pass
