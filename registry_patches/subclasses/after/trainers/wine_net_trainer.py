from trainers.base import BaseTrainer


class WineNetTrainer(BaseTrainer):
    name = 'wine-net'
